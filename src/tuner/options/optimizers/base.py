"""What all optimizers share: their settings, their state, one step."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from tuner.bounds import Either, Flag, Number, OneOf, Part
from tuner.choice import Choice, Section, Shared, setting
from tuner.options.initializers import fans

if TYPE_CHECKING:
    from torch import Tensor

Tensors: TypeAlias = "list[Tensor]"
Memory: TypeAlias = "dict[str, list[Tensor]]"
POSITIVE = Number(gt=0, le=3e38)
LEARNING_RATE = Shared("learning rate", tuned=True)
LR = "learning rate, before warm-up and schedule"


def is_input_scale(name: str) -> bool:
    """Whether the parameter of this name is the learned scale of the inputs."""
    return name.startswith("input.") and name.endswith("scale")


class LearningRateFactors(Section):
    """What lr is multiplied by for a kind of parameter, and with it whatever lr scales, decoupled weight decay too."""

    weights: float | Literal["inverse_sqrt_fan_in"] = setting(
        Either(POSITIVE, OneOf("inverse_sqrt_fan_in")),
        "lr times this for parameters of 2 or more dims; inverse_sqrt_fan_in: 1 / sqrt(fan_in) of each, 1 for "
        "embeddings, each fed by one column",
        default=1.0,
    )
    bias: float = setting(POSITIVE, "lr times this for biases, batch norm's too", default=1.0)
    input_scale: float = setting(POSITIVE, "lr times this for the learned scale of the inputs", default=1.0)

    def of(self, name: str, shape: tuple[int, ...]) -> float:
        """The factor of a parameter by its name and shape; 1 for what is of none of these kinds."""
        if is_input_scale(name):
            return self.input_scale
        if name.rpartition(".")[2].startswith("bias"):
            return self.bias
        if len(shape) < 2:
            return 1.0
        if not isinstance(self.weights, str):
            return self.weights
        return 1.0 if name.startswith("input.") else 1 / math.sqrt(fans(shape)[0])


class Optimizer(Choice, kind="optimizer"):
    """How the gradient moves the weights.

    In the formulas w is a weight, g its gradient (after clipping), lr the learning rate of the step times the weight's
    factor (lr_factors), t the number of the step from 1 on; all state starts at 0 unless said otherwise, and every
    operation is element by element.
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
    lr_factors: LearningRateFactors = setting(
        Part(LearningRateFactors),
        "what lr is multiplied by for each kind of parameter; decoupled weight decay follows lr",
        default=LearningRateFactors(),
    )

    def decays(self, shape: tuple[int, ...]) -> bool:
        """Whether weight decay, where there is any, acts on a parameter of this shape."""
        return self.decay_bias_and_norm or len(shape) >= 2

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
