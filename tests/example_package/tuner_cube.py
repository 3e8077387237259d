"""A package that adds a choice to tuner: an activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.bounds import Number
from tuner.choice import setting
from tuner.options.activations import Activation

if TYPE_CHECKING:
    from torch import nn


class Cube(Activation, name="cube", aliases=("third_power",)):
    """The third power of its input.

    Formula: f(x) = scale * x^3; f'(x) = 3 * scale * x^2.
    Choose it when: an example of a package that adds an activation is wanted.
    Source: none; it is an example.
    """

    flops = 3

    scale: float = setting(Number(gt=0, le=1), "factor on the third power", default=0.1)

    def build(self) -> nn.Module:
        from torch import Tensor, nn

        class Module(nn.Module):
            def __init__(self, scale: float) -> None:
                super().__init__()
                self.scale = scale

            def forward(self, x: Tensor) -> Tensor:
                return self.scale * x**3

        return Module(self.scale)
