"""What was found out about data, remembered in the user's cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tuner.durable.reading import json_bytes, read_json
from tuner.durable.writing import make_folder, write_file
from tuner.errors import TunerError
from tuner.machine import versions
from tuner.paths import user_cache

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Found = TypeVar("Found", bound="DataclassInstance")

REMEMBERED = 200
"""So many findings of a kind are kept, the newest ones."""


def place_of(kind: str, about: list[Any]) -> Path | None:
    """Where a finding of a `kind` is remembered, if anywhere: it depends on what it is `about`, in JSON, and on tuner's
    version."""
    cache = user_cache()
    key = hashlib.sha256(json.dumps([versions()["tuner"], *about], sort_keys=True).encode()).hexdigest()
    return cache and cache / kind / f"{key}.json"


def cached(
    place: Path | None,
    find: Callable[[], Found],
    parsed: Callable[[dict[str, Any]], Found],
    still: Callable[[], bool] = lambda: True,
) -> Found:
    """What `find` finds, or what stands at `place` of an earlier finding; a new one stays there if it is `still` about
    the same. A damaged one is found anew.

    `parsed` makes it of what its fields are in JSON, and raises KeyError, TypeError or ValueError for anything else.
    """
    with suppress(TunerError, KeyError, TypeError, ValueError):
        if place is not None and place.is_file():
            return parsed(read_json(place))
    found = find()
    if place is not None and still():
        with suppress(TunerError):  # where that cannot be written, the next command finds it again
            make_folder(place.parent)
            write_file(place, json_bytes(asdict(found)))
            with suppress(OSError):  # another command may tidy up, too
                for old in sorted(place.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-REMEMBERED]:
                    old.unlink()
    return found
