"""Whether one column of a table alone tells the target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tuner.data.card.facts import Given
from tuner.data.columns import LEAST_ROWS, SAME
from tuner.data.source import Array, Description

TOLD, EVEN = 0.99, 0.9
"""The balanced accuracy from which on a column tells classes; the share of a class from which on that says little."""
LOOKED_AT = 64


def gives_away(x: Array, y: Array, fitted: Array, known: Description) -> Given | None:
    """The column of rows (N, features) that tells the target (N,) best, if it does: numbers by their correlation,
    classes by the class that is most frequent at the nearest known value. That is learned of the rows that are
    `fitted`, bool (N,), and tried on the others; of many columns those are looked at in whose means the classes
    differ most."""
    if len(y) < LEAST_ROWS or len(known.shape) != 1 or not x.shape[1]:
        return None
    names, values = zip(*_columns(x, known), strict=True)
    table = np.stack(values, axis=1).astype(np.float64)
    classes = len(known.classes)
    if not classes:
        found, least = np.abs(correlations(table, y[:, None].astype(np.float64)))[:, 0], SAME
    elif np.bincount(y).max() >= EVEN * len(y):
        return None
    else:
        apart = (correlations(table, np.eye(classes)[y]) ** 2).sum(axis=1)
        found, least = np.zeros(len(names)), TOLD
        for index in np.argsort(-apart, kind="stable")[:LOOKED_AT]:
            found[index] = by_value(table[:, index], y, fitted, classes)
    best = int(found.argmax())
    return Given(names[best], float(found[best])) if found[best] >= least else None


def _columns(x: Array, known: Description) -> Iterator[tuple[str, Array]]:
    """The columns of a table, (N,) each: a category, which has a feature for each of its values, is one again."""
    if not known.columns:
        yield from ((str(index), x[:, index]) for index in range(x.shape[1]))
    at = 0
    for column in known.columns:
        given = column.features
        own = x[:, at : at + len(given)]
        at += len(given)
        if column.kind == "category" and not column.embedding:
            yield column.name, own @ np.arange(1, len(given) + 1)
        else:
            yield from ((feature.name, own[:, index]) for index, feature in enumerate(given))


def correlations(table: Array, targets: Array) -> Array:
    """Pearson's of each column (N, columns) with each target (N, units): (columns, units); 0 for what is constant."""
    a, b = (each - each.mean(axis=0) for each in (table, targets))
    sizes = np.sqrt((a**2).sum(axis=0))[:, None] * np.sqrt((b**2).sum(axis=0))
    found: Array = np.divide(a.T @ b, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    return found


def by_value(values: Array, y: Array, fitted: Array, classes: int) -> float:
    """The balanced accuracy, over the classes there are, of the nearest known value's most frequent class."""
    known, which = np.unique(values[fitted], return_inverse=True)
    counts = np.bincount(which * classes + y[fitted], minlength=len(known) * classes).reshape(-1, classes)
    nearest = np.searchsorted((known[1:] + known[:-1]) / 2, values[~fitted])
    right = counts.argmax(axis=1)[nearest] == y[~fitted]
    there = np.bincount(y[~fitted], minlength=classes)
    return float((np.bincount(y[~fitted], weights=right, minlength=classes)[there > 0] / there[there > 0]).mean())
