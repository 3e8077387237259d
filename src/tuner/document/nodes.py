"""Nodes: the values of a document, each with the place where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.errors import Fault

Plain = bool | int | float | str | list[Any] | dict[str, Any] | None


@dataclass(frozen=True)
class Place:
    """Where a node stands: the file as it was named, line and column from 1, the line itself, the token's width.

    `base` is the folder that paths said there are relative to. In an `argument` of the command line `line` is its
    number among the overrides and `column` counts from its beginning, whatever line breaks it holds.
    """

    file: str
    line: int = 0
    column: int = 0
    excerpt: str = ""
    width: int = 1
    base: Path = field(default_factory=Path)
    argument: bool = False

    def __str__(self) -> str:
        if self.argument:
            return f"{self.file}: {self.excerpt}"
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def token(self) -> str:
        """What stands here."""
        return self.excerpt[self.column - 1 :][: self.width] if self.line else ""

    def fault(self, message: str, **details: Any) -> Fault:
        """A fault that stands here."""
        return Fault(message, self.file, self.line, self.column, excerpt=self.excerpt, width=self.width, **details)


@dataclass(frozen=True)
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


def to_plain(node: Node) -> Plain:
    """The values of a node, without their places."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [to_plain(item) for item in node.nodes]
    return {key: to_plain(value) for key, (_, value) in node.entries.items()}


def shown(node: Node) -> str:
    """A node as it is quoted in a message, cut to a bearable length."""
    text = _flow(node)
    return text if len(text) <= 60 else text[:57] + "..."


def _flow(node: Node) -> str:
    if isinstance(node, Items):
        return f"[{', '.join(map(_flow, node.nodes[:60]))}]"
    if isinstance(node, Map):
        return f"{{{', '.join(f'{key}: {_flow(value)}' for key, (_, value) in list(node.entries.items())[:60])}}}"
    return node.text or ("null" if node.value is None else "''")
