"""Pooling."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from tuner.bounds import Integer, OneOf
from tuner.choice import setting
from tuner.options.layers.base import Block, Layer, Place, PlanError

if TYPE_CHECKING:
    from torch import Tensor, nn


class Pool(Layer, name="pool"):
    """Pooling over squares that do not overlap; an incomplete square at the border is left out.

    Formula: out = max (or mean) of each pool x pool square.
    Choose it when: where exactly a pattern stands matters less than that it is there; a quarter of the numbers remain.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    group: ClassVar[str] = "pool"

    pool: int = setting(Integer(ge=2, le=1_000), "side of the square, in pixels")
    mode: str = setting(OneOf("max", "mean"), "what is kept of a square", default="max")

    def plan(self, place: Place) -> Block:
        channels, height, width = place.picture("pooling")
        if self.pool > min(height, width):
            message = f"pooling by {self.pool} leaves nothing of a picture of {height}x{width}"
            raise PlanError(place.path, message, "fewer convolutions or pooling layers before it")
        outputs = (channels, height // self.pool, width // self.pool)
        return Block(place.name, self, place.inputs, outputs, {}, prod(outputs) * self.pool**2)

    def build(self, block: Block, seed: int) -> nn.Module:  # noqa: ARG002
        from torch import nn

        pool, side = nn.functional.max_pool2d if self.mode == "max" else nn.functional.avg_pool2d, self.pool

        class Pooling(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return pool(x, side)

        return Pooling()
