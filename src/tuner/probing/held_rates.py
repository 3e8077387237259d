"""Learning rates, each held for as long as a range test takes: where the network is slow to begin, a rate that grows is
beyond the good ones before these had an effect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tuner.figures import number, plural
from tuner.loop import train_step
from tuner.probing.range_test import STOP, Ratio
from tuner.probing.trial import batches_of, copy_of, trial_of

if TYPE_CHECKING:
    from tuner.train.prepare import Setup

POWERS = range(-2, 5)
"""Half powers of ten, of the optimizer's default rate: for adam 1e-4 to 0.1."""
LEAST = 0.01
"""Share of the loss by which a loss has to fall, and by which right inputs have to be better than others."""


@dataclass(frozen=True)
class Held:
    """A rate; the smoothed loss after its last step as a share of what the first weights give on the same batches; and
    the same where each sample is given the answer to another one."""

    lr: float
    share: float
    others: float

    @property
    def learns(self) -> bool:
        """Whether the loss fell, and by more than one answer for all samples brings."""
        return self.share < 1 - LEAST and self.share < self.others - LEAST


@dataclass(frozen=True)
class HeldRates:
    """What `steps` at each rate come to."""

    steps: int
    rates: tuple[Held, ...]

    @property
    def best(self) -> Held | None:
        """Where the loss falls most; None where the network learns at no rate."""
        return min((each for each in self.rates if each.learns), key=lambda each: each.share, default=None)

    @property
    def reading(self) -> str:
        """All of them in a sentence."""
        steps, best = plural(self.steps, "step"), self.best
        if best is None:
            return f"within {steps} at one learning rate the network does not begin to use its inputs either"
        return f"{steps} at one learning rate lower it most at {number(best.lr)}, by {1 - best.share:.0%}"


def held_rates(setup: Setup, steps: int, low: float, high: float) -> HeldRates:
    """Trains a copy of the network at each of the usual rates between `low` and `high`."""
    usual = float(type(setup.task.config.optimizer).fields["lr"].default)
    rates = [float(f"{usual * 10 ** (power / 2):.1e}") for power in POWERS]
    return HeldRates(steps, tuple(held(setup, rate, steps) for rate in rates if low <= rate <= high))


def held(setup: Setup, rate: float, steps: int) -> Held:
    """Trains it at one of them; it ends early where training falls apart. A batch of one sample has no others: what the
    network learns is then not told from one answer for all."""
    task, state = setup.task, trial_of(setup)
    first = copy_of(setup.state.network, task.config.seed)
    own, others = Ratio(steps), Ratio(steps)
    share = other = math.nan
    for _, (x, y) in zip(range(steps), batches_of(task), strict=False):
        first.at(state.step)
        state.network.at(state.step)
        with torch.no_grad():
            before = float(task.objective(first(x), y))
            swapped = float(task.objective(state.network(x).roll(1, 0), y)) if len(x) > 1 else math.inf
        share = own.add(float(train_step(task, state, x, y, rate)[0]), before)
        other = others.add(swapped, before)
        if not share <= STOP:
            break
    return Held(rate, share, other)
