"""The metric that every target has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.options.metrics import Batch, Metric, Part

if TYPE_CHECKING:
    from torch import Tensor


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
