"""How far closed-form models get: ridge regression on the inputs, and on smooth functions of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuner.data.card.facts import Score, Scores
from tuner.data.source import Array

LANDMARKS = 400
STRENGTHS = 10.0 ** np.arange(1, -9, -1)
"""The strengths of the penalty that are tried, strongest first, as shares of the sum of the inputs' squares."""
_NOTHING = 1e-12
"""A share of the largest square below which a direction of the inputs holds rounding alone."""

Model = Callable[[Array], Array]
"""Inputs (N, columns) -> outputs (N, units)."""


@dataclass(frozen=True, eq=False)
class Samples:
    """`x` float64 (N, columns), of about the same size in all columns, and targets `y` (N,)."""

    x: Array
    y: Array


def scores(train: Samples, held_out: Samples, classes: int, landmarks: Array) -> Scores:
    """What models that are fitted on `train` get on both; `classes` is 0 for numbers. `landmarks` are some of the
    training samples."""
    y = np.eye(classes)[train.y] if classes else train.y.astype(np.float64)[:, None]
    mean = y.mean(axis=0)
    near = nearness(train.x[landmarks])
    smooth = ridge(near(train.x), y)
    models: dict[str, Model] = {
        "chance": lambda x: np.broadcast_to(mean, (len(x), len(mean))),
        "linear": ridge(train.x, y),
        "kernel": lambda x: smooth(near(x)),
    }
    quality = accuracy if classes else r2
    found = {name: Score(*(quality(model(part.x), part.y) for part in (train, held_out)))
             for name, model in models.items()}  # fmt: skip
    return Scores("accuracy" if classes else "r2", len(train.y), **found)


def ridge(x: Array, y: Array) -> Model:
    """Minimises |y - a - x b|^2 + strength |b|^2 over inputs (N, columns) and targets (N, units), with the strength
    that leaves the least squared error on samples left out, one by one.

    The error on a sample left out is its own error / (1 - h), h the sample's weight in its own answer. Source: Golub,
    Heath, Wahba (1979), "Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter", equation 1.6.
    """
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    centred, rest = x - x_mean, y - y_mean
    squares, axes = directions(centred)
    along = centred @ axes
    sums = along.T @ rest
    best, coefficients = np.inf, np.zeros_like(sums)
    for strength in STRENGTHS * squares.sum():
        shrunk = sums / (squares + strength)[:, None]
        own = 1 / len(x) + along**2 @ (1 / (squares + strength))
        left_out = (rest - along @ shrunk) / np.maximum(1 - own, 1e-9)[:, None]
        error = float((left_out**2).sum())
        if error < best * (1 - 1e-9):
            best, coefficients = error, shrunk
    slopes = axes @ coefficients
    return lambda inputs: (inputs - x_mean) @ slopes + y_mean


def directions(x: Array) -> tuple[Array, Array]:
    """The squares (D,) of the singular values of (N, columns), those of rounding left out, and the right singular
    vectors (columns, D)."""
    if len(x) < x.shape[1]:
        squares, left = np.linalg.eigh(x @ x.T)
        kept = squares > _NOTHING * max(squares[-1], 0.0)
        return squares[kept], x.T @ (left[:, kept] / np.sqrt(squares[kept]))
    squares, right = np.linalg.eigh(x.T @ x)
    kept = squares > _NOTHING * max(squares[-1], 0.0)
    return squares[kept], right[:, kept]


def nearness(landmarks: Array) -> Model:
    """Inputs as functions of how near they are to `landmarks` (M, columns), so that their products are about those of
    the kernel exp(-|a - b|^2 / (2 w^2)), w the median distance between landmarks.

    Source: Williams, Seeger (2001), "Using the Nystroem Method to Speed Up Kernel Machines".
    """
    apart = distances(landmarks, landmarks)
    known = apart[apart > 0]
    width = float(np.median(known)) if len(known) else 1.0
    squares, axes = np.linalg.eigh(np.exp(-apart / (2 * width)))
    kept = squares > 1e-9 * squares[-1]
    axes = axes[:, kept] / np.sqrt(squares[kept])
    return lambda inputs: np.exp(-distances(inputs, landmarks) / (2 * width)) @ axes


def distances(a: Array, b: Array) -> Array:
    """Squared distances between rows, (N, columns) and (M, columns): (N, M)."""
    own = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    found: Array = np.maximum(own - 2 * a @ b.T, 0)
    return np.where(found > _NOTHING * own, found, 0)


def accuracy(outputs: Array, y: Array) -> float | None:
    """The share of answers (N, classes) that are right; None without any."""
    return float((outputs.argmax(axis=1) == y).mean()) if len(y) else None


def r2(outputs: Array, y: Array) -> float | None:
    """1 - the mean squared error of outputs (N, 1) by the variance; None where nothing varies."""
    spread = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    return 1 - float(((outputs[:, 0] - y) ** 2).sum()) / spread if spread > 0 else None
