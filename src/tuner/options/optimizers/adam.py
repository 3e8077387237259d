"""Adam and its kin: momentum, and a learning rate for each weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.bounds import ListOf, Number
from tuner.choice import Shared, setting
from tuner.options.optimizers.base import EPS, POSITIVE, ROOT, SHARE, Optimizer, torch_step, zeros

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.options.optimizers.base import Memory, Tensors

TWO_SHARES, MEANS = ListOf(SHARE, least=2, most=2), Shared("running means")
BETAS = "how much of the running mean of the gradient, and of its square, is kept each step"


class Adam(Optimizer, name="adam"):
    """Momentum, with each weight's step divided by the root of its running mean square gradient.

    Formula: with (b1, b2) = betas: m <- b1 * m + (1 - b1) * g; s <- b2 * s + (1 - b2) * g^2;
    w <- w - lr * (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + eps).
    Weight decay is not decoupled: g is g + weight_decay * w, so that it is divided by sqrt(s), too, and acts least
    where gradients are large. For weight decay that acts on all weights alike take adamw.
    Choose it when: a first good result should come without tuning; the size of a step hardly depends on the scale of
    the gradient, and lr 1e-3 suits most small networks. With a tuned lr and schedule, sgd with momentum often reaches
    better validation results on pictures.
    Source: Kingma, Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1.
    """

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        return _adam_state(parameter)

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        _fused_adam(self, w, g, state, lr, weight_decay)


class AdamW(Optimizer, name="adamw"):
    """Adam with weight decay taken out of the gradient: every weight shrinks at the same rate.

    Formula: w <- w * (1 - lr * weight_decay), then adam's step: with (b1, b2) = betas: m <- b1 * m + (1 - b1) * g;
    s <- b2 * s + (1 - b2) * g^2; w <- w - lr * (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + eps).
    Weight decay is decoupled; it is scaled by lr, and so by the schedule. Useful values are larger than for L2:
    0.01 to 0.1. At weight_decay 0, the default here (torch's is 0.01), it is adam.
    Choose it when: you would choose adam and want weight decay against overfitting.
    Source: Loshchilov, Hutter (2019), "Decoupled Weight Decay Regularization", algorithm 2 (there the decay has a
    scale of its own; here, as in torch, lr takes its place).
    """

    decoupled = True
    decay_is_share = True

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        return _adam_state(parameter)

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        _fused_adam(self, w, g, state, lr, weight_decay)


class NAdam(Optimizer, name="nadam"):
    """Adam with Nesterov's look ahead in place of plain momentum, and a momentum that warms up.

    Formula: with (b1, b2) = betas: k_t = b1 * (1 - 0.96^(t * momentum_decay) / 2), K_t = k_1 * ... * k_t;
    m <- b1 * m + (1 - b1) * g; s <- b2 * s + (1 - b2) * g^2;
    w <- w - lr * (k_(t+1) * m / (1 - K_t * k_(t+1)) + (1 - k_t) * g / (1 - K_t)) / (sqrt(s / (1 - b2^t)) + eps).
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: adam works and a little more speed is worth a try; the difference is usually small.
    Source: Dozat (2016), "Incorporating Nesterov Momentum into Adam", algorithm 2.
    """

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)
    momentum_decay: float = setting(Number(ge=0), "how fast the momentum rises from b1 / 2 towards b1", default=4e-3)

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        state = zeros(parameter, "exp_avg", "exp_avg_sq")
        return {**state, "mu_product": state["step"] + 1}

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        means = state["exp_avg"], state["exp_avg_sq"], state["mu_product"], state["step"]
        rates = {"lr": lr, "weight_decay": weight_decay, "eps": self.eps, **_betas(self.betas)}
        torch_step("nadam", w, g, *means, foreach=True, momentum_decay=self.momentum_decay, **rates)


class RAdam(Optimizer, name="radam"):
    """Adam that holds back its division while too few gradients have been seen to trust it: warm-up by formula.

    Formula: with (b1, b2) = betas: m <- b1 * m + (1 - b1) * g; s <- b2 * s + (1 - b2) * g^2; R = 2 / (1 - b2) - 1;
    r_t = R - 2 * t * b2^t / (1 - b2^t); a = m / (1 - b1^t). Where r_t > 5:
    w <- w - lr * a * c * sqrt(1 - b2^t) / (sqrt(s) + eps),
    c = sqrt((r_t - 4) * (r_t - 2) * R / ((R - 4) * (R - 2) * r_t)); else w <- w - lr * a.
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: adam is unstable in its first steps and you do not want to choose a warm-up. Its first steps (five
    at b2 = 0.999) are plain momentum steps of size lr * a: with large gradients they can be large.
    Source: Liu et al. (2020), "On the Variance of the Adaptive Learning Rate and Beyond", algorithm 2 (there the
    division starts at r_t > 4; here, as in torch, at 5).
    """

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        return zeros(parameter, "exp_avg", "exp_avg_sq")

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        means = state["exp_avg"], state["exp_avg_sq"], state["step"]
        rates = {"lr": lr, "weight_decay": weight_decay, "eps": self.eps, **_betas(self.betas)}
        torch_step("radam", w, g, *means, foreach=True, **rates)


def _adam_state(parameter: Tensor) -> dict[str, Tensor]:
    state = zeros(parameter, "exp_avg", "exp_avg_sq")
    return {**state, "step": state["step"].to(parameter.device)}  # the fused kernel reads it on the device


def _fused_adam(settings: Adam | AdamW, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
    largest: Tensors = []  # of amsgrad alone
    means = state["exp_avg"], state["exp_avg_sq"], largest, state["step"]
    how = {"fused": True, "amsgrad": False, "maximize": False, "decoupled_weight_decay": settings.decoupled}
    rates = {"lr": lr, "weight_decay": weight_decay, "eps": settings.eps, **_betas(settings.betas)}
    torch_step("adam", w, g, *means, **how, **rates)


def _betas(betas: list[float]) -> dict[str, float]:
    return {"beta1": betas[0], "beta2": betas[1]}
