"""Rows of a table as they are stored -> the numbers that a network is given, with what the training part alone can
tell: medians in place of missing numbers, which categories occur, the first day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuner.data.columns import Column, Feature, features, is_plain
from tuner.data.source import Array

ROBUST_LIMIT = 3.0


def fitted(columns: Sequence[Column], x: Array) -> tuple[Column, ...]:
    """The columns with what the training part `x`, as stored, tells."""
    return tuple(_fitted(column, x[:, index]) for index, column in enumerate(columns))


def _fitted(column: Column, values: Array) -> Column:
    known = values[~np.isnan(values)]
    if column.kind in ("category", "boolean"):
        there = np.bincount(known.astype(np.int64), minlength=len(column.categories)) > 0
        return replace(column, unseen=tuple(np.flatnonzero(~there).tolist()))
    if not len(known):
        return replace(column, fills=(0.0,) * sum(feature.kind == "number" for feature in column.features))
    dated = replace(column, first=float(np.floor(known.min()))) if column.kind == "date" else column
    return replace(dated, fills=tuple(float(np.median(part)) for part in _parts(dated, known)))


def encode(columns: Sequence[Column], x: Array) -> Array:
    """Rows as stored, float32 (N, columns), as the network is given them, float32 (N, features), by `fitted` columns.

    A missing number is the training part's median and, where enough rows had none, a flag; a category has a flag of its
    own, a missing one, too; of two values one is -1, the other 1; what training did not see is 0 everywhere.
    """
    if is_plain(columns) and not np.isnan(x).any():
        return x
    out = np.empty((len(x), len(features(columns))), dtype=np.float32)
    at = 0
    for index, column in enumerate(columns):
        for values in _encoded(column, x[:, index]):
            out[:, at] = values
            at += 1
    return out


def _encoded(column: Column, values: Array) -> list[Array]:
    """A column as the network is given it: (N,) for each feature."""
    gaps = np.isnan(values)
    if column.kind in ("number", "date"):
        parts = zip(column.fills, _parts(column, values), strict=True)
        own = [np.where(gaps, np.float32(fill), part) for fill, part in parts]
    else:
        codes = np.where(gaps | np.isin(values, column.unseen), -1, values).astype(np.int64)
        if column.kind == "boolean":
            own = [np.where(codes < 0, 0, 2 * codes - 1)]
        elif column.embedding:
            return [np.where(gaps & (column.missing > 0), len(column.categories) + 1, codes + 1)]
        else:
            own = [codes == index for index in range(len(column.categories))]
    return [*own, gaps] if column.missing and column.flagged else own


def _parts(column: Column, values: Array) -> list[Array]:
    """The numbers that a number or a date is made into, (N,) each."""
    if column.kind != "date":
        return [values]
    whole = np.floor(values)
    days = np.nan_to_num(whole).astype("datetime64[D]")
    months = days.astype("datetime64[M]").astype(np.int64)
    weekday = (days.astype(np.int64) + 3) % 7  # 1970 began on a Thursday; Monday is 0
    found = [months // 12 + 1970, months % 12 + 1, weekday, values - column.first]
    return [*found, (values - whole) * 24] if "%H" in column.form else found


def limits(normalize: str, given: Sequence[Feature], shape: Sequence[int]) -> Array | None:
    """What `normalize: robust` draws numbers in to, of `shape`, infinite for features that stay; None for others."""
    if normalize != "robust":
        return None
    limit = np.full(shape, ROBUST_LIMIT, dtype=np.float32)
    if given:
        limit[[feature.kind != "number" for feature in given]] = np.inf
    return limit
