"""Settings side by side as marked lines: ``-`` what the first side has, ``+`` what the other has, ``~`` both in one."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tuner import shipped
from tuner.config.comparison import ABSENT, Setting, brief
from tuner.diff import DEFAULT, LETTERS, Side
from tuner.errors import NotFoundError
from tuner.figures import number
from tuner.render.text import cells, escape, pad, paint, shorten_middle

COLORS = {"-": "red", "+": "green", "~": "yellow", " ": "dim"}
LONG = 48
"""Columns from which on two values stand below each other."""
ROOM_FOR_NOTE = 20


@dataclass(frozen=True)
class Look:
    """How text is laid out: `width` columns, cut where it is a terminal's; `arrow` and `levels` as it can show them."""

    width: int = 100
    is_cut: bool = False
    color: bool = False
    arrow: str = "→"
    plus_minus: str = "±"
    levels: str = "▁▂▃▄▅▆▇█"

    def sentence(self, text: str, style: str) -> str:
        """A line of words, broken where a terminal is narrower."""
        room = self.width if self.is_cut else max(1, len(text))
        broken = textwrap.wrap(text, max(20, room), subsequent_indent="  ", break_on_hyphens=False)
        return "\n".join(paint(line, style, self.color) for line in broken)


@dataclass(frozen=True)
class Line:
    """One line: `old` and `new` are the values (one of them may be ""), `note` says where they were set."""

    mark: str
    key: str
    old: str = ""
    new: str = ""
    extra: str = ""
    note: str = ""


def setting_lines(settings: Sequence[Setting], sides: Sequence[Side], everything: bool) -> list[Line]:
    """The settings that differ, or all of them; what is inside a switched choice stands indented below it."""
    return [line for setting in settings for line in _lines(setting, sides, everything, "", 0)]


def _lines(setting: Setting, sides: Sequence[Side], everything: bool, parent: str, depth: int) -> Iterator[Line]:
    if not (setting.differs or everything):
        return
    key = "  " * depth + setting.key.removeprefix(f"{parent}." if parent else "")
    if not setting.differs:
        yield Line(" ", key, brief(setting.values[0]))
    elif len(sides) == 2:
        yield from _of_two(setting, sides, key)
    else:
        yield from _of_many(setting, sides, key)
    if any(isinstance(value, dict) and "name" in value for value in setting.values):
        for inner in setting.inside:
            yield from _lines(inner, sides, everything, setting.key, depth + 1)


def _of_two(setting: Setting, sides: Sequence[Side], key: str) -> Iterator[Line]:
    old, new = ("" if value is ABSENT else brief(value) for value in setting.values)
    notes = [note_of(setting, sides, [index]) for index in (0, 1)]
    change = _change(setting.key, *setting.values)
    if old and new and not all(notes) and cells(old) + cells(new) <= LONG:
        yield Line("~", key, old, new, change, "".join(notes))
        return
    if old:
        yield Line("-", key, old, note=notes[0])
    if new:
        yield Line("+", key, "", new, change, notes[1])


def _of_many(setting: Setting, sides: Sequence[Side], key: str) -> Iterator[Line]:
    """A line a value, with the sides that have it."""
    holders: dict[str, list[int]] = {}
    for index, value in enumerate(setting.values):
        holders.setdefault("-" if value is ABSENT else brief(value), []).append(index)
    for row, (text, places) in enumerate(holders.items()):
        note = note_of(setting, sides, places, always=True)
        yield Line(" " if row else "~", "" if row else key, text, note=note)


def note_of(setting: Setting, sides: Sequence[Side], places: Sequence[int], always: bool = False) -> str:
    """Where these sides set it, defaults left out: ``A: my.yaml:3, B: override``; with `always` all the sides, as in
    ``A, B (override)``."""
    found = []
    for index in places:
        value, letter = setting.values[index], LETTERS[index].upper()
        place = DEFAULT if value is ABSENT else sides[index].set_in(setting.key, value)
        if place.startswith((f"override: {setting.key}=", f"override: {setting.key}.name=")):
            place = "override"  # the rest stands beside it
        if place != DEFAULT:
            found.append(f"{letter} ({escape(near(place))})" if always else f"{letter}: {escape(near(place))}")
        elif always:
            found.append(letter)
    return ", ".join(found)


def near(place: str) -> str:
    """A path, or a line in a file, without the folder of the configs that come with tuner or the working directory."""
    folders = [f"{folder}/" for folder in (_ready(), os.getcwd()) if folder]  # noqa: PTH109 - as text
    return next((place.removeprefix(folder) for folder in folders if place.startswith(folder)), place)


def is_ready(place: str) -> bool:
    """Whether a path is that of a config that comes with tuner."""
    return os.path.dirname(place) == _ready()  # noqa: PTH120


@cache
def _ready() -> str:
    try:
        return str(shipped.folder("configs"))
    except NotFoundError:
        return ""


def _change(key: str, old: Any, new: Any) -> str:
    """How far a number moved: ``(x 10)``, ``(/ 2)``, ``(+0.1)``."""
    numbers = [value for value in (old, new) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < 2 or key.rpartition(".")[2] in ("seed", "split_seed"):
        return ""
    if old * new > 0 and not 0.5 < new / old < 2:
        return f"(x {new / old:.3g})" if new / old > 1 else f"(/ {old / new:.3g})"
    return f"({'+' * (new > old)}{number(new - old)})"


def laid_out(lines: Sequence[Line], look: Look, heading: str, notes: str = "set in") -> str:
    """The lines in columns under a heading: key, value, and what the notes say (``set in``)."""
    start = 2 + max((cells(line.key) for line in lines), default=0) + 2
    texts = [_text(line, look) for line in lines]
    most = look.width * 6 // 10
    room = max([cells(text) for text in texts if start + cells(text) <= most], default=0)
    aside = max(start + room, cells(heading)) + 2
    head = pad(heading, aside) + notes if any(line.note for line in lines) else heading
    shown = [paint(head, "bold", look.color)]
    for line, text in zip(lines, texts, strict=True):
        shown += _one(line, text, look, start, aside)
    return "\n".join(shown)


def _text(line: Line, look: Look) -> str:
    both = f" {look.arrow} " if line.old and line.new else ""
    return f"{line.old}{both}{line.new}" + f"  {line.extra}" * bool(line.extra)


def _one(line: Line, text: str, look: Look, start: int, aside: int) -> list[str]:
    """A setting's lines: one, or more where its value or the place where it was set is long."""
    before = pad(f"{line.mark} {line.key}", start)
    fits = start + cells(text) <= aside - 2
    room = look.width - aside if fits else look.width - start
    note = shorten_middle(line.note, room) if look.is_cut and room >= ROOM_FOR_NOTE else line.note
    noted = paint(note, "dim", look.color)
    if fits:
        gap = " " * (aside - start - cells(text))
        return [f"{_painted(before, line, text, look)}{gap}{noted}".rstrip()]
    wrapped = textwrap.wrap(text, max(20, look.width - start), break_on_hyphens=False, break_long_words=look.is_cut)
    if len(wrapped) == 1:
        shown = [_painted(before, line, text, look)]
    else:
        color = COLORS[line.mark]
        shown = [paint(before + wrapped[0], color, look.color)]
        shown += [" " * start + paint(part, color, look.color) for part in wrapped[1:]]
    return [*shown, " " * start + noted] if note else shown


def _painted(before: str, line: Line, text: str, look: Look) -> str:
    if not look.color or line.mark != "~" or not (line.old and line.new):
        return paint((before + text).rstrip(), COLORS[line.mark], look.color) + " " * (not text)
    rest = text.removeprefix(f"{line.old} {look.arrow} {line.new}")
    return (
        f"{paint(before.rstrip(), COLORS['~'])}{before[len(before.rstrip()) :]}"
        f"{paint(line.old, 'red')} {look.arrow} {paint(line.new, 'green')}{paint(rest, 'dim')}"
    )
