"""What is measured on the training part: how to normalise, and the range of the stored numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tuner.data.source import Array

CHUNK = 2048


@dataclass(frozen=True, eq=False)
class Statistics:
    """A network sees (x - mean) / scale; with `minmax`, mean is the smallest number and scale the range.

    All four are float32 and broadcast against samples: one number a channel of an image (C, 1, 1), a column of a table
    (F,) or of a sequence (1, F). `low` and `high` are the smallest and largest stored number of the training part.
    `scale` is 1 where the numbers are all the same.
    """

    mean: Array
    scale: Array
    low: Array
    high: Array


def measure(x: Array, normalize: Literal["none", "standard", "minmax"]) -> Statistics:
    """The statistics of training samples `x` (N, *shape), in float64, by the population's formula (divided by N)."""
    kept = x.ndim - 1 if x.ndim < 4 else 1
    axes = tuple(axis for axis in range(x.ndim) if axis != kept)
    if x.dtype == np.uint8 and x.ndim == 4:
        mean, deviation, low, high = of_bytes(x)
    else:
        mean, deviation = of_numbers(x, axes)
        low, high = x.min(axis=axes).astype(np.float64), x.max(axis=axes).astype(np.float64)
    if normalize == "standard":
        offset, scale = mean, np.where(low == high, 1.0, deviation)
    elif normalize == "minmax":
        offset, scale = low, np.where(low == high, 1.0, high - low)
    else:
        offset, scale = np.zeros_like(mean), np.ones_like(mean)
    shape = [x.shape[axis] if axis == kept else 1 for axis in range(1, x.ndim)]
    offset, scale, low, high = (value.astype(np.float32).reshape(shape) for value in (offset, scale, low, high))
    scale[scale == 0] = 1  # a spread too small for float32
    return Statistics(offset, scale, low, high)


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


def spread(y: Array) -> tuple[float, float]:
    """Mean and standard deviation of numeric targets (N,); 1 for targets that are all the same."""
    deviation = float(y.std(dtype=np.float64))
    return float(y.mean(dtype=np.float64)), deviation if y.min() != y.max() else 1.0
