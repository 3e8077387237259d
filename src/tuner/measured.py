"""What metrics look at: a batch on its device, and a part of the data as a whole once all its batches were seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tuner.figures import mean
from tuner.options.losses import Loss


@dataclass(frozen=True, eq=False)
class Batch:
    """`outputs` (N, units), `targets` (N,) classes or (N, 1) numbers as the loss sees them, the reported loss of each
    sample, float64 (N,), and the `scores` as in `Part`."""

    loss: Loss
    outputs: Tensor
    targets: Tensor
    losses: Tensor
    scores: Tensor

    @property
    def nothing(self) -> Tensor:
        """What a metric adds that is of the part as a whole: 0."""
        return self.losses.new_zeros(())

    @cached_property
    def answers(self) -> Tensor:
        """The classes that the outputs stand for: int64 (N,)."""
        return self.loss.decide(self.outputs)

    @cached_property
    def right(self) -> Tensor:
        """Which of them are: bool (N,)."""
        return self.answers == self.targets

    @cached_property
    def counts(self) -> Tensor:
        """Of each class the right answers, the answers and the samples: int64 (3, classes)."""
        right = self.right.long()
        counts = right.new_zeros(3, self.scores.shape[1])
        counts[0].scatter_add_(0, self.targets, right)
        for row, classes in ((1, self.answers), (2, self.targets)):
            counts[row].scatter_add_(0, classes, right.new_ones(1).expand_as(right))
        return counts

    @cached_property
    def error(self) -> Tensor:
        """What numbers are off by: float64 (N, 1)."""
        return (self.outputs - self.targets).double()

    @cached_property
    def squares(self) -> Tensor:
        """The sum of the squares of `error`: one number."""
        return self.error.square().sum()


@dataclass(frozen=True, eq=False)
class Part:
    """All samples: their `targets` as in `Batch`; their `scores` (N, classes), which are the probabilities of classes,
    or the outputs where these stand for none; what numeric targets were divided by; and the class that counts as the
    positive one of two, if one was named. What is found here is read from the device."""

    targets: Tensor
    scores: Tensor
    scale: float = 1.0
    positive: int | None = None

    @property
    def samples(self) -> int:
        return len(self.targets)

    @cached_property
    def spread(self) -> float:
        """The sum of the squares of the targets' distances from their mean."""
        targets = self.targets.double()
        return float((targets - targets.mean()).square().sum())

    @cached_property
    def areas(self) -> tuple[float, float]:
        """The area under the ROC curve and the average precision: of two classes those of the positive one, by default
        the second; of more the mean over the classes that occur."""
        scores, targets = self.scores.numpy(force=True), self.targets.numpy(force=True)
        classes = range(scores.shape[1])
        return areas(scores, targets, classes if len(classes) != 2 else [1 if self.positive is None else self.positive])


def areas(scores: NDArray[Any], targets: NDArray[Any], classes: Sequence[int]) -> tuple[float, float]:
    """The area under the ROC curve and the average precision, exact: samples of the same score are one step of a curve.
    The mean over those of `classes` that occur, each against the rest; NaN where none does, or there is no rest."""
    found = []
    for which in classes:
        is_own = targets == which
        own, rest = np.sort(scores[is_own, which]), np.sort(scores[~is_own, which])
        if len(own) and (not len(rest) or np.isnan((own[-1], rest[-1])).any()):  # NaN is sorted last
            return math.nan, math.nan
        if len(own):
            lower, upper = rest.searchsorted(own), rest.searchsorted(own, "right")
            ahead = len(own) - own.searchsorted(own)  # of the class, with a score at least as high
            precision = (ahead / (ahead + len(rest) - lower)).sum() / len(own)
            found.append((int((lower + upper).sum()) / (2 * len(own) * len(rest)), float(precision)))
    return (mean([roc for roc, _ in found]), mean([each for _, each in found])) if found else (math.nan, math.nan)
