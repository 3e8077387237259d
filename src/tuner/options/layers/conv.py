"""The convolution."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from tuner.bounds import Flag, Integer, Null, Of, OneOf
from tuner.choice import setting
from tuner.options.activations import Activation
from tuner.options.initializers import Initializer
from tuner.options.layers.base import WIDTH, Block, Layer, Place, PlanError, weighted_block, weighted_module

if TYPE_CHECKING:
    from torch import Tensor, nn


class Conv(Layer, name="conv"):
    """A convolution: convolution, then batch norm, then activation. Needs pictures (C, H, W).

    Formula: out[c] = sum over input channels k of (kernel[c, k] * in[k]) + bias[c]; no bias before batch norm.
    Choose it when: the same small pattern can stand anywhere in a picture.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    group: ClassVar[str] = "conv"

    conv: int = setting(WIDTH, "number of output channels")
    kernel_size: int = setting(Integer(ge=1, le=1_000), "side of the square kernel, in pixels", default=3)
    padding: str = setting(
        OneOf("same", "valid"), "same: the picture keeps its size; valid: no padding", default="same"
    )
    activation: Activation | None = setting(Null(Of(Activation)), "null: the model's", default=None)
    initializer: Initializer | None = setting(Null(Of(Initializer)), "null: the model's", default=None)
    batch_norm: bool | None = setting(Null(Flag()), "null: the model's", default=None)

    def plan(self, place: Place) -> Block:
        channels, height, width = place.picture("a convolution")
        side = self.kernel_size
        if side > min(height, width):
            message = f"a {side}x{side} kernel is larger than its picture of {height}x{width}"
            hint = f"kernel_size at most {min(height, width)}, or fewer layers before it"
            raise PlanError(place.path, message, hint)
        if self.padding == "valid":
            height, width = height - side + 1, width - side + 1
        weight = (self.conv, channels, side, side)
        place = place.own(self.activation, self.initializer, self.batch_norm)
        return weighted_block(self, place, weight, (self.conv, height, width), 2 * prod(weight) * height * width)

    def build(self, block: Block, seed: int) -> nn.Module:  # noqa: ARG002
        from torch import nn

        # as torch's padding="same" does it (one more on the right and below), without its warning about a copy
        whole = self.kernel_size - 1 if self.padding == "same" else 0
        before, after = whole // 2, whole - whole // 2
        even = before if before == after else 0
        uneven = None if before == after else (before, after, before, after)

        def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            x = x if uneven is None else nn.functional.pad(x, uneven)
            return nn.functional.conv2d(x, weight, bias, padding=even)

        return weighted_module(block, convolve, nn.BatchNorm2d)
