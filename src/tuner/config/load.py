"""A config file, what it extends and the overrides -> a checked `Config` that remembers where each setting was set."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner.config.checks import contradictions
from tuner.config.comparison import STAYED, meaning_hash
from tuner.config.layers import STDIN, Layers
from tuner.config.notes import notes_on
from tuner.config.reader import Reader
from tuner.config.settings import Config, dump
from tuner.document import MAX_BYTES, Place, decode, folder_of, is_handed_over, read_bytes
from tuner.durable import run_name
from tuner.errors import ConfigError, Fault


@dataclass(frozen=True)
class Loaded:
    """A config that passed every check.

    `origins` maps each set key to where it was set (``base.yaml:12``, ``override: optimizer.lr=1``), also those that
    fell away with their choice (``base.yaml:3; fell away: optimizer is now adam (my.yaml:2)``) and those that were
    tuned for another one (``base.yaml:3; set for sgd and stays under adam, whose default is 0.001``); keys that are not
    there have their defaults. `source` holds the bytes of the file as given; `notes` are for the user to read.
    """

    config: Config
    origins: dict[str, str]
    notes: tuple[str, ...]
    source: bytes

    @property
    def resolved(self) -> dict[str, Any]:
        """Every setting, as plain values."""
        return dump(self.config)

    @property
    def hash(self) -> str:
        return meaning_hash(self.resolved)

    @property
    def group_hash(self) -> str:
        """The hash that the members of a group share: without the seed."""
        return meaning_hash({key: value for key, value in self.resolved.items() if key != "seed"})

    def with_seed(self, seed: int) -> Loaded:
        """The same config for a member of a group."""
        config = self.config.replace(seed=seed)
        return replace(self, config=config, origins=dict(sorted({**self.origins, "seed": "--seeds"}.items())))


def load(
    source: str, overrides: Sequence[str] = (), default_name: str | None = None, given: bytes | None = None
) -> Loaded:
    """Reads the config in the file `source` (``-``: standard input) under `overrides` (``key=value``).

    `given` is what the file held when it was read before. Raises ConfigError with every fault, each with its place.
    """
    shown_as = "stdin" if source == STDIN else source
    data = _read(source) if given is None else given
    layers = Layers()
    base, chain = (Path.cwd(), ()) if is_handed_over(source) else (folder_of(Path(source)), (Path(source),))
    layers.add_text(decode(data, shown_as), Place(shown_as, 1, 1, base=base), chain)
    layers.add_overrides(overrides)
    if layers.unread:  # what is missing would make faults of what is there
        raise ConfigError(layers.faults)
    stem = "stdin" if is_handed_over(source) else Path(source).stem
    return _check(layers, data, run_name(default_name or stem), Place(shown_as))


def _read(source: str) -> bytes:
    try:
        if source == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        return read_bytes(Path(source))
    except OSError as error:
        message = f"cannot read {source}: {error.strerror or error}"
        where = "tuner list configs" if isinstance(error, FileNotFoundError) else None
        raise ConfigError([Fault(message, source, suggestion=where)]) from None


def _check(layers: Layers, source: bytes, name: str, top: Place) -> Loaded:
    reader = Reader(Config, top, layers.faults)
    config: Config = reader.section(Config, layers.nodes, "")
    if "name" not in reader.origins:
        config = config.replace(name=name)
    for found in contradictions(config, reader.bad):
        place = _place_of((found.path, *found.also), reader)
        given = place.token if found.path in reader.origins and place.token[:1] not in "[{-" else ""
        reader.fault(place, found.path, found.message, allowed=found.allowed, suggestion=found.suggestion,
                     given=given)  # fmt: skip
    if reader.faults:
        raise ConfigError(reader.faults)
    origins = {key: f"{place}{_stayed(reader, key)}" for key, place in reader.origins.items()}
    notes = (*reader.notes, *notes_on(config))
    return Loaded(config, dict(sorted({**reader.dropped, **origins}.items())), notes, source)


def _stayed(reader: Reader, key: str) -> str:
    return f"{STAYED}{reader.stayed[key]}" if key in reader.stayed else ""


def _place_of(paths: Sequence[str], reader: Reader) -> Place:
    """Where the first of these keys that was set was set, or else the nearest thing above the first."""
    known = {**reader.items, **reader.origins}
    for path in paths:
        if path in known:
            return known.get(f"{path}.name", known[path])
    above = paths[0]
    while above:
        above = re.sub(r"(^|\.)[^.\[]+$|\[\d+\]$", "", above)
        if above in known:
            return known.get(f"{above}.name", known[above])
    return reader.top
