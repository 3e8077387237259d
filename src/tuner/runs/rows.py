"""Rows of metrics.csv and layer_stats.jsonl: plain numbers, which reading gives back as they were written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.durable.reading import shown
from tuner.errors import NotFoundError

Row = dict[str, float | int | None]
LayerRow = dict[str, Any]
"""What a layer did after an epoch: its name under ``layer``, numbers or None under all other keys."""

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_.@()\[\]-]{0,63}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_FLOAT = re.compile(r"-?(?:[0-9]{1,320}(?:\.[0-9]{1,320})?(?:e[+-]?[0-9]{1,4})?|inf)|nan")


def format_header(columns: Sequence[str]) -> str:
    """The first line of the file, without its end."""
    for column in columns:
        if not _COLUMN.fullmatch(column):
            raise ValueError(f"not a column's name: {column!r}")
    return ",".join(columns)


def format_row(columns: Sequence[str], values: Mapping[str, float | int | None]) -> str:
    """One line without its end, of exactly the columns: a float in its shortest form that reads back the same, None as
    an empty cell."""
    if set(values) != set(columns):
        raise ValueError(f"a row is whole: {sorted(set(values) ^ set(columns))} are missing or too many")
    cells = [values[column] for column in columns]
    return ",".join("" if each is None else str(int(each)) if isinstance(each, int) else repr(float(each))
                    for each in cells)  # fmt: skip


def parse_rows(text: str, file: str) -> list[Row]:
    """The rows of `text`; a last line without its end was torn by a crash and does not count. Raises NotFoundError
    naming `file` and the line that is damaged."""
    lines = text.split("\n")[:-1]
    if not lines:
        return []
    columns = lines[0].split(",")
    if len(set(columns)) != len(columns) or not all(_COLUMN.fullmatch(column) for column in columns):
        raise NotFoundError(f"{file} is damaged: line 1 does not name its columns")
    return [_parse(columns, line, f"{file} is damaged: line {number}") for number, line in enumerate(lines[1:], 2)]


def _parse(columns: list[str], line: str, where: str) -> Row:
    cells = line.split(",")
    if len(cells) != len(columns):
        raise NotFoundError(f"{where} has {len(cells)} cells for {len(columns)} columns")
    row: Row = {}
    for column, cell in zip(columns, cells, strict=True):
        if not cell:
            row[column] = None
        elif _INTEGER.fullmatch(cell):
            row[column] = int(cell)
        elif _FLOAT.fullmatch(cell) and ("inf" in cell or not math.isinf(float(cell))):
            row[column] = float(cell)
        else:
            raise NotFoundError(f"{where}, {column}: {shown(cell[:40])} is not a number")
    return row


def parse_layer_rows(data: bytes, file: str) -> list[LayerRow]:
    """The whole lines of layer_stats.jsonl. Raises NotFoundError naming `file` and the line that is damaged."""
    rows = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            row = json.loads(line)
            known = type(row["epoch"]) is int and isinstance(row["layer"], str)
            numbers = [value for key, value in row.items() if key != "layer" and value is not None]
            if not known or not all(type(value) in (int, float) and math.isfinite(value) for value in numbers):
                raise ValueError("no epoch, no layer or not a number")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise NotFoundError(f"{file} is damaged: line {number} is not what a layer did after an epoch") from error
        rows.append(row)
    return rows
