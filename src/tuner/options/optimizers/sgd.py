"""Gradient descent with one learning rate for all weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tuner.bounds import Flag
from tuner.choice import setting
from tuner.options.optimizers.base import LEARNING_RATE, LR, MOMENTUM, POSITIVE, SHARE, Optimizer, torch_step

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.options.optimizers.base import Memory, Tensors


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

    lr: float = setting(POSITIVE, LR, default=0.01, shared=LEARNING_RATE)
    momentum: float = setting(
        SHARE, "share of the last update that is kept: B; 0.9 is usual", default=0.0, shared=MOMENTUM
    )
    nesterov: bool = setting(Flag(), "look ahead along the momentum (needs momentum above 0)", default=False)

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if values.get("nesterov") and values.get("momentum") == 0:
            yield "nesterov", "nesterov needs a momentum above 0, e.g. momentum: 0.9"

    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        import torch

        return {"momentum_buffer": torch.zeros_like(parameter)} if self.momentum else {}

    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        import torch

        buffers: list[Tensor | None] = [None] * len(w)
        if self.momentum:
            # torch's step with lr 1 on gradients times lr is the formula above; its buffer is -v.
            torch._foreach_mul_(g, lr)
            buffers, lr, weight_decay = [*state["momentum_buffer"]], 1.0, lr * weight_decay
        how = {"fused": True, "dampening": 0.0, "nesterov": self.nesterov, "maximize": False}
        torch_step("sgd", w, g, buffers, weight_decay=weight_decay, momentum=self.momentum, lr=lr, **how)
