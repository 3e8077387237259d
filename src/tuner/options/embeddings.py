"""Embeddings: what each number of a row becomes before the first layer."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tuner.bounds import Integer
from tuner.choice import Choice, setting
from tuner.options.initializers import Uniform, Zeros

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


class Embedding(Choice, kind="embedding"):
    """What each number of a row becomes before the first layer: several numbers, in a way learned for each column."""

    width: int = setting(Integer(ge=1, le=1_000), "how many numbers each number becomes", default=16)

    @abstractmethod
    def parameters(self, numbers: int) -> Shapes:
        """What is learned for so many numbers a row: name -> shape."""

    @abstractmethod
    def buffers(self, numbers: int) -> Shapes:
        """What is measured on the training part: name -> shape."""

    @abstractmethod
    def inside(self, numbers: int) -> int:
        """How many numbers it holds at once for a row."""

    @abstractmethod
    def flops(self, numbers: int) -> int:
        """Operations for a row, a multiply-add counting as two."""

    @abstractmethod
    def first_value(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """What the parameter `name` starts with: float32, on the CPU."""

    @abstractmethod
    def measured(self, x: Tensor) -> dict[str, Tensor]:
        """The buffers by the training part's normalised numbers x (N, numbers)."""

    @abstractmethod
    def embed(self, x: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        """(N, numbers) to (N, numbers * width) by its parameters and buffers."""


class PiecewiseLinear(Embedding, name="piecewise_linear", aliases=("piecewise_linear_embeddings", "ple", "pwl")):
    """A curve of straight pieces for each column, bent at the quantiles of its training numbers.

    Formula: e(x) = linear * x + weight @ p(x), with p_t(x) = (x - b[t-1]) / (b[t] - b[t-1]) held within 0 and 1, but
    below the first edge and above the last one the line goes on; b are the quantiles 0, 1/bins, ..., 1 of the column's
    normalised training numbers, each once. linear ~ U(-1/sqrt(width), 1/sqrt(width)), weight starts at 0.
    Choose it when: the input is a table whose numbers matter in steps and bends (an age, a price), where trees are
    ahead of a plain mlp. It does the work of a hidden layer. Columns of few values get few pieces.
    Source: Gorishniy, Rubachev, Babenko (2022), "On Embeddings for Numerical Features in Tabular Deep Learning",
    sections 3.2.1 and 3.4; the linear part, the zero start and no ReLU: Gorishniy, Kotelnikov, Babenko (2025), "TabM",
    whose code also adds a bias here, which the next layer's own takes up.
    """

    bins: int = setting(Integer(ge=2, le=1_000), "pieces of each column, at most", default=48)

    def parameters(self, numbers: int) -> Shapes:
        return {"linear": (numbers, self.width), "weight": (numbers, self.width, self.bins)}

    def buffers(self, numbers: int) -> Shapes:
        return {"edges": (numbers, self.bins + 1)}

    def inside(self, numbers: int) -> int:
        return numbers * max(self.bins, self.width)

    def flops(self, numbers: int) -> int:
        return numbers * (4 * self.bins + 2 * self.bins * self.width + 2 * self.width)

    def first_value(self, name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        start = Uniform(scale=1 / math.sqrt(self.width)) if name == "linear" else Zeros()
        return start.draw(shape, 0, 0, generator)

    def measured(self, x: Tensor) -> dict[str, Tensor]:
        edges = x.new_empty(self.buffers(x.shape[1])["edges"])
        for row, column in zip(edges, x.T, strict=True):
            distinct = quantiles(column, self.bins).unique()  # type: ignore[no-untyped-call]
            row.fill_(distinct[-1])
            row[: len(distinct)] = distinct
        return {"edges": edges}

    def embed(self, x: Tensor, own: Mapping[str, Tensor]) -> Tensor:
        columns = x.T.unsqueeze(2)
        shares = encode(columns, own["edges"].unsqueeze(1))
        embedded = columns * own["linear"].unsqueeze(1) + shares @ own["weight"].mT
        return embedded.transpose(0, 1).flatten(1)


def encode(x: Tensor, edges: Tensor) -> Tensor:
    """The piecewise-linear encoding p(x), (..., bins), of numbers x (..., 1) by ascending edges (..., bins + 1), each
    once and the last one repeated up to the end: a piece of no width is 0."""
    left, right = edges[..., :-1], edges[..., 1:]
    least = left.new_zeros(left.shape[-1])
    least[0] = -math.inf
    most = left.new_ones(left.shape).masked_fill_(right == edges[..., -1:], math.inf)
    width = (right - left).masked_fill_(right == left, math.inf)
    return ((x - left) / width).clamp(least, most)


def quantiles(x: Tensor, parts: int) -> Tensor:
    """The quantiles 0, 1 / parts, ..., 1 of x (N,), with a straight line between two neighbours."""
    ordered, last = x.sort().values, len(x) - 1
    places = [divmod(part * last, parts) for part in range(parts + 1)]
    below, rest = ordered[[place for place, _ in places]], x.new_tensor([rest / parts for _, rest in places])
    return below.lerp(ordered[[min(place + 1, last) for place, _ in places]], rest)
