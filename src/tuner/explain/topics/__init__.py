"""What the techniques are, one file a topic: its title, other words for it, the settings it is about, its text.

A new topic is one new file here. A file starts with ``# Title``, then ``also:`` and ``keys:`` (lists with commas), then
the text, with an example of a config between fences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Topic:
    """One technique, explained."""

    title: str
    also: tuple[str, ...]
    keys: tuple[str, ...]
    text: str
    example: str


def topics() -> list[Topic]:
    """All of them, by file name."""
    return [parse(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("*.md"))]


def parse(text: str) -> Topic:
    """The topic that a file holds. Raises ValueError where a part of it is missing."""
    found = re.fullmatch(r"# ([^\n]+)\nalso: ([^\n]+)\nkeys: ([^\n]+)\n\n(.+?)\n\n```yaml\n(.+?)```\n", text, re.DOTALL)
    if found is None:
        raise ValueError(f"not a topic: {text[:40]!r}")
    title, also, keys, body, example = found.groups()
    return Topic(title, _listed(also), _listed(keys), body, example)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))
