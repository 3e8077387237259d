"""The learning-rate range test: the rate grows from step to step until training falls apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tuner.figures import mean, number
from tuner.loop import train_step
from tuner.options.optimizers.base import Optimizer
from tuner.probing.trial import batches_of, copy_of, steps_within, trial_of

if TYPE_CHECKING:
    from tuner.train.prepare import Setup

STEPS = 100
POWERS = 4.0
"""Powers of ten from the optimizer's default rate to either end, over `STEPS` steps and more: for adam 1e-7 to 10."""
STOP = 4.0
"""A smoothed loss of so many times its best ends the test."""
LEAST_FALL, STILL_FALLING = 0.1, 0.01
"""Shares of the first loss; a fall by less tells no rate: it may be all that one answer for all samples brings. While
the loss still falls at the last rate, the first part of a fall is enough."""
SAFETY = 3.0
"""How far below the largest stable rate a suggestion stays: where batches are noisy both nearly coincide, and what was
stable for a few steps falls apart in the long run."""
NEAR = 5.0
"""Rates that differ by less than this factor are close to each other."""


@dataclass(frozen=True)
class RangeTest:
    """The test from `low` to `high`, in `steps` that were to be taken; `lrs`, `losses` (smoothed) and `raw` (as they
    were) are of the steps that were. The rest are rates, None where the loss did not fall.

    `steepest`: where the smoothed loss falls fastest by the logarithm of the rate, before its minimum. There is
    `largest_stable`: above it training gets worse again. `suggestion` is the former, but at most a third of the latter,
    with two digits. `lr` is the config's.
    """

    low: float
    high: float
    steps: int
    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    raw: tuple[float, ...]
    lr: float
    steepest: float | None
    suggestion: float | None
    largest_stable: float | None

    @property
    def is_finite(self) -> bool:
        """Whether the loss of the first batch, before any step, was a finite number."""
        return math.isfinite(self.raw[0])

    @property
    def fell_apart(self) -> bool:
        """Whether the test ended early: the loss was several times its best, or not finite."""
        return len(self.lrs) < self.steps or not math.isfinite(self.losses[-1])

    @property
    def fall(self) -> str:
        """By how much the loss fell, where that is too little."""
        known = [loss for loss in self.losses if math.isfinite(loss)]
        share = 1 - min(known) / known[0] if known and known[0] > 0 else 0.0
        return f"the loss falls by no more than {share:.0%}" if share >= 0.005 else "the loss does not fall"

    @property
    def factor(self) -> float | None:
        """The config's rate as a multiple of the suggestion."""
        return None if self.suggestion is None else self.lr / self.suggestion

    @property
    def reading(self) -> str:
        """The test in a sentence."""
        span = f"from {number(self.low)} to {number(self.high)}"
        if not self.is_finite:
            return "the loss is not finite before the first step, so that it is not the learning rate's fault"
        if self.suggestion is None or self.largest_stable is None or self.factor is None:
            return f"{self.fall} at any learning rate {span}"
        where = "close to that"
        if self.lr > self.largest_stable:
            where = "beyond what is stable"
        elif not 1 / NEAR <= self.factor <= NEAR:
            where = f"{number(max(self.factor, 1 / self.factor))} times {'more' if self.factor > 1 else 'less'}"
        return (
            f"the loss falls well at lr {number(self.suggestion)} and is least at {number(self.largest_stable)}: "
            f"the config's {number(self.lr)} is {where}"
        )


def range_test(
    setup: Setup, steps: int | None = None, low: float | None = None, high: float | None = None
) -> RangeTest:
    """Trains a copy of the network with the config's optimizer, batches, augmentation and dropout, the rate growing
    exponentially from `low` to `high`. By default: within a probe's budget, around the optimizer's default rate.

    The loss of each batch is compared with what the first weights give on the same batch, under the same dropout: what
    differs from batch to batch is the same in both. Of both an exponential mean is taken, and their ratio, times the
    mean loss of the first weights, is the smoothed loss: flat while the rate is too small to matter.

    Source: Smith (2017), "Cyclical Learning Rates for Training Neural Networks", section 3.3; exponential growth, the
    smoothing, the steepest descent and the stop at 4 times the best: Gugger (2018), "How Do You Find A Good Learning
    Rate", and fastai's `lr_find`. The ratio is our own: without it single batches mislead where they are small.
    """
    task, state = setup.task, trial_of(setup)
    first = copy_of(setup.state.network, task.config.seed)
    steps = steps or steps_within(task, STEPS)
    ends = usual_range(task.config.optimizer, steps)
    low, high = low or ends[0], high or ends[1]
    rates = rates_between(low, high, steps)
    ratio, best = Ratio(steps), math.inf
    raw: list[float] = []
    before: list[float] = []
    ratios: list[float] = []
    for rate, (x, y) in zip(rates, batches_of(task), strict=False):
        first.at(state.step)
        with torch.no_grad():
            before.append(float(task.objective(first(x), y)))
        raw.append(float(train_step(task, state, x, y, rate)[0]))
        ratios.append(ratio.add(raw[-1], before[-1]))
        best = min(best, ratios[-1])
        if not ratios[-1] <= STOP * best:
            break
    scale = mean(before) if all(map(math.isfinite, before)) else math.nan
    losses = tuple(each * scale for each in ratios)
    lrs = tuple(rates[: len(raw)])
    steepest, stable = found(lrs, losses)
    suggestion = None
    if steepest is not None and stable is not None:
        suggestion = float(f"{min(steepest, stable / SAFETY):.1e}")
    return RangeTest(low, high, steps, lrs, losses, tuple(raw), task.config.optimizer.lr, steepest, suggestion, stable)


class Ratio:
    """The exponential mean of losses over that of those they are compared with; a step in ten of the test counts."""

    def __init__(self, steps: int) -> None:
        self.share = min(1.0, 10 / steps)
        self.loss, self.compared = 0.0, 0.0

    def add(self, loss: float, compared: float) -> float:
        """The ratio after another step. Both means start at 0, which falls out of the ratio."""
        self.loss += self.share * (loss - self.loss)
        self.compared += self.share * (compared - self.compared)
        return self.loss / self.compared if self.compared else math.nan


def usual_range(optimizer: Optimizer, steps: int = STEPS) -> tuple[float, float]:
    """The ends around the optimizer's default rate: nearer to it where there are few steps, in which a rate that grows
    fast would be beyond the good ones before these had an effect."""
    usual = float(type(optimizer).fields["lr"].default)
    factor = 10 ** (POWERS * min(1.0, math.sqrt(steps / STEPS)))
    return usual / factor, usual * factor


def rates_between(low: float, high: float, steps: int) -> list[float]:
    """The rate of each step: `low` first, each larger by the same factor, `high` last."""
    return [low * (high / low) ** (step / max(1, steps - 1)) for step in range(steps)]


def found(lrs: Sequence[float], losses: Sequence[float]) -> tuple[float | None, float | None]:
    """Where the losses fall fastest before their minimum, and the minimum; None for both where they do not fall."""
    known = [loss for loss in losses if math.isfinite(loss)]  # all but the last one at most
    if not known:
        return None, None
    least = known.index(min(known))
    needed = STILL_FALLING if least == len(known) - 1 else LEAST_FALL
    if known[0] - known[least] <= needed * known[0]:
        return None, None
    falls = [(known[min(at + 1, least)] - known[at - 1], at) for at in range(1, least + 1)]
    return lrs[min(falls)[1]], lrs[least]
