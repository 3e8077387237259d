"""In what a run, a group or a sweep that is there is another than the one that is asked for, in words, and what to do:
which settings differ, which file has changed, what else of the identity is another."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.config.comparison import brief, meaning, side_by_side
from tuner.config.loaded import Loaded
from tuner.document.files import plain
from tuner.durable.reading import shown
from tuner.errors import ConfigError, NotFoundError
from tuner.figures import some
from tuner.paths import typed
from tuner.runs.files import CONFIG
from tuner.runs.folder import members
from tuner.runs.identity import NAMES, Identity

MOST = 5
"""Settings that are named."""

Counting = Callable[[dict[str, Any]], dict[str, Any]]
"""The settings of a config that count when it is held against another."""


def changes(
    one: Mapping[str, Any], other: Mapping[str, Any], where: str = "there", elsewhere: str = "here"
) -> tuple[str, ...]:
    """The settings that differ, as ``optimizer.lr: 0.1 there, 0.01 here``."""
    found = [(each.key, *map(brief, each.values)) for each in side_by_side([one, other]) if each.differs]
    return tuple(f"{key}: {first} {where}, {second} {elsewhere}" for key, first, second in found)


@dataclass(frozen=True)
class Apart:
    """What differs, in words: `settings` (None where there is no other config), or `data` and `identity`, the rest of
    the identity."""

    path: Path
    noun: str
    settings: tuple[str, ...] | None
    data: str
    identity: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.settings is not None or bool(self.data or self.identity)

    def __str__(self) -> str:
        """A sentence that the folder's name begins: ``was begun with other data: my.csv has changed since``."""
        if self.settings is not None:
            more = [f"{len(self.settings) - MOST} more"] * (len(self.settings) > MOST)
            told = "; ".join([*self.settings[:MOST], *more])
            return f"holds a {self.noun} of another config" + f": {told}" * bool(told)
        parts = [f"with other data: {self.data}"] * bool(self.data)
        parts += [f"under another identity: {'; '.join(self.identity)}"] * bool(self.identity)
        return f"was begun {', and '.join(parts)}"

    def error(self, *, by_folder: bool) -> NotFoundError:
        """With what to do; `by_folder`: the command line gives the folder itself, which goes on as it was begun."""
        is_config = self.settings is not None
        back = "Leave the settings out" if is_config else "Go on where it was begun"
        back = "Put the data back as they were" if self.data else back
        fix = f"{back}, choose another name with --run, or leave --run out."
        if by_folder:
            command = "sweep" if self.noun == "sweep" else "train"
            fix = f"{back}; tuner {command} {typed(self.path)} --again begins another {self.noun}."
        elif is_config:
            fix = "Choose another name with --run, or leave --run out."
        return NotFoundError(f"{shown(self.path)} {self}", fix=fix)


def apart(
    path: Path,
    noun: str,
    there: Identity,
    here: Identity,
    loaded: Loaded,
    *,
    counting: Counting = meaning,
    ignored: Collection[str] = (),
    reading: Callable[[Path], dict[str, Any]] = plain,
) -> Apart:
    """In what the run, group or sweep (`noun`) in the folder `path` is another than that of `loaded`; `reading` reads
    its config."""
    found = {
        key: f"{NAMES.get(key, key)} {was} there, {now} here" for key, now, was in here.differences(there, ignored)
    }
    if found.pop("config_hash", ""):
        before = _config_in(path, reading)
        return Apart(path, noun, changes(counting(before), counting(loaded.resolved)) if before else (), "", ())
    data = _data_apart(path, loaded) if found.pop("data_fingerprint", "") else ""
    return Apart(path, noun, None, data, tuple(found.values()))


def _config_in(path: Path, reading: Callable[[Path], dict[str, Any]] = plain) -> dict[str, Any] | None:
    """The config of what is in a folder, of a group that of its first member; None where there is none to be read."""
    with suppress(ConfigError, NotFoundError):
        return reading(_config_file(path))
    return None


def _config_file(path: Path) -> Path:
    own = path / CONFIG
    return own if os.path.isfile(own) else next(iter(members(path)), path) / CONFIG  # noqa: PTH113 - never raises


def _data_apart(path: Path, loaded: Loaded) -> str:
    """Which files have changed, or are others than before."""
    source = loaded.config.data
    before = (_config_in(path) or {}).get("data")
    keys = [key for key, field in source.fields.items() if field.bound.is_path and key != "root"]
    here = {key: _files(getattr(source, key)) for key in keys}
    there = {key: _files(before.get(key)) for key in keys} if isinstance(before, dict) else here
    moved = [f"data.{key} is {_listed(there[key])} there, {_listed(here[key])} here"
             for key in keys if there[key] != here[key]]  # fmt: skip
    if moved:
        return "; ".join(moved)
    files = [file for key in keys for file in here[key]]
    changed = [file for file in files if _is_newer(Path(file), _config_file(path))] or files or [source.name]
    return f"{'one of ' * (len(changed) > 1)}{_listed(changed)} has changed since"


def _files(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _listed(files: list[str]) -> str:
    """Paths in a sentence; one below the working directory is told from there."""
    here = f"{Path.cwd()}/"
    return some([shown(file.removeprefix(here)) for file in files], MOST) or "nothing"


def _is_newer(file: Path, other: Path) -> bool:
    with suppress(OSError):
        return file.stat().st_mtime_ns > other.stat().st_mtime_ns
    return False
