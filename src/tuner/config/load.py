"""A config file, what it extends and the overrides -> a checked `Config` that remembers where each setting was set."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner.config.checks import contradictions
from tuner.config.reader import BAD, Reader
from tuner.config.settings import NOT_MEANING, Config, dump
from tuner.document import Items, Map, Node, Place, Scalar, decode, parse, read_text
from tuner.errors import ConfigError, Fault

STDIN = "-"
OVERRIDE = "override"


@dataclass(frozen=True)
class Loaded:
    """A config that passed every check.

    `origins` maps each set key to where it was set (``base.yaml:12``, ``override: optimizer.lr=1``); keys that are not
    there have their defaults. `source` holds the bytes of the file as given; `notes` are for the user to read.
    """

    config: Config
    origins: dict[str, str]
    notes: tuple[str, ...]
    source: bytes

    @property
    def resolved(self) -> dict[str, Any]:
        """Every setting, as plain values."""
        values: dict[str, Any] = dump(self.config)
        return values

    @property
    def hash(self) -> str:
        return meaning_hash(self.resolved)


def load(source: str, overrides: Sequence[str] = (), default_name: str | None = None) -> Loaded:
    """Reads the config in the file `source` (``-``: standard input) under `overrides` (``key=value``).

    Raises ConfigError with every fault, each with its place.
    """
    text = decode(sys.stdin.buffer.read(), "stdin") if source == STDIN else read_text(Path(source), source)
    shown_as, base = ("stdin", Path.cwd()) if source == STDIN else (source, Path(source).absolute().parent)
    faults: list[Fault] = []
    layers = _file_layers(text, Place(shown_as, 1, 1, base=base), (Path(source).absolute(),), faults)
    given = _override_layer(overrides, faults)
    if given is not None:
        layers.append(given)
    stem = "stdin" if source == STDIN else default_name or Path(source).stem
    return _read(layers, faults, text.encode(), _run_name(stem), shown_as)


def _read(layers: list[Map], faults: list[Fault], source: bytes, name: str, shown_as: str) -> Loaded:
    reader = Reader(Config, faults)
    config = reader.section(Config, layers, "")
    if config is BAD:
        raise ConfigError(faults)
    if "name" not in reader.origins:
        config = config.model_copy(update={"name": name})
    for found in contradictions(config, reader.bad):
        place = _place_of(found.path, reader.origins, shown_as)
        faults.append(place.fault(found.message, key=found.path, allowed=found.allowed, suggestion=found.suggestion,
                                  given=_given(place)))
    if faults:
        raise ConfigError(sorted(faults, key=lambda fault: (fault.file == OVERRIDE, fault.file, fault.line, fault.column)))
    origins = {path: _origin(place) for path, place in sorted(reader.origins.items())}
    return Loaded(config, origins, tuple(reader.notes), source)


def _file_layers(text: str, start: Place, chain: tuple[Path, ...], faults: list[Fault]) -> list[Map]:
    """The layers of a file, lowest first: what it extends, then its own map."""
    node, found = parse(text, start)
    faults += found
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return []
    if not isinstance(node, Map):
        faults.append(node.place.fault("a config is a map of settings", allowed="key: value"))
        return []
    own = Map(node.place, {key: value for key, value in node.entries.items() if key != "extends"})
    layers: list[Map] = []
    if "extends" in node.entries:
        for parent in _parents(node.entries["extends"][1], faults):
            layers += _parent_layers(parent, chain, faults)
    return [*layers, own]


def _parents(node: Node, faults: list[Fault]) -> list[Scalar]:
    nodes = node.nodes if isinstance(node, Items) else (node,)
    texts = [item for item in nodes if isinstance(item, Scalar) and isinstance(item.value, str) and item.value]
    for wrong in nodes:
        if wrong not in texts:
            faults.append(wrong.place.fault("extends: expected a file", key="extends", allowed="a path or a list of paths"))
    return texts


def _parent_layers(node: Scalar, chain: tuple[Path, ...], faults: list[Fault]) -> list[Map]:
    path = Path(node.place.base, node.text)
    if path.absolute() in chain or len(chain) > 16:
        faults.append(node.place.fault(f"extends: {node.text} leads back to itself", key="extends", given=node.text))
        return []
    if "\0" in node.text or not path.is_file():
        faults.append(node.place.fault(f"extends: there is no file {node.text}", key="extends", given=node.text,
                                       allowed="a path relative to this file"))
        return []
    shown_as = _relative(path)
    try:
        text = read_text(path, shown_as)
    except ConfigError as error:
        faults += error.faults
        return []
    return _file_layers(text, Place(shown_as, 1, 1, base=path.parent), (*chain, path.absolute()), faults)


def _relative(path: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(Path.cwd())) if resolved.is_relative_to(Path.cwd()) else str(resolved)


def _override_layer(overrides: Sequence[str], faults: list[Fault]) -> Map | None:
    """All overrides as one layer."""
    top: Map | None = None
    for number, text in enumerate(overrides, 1):
        key, equals, value = text.partition("=")
        place = Place(OVERRIDE, number, 1, text, max(1, len(key)), Path.cwd())
        if not equals or not all(key.split(".")):
            faults.append(place.fault(f"an override is key=value, got {text}", given=text, allowed="key=value",
                                      suggestion="optimizer.lr=0.01"))
            continue
        if key == "extends":
            faults.append(place.fault("extends is for files; an override sets a value", key=key, given=text))
            continue
        start = Place(OVERRIDE, number, len(key) + 2, f"{key}=", 1, Path.cwd())
        node, found = parse(value, start)
        faults += [replace(fault, excerpt=text) for fault in found]
        if found:
            continue
        node = node if node is not None else Scalar(replace(start, excerpt=text), None, "")
        for part in reversed(key.split(".")):
            node = Map(place, {part: (place, node)})
        assert isinstance(node, Map)  # noqa: S101 - a key has at least one part
        top = node if top is None else _joined(top, node)
    return top


def _joined(lower: Map, upper: Map) -> Map:
    """Two override maps as one; what stands later wins."""
    entries = dict(lower.entries)
    for key, (place, node) in upper.entries.items():
        below = entries[key][1] if key in entries else None
        if isinstance(node, Map) and isinstance(below, Scalar) and below.value is not None and below.text != "none":
            below = Map(below.place, {"name": (below.place, below)})
        if isinstance(below, Map) and isinstance(node, Scalar) and node.value is not None and node.text != "none":
            node = Map(node.place, {"name": (node.place, node)})
        entries[key] = (place, _joined(below, node) if isinstance(below, Map) and isinstance(node, Map) else node)
    return Map(upper.place, entries)


def _place_of(path: str, origins: dict[str, Place], shown_as: str) -> Place:
    """Where a key was set, or the nearest thing above it that was."""
    for known in (f"{path}.name", path):
        if known in origins:
            return origins[known]
    parent = re.sub(r"(\.[^.\[]+|\[\d+\])$", "", path)
    return _place_of(parent, origins, shown_as) if parent != path else Place(shown_as, 0, 0)


def _given(place: Place) -> str:
    return place.excerpt[place.column - 1 :][: place.width] if place.line else ""


def _origin(place: Place) -> str:
    return f"{OVERRIDE}: {place.excerpt}" if place.file == OVERRIDE else str(place)


def _run_name(stem: str) -> str:
    """A file's stem as the name of a run."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).lstrip(".-")[:64]
    return name or "run"


def meaning_hash(resolved: dict[str, Any]) -> str:
    """sha256 of what makes two configs the same: every setting but those that name, place or save a run."""
    text = json.dumps(meaning(resolved), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def meaning(resolved: dict[str, Any]) -> dict[str, Any]:
    """The settings that count when two configs are compared."""
    kept = {key: value for key, value in resolved.items() if key not in NOT_MEANING}
    for path in NOT_MEANING:
        section, _, key = path.partition(".")
        if key and isinstance(kept.get(section), dict):
            kept[section] = {name: value for name, value in kept[section].items() if name != key}
    return kept
