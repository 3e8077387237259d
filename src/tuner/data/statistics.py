"""What the training part tells of its numbers: means, spreads, medians, extremes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuner.data.columns import Feature
from tuner.data.encoding import limits
from tuner.data.source import Array, Normalization

CHUNK = 2048
ROUNDING = 1e-9
"""A standard deviation that is a smaller share of the mean comes of rounding."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """A network sees z = (x - mean) / scale; with `minmax`, mean is the smallest number and scale the range, with
    `robust` the median and the interquartile range (half the range where that is 0), and z / sqrt(1 + (z / limit)^2).

    All are float32 and broadcast against samples: one number a channel of an image (C, 1, 1), a column of a table (F,)
    or of a sequence (1, F). `low` and `high` are the smallest and largest stored number of the training part, but of
    codes, which no noise may change, both are the smallest. `scale` is 1 where the numbers are all the same; `limit` is
    None unless robust, and infinite for what stays as it is.
    Source of robust: Holzmueller, Grinsztajn, Steinwart (2024), "Better by Default", section 3.
    """

    mean: Array
    scale: Array
    low: Array
    high: Array
    limit: Array | None = None


def measure(x: Array, normalize: Normalization, features: Sequence[Feature] = ()) -> Statistics:
    """The statistics of training samples `x` (N, *shape), in float64, by the population's formula (divided by N).
    Of a table's `features` only the numbers are normalised."""
    kept = x.ndim - 1 if x.ndim < 4 else 1
    axes = tuple(axis for axis in range(x.ndim) if axis != kept)
    if x.dtype == np.uint8 and x.ndim == 4:
        mean, deviation, low, high = of_bytes(x)
    else:
        mean, deviation = of_numbers(x, axes)
        low, high = x.min(axis=axes).astype(np.float64), x.max(axis=axes).astype(np.float64)
    as_stored = np.zeros_like(mean), np.ones_like(mean)
    given = {"standard": (mean, deviation), "minmax": (low, high - low), "none": as_stored}
    offset, scale = given[normalize] if normalize in given else quartiles(x, axes, (high - low) / 2)
    scale = np.where(low == high, 1.0, scale)
    stays = np.array([feature.kind != "number" for feature in features], dtype=bool)
    if stays.any():
        offset, scale = np.where(stays, 0.0, offset), np.where(stays, 1.0, scale)
        high = np.where([feature.kind == "code" for feature in features], low, high)
    shape = [x.shape[axis] if axis == kept else 1 for axis in range(1, x.ndim)]
    offset, scale, low, high = (value.astype(np.float32).reshape(shape) for value in (offset, scale, low, high))
    scale[scale == 0] = 1  # a spread too small for float32
    return Statistics(offset, scale, low, high, limits(normalize, features, shape))


def flat(x: Array) -> Array:
    """Samples (N, *shape), also none, as rows: (N, numbers)."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


def quartiles(x: Array, axes: tuple[int, ...], half_range: Array) -> tuple[Array, Array]:
    """Median and interquartile range over `axes`, half the range where that is 0."""
    low, median, high = np.quantile(x, (0.25, 0.5, 0.75), axis=axes).astype(np.float64)
    return median, np.where(high > low, high - low, half_range)


def of_bytes(x: Array) -> tuple[Array, Array, Array, Array]:
    """Mean, standard deviation, smallest and largest of each channel of images of bytes (N, C, H, W).

    From the counts of the 256 values, which is exact and several times quicker than summing floats.
    """
    values = np.arange(256.0)
    rows = []
    for channel in range(x.shape[1]):
        counts = np.zeros(256, dtype=np.int64)
        for start in range(0, len(x), CHUNK):
            counts += np.bincount(x[start : start + CHUNK, channel].ravel(), minlength=256)
        mean = counts @ values / counts.sum()
        deviation = np.sqrt(counts @ (values - mean) ** 2 / counts.sum())
        seen = np.flatnonzero(counts)
        rows.append((mean, deviation, float(seen[0]), float(seen[-1])))
    mean, deviation, low, high = np.array(rows).T
    return mean, deviation, low, high


def of_numbers(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and standard deviation over `axes`, in two passes and float64, without a float64 copy of the whole."""
    mean = x.mean(axis=axes, dtype=np.float64, keepdims=True)
    squares = np.zeros_like(mean)
    for start in range(0, len(x), CHUNK):
        squares += ((x[start : start + CHUNK] - mean) ** 2).sum(axis=axes, keepdims=True)
    count = x.size // max(mean.size, 1)
    return mean.reshape(-1), np.sqrt(squares / count).reshape(-1)


def of_each_byte(x: Array) -> tuple[Array, Array]:
    """As `of_numbers` of each column of bytes (N, columns), several times quicker: 256 squares of bytes are a sum that
    float32 holds exactly."""
    sums, squares = np.zeros((2, x.shape[1]))
    for start in range(0, len(x), 256):
        rows = x[start : start + 256].astype(np.float32)
        ones = np.ones(len(rows), dtype=np.float32)
        sums += ones @ rows
        squares += ones @ np.square(rows, out=rows)
    mean = sums / len(x)
    return mean, np.sqrt(np.maximum(squares / len(x) - mean**2, 0))
