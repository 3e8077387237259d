"""How far closed-form models get: ridge regression on the inputs, and on smooth functions of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tuner.data.card.facts import Score, Scores
from tuner.data.source import Array

LANDMARKS = 200
STRENGTHS = 10.0 ** np.arange(0, -8, -1)
"""The strengths of the penalty that are tried, strongest first, as shares of the sum of the inputs' squares."""
_NOTHING = 1e-12
"""A share of the largest square below which a direction of the inputs holds rounding alone."""


@dataclass(frozen=True, eq=False)
class Samples:
    """`x` float64 (N, columns), of about the same size in all columns, and targets `y` (N,)."""

    x: Array
    y: Array


def scores(train: Samples, held_out: Samples, classes: int, landmarks: Array) -> Scores:
    """What models that are fitted on `train` get on both; `classes` is 0 for numbers. `landmarks` are some of the
    training samples."""
    y = np.eye(classes)[train.y] if classes else train.y.astype(np.float64)[:, None]
    mean, near = y.mean(axis=0), nearness(train.x[landmarks])
    constant = np.tile(mean, (len(y), 1)), np.tile(mean, (len(held_out.y), 1))
    linear, smooth = (train.x, held_out.x), (near(train.x), near(held_out.x))
    answers = {"chance": constant, "linear": ridge(*linear, y), "kernel": ridge(*smooth, y)}
    if classes:
        answers |= {name: discriminant(answers[name], train.y, classes) for name in ("linear", "kernel")}
    quality = accuracy if classes else r2
    told = {name: Score(quality(own, train.y), quality(others, held_out.y)) for name, (own, others) in answers.items()}
    return Scores("accuracy" if classes else "r2", len(train.y), **told)


def discriminant(answers: tuple[Array, Array], y: Array, classes: int) -> tuple[Array, Array]:
    """How well answers (N, classes) to training samples of the classes `y` (N,), and to others, fit each class, by how
    far they are from the mean answer to its samples: where more than two classes lie in a row, the largest of the
    answers alone is never a middle one's.

    Source: Hastie, Tibshirani, Buja (1994), "Flexible Discriminant Analysis by Optimal Scoring", section 3.
    """
    (fitted, others), member = answers, np.eye(classes)[y]
    counts = member.sum(axis=0)
    centres = member.T @ fitted / np.maximum(counts, 1)[:, None]
    around = fitted - centres[y]
    within = around.T @ around / len(y)
    within[np.diag_indices(classes)] += 1e-6 * np.trace(within) / classes + _NOTHING
    slopes = np.linalg.solve(within, centres.T)
    with np.errstate(divide="ignore"):  # a class that is not among them is never the answer
        shares = np.log(counts / len(y)) - (centres.T * slopes).sum(axis=0) / 2
    return fitted @ slopes + shares, others @ slopes + shares


def ridge(x: Array, others: Array, y: Array) -> tuple[Array, Array]:
    """The answers (N, units) to inputs (N, columns), and to `others`, of what minimises |y - a - x b|^2 + strength
    |b|^2 over targets (N, units), with the strength that leaves the least squared error on samples left out, one by
    one.

    The error on a sample left out is its own error / (1 - h), h the sample's weight in its own answer. Source: Golub,
    Heath, Wahba (1979), "Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter", equation 1.6.
    """
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    centred, rest = x - x_mean, y - y_mean
    squares, axes = directions(centred)
    along = centred @ axes
    sums = along.T @ rest
    shrinking = 1 / (squares + STRENGTHS[:, None] * squares.sum())
    weights = 1 / len(x) + along**2 @ shrinking.T
    best, chosen = np.inf, (np.zeros_like(rest), np.zeros_like(sums))
    for shrunk, weight in zip(shrinking, weights.T, strict=True):
        slopes = sums * shrunk[:, None]
        answers = along @ slopes
        error = float((((rest - answers) / np.maximum(1 - weight, 1e-9)[:, None]) ** 2).sum())
        if error < best * (1 - 1e-9):
            best, chosen = error, (answers, slopes)
    answers, slopes = chosen
    return answers + y_mean, (others - x_mean) @ (axes @ slopes) + y_mean


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


def nearness(landmarks: Array) -> Callable[[Array], Array]:
    """Inputs as functions of how near they are to `landmarks` (M, columns), so that their products are about those of
    the kernel exp(-|a - b|^2 / (2 w^2)), w the median distance between landmarks.

    Source: Williams, Seeger (2001), "Using the Nystroem Method to Speed Up Kernel Machines".
    """
    apart = distances(landmarks, landmarks)
    known = apart[apart > 0]
    scale = -0.5 / float(np.median(known)) if len(known) else -1.0
    squares, axes = np.linalg.eigh(np.exp(apart * scale))
    kept = squares > 1e-9 * squares[-1]
    axes = axes[:, kept] / np.sqrt(squares[kept])

    def functions(x: Array) -> Array:
        found = distances(x, landmarks)
        found *= scale
        near: Array = np.exp(found, out=found) @ axes
        return near

    return functions


def distances(a: Array, b: Array) -> Array:
    """Squared distances between rows, (N, columns) and (M, columns): (N, M); 0 where they are no more than rounding."""
    found: Array = a @ (-2 * b.T)
    own, others = (a**2).sum(axis=1)[:, None], (b**2).sum(axis=1)
    found += own
    found += others
    found[found < _NOTHING * own] = 0
    return found


def accuracy(outputs: Array, y: Array) -> float | None:
    """The share of answers (N, classes) that are right; None without any."""
    return float((outputs.argmax(axis=1) == y).mean()) if len(y) else None


def r2(outputs: Array, y: Array) -> float | None:
    """1 - the mean squared error of outputs (N, 1) by the variance; None where nothing varies."""
    y = y.astype(np.float64)
    spread = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    return 1 - float(((outputs[:, 0] - y) ** 2).sum()) / spread if spread > 0 else None
