"""The cells of a column -> missing values, numbers, dates, texts."""

from __future__ import annotations

from collections.abc import Collection

from tuner.data.columns import is_number, text_of
from tuner.data.tabular.dialect import Dialect
from tuner.data.tabular.frames import pl

_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")
_TIMES = ("", " %H:%M:%S", " %H:%M", " %H:%M:%S%.f", "T%H:%M:%S", "T%H:%M:%S%.f", "T%H:%M:%SZ")
DATES = tuple(f"{day}{time}" for day in _DAYS for time in _TIMES)
"""The ways of writing a date that are understood, in the order in which they are tried."""


def cleaned(frame: pl.DataFrame, missing: Collection[str]) -> pl.DataFrame:
    """All columns as text without spaces around it, as float64 or as moments in time, null where they are missing. What
    is none of these (a list, a struct) comes as it is."""
    gaps = [float(each) for each in missing if is_number(each)]
    columns = []
    for name, dtype in frame.schema.items():
        cells = pl.col(name)
        if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
            cells = cells.cast(pl.String).str.strip_chars()
            cells = pl.when(cells.is_in(list(missing))).then(None).otherwise(cells).alias(name)
        elif dtype.is_numeric() or dtype == pl.Null:
            cells = cells.cast(pl.Float64, strict=False).fill_nan(None)
            cells = pl.when(cells.is_in(gaps)).then(None).otherwise(cells).alias(name) if gaps else cells
        elif dtype in (pl.Date, pl.Datetime):
            cells = cells.cast(pl.Datetime("us"))
        columns.append(cells)
    return frame.select(columns)


def numbers(cells: pl.Series, dialect: Dialect | None) -> pl.Series:
    """`cleaned` cells as float64, null where they are missing or no numbers."""
    if cells.dtype == pl.Float64:
        return cells
    if cells.dtype != pl.String:
        return pl.Series(cells.name, [None] * len(cells), dtype=pl.Float64)
    if dialect is not None and dialect.thousands:
        cells = cells.str.replace_all(dialect.thousands, "", literal=True)
    if dialect is not None and dialect.decimal != ".":
        cells = cells.str.replace(dialect.decimal, ".", literal=True)
    return cells.cast(pl.Float64, strict=False)


def days(cells: pl.Series, form: str) -> pl.Series:
    """`cleaned` cells as days since 1970-01-01, float64, null where they are missing or not written in this `form`."""
    if cells.dtype == pl.String:
        cells = cells.str.to_datetime(form, strict=False, exact=True, time_unit="us")
    if cells.dtype != pl.Datetime:
        return pl.Series(cells.name, [None] * len(cells), dtype=pl.Float64)
    return cells.dt.replace_time_zone(None).to_physical() / 86_400e6


def texts(cells: pl.Series, dialect: Dialect | None, *, numeric: bool) -> pl.Series:
    """`cleaned` cells as names of categories; with `numeric` numbers are written in one way."""
    if cells.dtype == pl.String and not numeric:
        return cells
    if cells.dtype == pl.Datetime:
        return cells.dt.to_string("iso")
    known = cells.unique().drop_nulls()
    values = numbers(known, dialect)
    named = [text if value is None else text_of(value) for text, value in zip(known, values, strict=True)]
    return cells.replace_strict(known, pl.Series(named, dtype=pl.String), default=None, return_dtype=pl.String)
