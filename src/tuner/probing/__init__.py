"""Active tests of a config: short trainings on copies of the network that tell what rows of metrics.csv cannot. Nothing
is written into a run, and no probe changes what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tuner.config.loaded import Loaded
from tuner.figures import duration, number, plural
from tuner.layer_stats import PROBE
from tuner.probing import controls, one_batch, range_test
from tuner.probing.controls import shuffled_labels, zero_input
from tuner.probing.initializers import CANDIDATES, initializers
from tuner.probing.opened import opened
from tuner.probing.trial import steps_within
from tuner.train.prepare import Setup

PROBES: dict[str, Callable[[Setup], Any]] = {
    "range_test": range_test.range_test,
    "one_batch": one_batch.one_batch,
    "zero_input": zero_input,
    "shuffled_labels": shuffled_labels,
    "initializers": initializers,
}


def probes(
    loaded: Loaded,
    tell: Callable[[str], None] = lambda _: None,
    epoch_seconds: float | None = None,
    before: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Any]]:
    """All probes of a config: name -> what it found, as plain values, and its ``reading`` in a sentence.

    `tell` is given a line before the first one: how many steps they take, and about how long where it is known how long
    an epoch takes (`epoch_seconds`, from timing.csv); `before` the name of each before it begins, and it may raise.
    Raises what `opened` does.
    """
    found: dict[str, dict[str, Any]] = {}
    with opened(loaded) as setup:
        tell(announced(setup, epoch_seconds))
        for name, probe in PROBES.items():
            before(name)
            result = probe(setup)
            found[name] = {**asdict(result), "reading": result.reading}
    return found


def planned(setup: Setup) -> dict[str, tuple[int, float]]:
    """(steps, samples a step) that each probe takes at most: a function of config and sizes."""
    task = setup.task
    own = len(task.train) / len(task.batches)
    control = 2 * steps_within(task, controls.STEPS), own
    batch = min(one_batch.SAMPLES, len(setup.evaluated["train"]))
    return {
        "range_test": (steps_within(task, range_test.STEPS), own),
        "one_batch": (steps_within(task, one_batch.STEPS, batch_size=batch), batch),
        "zero_input": control,
        "shuffled_labels": control,
        "initializers": (1 + len(CANDIDATES), min(PROBE, len(setup.evaluated["train"]))),
    }


def announced(setup: Setup, epoch_seconds: float | None) -> str:
    """What the probes will cost, in a line."""
    steps = planned(setup)
    epochs = sum(count * size for count, size in steps.values()) / len(setup.task.train)
    time = "" if epoch_seconds is None else f", about {duration(epochs * epoch_seconds)}"
    counted = plural(sum(count for count, _ in steps.values()), "step")
    return f"{plural(len(steps), 'probe')}: {counted}, as much work as {number(epochs)} epochs{time}"
