"""A learning rate for each weight, from the gradients it has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tuner.bounds import Flag, Number
from tuner.choice import Shared, setting
from tuner.options.optimizers.base import (
    EPS,
    LEARNING_RATE,
    LR,
    MOMENTUM,
    POSITIVE,
    ROOT,
    SHARE,
    Optimizer,
    torch_step,
    zeros,
)

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.options.optimizers.base import Memory, Tensors


class Adagrad(Optimizer, name="adagrad"):
    """Divides each weight's step by the root of the sum of all its squared gradients so far.

    Formula: s <- s + g^2, w <- w - lr * g / (sqrt(s) + eps); s starts at initial_accumulator.
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: features are sparse: rare ones keep a large step, frequent ones a small one. Steps only ever get
    smaller, so a long training of a deep network stalls; rmsprop and adam forget old gradients instead.
    Source: Duchi, Hazan, Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", section 1.1 (the diagonal form).
    """

    lr: float = setting(POSITIVE, LR, default=0.01, shared=LEARNING_RATE)
    eps: float = setting(POSITIVE, EPS, default=1e-10, shared=ROOT)
    initial_accumulator: float = setting(
        Number(ge=0, le=3e38), "what the sum of squares starts at; damps first steps", default=0.0
    )

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        state = zeros(parameter, "sum")
        state["sum"].fill_(self.initial_accumulator)
        return state

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        on_cpu = w[0].device.type == "cpu"  # torch >= 2.10 promises the fused kernel only there
        how = {"fused": on_cpu, "foreach": not on_cpu, "lr_decay": 0.0, "eps": self.eps, "maximize": False}
        torch_step("adagrad", w, g, state["sum"], state["step"], lr=lr, weight_decay=weight_decay, **how)


class RMSprop(Optimizer, name="rmsprop"):
    """Divides each weight's step by the root of a running mean of its squared gradients.

    Formula: s <- alpha * s + (1 - alpha) * g^2; d = g / (sqrt(s) + eps); w <- w - lr * d. With momentum B > 0:
    b <- B * b + d, w <- w - lr * b (lr stays outside the memory, unlike sgd's here). centered: m <- alpha * m +
    (1 - alpha) * g and sqrt(s - m^2) in place of sqrt(s). s starts at 0 and is not corrected for it, so that the
    first steps are large, up to lr / sqrt(1 - alpha).
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: the network is recurrent or the loss changes under way (reinforcement learning). Elsewhere adam,
    which adds momentum and corrects the start, is the more usual choice.
    Source: Tieleman, Hinton (2012), "Neural Networks for Machine Learning", lecture 6.5; centered: Graves (2013),
    "Generating Sequences with Recurrent Neural Networks", section 4.2.
    """

    alpha: float = setting(
        SHARE, "how much of the running mean of the squared gradient is kept each step", default=0.99
    )
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)
    momentum: float = setting(SHARE, "share of the last update that is kept", default=0.0, shared=MOMENTUM)
    centered: bool = setting(
        Flag(), "divide by the gradient's standard deviation, not its root mean square", default=False
    )

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if values.get("centered") and values.get("alpha") == 0:
            yield "centered", "centered needs an alpha above 0: a single gradient has no standard deviation"

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        momentum = ["momentum_buffer"] if self.momentum else []
        return zeros(parameter, "square_avg", *momentum, *(["grad_avg"] if self.centered else []))

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        means = state["square_avg"], state.get("grad_avg", []), state.get("momentum_buffer", []), state["step"]
        how = {"alpha": self.alpha, "eps": self.eps, "momentum": self.momentum, "centered": self.centered}
        torch_step("rmsprop", w, g, *means, foreach=True, lr=lr, weight_decay=weight_decay, **how)


class Adadelta(Optimizer, name="adadelta"):
    """Scales each weight's step by the ratio of its recent updates to its recent gradients: no lr to find.

    Formula: s <- rho * s + (1 - rho) * g^2; d = g * sqrt(u + eps) / sqrt(s + eps); u <- rho * u + (1 - rho) * d^2;
    w <- w - lr * d.
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: no time can be spent on lr; lr 1 is the paper's method. It starts slowly, since u starts at 0 and
    eps alone sets the first steps (larger eps: faster start), and a tuned adam or sgd usually ends better.
    Source: Zeiler (2012), "ADADELTA: An Adaptive Learning Rate Method", algorithm 1.
    """

    lr: float = setting(
        POSITIVE,
        "factor on the step, before warm-up and schedule; 1 is the paper's method",
        default=1.0,
        shared=LEARNING_RATE,
    )
    rho: float = setting(SHARE, "how much of the running means is kept each step", default=0.9)
    eps: float = setting(
        POSITIVE,
        "added under both roots; sets the size of the first steps",
        default=1e-6,
        shared=Shared("added under both roots"),
    )

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        return zeros(parameter, "square_avg", "acc_delta")

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        means = state["square_avg"], state["acc_delta"], state["step"]
        how = {"foreach": True, "rho": self.rho, "eps": self.eps, "maximize": False}
        torch_step("adadelta", w, g, *means, lr=lr, weight_decay=weight_decay, **how)
