"""Dropout."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from tuner.choice import setting
from tuner.options.layers.base import SHARE, Block, Layer, Place
from tuner.seeding import derive

if TYPE_CHECKING:
    from torch import Tensor, nn


class Dropout(Layer, name="dropout"):
    """Sets a random share of its inputs to zero while training and scales the others up; does nothing in evaluation.

    Formula: out = in * mask / (1 - dropout), mask ~ Bernoulli(1 - dropout).
    Choose it when: the model is good on its training data and clearly worse on validation data.
    Source: Srivastava et al. (2014), "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4.
    """

    group: ClassVar[str] = "dropout"
    passes_on: ClassVar[bool] = True
    draws: ClassVar[bool] = True

    dropout: float = setting(SHARE, "share of the inputs set to zero")

    def plan(self, place: Place) -> Block:
        return Block(place.name, self, place.inputs, place.inputs, {}, prod(place.inputs))

    def build(self, block: Block, seed: int) -> nn.Module:
        import torch

        dropped = min(65535, round(self.dropout * 65536))

        class Masking(torch.nn.Module):
            """Its mask is a function of (seed, step, layer)."""

            def __init__(self) -> None:
                super().__init__()
                self.step = 0
                self.generator: torch.Generator | None = None

            def forward(self, x: Tensor) -> Tensor:
                if not self.training:
                    return x
                if self.generator is None or self.generator.device != x.device:
                    self.generator = torch.Generator(x.device)
                self.generator.manual_seed(derive(seed, "dropout", block.name, self.step))
                # four masks from one draw of 64 bits: four times as fast as bernoulli_, the share in steps of 1/65536
                draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
                draws.random_(-(2**63), None, generator=self.generator)
                kept = draws.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - 32768
                return x * kept.to(x.dtype).mul_(65536 / (65536 - dropped))

        return Masking()
