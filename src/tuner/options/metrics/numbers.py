"""Metrics of a target that is a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuner.options.metrics import Batch, Metric, Part

if TYPE_CHECKING:
    from torch import Tensor


class R2(Metric, name="r2"):
    """The share of the target's variance that is explained. For numbers.
    Formula: 1 - sum (y - output)^2 / sum (y - mean y)^2; 1 is perfect, 0 is what always answering the mean gives.
    """

    label = "R² (share of variance)"
    direction = "up"
    order = 1
    targets = frozenset({"number"})
    least = 2

    def add(self, batch: Batch) -> Tensor:
        return batch.error.square().sum()

    def of(self, total: float, part: Part) -> float:
        return 1 - total / part.spread if part.spread > 0 else math.nan


class MeanAbsoluteError(Metric, name="mae"):
    """The mean absolute error, in the target's own units. For numbers.
    Formula: mean |y - output|.
    """

    label = "mean absolute error"
    direction = "down"
    order = 2
    targets = frozenset({"number"})

    def add(self, batch: Batch) -> Tensor:
        return batch.error.abs().sum()

    def of(self, total: float, part: Part) -> float:
        return total / part.samples * part.scale
