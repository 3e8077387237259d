"""Schedulers: the learning rate as a function of the step. Plain Python: torch is not needed to draw a schedule."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tuner.bounds import Integer, ListOf, Number
from tuner.choice import Choice, Shared, setting

GAMMA = Number(gt=0, le=1)
NOT_NEGATIVE = Number(ge=0)
LOWEST = Shared("lowest learning rate")


@dataclass(frozen=True)
class Moment:
    """Where a run stands in its schedule, which begins when the warm-up ends."""

    epochs: float
    """Epochs since the end of the warm-up, in fractions: what changes at every step."""
    progress: float
    """The share of the schedule up to `training.epochs` that lies behind, in [0, 1]."""
    epoch: int
    """Borders of the run's epochs passed since the first one at or after the end of the warm-up."""
    history: tuple[float, ...] = ()
    """Monitor values of the epochs that `epoch` counts, so that smaller is better."""


class Scheduler(Choice, kind="scheduler"):
    """How the learning rate changes during the run: warm-up first, then the schedule over what remains.

    In the formulas lr is the optimizer's, e the number of epochs since the warm-up (in fractions, or whole where the
    schedule changes at epoch borders only), p the share of the steps after the warm-up that have been taken.
    """

    every_step: ClassVar[bool] = True
    """Whether the learning rate may change within an epoch, after the warm-up."""
    spans: ClassVar[bool] = False
    """Whether it is laid out over all of training.epochs."""
    lowest: ClassVar[str] = ""
    """The setting that is the lowest learning rate of the schedule, where it has one: it must not be above lr."""

    warmup_epochs: float = setting(
        NOT_NEGATIVE, "epochs over which the learning rate ramps up to lr first", default=0.0, shared=Shared("warm-up")
    )

    @abstractmethod
    def rate(self, lr: float, at: Moment) -> float:
        """The learning rate of the step that begins at this moment, after the warm-up."""


def learning_rate(
    scheduler: Scheduler, lr: float, step: int, steps_per_epoch: int, epochs: int, history: Sequence[float] = ()
) -> float:
    """The learning rate of step `step`, counted from 0.

    `history` has one monitor value an epoch from the run's first epoch on, oriented so that smaller is better; values
    of epochs that were not over before this step are left aside, so the answer does not change as it grows.
    """
    warmup_steps = math.ceil(round(scheduler.warmup_epochs * steps_per_epoch, 6))
    if step < warmup_steps:
        return lr * ((step + 1) / warmup_steps)
    first_border = math.ceil(warmup_steps / steps_per_epoch)
    epoch = step // steps_per_epoch
    taken = step - warmup_steps
    at = Moment(
        epochs=taken / steps_per_epoch,
        progress=min(1.0, taken / max(1, steps_per_epoch * epochs - warmup_steps)),
        epoch=max(0, epoch - first_border),
        history=tuple(history[first_border:epoch]),
    )
    return scheduler.rate(lr, at)


class NoSchedule(Scheduler, name="none", aliases=("constant",)):
    """The learning rate stays as it is, after the warm-up if there is one.

    Formula: lr(e) = lr.
    Choose it when: you compare other settings, try things out, or use an adaptive method for a short run. A falling
    learning rate nearly always ends better with sgd: its noise keeps a constant one from settling.
    Source: Robbins, Monro (1951), "A Stochastic Approximation Method" (why it has to fall in the end); warm-up: Goyal
    et al. (2017), "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", section 2.2.
    """

    every_step = False

    def rate(self, lr: float, at: Moment) -> float:  # noqa: ARG002
        return lr


class Step(Scheduler, name="step"):
    """The learning rate falls by the same factor every few epochs.

    Formula: lr(e) = lr * gamma^floor(e / step_size), e whole.
    Choose it when: a recipe asks for it. multistep puts the falls where you want them; cosine has none to place.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.3.1 (why to decrease it);
    Bengio (2012), "Practical Recommendations for Gradient-Based Training of Deep Architectures", section 3.1.1.
    """

    every_step = False

    step_size: int = setting(Integer(ge=1), "epochs between two falls", default=10)
    gamma: float = setting(GAMMA, "factor at each fall", default=0.1, shared=Shared("a fall"))

    def rate(self, lr: float, at: Moment) -> float:
        return float(lr * self.gamma ** (at.epoch // self.step_size))


class MultiStep(Scheduler, name="multistep", aliases=("piecewise_constant",)):
    """The learning rate falls by the same factor after chosen epochs.

    Formula: lr(e) = lr * gamma^(number of milestones <= e), e whole.
    Choose it when: sgd with momentum trains a network on pictures for a known number of epochs: falls at 1/2 and 3/4
    of them, each when the validation loss has levelled off. The epochs of the milestones have to move with
    training.epochs; cosine adapts by itself.
    Source: He, Zhang, Ren, Sun (2016), "Deep Residual Learning for Image Recognition", section 4.2.
    """

    every_step = False

    milestones: list[int] = setting(
        ListOf(Integer(ge=1), least=1, most=1000), "epochs (after the warm-up) after which it falls", default=[10, 15]
    )
    gamma: float = setting(GAMMA, "factor at each milestone", default=0.1, shared=Shared("a fall"))

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        milestones = values.get("milestones", [])
        if milestones != sorted(set(milestones)):
            yield "milestones", "milestones must ascend, each one later than the one before"

    def rate(self, lr: float, at: Moment) -> float:
        return float(lr * self.gamma ** sum(milestone <= at.epoch for milestone in self.milestones))


class Exponential(Scheduler, name="exponential"):
    """The learning rate falls by the same factor every epoch, a little at every step.

    Formula: lr(e) = lr * gamma^e.
    Choose it when: the length of the training is open, so that cosine and linear cannot be used. It falls fast first:
    half is gone after ln 2 / -ln(gamma) epochs (13.5 at 0.95).
    Source: Bottou (2012), "Stochastic Gradient Descent Tricks", section 5.2 (on schedules and how to choose them);
    Senior, Heigold, Ranzato, Yang (2013), "An Empirical Study of Learning Rates in Deep Neural Networks for Speech
    Recognition" (compared with other forms).
    """

    gamma: float = setting(GAMMA, "factor an epoch", default=0.95, shared=Shared("an epoch"))

    def rate(self, lr: float, at: Moment) -> float:
        return float(lr * self.gamma**at.epochs)


class InverseTime(Scheduler, name="inverse_time", aliases=("inverse_time_decay", "time_based")):
    """The learning rate falls like one over the time.

    Formula: lr(e) = lr / (1 + decay * e), a little at every step.
    Choose it when: plain sgd should converge for certain: it meets Robbins and Monro's conditions (the sum of the
    rates diverges, that of their squares does not). It falls slowly late, so short trainings end too high: prefer
    cosine or linear there.
    Source: Robbins, Monro (1951), "A Stochastic Approximation Method"; Bottou (2012), "Stochastic Gradient Descent
    Tricks", section 5.2.
    """

    decay: float = setting(NOT_NEGATIVE, "how fast it falls: half is left after 1 / decay epochs", default=0.1)

    def rate(self, lr: float, at: Moment) -> float:
        return lr / (1 + self.decay * at.epochs)


class Cosine(Scheduler, name="cosine", aliases=("cosine_annealing",)):
    """The learning rate follows half a cosine from lr down to min_lr: slowly, fast, slowly.

    Formula: lr(p) = min_lr + (lr - min_lr) * (1 + cos(pi * p)) / 2, at every step; no restarts.
    Choose it when: training.epochs is fixed and nothing speaks for another schedule; apart from lr it needs no
    tuning. Its good results come in the last third: early stopping before that gives most of them away.
    Source: Loshchilov, Hutter (2017), "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5.
    """

    spans = True
    lowest = "min_lr"

    min_lr: float = setting(NOT_NEGATIVE, "learning rate at the end, at most lr", default=0.0, shared=LOWEST)

    def rate(self, lr: float, at: Moment) -> float:
        return self.min_lr + (lr - self.min_lr) * (1 + math.cos(math.pi * at.progress)) / 2


class CosineLog(Scheduler, name="cosine_log", aliases=("coslog4",)):
    """The learning rate rises from min_lr to lr and falls back four times, in waves that each last twice as long.

    Formula: lr(p) = min_lr + (lr - min_lr) * (1 - cos(2 * pi * log2(1 + 15 * p))) / 2, at every step: lr at p = 0.028,
    0.122, 0.310, 0.688, min_lr between them and at both ends.
    Choose it when: a table trains for a known number of epochs without a tuned lr: the waves try it high and low, each
    one ends in a low rate where a good epoch may lie, and the last, half of the run, ends as cosine does. It begins at
    min_lr by itself: a warm-up before it is seldom of use.
    Source: Holzmüller, Grinsztajn, Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
    Tabular Data" (RealMLP's schedule).
    """

    spans = True
    lowest = "min_lr"

    min_lr: float = setting(NOT_NEGATIVE, "learning rate between two waves, at most lr", default=0.0, shared=LOWEST)

    def rate(self, lr: float, at: Moment) -> float:
        return self.min_lr + (lr - self.min_lr) * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * at.progress))) / 2


class LinearDecay(Scheduler, name="linear", aliases=("linear_decay",)):
    """The learning rate falls on a straight line from lr to end_lr.

    Formula: lr(p) = lr + (end_lr - lr) * p, at every step.
    Choose it when: you would choose cosine; a line to zero does about as well and is the usual one for adamw on
    transformers. training.epochs has to be fixed.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 8.3.1, equation 8.14; Li, Yumer, Ramanan
    (2020), "Budgeted Training: Rethinking Deep Neural Network Training under Resource Constraints".
    """

    spans = True
    lowest = "end_lr"

    end_lr: float = setting(NOT_NEGATIVE, "learning rate at the end, at most lr", default=0.0)

    def rate(self, lr: float, at: Moment) -> float:
        return lr + (self.end_lr - lr) * at.progress


class OneCycle(Scheduler, name="one_cycle", aliases=("super_convergence",)):
    """The learning rate rises to a peak, which is the optimizer's lr, then falls far below where it began.

    Formula: with low = lr / initial_division and end = low / final_division:
    lr(p) = low + (lr - low) * (1 - cos(pi * p / rise)) / 2 for p < rise, else
    lr(p) = end + (lr - end) * (1 + cos(pi * (p - rise) / (1 - rise))) / 2, at every step.
    Choose it when: a good result should come in few epochs: the rise allows a peak lr several times the best constant
    one (find it with a range test). There is no warm-up before it: the rise is one. Momentum is not cycled.
    Source: Smith, Topin (2019), "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates", section 3 (there in straight lines).
    """

    spans = True

    warmup_epochs: float = setting(NOT_NEGATIVE, "0: the rise is the warm-up", default=0.0, shared=Shared("none"))
    rise: float = setting(Number(gt=0, lt=1), "share of the schedule in which the learning rate rises", default=0.3)
    initial_division: float = setting(Number(ge=1), "the first learning rate is lr / initial_division", default=25.0)
    final_division: float = setting(
        Number(ge=1), "the last learning rate is the first one / final_division", default=1e4
    )

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if values.get("warmup_epochs"):
            yield (
                "warmup_epochs",
                "one_cycle has no warm-up before it, its rise is one: leave warmup_epochs out or at 0",
            )

    def rate(self, lr: float, at: Moment) -> float:
        low = lr / self.initial_division
        end = low / self.final_division
        if at.progress < self.rise:
            return low + (lr - low) * (1 - math.cos(math.pi * at.progress / self.rise)) / 2
        fallen = (at.progress - self.rise) / (1 - self.rise)
        return end + (lr - end) * (1 + math.cos(math.pi * fallen)) / 2


class Plateau(Scheduler, name="plateau", aliases=("reduce_on_plateau", "reduce_lr_on_plateau")):
    """The learning rate falls when training.monitor has not become better for some epochs.

    Formula: an epoch is better if it beats the best so far (since the warm-up) by more than threshold. After
    `patience` epochs in a row that are not, lr is multiplied by factor, at the epoch border; the next `cooldown`
    epochs are not counted as misses. lr never falls below min_lr.
    threshold is a difference, in the monitor's units, as early_stopping's min_delta is (torch's is a ratio by
    default; torch also waits for one epoch more than its patience).
    Choose it when: you do not know how many epochs the training needs, and the monitor is not too noisy. Keep
    patience below early_stopping.patience, or the run stops before it can help.
    Source: Bengio (2012), "Practical Recommendations for Gradient-Based Training of Deep Architectures", section
    3.1.1; He et al. (2016), "Deep Residual Learning for Image Recognition", section 3.4 (falls when the error
    plateaus).
    """

    every_step = False
    lowest = "min_lr"

    factor: float = setting(Number(gt=0, lt=1), "factor at each fall", default=0.1)
    patience: int = setting(Integer(ge=1), "epochs in a row without improvement before it falls", default=5)
    threshold: float = setting(NOT_NEGATIVE, "an improvement has to be larger than this", default=1e-4)
    cooldown: int = setting(Integer(ge=0), "epochs after a fall in which misses do not count", default=0)
    min_lr: float = setting(
        NOT_NEGATIVE, "the learning rate does not fall below this, which is at most lr", default=0.0, shared=LOWEST
    )

    def rate(self, lr: float, at: Moment) -> float:
        best, misses, resting, falls = math.inf, 0, 0, 0
        for value in at.history:
            better = value < best - self.threshold  # False for nan: a miss
            best = value if better else best
            misses = 0 if better or resting or best == math.inf else misses + 1  # nothing yet to be worse than
            resting = max(0, resting - 1)
            if misses == self.patience:
                misses, resting, falls = 0, self.cooldown, falls + 1
        return min(lr, max(self.min_lr, lr * self.factor**falls))
