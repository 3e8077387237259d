"""One group against the baseline: pairs by seed, the statistics of their differences, the verdict and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuner.asks.compare.pairs import MISSING, WITHOUT_VALUE, Side
from tuner.asks.compare.statistics import LEVEL, holm, least_pairs, pairs_needed, sign_flip_p, t_interval
from tuner.figures import deviation, mean

BETTER, WORSE, EQUIVALENT, UNDECIDED = VERDICTS = ("better", "worse", "equivalent", "undecided")
FEW_PAIRS, DIVERGED, CHANCE = "too few pairs", "more diverged seeds", "may be chance"
"""Why a comparison is undecided."""
DUST = 1e-14
"""Differences that cancel leave so much of themselves in binary fractions."""


@dataclass(frozen=True)
class Difference:
    """`side` minus `base`, seed by seed: the pairs in which both have a value.

    `p` is Holm-corrected for all the comparisons, `p_alone` is not; None without a pair. `low` and `high` bound the
    mean difference with 95 % confidence, on their own. `least` is how many pairs a verdict needs, `needed` how many
    would find an effect of the size seen; `seeds` is the N of ``--seeds N`` that gives the least.
    """

    base: Side
    side: Side
    values: dict[int, float]
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    p_alone: float | None
    least: int
    needed: int | None
    seeds: int
    p: float | None = None
    verdict: str = UNDECIDED
    reason: str = ""

    @property
    def pairs(self) -> int:
        return len(self.values)

    @property
    def missing(self) -> int:
        """How many pairs there are too few for any verdict."""
        return max(0, self.least - self.pairs)

    @property
    def is_found(self) -> bool:
        """Whether p says that there is a difference."""
        return self.p is not None and self.p <= LEVEL

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return (self.low or 0) > 0 or (self.high or 0) < 0

    def ordered(self, direction: str) -> tuple[Side, Side]:
        """The one that looks better, the other."""
        is_better = ((self.mean or 0) > 0) == (direction == "up")
        return (self.side, self.base) if is_better else (self.base, self.side)

    def within(self, effect: float | None) -> bool:
        """Whether the interval lies within plus and minus `effect`."""
        if effect is None or self.low is None or self.high is None:
            return False
        return -effect <= self.low and self.high <= effect

    def as_data(self) -> dict[str, Any]:
        return {
            "group": self.side.name,
            "pairs": self.pairs,
            **{name: getattr(self, name) for name in ("mean", "low", "high", "p", "verdict")},
            "p_uncorrected": self.p_alone,
            "sd": self.deviation,
            "seeds": {str(seed): value for seed, value in self.values.items()},
            "reason": self.reason or None,
            "least_pairs": self.least,
            "missing_pairs": self.missing,
            "pairs_needed": self.needed,
        }


def differences_of(sides: Sequence[Side], direction: str, least_effect: float | None) -> list[Difference]:
    """The verdict on each of `sides[1:]` against `sides[0]`, the baseline: better and worse follow the corrected p
    alone."""
    found = []
    measured = [_measured(sides[0], side, len(sides) - 1) for side in sides[1:]]
    corrected = holm([1.0 if each.p_alone is None else each.p_alone for each in measured])
    for each, p in zip(measured, corrected, strict=True):
        known = replace(each, p=p if each.pairs else None)
        winner, loser = known.ordered(direction)
        if known.missing or known.mean is None:
            found.append(replace(known, reason=FEW_PAIRS))
        elif known.is_found and winner.diverged > loser.diverged:
            found.append(replace(known, reason=DIVERGED))
        elif known.is_found:
            found.append(replace(known, verdict=BETTER if winner is known.side else WORSE))
        elif known.within(least_effect):
            found.append(replace(known, verdict=EQUIVALENT))
        else:
            found.append(replace(known, reason=CHANCE))
    return found


def _measured(base: Side, side: Side, comparisons: int) -> Difference:
    values = {seed: side.values[seed] - base.values[seed] for seed in base.values if seed in side.values}
    numbers = list(values.values())
    middle = mean(numbers) if numbers else None
    if middle is not None and abs(middle) < DUST * max(map(abs, numbers)):
        middle = 0.0
    spread = deviation(numbers) if len(numbers) > 1 else None
    low, high = t_interval(numbers) or (None, None)
    least = least_pairs(comparisons)
    needed = None if middle is None or spread is None else pairs_needed(middle, spread, comparisons)
    p = sign_flip_p(numbers) if numbers else None
    found, seeds = len(values), 0
    while found < least:
        reasons = {base.left_out.get(seeds, MISSING), side.left_out.get(seeds, MISSING)}
        found += seeds not in values and reasons.isdisjoint(WITHOUT_VALUE)
        seeds += 1
    return Difference(base, side, values, middle, spread, low, high, p, least, needed, seeds)
