"""A config file, what it extends and the overrides -> a checked `Config` that remembers where each setting was set."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuner.choice import key_paths, keys_meant, nearest
from tuner.config.checks import Contradiction, contradicted, contradictions, may_open
from tuner.config.comparison import SWEEP
from tuner.config.loaded import Loaded
from tuner.config.notes import notes_on
from tuner.config.reader import Reader
from tuner.config.settings import Config
from tuner.data.source import Dataset
from tuner.document.files import MAX_BYTES, decode, folder_of, is_handed_over, located, read_bytes
from tuner.document.nodes import Items, Map, Node, Place, Scalar, shown
from tuner.document.parsing import parse, parse_value
from tuner.durable.reading import damaged
from tuner.errors import OVERRIDE, ConfigError, Fault, Faults
from tuner.packages import packages
from tuner.paths import run_name

STDIN = "-"
ALSO = ("extends", SWEEP)
MAX_FILES = 100
MAX_CHAIN = 16
LONGEST_PATH = 4096
_KEY = re.compile(r"(?!.*\.ya?ml$)[a-z_]+(\.[a-z_]+)*=?")


def load(
    source: str,
    overrides: Sequence[str] = (),
    default_name: str | None = None,
    given: bytes | None = None,
    options: Mapping[str, str] | None = None,
) -> Loaded:
    """Reads the config in the file `source` (``-``: standard input) under `overrides` (``key=value``), opens its data.

    `given` is what the file held when it was read before, `options` are overrides that come last, each with the option
    of the command line that stands for it. Raises ConfigError with every fault, each with its place;
    NotFoundError where a source that is read to be opened is missing or damaged.
    """
    data = read_source(source) if given is None else given
    documents = documents_of(source, overrides, data, options or {})
    return read(documents, source, default_name, data)


def read(
    documents: Documents,
    source: str,
    default_name: str | None = None,
    data: bytes = b"",
    above: Node | None = None,
    dataset: Dataset | None = None,
) -> Loaded:
    """The config that these documents make, with `above` as their uppermost layer, on `dataset` (None: its data is
    opened). Raises ConfigError, NotFoundError."""
    reader, config = _config(documents, source, default_name, above)
    if reader.faults and (config.data.reads_to_open or not may_open(config, reader.bad)):
        raise ConfigError(reader.faults)
    try:
        loaded = Loaded(config, dataset or config.data.open())
    except ConfigError as error:  # what the data lacks that a setting names
        for fault in error.faults:
            place = _place_of(Contradiction(fault.key, fault.message), reader)
            told = {"given": fault.given, "allowed": fault.allowed, "suggestion": fault.suggestion}
            reader.fault(place, fault.key, fault.message, **told)
        raise ConfigError(reader.faults) from None
    _check(loaded, reader)
    if reader.faults:
        raise ConfigError(reader.faults)
    origins = {key: f"{place}{reader.stayed.get(key, '')}" for key, place in reader.origins.items()}
    notes = (*reader.notes, *loaded.dataset.notes, *notes_on(loaded), *packages())
    kept = dict(sorted({**reader.dropped, **origins}.items()))
    return replace(loaded, origins=kept, notes=notes, source=data, sweep=tuple(documents.sweep))


def read_settings(documents: Documents, source: str, above: Node | None = None) -> tuple[Config, Faults]:
    """What the language alone tells of the config that these documents make, under `above`, and its faults."""
    reader, config = _config(documents, source, None, above or Map(Place(_shown_as(source)), {}))
    return config, reader.faults


def kept_config(file: Path, content: bytes) -> Config:
    """What the language alone tells of the config.yaml of a run, which holds that. Raises NotFoundError where it is
    damaged: nobody wrote it by hand."""
    try:
        return settings_of(str(file), (), content)[0]
    except ConfigError as error:
        raise damaged(file, error.faults[0].message) from None


def settings_of(source: str, overrides: Sequence[str], given: bytes) -> tuple[Config, set[str]]:
    """The same of a text that was read before, and the keys that the overrides set."""
    reader, config = _config(documents_of(source, overrides, given, {}), source, None)
    if reader.faults:
        raise ConfigError(reader.faults)
    return config, {key for key, place in reader.origins.items() if place.argument}


def documents_of(source: str, overrides: Sequence[str], data: bytes, options: Mapping[str, str]) -> Documents:
    """What the file `source`, which holds `data`, and the command line say. Raises ConfigError where something cannot
    be read at all."""
    shown_as = _shown_as(source)
    documents = Documents()
    base, chain = (Path.cwd(), ()) if is_handed_over(source) else (folder_of(Path(source)), (Path(source),))
    documents.add_text(decode(data, shown_as), Place(shown_as, 1, 1, base=base), chain)
    documents.add_overrides(overrides)
    documents.add_overrides(list(options), options)
    if documents.unread:  # what is missing would make faults of what is there
        raise ConfigError(documents.faults)
    return documents


def _shown_as(source: str) -> str:
    return "stdin" if source == STDIN else source


def _config(documents: Documents, source: str, name: str | None, above: Node | None = None) -> tuple[Reader, Config]:
    """The config, and its reader with the faults that the language alone can tell."""
    faults, notes = (documents.faults, documents.notes) if above is None else (Faults(), [])
    reader = Reader(Config, Place(_shown_as(source)), faults, ALSO, notes, contradicted=contradicted)
    config: Config = reader.section(Config, [*documents.nodes, *([above] if above else [])], "")
    if "name" not in reader.origins:
        stem = "stdin" if is_handed_over(source) else Path(source).stem
        config = config.replace(name=run_name(name or stem))
    _check(config, reader)
    return reader, config


def read_source(source: str) -> bytes:
    """What the file `source` holds (``-``: standard input). Raises ConfigError."""
    try:
        if source == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        return read_bytes(Path(source))
    except OSError as error:
        message = f"cannot read {source}: {error.strerror or error}"
        where = "tuner list configs" if isinstance(error, FileNotFoundError) else None
        raise ConfigError([Fault(message, source, suggestion=where)]) from None


def _check(asked: Config | Loaded, reader: Reader) -> None:
    """Adds what contradicts itself to the reader's faults, each at its place."""
    for found in contradictions(asked, reader.bad):
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


# ---- what its file extends, the file, the overrides ------------------------------------------------------------------


@dataclass
class Documents:
    """The maps found, lowest first, the faults on the way, and which keys short ones were taken for; `unread` if
    something could not be read at all."""

    nodes: list[Node] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    notes: list[str] = field(default_factory=list)
    sweep: list[Node] = field(default_factory=list)
    unread: bool = False
    files: int = 0

    def add_text(self, text: str, start: Place, chain: tuple[Path, ...]) -> None:
        """Adds what a file extends and then the file; `chain` holds the files that led here, itself the last."""
        node, found = parse(text, start)
        self.faults += found
        if found and node is None:
            self.unread = True
        elif node is None or (isinstance(node, Scalar) and node.value is None and not node.refused):
            message = f"{start.file} is empty: whatever was to write it may have failed"
            self.unreadable(start, message, allowed="a map of settings; {} asks for all defaults")
        elif not isinstance(node, Map):
            hint = "a space after the colon" if isinstance(node, Scalar) and ":" in node.text else None
            message = "a config is a map of settings"
            self.unreadable(node.place, message, allowed="key: value", given=shown(node), suggestion=hint)
        else:
            if "extends" in node.entries:
                self.add_parents(node.entries["extends"][1], chain)
            self.add_layer(Map(node.place, {key: given for key, given in node.entries.items() if key != "extends"}))

    def add_layer(self, node: Map) -> None:
        """Adds a map; what it says under `sweep` is not of a run, and is kept apart."""
        if SWEEP in node.entries:
            self.sweep.append(node.entries[SWEEP][1])
        self.nodes.append(Map(node.place, {key: given for key, given in node.entries.items() if key != SWEEP}))

    def add_parents(self, extends: Node, chain: tuple[Path, ...]) -> None:
        for node in extends.nodes if isinstance(extends, Items) else (extends,):
            if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
                self.add_parent(node, chain)
            else:
                message = f"expected a file, got {shown(node)}"
                self.unreadable(node.place, message, key="extends", allowed="a path or a list of paths")

    def add_parent(self, node: Scalar, chain: tuple[Path, ...]) -> None:
        path = located(node.text[:LONGEST_PATH], node.place.base)
        self.files += 1
        problem = None
        if len(node.text) > LONGEST_PATH:
            problem = f"cannot read {shown(node)}: File name too long"
        elif os.path.realpath(path) in map(os.path.realpath, chain):
            problem = f"{node.text} leads back to itself"
        elif len(chain) >= MAX_CHAIN or self.files > MAX_FILES:
            problem = f"more than {MAX_CHAIN} files one after the other, or {MAX_FILES} in all"
        else:
            try:
                data = read_bytes(path)
            except OSError as error:
                problem = f"cannot read {node.text}: {error.strerror or error}"
        if problem:
            allowed, hint = "a path relative to the file that says it", _neighbour(node.text, path)
            self.unreadable(node.place, problem, key="extends", allowed=allowed, suggestion=hint)
            return
        real, here = Path(os.path.realpath(path)), Path.cwd()
        shown_as = str(real.relative_to(here)) if real.is_relative_to(here) else str(real)
        try:
            self.add_text(decode(data, shown_as), Place(shown_as, 1, 1, base=folder_of(path)), (*chain, path))
        except ConfigError as error:
            self.faults += error.found
            self.unread = True

    def add_overrides(self, overrides: Sequence[str], options: Mapping[str, str] | None = None) -> None:
        """Adds the arguments ``key=value``; together they are one layer, in which the last one wins."""
        for number, text, meant in _arguments(overrides):
            key, equals, value = text.partition("=")
            whole = Place(OVERRIDE, number, 1, text, max(1, len(text)), Path.cwd(), argument=True)
            if options:
                whole = Place(options[text], base=whole.base, argument=True)
            if meant is not None:
                message = "an override is one argument: no spaces around the =, quotes around brackets with spaces"
                self.faults.append(whole.fault(message, given=text, suggestion=f"tuner train ... {shlex.quote(meant)}"))
            elif text.endswith((".yaml", ".yml")) and not equals:
                message = f"one config is read, and {text} is a second one; `extends:` builds on another file"
                self.faults.append(whole.fault(message, given=text))
            elif not equals or not all(key.split(".")):
                message = f"an override is key=value, got {text or repr(text)}"
                self.faults.append(whole.fault(message, given=text, allowed="key=value, as in optimizer.lr=0.01"))
            elif key == "extends":
                self.faults.append(whole.fault("it is for files; an override sets a value", key=key))
            elif not value.strip():
                place = replace(whole, column=len(key) + 2, width=1)
                allowed = "a value; null for none, '' for an empty text"
                self.faults.append(place.fault("nothing stands after the =", key=key, allowed=allowed))
            elif len(keys := keys_meant(key, key_paths(Config))) > 1:
                place = replace(whole, width=len(key))
                self.faults.append(place.fault(f"it may be {' or '.join(keys)}", key=key))
            else:
                node, found = parse_value(value, replace(whole, column=len(key) + 2, width=1))
                self.faults += found
                if node is not None:
                    self.add_layer(self.below(key, *keys, whole=whole, node=node))

    def below(self, given: str, key: str = "", *, whole: Place, node: Node) -> Map:
        """The maps around the value `node` of an argument, whose `given` key stands for `key` where that is known."""
        if is_short := key not in ("", given):
            self.notes.append(f"{given} is {key} ({whole})")
        for part in reversed([*re.finditer(r"[^.]+", key or given)]):
            at, name = (1, given) if is_short else (part.start() + 1, part[0])
            place = replace(whole, column=at, width=len(name))
            node = Map(place, {part[0]: (place, node)})
        assert isinstance(node, Map)  # noqa: S101 - a key has a part
        return node

    def unreadable(self, place: Place, message: str, **details: Any) -> None:
        """Notes a fault that hides what else stands there."""
        self.faults.append(place.fault(message, **details))
        self.unread = True


def _arguments(overrides: Sequence[str]) -> Iterator[tuple[int, str, str | None]]:
    """(number, argument, None), or what several arguments were meant to be where a shell took one apart."""
    number = 0
    while number < len(overrides):
        rest, taken = overrides[number:], 1
        if rest[0].partition("=")[2].startswith(("[", "{")):
            counts = range(1, len(rest) + 1)
            taken = next((count for count in counts if not _is_open(" ".join(rest[:count]))), 1)
        text = " ".join(rest[:taken])
        if taken == 1 and len(rest) > 1 and _KEY.fullmatch(text) and rest[1].find("=") < 1:
            taken = 3 if rest[1] == "=" and len(rest) > 2 else 2
            text = f"{text.rstrip('=')}={rest[taken - 1].lstrip('=')}"
        yield number + 1, rest[0], text if taken > 1 else None
        number += taken


def _is_open(text: str) -> bool:
    """Whether a bracket in it is not closed."""
    return text.count("[") + text.count("{") > text.count("]") + text.count("}")


def _neighbour(text: str, path: Path) -> str | None:
    """The file beside `path`, which is missing, that `text` was probably meant to name."""
    try:
        names = [] if path.exists() else [other.name for other in path.parent.glob("*.y*ml") if other.is_file()]
    except OSError:
        return None
    near = nearest(path.name, sorted(names))
    return f"{text.removesuffix(path.name)}{near}" if near else None
