"""Means and deviations: one rule for curves, tables and comparisons."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.figures import deviation, mean, mean_of_known

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE, min_size=1))
def test_the_mean_is_exact_whatever_the_order_and_size(values: list[float]) -> None:
    exact = sum(map(Fraction, values)) / len(values)
    assert mean(values) == pytest.approx(float(exact), rel=1e-12, abs=1e-300)
    assert min(values) <= mean(values) <= max(values)
    assert mean(random.Random(0).sample(values, len(values))) == mean(values)  # noqa: S311


@given(FINITE, st.integers(1, 30))
def test_equal_values_are_their_mean_and_do_not_deviate(value: float, count: int) -> None:
    assert mean([value] * count) == value
    assert deviation([value] * max(2, count)) == 0


@given(st.lists(FINITE | st.sampled_from([None, math.nan, math.inf, -math.inf])))
def test_what_is_not_finite_does_not_count(values: list[float | None]) -> None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    assert mean_of_known(values) == (mean(known) if known else None)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2))
def test_the_deviation_is_the_samples(values: list[float]) -> None:
    centre = sum(map(Fraction, values)) / len(values)
    squares = sum((Fraction(value) - centre) ** 2 for value in values)
    assert deviation(values) == pytest.approx(math.sqrt(squares / (len(values) - 1)), rel=1e-6, abs=1e-6)


def test_the_largest_floats_have_a_mean() -> None:
    large, other = 1.7976931348623157e308, 1.7976931348621437e308
    assert mean([large, large]) == large
    assert mean([other, other, -large, 0.0]) == mean([-large, other, 0.0, other])
