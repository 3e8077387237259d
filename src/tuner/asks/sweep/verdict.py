"""Whether the best of a sweep is better than the config that it began with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.asks.compare.comparison import Comparison, Difference, compare
from tuner.asks.compare.words import BETTER, WORSE, p_text, verdict_line, written
from tuner.asks.sweep.groups import confirming, measured_by
from tuner.figures import mean, number, plural
from tuner.runs.family import Group
from tuner.runs.sweep import SweepHead, ranked, read_sweep
from tuner.runs.trials import one_of
from tuner.runs.values import parse_metric, value


@dataclass(frozen=True)
class Confirmed:
    """The groups that confirm trials against that of the config without a change, on data that no trial has touched.
    `winner` is the number of the trial to take: of those that are better the one with the best mean of the searched
    metric; None where none is."""

    head: SweepHead
    comparison: Comparison
    numbers: Sequence[int]
    winner: int | None

    @property
    def path(self) -> Path:
        """The group of what to take."""
        sides = self.comparison.sides
        return (sides[0] if self.winner is None else sides[1 + self.numbers.index(self.winner)]).group.path

    @property
    def difference(self) -> Difference | None:
        """The winner against the config without a change."""
        return None if self.winner is None else self.comparison.differences[self.numbers.index(self.winner)]

    @property
    def words(self) -> str:
        """By how much, and how sure, in a sentence."""
        found, base = self.difference, self.comparison.sides[0]
        where = f" {self.comparison.holds}" if self.comparison.holds else ""
        if found is None and self.lacks:
            return f"undecided{where}: {self._nearest}"
        if found is None:
            return f"nothing beats the config as it is{where}: {self._nearest}"
        sign, metric = written(self.comparison, "+"), self.comparison.metric
        head = f"trial {self.winner}: {' '.join(self.head.trials[self.winner or 0].overrides)}"
        by = f"{metric} {number(found.side.mean)}, without {number(base.mean)}: {sign(found.mean or 0.0)}"
        sure = f"95 % [{sign(found.low or 0.0)}, {sign(found.high or 0.0)}], p {p_text(found.p or 0.0)}"
        return f"{head} is better{where}: {by} ({sure}, {found.pairs} seeds)"

    @property
    def lacks(self) -> int:
        """How many seeds each group would need for a verdict on any; 0 where there are enough."""
        return max((each.least for each in self.comparison.differences if each.missing), default=0)

    @property
    def _nearest(self) -> str:
        """What came of the best trial."""
        first = self.comparison.differences[0]
        if first.missing:
            return f"{plural(first.pairs, 'pair')} of seeds, too few for a verdict: {first.least} would do"
        if first.verdict == WORSE:
            return verdict_line(self.comparison, first)
        sign = written(self.comparison, "+")
        sure = f"p {p_text(first.p or 0.0)}" if first.p is not None else "not one pair"
        mean = "" if first.mean is None else f" {sign(first.mean)} in {self.comparison.metric} with"
        return f"trial {self.numbers[0]}, with other seeds the best by {self.head.metric}, has{mean} {sure}"

    def as_data(self) -> dict[str, Any]:
        """The ``verdict`` of ``--json``."""
        found = self.difference
        figures = ("mean", "low", "high", "p", "verdict", "pairs")
        return {
            "winner": self.winner,
            "run": str(self.path),
            "words": self.words,
            **({key: getattr(found, key) for key in figures} if found else {}),
            "comparison": self.comparison.as_data(),
        }


def confirmed(head: SweepHead) -> Confirmed | None:
    """What the groups that are there say; None where the config's own, or any other, is not there yet. Raises
    NotFoundError where a run of theirs is damaged, UsageError."""
    there = confirming(head)
    base = there.get(None)
    groups = {at: group for at, group in there.items() if at is not None}
    if base is None or not groups:
        return None
    order = ranked({at: _mean(group, head.metric) for at, group in groups.items()}, head.direction)
    sides = [base, *(groups[at] for at in order)]
    comparison = compare(sides, parse_metric(measured_by(head, sides)))
    better = [at for at, each in zip(order, comparison.differences, strict=True) if each.verdict == BETTER]
    return Confirmed(head, comparison, order, better[0] if better else None)


def _mean(group: Group, metric: str) -> float | None:
    """The mean of the searched metric over the runs that have it."""
    found = [value(run, parse_metric(metric)) for run in group.runs.values() if run.state == "finished"]
    known = [each for each in found if each is not None]
    return mean(known) if known else None


def taken(path: Path) -> Path:
    """What is put to use of the sweep in a folder: the group of the verdict's winner, or of the config as it was where
    nothing beats that; before there is a verdict the best trial. Raises NotFoundError, UsageError."""
    found = confirmed(read_sweep(path))
    return found.path if found else one_of(path)
