"""What each group has of a metric, seed by seed: the values that count, and why others do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tuner.errors import NotFoundError, UsageError
from tuner.figures import deviation, mean, some
from tuner.runs.family import Group
from tuner.runs.folder import Run
from tuner.runs.values import Metric, metrics_of_run, value, why_not

NEVER = "never"
"""Why a run has no ``epochs(...)``: it did not get there."""
WITHOUT_VALUE = ("diverged", NEVER, "no value", "not finite", "damaged")
"""Why a run that has ended does not count; it would end the same way again."""
MISSING = "not there"
"""Why a seed does not count that only other groups have."""
LARGEST = 1e100  # the square of a larger number may be more than a float holds


@dataclass(frozen=True)
class Side:
    """One group in a comparison. `left_out` says for each seed without a value why: a state, `NEVER`, `MISSING`, ..."""

    name: str
    group: Group
    values: dict[int, float]
    left_out: dict[int, str] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()  # what is wrong with files that cannot be read

    @property
    def path(self) -> Path:
        return self.group.path

    @property
    def mean(self) -> float | None:
        return mean(list(self.values.values())) if self.values else None

    @property
    def deviation(self) -> float | None:
        """The sample standard deviation over the seeds; None below two."""
        return deviation(list(self.values.values())) if len(self.values) > 1 else None

    @property
    def diverged(self) -> int:
        """How many of its runs diverged."""
        return self.why("diverged")

    def why(self, *reasons: str) -> int:
        """How many seeds are left out for one of these reasons."""
        return sum(reason in reasons for reason in self.left_out.values())


def sides_of(groups: Sequence[Group], names: Sequence[str], metric: Metric) -> list[Side]:
    """The values of every group, its seeds in their order; `left_out` covers the seeds of all groups.

    Raises UsageError where a group's runs have no such metric, NotFoundError where all that have it are damaged.
    """
    seeds = sorted({seed for group in groups for seed in group.runs})
    return [_side(group, name, metric, seeds) for group, name in zip(groups, names, strict=True)]


def _side(group: Group, name: str, metric: Metric, seeds: Sequence[int]) -> Side:
    values: dict[int, float] = {}
    left_out: dict[int, str] = {}
    damaged = list(group.damaged)
    for seed in seeds:
        try:
            found = _read(group.runs[seed], metric) if seed in group.runs else MISSING
        except NotFoundError as error:
            found = "damaged"
            damaged.append(error.message)
        if isinstance(found, str):
            left_out[seed] = found
        else:
            values[seed] = found
    ended = [run for run in group.runs.values() if run.state == "finished"]
    if ended and not values and damaged:
        raise NotFoundError(f"no run of {name} has a value of {metric}: {damaged[0]}")
    if ended and not values and metric.reached is None:
        there = ", ".join(metrics_of_run(ended[0]))
        why = why_not(ended[0], metric)
        said = f"no run of {name} has a value of {metric}" + (f": {why}" if why else "")
        raise UsageError(said, fix=f"There are {there}.")
    return Side(name, group, values, left_out, tuple(damaged))


def _read(run: Run, metric: Metric) -> float | str:
    """The metric of a finished run, or why it does not count."""
    if run.state != "finished":
        return run.state
    found = value(run, metric)
    if found is None:
        return NEVER if metric.reached is not None else "no value"
    return found if math.isfinite(found) and abs(found) < LARGEST else "not finite"


def check_shared(base: Side, side: Side) -> None:
    """Raises NotFoundError where the two groups have no run of the same seed."""
    if base.group.runs.keys() & side.group.runs.keys():
        return
    has = "{} has seed{} {}".format
    seeds = [
        has(each.name, "s" * (len(each.group.runs) > 1), some(sorted(each.group.runs), 12)) for each in (base, side)
    ]
    raise NotFoundError(
        f"{base.name} and {side.name} share no seed: {', '.join(seeds)}",
        fix="Runs are compared with runs of the same seed: train both with --seeds 6, or more.",
    )
