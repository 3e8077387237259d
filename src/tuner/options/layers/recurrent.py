"""The recurrent layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuner.bounds import Null, Of, OneOf
from tuner.choice import setting
from tuner.options.initializers import Initializer, fans
from tuner.options.layers.base import WIDTH, Block, Layer, Place, Shape

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

CELL = OneOf("rnn", "gru", "lstm")


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
        return Block(
            name=place.name,
            layer=self,
            inputs=place.inputs,
            outputs=(steps, size) if place.sequence else (size,),
            parameters=parameters,
            flops=steps * (2 * rows * (features + size) + 8 * rows),
            initializer=self.initializer or place.initializer,
            sequence=place.sequence,
        )

    def build(self, block: Block, seed: int) -> nn.Module:  # noqa: ARG002
        from torch import nn

        kind = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[self.cell]
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
