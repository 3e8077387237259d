"""Columns of answers -> csv, or a JSON object a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from tuner.data.tabular.frames import pl


def write_rows(stream: BinaryIO, columns: Mapping[str, Sequence[Any]], *, header: bool, as_json: bool) -> None:
    """Writes columns of equal length, as csv with a line of their names first where that needs a `header`."""
    frame = pl.DataFrame({name: pl.Series(values, strict=False) for name, values in columns.items()})
    # not to the stream itself: polars would turn a broken pipe into an error of its own
    stream.write((frame.write_ndjson() if as_json else frame.write_csv(include_header=header)).encode())
