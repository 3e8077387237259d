"""How much each setting of a sweep matters, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 12
"""Trials below which nothing can be told."""
REPEATS, HELD_OUT, MOST, SHUFFLED = 30, 1 / 3, 270, 90
"""Fits, the share of the trials that each is judged by, the most trials that one takes, and for how many
trials at least a setting is shuffled there."""
WIDTHS, PENALTIES = (0.15, 0.4, 1.0), (0.003, 0.03, 0.3, 3.0)
"""Of the kernel, in shares of the way from the lowest value to the highest, and what a wild fit costs: those are taken
that predict trials left out best."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Importance:
    """The share of the variance of the trials' ranks that goes with a setting, alone and together with others: the mean
    over the fits, and where 95 % of them lie. `trials` have the setting at all."""

    name: str
    mean: float
    low: float
    high: float
    trials: int


@dataclass(frozen=True)
class Importances:
    """Of all settings, the greatest first; `explained` is the share of the variance of ranks that the fits predict for
    trials that they have not seen."""

    settings: tuple[Importance, ...]
    explained: float
    trials: int


def importances(points: Mapping[str, Sequence[float | str | None]], values: Sequence[float]) -> Importances | None:
    """Each setting by name with its value in every trial (None: the trial does not have it; text: one of several
    choices), and how good the trials are, lower being better: only their order counts. None where `FEWEST` are not
    there, or all are equally good.

    The ranks are fitted by kernel ridge regression with main effects and pairs, again and again on other two thirds of
    the trials; a setting matters as much as its fits predict the last third worse once its values are shuffled there
    (the total effect: of a setting that does nothing about 0, as often below as above).

    Sources: Breiman (2001), "Random Forests", section 10, on permutation; Jansen (1999), "Analysis of Variance Designs
    for Model Output", for what half of the loss estimates; Durrande et al. (2012), "Additive Covariance Kernels for
    High-Dimensional Gaussian Process Modeling", for the kernel.
    """
    target = ranks(np.asarray(values, dtype=np.float64))
    if len(target) < FEWEST or not np.ptp(target):
        return None
    columns = list(map(coded, points.values()))
    drawn = np.random.default_rng(0)
    some = drawn.permutation(len(target))[:MOST]
    how = chosen([column[:, some] for column in columns], target[some])
    fits = [fit(columns, target, drawn.permutation(len(target))[:MOST], how, drawn) for _ in range(REPEATS)]
    losses, explained = np.array([each for each, _ in fits]), np.mean([each for _, each in fits])
    low, high = np.quantile(np.minimum(losses, 1.0), (0.025, 0.975), axis=0)
    found = [
        Importance(name, rounded(mean), rounded(least), rounded(most), int(column[1].sum()))
        for name, column, mean, least, most in zip(points, columns, losses.mean(axis=0), low, high, strict=True)
    ]
    return Importances(tuple(sorted(found, key=lambda each: -each.mean)), rounded(explained), len(target))


def rounded(share: np.floating[Any]) -> float:
    """To what is the same whichever library solved the equations."""
    return round(float(share), 6)


def fit(
    columns: Sequence[Floats],
    target: Floats,
    order: NDArray[np.intp],
    how: tuple[float, float],
    drawn: np.random.Generator,
) -> tuple[list[float], float]:
    """The loss that goes with each setting, and what is explained, as shares of the variance: judged by the first of
    the trials in this `order`, fitted on the others with this width and penalty."""
    width, penalty = how
    scale, tested = float(np.var(target)), max(3, round(len(order) * HELD_OUT))
    test, train = order[:tested], order[tested:]
    near = [alike(column[:, train], column[:, train], width) for column in columns]
    middle = float(target[train].mean())
    weights = np.linalg.solve(joined(near) + penalty * np.eye(len(train)), target[train] - middle)
    near = [alike(column[:, test], column[:, train], width) for column in columns]

    def missed(near: Sequence[Floats]) -> float:
        return float(np.mean((joined(near) @ weights + middle - target[test]) ** 2))

    unmoved, losses = missed(near), list[float]()
    for at, column in enumerate(columns):
        moved = [missed([*near[:at], alike(each, column[:, train], width), *near[at + 1 :]])
                 for each in shifted(column[:, test], drawn)]  # fmt: skip
        losses.append((float(np.mean(moved)) - unmoved) / (2 * scale) if moved else 0.0)
    return losses, 1 - unmoved / scale


def ranks(values: Floats) -> Floats:
    """The places of the values, from 0 to 1; equal ones share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    places: Floats = ((ends - (counts - 1) / 2) - 1)[inverse] / max(1, len(values) - 1)
    return places


def coded(values: Sequence[float | str | None]) -> Floats:
    """A setting as three rows of a number a trial: its place among the values there are, from 0 to 1, or the number of
    its choice; whether the trial has it; whether it is a choice."""
    is_there = np.array([value is not None for value in values])
    known = [value for value in values if value is not None]
    found = np.zeros((3, len(values)))
    found[1] = is_there
    if any(isinstance(value, str) for value in known):
        found[0, is_there] = np.unique([str(value) for value in known], return_inverse=True)[1]
        found[2] = 1
    elif known:
        found[0, is_there] = ranks(np.array(known, dtype=np.float64))
    return found


def alike(some: Floats, others: Floats, width: float) -> Floats:
    """How alike trials are in a setting, from 0 to 1 (N, M): two that do not have it are, one that has it and one that
    does not are not."""
    apart = some[0][:, None] - others[0]
    if some[2].any():
        near = (apart == 0).astype(np.float64)
    else:
        near = np.exp(-0.5 * (apart / width) ** 2)
    both: Floats = np.where((some[1][:, None] == 1) & (others[1] == 1), near, some[1][:, None] == others[1])
    return both


def joined(near: Sequence[Floats]) -> Floats:
    """The kernel: each setting for itself, and each pair."""
    total: Floats = np.sum(near, axis=0)
    if len(near) < 2:
        return total
    pairs = (total**2 - np.sum([each**2 for each in near], axis=0)) / (len(near) - 1)
    both: Floats = (total + pairs) / len(near)
    return both


def shifted(column: Floats, drawn: np.random.Generator) -> list[Floats]:
    """The setting with the values of other trials, for those that have it."""
    there = drawn.permutation(np.flatnonzero(column[1]))
    found = []
    for shift in range(1, min(1 + SHUFFLED // column.shape[1], len(there) - 1) + 1):
        moved = column.copy()
        moved[0, there] = column[0, np.roll(there, shift)]
        found.append(moved)
    return found


def chosen(columns: Sequence[Floats], target: Floats) -> tuple[float, float]:
    """The width and the penalty with which a fit predicts each trial best that it is not given (leave-one-out in closed
    form)."""
    best = (np.inf, WIDTHS[0], PENALTIES[0])
    for width in WIDTHS:
        sizes, ways = np.linalg.eigh(joined([alike(column, column, width) for column in columns]))
        turned = ways.T @ (target - target.mean())
        for penalty in PENALTIES:
            shrunk = penalty / (np.maximum(sizes, 0) + penalty)
            missed = (ways @ (shrunk * turned)) / ((ways**2) @ shrunk)
            best = min(best, (float(np.mean(missed**2)), width, penalty))
    return best[1:]
