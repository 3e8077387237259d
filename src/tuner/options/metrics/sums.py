"""Metrics that come from a sum over the samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tuner.options.metrics import Batch, Metric, Part

if TYPE_CHECKING:
    from torch import Tensor


class Accuracy(Metric, name="accuracy"):
    """The share of the samples whose class is right, from 0 to 1. For classes."""

    label = "accuracy (share correct)"
    direction = "up"
    order = 1
    targets = frozenset({"class"})

    def add(self, batch: Batch) -> Tensor:
        return (batch.loss.decide(batch.outputs) == batch.targets).sum()

    def of(self, total: float, part: Part) -> float:
        return total / part.samples


class MeanLoss(Metric, name="loss"):
    """The mean over the samples of what the loss gives, without label smoothing and class weights.
    For a numeric target it is in standard deviations of the target while data.standardize_target is true.
    """

    label = "loss"
    direction = "down"
    by_factors = True
    order = 0

    def add(self, batch: Batch) -> Tensor:
        return batch.losses.sum()

    def of(self, total: float, part: Part) -> float:
        return total / part.samples


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
