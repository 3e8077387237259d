"""Statistics of pairs: Student's t and its correction for splits, the exact sign-flip test, Holm's correction, how many
pairs it takes.

All of it works on differences, one a pair. numpy is needed for more than EXACT_PAIRS of them only.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from statistics import NormalDist

from tuner.figures import LEVEL, deviation, least_pairs, mean

POWER = 0.8
EXACT_PAIRS = 20
FLIPS = 100_000
LEAST_PARTS = 5
"""Splits or folds for a verdict: of fewer, all differences are the same too often, for they count few samples."""
CLOSE = 1e-9
"""Two sums of differences are the same if they differ by less than this share of the sum of all their sizes.

Differences of accuracies are multiples of 1 / the number of samples, so that many sums are equal; floats blur them by
far less than this. Sums that really differ by so little would count as a tie, which can only make p larger.
"""


def t_interval(differences: Sequence[float], ratio: float = 0.0) -> tuple[float, float] | None:
    """The interval that holds the mean difference with confidence 1 - LEVEL, by Student's t; None below two pairs.

    `ratio` is the number of test samples over that of training samples where each difference is of another split or
    fold of the same samples (the mean over its seeds, where it has several): they share samples, so that the variance
    of their mean is not 1/k of a single one's, but 1/k + ratio. 0: they are independent. Without the correction two
    learners that are equally good are told apart in one of seven comparisons of 8 splits.

    Sources: Student (1908), "The Probable Error of a Mean", Biometrika 6(1), which takes the differences for normal;
    Nadeau, Bengio (2003), "Inference for the Generalization Error", Machine Learning 52: the corrected t-test.
    """
    pairs = len(differences)
    if pairs < 2:
        return None
    half = t_quantile(1 - LEVEL, pairs - 1) * _error(differences, ratio)
    middle = mean(differences)
    return middle - half, middle + half


def t_p(differences: Sequence[float], ratio: float = 0.0) -> float:
    """P(|T| >= t) for the mean difference, two-sided, with k - 1 degrees of freedom: `t_interval` of confidence 1 - p
    ends at zero. 1 below two pairs and where all differences are zero, 0 where all are the same other number."""
    pairs = len(differences)
    if pairs < 2:
        return 1.0
    error = _error(differences, ratio)
    return max(0.0, 1 - t_share(math.atan2(abs(mean(differences)), error * math.sqrt(pairs - 1)), pairs - 1))


def _error(differences: Sequence[float], ratio: float) -> float:
    """The standard error of their mean: the square root of the variance times (1/k + ratio)."""
    return deviation(differences) / math.sqrt(len(differences) / (1 + len(differences) * ratio))


def t_quantile(share: float, freedom: int) -> float:
    """The t with P(|T| <= t) = `share` for a whole number of degrees of freedom, found by bisection of its angle:
    importing scipy for it would take longer than all else that `compare` does."""
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        if t_share(middle, freedom) < share:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(low)


def t_share(angle: float, freedom: int) -> float:
    """P(|T| <= t) with t = sqrt(freedom) * tan(angle), as a finite sum.

    Source: Abramowitz, Stegun (1964), "Handbook of Mathematical Functions", 26.7.3 (odd) and 26.7.4 (even).
    """
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    total, term = 0.0, cosine if odd else 1.0
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= cosine * cosine * step / (step + 1)
    return (angle + sine * total) * 2 / math.pi if odd else sine * total


def sign_flip_p(differences: Sequence[float]) -> float:
    """How often a sum at least as far from zero comes out when each difference gets its sign by a coin: two-sided.

    Every one of the 2^n patterns of signs counts up to EXACT_PAIRS differences, so that this is exact; above,
    FLIPS patterns are drawn, always the same ones. Ties count (`CLOSE`). 1 where all differences are zero.

    Source: Fisher (1935), "The Design of Experiments", section 21; for random patterns Phipson, Smyth (2010),
    "Permutation P-values Should Never Be Zero": (1 + how many of them) / (1 + FLIPS).
    """
    sizes = sorted(map(abs, differences))  # neither order nor direction changes the patterns then
    least = abs(math.fsum(differences)) - CLOSE * math.fsum(sizes)
    if least <= 0:
        return 1.0
    if len(sizes) > EXACT_PAIRS:
        import numpy as np

        generator, step, found = np.random.default_rng(0), 1000, 0
        for _ in range(FLIPS // step):
            signs = generator.integers(0, 2, (step, len(sizes)), dtype=np.int8) * 2.0 - 1.0
            found += int(np.count_nonzero(np.abs(signs @ np.asarray(sizes)) >= least))
        return (1 + found) / (1 + FLIPS)
    half = len(sizes) // 2
    left, right = _signed_sums(sizes[:half]), sorted(_signed_sums(sizes[half:]))
    above = sum(len(right) - bisect_left(right, least - each) for each in left)
    return above * 2.0 ** (1 - len(sizes))  # as many are below -least


def _signed_sums(sizes: Sequence[float]) -> list[float]:
    """The sums of all 2^n patterns of signs."""
    sums = [0.0]
    for size in sizes:
        sums = [each + size for each in sums] + [each - size for each in sums]
    return sums


def holm(ps: Sequence[float]) -> list[float]:
    """Each p corrected for all of them, so that finds at a level keep the chance of even one false find at that level.

    Source: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    corrected = [1.0] * len(ps)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, ps[index] * (len(ps) - rank)))
        corrected[index] = largest
    return corrected


def least_units(signs: bool, comparisons: int = 1) -> int:
    """With how many pairs a verdict of the sign-flip test (`signs`), or of the corrected t-test, begins."""
    return least_pairs(comparisons) if signs else LEAST_PARTS


def pairs_needed(effect: float, spread: float, comparisons: int, ratio: float | None = None) -> int | None:
    """About how many pairs find an effect of this size four times in five; None where no number does. Splits whose
    `ratio` of test to training samples is given are corrected as in `t_interval`.

    n = ((z(1 - LEVEL / (2 * comparisons)) + z(POWER)) * spread / effect)^2, by the normal approximation; at least
    `least_pairs`. Source: Chow, Shao, Wang (2008), "Sample Size Calculations in Clinical Research", section 3.1.1; for
    splits 1/n + ratio stands in place of 1/n.
    """
    if effect == 0:
        return None
    z = NormalDist().inv_cdf
    root = (z(1 - LEVEL / (2 * comparisons)) + z(POWER)) * (spread / effect)
    wanted = root * root  # inf where that is too large; a power would raise
    if ratio:
        wanted = wanted / (1 - ratio * wanted) if ratio * wanted < 1 else math.inf
    return max(least_units(ratio is None, comparisons), math.ceil(wanted)) if math.isfinite(wanted) else None
