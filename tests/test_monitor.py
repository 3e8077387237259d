"""Which way is better, which epoch is best, when patience ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.monitor import best_index, epochs_waited, oriented
from tuner.options.metrics import column

NAN = math.nan
NUMBERS = st.lists(st.one_of(st.floats(-5, 5), st.sampled_from([NAN, math.inf, -math.inf]), st.none()), max_size=12)


@pytest.mark.parametrize(
    ("metric", "higher"),
    [("val_loss", False), ("train_loss", False), ("val_mae", False), ("val_accuracy", True), ("train_r2", True)],
)
def test_each_metric_knows_its_direction(metric: str, higher: bool) -> None:
    assert column(metric).about.direction == ("up" if higher else "down")


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("val_loss", [3.0, 1.0, 2.0], 1),
        ("val_loss", [3.0, 1.0, 1.0], 1),
        ("val_accuracy", [0.5, 0.9, 0.9, 0.1], 1),
        ("val_r2", [-3.0, -1.0, -2.0], 1),
        ("val_loss", [NAN, 7.0, NAN], 1),
        ("val_loss", [math.inf, 7.0], 1),
        ("val_accuracy", [0.2, math.inf], 0),
        ("val_loss", [-math.inf, 3.0], 1),
        ("val_loss", [NAN, NAN], None),
        ("val_loss", [None, 2.0], 1),
        ("val_loss", [], None),
    ],
)
def test_best(metric: str, values: list[float | None], best: int | None) -> None:
    assert best_index([{"epoch": 1, metric: value} for value in values], metric) == best


def test_the_best_epoch_is_the_monitors_with_validation_and_without() -> None:
    rows = [{"epoch": epoch, "train_loss": loss} for epoch, loss in ((1, 0.1), (2, 0.9), (3, 0.5))]
    assert best_index(rows, "train_loss") == 0
    assert best_index([{**row, "val_loss": 1.0} for row in rows], "train_loss") == 0


@pytest.mark.parametrize(
    ("values", "min_delta", "waited"),
    [
        ([], 0, 0),
        ([1.0], 0, 0),
        ([1.0, 1.0, 1.0], 0, 2),
        ([1.0, 0.9, 0.95], 0, 1),
        ([1.0, 0.95, 0.92], 0.1, 2),
        ([1.0, 0.95, 0.89], 0.1, 0),  # small steps add up
        ([1.0, 0.9, 0.8], 10, 2),
        ([math.inf, math.inf], 0, 2),
        ([math.inf, 2.0, math.inf], 0, 1),
    ],
)
def test_patience(values: list[float], min_delta: float, waited: int) -> None:
    assert epochs_waited(values, min_delta) == waited


@given(NUMBERS, st.sampled_from(["val_loss", "val_accuracy"]))
def test_what_is_not_finite_is_never_better(values: list[float | None], metric: str) -> None:
    rows = [{metric: value} for value in values]
    finite = [value for value in values if value is not None and math.isfinite(value)]
    best = best_index(rows, metric)
    if not finite:
        assert best is None
    else:
        wanted = max(finite) if metric == "val_accuracy" else min(finite)
        assert best == values.index(wanted)
    assert all(not math.isnan(value) for value in oriented(rows, metric))


@given(NUMBERS)
def test_patience_without_a_delta_counts_from_the_best_epoch(values: list[float | None]) -> None:
    rows = [{"val_loss": value} for value in values]
    best = best_index(rows, "val_loss")
    assert epochs_waited(oriented(rows, "val_loss"), 0) == len(rows) - (0 if best is None else best + 1)
