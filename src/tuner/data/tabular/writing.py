"""Columns of answers -> csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import polars as pl


def write_csv(stream: BinaryIO, columns: Mapping[str, Sequence[Any]], *, header: bool) -> None:
    """Writes columns of equal length, with a line of their names first where they need a `header`."""
    pl.DataFrame({name: pl.Series(values, strict=False) for name, values in columns.items()}).write_csv(
        stream, include_header=header
    )
