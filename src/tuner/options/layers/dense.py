"""The fully connected layer."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from tuner.bounds import Flag, Null, Of
from tuner.choice import setting
from tuner.options.activations import Activation
from tuner.options.initializers import Initializer
from tuner.options.layers.base import WIDTH, Block, Layer, Place, weighted_block, weighted_module

if TYPE_CHECKING:
    from torch import Tensor, nn


class Dense(Layer, name="dense"):
    """A fully connected layer: dense, then batch norm, then activation. Whatever comes in is flattened.

    Formula: out = weight @ in + bias; no bias before batch norm.
    Choose it when: every input may matter to every unit: tables, and the end of a convolutional network.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.
    """

    group: ClassVar[str] = "hidden"

    dense: int = setting(WIDTH, "number of units")
    activation: Activation | None = setting(Null(Of(Activation)), "null: the model's", default=None)
    initializer: Initializer | None = setting(Null(Of(Initializer)), "null: the model's", default=None)
    batch_norm: bool | None = setting(Null(Flag()), "null: the model's", default=None)

    def plan(self, place: Place) -> Block:
        weight = (self.dense, prod(place.inputs))
        place = place.own(self.activation, self.initializer, self.batch_norm)
        return weighted_block(self, place, weight, (self.dense,), 2 * prod(weight))

    def build(self, block: Block, seed: int) -> nn.Module:  # noqa: ARG002
        from torch import nn

        def dense(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return nn.functional.linear(x.flatten(1) if x.ndim > 2 else x, weight, bias)

        return weighted_module(block, dense, nn.BatchNorm1d)
