"""Active tests of a config: short trainings on copies of the network that tell what rows of metrics.csv cannot. Nothing
is written into a run, and no probe changes what it is given."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tuner.config.loaded import Loaded
from tuner.data.cache import cached, place_of
from tuner.figures import duration, number, plural
from tuner.layer_stats import PROBE
from tuner.probing import controls, one_batch, range_test
from tuner.probing.initializers import CANDIDATES, initializers
from tuner.probing.opened import opened, session_of
from tuner.probing.trial import steps_within
from tuner.train.prepare import Setup

PROBES: dict[str, Callable[[Setup], Any]] = {
    "range_test": range_test.range_test,
    "one_batch": one_batch.one_batch,
    "controls": controls.controls,
    "initializers": initializers,
}


@dataclass(frozen=True)
class Probed:
    """What a probe found, as plain values, with its ``reading`` in a sentence."""

    values: dict[str, Any]


def probes(
    loaded: Loaded,
    tell: Callable[[str], None] = lambda _: None,
    epoch_seconds: float | None = None,
    before: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Any]]:
    """All probes of a config: name -> what it found, as plain values, and its ``reading`` in a sentence. That is
    remembered, for the same identity, so that the same command goes on.

    `tell` is given a line before the first one: how many steps those take that are still to be made, and about how long
    where it is known how long an epoch takes (`epoch_seconds`, from timing.csv); `before` the name of each of them
    before it begins, and it may raise. Raises what `opened` does.
    """
    session = session_of(loaded)
    places = {name: place_of("probes", [name, session.identity.as_json()]) for name in PROBES}
    missing = [name for name, place in places.items() if place is None or not place.is_file()]
    found: dict[str, dict[str, Any]] = {}
    with opened(loaded, session) as setup:
        tell(announced(setup, epoch_seconds, missing))
        for name, place in places.items():
            if name in missing:
                before(name)
            found[name] = cached(place, partial(probed, setup, name), lambda told: Probed(dict(told["values"]))).values
    return found


def probed(setup: Setup, name: str) -> Probed:
    """One of them."""
    result = PROBES[name](setup)
    return Probed({**asdict(result), "reading": result.reading})


def planned(setup: Setup) -> dict[str, tuple[int, float]]:
    """(steps, samples a step) that each probe takes at most: a function of config and sizes."""
    task = setup.task
    own = len(task.train) / len(task.batches)
    batch = min(one_batch.SAMPLES, len(setup.evaluated["train"]))
    return {
        "range_test": (steps_within(task, range_test.STEPS), own),
        "one_batch": (steps_within(task, one_batch.STEPS, batch_size=batch), batch),
        "controls": (3 * steps_within(task, controls.STEPS), own),
        "initializers": (1 + len(CANDIDATES), min(PROBE, len(setup.evaluated["train"]))),
    }


def announced(setup: Setup, epoch_seconds: float | None, names: Collection[str] = tuple(PROBES)) -> str:
    """What the probes of these names will cost, in a line."""
    if not names:
        return "probes: all are known from before"
    steps = [each for name, each in planned(setup).items() if name in names]
    epochs = sum(count * size for count, size in steps) / len(setup.task.train)
    time = "" if epoch_seconds is None else f", about {duration(epochs * epoch_seconds)}"
    counted = plural(sum(count for count, _ in steps), "step")
    return f"{plural(len(steps), 'probe')}: {counted}, as much work as {number(epochs)} epochs{time}"
