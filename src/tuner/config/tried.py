"""What may be searched, put in place and read as the config language reads it: each value of a space, and a setting
that there is not."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tuner.choice import Choice, key_paths, settings_below
from tuner.config import advice
from tuner.config.load import Documents, read, read_settings
from tuner.config.loaded import Loaded
from tuner.config.reader import Reader
from tuner.config.searched import SPACE, ranges
from tuner.config.settings import Config
from tuner.config.space import is_range
from tuner.document.nodes import Items, Map, Node, Place, Scalar, shown
from tuner.errors import ConfigError, Fault

Layer = tuple[str, Node]
"""A setting and a value that it may have."""

MOST = 4
"""Values of a setting that an example has."""


@dataclass
class Trial:
    """Tries settings above what `documents` of `source` say, and tells `reader` what is wrong with them; `loaded` is
    None where the documents have faults of their own: then the language alone is asked, and not the data."""

    documents: Documents
    source: str
    loaded: Loaded | None
    reader: Reader
    config: Config = field(init=False)
    own: set[tuple[str, int, int, str, str]] = field(init=False)
    told: set[tuple[str, str]] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        config, faults = read_settings(self.documents, self.source)
        self.config = self.loaded.config if self.loaded else config
        self.own = set() if self.loaded else set(map(_said, faults))

    def meant(self, path: str, place: Place, node: Node) -> str | None:
        """The setting that was probably meant by one that there is not."""
        above: Node = next(iter(_tried(node)), node)
        for part in reversed(path.split(".")):
            above = Map(place, {part: (place, above)})
        faults = read_settings(self.documents, self.source, above)[1]
        found = next((fault.suggestion for fault in faults if fault.key == path), None)
        whole = f"{path.rpartition('.')[0]}.{found}"
        return whole if whole in key_paths(Config) else found

    def check(self, found: Mapping[str, Node]) -> None:
        """Reads the config with each value of each setting, with the ends of each range, and with each value of a
        setting under each of one above it; what it refuses, whatever another searched setting is, is told at the
        value's place in the space. So is one of several values that comes to the same as one before it."""
        for key, values in found.items():
            above = [(other, outer) for other in found if key.startswith(f"{other}.") for outer in _tried(found[other])]
            for layers in [[each] for each in above] or [[]]:
                made: dict[str, Node] = {}
                for node in _tried(values):
                    config = self.look(found, *layers, (key, node))
                    first = made.setdefault(config, node)
                    if config and first is not node and isinstance(values, Items) and node in values.nodes:
                        self.check_same(found, key, first, node)

    def check_same(self, found: Mapping[str, Node], key: str, one: Node, node: Node) -> None:
        """Faults a value of a setting that makes the same config as another, whatever another searched setting is."""
        others = [(other, each) for other in found if other != key for each in _tried(found[other])]
        if all(self.config_of(each, (key, one))[1] == self.config_of(each, (key, node))[1] for each in others):
            told = f"{shown(node)} is the same as {shown(one)}"
            self.reader.fault(node.place, f"{SPACE}.{key}", told, given=shown(node), suggestion="leave one out")

    def look(self, found: Mapping[str, Node], *layers: Layer) -> str:
        """Tells what is wrong with the last of these settings under those before it; else which config they make."""
        key, node = layers[-1]
        faults, config = self.config_of(*layers)
        others = ((other, each) for other in found if other not in dict(layers) for each in _tried(found[other]))
        if not faults or not all(self.config_of(other, *layers)[0] for other in others):
            return config  # beside another one it is good
        fix = self.nested(found, *layers)
        for fault in faults:
            if fix and (key, fault.message) in self.told:  # the same of each of its values
                continue
            self.told.add((key, fault.message))
            is_inside = fault.key.startswith(f"{key}.") and fault.key != f"{key}.name"
            at = f"{SPACE}.{fault.key if is_inside else key}"
            told = replace(fault, key=at, allowed=None, suggestion=fix) if fix else replace(fault, key=at)
            if (fault.file, fault.line) not in _lines(node):
                said = f"{key} cannot be {shown(node)} here: {fault.message}"
                about = {"given": told.given, "allowed": told.allowed, "suggestion": told.suggestion}
                told = node.place.fault(said, key=at, **about)
            self.reader.faults.append(told)
        return ""

    def config_of(self, *layers: Layer) -> tuple[list[Fault], str]:
        """What is wrong with these settings, an upper one later; else the hash of the config that they make, where that
        is known."""
        whole = Map(layers[-1][1].place, {})
        for at, each in layers:
            whole = _put(whole, at.split("."), each)
        if self.loaded is None:
            faults = read_settings(self.documents, self.source, whole)[1]
            return [each for each in faults if _said(each) not in self.own], ""
        opened = None if any(at.startswith("data.") for at, _ in layers) else self.loaded.dataset
        try:
            return [], read(self.documents, self.source, above=whole, dataset=opened).hash
        except ConfigError as error:
            return list(error.faults), ""

    def nested(self, found: Mapping[str, Node], *layers: Layer) -> str | None:
        """How a setting that the choice above it lacks is searched: inside those that have it. None of all others."""
        key, node = layers[-1]
        parent, _, last = key.rpartition(".")
        kind = _kind(parent)
        having = advice.owners(kind, last) if kind else []
        name = _name(dict(layers)[parent]) if parent in dict(layers) else self.name_at(parent)
        if kind is None or not having or getattr(kind.find(name), "name", "") in ("", *having):
            return None
        there = found.get(parent)
        names = [(each, _name(each)) for each in there.nodes] if isinstance(there, Items) else []
        owners = [member.name for _, each in names if (member := kind.find(each)) and member.name in having]
        values = list(map(advice.written, _values(found[key])))
        listed = [advice.written(each) for each, name in names if getattr(kind.find(name), "name", "") not in owners]
        listed += [f"{{name: {owner}, {last}: {each}}}" for owner in owners or having[:1] for each in values[:MOST]]
        text = ", ".join([*listed, *["..."] * (len(values) > MOST)])
        return f"--space {shlex.quote(f'{parent}={text}')}" if node.place.argument else f"{parent}: [{text}]"

    def name_at(self, key: str) -> str:
        """The name of the choice that the config has there."""
        value: object = self.config
        for part in key.split("."):
            value = getattr(value, part, None)
        return str(getattr(value, "name", ""))


def _said(fault: Fault) -> tuple[str, int, int, str, str]:
    """What makes a fault the same, whatever is advised."""
    return fault.file, fault.line, fault.column, fault.key, fault.message


def _kind(key: str) -> type[Choice] | None:
    """The kind of choice that is one of at this key."""
    return next((each.field.bound.kind for each in settings_below(Config) if each.path == key), None)


def _name(node: Node) -> str:
    """The name of a choice as a value of a space has it."""
    named = node.entries["name"][1] if isinstance(node, Map) and "name" in node.entries else node
    return named.text if isinstance(named, Scalar) else ""


def _lines(node: Node) -> set[tuple[str, int]]:
    """Where it stands, with all that is in it."""
    inner = [value for _, value in node.entries.values()] if isinstance(node, Map) else []
    inner += node.nodes if isinstance(node, Items) else ()
    return {(node.place.file, node.place.line)}.union(*map(_lines, inner))


def _values(node: Node) -> Sequence[Node]:
    """The values of a setting; a range is one."""
    return node.nodes if isinstance(node, Items) else (node,)


def _tried(node: Node) -> list[Node]:
    """The values of a setting, with both ends of each range."""
    return [
        _end(item, which)
        for item in _values(node)
        for which in (("low", "high") if any(True for _ in ranges(item, "")) else ("low",))
    ]


def _end(node: Node, which: str) -> Node:
    """The value with this end of each of its ranges."""
    if isinstance(node, Map) and is_range(node.entries):
        return node.entries.get(which, next(iter(node.entries.values())))[1]
    if isinstance(node, Map):
        return Map(node.place, {key: (place, _end(value, which)) for key, (place, value) in node.entries.items()})
    return node


def _put(whole: Map, keys: Sequence[str], node: Node) -> Map:
    """The map with a value at the end of these keys; what stands on the way as a bare name becomes its map."""
    key, *rest = keys
    if rest:
        there = whole.entries.get(key, (node.place, Map(node.place, {})))[1]
        if isinstance(there, Scalar):
            there = Map(there.place, {"name": (there.place, there)})
        node = _put(there if isinstance(there, Map) else Map(node.place, {}), rest, node)
    return Map(whole.place, {**whole.entries, key: (node.place, node)})
