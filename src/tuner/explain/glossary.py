"""Words that tuner prints, and the field's words for what it treats: what each is, where it is seen, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

KINDS = {"printed": "word of tuner", "field": "word of the field"}


@dataclass(frozen=True)
class Word:
    """One entry of glossary.md: a word, others for the same, its definition; `kind` is one of KINDS."""

    title: str
    also: tuple[str, ...]
    kind: str
    text: str


@cache
def glossary() -> tuple[Word, ...]:
    """All entries. A line ``word | other | ...`` begins one, the indented lines below it are its text; a heading names
    the kind of those that follow."""
    found: list[Word] = []
    kind = ""
    blocks = (Path(__file__).parent / "glossary.md").read_text(encoding="utf-8").splitlines()
    names: tuple[str, ...] = ()
    lines: list[str] = []
    for line in [*blocks, ""]:
        if line.startswith("  "):
            lines.append(line.strip())
            continue
        if names:
            found.append(Word(names[0], names[1:], KINDS[kind], "\n".join(lines)))
        names, lines = (), []
        if line.startswith("# "):
            kind = line.removeprefix("# ")
        elif line:
            names = tuple(name.strip() for name in line.split(" | "))
    return tuple(found)
