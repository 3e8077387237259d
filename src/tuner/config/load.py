"""A config file, what it extends and the overrides -> a checked `Config` that remembers where each setting was set."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tuner.config.checks import Contradiction, contradicted, contradictions, may_open
from tuner.config.comparison import STAYED
from tuner.config.documents import STDIN, Documents
from tuner.config.loaded import Loaded
from tuner.config.notes import notes_on
from tuner.config.reader import Reader
from tuner.config.settings import Config
from tuner.document.files import MAX_BYTES, decode, folder_of, is_handed_over, read_bytes
from tuner.document.nodes import Place
from tuner.durable.names import run_name
from tuner.errors import ConfigError, Fault
from tuner.packages import packages


def load(
    source: str, overrides: Sequence[str] = (), default_name: str | None = None, given: bytes | None = None
) -> Loaded:
    """Reads the config in the file `source` (``-``: standard input) under `overrides` (``key=value``), opens its data.

    `given` is what the file held when it was read before. Raises ConfigError with every fault, each with its place;
    NotFoundError where a source that is read to be opened is missing or damaged.
    """
    data = _read(source) if given is None else given
    reader, config = _parse(source, overrides, default_name, data)
    if reader.faults and (config.data.reads_to_open or not may_open(config, reader.bad)):
        raise ConfigError(reader.faults)
    loaded = Loaded(config, config.data.open())
    for found in contradictions(loaded, reader.bad):
        _note(found, reader)
    if reader.faults:
        raise ConfigError(reader.faults)
    stayed = {key: f"{STAYED}{other}" for key, other in reader.stayed.items()}
    origins = {key: f"{place}{stayed.get(key, '')}" for key, place in reader.origins.items()}
    notes = (*reader.notes, *notes_on(loaded), *packages())
    return replace(loaded, origins=dict(sorted({**reader.dropped, **origins}.items())), notes=notes, source=data)


def load_config(source: str) -> Config:
    """What the language alone tells of the config in the file `source`: its data is not opened. Raises ConfigError."""
    reader, config = _parse(source, (), None, _read(source))
    if reader.faults:
        raise ConfigError(reader.faults)
    return config


def _parse(source: str, overrides: Sequence[str], name: str | None, data: bytes) -> tuple[Reader, Config]:
    """The config, and its reader with the faults that the language alone can tell."""
    shown_as = "stdin" if source == STDIN else source
    documents = Documents()
    base, chain = (Path.cwd(), ()) if is_handed_over(source) else (folder_of(Path(source)), (Path(source),))
    documents.add_text(decode(data, shown_as), Place(shown_as, 1, 1, base=base), chain)
    documents.add_overrides(overrides)
    if documents.unread:  # what is missing would make faults of what is there
        raise ConfigError(documents.faults)
    reader = Reader(Config, Place(shown_as), documents.faults, contradicted=contradicted)
    config: Config = reader.section(Config, documents.nodes, "")
    if "name" not in reader.origins:
        stem = "stdin" if is_handed_over(source) else Path(source).stem
        config = config.replace(name=run_name(name or stem))
    for found in contradictions(config, reader.bad):
        _note(found, reader)
    return reader, config


def _read(source: str) -> bytes:
    try:
        if source == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        return read_bytes(Path(source))
    except OSError as error:
        message = f"cannot read {source}: {error.strerror or error}"
        where = "tuner list configs" if isinstance(error, FileNotFoundError) else None
        raise ConfigError([Fault(message, source, suggestion=where)]) from None


def _note(found: Contradiction, reader: Reader) -> None:
    """Adds a contradiction to the reader's faults, at its place."""
    place = _place_of(found, reader)
    given = place.token if found.path in reader.origins and place.token[:1] not in "[{-" else ""
    reader.fault(place, found.path, found.message, allowed=found.allowed, suggestion=found.suggestion, given=given)


def _place_of(found: Contradiction, reader: Reader) -> Place:
    """Where the first of its keys that was set was set, or else the nearest thing above the first."""
    known = {**reader.items, **reader.origins}
    paths = [found.path, *found.also, found.path]
    while paths[-1]:
        paths.append(re.sub(r"(^|\.)[^.\[]+$|\[\d+\]$", "", paths[-1]))
    path = next((path for path in paths if path in known), None)
    return reader.top if path is None else known.get(f"{path}.name", known[path])
