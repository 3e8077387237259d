"""Samples that have the very same inputs."""

from __future__ import annotations

import numpy as np

from tuner.data.card.facts import Equal
from tuner.data.drawing import random_bits
from tuner.data.source import Array
from tuner.data.statistics import flat

CHUNK = 1024
_MIX = np.uint64(0x9E3779B97F4A7C15)


def equal(train: Array, y: Array, validation: Array, test: Array) -> Equal:
    """Of inputs (N, *shape) of the same type, and training targets (N,)."""
    keys, others = hashes(train), (hashes(validation), hashes(test))
    order = np.argsort(keys, kind="stable")
    ordered, targets = keys[order], y[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    is_mixed = np.minimum.reduceat(targets, starts) != np.maximum.reduceat(targets, starts)
    sizes = np.diff(np.append(starts, len(keys)))
    met = [int(np.isin(other, ordered[starts]).sum()) for other in others]
    return Equal(len(keys) - len(starts), met[0], met[1], int(sizes[is_mixed].sum()))


def hashes(x: Array) -> Array:
    """64 bits of each sample (N, *shape), the same for the same numbers: uint64 (N,).

    The words of its bytes, each mixed so that all its bits tell in the low ones, are summed up with random odd weights,
    modulo 2^64. Two samples of a million that are not equal meet with a probability of about 1e-7.
    """
    every = flat(x)
    words = -(-every.shape[1] * every.itemsize // 8)
    weights = random_bits(0, "equal samples").random_raw(words) | np.uint64(1)
    found = np.empty(len(every), dtype=np.uint64)
    for start in range(0, len(every), CHUNK):
        rows = every[start : start + CHUNK]
        padded = np.zeros((len(rows), words * 8 // every.itemsize), dtype=every.dtype)
        padded[:, : rows.shape[1]] = rows if every.dtype == np.uint8 else rows + 0  # of two zeros one is negative
        mixed = padded.view(np.uint64) * _MIX
        mixed ^= mixed >> np.uint64(32)
        mixed *= _MIX
        mixed ^= mixed >> np.uint64(29)
        found[start : start + CHUNK] = (mixed * weights).sum(axis=1, dtype=np.uint64)
    return found
