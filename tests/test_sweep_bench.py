"""The benches of the sweep: what they compute of their figures."""

from __future__ import annotations

import math

import pytest
import sweep_null
import sweep_search


@pytest.mark.parametrize(("count", "inside"), [(5, (0, 4)), (10, (1, 8)), (50, (17, 32))])
def test_the_interval_of_a_median_holds_it_as_often_as_said(count: int, inside: tuple[int, int]) -> None:
    low, high = inside
    assert list(sweep_search.interval([float(each) for each in range(count)])) == [low, high]
    outside = sum(math.comb(count, each) for each in range(count + 1) if not low < each <= high) / 2**count
    narrower = sum(math.comb(count, each) for each in range(count + 1) if not low + 1 < each < high) / 2**count
    assert (outside <= 0.05 or low == 0) and narrower > 0.05


def test_a_share_is_told_with_the_interval_of_clopper_and_pearson() -> None:
    low, high = sweep_null.interval(5, 100)
    tail = [math.comb(100, each) * high**each * (1 - high) ** (100 - each) for each in range(6)]
    assert sum(tail) == pytest.approx(0.025, rel=1e-6)
    assert 1 - sum(math.comb(100, each) * low**each * (1 - low) ** (100 - each) for each in range(5)) == pytest.approx(
        0.025, rel=1e-6
    )


def test_equals_differ_in_nothing_but_numbers_drawn() -> None:
    drawn = set()
    for config in map(sweep_null.config, range(100)):
        base, trials = config["data"]["augment"], config["sweep"]["space"]["data"]["augment"]
        assert all(trial[-1] == sweep_null.NOISE and set(map(str, trial[:-1])) == {str(sweep_null.NOTHING)}
                   for trial in trials)  # fmt: skip
        assert sorted(map(len, trials)) == list(range(len(base) + 1, len(base) + 1 + config["sweep"]["trials"]))
        drawn.add((len(base), config["training"]["batch_size"]))
    assert len(drawn) == 100
