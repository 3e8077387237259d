"""Reading files that others may have damaged or made to harm: sizes are bounded, links are not followed."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.errors import NotFoundError, ResourceError

JSON_LIMIT = 1 << 20
JOURNAL_LIMIT = 1 << 28
# O_NONBLOCK keeps a pipe that stands where a file should be from blocking the open; it does nothing to a file. Windows
# lacks all of them but O_BINARY, which it alone has.
CAREFUL = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

Checksum = tuple[int, str]
"""Bytes and sha256 (hex) of a file; of a journal, of its first so many bytes."""


def checksum(data: bytes) -> Checksum:
    return len(data), hashlib.sha256(data).hexdigest()


def checksums_told(files: Mapping[str, Checksum]) -> dict[str, dict[str, Any]]:
    """Checksums by file name, as a JSON file tells them."""
    return {name: {"bytes": size, "sha256": digest} for name, (size, digest) in files.items()}


def parse_checksums(told: Any) -> dict[str, Checksum]:
    """What `checksums_told` gave. Raises ValueError."""
    try:
        found = {str(name): (each["bytes"], each["sha256"]) for name, each in told.items()}
    except (AttributeError, TypeError, KeyError) as error:
        raise ValueError("no files with their bytes and sha256") from error
    if not all(type(size) is int and size >= 0 and isinstance(digest, str) for size, digest in found.values()):
        raise ValueError("no bytes or no sha256")
    return found


def shown(value: object) -> str:
    """`value` as text for a message: control characters and bytes that are no text come out escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def damaged(path: Path, why: object, fix: str = "") -> NotFoundError:
    """The error for a file that is not what was written there."""
    return NotFoundError(f"{shown(path)} is damaged: {why}", fix=fix)


def is_plain_name(name: str) -> bool:
    """Whether `name` can stand alone as the name of a file of tuner's own. Runs are named by people: `is_run_name`."""
    return _NAME.fullmatch(name) is not None


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of the regular file `path`. Raises NotFoundError (missing, a link, unreadable, above `limit`),
    ResourceError (out of memory or file handles)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | CAREFUL)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    try:
        return read_open(descriptor, path, limit)
    finally:
        os.close(descriptor)


def read_open(descriptor: int, path: Path, limit: int) -> bytes:
    """`read_bytes` of a file that is open."""
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        raise NotFoundError(f"{shown(path)} is not a regular file")
    if about.st_size > limit:
        raise NotFoundError(f"{shown(path)} is damaged or too large: {about.st_size} bytes, at most {limit} expected")
    try:
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(about.st_size)
    except OSError as error:
        raise unreadable(path, error) from error


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one at `path`: not deleted, moved or replaced. Raises OSError."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return False


def list_folder(path: Path) -> list[str]:
    """The names in the folder `path`, sorted; [] when it is not there. Raises NotFoundError, ResourceError."""
    try:
        return sorted(os.listdir(path))  # noqa: PTH208 - the one place that lists
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise NotFoundError(f"cannot list {shown(path)}: {in_the_way(path)}") from error
        raise unreadable(path, error, "list") from error


def files_below(path: Path) -> list[Path]:
    """The regular files in `path` and in its folders, in the order of their names, no link followed. Raises
    NotFoundError, ResourceError."""
    found = []
    for each in (path / name for name in list_folder(path)):
        if os.path.islink(each):  # noqa: PTH114 - never raises
            continue
        if os.path.isdir(each):  # noqa: PTH112
            found += files_below(each)
        elif os.path.isfile(each):  # noqa: PTH113
            found.append(each)
    return found


def unreadable(path: Path, error: OSError | ValueError, verb: str = "read") -> NotFoundError | ResourceError:
    """What a failed reading of `path` is: the machine's limits, or (EACCES, EIO and all others) this very file."""
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"{shown(path)} is missing")
    if not isinstance(error, OSError):
        return NotFoundError(f"cannot {verb} {shown(path)}: {error}")
    reason = "it is a link, and links are not followed" if error.errno == errno.ELOOP else error.strerror
    message = f"cannot {verb} {shown(path)}: {reason}"
    if error.errno in _EXHAUSTED:
        fix = "Close other programs or raise the limits (ulimit -n), then run the same command again."
        return ResourceError(message, fix=fix)
    return NotFoundError(message)


def in_the_way(path: Path, number: int = errno.ENOTDIR) -> str:
    """Which part of `path` is not the folder or file it has to be; `number` is the errno of who tried to use it."""
    above = next((each for each in reversed(path.parents) if os.path.lexists(each) and not each.is_dir()), None)
    if above is None and number == errno.EISDIR:
        return f"{shown(path)} is a folder, and a file belongs there"
    if above is None and number == errno.ELOOP:
        return f"{shown(path)} is a link, and links are not followed"
    place = above or path
    return f"{shown(place)} is {'a link that leads to no folder' if place.is_symlink() else 'not a folder'}"


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises NotFoundError as `read_bytes` and `parse_json` do, ResourceError."""
    return parse_json(read_bytes(path, JSON_LIMIT), path)


def parse_json(data: bytes, path: Path) -> dict[str, Any]:
    """The JSON object that `path` holds. Raises NotFoundError: no JSON, a repeated key, an infinity."""
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise damaged(path, shown(error)) from error
    if not isinstance(value, dict):
        raise damaged(path, "it is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no finite number")
    return value


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """`value` as JSON text, its keys in their own order. A number that is not finite becomes null."""
    text = json.dumps(_without_nan(value), indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "backslashreplace")  # a lone surrogate becomes the JSON escape it stands for


def json_line(value: Any) -> str:
    """`value` as JSON on one line, in ASCII. A number that is not finite becomes null."""
    return json.dumps(_without_nan(value), allow_nan=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
