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
class Control:
    """The loss that `steps` steps reach (the mean of the later half of them) with the training samples as they are,
    `real_loss`, and with `worthless` ones, `control_loss`; `standard_error` is that of the mean difference, step by
    step, of the batches that both share. `fall`: by how much the real loss fell, with its own `fall_error`. Losses are
    of what is minimised, and all are NaN where training was not finite."""

    worthless: str
    steps: int
    real_loss: float
    control_loss: float
    standard_error: float
    fall: float
    fall_error: float

    @property
    def learns(self) -> bool:
        """Whether the real loss fell."""
        return self.fall > ERRORS * self.fall_error

    @property
    def differs(self) -> bool:
        """Whether the real loss is lower than the control's."""
        return self.control_loss - self.real_loss > ERRORS * self.standard_error

    @property
    def reading(self) -> str:
        """The control in a sentence."""
        steps = plural(self.steps, "step")
        losses = f"{number(self.real_loss)} against {number(self.control_loss)}"
        if not math.isfinite(self.real_loss + self.control_loss):
            return f"training was not finite within {steps}: nothing can be told of {self.worthless}"
        if self.differs:
            return f"{steps} reach a lower loss than with {self.worthless} ({losses}): the network uses its inputs"
        if not self.learns:
            return f"the loss does not fall within {steps}: nothing can be told of {self.worthless}"
        return f"{steps} reach no lower loss than with {self.worthless} ({losses}): the inputs are not used yet"


def zero_input(setup: Setup) -> Control:
    """Trains a copy of the network on inputs that are all zero, after normalisation their mean, and another as it is.

    Source: Karpathy (2019), "A Recipe for Training Neural Networks", "input-independent baseline".
    """
    task = setup.task
    zeros = ((torch.zeros_like(x), y) for x, y in batches_of(task))
    return compared(setup, "inputs of zero", task, zeros)


def shuffled_labels(setup: Setup) -> Control:
    """Trains a copy of the network on the training samples with their labels shuffled, and another as it is.

    Source: Zhang et al. (2017), "Understanding Deep Learning Requires Rethinking Generalization", section 2.2: such
    labels can be learned by heart, but more slowly.
    """
    task = setup.task
    draw = torch.Generator().manual_seed(derive(task.config.seed, "probe", "shuffled_labels"))
    order = torch.randperm(len(task.train), generator=draw).to(task.train.y.device)
    shuffled = replace(task, train=Samples(task.train.x, task.train.y.index_select(0, order)))
    return compared(setup, "shuffled labels", shuffled, batches_of(shuffled))


def compared(setup: Setup, worthless: str, control: Task, batches: Batches) -> Control:
    """The real training beside that of `control` on its own `batches`, both at the config's learning rate."""
    steps = steps_within(setup.task, STEPS)
    rates = list(repeat(setup.task.config.optimizer.lr, steps))
    real = list(train(setup.task, trial_of(setup), batches_of(setup.task), rates))
    other = list(train(control, trial_of(setup), batches, rates))
    if not all(map(math.isfinite, (*real, *other))):
        return Control(worthless, steps, *[math.nan] * 5)
    middle = steps // 2
    early, late, controls = real[:middle], real[middle:], other[middle:]
    differences = [one - there for one, there in zip(controls, late, strict=True)]
    return Control(
        worthless,
        steps,
        mean(late),
        mean(controls),
        standard_error(differences),
        mean(early) - mean(late),
        math.hypot(standard_error(early), standard_error(late)),
    )


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of values that are independent; infinite for a single one."""
    return deviation(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
