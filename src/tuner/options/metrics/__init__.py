"""Metrics, one class each, and the columns in which they stand: a metric of a part of the data, ``val_accuracy``.
A new metric is one new file here, found by being in this folder."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from tuner.choice import Choice, import_all, nearest_of
from tuner.quantities import EPOCH, WHOLE_RUN, Quantity

if TYPE_CHECKING:
    from torch import Tensor

    from tuner.measured import Batch, Part

Direction = Literal["up", "down"]
Value = TypeVar("Value")
PARTS = {"train": "train", "val": "validation", "test": "test"}
"""The parts of the data, as columns begin, and in words."""


class Metric(Choice, kind="metric"):
    """A number that says how good a model is on a part of the data."""

    label: ClassVar[str]
    """What an axis calls it."""
    direction: ClassVar[Direction]
    """Which way is better."""
    by_factors: ClassVar[bool] = False
    """Whether it may fall by powers of ten, so that an axis of it is better logarithmic where it goes far."""
    order: ClassVar[int]
    """Its place among the columns of a part."""
    targets: ClassVar[frozenset[str]] = frozenset({"class", "number"})
    """The kinds of target it is measured for."""
    least: ClassVar[int] = 1
    """How many samples it takes."""
    usual: ClassVar[bool] = True
    """Whether tables of results show it without being asked; else they do where it is monitored."""

    @abstractmethod
    def add(self, batch: Batch) -> Tensor:
        """What is summed over the batches of a part, on the device: a number, or a tensor of any shape."""

    def of(self, total: Any, part: Part) -> float:
        """The metric, from the sum over all batches, a number or nested lists of them: their mean, if nothing else; NaN
        where it is not defined."""
        return float(total / part.samples)


class Accuracy(Metric, name="accuracy", aliases=("acc", "accuracy_score")):
    """The share of the samples whose class is right, from 0 to 1. For classes."""

    label = "accuracy (share correct)"
    direction = "up"
    order = 1
    targets = frozenset({"class"})

    def add(self, batch: Batch) -> Tensor:
        return batch.right.sum()


class MeanLoss(Metric, name="loss"):
    """The mean over the samples of what the loss gives, without label smoothing and class weights.
    For a numeric target it is in standard deviations of the target while data.standardize_target is true.
    """

    label = "loss"
    direction = "down"
    by_factors = True
    order = 0

    def add(self, batch: Batch) -> Tensor:
        return batch.losses.sum()


class R2(Metric, name="r2", aliases=("r2_score", "r_squared", "coefficient_of_determination")):
    """The share of the target's variance that is explained. For numbers.
    Formula: 1 - sum (y - output)^2 / sum (y - mean y)^2; 1 is perfect, 0 is what always answering the mean gives.
    """

    label = "R² (share of variance)"
    direction = "up"
    order = 1
    targets = frozenset({"number"})
    least = 2

    def add(self, batch: Batch) -> Tensor:
        return batch.squares

    def of(self, total: Any, part: Part) -> float:
        return 1 - total / part.spread if part.spread > 0 else math.nan


class MeanAbsoluteError(Metric, name="mae"):
    """The mean absolute error, in the target's own units. For numbers.
    Formula: mean |y - output|.
    """

    label = "mean absolute error"
    direction = "down"
    order = 2
    targets = frozenset({"number"})

    def add(self, batch: Batch) -> Tensor:
        return batch.error.abs().sum()

    def of(self, total: Any, part: Part) -> float:
        return super().of(total, part) * part.scale


class RootMeanSquaredError(Metric, name="rmse", aliases=("root_mean_squared_error", "root_mean_square_error", "rmsd")):
    """The root of the mean squared error, in the target's own units: large errors count more than in mae. For numbers.
    Formula: sqrt(mean (y - output)^2).
    """

    label = "root mean squared error"
    direction = "down"
    order = 3
    targets = frozenset({"number"})
    usual = False

    def add(self, batch: Batch) -> Tensor:
        return batch.squares

    def of(self, total: Any, part: Part) -> float:
        return math.sqrt(super().of(total, part)) * part.scale


@dataclass(frozen=True)
class Column:
    """A column's name, taken apart: a metric of a `part` of the data, or ``lr`` and the like, which are of none."""

    part: str
    name: str

    def __str__(self) -> str:
        return f"{self.part}_{self.name}" if self.part else self.name

    @property
    def metric(self) -> type[Metric] | None:
        """None for what is no metric of a part, or one that this tuner does not know."""
        return Metric.members.get(self.name) if self.part else None

    @property
    def about(self) -> type[Metric] | Quantity:
        """What it is called, which way is better (None where that is not known), and how an axis of it should be."""
        unknown = Quantity(self.name, "")
        return Metric.members.get(self.name) or EPOCH.get(self.name) or WHOLE_RUN.get(self.name, unknown)

    @property
    def spelled(self) -> str:
        """Its name, with the metric's own for another word for it: ``val_auc`` for ``val_roc_auc``."""
        known = Metric.find(self.name)
        return str(Column(self.part, known.name)) if known else str(self)

    @property
    def label(self) -> str:
        """What an axis calls it: ``validation accuracy (share correct)``."""
        return f"{PARTS[self.part]} {self.about.label}" if self.part else self.about.label

    @property
    def is_loss(self) -> bool:
        """Whether it is the loss of a part, or that of the batches."""
        return self.name in ("loss", "batch_loss")

    @property
    def order(self) -> tuple[int, str]:
        """A key to sort the metrics of a part by: those that are not known come last."""
        known = Metric.members.get(self.name)
        return known.order if known else len(Metric.members), self.name


def column(name: str) -> Column:
    """The column of that name."""
    part, _, metric = name.partition("_")
    return Column(part, metric) if part in PARTS and metric else Column("", name)


def nearest_column(name: str, known: Iterable[str]) -> str:
    """`nearest_of`, which takes other words for a metric for what they are: ``val_roc_auc``, ``val_acc``."""
    return nearest_of(column(name).spelled, known)


def usual(values: Mapping[str, Value], *monitors: str | None) -> dict[str, Value]:
    """Of values by their columns, or by metrics, those that are shown unless others are asked for: the usual metrics
    and the monitored ones; what is no metric, or not known, too."""
    watched = {column(monitor).name for monitor in monitors if monitor}
    metrics = {name: Metric.members.get(column(name).name) for name in values}
    return {name: values[name] for name, of in metrics.items() if of is None or of.usual or of.name in watched}


def metrics_for(target: str) -> list[type[Metric]]:
    """The metrics of one kind of target (``class``, ``number``), in their order."""
    return sorted((each for each in Metric.members.values() if target in each.targets), key=lambda each: each.order)


import_all(__name__, __path__)
