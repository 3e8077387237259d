"""Model + input shape -> layers with shapes, parameters and FLOPs, in plain Python: what `check` prints and what
`network` builds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tuner.options.layers.base import Block, Place, Shape
from tuner.options.layers.feedforward import Dense
from tuner.options.models import Model


@dataclass(frozen=True)
class Plan:
    """The layers of a network, first to last."""

    inputs: Shape
    blocks: tuple[Block, ...]

    @property
    def parameters(self) -> int:
        return sum(block.size for block in self.blocks)

    @property
    def flops(self) -> int:
        """Floating-point operations of one sample's forward pass."""
        return sum(block.flops for block in self.blocks)

    @property
    def train_flops(self) -> int:
        """Operations of one sample's training step: the backward pass costs twice the forward pass, but for the
        gradient by the input, which the first layer with weights does not need."""
        first = next((block.flops for block in self.blocks if block.parameters), 0)
        return 3 * self.flops - first


def plan(model: Model, inputs: Shape, units: int) -> Plan:
    """The plan of `model` for samples of shape `inputs` and `units` outputs. Raises PlanError."""
    layers = model.expand()
    following = False  # whether the layer after this one reads sequences, those that pass everything on aside
    sequences: list[bool] = []
    for _, layer in reversed(layers):
        sequences.append(following)
        following = following if layer.passes_on else layer.reads_sequences
    counts: Counter[str] = Counter()
    blocks: list[Block] = []
    for (path, layer), sequence in zip(layers, reversed(sequences), strict=True):
        name = f"{layer.group}.{counts[layer.group]}"
        counts[layer.group] += 1
        shape = blocks[-1].outputs if blocks else inputs
        place = Place(name, path, shape, model.activation, model.initializer, model.batch_norm, sequence)
        blocks.append(layer.plan(place))
    shape = blocks[-1].outputs if blocks else inputs
    output, place = model.output, Place("output", "model.output", shape, model.activation, model.initializer)
    last = Dense(dense=units, activation=output.activation, initializer=output.initializer, batch_norm=False)
    return Plan(inputs, (*blocks, last.plan(place)))
