"""Can the network fit a single batch? One that cannot has a fault that no amount of training mends."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tuner.figures import number, plural
from tuner.layer_stats import as_in_training
from tuner.loop import Samples, train_step
from tuner.network import Network
from tuner.probing.trial import steps_within, trial_of
from tuner.seeding import derive

if TYPE_CHECKING:
    from tuner.train.prepare import Setup

STEPS, SAMPLES = 300, 16
LEFT = 0.05
"""Share of the loss of the mean target: a number is fitted when no more is left."""


@dataclass(frozen=True)
class OneBatch:
    """`loss` before the first and after the last of so many `steps`, in the units of what is minimised. `accuracy` at
    the end: the share of right classes, None for numbers. `fitted_after`: the steps after which all classes were right
    (of numbers: no more than `LEFT` of the loss of their mean was left), None where that did not happen."""

    samples: int
    steps: int
    first_loss: float
    last_loss: float
    accuracy: float | None
    fitted_after: int | None

    @property
    def reading(self) -> str:
        """The probe in a sentence."""
        what = plural(self.samples, "sample")
        if self.fitted_after is not None:
            return f"a batch of {what} is fitted after {plural(self.fitted_after, 'step')}: network and loss can learn"
        if not math.isfinite(self.last_loss):
            return f"training on a single batch of {what} is not finite: the learning rate or the first weights"
        end = f"the loss went from {number(self.first_loss)} to {number(self.last_loss)}"
        return f"a single batch of {what} is not fitted in {plural(self.steps, 'step')}: {end}"


def one_batch(setup: Setup) -> OneBatch:
    """Trains a copy of the network on a single batch of `SAMPLES` at the config's learning rate, without dropout,
    augmentation and weight decay; batch norm goes by that batch. It ends when the batch is fitted.

    Source: Karpathy (2019), "A Recipe for Training Neural Networks", "overfit one batch".
    """
    config = setup.task.config
    state = trial_of(setup, config.optimizer.replace(weight_decay=0.0))
    chosen = samples_of(setup)
    steps = steps_within(setup.task, STEPS, batch_size=len(chosen))
    losses, taken, fitted = [], 0, False
    with as_in_training(state.network):
        for rate in repeat(config.optimizer.lr, steps):
            losses.append(float(train_step(setup.task, state, chosen.x, chosen.y, rate)[0]))
            taken += 1
            fitted = math.isfinite(losses[-1]) and is_fitted(setup, state.network, chosen)
            if fitted or not math.isfinite(losses[-1]):
                break
        with torch.no_grad():
            outputs = state.network(chosen.x)
            losses.append(float(setup.task.objective(outputs, chosen.y)))
    accuracy = None if setup.measure.target == "number" else share_right(setup, outputs, chosen.y)
    return OneBatch(len(chosen), taken, losses[0], losses[-1], accuracy, taken if fitted else None)


def samples_of(setup: Setup) -> Samples:
    """The samples of the batch, normalised: drawn from those that are evaluated, by the seed."""
    evaluated = setup.evaluated["train"]
    draw = torch.Generator().manual_seed(derive(setup.task.config.seed, "probe", "one_batch"))
    rows = torch.randperm(len(evaluated), generator=draw)[:SAMPLES].to(evaluated.x.device)
    chosen = Samples(evaluated.x.index_select(0, rows), evaluated.y.index_select(0, rows))
    return chosen if setup.task.normalizer is None else replace(chosen, x=setup.task.normalizer(chosen.x))


@torch.no_grad()
def is_fitted(setup: Setup, network: Network, chosen: Samples) -> bool:
    """Whether all classes are right, or hardly anything is left of the loss of numbers."""
    outputs, reported = network(chosen.x), setup.measure.reported
    if setup.measure.target == "class":
        return share_right(setup, outputs, chosen.y) == 1.0
    middle = chosen.y.mean().expand_as(outputs)
    return bool(reported(outputs, chosen.y).mean() <= LEFT * reported(middle, chosen.y).mean())


def share_right(setup: Setup, outputs: Tensor, y: Tensor) -> float:
    """The share of samples whose outputs stand for their class."""
    return float((setup.measure.loss.decide(outputs) == y).double().mean())
