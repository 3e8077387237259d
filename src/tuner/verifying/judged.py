"""What base and change came to with the same seeds, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.asks.compare.words import BETTER, p_text, verdict_line, written
from tuner.figures import plural
from tuner.runs.values import seconds

if TYPE_CHECKING:
    from tuner.asks.compare.comparison import Comparison, Difference
    from tuner.runs.family import Group

FIRST, PAIRS = 3, 8
"""Pairs after which a change that is not ahead is given up; pairs of the verdict. To look more often for "better" would
find differences that are not there."""
NO_HELP = "no help"


@dataclass(frozen=True)
class Judged:
    """`base` and `changed` with the same seeds. Where one of them diverges so often that there are too few values,
    `difference` is of which runs finish, 1 for each that does: `by_finishing`."""

    base: Group
    changed: Group
    comparison: Comparison
    difference: Difference
    by_finishing: bool

    @property
    def gave_up(self) -> bool:
        return len(self.changed.runs) < PAIRS

    @property
    def verdict(self) -> str:
        """``better``, ``worse``, ``undecided``; ``no help`` where it was given up."""
        return NO_HELP if self.gave_up else self.difference.verdict

    @property
    def is_better(self) -> bool:
        return self.verdict == BETTER

    @property
    def seconds(self) -> float:
        """What all the runs took together, each on its threads."""
        return sum(seconds(run) or 0.0 for group in (self.base, self.changed) for run in group.runs.values())

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        name, base, count = self.changed.path.name, self.base.path.name, len(self.changed.runs)
        if self.by_finishing:
            here, there = (sum(side.values.values()) for side in (self.difference.side, self.difference.base))
            told = f"{name} finishes with {here:.0f} of {plural(count, 'seed')}, {base} with {there:.0f}"
            p = f" (p {p_text(self.difference.p)})" if self.difference.p is not None and not self.gave_up else ""
            return f"{self.verdict}: {told}{p}"
        if self.gave_up:
            mean = written(self.comparison, "+")(self.difference.mean or 0.0)
            return f"{NO_HELP}: after {plural(count, 'pair')} {self.comparison.metric} is not higher ({mean})"
        where = f" {self.comparison.holds}" if self.comparison.holds else ""
        return verdict_line(self.comparison, self.difference, where)
