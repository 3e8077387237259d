"""Which learning rate? The range test of a config: the loss while the rate grows, and what to type next."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Chart, Command, Note, Verdict
from tuner.chart import Line, Panel
from tuner.config.loaded import Loaded
from tuner.document.files import is_handed_over
from tuner.errors import DIVERGED, UsageError
from tuner.figures import number
from tuner.probing.held_rates import HeldRates, held_rates
from tuner.probing.opened import opened
from tuner.probing.range_test import STEPS, STOP, RangeTest, range_test, usual_range
from tuner.probing.trial import steps_within

KEY = "optimizer.lr"
NO_ANSWER = 1


def ask(
    loaded: Loaded,
    typed: Sequence[str],
    steps: int | None = None,
    low: float | None = None,
    high: float | None = None,
    file: Path | None = None,
) -> Answer:
    """The range test of a config, from `low` to `high` in `steps`: by default 100, or as many as the whole training has
    where these are fewer; where its loss hardly falls, rates that are held, too. `typed` are the config and its
    overrides as given; a picture is kept in `file`.

    Where the loss falls at no rate the exit code is 1, where it is not finite to begin with that of divergence. Raises
    UsageError for ends in the wrong order, and what `opened` does.
    """
    with opened(loaded) as setup:
        steps = steps or steps_within(setup.task, STEPS, share=1.0)
        ends = usual_range(loaded.config.optimizer, steps)
        low, high = low or ends[0], high or ends[1]
        if low >= high:
            raise UsageError(
                f"the test cannot go from {number(low)} to {number(high)}", fix="give both --from and --to"
            )
        test = range_test(setup, steps, low, high)
        held = held_rates(setup, steps, low, high) if test.is_finite and test.suggestion is None else None
    if held is not None and held.best is not None:
        test = replace(test, suggestion=held.best.lr)
    return answered(test, loaded, typed, file, held)


def answered(
    test: RangeTest, loaded: Loaded, typed: Sequence[str], file: Path | None, held: HeldRates | None = None
) -> Answer:
    """The test, and the rates that were held, as a chart, a verdict and the command to type next."""
    notes = [Note(f"note: {each}", problem=True) for each in (*loaded.notes, *remarks(test, held))]
    blocks: list[Block] = [*notes]
    if test.is_finite:
        blocks.append(chart_of(test, loaded, file))
    blocks.append(Verdict(verdict(test, held), "bold" if test.suggestion else "bold red"))
    if test.suggestion is not None and not is_handed_over(typed[0]):
        blocks.append(Command(next_command(test.suggestion, typed)))
    result = "" if test.suggestion is None else f"{test.suggestion!r}\n"
    code = 0 if test.suggestion else NO_ANSWER if test.is_finite else DIVERGED
    return Answer(blocks, as_data(test, loaded, held), result, code)


def verdict(test: RangeTest, held: HeldRates | None = None) -> str:
    """The line that sums up."""
    told = test.reading if held is None or not held.rates else f"{test.reading}; {held.reading}"
    reading = told[0].upper() + told[1:] + "."
    return reading if test.suggestion is None else f"{reading} Suggested: {KEY}={test.suggestion!r}."


def remarks(test: RangeTest, held: HeldRates | None = None) -> list[str]:
    """What has to be known beside the suggestion."""
    if held is not None and held.rates and held.best is None:
        return [f"the network may only be slow to begin: --steps {4 * test.steps} may tell more"]
    if test.suggestion is None or test.largest_stable is None:
        return []
    told = []
    if test.largest_stable == test.lrs[-1] and not test.fell_apart:
        told.append(f"the loss was still falling at {number(test.high)}: a larger --to may find a larger lr")
    if test.suggestion <= test.lrs[min(1, len(test.lrs) - 1)]:
        told.append(f"the loss falls from the beginning: a --from below {number(test.low)} shows more")
    return told


def next_command(suggestion: float, typed: Sequence[str]) -> str:
    """The training with the suggested rate."""
    config, *overrides = typed
    others = [each for each in overrides if each.partition("=")[0] not in (KEY, "lr")]
    return shlex.join(["tuner", "train", config, *others, f"{KEY}={suggestion!r}"])


def chart_of(test: RangeTest, loaded: Loaded, file: Path | None) -> Chart:
    """The smoothed loss over the rate, what it was before smoothing behind it, and the rates that matter as points on
    it. Values that ended the test are left out: beside them all others would be one line."""
    limit = STOP * max(test.losses[0], test.raw[0])
    smoothed, raw = ([each if each <= limit else None for each in values] for values in (test.losses, test.raw))
    lines = [Line("loss", test.lrs, smoothed, raw=raw)]
    for label, rate in (("suggested", test.suggestion), ("largest stable", test.largest_stable), ("config", test.lr)):
        if rate is not None and test.lrs[0] <= rate <= test.lrs[-1]:
            at = min(range(len(test.lrs)), key=lambda step: abs(math.log(test.lrs[step] / rate)))
            lines.append(Line(f"{label}, {number(rate)}", [rate], [smoothed[at]]))
    panel = Panel("loss", lines, x_label="lr", whole=False, y_label="loss of what is minimised", log_x=True)
    config = loaded.config
    title = f"{config.name}: {config.optimizer.name}, {len(test.lrs)} of {test.steps} steps"
    return Chart(title, [panel], file=file)


def as_data(test: RangeTest, loaded: Loaded, held: HeldRates | None = None) -> dict[str, Any]:
    """What ``--json`` tells."""
    curve = [
        {"lr": lr, "loss": loss, "raw_loss": raw} for lr, loss, raw in zip(test.lrs, test.losses, test.raw, strict=True)
    ]
    return {
        "config": loaded.config.name,
        "optimizer": loaded.config.optimizer.name,
        "lr": test.lr,
        "suggestion": test.suggestion,
        "steepest": test.steepest,
        "largest_stable": test.largest_stable,
        "factor": test.factor,
        "finite": test.is_finite,
        "from": test.low,
        "to": test.high,
        "steps": test.steps,
        "curve": curve,
        "held": [asdict(each) for each in held.rates] if held is not None else [],
    }
