"""What a look through people's own files told, remembered in the user's cache until their size or time changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.choice import nearest
from tuner.data.cache import Found, cached, place_of
from tuner.data.columns import Kind
from tuner.data.files import shown, unreadable
from tuner.errors import NotFoundError

ASKED = ("header", "delimiter", "decimal", "thousands", "encoding", "missing", "columns")
"""The settings that a look depends on."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one column: rows without a value, in each file, and how many values differ (of a column of many
    numbers, or of very many texts: how many there are). `counts` are the rows of each of the `categories`; both are ()
    where there are very many, of numbers where there are many. `form` is how its dates are written, and of a column of
    texts how they would be, were it clear which number is the month; `low` and `high` are its smallest and largest
    number."""

    name: str
    kind: Kind
    missing_in: tuple[int, ...]
    distinct: int
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    form: str = ""
    low: float = 0.0
    high: float = 0.0

    @property
    def missing(self) -> int:
        return sum(self.missing_in)


@dataclass(frozen=True)
class Facts:
    """What a look through some files of one table told: the rows of each, their columns in the order of the first, and
    how the first is written."""

    rows: tuple[int, ...]
    columns: tuple[Seen, ...]
    dialect: str


def missing(path: Path) -> NotFoundError:
    """The error for a file that is not there."""
    with suppress(OSError):
        near = nearest(path.name, [each.name for each in path.parent.iterdir()])
        if near:
            return NotFoundError(f"{shown(path)} is missing", fix=f"Did you mean {shown(path.with_name(near))}?")
    return NotFoundError(
        f"{shown(path)} is missing", fix="If a config names it: data.path=FILE says where it lies now."
    )


def known(
    paths: Sequence[Path],
    asked: Mapping[str, Any],
    look: Callable[[], Found],
    parsed: Callable[[dict[str, Any]], Found],
) -> Found:
    """What a `look` through the files tells, or told before, while neither they nor the settings `asked` changed.

    `parsed` makes it of what its fields are in JSON, and raises KeyError, TypeError or ValueError for anything else.
    Raises NotFoundError for a file that cannot be seen, and what `look` raises.
    """
    place = _place_of(paths, asked)
    return cached(place, look, parsed, lambda: place == _place_of(paths, asked))


def _place_of(paths: Sequence[Path], asked: Mapping[str, Any]) -> Path | None:
    """Where a look through the files is remembered, if anywhere. Raises NotFoundError for one that cannot be seen."""
    about: list[Any] = [asked]
    for path in paths:
        try:
            stat = path.stat()
        except (OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise missing(path) from error
            raise unreadable(path, error if isinstance(error, OSError) else OSError(str(error))) from error
        if path.is_dir():
            raise NotFoundError(f"{shown(path)} is a folder", fix="Give the file, or a list of files.")
        about.append([os.path.realpath(path), stat.st_size, stat.st_mtime_ns])
    return place_of("tables", about)


def seen_of(told: dict[str, Any]) -> Seen:
    """A column of what JSON holds. Raises TypeError for what is none."""
    values: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    return Seen(**values)


def facts_of(told: dict[str, Any]) -> Facts:
    """A table of what JSON holds. Raises KeyError or TypeError for what is none."""
    return Facts(tuple(told["rows"]), tuple(map(seen_of, told["columns"])), told["dialect"])
