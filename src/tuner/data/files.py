"""Where data sets lie on this machine, and reading their files with every fault named."""

from __future__ import annotations

import errno
import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.data.source import Dataset, Description, Raw, Source
from tuner.durable import reading as durable_reading
from tuner.errors import NotFoundError, ResourceError
from tuner.paths import path_of, typed, user_cache

if TYPE_CHECKING:
    from tuner.data.source import Array

# Path's own raise for what cannot be seen: here no permission counts as no.
is_file, is_folder = os.path.isfile, os.path.isdir


def default_roots() -> list[Path]:
    """The folders looked in for data sets, first one first: $TUNER_DATA if it is set, ./data, the user's cache."""
    told, cache = os.environ.get("TUNER_DATA"), user_cache()
    return [*([path_of(told)] if told else []), Path("data"), *([cache] if cache else [])]


def download_root() -> Path:
    """Where `tuner download` puts a data set unless told: $TUNER_DATA, else ./data if it exists, else the cache."""
    candidates = default_roots()
    return next((root for root in candidates[:-1] if root != Path("data") or is_folder(root)), candidates[-1])


def files_of(source: type[Source]) -> list[str]:
    """The files of a source that lies on disk, relative to the data folder."""
    return [path for archive in source.archives for path, _ in archive.unpacks]


def locate(source: Source, root: Path | None = None) -> Path:
    """The data folder that holds the source's files: the first that holds all, else the first that holds some.

    Only `root`, else the source's own, is looked in where it is set. Raises NotFoundError where no folder holds any.
    """
    only = root if root is not None else source.root
    folders = default_roots() if only is None else [Path(only)]
    files = files_of(type(source))
    if not files:
        return folders[0]
    held = [sum(is_file(folder / name) or is_file(folder / f"{name}.gz") for name in files) for folder in folders]
    for wanted in (len(files), 1):
        for folder, count in zip(folders, held, strict=True):
            if count >= wanted:
                return folder
    looked = ", ".join(shown(folder) for folder in folders)
    raise NotFoundError(f"{source.name} is not in {looked}: no {files[0]} there", fix=how_to_get(source.name, only))


def stored(
    shape: tuple[int, ...], classes: tuple[str, ...], samples: tuple[int, int], read: Callable[[Source, Path], Raw]
) -> Callable[..., Dataset]:
    """The `open` of a source of files, which `read` reads in a data folder; `samples` are for training and the test."""

    def open_files(self: Source, root: Path | None = None) -> Dataset:
        known = Description(shape, "class", classes, *samples)
        return Dataset(self, known, lambda: read(self, locate(self, root)))

    return open_files


def how_to_get(name: str, only: str | Path | None = None) -> str:
    """What to do about a data set that is not in the usual folders, or not in the `only` one that was given."""
    if only is not None:
        return f"run `tuner download {name} --root {typed(Path(only))}`, or set data.root to the folder that holds it"
    return f"run `tuner download {name}`, or set TUNER_DATA or data.root to the folder that holds it"


def damaged(path: Path, expected: str, found: str, name: str) -> NotFoundError:
    """The error for a file that is there but is not what it should be."""
    fix = f"delete it and run `tuner download {name}`"
    return NotFoundError(f"{shown(path)} is damaged: it should hold {expected}, but {found}", fix=fix)


def read_bytes(path: Path, size: int, name: str) -> Array:
    """All `size` bytes of a file as uint8, of `path` itself or of `path`.gz.

    Raises NotFoundError where it is missing, cannot be read, or is longer or shorter.
    """
    import numpy as np

    packed = path.with_name(f"{path.name}.gz")
    used = path if is_file(path) else packed
    if not is_file(used):
        raise NotFoundError(f"{shown(path)} is missing", fix=how_to_get(name))
    try:
        if used == path:
            found = path.stat().st_size
            data = np.fromfile(path, dtype=np.uint8) if found == size else np.empty(0, np.uint8)
        else:
            with gzip.open(packed) as stream:
                data = np.frombuffer(bytearray(stream.read(size + 1)), dtype=np.uint8)
            found = len(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise damaged(used, f"{size:,} bytes, gzipped", f"unpacking stops with: {error}", name) from error
    except OSError as error:
        raise unreadable(used, error) from error
    if found != size or len(data) != size:
        more = "more than that" if found > size and used == packed else f"{found:,}"
        raise damaged(used, f"{size:,} bytes", f"it holds {more}", name)
    return data


def unreadable(path: Path, error: OSError) -> NotFoundError | ResourceError:
    """The error for a file the system does not let tuner read."""
    if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return ResourceError(
            f"{shown(path)} cannot be read: {error.strerror}", fix="close other programs and run again"
        )
    return NotFoundError(f"{shown(path)} cannot be read: {error.strerror or error}", fix="check its permissions")


def check_labels(labels: Array, allowed: range, path: Path, name: str) -> None:
    """Raises NotFoundError unless every label is in `allowed`."""
    wrong = (labels < allowed.start) | (labels >= allowed.stop)
    if wrong.any():
        first = int(wrong.argmax())
        found = f"label {first:,} is {int(labels[first])}"
        raise damaged(path, f"labels from {allowed.start} to {allowed.stop - 1}", found, name)


def shown(path: Path) -> str:
    """A path as a message shows it: ./data rather than data."""
    return durable_reading.shown(path if path.is_absolute() else f"./{path}")
