"""Does the network learn from its inputs? The same training with the inputs, or the labels, made worthless."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

import torch

from tuner.figures import deviation, mean, number, plural
from tuner.loop import Samples, Task
from tuner.probing.trial import Batches, batches_of, steps_within, train, trial_of
from tuner.seeding import derive

if TYPE_CHECKING:
    from tuner.train.prepare import Setup

STEPS = 100
ERRORS = 2.0
"""A difference of so many standard errors is one."""


@dataclass(frozen=True)
class Controls:
    """The loss that `steps` steps reach (the mean of the later half of them) with the training samples as they are,
    `real_loss`, with inputs of zero and with shuffled labels; the errors are the standard errors of the mean
    differences, step by step, of the batches that all share. `fall`: by how much the real loss fell, with its own
    `fall_error`. Losses are of what is minimised, and all are NaN where a training was not finite."""

    steps: int
    real_loss: float
    zero_loss: float
    zero_error: float
    shuffled_loss: float
    shuffled_error: float
    fall: float
    fall_error: float

    @property
    def learns(self) -> bool:
        """Whether the real loss fell."""
        return self.fall > ERRORS * self.fall_error

    @property
    def beats_zero(self) -> bool:
        """Whether the real loss is lower than with inputs of zero."""
        return self.zero_loss - self.real_loss > ERRORS * self.zero_error

    @property
    def beats_shuffled(self) -> bool:
        """Whether the real loss is lower than with shuffled labels."""
        return self.shuffled_loss - self.real_loss > ERRORS * self.shuffled_error

    @property
    def reading(self) -> str:
        """What both controls say together, in a sentence."""
        steps = plural(self.steps, "step")
        if not math.isfinite(self.real_loss):
            return f"training was not finite within {steps}: nothing can be told of the inputs"
        losses = f"{steps} reach a loss of {number(self.real_loss)}, {number(self.zero_loss)} with inputs of zero and "
        losses += f"{number(self.shuffled_loss)} with shuffled labels"
        if self.beats_zero and self.beats_shuffled:
            return f"{losses}: the network uses its inputs"
        if self.beats_zero:
            return f"{losses}: it learns any labels as fast, so that these may not belong to their samples"
        if self.learns:
            return f"{losses}: the inputs are not used yet"
        return f"{losses}: it does not fall, so that nothing can be told of the inputs"


def controls(setup: Setup) -> Controls:
    """Trains copies of the network at the config's learning rate: one on the training samples as they are, one on
    inputs that are all zero, after normalisation their mean, and one on shuffled labels.

    Source: Karpathy (2019), "A Recipe for Training Neural Networks", "input-independent baseline"; Zhang et al. (2017),
    "Understanding Deep Learning Requires Rethinking Generalization", section 2.2: shuffled labels can be learned by
    heart, but more slowly.
    """
    task = setup.task
    steps = steps_within(task, STEPS)
    rates = list(repeat(task.config.optimizer.lr, steps))
    draw = torch.Generator().manual_seed(derive(task.config.seed, "probe", "shuffled_labels"))
    order = torch.randperm(len(task.train), generator=draw).to(task.train.y.device)
    shuffled = replace(task, train=Samples(task.train.x, task.train.y.index_select(0, order)))
    zeros = ((torch.zeros_like(x), y) for x, y in batches_of(task))
    trainings: list[tuple[Task, Batches]] = [(task, batches_of(task)), (task, zeros), (shuffled, batches_of(shuffled))]
    losses = [list(train(own, trial_of(setup), batches, rates)) for own, batches in trainings]
    if not all(math.isfinite(loss) for own in losses for loss in own):
        return Controls(steps, *[math.nan] * 7)
    real, zero, labels = losses
    middle = steps // 2
    early, late = real[:middle], real[middle:]

    def against(other: Sequence[float]) -> tuple[float, float]:
        differences = [one - there for one, there in zip(other[middle:], late, strict=True)]
        return mean(other[middle:]), standard_error(differences)

    fall = mean(early) - mean(late), math.hypot(standard_error(early), standard_error(late))
    return Controls(steps, mean(late), *against(zero), *against(labels), *fall)


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of values that are independent; infinite for a single one."""
    return deviation(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
