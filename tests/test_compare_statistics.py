"""The statistics of `compare` against scipy, against brute force and on experiments in which nothing differs."""

from __future__ import annotations

import itertools
import math
import random
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from verdicts import COUNT, experiments, false_finds, power, verdicts

from tuner.asks.compare.comparison import Difference, differences_of
from tuner.asks.compare.pairs import Side
from tuner.asks.compare.statistics import (
    FLIPS,
    LEAST_PARTS,
    holm,
    pairs_needed,
    sign_flip_p,
    t_interval,
    t_p,
    t_quantile,
)
from tuner.config.varied import Key
from tuner.explain import explain
from tuner.figures import LEVEL, deviation, least_pairs, mean
from tuner.runs.family import Group

COUNTS = st.lists(st.integers(-9, 9), min_size=1, max_size=11)
MIRRORED = {"better": "worse", "worse": "better"}


def brute_force(differences: Sequence[float | Fraction]) -> float:
    """The share of the 2^n patterns of signs whose sum is at least as far from zero, in exact arithmetic."""
    sizes = [Fraction(each) for each in differences]
    sums = [
        sum((sign * size for sign, size in zip(signs, sizes, strict=True)), Fraction())
        for signs in itertools.product((1, -1), repeat=len(sizes))
    ]
    return sum(abs(each) >= abs(sums[0]) for each in sums) / len(sums)


def counted(differences: Sequence[int]) -> float:
    """The same by counting how many patterns give each sum."""
    sums = Counter({0: 1})
    for difference in differences:
        after: Counter[int] = Counter()
        for total, count in sums.items():
            after[total + difference] += count
            after[total - difference] += count
        sums = after
    return sum(n for total, n in sums.items() if abs(total) >= abs(sum(differences))) / sum(sums.values())


def side(name: str, values: Sequence[float], diverged: Sequence[int] = ()) -> Side:
    """A group whose runs had these values; those of the seeds in `diverged` have none."""
    known: dict[Key, float] = {(seed,): value for seed, value in enumerate(values) if seed not in diverged}
    return Side(name, Group(Path(name), {}), known, {(seed,): "diverged" for seed in diverged})


def judged(
    a: Sequence[float], b: Sequence[float], direction: str = "up", least_effect: float | None = None
) -> Difference:
    """b against a."""
    return differences_of([side("a", a), side("b", b)], direction, least_effect)[0]


# ---- the interval


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 50, 301])
def test_the_interval_is_that_of_scipy(count: int) -> None:
    draw = np.random.default_rng(count)
    a, b = ([draw.normal(0.9, 0.02) for _ in range(count)] for _ in "ab")
    found = t_interval([y - x for x, y in zip(a, b, strict=True)])
    assert found == pytest.approx(tuple(stats.ttest_rel(b, a).confidence_interval(0.95)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_quantiles_are_those_of_scipy(share: float) -> None:
    for freedom in [*range(1, 40), 99, 100, 500]:
        assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf((1 + share) / 2, freedom), rel=1e-12)


def test_an_interval_takes_two_pairs() -> None:
    assert t_interval([0.5]) is None
    assert t_interval([0.25, 0.25]) == (0.25, 0.25)


# ---- splits and folds


@pytest.mark.parametrize("ratio", [0.0, 1 / 9, 0.25, 1.0])
@pytest.mark.parametrize("count", [2, 5, 6, 10, 30])
def test_the_corrected_t_test_is_that_of_the_paper(count: int, ratio: float) -> None:
    """Nadeau and Bengio's statistic from its definition, with the t distribution of scipy."""
    values = np.random.default_rng(count).normal(0.02, 0.03, count)
    error = math.sqrt((1 / count + ratio) * sum((value - values.mean()) ** 2 for value in values) / (count - 1))
    reach = error * stats.t.isf(LEVEL / 2, count - 1)
    assert t_interval(values.tolist(), ratio) == pytest.approx((values.mean() - reach, values.mean() + reach))
    assert t_p(values.tolist(), ratio) == pytest.approx(2 * stats.t.sf(abs(values.mean()) / error, count - 1))
    if not ratio:
        assert t_p(values.tolist()) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


@given(st.lists(st.integers(-40, 40), min_size=2, max_size=12), st.sampled_from([0.0, 0.25, 1.0]))
def test_its_p_and_its_interval_agree(counts: list[int], ratio: float) -> None:
    differences = [count / 40 for count in counts]
    low, high = t_interval(differences, ratio) or (0.0, 0.0)
    if min(abs(low), abs(high)) > 1e-9:
        assert (t_p(differences, ratio) < LEVEL) == (low > 0 or high < 0)
    assert t_p([-each for each in differences], ratio) == t_p(differences, ratio) <= t_p(differences, ratio + 0.1)


def test_the_edges_of_the_t_test() -> None:
    assert (t_p([0.5]), t_p([0.0, 0.0]), t_p([0.25, 0.25])) == (1, 1, 0)
    assert 0 <= t_p([1.0] * 30 + [1.0 + 1e-9]) < 1e-12


def test_between_equals_no_more_than_one_verdict_in_twenty() -> None:
    """Of splits and of folds about all there could be (not so uncorrected); about their own test part of seeds, and of
    splits that share one, which the correction would find too little on."""
    found = false_finds()
    print("\n".join(f"{kind}: {share:.2%} of {COUNT:,}" for kind, share in found.items()))  # noqa: T201
    assert found.keys() == {"seeds", "splits", "folds", "splits of one test part"} and min(found.values()) > 0.005
    assert max(found.values()) <= LEVEL + math.sqrt(LEVEL * (1 - LEVEL) / COUNT)
    apart = [t_p(row) <= LEVEL for row in experiments("splits", 0.0, alike=False).tolist()]
    assert np.mean(apart) > 2 * LEVEL
    assert sum(verdicts("seeds", experiments("seeds", 0.0, alike=False))) > 3 * LEVEL
    for alike, share in ((True, 0.0045), (False, 0.213)):  # of one test part the correction is right about neither
        rows = experiments("splits of one test part", 0.0, alike=alike).tolist()
        assert np.mean([t_p(row, 0.2 / 0.72) <= LEVEL for row in rows]) == pytest.approx(share, abs=0.005)


def test_what_explain_tells_of_power_is_what_the_experiments_find() -> None:
    (told,) = (each.text.splitlines() for each in explain("compare") if "true difference  " in each.text)
    table = [line.strip() for line in told if line.startswith("  ")]
    found = [line.strip() for line in power()]
    assert [re.sub("[0-9]+%", "", line) for line in table] == [re.sub("[0-9]+%", "", line) for line in found]
    shown, wanted = ([int(share) for share in re.findall("([0-9]+)%", " ".join(lines))] for lines in (table, found))
    assert len(shown) == 16 and shown == pytest.approx(wanted, abs=1)
    equals = f"seeds find {sum(shown[:2])} in 100 better or worse", f"splits {sum(shown[2:4])}, but"
    assert all(each in " ".join(told) for each in equals)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_mean_and_deviation_are_exact_to_the_last_bits(values: list[float]) -> None:
    assert mean(values) == pytest.approx(statistics.mean(values), rel=1e-15, abs=1e-300)
    largest = max(map(abs, values))
    if not all(math.isclose(value, mean(values), rel_tol=1e-12) for value in values):  # else it is 0
        wanted = statistics.stdev(values)
        assert deviation(values) == pytest.approx(wanted, rel=1e-12, abs=max(1e-14 * largest, 1e-150))
    assert deviation(values[::-1]) == deviation(values)


# ---- the sign-flip test


@settings(deadline=None)
@given(COUNTS, st.sampled_from([1, 3, 7, 144, 360, 10_000]), st.integers(0, 10_000))
@example([1, 2, 3], 10, 7)
@example([0, 0, 0], 144, 144)
def test_p_is_that_of_brute_force(counts: list[int], samples: int, level: int) -> None:
    """Accuracies are counts over a number of samples: floats blur their differences, the ties among sums stay ties."""
    exact = [Fraction(count, samples) for count in counts]
    blurred = [(level + count) / samples - level / samples for count in counts]
    assert sign_flip_p(blurred) == pytest.approx(brute_force(exact), abs=1e-12)


def test_p_of_continuous_differences_is_that_of_brute_force() -> None:
    draw = np.random.default_rng(1)
    for count in range(1, 13):
        differences = [float(draw.normal(0.4, 1)) for _ in range(count)]
        assert sign_flip_p(differences) == pytest.approx(brute_force(differences), abs=1e-12)


@pytest.mark.parametrize("count", [13, 19, 20])
def test_twenty_pairs_are_still_exact(count: int) -> None:
    draw = np.random.default_rng(count)
    differences = [int(draw.integers(-6, 10)) for _ in range(count)]
    assert sign_flip_p([d / 360 for d in differences]) == pytest.approx(counted(differences), abs=1e-12)


@pytest.mark.parametrize("count", [21, 40, 100])
def test_more_pairs_are_drawn(count: int) -> None:
    draw = np.random.default_rng(count)
    differences = [int(draw.integers(-8, 11)) for _ in range(count)]
    exact = counted(differences)
    found = sign_flip_p([d / 360 for d in differences])
    assert found == sign_flip_p([d / 360 for d in reversed(differences)])
    assert found * (FLIPS + 1) == pytest.approx(round(found * (FLIPS + 1)), abs=1e-6)
    assert abs(found - exact) < 4 * math.sqrt(exact * (1 - exact) / FLIPS) + 1 / FLIPS


def test_the_extremes_of_p() -> None:
    assert sign_flip_p([0.0] * 8) == sign_flip_p([0.0] * 30) == 1
    assert sign_flip_p([0.5]) == 1
    assert [sign_flip_p([0.1] * n) for n in (5, 6, 20)] == [2 / 2**n for n in (5, 6, 20)]
    assert sign_flip_p([0.1] * 30) == 1 / (FLIPS + 1)


# ---- several comparisons, how many pairs


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closure_of_bonferroni(ps: list[float]) -> None:
    """A hypothesis is rejected when every set of them that it belongs to is, by Bonferroni."""
    indices = range(len(ps))
    sets = [chosen for size in indices for chosen in itertools.combinations(indices, size + 1)]
    wanted = [max(min(1, len(each) * min(ps[j] for j in each)) for each in sets if i in each) for i in indices]
    assert holm(ps) == pytest.approx(wanted, abs=1e-15)


def test_least_numbers_of_pairs() -> None:
    assert [least_pairs(k) for k in (1, 2, 3, 4)] == [6, 7, 7, 8]
    for k in range(1, 20):
        assert k * sign_flip_p([1.0] * least_pairs(k)) <= 0.05 < k * sign_flip_p([1.0] * (least_pairs(k) - 1))


@pytest.mark.parametrize("comparisons", [1, 2, 5])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 1.5])
def test_pairs_needed_by_the_normal_approximation(ratio: float, comparisons: int) -> None:
    needed = pairs_needed(-2.0 * ratio, 2.0, comparisons)
    assert needed is not None
    level = 0.05 / comparisons

    def power(count: int) -> float:
        return float(stats.norm.cdf(ratio * math.sqrt(count) - stats.norm.ppf(1 - level / 2)))

    assert power(needed) >= 0.8
    assert needed == least_pairs(comparisons) or power(needed - 1) < 0.8


def test_splits_needed_stand_for_fewer_than_they_are() -> None:
    assert pairs_needed(0.1, 0.1, 1, 0.25) is None  # a quarter of the variance stays, however many
    needed = pairs_needed(0.1, 0.06, 1, 0.25)
    root = (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) * 0.6
    assert needed is not None and 1 / needed + 0.25 <= 1 / root**2 < 1 / (needed - 1) + 0.25
    assert pairs_needed(0.1, 0.001, 9, 0.25) == LEAST_PARTS


def test_pairs_needed_at_the_edges() -> None:
    assert pairs_needed(0.0, 1.0, 1) is None
    assert pairs_needed(1e-300, 1e300, 1) is None
    assert pairs_needed(0.5, 0.0, 1) == 6
    assert pairs_needed(100.0, 1e-9, 4) == 8


# ---- verdicts


@pytest.mark.parametrize("noise", ["normal", "exponential", "coarse"])
def test_where_nothing_differs_one_in_twenty_is_found(noise: str) -> None:
    draw = np.random.default_rng(20)

    def value() -> float:
        if noise == "coarse":
            return draw.binomial(40, 0.95) / 40
        return draw.normal() if noise == "normal" else draw.exponential()

    experiments = [judged([value() for _ in range(8)], [value() for _ in range(8)]) for _ in range(2000)]
    rate = sum(each.verdict != "undecided" for each in experiments) / len(experiments)
    assert 0.03 <= rate <= 0.07 if noise != "coarse" else rate <= 0.07  # ties only make it more careful


def test_of_four_equal_groups_one_family_in_twenty_has_a_false_find() -> None:
    draw = np.random.default_rng(4)
    found = 0
    for _ in range(1000):
        sides = [side(name, draw.normal(size=10).tolist()) for name in "abcd"]
        found += any(each.verdict != "undecided" for each in differences_of(sides, "up", None))
    assert 0.01 <= found / 1000 <= 0.07


LEVELS = st.lists(st.tuples(st.integers(0, 144), st.integers(0, 144)), min_size=1, max_size=12)


@settings(deadline=None)
@given(LEVELS, st.sampled_from(["up", "down"]), st.none() | st.floats(0.001, 1), st.sets(st.integers(0, 11)))
def test_swapping_the_groups_mirrors_the_verdict(
    counts: list[tuple[int, int]], direction: str, least_effect: float | None, diverged: set[int]
) -> None:
    a = side("a", [first / 144 for first, _ in counts])
    b = side("b", [second / 144 for _, second in counts], sorted(diverged & set(range(len(counts)))))
    there = differences_of([a, b], direction, least_effect)[0]
    back = differences_of([b, a], direction, least_effect)[0]
    assert back.verdict == MIRRORED.get(there.verdict, there.verdict)
    assert (back.p, back.reason, back.needed, back.pairs) == (there.p, there.reason, there.needed, there.pairs)
    if there.mean is not None:
        assert back.mean == -there.mean
    if there.low is not None and there.high is not None:
        assert [back.low, back.high] == pytest.approx([-there.high, -there.low])
    turned = differences_of([a, b], "down" if direction == "up" else "up", least_effect)[0]
    if not diverged:
        assert turned.verdict == MIRRORED.get(there.verdict, there.verdict)


@settings(deadline=None)
@given(LEVELS, st.floats(-1000, 1000), st.randoms(use_true_random=False))
def test_neither_a_constant_nor_the_order_of_seeds_counts(
    counts: list[tuple[int, int]], constant: float, draw: random.Random
) -> None:
    a, b = [first / 144 for first, _ in counts], [second / 144 for _, second in counts]
    plain = judged(a, b)
    moved = judged([value + constant for value in a], [value + constant for value in b])
    assert (moved.verdict, moved.p) == (plain.verdict, plain.p)
    order = list(range(len(counts)))
    draw.shuffle(order)
    mixed = judged([a[i] for i in order], [b[i] for i in order])
    assert (mixed.verdict, mixed.p, mixed.mean, mixed.low, mixed.needed) == (
        plain.verdict,
        plain.p,
        plain.mean,
        plain.low,
        plain.needed,
    )


def test_verdicts_follow_p_and_not_the_interval() -> None:
    outlier = judged([0.0] * 8, [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.5])
    assert outlier.verdict == "better" and not outlier.excludes_zero
    almost = judged([0.0] * 6, [0.3, 0.3, 0.3, 0.3, 0.3, -0.01])
    assert almost.verdict == "undecided" and almost.excludes_zero


def test_equivalent_is_what_lies_within_the_least_effect() -> None:
    a, b = [0.9] * 8, [0.91, 0.89, 0.905, 0.895, 0.9, 0.91, 0.89, 0.9]
    assert judged(a, b).verdict == "undecided"
    wide = judged(a, b, least_effect=0.01)
    assert wide.verdict == "equivalent" and wide.high is not None and 0 < wide.high < 0.01
    assert judged(a, b, least_effect=wide.high * 0.99).verdict == "undecided"
    assert judged(a, [value + 0.02 for value in b], least_effect=0.5).verdict == "better"
    assert judged(a[:5], b[:5], least_effect=0.5).reason == "too few pairs"


def test_a_group_that_diverged_more_often_is_not_better() -> None:
    a, b = side("a", [0.5] * 9), side("b", [0.9] * 9, diverged=[3, 4])
    for first, second in ((a, b), (b, a)):
        found = differences_of([first, second], "up", None)[0]
        assert (found.verdict, found.reason, found.pairs) == ("undecided", "more diverged seeds", 7)
        assert found.p == sign_flip_p([0.4] * 7)
    assert differences_of([a, b], "down", None)[0].verdict == "worse"
    both = side("c", [0.5] * 9, diverged=[7, 8])
    assert differences_of([both, b], "up", None)[0].reason == "too few pairs"
    assert (
        differences_of([side("d", [0.5] * 11, [9, 10]), side("e", [0.9] * 11, [9, 10])], "up", None)[0].verdict
        == "better"
    )
