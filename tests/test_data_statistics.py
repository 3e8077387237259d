"""The statistics of the training part, of images, tables and sequences, in bytes and floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tuner.data.embedded import BreastCancer, Diabetes, Digits
from tuner.data.splits import load as load_splits
from tuner.data.statistics import measure


def test_standard_statistics_are_the_training_parts_own() -> None:
    splits = load_splits(BreastCancer().open())
    x = splits.train.x.astype(np.float64)
    np.testing.assert_allclose(splits.statistics.mean, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(splits.statistics.scale, x.std(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(splits.statistics.low, x.min(axis=0).astype(np.float32))
    np.testing.assert_array_equal(splits.statistics.high, x.max(axis=0).astype(np.float32))


@pytest.mark.parametrize("shape", [(2, 5, 7), (4,), (6, 3)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_statistics_are_per_channel_or_column(shape: tuple[int, ...], kind: type[np.generic]) -> None:
    x = np.random.default_rng(1).integers(3, 200, (5000, *shape)).astype(kind)
    axes = {3: (0, 2, 3), 1: (0,), 2: (0, 1)}[len(shape)]
    expected = {3: (2, 1, 1), 1: (4,), 2: (1, 3)}[len(shape)]
    found = measure(x, "standard")
    exact = x.astype(np.float64)
    np.testing.assert_allclose(found.mean.ravel(), exact.mean(axis=axes), rtol=1e-6)
    np.testing.assert_allclose(found.scale.ravel(), exact.std(axis=axes), rtol=1e-6)
    for value in (found.mean, found.scale, found.low, found.high):
        assert value.dtype == np.float32 and value.shape == expected
    seen = (x - found.mean) / found.scale
    assert seen.mean() == pytest.approx(0, abs=1e-4) and seen.std() == pytest.approx(1, abs=1e-4)
    ranged = measure(x, "minmax")
    seen = (x - ranged.mean) / ranged.scale
    assert (seen.min(), seen.max()) == (0, 1)
    raw = measure(x, "none")
    assert (raw.mean == 0).all() and (raw.scale == 1).all() and (raw.low == found.low).all()


@pytest.mark.parametrize("normalize", ["standard", "minmax"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e30, 1e-40])
def test_a_constant_column_keeps_scale_1(normalize: Any, value: float) -> None:
    x = np.full((1001, 2), value, dtype=np.float32)
    x[:, 1] = np.arange(1001)
    found = measure(x, normalize)
    assert found.scale[0] == 1 and found.scale[1] > 1
    assert abs((x[0, 0] - found.mean[0]) / found.scale[0]) <= abs(value) * 1e-6


def test_images_without_black_or_white_keep_their_range() -> None:
    x = np.full((3, 1, 2, 2), 7, dtype=np.uint8)
    found = measure(x, "standard")
    assert found.scale.item() == 1 and found.low.item() == found.high.item() == found.mean.item() == 7


def test_numeric_targets_are_measured_where_asked_for() -> None:
    splits = load_splits(Diabetes().open())
    y = splits.train.y.astype(np.float64)
    assert splits.target_mean == pytest.approx(y.mean()) and splits.target_scale == pytest.approx(y.std())
    plain = load_splits(Diabetes(standardize_target=False).open())
    assert (plain.target_mean, plain.target_scale) == (0.0, 1.0)
    assert (load_splits(Digits().open()).target_mean, load_splits(Digits().open()).target_scale) == (0.0, 1.0)
