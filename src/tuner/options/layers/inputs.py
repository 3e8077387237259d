"""What a network does with the features of a row before its first layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.figures import plural
from tuner.options.embeddings import Embedding
from tuner.options.initializers import Ones, Uniform
from tuner.options.layers.base import Block, Shape, Stage

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Input(Stage):
    """Takes rows (F,) to (F',): first the columns that are `kept` as they are, then the `numbers` that are embedded,
    then for each of the `codes` (column, codes, width) its row of a table, of which row 0 is 0 and stays so; all of it
    times a learned scale that starts at 1, where it `has_scale`.

    The tables start with U(-1/sqrt(width), 1/sqrt(width)). Source: Gorishniy et al. (2021), "Revisiting Deep Learning
    Models for Tabular Data", section 3.3; the scale: Holzmueller, Grinsztajn, Steinwart (2024), "Better by Default:
    Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data", section 3.
    """

    kept: tuple[int, ...]
    numbers: tuple[int, ...]
    codes: tuple[tuple[int, int, int], ...]
    embedding: Embedding | None
    has_scale: bool

    @property
    def words(self) -> str:
        embedded = [f"{plural(len(self.numbers), 'number')} {self.embedding.name}"] if self.embedding else []
        codes = [plural(len(self.codes), "embedding table")] if self.codes else []
        return ", ".join([*embedded, *codes, *(["scale"] if self.has_scale else [])])

    def plan(self, inputs: Shape) -> Block:
        """The block that takes rows of shape `inputs`."""
        numbers, embedding = len(self.numbers), self.embedding
        width = len(self.kept) + sum(width for *_, width in self.codes)
        parameters, flops, inside = {}, 0, 0
        if embedding:
            width += numbers * embedding.width
            parameters, flops, inside = (
                embedding.parameters(numbers),
                embedding.flops(numbers),
                embedding.inside(numbers),
            )
        if self.has_scale:
            parameters["scale"] = (width,)
            flops += width
        parameters |= {f"codes.{index}": (codes, width) for index, (_, codes, width) in enumerate(self.codes)}
        return Block("input", self, inputs, (width,), parameters, flops, inside=inside)

    def build(self, block: Block, seed: int) -> nn.Module:  # noqa: ARG002
        import torch

        embedding, codes, shapes = self.embedding, self.codes, block.parameters
        buffers = embedding.buffers(len(self.numbers)) if embedding else {}
        tables = [name for name in shapes if name.startswith("codes.")]

        class Inputs(torch.nn.Module):
            kept: Tensor
            numbers: Tensor
            scale: Tensor

            def __init__(self, kept: tuple[int, ...], numbers: tuple[int, ...]) -> None:
                super().__init__()
                for name in [name for name in shapes if name not in tables]:
                    self.register_parameter(name, torch.nn.Parameter(torch.empty(shapes[name])))
                self.codes = torch.nn.ParameterList(torch.empty(shapes[name]) for name in tables)
                for name, shape in buffers.items():
                    self.register_buffer(name, torch.zeros(shape))
                self.register_buffer("kept", torch.tensor(kept, dtype=torch.int64), persistent=False)
                self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)

            def forward(self, x: Tensor) -> Tensor:
                parts = [chosen(x, self.kept)] if len(self.kept) else []
                if embedding:
                    own = {name: getattr(self, name) for name in (*shapes, *buffers) if name not in tables}
                    parts.append(embedding.embed(chosen(x, self.numbers), own))
                parts += [
                    torch.nn.functional.embedding(x[:, column].long(), table, padding_idx=0)
                    for (column, *_), table in zip(codes, self.codes, strict=True)
                ]
                out = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
                return out * self.scale if "scale" in shapes else out

        return Inputs(self.kept, self.numbers)

    def measure(self, module: Any, rows: Tensor) -> None:
        """Sets the buffers of its module by the training part's normalised rows (N, F)."""
        if self.embedding:
            for name, value in self.embedding.measured(chosen(rows, module.numbers)).items():
                getattr(module, name).copy_(value)

    def first_value(self, block: Block, name: str, shape: Shape, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        if name == "scale":
            return Ones().draw(shape, 0, 0, generator)
        if self.embedding and name in self.embedding.parameters(len(self.numbers)):
            return self.embedding.first_value(name, shape, generator)
        table = Uniform(scale=1 / math.sqrt(shape[1])).draw(shape, 0, 0, generator)
        table[0] = 0
        return table


def chosen(rows: Tensor, columns: Tensor) -> Tensor:
    """Those columns of rows (N, F)."""
    return rows if len(columns) == rows.shape[1] else rows.index_select(1, columns)
