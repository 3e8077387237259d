"""What came of the runs: each metric on each side, and the course of one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tuner.asks.diff.sides import Side
from tuner.config.comparison import name_of
from tuner.figures import deviation, finite, mean, mean_of_known
from tuner.options.metrics import column
from tuner.quantities import WHOLE_RUN
from tuner.runs.folder import Run
from tuner.runs.values import measured_loss, metrics_of_run, parse_metric, value

PARTS = ("val", "test", "train")
EPOCHS = {"best_epoch": "best_epoch", "epochs": "epoch"}
"""What is told of the epochs, and where status.json has it."""


@dataclass(frozen=True)
class Outcome:
    """A metric of every side: of a run its value, of a group the mean over its members; None where there is none.

    `spreads` holds the standard deviations over the seeds, None below two of them; `counts` how many runs have a value.
    `direction` says which way is better, ``up`` or ``down``; it is None where that is not known, or where the sides
    do not measure the same.
    """

    metric: str
    values: tuple[float | None, ...]
    spreads: tuple[float | None, ...]
    counts: tuple[int, ...]
    direction: str | None
    comparable: bool = True
    base: int = 0  # the first side that has results: the one that deltas refer to

    def delta(self, index: int) -> float | None:
        """How far a side is from the first one that has results."""
        here, there = self.values[index], self.values[self.base]
        if not self.comparable or index == self.base or here is None or there is None:
            return None
        return 0.0 if math.isclose(here, there, rel_tol=1e-12) else here - there  # a mean has its last bits wrong

    def better(self, index: int) -> bool | None:
        """Whether a side is better than the first one, as the figures stand; None where they are equal or it is not
        known."""
        delta = self.delta(index)
        return None if not delta or self.direction is None else (delta > 0) == (self.direction == "up")


@dataclass(frozen=True)
class Course:
    """A metric of every side, epoch by epoch: of a group the mean over the members that got so far."""

    metric: str
    values: tuple[tuple[float | None, ...], ...]


def outcomes_of(sides: Sequence[Side]) -> list[Outcome]:
    """Every metric that runs of the sides have: the monitors first, then validation, test and training, then the run as
    a whole; [] where fewer than two sides have runs with an epoch behind them."""
    trained = [[run for run in side.runs.values() if run.status.get("best")] for side in sides]
    if sum(map(bool, trained)) < 2:
        return []
    configs = [side.config for side in sides if side.runs]
    same_data = len({str(name_of(config.get("data"))) for config in configs}) == 1
    same_loss = all(measured_loss(config, "loss") == measured_loss(configs[0], "loss") for config in configs)
    there = dict.fromkeys(name for runs in trained for run in runs for name in metrics_of_run(run))
    monitors = [side.monitor for side in sides if side.monitor in there]
    parts = [name for part in PARTS for name in there if column(name).part == part]
    base = next(index for index, runs in enumerate(trained) if runs)
    found = []
    for metric in dict.fromkeys([*monitors, *parts, *EPOCHS, *WHOLE_RUN]):
        measured = column(metric)
        comparable = not measured.part or (same_data and (same_loss or not measured.is_loss))
        known = [finite(_value(run, metric) for run in runs) for runs in trained]
        means = tuple(mean(each) if each else None for each in known)
        spreads = tuple(deviation(each) if len(each) > 1 else None for each in known)
        direction = measured.about.direction if comparable else None
        found.append(Outcome(metric, means, spreads, tuple(map(len, known)), direction, comparable, base))
    return found


def _value(run: Run, metric: str) -> float | None:
    if metric in EPOCHS:
        number: int | None = run.status.get(EPOCHS[metric])
        return number
    return value(run, parse_metric(metric)) if metric in metrics_of_run(run) else None


def course_of(sides: Sequence[Side]) -> Course | None:
    """The monitor's course on each side: the first side's monitor that all sides with runs have; None without one."""
    rows = [[run.rows for run in side.runs.values() if run.rows] for side in sides]
    shared = [set(members[0][0]) for members in rows if members]
    metric = next((name for side in sides if (name := side.monitor) and all(name in each for each in shared)), None)
    if metric is None or len(shared) < 2:
        return None
    columns = [[[row.get(metric) for row in run] for run in members] for members in rows]
    return Course(metric, tuple(tuple(map(mean_of_known, zip_longest(*members))) for members in columns))
