"""The layers that torch has: convolution, pooling, dense, dropout, recurrent."""
# ruff: noqa: ARG002 - all layers share one signature; only those that draw need the seed

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from tuner.bounds import Flag, Integer, Null, Of, OneOf
from tuner.choice import setting
from tuner.options.activations import Activation
from tuner.options.initializers import Initializer, fans
from tuner.options.layers.base import SHARE, WIDTH, Block, Layer, Place, PlanError, Shape
from tuner.seeding import derive

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

CELL = OneOf("rnn", "gru", "lstm")


class Conv(Layer, name="conv"):
    """A convolution: convolution, then batch norm, then activation. Needs pictures (C, H, W).

    Formula: out[c] = sum over input channels k of (kernel[c, k] * in[k]) + bias[c]; no bias before batch norm.
    Choose it when: the same small pattern can stand anywhere in a picture.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    group = "conv"

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
        return weighted_block(self, place, weight, (self.conv, height, width), 2 * prod(weight) * height * width)

    def build(self, block: Block, seed: int) -> nn.Module:
        from torch import nn

        # as torch's padding="same" does it (one more on the right and below), without its warning about a copy
        before, more = divmod(self.kernel_size - 1 if self.padding == "same" else 0, 2)

        def convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            x = nn.functional.pad(x, (before, before + more) * 2) if more else x
            return nn.functional.conv2d(x, weight, bias, padding=0 if more else before)

        return weighted_module(block, convolve, nn.BatchNorm2d)


class Pool(Layer, name="pool"):
    """Pooling over squares that do not overlap; an incomplete square at the border is left out.

    Formula: out = max (or mean) of each pool x pool square.
    Choose it when: where exactly a pattern stands matters less than that it is there; a quarter of the numbers remain.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    group = "pool"

    pool: int = setting(Integer(ge=2, le=1_000), "side of the square, in pixels")
    mode: str = setting(OneOf("max", "mean"), "what is kept of a square", default="max")

    def plan(self, place: Place) -> Block:
        channels, height, width = place.picture("pooling")
        if self.pool > min(height, width):
            message = f"pooling by {self.pool} leaves nothing of a picture of {height}x{width}"
            raise PlanError(place.path, message, "fewer convolutions or pooling layers before it")
        outputs = (channels, height // self.pool, width // self.pool)
        return Block(place.name, self, place.inputs, outputs, {}, prod(outputs) * self.pool**2)

    def build(self, block: Block, seed: int) -> nn.Module:
        from torch import nn

        return nn.MaxPool2d(self.pool) if self.mode == "max" else nn.AvgPool2d(self.pool)

    def may_come_before_relu(self) -> bool:
        return self.mode == "max"


class Dense(Layer, name="dense"):
    """A fully connected layer: dense, then batch norm, then activation. Whatever comes in is flattened.

    Formula: out = weight @ in + bias; no bias before batch norm.
    Choose it when: every input may matter to every unit: tables, and the end of a convolutional network.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.
    """

    group = "hidden"

    dense: int = setting(WIDTH, "number of units")
    activation: Activation | None = setting(Null(Of(Activation)), "null: the model's", default=None)
    initializer: Initializer | None = setting(Null(Of(Initializer)), "null: the model's", default=None)
    batch_norm: bool | None = setting(Null(Flag()), "null: the model's", default=None)

    def plan(self, place: Place) -> Block:
        weight = (self.dense, prod(place.inputs))
        return weighted_block(self, place, weight, (self.dense,), 2 * prod(weight))

    def build(self, block: Block, seed: int) -> nn.Module:
        from torch import nn

        def dense(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return nn.functional.linear(x.flatten(1) if x.ndim > 2 else x, weight, bias)

        return weighted_module(block, dense, nn.BatchNorm1d)


class Dropout(Layer, name="dropout"):
    """Sets a random share of its inputs to zero while training and scales the others up; does nothing in evaluation.

    Formula: out = in * mask / (1 - dropout), mask ~ Bernoulli(1 - dropout).
    Choose it when: the model is good on its training data and clearly worse on validation data.
    Source: Srivastava et al. (2014), "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4.
    """

    group = "dropout"
    passes_on = True
    draws = True

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
                return x * kept.to(torch.float32).mul_(65536 / (65536 - dropped))  # bfloat16 would round the factor

        return Masking()


class Recurrent(Layer, name="rnn"):
    """A recurrent layer over a sequence (T, F); the last one of a network hands on its last state.

    Formula: rnn: h[t] = tanh(W x[t] + U h[t-1] + b); gru and lstm add gates (torch's definitions).
    Choose it when: the input is a sequence and what came earlier matters.
    Source: Elman (1990), "Finding Structure in Time"; Cho et al. (2014); Hochreiter, Schmidhuber (1997).
    """

    group = "rnn"
    reads_sequences = True

    rnn: int = setting(WIDTH, "size of the state")
    cell: str = setting(CELL, "the kind of cell", default="rnn")
    initializer: Initializer | None = setting(Null(Of(Initializer)), "null: the model's", default=None)

    def gates(self) -> int:
        return {"rnn": 1, "gru": 3, "lstm": 4}[self.cell]

    def plan(self, place: Place) -> Block:
        if len(place.inputs) == 1:
            raise place.misfit("a recurrent layer reads sequences or pictures")
        steps, features = steps_of(place.inputs)
        size, rows = self.rnn, self.gates() * self.rnn
        parameters = {
            "cell.weight_ih_l0": (rows, features),
            "cell.weight_hh_l0": (rows, size),
            "cell.bias_ih_l0": (rows,),
            "cell.bias_hh_l0": (rows,),
        }
        outputs = (steps, size) if place.sequence else (size,)
        flops = steps * (2 * rows * (features + size) + 8 * rows)
        initializer, sequence = self.initializer or place.initializer, place.sequence
        shapes = place.inputs, outputs, parameters
        return Block(place.name, self, *shapes, flops, initializer=initializer, sequence=sequence)

    def build(self, block: Block, seed: int) -> nn.Module:
        from torch import nn

        kind = getattr(nn, self.cell.upper())
        # torch draws first values from the global generator unless the layer is made on the meta device
        made = kind(steps_of(block.inputs)[1], self.rnn, batch_first=True, device="meta").to_empty(device="cpu")

        class Recurrence(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.cell = made

            def forward(self, x: Tensor) -> Tensor:
                if x.ndim == 4:
                    x = x.transpose(1, 2).flatten(2)
                states, _ = self.cell(x)
                out: Tensor = states if block.sequence else states[:, -1]
                return out

        return Recurrence()

    def first_value(self, block: Block, name: str, shape: Shape, generator: torch.Generator) -> Tensor:
        assert block.initializer is not None  # noqa: S101 - its plan gives it one
        if "bias" in name:
            return block.initializer.draw_bias(shape, self.rnn, generator)
        fan_in, fan_out = fans(shape)
        if block.initializer.name == "default":
            fan_in = shape[0]  # torch's rule for recurrent layers: the size of the state
        return block.initializer.draw(shape, fan_in, fan_out, generator)


def steps_of(inputs: Shape) -> tuple[int, int]:
    """Steps of a sequence and numbers a step; a picture (C, H, W) is read row by row: H steps of C * W numbers."""
    return (inputs[1], inputs[0] * inputs[2]) if len(inputs) == 3 else (inputs[0], inputs[1])


def weighted_block(layer: Conv | Dense, place: Place, weight: Shape, outputs: Shape, flops: int) -> Block:
    """A layer with weights, then batch norm in place of the bias, then the activation."""
    activation, initializer = layer.activation or place.activation, layer.initializer or place.initializer
    batch_norm = place.batch_norm if layer.batch_norm is None else layer.batch_norm
    names = ["norm.weight", "norm.bias"] if batch_norm else ["bias"]
    parameters = {"weight": weight, **dict.fromkeys(names, weight[:1])}
    parameters |= {f"activation.{key}": shape for key, shape in activation.parameters().items()}
    flops += prod(outputs) * (activation.flops + (4 if batch_norm else 1))
    return Block(place.name, layer, place.inputs, outputs, parameters, flops, activation, initializer, batch_norm)


def weighted_module(
    block: Block, transform: Callable[[Tensor, Tensor, Tensor | None], Tensor], norm: Callable[[int], nn.Module]
) -> nn.Module:
    """The module of a `weighted_block`: `transform` takes (inputs, weight, bias), `norm` makes a batch norm."""
    import torch

    class Weighted(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.empty(block.parameters["weight"]))
            self.bias = None if block.batch_norm else torch.nn.Parameter(torch.empty(block.parameters["bias"]))
            self.norm = norm(block.parameters["weight"][0]) if block.batch_norm else None
            activation = block.activation
            self.activation = None if activation is None or activation.name == "linear" else activation.build()

        def before_activation(self, x: Tensor) -> Tensor:
            x = transform(x, self.weight, self.bias)
            return x if self.norm is None else self.norm(x)

        def forward(self, x: Tensor) -> Tensor:
            x = self.before_activation(x)
            return x if self.activation is None else self.activation(x)

    return Weighted()
