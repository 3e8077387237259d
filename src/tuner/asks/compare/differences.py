"""One group against the baseline: pairs by seed, the statistics of their differences, the verdict and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def ordered(self, direction: str) -> tuple[Side, Side]:
        """The one that looks better, the other."""
        is_better = ((self.mean or 0) > 0) == (direction == "up")
        return (self.side, self.base) if is_better else (self.base, self.side)

    def within(self, effect: float | None) -> bool:
        """Whether the interval lies within plus and minus `effect`."""
        if effect is None or self.low is None or self.high is None:
            return False
        return -effect <= self.low and self.high <= effect


def differences_of(sides: Sequence[Side], direction: str, least_effect: float | None) -> list[Difference]:
    """The verdict on each of `sides[1:]` against `sides[0]`, the baseline."""
    found = [_measured(sides[0], side, len(sides) - 1) for side in sides[1:]]
    corrected = holm([1.0 if each.p_alone is None else each.p_alone for each in found])
    known = [replace(each, p=p if each.pairs else None) for each, p in zip(found, corrected, strict=True)]
    return [_judged(each, direction, least_effect) for each in known]


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
    return Difference(base, side, values, middle, spread, low, high, p, least, needed, _seeds(base, side, least))


def _seeds(base: Side, side: Side, pairs: int) -> int:
    """The smallest N for which the seeds 0 to N - 1, with those there are, give so many pairs."""
    found = len(base.values.keys() & side.values.keys())
    seed = 0
    while found < pairs:
        reasons = {base.left_out.get(seed, MISSING), side.left_out.get(seed, MISSING)}
        paired = seed in base.values and seed in side.values
        found += not paired and reasons.isdisjoint(WITHOUT_VALUE)
        seed += 1
    return seed


def _judged(difference: Difference, direction: str, least_effect: float | None) -> Difference:
    """Better and worse follow the corrected p alone."""
    if difference.missing or difference.mean is None:
        return replace(difference, reason=FEW_PAIRS)
    if difference.is_found:
        winner, loser = difference.ordered(direction)
        if winner.diverged > loser.diverged:
            return replace(difference, reason=DIVERGED)
        return replace(difference, verdict=BETTER if winner is difference.side else WORSE)
    if difference.within(least_effect):
        return replace(difference, verdict=EQUIVALENT)
    return replace(difference, reason=CHANCE)
