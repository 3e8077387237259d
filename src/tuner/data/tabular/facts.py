"""What a look through a table told, remembered in the user's cache until a file's size or time changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuner.data.columns import Kind
from tuner.data.files import shown, unreadable
from tuner.durable.reading import json_bytes, read_json
from tuner.durable.writing import make_folder, write_file
from tuner.errors import NotFoundError, TunerError
from tuner.machine import versions
from tuner.paths import user_cache

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
    fix = "Set data.path to where it lies now: data.path=FILE on the command line."
    return NotFoundError(f"{shown(path)} is missing", fix=fix)


def remembered(place: Path | None) -> Facts | None:
    """What is known from a look before, if that can be read."""
    with suppress(TunerError, KeyError, TypeError, ValueError):
        return _parsed(read_json(place)) if place is not None and place.is_file() else None
    return None


def remember(place: Path, found: Facts) -> None:
    """Keeps it there; where that cannot be written, the next command looks again."""
    with suppress(TunerError):
        make_folder(place.parent)
        write_file(place, json_bytes(asdict(found)))


def place_of(paths: Sequence[Path], settings: Any) -> Path | None:
    """Where a look through the files is remembered, if anywhere. Raises NotFoundError for one that cannot be seen."""
    cache = user_cache()
    about: list[Any] = [versions()["tuner"], {key: getattr(settings, key) for key in ASKED}]
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
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return cache and cache / "tables" / f"{key}.json"


def _parsed(told: dict[str, Any]) -> Facts:
    """Raises KeyError, TypeError or ValueError for what is none."""
    columns: list[Any] = [{key: tuple(value) if isinstance(value, list) else value for key, value in each.items()}
               for each in told["columns"]]  # fmt: skip
    return Facts(tuple(told["rows"]), tuple(Seen(**each) for each in columns), told["dialect"])
