"""YAML text -> nodes that know where they stand; nodes -> plain values; plain values -> YAML text.

Scalars follow the core schema of YAML 1.2 (section 10.3.2). Anchors, aliases, merge keys, tags and repeated keys are
refused, and size, depth and number of nodes are bounded, so that no file can surprise or exhaust its reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tuner.errors import ConfigError, Fault, NotFoundError

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_DIGITS = 400

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a node stands: the file as it was named, line and column from 1, the line itself, the token's width."""

    file: str
    line: int
    column: int
    excerpt: str = ""
    width: int = 1
    base: Path = field(default_factory=Path)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def fault(self, message: str, **details: Any) -> Fault:
        """A fault that stands here."""
        return Fault(message, self.file, self.line, self.column, excerpt=self.excerpt, width=self.width, **details)


@dataclass(frozen=True)
class Scalar:
    """One value; `text` is how it was written."""

    place: Place
    value: None | bool | int | float | str
    text: str


@dataclass(frozen=True)
class Items:
    """A list."""

    place: Place
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Map:
    """A map: key -> (where the key stands, its value)."""

    place: Place
    entries: dict[str, tuple[Place, Node]]


Node = Scalar | Items | Map

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def core_value(text: str) -> None | bool | int | float | str:
    """What a plain scalar means under YAML 1.2's core schema: ``1e-3`` is a number, ``no`` is text, ``017`` is 17."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text, 0 if text.startswith(("0o", "0x")) else 10)
    if _FLOAT.fullmatch(text) and len(text) <= MAX_DIGITS:
        return float(text)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


class _Composer:
    """Builds nodes from the parser's events and collects what is refused on the way."""

    def __init__(self, text: str, start: Place) -> None:
        self.lines = re.split(r"\r\n|[\n\r\x85\u2028\u2029]", text)
        self.start = start
        self.faults: list[Fault] = []
        self.count = 0
        self.events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)

    def place(self, start: Any, end: Any = None) -> Place:
        line = self.lines[start.line] if start.line < len(self.lines) else ""
        width = end.column - start.column if end is not None and end.line == start.line else len(line) - start.column
        shift = self.start.column if start.line == 0 else 1
        excerpt = self.start.excerpt + line if start.line == 0 else line
        return Place(self.start.file, self.start.line + start.line, start.column + shift, excerpt, max(1, width), self.start.base)

    def refuse(self, event: Any, message: str, **details: Any) -> None:
        self.faults.append(self.place(event.start_mark, event.end_mark).fault(message, **details))

    def document(self) -> Node | None:
        node: Node | None = None
        seen = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                seen += 1
                if seen > 1:
                    self.refuse(event, "a second document starts here", allowed="one document a file")
                    break
            elif isinstance(event, yaml.NodeEvent):
                node = self.node(event, 1)
        return node

    def node(self, event: Any, depth: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH:
            what = f"deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_NODES} values"
            self.refuse(event, f"the document is {what}")
            raise _TooMuch
        self.check_refused(event)
        place = self.place(event.start_mark, event.end_mark)
        if isinstance(event, yaml.AliasEvent):
            return Scalar(place, None, "")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(place, tuple(self.node(item, depth + 1) for item in self.until(yaml.SequenceEndEvent)))
        return self.map(place, depth)

    def check_refused(self, event: Any) -> None:
        if event.anchor is not None:
            kind = "alias" if isinstance(event, yaml.AliasEvent) else "anchor"
            self.refuse(event, f"YAML's {kind} is not part of the language", suggestion="extends: shares settings")
        if getattr(event, "tag", None) is not None:
            self.refuse(event, f"the tag {event.tag} is not part of the language", suggestion="leave the tag out")

    def scalar(self, event: Any, place: Place) -> Scalar:
        text: str = event.value
        if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in text):
            self.refuse(event, "the text holds a character that cannot be stored")
            return Scalar(place, None, "")
        value = core_value(text) if event.style is None else text
        return Scalar(place, value, text)

    def until(self, end: type[Any]) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, end):
                return
            yield event

    def map(self, place: Place, depth: int) -> Map:
        entries: dict[str, tuple[Place, Node]] = {}
        for event in self.until(yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self.events), depth + 1)
            if not isinstance(key, Scalar) or not isinstance(key.value, str):
                self.faults.append(key.place.fault("a key is a word", given=shown(key), allowed="text"))
            elif key.value == "<<" and event.style is None:
                self.faults.append(key.place.fault("merge keys are not part of the language", suggestion="extends"))
            elif key.value in entries:
                first = entries[key.value][0]
                message = f"the key {key.value!r} stands here a second time; first on line {first.line}"
                self.faults.append(key.place.fault(message, key=key.value, suggestion="keep one of the two"))
            else:
                entries[key.value] = (key.place, value)
        return Map(place, entries)


class _TooMuch(Exception):  # noqa: N818 - never leaves this module
    """A bound was passed; the fault is already noted."""


def parse(text: str, start: Place) -> tuple[Node | None, list[Fault]]:
    """The node that `text` holds (None: nothing) and everything in it that is refused.

    `start` is where the text begins: line 1, column 1 of a file, or inside a longer line, whose beginning is its excerpt.
    """
    composer = _Composer(text, start)
    try:
        return composer.document(), composer.faults
    except _TooMuch:
        pass
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        letter = error.position - text.rfind("\n", 0, error.position)
        code = error.character if isinstance(error.character, int) else ord(str(error.character)[0])
        message = f"not YAML: the character U+{code:04X} is not allowed"
        composer.faults.append(Place(start.file, line, letter, composer.lines[line - 1]).fault(message))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        place = replace(composer.place(mark), width=1) if mark else start
        hint = "use spaces, not tabs, to indent" if "'\\t'" in message else None
        composer.faults.append(place.fault(f"not YAML: {message}", suggestion=hint))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        composer.faults.append(start.fault(f"not YAML: {str(error).splitlines()[0]}"))
    return None, composer.faults


def read_text(path: Path, shown_as: str) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, at most 1 MiB. Raises ConfigError."""
    try:
        if path.exists() and not path.is_file() and not path.is_char_device():
            raise ConfigError([Fault(f"{shown_as} is not a file", shown_as, allowed="a YAML file")])
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError([Fault(f"cannot read {shown_as}: {reason}", shown_as, suggestion="tuner list configs")]) from None
    return decode(data, shown_as)


def decode(data: bytes, shown_as: str) -> str:
    """Text from the bytes of a config. Raises ConfigError naming the offset of what is not UTF-8."""
    if len(data) > MAX_BYTES:
        raise ConfigError([Fault("the file is larger than 1 MiB", shown_as, allowed="at most 1 MiB")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = f"not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}"
        raise ConfigError([Fault(message, shown_as, line, column, suggestion="save the file as UTF-8")]) from None


def to_plain(node: Node) -> Plain:
    """The values of a node, without their places."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [to_plain(item) for item in node.nodes]
    return {key: to_plain(value) for key, (_, value) in node.entries.items()}


def shown(node: Node) -> str:
    """A node as it is quoted in a message, cut to a bearable length."""
    text = node.text if isinstance(node, Scalar) else str(to_plain(node))
    if isinstance(node, Scalar) and not text:
        text = "null" if node.value is None else "''"
    return text if len(text) <= 60 else text[:57] + "..."


def plain(path: Path) -> dict[str, Any]:
    """The map in a YAML file that tuner wrote. Raises NotFoundError if it is missing or damaged."""
    try:
        node, faults = parse(read_text(path, str(path)), Place(str(path), 1, 1, base=path.parent))
    except ConfigError as error:
        raise NotFoundError(error.faults[0].message) from None
    if faults or not isinstance(node, Map):
        raise NotFoundError(f"{path} is damaged" + (f": {faults[0].message}" if faults else ": it holds no map"))
    return {key: to_plain(value) for key, (_, value) in node.entries.items()}


class _Dumper(yaml.SafeDumper):
    """Writes by the core schema, so that text which looks like a number is quoted; keeps short lists on one line."""

    yaml_implicit_resolvers: dict[str, Any] = {}


def _represent_float(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))


def _represent_list(dumper: yaml.SafeDumper, items: Sequence[Any]) -> yaml.SequenceNode:
    flat = all(not isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat)


_Dumper.add_representer(float, _represent_float)
_Dumper.add_representer(list, _represent_list)
for _tag, _pattern in (("null", _NULL), ("bool", _TRUE), ("bool", _FALSE), ("int", _INT), ("float", _FLOAT)):
    _anchored = re.compile(rf"(?:{_pattern.pattern})\Z")
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _anchored, None)


def to_yaml(values: dict[str, Any]) -> str:
    """YAML text that `parse` reads back to the same values."""
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text
