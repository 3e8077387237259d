"""What a layer is: it plans itself for what comes in, and builds the module that its plan says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from tuner.bounds import Integer, Number
from tuner.choice import Choice
from tuner.options.activations import Activation
from tuner.options.initializers import Initializer, fans

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Shape = tuple[int, ...]
WIDTH = Integer(ge=1, le=1_000_000)
SHARE = Number(ge=0, lt=1)


class PlanError(Exception):
    """A layer does not fit what comes into it; `path` is the config key that is to blame."""

    def __init__(self, path: str, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.path, self.message, self.suggestion = path, message, suggestion


@dataclass(frozen=True)
class Place:
    """Where a layer stands in a network.

    `name` is what weights and statistics go by (``conv.0``, ``output``), `path` the config key that it comes from,
    `inputs` the shape of one sample that comes in. `activation`, `initializer` and `batch_norm` are the model's, which
    hold where the layer has none of its own; `sequence` says whether the next layer reads sequences.
    """

    name: str
    path: str
    inputs: Shape
    activation: Activation
    initializer: Initializer
    batch_norm: bool = False
    sequence: bool = False

    def picture(self, what: str) -> Shape:
        """The inputs as (C, H, W). Raises PlanError where no picture comes in; `what` takes pictures."""
        if len(self.inputs) != 3:
            raise self.misfit(f"{what} takes pictures (C, H, W)")
        return self.inputs

    def misfit(self, takes: str) -> PlanError:
        """The error for a layer that takes another kind of input, with what takes samples of any shape."""
        listed = self.path.startswith("model.layers")
        hint = "dense, which takes any shape" if listed else "model: mlp"
        return PlanError(self.path, f"{takes}, and {describe(self.inputs)} comes in", hint)


@dataclass(frozen=True)
class Block:
    """One layer of a plan with everything that belongs to it.

    Shapes are those of one sample; `parameters` are in the order in which the module has them; `flops` are those of
    one sample's forward pass, a multiply-add counting as two; `inside` is how many numbers of a sample it holds at once
    where those may be more than it hands on.
    """

    name: str
    layer: Stage
    inputs: Shape
    outputs: Shape
    parameters: dict[str, Shape]
    flops: int
    activation: Activation | None = None
    initializer: Initializer | None = None
    batch_norm: bool = False
    sequence: bool = False
    inside: int = 0

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(prod(shape) for shape in self.parameters.values())


class Stage(ABC):
    """What a block of a plan is made by."""

    draws: ClassVar[bool] = False
    """Whether its module draws random numbers in training: its attribute `step` is set before each step."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it is, in a few words."""

    @abstractmethod
    def build(self, block: Block, seed: int) -> nn.Module:
        """The module of `block`, on the CPU, which takes (N, *inputs) to (N, *outputs).

        Its parameters are those of the plan, in its order; `first_value` fills them afterwards, but for those of batch
        norm (``norm.``) and of the activation (``activation.``). What it draws later is a function of `seed`.
        """

    def measure(self, module: Any, rows: Tensor) -> None:  # noqa: B027 - most measure nothing
        """Sets what its module knows of the training part, from its normalised rows (N, F)."""

    def may_come_before_relu(self) -> bool:
        """Whether it gives the same numbers and gradients, bit by bit, before a ReLU as after it."""
        return False

    def gates(self) -> int:
        """In how many parts, each drawn for itself, the first values of a parameter come."""
        return 1

    @abstractmethod
    def first_value(self, block: Block, name: str, shape: Shape, generator: torch.Generator) -> Tensor:
        """What (a gate of) the parameter `name` starts with."""


class Layer(Choice, Stage, kind="layer"):
    """A layer of `model.layers`: a map whose first key names it, e.g. ``{conv: 32, kernel_size: 3}``."""

    group: ClassVar[str]
    """What its weights and statistics are called by: ``hidden`` for ``hidden.0``, ``hidden.1``."""
    reads_sequences: ClassVar[bool] = False
    passes_on: ClassVar[bool] = False
    """Whether it hands on what comes in, in its shape: the layer after the next one is asked what it reads."""

    @property
    def words(self) -> str:
        """Its first two settings: ``conv 32, kernel_size 3``."""
        said = self.plain().items()
        return ", ".join([f"{key} {value}" for key, value in said if not isinstance(value, dict)][:2])

    @abstractmethod
    def plan(self, place: Place) -> Block:
        """The layer at its place. Raises PlanError where it does not fit what comes in."""

    def first_value(self, block: Block, name: str, shape: Shape, generator: torch.Generator) -> Tensor:
        """What (a gate of) the parameter `name` starts with, by the block's initializer."""
        assert block.initializer is not None  # noqa: S101 - every layer with weights has one
        if "bias" in name:
            return block.initializer.draw_bias(shape, fans(block.parameters["weight"])[0], generator)
        return block.initializer.draw(shape, *fans(shape), generator)

    def takes_models(self, key: str) -> bool:
        """Whether the model's setting `key` holds here: the layer has such a setting and leaves it null."""
        return getattr(self, key, "no such setting") is None


def describe(shape: Shape) -> str:
    """A sample's shape in words."""
    words = "a row of {} numbers", "a sequence of {} steps of {} numbers", "a picture of {} x {} x {}"
    return words[len(shape) - 1].format(*shape)
