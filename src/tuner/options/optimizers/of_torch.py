"""The optimizers whose steps are torch's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tuner.bounds import Flag, ListOf, Number
from tuner.choice import Shared, setting
from tuner.options.optimizers.base import LEARNING_RATE, LR, POSITIVE, Memory, Optimizer, Tensors

if TYPE_CHECKING:
    from torch import Tensor

SHARE = Number(ge=0, lt=1)
MOMENTUM = Shared("share of the last update that is kept", tuned=True)
ROOT = Shared("added to the root")
EPS = "added to the denominator, so that it is never zero"
TWO_SHARES, MEANS = ListOf(SHARE, least=2, most=2), Shared("running means")
BETAS = "how much of the running mean of the gradient, and of its square, is kept each step"
ADAM = ("exp_avg", "exp_avg_sq", "", "step"), {"fused": True, "amsgrad": False}  # "": of amsgrad alone
FOREACH = {"foreach": True}


def zeros(self: Any, parameter: Tensor) -> dict[str, Tensor]:
    """The `state` whose `slots` start at 0, each like the parameter; the number of the step lies on the CPU, unless the
    function is fused."""
    import torch

    counter = torch.zeros((), device=parameter.device if "fused" in self.how else "cpu")
    return {slot: counter if slot == "step" else torch.zeros_like(parameter) for slot in self.slots if slot}


def step(self: Any, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
    """The `_step` of torch's function of this name, which takes the tensors in the order of `slots`, where "" is one
    that is not remembered, and by name `how` and the settings."""
    own = {key: value for key, value in self.__dict__.items() if key not in Optimizer.fields}
    if "betas" in own:
        own["beta1"], own["beta2"] = own.pop("betas")
    tensors = [state.get(slot, []) for slot in self.slots]
    torch_step(self.name, w, g, *tensors, lr=lr, weight_decay=weight_decay, maximize=False, **own, **self.how)


def torch_step(name: str, *tensors: Tensors, **settings: Any) -> None:
    """One step by torch's function of this name; its optimizer objects would import its compiler."""
    getattr(import_module(f"torch.optim.{name}"), name)(*tensors, **settings)


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

    slots, how = ADAM
    state, _step = zeros, step

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)


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
    slots, how = ADAM
    state, _step = zeros, step

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)


class NAdam(Optimizer, name="nadam"):
    """Adam with Nesterov's look ahead in place of plain momentum, and a momentum that warms up.

    Formula: with (b1, b2) = betas: k_t = b1 * (1 - 0.96^(t * momentum_decay) / 2), K_t = k_1 * ... * k_t;
    m <- b1 * m + (1 - b1) * g; s <- b2 * s + (1 - b2) * g^2;
    w <- w - lr * (k_(t+1) * m / (1 - K_t * k_(t+1)) + (1 - k_t) * g / (1 - K_t)) / (sqrt(s / (1 - b2^t)) + eps).
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: adam works and a little more speed is worth a try; the difference is usually small.
    Source: Dozat (2016), "Incorporating Nesterov Momentum into Adam", algorithm 2.
    """

    slots, how = ("exp_avg", "exp_avg_sq", "mu_product", "step"), FOREACH
    _step = step

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)
    momentum_decay: float = setting(Number(ge=0), "how fast the momentum rises from b1 / 2 towards b1", default=4e-3)

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        state = zeros(self, parameter)
        return {**state, "mu_product": state["step"] + 1}


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

    slots, how = ("exp_avg", "exp_avg_sq", "step"), FOREACH
    state, _step = zeros, step

    betas: list[float] = setting(TWO_SHARES, BETAS, default=[0.9, 0.999], shared=MEANS)
    eps: float = setting(POSITIVE, EPS, default=1e-8, shared=ROOT)


class Adagrad(Optimizer, name="adagrad"):
    """Divides each weight's step by the root of the sum of all its squared gradients so far.

    Formula: s <- s + g^2, w <- w - lr * g / (sqrt(s) + eps); s starts at initial_accumulator.
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: features are sparse: rare ones keep a large step, frequent ones a small one. Steps only ever get
    smaller, so a long training of a deep network stalls; rmsprop and adam forget old gradients instead.
    Source: Duchi, Hazan, Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", section 1.1 (the diagonal form).
    """

    slots, how = ("sum", "step"), FOREACH

    lr: float = setting(POSITIVE, LR, default=0.01, shared=LEARNING_RATE)
    eps: float = setting(POSITIVE, EPS, default=1e-10, shared=ROOT)
    initial_accumulator: float = setting(
        Number(ge=0, le=3e38), "what the sum of squares starts at; damps first steps", default=0.0
    )

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        state = zeros(self, parameter)
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

    how = FOREACH
    state, _step = zeros, step

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

    @property
    def slots(self) -> tuple[str, ...]:
        return "square_avg", "grad_avg" if self.centered else "", "momentum_buffer" if self.momentum else "", "step"


class Adadelta(Optimizer, name="adadelta"):
    """Scales each weight's step by the ratio of its recent updates to its recent gradients: no lr to find.

    Formula: s <- rho * s + (1 - rho) * g^2; d = g * sqrt(u + eps) / sqrt(s + eps); u <- rho * u + (1 - rho) * d^2;
    w <- w - lr * d.
    Weight decay is not decoupled: g is g + weight_decay * w.
    Choose it when: no time can be spent on lr; lr 1 is the paper's method. It starts slowly, since u starts at 0 and
    eps alone sets the first steps (larger eps: faster start), and a tuned adam or sgd usually ends better.
    Source: Zeiler (2012), "ADADELTA: An Adaptive Learning Rate Method", algorithm 1.
    """

    slots, how = ("square_avg", "acc_delta", "step"), FOREACH
    state, _step = zeros, step

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


class SGD(Optimizer, name="sgd", aliases=("stochastic_gradient_descent", "gradient_descent")):
    """Stochastic gradient descent: a step against the gradient, with momentum if wanted.

    Formula: momentum 0: w <- w - lr * g. Otherwise, with B = momentum: v <- B * v - lr * g, w <- w + v; with
    nesterov: w <- w + B * v - lr * g (v after its update).
    Weight decay is not decoupled: g is g + weight_decay * w throughout.
    torch keeps lr out of the memory (b <- B * b + g, w <- w - lr * b). While lr is constant v = -lr * b and both are
    the same; when lr changes during the run (schedule, warm-up) they differ: here a past step keeps the size it was
    taken with and fades by B, there a new lr rescales all past steps at once.
    Choose it when: you can afford to tune lr and its schedule: with momentum 0.9 it often ends at better validation
    results than adaptive methods on pictures. Momentum carries on through directions that agree from step to step
    and evens out those that flip; its steady step is lr / (1 - B), so lower lr when you raise it. Without tuning,
    adam gets somewhere sooner.
    Source: Robbins, Monro (1951), "A Stochastic Approximation Method"; momentum: Polyak (1964), "Some Methods of
    Speeding up the Convergence of Iteration Methods"; both forms: Sutskever, Martens, Dahl, Hinton (2013), "On the
    Importance of Initialization and Momentum in Deep Learning", section 2.
    """

    decay_is_share = True
    how = {"fused": True, "dampening": 0.0}
    state = zeros

    lr: float = setting(POSITIVE, LR, default=0.01, shared=LEARNING_RATE)
    momentum: float = setting(
        SHARE, "share of the last update that is kept: B; 0.9 is usual", default=0.0, shared=MOMENTUM
    )
    nesterov: bool = setting(Flag(), "look ahead along the momentum (needs momentum above 0)", default=False)

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if values.get("nesterov") and values.get("momentum") == 0:
            yield "nesterov", "nesterov needs a momentum above 0, e.g. momentum: 0.9"

    @property
    def slots(self) -> tuple[str, ...]:
        return ("momentum_buffer" if self.momentum else "",)

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        import torch

        if self.momentum:
            # torch's step with lr 1 on gradients times lr is the formula above; its buffer is -v.
            torch._foreach_mul_(g, lr)
            lr, weight_decay = 1.0, lr * weight_decay
        step(self, w, g, state, lr, weight_decay)
