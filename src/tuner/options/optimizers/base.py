"""What all optimizers share: their settings, their state, one step."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from tuner.bounds import Flag, Number
from tuner.choice import Choice, Shared, setting

if TYPE_CHECKING:
    from torch import Tensor

Tensors: TypeAlias = "list[Tensor]"
Memory: TypeAlias = "dict[str, list[Tensor]]"
POSITIVE = Number(gt=0, le=3e38)
LEARNING_RATE = Shared("learning rate", tuned=True)
LR = "learning rate, before warm-up and schedule"


class Optimizer(Choice, kind="optimizer"):
    """How the gradient moves the weights.

    In the formulas w is a weight, g its gradient (after clipping), lr the learning rate of the step, t the number of
    the step from 1 on; all state starts at 0 unless said otherwise, and every operation is element by element.
    """

    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the weights directly; otherwise it is added to the gradient (L2)."""
    decay_is_share: ClassVar[bool] = False
    """Whether a step takes lr * weight_decay of each weight away, whatever its gradients are."""

    lr: float = setting(POSITIVE, LR, default=1e-3, shared=LEARNING_RATE)
    weight_decay: float = setting(
        Number(ge=0, le=3e38),
        "pull of the weights towards zero; parameters of 2 or more dims",
        default=0.0,
        shared=Shared("weight decay", tuned=True),
    )
    decay_bias_and_norm: bool = setting(Flag(), "weight decay on biases and batch norm parameters, too", default=False)

    @abstractmethod
    def state(self, parameter: Tensor) -> dict[str, Tensor]:
        """What is remembered for one parameter, as before the first step. Step counters that torch reads on the host
        lie on the CPU, whatever device the parameter is on: restore a state with `copy_`, so that each stays there.
        """

    def update(self, parameters: Tensors, gradients: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        """One step, in place, for parameters of one device and dtype; `state[name][i]` belongs to `parameters[i]`.

        `weight_decay` acts on every parameter given. The gradients may be overwritten, so each needs memory of its
        own, as `.grad` has. A GPU is not waited for.
        """
        import torch

        # The fused CPU kernels walk the memory of parameter and gradient side by side without a look at their strides.
        alike = [
            gradient if gradient.stride() == parameter.stride() else torch.empty_like(parameter).copy_(gradient)
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
        if parameters:
            with torch.no_grad():
                self._step(parameters, alike, state, lr, weight_decay)

    @abstractmethod
    def _step(self, w: Tensors, g: Tensors, state: Memory, lr: float, weight_decay: float) -> None:
        """`update` without gradient recording, on gradients laid out in memory as their parameters."""
