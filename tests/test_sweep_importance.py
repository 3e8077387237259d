"""How much the settings of a sweep matter, on functions of which that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tuner.asks.sweep.importance import FEWEST, Importance, importances, ranks

Points = Mapping[str, Sequence[float | str | None]]


def drawn(count: int, seed: int, function: Callable[..., float], noise: float = 0.05) -> tuple[Points, list[float]]:
    """Trials of a function of a number x, a choice c, and a number y that only one of the choices has; z does
    nothing."""
    random = np.random.default_rng(seed)
    x, y, z = random.random((3, count)).tolist()
    c = [str(each) for each in random.choice(["one", "other"], count)]
    inner = [value if choice == "one" else None for value, choice in zip(y, c, strict=True)]
    values = [function(*each) + noise * float(random.normal()) for each in zip(x, c, inner, strict=True)]
    return {"x": x, "c": c, "y": inner, "z": z}, values


def found(points: Points, values: Sequence[float]) -> dict[str, Importance]:
    told = importances(points, values)
    assert told is not None
    assert [each.mean for each in told.settings] == sorted((each.mean for each in told.settings), reverse=True)
    return {each.name: each for each in told.settings}


FUNCTIONS: dict[str, tuple[Callable[..., float], str, str]] = {
    "a valley": (lambda x, c, y: (x - 0.7) ** 2, "x", "cyz"),  # noqa: ARG005
    "a choice": (lambda x, c, y: float(c == "one"), "c", "xyz"),  # noqa: ARG005
    "a number of one choice": (lambda x, c, y: 3 * (0.5 if y is None else y), "y", "xz"),  # noqa: ARG005
    "two together": (lambda x, c, y: x if c == "one" else 1 - x, "xc", "yz"),  # noqa: ARG005
    "all of them": (lambda x, c, y: 2 * x + (c == "one") + (0.0 if y is None else y), "xcy", "z"),
    "nothing": (lambda x, c, y: 0.0, "", "xcyz"),  # noqa: ARG005
}
"""What matters, and what does nothing."""


@pytest.mark.parametrize("count", [100, 400])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_matters_is_found_and_what_does_nothing_is_not(name: str, count: int) -> None:
    """Of what matters the interval lies above 0; of what does nothing it holds 0, but for once in ten."""
    function, matter, idle = FUNCTIONS[name]
    wrong = 0
    for seed in range(5):
        told = found(*drawn(count, seed, function))
        assert all(told[each].low > 0 for each in matter), told
        assert all(told[each].mean < 0.05 for each in idle), told
        wrong += sum(told[each].low > 0 for each in idle)
    assert wrong <= 5 * len(idle) / 10


def test_the_share_is_that_of_the_variance() -> None:
    """Of two settings that add up, one with nine times the variance of the other."""
    random = np.random.default_rng(3)
    a, b = random.random((2, 500))
    told = found({"a": a.tolist(), "b": b.tolist()}, (3 * a + b).tolist())
    assert told["a"].mean == pytest.approx(0.9, abs=0.08)
    assert told["b"].mean == pytest.approx(0.1, abs=0.04)


def test_only_the_order_of_the_values_counts() -> None:
    points, values = drawn(40, 0, FUNCTIONS["a valley"][0])
    assert importances(points, values) == importances(points, [float(np.exp(9 * value)) for value in values])
    assert importances(points, values) == importances(points, values), "it is the same every time"


def test_too_few_trials_or_equal_ones_tell_nothing() -> None:
    points, values = drawn(FEWEST - 1, 0, FUNCTIONS["a valley"][0])
    assert importances(points, values) is None
    points, values = drawn(FEWEST, 0, FUNCTIONS["a valley"][0])
    assert importances(points, values) is not None
    assert importances(points, [1.0] * FEWEST) is None


def test_what_cannot_be_foretold_is_not_explained() -> None:
    points, values = drawn(100, 1, FUNCTIONS["nothing"][0])
    told = importances(points, values)
    assert told is not None
    assert told.explained < 0.1
    points, values = drawn(100, 1, FUNCTIONS["a valley"][0], noise=0.0)
    told = importances(points, values)
    assert told is not None
    assert told.explained > 0.9


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3, 1, 2], [1, 0, 0.5]), ([5, 5, 1, 9], [0.5, 0.5, 0, 1]), ([7], [0]), ([2, 2], [0.5, 0.5])],
)
def test_equal_values_share_the_mean_of_their_places(values: list[Any], expected: list[float]) -> None:
    assert ranks(np.array(values, dtype=np.float64)).tolist() == pytest.approx(expected)


def test_a_setting_that_one_trial_has_or_none_is_no_trouble() -> None:
    points, values = drawn(20, 0, FUNCTIONS["a valley"][0])
    lonely: list[float | None] = [0.5, *[None] * 19]
    told = found({**points, "lonely": lonely, "never": [None] * 20, "same": [1.0] * 20}, values)
    assert [told[each].mean for each in ("lonely", "never", "same")] == pytest.approx([0, 0, 0], abs=1e-9)
    assert [told[each].trials for each in ("lonely", "never", "same")] == [1, 0, 20]
