"""How far validation or test data is from the training data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from tuner.data.card.facts import Shift
from tuner.data.source import Array
from tuner.data.statistics import ROUNDING, Statistics, flat

if TYPE_CHECKING:
    from tuner.data.card.spelled import Spelled
    from tuner.data.splits import Part

FLAT = 0.01
"""A pixel whose standard deviation is a smaller share of the pictures' range tells nothing of a shift."""


@dataclass(frozen=True, eq=False)
class Look:
    """What is looked at of a part of `samples`: `mean` and `variance` of each column (columns,), the `shares` of its
    classes, () for numbers, and of pictures the mean number of each, `brightness` (samples,), None for others."""

    samples: int
    mean: Array
    variance: Array
    shares: Array
    brightness: Array | None

    @classmethod
    def of(cls, columns: Spelled, part: Part, classes: int) -> Self:
        """Of a part that has a sample."""
        shares = np.array(part.counts(classes) if classes else ()) / len(part)
        brightness = flat(part.x).mean(axis=1, dtype=np.float64) if part.x.ndim == 4 else None
        return cls(len(part), *columns.moments(part.x), shares, brightness)


def shift(columns: Spelled, train: Look, part: Look, known: Statistics) -> Shift:
    """How far a part is from the training part, of which `known` are the statistics."""
    away = np.abs(part.mean - train.mean)
    weight = part.samples / (part.samples + train.samples)
    variance = (1 - weight) * train.variance + weight * part.variance + weight * (1 - weight) * away**2
    size = np.maximum(np.abs(train.mean), np.abs(part.mean))
    least = FLAT * float(known.high.max() - known.low.min()) if train.brightness is not None else 0.0
    told = np.flatnonzero(np.sqrt(variance) > np.maximum(ROUNDING * size, least))
    differences = away[told] / np.sqrt(variance[told])
    best = int(differences.argmax()) if len(told) else None
    is_class = len(train.shares) > 0
    return Shift(
        column=None if best is None else columns.name(int(told[best])),
        difference=None if best is None else float(differences[best]),
        z=None if best is None else float(differences[best]) * math.sqrt(weight * train.samples),
        chance=None if best is None else math.sqrt(2 * math.log(2 * len(told))),
        brightness=_brighter(train, part),
        spread=_wider(columns.scale(train.mean, train.variance), train, part),
        classes=float(np.abs(part.shares - train.shares).max()) if is_class else None,
    )


def _brighter(train: Look, part: Look) -> float | None:
    """How much brighter the mean picture is, in standard deviations of both parts together."""
    if train.brightness is None or part.brightness is None:
        return None
    spread = float(np.concatenate([train.brightness, part.brightness]).std())
    away = float(part.brightness.mean() - train.brightness.mean())
    return away / spread if spread > ROUNDING * abs(float(train.brightness.mean())) else None


def _wider(scale: Array, train: Look, part: Look) -> float | None:
    """The part's standard deviation by the training part's, over all columns, each divided by its `scale`."""
    own = float((train.variance / scale**2).sum())
    return math.sqrt(float((part.variance / scale**2).sum()) / own) if own > 0 else None
