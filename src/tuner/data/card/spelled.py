"""Samples spelled out in columns of numbers: for means and distances a code is a category, not a number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tuner.data.columns import Feature
from tuner.data.source import Array, Description
from tuner.data.statistics import ROUNDING, flat, of_each_byte, of_numbers

PLAIN = -1
"""In place of a code: the number itself."""


@dataclass(frozen=True, eq=False)
class Spelled:
    """The columns that samples of a `shape` are spelled out in: the number at the index `at` of the flattened sample
    itself, or 1 where it is `code` and 0 elsewhere; both (columns,)."""

    known: Description
    at: Array
    code: Array

    def of(self, x: Array, chosen: Array) -> Array:
        """The `chosen` columns of samples (N, *shape): float64 (N, chosen)."""
        found = flat(x)[:, self.at[chosen]].astype(np.float64)
        code = self.code[chosen]
        is_code = code != PLAIN
        found[:, is_code] = found[:, is_code] == code[is_code]
        return found

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance of each column over samples (N, *shape), one or more: float64 (columns,)."""
        rows = flat(x)
        mean, deviation = of_each_byte(rows) if x.dtype == np.uint8 else of_numbers(rows, (0,))
        mean, variance = mean[self.at], deviation[self.at] ** 2
        for index in np.unique(self.at[self.code != PLAIN]):
            own = (self.at == index) & (self.code != PLAIN)
            counts = np.bincount(rows[:, index].astype(np.int64), minlength=int(self.code[own].max()) + 1)
            mean[own] = counts[self.code[own]] / len(rows)
            variance[own] = mean[own] * (1 - mean[own])
        return mean, variance

    @cached_property
    def channels(self) -> Array:
        """Which channel of a picture, or feature of a sequence or table, each column belongs to: int64 (columns,)."""
        shape = self.known.shape
        found: Array = np.unravel_index(self.at, shape)[0 if len(shape) == 3 else -1]
        return found

    @cached_property
    def is_number(self) -> Array:
        """Which channels or features are numbers, which normalisation changes: bool (channels,)."""
        kinds = [feature.kind for feature in self.known.features] or ["number"] * (int(self.channels.max()) + 1)
        found: Array = np.array(kinds) == "number"
        return found

    def by_channel(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of each channel or feature, of those of its columns: float64 (channels,). The
        deviation is 0 where all is the same, and tells no more of codes."""
        counts = np.bincount(self.channels)
        middle = np.bincount(self.channels, mean) / counts
        between = np.where(self.code == PLAIN, (mean - middle[self.channels]) ** 2, 0)
        spread = np.sqrt(np.bincount(self.channels, variance + between) / counts)
        return middle, np.where(spread > ROUNDING * np.abs(middle), spread, 0)

    def scale(self, mean: Array, variance: Array) -> Array:
        """What each column is divided by, so that all are of about the same size: the standard deviation of its channel
        or feature, 1 for what is no number, or always the same: float64 (columns,)."""
        deviation = self.by_channel(mean, variance)[1]
        return np.where(self.is_number & (deviation > 0), deviation, 1.0)[self.channels]

    def name(self, column: int) -> str:
        """What a column is called."""
        at, code = int(self.at[column]), int(self.code[column])
        if not self.known.features:
            return ",".join(str(index) for index in np.unravel_index(at, self.known.shape))
        name = self.known.features[at].name
        if code == PLAIN:
            return name
        own = next(each for each in self.known.columns if each.name == name)
        return f"{name} = {['not seen', *own.categories, 'missing'][code]}"


def spelled(known: Description) -> Spelled:
    """The columns of samples of a source."""
    given = known.features or [Feature("")] * int(np.prod(known.shape))
    codes = [range(feature.codes) if feature.kind == "code" else [PLAIN] for feature in given]
    at = np.repeat(np.arange(len(given)), [len(own) for own in codes])
    return Spelled(known, at, np.concatenate([np.array(own, dtype=np.int64) for own in codes]))
