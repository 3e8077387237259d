"""The rows of a table that was looked at -> arrays: a float32 a column and row; the target; what stays together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tuner.choice import nearest
from tuner.data.columns import Column, is_number, is_numeric
from tuner.data.files import shown
from tuner.data.source import Array, Raw
from tuner.data.tabular.blocks import Block, TableFile
from tuner.data.tabular.cells import cleaned, days, numbers, texts
from tuner.data.tabular.dialect import Dialect
from tuner.data.tabular.facts import Facts
from tuner.data.tabular.frames import pl
from tuner.data.tabular.looking import look
from tuner.errors import NotFoundError, TunerError, UsageError
from tuner.figures import some

__all__ = ["look", "raw_of", "read", "rows_of"]


@dataclass
class Rows:
    """What was read: `x` (N, columns) and `y` (N,) float32, NaN where missing, -1 for a category that is not known; the
    cells of the columns asked for `beside`; where each row stands, for messages."""

    x: Array
    y: Array
    beside: dict[str, list[Any]]
    lines: Array


def read(
    paths: Sequence[Path], settings: Any, columns: Sequence[Column], target: Column | None, beside: Collection[str] = ()
) -> Iterator[Rows]:
    """The rows of all files, a block at a time, in their order. `target` may be lacking in a file that has none: its
    numbers are NaN then. Raises NotFoundError for a file that lacks a column, and as `TableFile` does."""
    for path in paths:
        with TableFile(path, settings) as table:
            check_columns(table, [column.name for column in columns])
            for block in table.blocks():
                yield rows_of(table, block, columns, target, beside)


def check_columns(table: TableFile, names: Sequence[str]) -> None:
    """Raises NotFoundError where the table lacks some of these."""
    if lacking := [name for name in dict.fromkeys(names) if name not in table.names]:
        told = some([f"{name!r}{meant(name, table.names)}" for name in lacking], 10)
        fix = f"It has {some(table.names, 20)}."
        if not set(names) & set(table.names) and any(is_number(name) for name in table.names):
            fix = f"Its first line looks like a row: is the line of names missing? {fix}"
        raise table.wrong(f"has no column {told}", fix)


def meant(name: str, names: Sequence[str]) -> str:
    near = nearest(name, names)
    return f" (did you mean {near}?)" if near else ""


def rows_of(
    table: TableFile, block: Block, columns: Sequence[Column], target: Column | None, beside: Collection[str]
) -> Rows:
    """One block as numbers."""
    x = np.empty((len(block.frame), len(columns)), dtype=np.float32)
    for at, column in enumerate(columns):
        x[:, at] = values(block, column, table)
    y = np.full(len(block.frame), np.nan, dtype=np.float32)
    if target is not None and target.name in table.names:
        y = values(block, target, table)
    return Rows(x, y, {name: block.cells(name).to_list() for name in beside if name in table.names}, block.lines)


Odd = tuple[int, str]
"""Where a cell stands that is no number or date, and what it holds."""


def values(block: Block, column: Column, table: TableFile) -> Array:
    """A column's cells as they are stored. Raises NotFoundError for a cell that is no number or date, or not a finite
    one, in a column of them."""
    if column.kind in ("category", "boolean"):
        cells = block.frame[column.name]
        has_gaps = cells.dtype != pl.String or _has_codes(block, column, table)
        cells = block.cells(column.name) if has_gaps else cells
        return codes(cells, column, block.missing, table.dialect)
    wide, odd = _wide(block, column, table)
    if odd:
        fix = f"mend it, add it to data.missing, or say what data.columns: {{{column.name}: ...}} is"
        raise table.wrong(_told(column, odd[0]), fix)
    with np.errstate(over="ignore"):
        array: Array = wide.astype(np.float32)
    if np.isinf(array).any():
        raise table.wrong(f"column {column.name!r} has numbers beyond 3.4e38, which float32 cannot hold")
    return array


def _parsed(cells: pl.Series, column: Column, table: TableFile) -> pl.Series:
    return days(cells, column.form) if column.kind == "date" else numbers(cells, table.dialect)


def _has_codes(block: Block, column: Column, table: TableFile) -> bool:
    """Whether what stands for a missing value can be read as one: -999 for none."""
    return bool(_parsed(pl.Series([*block.missing], dtype=pl.String), column, table).is_finite().any())


def _wide(block: Block, column: Column, table: TableFile) -> tuple[Array, list[Odd]]:
    """A column's numbers or dates as float64, NaN where missing, and the cells that are neither."""
    cells = block.frame[column.name]
    if cells.dtype != pl.String or column.kind == "date" or _has_codes(block, column, table):
        cells = block.cells(column.name)
    wide: Array = _parsed(cells, column, table).to_numpy()
    if (plain := np.isfinite(wide)).all():
        return wide, []
    # only what is no number as it stands is cleaned: cleaning takes as long as all the rest
    odd = np.flatnonzero(~plain)
    told = cleaned(cells.gather(odd).to_frame(), block.missing).to_series()
    again = _parsed(told, column, table).to_numpy()
    bad = (told.is_not_null() & ~pl.Series(np.isfinite(again))).arg_true().to_list()
    wide = wide.copy()
    wide[odd] = again
    return wide, [(int(block.lines[odd[at]]), str(told[at])) for at in bad]


def _told(column: Column, odd: Odd, count: int = 1) -> str:
    line, text = odd
    wanted = f"date like {column.form}" if column.kind == "date" else "finite number"
    more = f", and {count - 1:,} more" if count > 1 else ""
    return f"line {line:,}, column {column.name!r}: {text[:60]!r} is no {wanted}{more}"


def unread(table: Any, blocks: Iterable[Block], columns: Sequence[Column]) -> TunerError | None:
    """The error that tells of all cells in these blocks that are no numbers or dates, for rows that a trained run is to
    answer for: what a cell means is settled. None where there are none."""
    first: dict[str, Odd] = {}
    counts: Counter[str] = Counter()
    missing: Collection[str] = ()
    rows, kinds = 0, {column.name: column for column in columns if column.kind not in ("category", "boolean")}
    for block in blocks:
        found = {name: odd for name, column in kinds.items() if (odd := _wide(block, column, table)[1])}
        first = {name: odd[0] for name, odd in found.items()} | first
        counts.update({name: len(odd) for name, odd in found.items()})
        rows += len({line for odd in found.values() for line, _ in odd})
        missing = block.missing
    names = sorted(filter(first.get, kinds), key=lambda name: first[name][0])
    told = [_told(kinds[name], first[name], counts[name]) for name in names]
    told += [f"{rows:,} rows cannot be read"] * (rows > 1)
    gap = table.gap or ("leave them empty" if "" in missing else f"write {next(iter(missing), '')}")
    fix = f"Mend these cells{f', or {gap}: a row is answered for without them' * bool(missing)}."
    return table.wrong("; ".join(told), fix) if told else None


def codes(cells: pl.Series, column: Column, missing: Collection[str], dialect: Dialect | None) -> Array:
    """The positions of categories, float32: -1 for one that is not known, NaN for none."""
    distinct = cells.unique().drop_nulls()
    told = cleaned(distinct.to_frame(), missing).to_series()
    names = texts(told, dialect, numeric=is_numeric(column.categories))
    known: dict[str | None, float] = {name: code for code, name in enumerate(column.categories)}
    found = pl.Series([known.get(name, -1.0) for name in names], dtype=pl.Float32).set(told.is_null(), np.nan)
    return cells.replace_strict(distinct, found, default=np.nan, return_dtype=pl.Float32).to_numpy()


def by_name(x: Any) -> dict[str, list[Any]] | None:
    """The columns of a data frame (of polars, pandas, anything like these), of a dict of columns or of one row, or of a
    list of such rows; None for anything else."""
    if isinstance(x, Mapping):
        plain = {str(name): getattr(cells, "tolist", lambda cells=cells: cells)() for name, cells in x.items()}
        return {name: list(cells) if isinstance(cells, list | tuple) else [cells] for name, cells in plain.items()}
    if isinstance(x, list) and x and all(isinstance(row, Mapping) for row in x):
        return {str(name): [row.get(name) for row in x] for name in dict.fromkeys(key for row in x for key in row)}
    if hasattr(x, "columns") and hasattr(x, "__getitem__"):
        return {str(name): list(x[name]) for name in x.columns}
    return None


@dataclass(frozen=True)
class Given:
    """Rows that a program hands over, in the place of a file."""

    names: list[str]
    dialect: None = None
    gap: str = "give None"

    def wrong(self, message: str, fix: str = "") -> UsageError:
        return UsageError(f"the rows given: {message.replace('line ', 'row ')}", fix=fix)


def stored(columns: Sequence[Column], data: Mapping[str, list[Any]], missing: Sequence[str]) -> Array:
    """Rows by the names of their columns, float32 (N, columns) as they are stored. Raises UsageError for rows that lack
    a column, for text among numbers, for columns of different length."""
    table: Any = Given(list(data))
    check_columns(table, [column.name for column in columns])
    try:
        frame = pl.DataFrame({name: pl.Series(cells, strict=False) for name, cells in data.items()})
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise table.wrong(str(error).partition("\n")[0]) from None
    block = Block(frame, missing, np.arange(1, len(frame) + 1))
    try:
        return np.stack([values(block, column, table) for column in columns], axis=1)
    except UsageError as error:
        raise unread(table, [block], columns) or error from None


def read_all(
    paths: Sequence[Path], settings: Any, columns: Sequence[Column], target: Column, rows: int, beside: Collection[str]
) -> Rows:
    """All rows, of which there are `rows`. Raises NotFoundError also where there are others by now."""
    x, y = np.empty((rows, len(columns)), dtype=np.float32), np.empty(rows, dtype=np.float32)
    kept: dict[str, list[Any]] = {name: [] for name in beside}
    lines, at = np.empty(rows, np.int64), 0
    for block in read(paths, settings, columns, target, beside):
        end = at + len(block.x)
        if end > rows:
            break
        x[at:end], y[at:end], lines[at:end] = block.x, block.y, block.lines
        for name in beside:
            kept[name] += block.beside[name]
        at = end
    else:
        if at == rows:
            return Rows(x, y, kept, lines)
    raise changed(paths[0])


def raw_of(settings: Any, facts: Facts, columns: Sequence[Column], target: Column, time: Column | None) -> Raw:
    """The whole table. `time` is the column that the parts are cut by, where there is one."""
    names = [column.name for column in columns]
    extra = [time] if time is not None and time.name not in names else []
    beside = [settings.group] if settings.group else []
    rows = read_all(settings.paths, settings, [*columns, *extra], target, sum(facts.rows), beside)
    is_there = ~np.isnan(rows.y)
    if (target.categories and (rows.y < 0).any()) or (settings.missing_target == "error" and not is_there.all()):
        raise changed(settings.paths[0])
    own = int(is_there[: sum(facts.rows[:-1])].sum()) if settings.test_path else len(rows.y)
    x, y, lines = (
        (rows.x, rows.y, rows.lines) if is_there.all() else (rows.x[is_there], rows.y[is_there], rows.lines[is_there])
    )
    times = None
    if time is not None:
        times = x[:own, [*names, time.name].index(time.name)].astype(np.float64)
        if np.isnan(times).any():
            line = lines[int(np.isnan(times).argmax())]
            raise NotFoundError(f"{settings.paths[0]}: line {line:,} has no {time.name}, by which the parts are cut",
                                fix="Fill it in, or leave data.time out.")  # fmt: skip
    x = x[:, : len(columns)] if extra else x
    labels = y.astype(np.int64) if target.categories else y
    together = _groups([each for each, there in zip(rows.beside[settings.group], is_there, strict=True) if there]
                       [:own]) if settings.group else None  # fmt: skip
    repeated = None
    if settings.duplicates == "drop":
        _, first = np.unique(_hashes(x[:own], y[:own]), return_index=True)
        repeated = ~np.isin(np.arange(own), first)
    elif settings.duplicates == "together" and together is None:
        together = np.unique(_hashes(x[:own]), return_inverse=True)[1]
    if not settings.test_path:
        return Raw(x, labels, groups=together, times=times, repeated=repeated)
    return Raw(x[:own], labels[:own], x[own:], labels[own:], groups=together, times=times, repeated=repeated)


def changed(path: Path) -> NotFoundError:
    """The error for a file that is another one than a moment before."""
    return NotFoundError(f"{shown(path)} changed while it was read", fix="Run the same command again.")


def _groups(values: Sequence[Any]) -> Array:
    """A number for each different value; each missing one is alone."""
    known: dict[Any, int] = {}
    return np.array(
        [known.setdefault(object() if each is None else each, len(known)) for each in values], dtype=np.int64
    )


def _hashes(x: Array, y: Array | None = None) -> Array:
    """A hash of each row, uint64 (N,): that of equal rows is equal, and two others hardly ever have the same."""
    found = np.full(len(x), 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in [*x.T, *([y] if y is not None else [])]:
        bits = (column + np.float32(0)).astype(np.float32).view(np.uint32).astype(np.uint64)  # -0 is 0
        found = (found ^ bits) * np.uint64(0xD6E8FEB86659FD93)
        found ^= found >> np.uint64(32)
    return found
