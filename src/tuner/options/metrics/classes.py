"""Metrics of a target that is one class of several."""

from __future__ import annotations

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
