"""Model + input shape -> layers with shapes, parameters and FLOPs, in plain Python: what `check` prints and what
`network` builds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuner.options.layers.base import Block, Place, PlanError, Shape, describe
from tuner.options.layers.inputs import Input
from tuner.options.layers.of_torch import Dense
from tuner.options.models import Model

if TYPE_CHECKING:
    from tuner.data.columns import Feature


@dataclass(frozen=True)
class Plan:
    """The layers of a network, first to last."""

    inputs: Shape
    blocks: tuple[Block, ...]

    @property
    def parameters(self) -> int:
        return sum(block.size for block in self.blocks)

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of every parameter by its name: ``hidden.0.weight``."""
        return {f"{block.name}.{name}": shape for block in self.blocks for name, shape in block.parameters.items()}

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


def plan(model: Model, inputs: Shape, units: int, features: Sequence[Feature] = ()) -> Plan:
    """The plan of `model` for samples of shape `inputs` and `units` outputs. `features` say what the numbers of a row
    are; without them all are numbers. Raises PlanError."""
    layers = list(model.expand())
    counts: Counter[str] = Counter()
    blocks = first_blocks(model, inputs, features)
    shape, common = blocks[-1].outputs if blocks else inputs, (model.activation, model.initializer)
    for index, (path, layer) in enumerate(layers):
        name = f"{layer.group}.{counts[layer.group]}"
        counts[layer.group] += 1
        # what comes next, those that pass everything on aside
        sequence = next((each.reads_sequences for _, each in layers[index + 1 :] if not each.passes_on), False)
        blocks.append(layer.plan(Place(name, path, shape, *common, model.batch_norm, sequence)))
        shape = blocks[-1].outputs
    output = model.output
    last = Dense(dense=units, activation=output.activation, initializer=output.initializer, batch_norm=False)
    return Plan(inputs, (*blocks, last.plan(Place("output", "model.output", shape, *common))))


def first_blocks(model: Model, inputs: Shape, features: Sequence[Feature]) -> list[Block]:
    """What comes before the first layer: nothing, where that is given the samples as they are. Raises PlanError."""
    for key, value, what, off in (
        ("embeddings", model.embeddings, "embeddings are", "none"),
        ("input_scale", model.input_scale, "a scale of inputs is", "false"),
    ):
        if value and len(inputs) != 1:
            message = f"{what} for rows of numbers, and {describe(inputs)} comes in"
            raise PlanError(f"model.{key}", message, f"model.{key}: {off}")
    codes = tuple((at, each.codes, each.width) for at, each in enumerate(features) if each.kind == "code")
    if not (model.embeddings or model.input_scale or codes):
        return []
    kinds = [each.kind for each in features] or ["number"] * inputs[0]
    numbers = tuple(at for at, kind in enumerate(kinds) if kind == "number" and model.embeddings)
    if model.embeddings and not numbers:
        raise PlanError("model.embeddings", "no column holds numbers that could be embedded", "model.embeddings: none")
    kept = tuple(at for at, kind in enumerate(kinds) if kind != "code" and at not in numbers)
    return [Input(kept, numbers, codes, model.embeddings, model.input_scale).plan(inputs)]
