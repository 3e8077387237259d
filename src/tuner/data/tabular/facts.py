"""What a look through people's own files told, remembered in the user's cache until their size or time changes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tuner.choice import nearest
from tuner.data.columns import Kind
from tuner.data.files import shown, unreadable
from tuner.durable.reading import json_bytes, read_json
from tuner.durable.writing import make_folder, write_file
from tuner.errors import NotFoundError, TunerError
from tuner.machine import versions
from tuner.paths import user_cache

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Found = TypeVar("Found", bound="DataclassInstance")

REMEMBERED = 200
"""So many looks are kept in the cache, the newest ones."""
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
    with suppress(TunerError, KeyError, TypeError, ValueError):
        if place is not None and place.is_file():
            return parsed(read_json(place))
    found = look()
    if place is not None and place == _place_of(paths, asked):
        with suppress(TunerError):  # where that cannot be written, the next command looks again
            make_folder(place.parent)
            write_file(place, json_bytes(asdict(found)))
            with suppress(OSError):  # another command may tidy up, too
                for old in sorted(place.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-REMEMBERED]:
                    old.unlink()
    return found


def _place_of(paths: Sequence[Path], asked: Mapping[str, Any]) -> Path | None:
    """Where a look through the files is remembered, if anywhere. Raises NotFoundError for one that cannot be seen."""
    cache = user_cache()
    about: list[Any] = [versions()["tuner"], asked]
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


def seen_of(told: dict[str, Any]) -> Seen:
    """A column of what JSON holds. Raises TypeError for what is none."""
    values: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    return Seen(**values)


def facts_of(told: dict[str, Any]) -> Facts:
    """A table of what JSON holds. Raises KeyError or TypeError for what is none."""
    return Facts(tuple(told["rows"]), tuple(map(seen_of, told["columns"])), told["dialect"])
