"""What the probes share: a copy of a run that is trained and thrown away, its batches, and how many steps it may take.

Nothing here changes the run: weights are copied, the optimizer's memory starts anew, every random number is a function
of (seed, purpose), and no global generator is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tuner.loop import Task, batch, epoch_order, train_step
from tuner.network import Network
from tuner.options.optimizers.base import Optimizer
from tuner.state import State
from tuner.train.history import History

if TYPE_CHECKING:
    from tuner.train.prepare import Setup

SHARE = 0.05
"""Of the samples that the whole training works through, how much one probe may."""
LEAST = 20
"""Steps of a training that a probe may take in any case."""

Batches = Iterable[tuple[Tensor, Tensor]]


def steps_within(task: Task, wanted: int, *, share: float = SHARE, batch_size: float | None = None) -> int:
    """How many of the `wanted` steps of `batch_size` samples (the training's own where None) a probe takes: as many as
    are within `share` of the training, or are as much work as `LEAST` of its steps. A function of config and sizes."""
    samples = len(task.train)
    own = samples / len(task.batches)
    spent = max(LEAST * own, share * History(task.config).epochs * samples)
    return max(1, min(wanted, math.floor(spent / (batch_size or own))))


def trial_of(setup: Setup, optimizer: Optimizer | None = None) -> State:
    """A state of its own with the setup's weights, in training mode; its optimizer, the config's where None, has made
    no step."""
    return State(copy_of(setup.state.network, setup.task.config.seed), optimizer or setup.task.config.optimizer)


def copy_of(network: Network, seed: int) -> Network:
    """Another network with the same weights and statistics."""
    copy = Network(network.plan, seed, network.precision)
    copy.load_state_dict(network.state_dict())
    return copy.to(device_of(network)).train()


def device_of(network: Network) -> torch.device:
    """Where its weights are."""
    return next(network.parameters()).device


def batches_of(task: Task) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of training from its first step on, augmented and normalised, without an end."""
    draws = [torch.Generator(task.train.x.device) for _ in task.config.data.augment]
    step = count()
    for epoch in count(1):
        order = epoch_order(task, epoch)
        for start, stop in task.batches:
            yield batch(task, order, start, stop, next(step), draws)


def train(task: Task, state: State, batches: Batches, rates: Iterable[float]) -> Iterator[float]:
    """Takes a step for each learning rate; yields the loss of its batch before it. The device is waited for."""
    for rate, (x, y) in zip(rates, batches, strict=False):
        loss, _ = train_step(task, state, x, y, rate)
        yield float(loss)
