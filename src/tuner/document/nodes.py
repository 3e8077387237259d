"""Nodes: the values of a document, each with the place where it stands, and what plain scalars mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from tuner.errors import Fault

Plain = bool | int | float | str | list[Any] | dict[str, Any] | None


AROUND = 400
"""Characters of a line that a fault shows before and behind where it points: a line can be a mebibyte long."""

LONGEST = 1000
"""Characters of a text in a fault: what is quoted can be as long."""

MAX_DIGITS = 400
"""A longer number is text: it fits no setting, and reading it takes time that grows with its square."""

NULL = re.compile(r"null|Null|NULL|~|")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: the file as it was named, line and column from 1, the line itself, the token's width.

    The nodes of a line share its text. `base` is the folder that paths said there are relative to. In an `argument`
    of the command line `line` is its number among the overrides and `column` counts from its beginning, whatever line
    breaks it holds; where an option stands for it, that is the file, and there is no line.
    """

    file: str
    line: int = 0
    column: int = 0
    excerpt: str = ""
    width: int = 1
    base: Path = field(default_factory=Path)
    argument: bool = False

    def __str__(self) -> str:
        if self.argument and self.line:
            return f"{self.file}: {self.excerpt}"
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def token(self) -> str:
        """What stands here."""
        return self.excerpt[self.column - 1 :][: self.width] if self.line else ""

    def fault(self, message: str, **details: Any) -> Fault:
        """A fault that stands here, with what stands around it in the line."""
        first, last = max(0, self.column - 1 - AROUND), self.column + AROUND
        line = self.excerpt[first:last]
        width = max(1, min(self.width, len(line) - (self.column - 1 - first)))  # the dots behind are no part of it
        line += "..." * (last < len(self.excerpt))
        if first:
            line, first = f"...{line}", first - 3
        told = {name: _cut(text, LONGEST) if isinstance(text, str) else text for name, text in details.items()}
        return Fault(_cut(message, LONGEST), self.file, self.line, self.column, excerpt=line, width=width,
                     skipped=first, **told)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value.

    `text` is how it was written, without quotes; `quoted` says whether it had any; `refused` that it stands for
    something that is a fault already.
    """

    place: Place
    value: bool | int | float | str | None
    text: str
    quoted: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """A map: key -> (where the key stands, its value)."""

    place: Place
    entries: dict[str, tuple[Place, Node]]


Node = Scalar | Items | Map


def to_plain(node: Node) -> Plain:
    """The values of a node, without their places."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [to_plain(item) for item in node.nodes]
    return {key: to_plain(value) for key, (_, value) in node.entries.items()}


def merged(nodes: Sequence[Node]) -> Plain:
    """The values of a map from its layers, lowest first, each key from its uppermost; of what is no map, the last's."""
    maps = list(takewhile(lambda node: isinstance(node, Map), reversed(nodes)))
    found = {key: to_plain(value) for node in reversed(maps) if isinstance(node, Map)
             for key, (_, value) in node.entries.items()}  # fmt: skip
    return found if maps else to_plain(nodes[-1])


def shown(node: Node) -> str:
    """A node as it is quoted in a message, cut to a bearable length."""
    return _cut(_flow(node), 60)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _flow(node: Node) -> str:
    if isinstance(node, Items):
        return f"[{', '.join(map(_flow, node.nodes[:60]))}]"
    if isinstance(node, Map):
        return f"{{{', '.join(f'{key}: {_flow(value)}' for key, (_, value) in list(node.entries.items())[:60])}}}"
    return node.text or ("null" if node.value is None else "''")


@lru_cache(maxsize=4096)  # a thousand run folders say much the same
def core_value(text: str) -> bool | int | float | str | None:
    """What a plain scalar means under the core schema of YAML 1.2 (section 10.3.2): ``1e-3`` is a number, ``no`` is
    text, ``017`` is 17."""
    if NULL.fullmatch(text):
        return None
    if TRUE.fullmatch(text):
        return True
    if FALSE.fullmatch(text):
        return False
    if INT.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text, 0 if text.startswith(("0o", "0x")) else 10)
    if FLOAT.fullmatch(text) and len(text) <= MAX_DIGITS:
        return float(text)
    if INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
