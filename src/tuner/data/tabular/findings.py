"""What speaks against a column of a table as an input: it is constant, twice there, an id, a free text, the target."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tuner.data.card.giving import EVEN, TOLD, by_value
from tuner.data.columns import LEAST_ROWS, SAME, is_numeric
from tuner.data.tabular.blocks import TableFile
from tuner.data.tabular.cells import numbers, texts
from tuner.data.tabular.facts import Facts, Seen
from tuner.data.tabular.frames import pl

MOST_ROWS, MOST_CELLS = 20_000, 20_000_000
"""Of a larger table only every n-th row is compared with others."""
NEAR = 0.95
"""The correlation with the target from which on a column may tell it."""
CHANCE = -20.0
"""The logarithm of the chance that other rows of the same value have the same class, below which it is none."""
_ID = re.compile(r"(^|[_ .-])id$|(?<=[a-z])I[Dd]$", re.ASCII)
"""How columns are called that name a row: ``id``, ``user_id``, ``PassengerId``."""


def sampled(path: Path, settings: Any, facts: Facts) -> pl.DataFrame:
    """Rows from all over the file: a column of numbers as float64, others as text. Raises NotFoundError."""
    most = max(LEAST_ROWS, min(MOST_ROWS, MOST_CELLS // len(facts.columns)))
    step, at, frames = math.ceil(facts.rows[0] / most), 0, []
    with TableFile(path, settings) as table:
        for block in table.blocks():
            frames.append(block.cleaned.gather_every(step, -at % step))
            at += len(block.frame)
        frame = pl.concat(frames)
        return pl.DataFrame([_plain(frame[seen.name], seen, table) for seen in facts.columns])


def _plain(cells: pl.Series, seen: Seen, table: TableFile) -> pl.Series:
    if seen.kind == "number":
        return numbers(cells, table.dialect)
    return texts(cells, table.dialect, numeric=is_numeric(seen.categories)) if seen.kind != "date" else cells


def to_drop(facts: Facts, rows: pl.DataFrame, target: str, *, is_class: bool) -> dict[str, str]:
    """Why columns are no inputs, by name; `rows` are `sampled`, the target is a class or a number."""
    others = [seen for seen in facts.columns if seen.name != target]
    found = {seen.name: next(_reasons(seen, facts, rows, target, is_class), "") for seen in others}
    return {name: why for name, why in found.items() if why}


def _reasons(seen: Seen, facts: Facts, rows: pl.DataFrame, target: str, is_class: bool) -> Iterator[str]:
    """The first reason against a column, if there is one."""
    if seen.distinct == 0:
        yield "has no value"
    elif seen.distinct == 1 and not seen.missing:
        yield f"is the same in every row: {seen.categories[0]}" if seen.categories else "is the same in every row"
    elif given := gives_away(rows[seen.name], rows[target], is_class=is_class):
        yield f"gives the target away? {given}"
    elif twin := next((each.name for each in facts.columns if is_twin(seen, each, rows)), ""):
        yield f"is the same as {twin}"
    elif seen.kind == "category" and seen.form:
        day = next(iter(rows[seen.name].drop_nulls()), "")
        yield f"{day} may be two dates: with `columns: {{{seen.name}: date}}` the day comes first"
    else:
        yield from _alone(seen, facts, rows[seen.name].drop_nulls())


def _alone(seen: Seen, facts: Facts, cells: pl.Series) -> Iterator[str]:
    """Whether nearly each value stands in one row alone, so that nothing can be learned from it of another row."""
    there = sum(facts.rows) - seen.missing
    if there < LEAST_ROWS:
        return
    if seen.kind == "category" and seen.distinct > there / 2:
        is_free = cells.str.contains(r"\s").sum() > len(cells) / 2
        what = "is free text" if is_free else "tells rows apart, not what they are like"
        yield f"{what}: {seen.distinct:,} different texts in {there:,} rows"
    elif seen.kind == "number" and cells.n_unique() == len(cells) and bool((cells % 1 == 0).all()):
        if seen.high - seen.low + 1 == there:
            yield f"numbers the rows from {seen.low:.0f} to {seen.high:.0f}"
        elif _ID.search(seen.name):
            yield "is an id: another whole number in every row"


def is_twin(seen: Seen, other: Seen, rows: pl.DataFrame) -> bool:
    """Whether `other` stands before a column and holds the same."""
    if len(rows) < LEAST_ROWS or rows.columns.index(other.name) >= rows.columns.index(seen.name):
        return False
    about = [(each.kind, each.missing_in, each.distinct, each.counts, each.low, each.high) for each in (seen, other)]
    return about[0] == about[1] and rows[seen.name].equals(rows[other.name])


def gives_away(cells: pl.Series, target: pl.Series, *, is_class: bool) -> str:
    """How a column tells the target, "" if it does not: each of its values stands for one of the target's, of a class
    several may; or it rises and falls with it."""
    pairs = pl.DataFrame([cells.alias("a"), target.alias("b")]).drop_nulls()
    if len(pairs) < LEAST_ROWS:
        return ""
    kinds = pairs["a"].n_unique()
    if 1 < kinds <= len(pairs) / 2 and kinds == pairs["b"].n_unique() == pairs.n_unique():
        return "one is the other" if cells.equals(target) else "each of its values stands for one of the target's"
    if is_class and 1 < kinds <= len(pairs) / 2 and kinds == pairs.n_unique():
        _, counts = np.unique(pairs["b"].to_numpy(), return_counts=True)
        if (len(pairs) - kinds) * math.log(counts.max() / len(pairs)) < CHANCE:
            return f"each of its {kinds:,} values stands for one class"
    linear = abs(correlation(pairs["a"], pairs["b"]))
    return f"correlation {linear:.4f}" if linear > SAME else ""


def nearly(facts: Facts, rows: pl.DataFrame, target: str, *, is_class: bool) -> dict[str, str]:
    """Columns of numbers that come near a target, by name, and how near: of numbers by their correlation, of classes by
    what the nearest known number tells of rows held out."""
    found: dict[str, str] = {}
    for name in (seen.name for seen in facts.columns if seen.name != target and seen.kind == "number"):
        if not is_class and abs(value := correlation(rows[name], rows[target])) > NEAR:
            found[name] = f"correlation {value:.3f}"
        elif is_class and (share := alone(rows[name], rows[target])) >= TOLD:
            found[name] = f"alone it tells {share:.1%} of rows held out, each class counting alike"
    return found


def alone(cells: pl.Series, target: pl.Series) -> float:
    """The balanced accuracy with which a column of numbers tells a class, learned of every other row and tried on the
    rest; 0 where there are few rows, or hardly any but of one class."""
    pairs = pl.DataFrame([cells.alias("a"), target.cast(pl.String).alias("b")]).drop_nulls()
    classes, y = np.unique(pairs["b"].to_numpy(), return_inverse=True)
    if len(pairs) < LEAST_ROWS or np.bincount(y).max() >= EVEN * len(y):
        return 0.0
    return by_value(pairs["a"].to_numpy(), y, np.arange(len(y)) % 2 == 0, len(classes))


def correlation(a: pl.Series, b: pl.Series) -> float:
    """Pearson's, over the rows that have both; 0 for what is no numbers, or constant."""
    if a.dtype != pl.Float64 or b.dtype != pl.Float64:
        return 0.0
    value = pl.DataFrame([a.alias("a"), b.alias("b")]).drop_nulls().select(pl.corr("a", "b")).item()
    return float(value) if value is not None and math.isfinite(value) else 0.0
