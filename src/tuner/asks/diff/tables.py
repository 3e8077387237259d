"""What differs, as tables: a column a side."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache

from tuner import shipped
from tuner.answer import Block, Cell, Column, Table, Text
from tuner.asks.diff.changes import Diff
from tuner.asks.diff.sides import DEFAULT, Side
from tuner.config.comparison import ABSENT, Setting, brief
from tuner.errors import NotFoundError
from tuner.figures import number, plural, some

SHORT = {"data_fingerprint": 12, "git_commit": 10}
"""How much of a long number is enough to tell two apart."""


def sides_table(sides: Sequence[Side]) -> Table:
    """What is compared, a line a side."""
    columns = [Column("side"), Column("path"), Column("what")]
    rows: list[list[Cell]] = [[side.letter, near(side.path), _kind(side)] for side in sides]
    if any(side.runs for side in sides):
        columns += [Column("state"), Column("epochs"), Column("seed")]
        for row, side in zip(rows, sides, strict=True):
            epochs = max((run.status.get("epoch") or 0 for run in side.runs.values()), default=None)
            row += [side.group.state if side.group else None, epochs, some(list(side.runs), 8) or None]
    return Table(columns, rows)


def _kind(side: Side) -> str:
    if side.kind == "group":
        return f"group of {len(side.runs)}"
    return side.kind + ", comes with tuner" * (os.path.dirname(side.path) == _ready())  # noqa: PTH120


def near(place: str) -> str:
    """A path, or a line in a file, without the folder of the configs that come with tuner or the working directory."""
    folders = [f"{folder}/" for folder in (_ready(), os.getcwd()) if folder]  # noqa: PTH109 - as text
    return next((place.removeprefix(folder) for folder in folders if place.startswith(folder)), place)


@cache
def _ready() -> str:
    try:
        return str(shipped.folder("configs"))
    except NotFoundError:
        return ""


def identity(diff: Diff, everything: bool) -> Iterator[Block]:
    """The circumstances that differ, or all of them; which ones agree stands in the title."""
    known = [each for each in diff.identity if sum(map(bool, each.values)) > 1]
    agreed = [each.name for each in known if not each.differs]
    title = "identity" + f", the same: {', '.join(agreed)}" * bool(agreed)
    shown = known if everything else [each for each in known if each.differs]
    rows = [[", ".join(str(value)[: SHORT.get(each.key)] for value in held) or None for held in each.values]
            for each in shown]  # fmt: skip
    if rows:
        columns = [Column("what"), *(Column(side.letter, code=True) for side in diff.sides)]
        styles = _styles(rows, [each.differs for each in shown])
        yield Table(columns, [[each.name, *row] for each, row in zip(shown, rows, strict=True)], title, styles)
    elif known:
        yield Text(title, "dim")


def settings(diff: Diff, everything: bool) -> Iterator[Block]:
    """The settings that differ, or all of them; what is inside a switched choice stands below it."""
    shown = [each for setting in diff.settings for each in _shown(setting, everything)]
    if not shown:
        return
    count = len(diff.changed)
    title = f"config: {count} of {plural(len(diff.settings), 'setting')} differ{'s' * (count == 1)}"
    columns = [Column(head, code=True) for head in ("setting", *(side.letter for side in diff.sides))]
    values = [[None if value is ABSENT else brief(value) for value in setting.values] for setting in shown]
    rows: list[list[Cell]] = [[setting.key, *each] for setting, each in zip(shown, values, strict=True)]
    styles = _styles(values, [setting.differs for setting in shown])
    set_in = [_set_in(setting, diff.sides) for setting in shown]
    for head, texts in {"change": [_change(setting) for setting in shown], "set in": set_in}.items():
        if any(texts):
            styles |= {(place, len(columns)): "dim" for place in range(len(rows))}
            columns.append(Column(head))
            rows = [[*row, text] for row, text in zip(rows, texts, strict=True)]
    yield Table(columns, rows, title, styles)


def _styles(rows: Sequence[Sequence[str | None]], differ: Sequence[bool]) -> dict[tuple[int, int], str]:
    """Of two sides the old and the new value, of several those that are not the first one's."""
    styles = {}
    for place, (values, differs) in enumerate(zip(rows, differ, strict=True)):
        for at, value in enumerate(values, 1):
            changed = ("red" if at == 1 else "green") if len(values) == 2 else "yellow" if value != values[0] else ""
            styles[place, at] = changed if differs else "dim"
    return styles


def _shown(setting: Setting, everything: bool) -> Iterator[Setting]:
    """The setting, where it differs or `everything` is shown, then what is inside it."""
    if setting.differs or everything:
        yield setting
        if any(isinstance(value, dict) and "name" in value for value in setting.values):
            for inner in setting.inside:
                yield from _shown(inner, everything)


def _set_in(setting: Setting, sides: Sequence[Side]) -> str:
    """Where the sides set it, defaults left out: ``A: my.yaml:3, B: override``."""
    found = []
    for value, side in zip(setting.values, sides, strict=True):
        place = DEFAULT if value is ABSENT or not setting.differs else side.set_in(setting.key, value)
        if place.startswith((f"override: {setting.key}=", f"override: {setting.key}.name=")):
            place = "override"  # the rest stands beside it
        if place != DEFAULT:
            found.append(f"{side.letter}: {near(place)}")
    return ", ".join(found)


def _change(setting: Setting) -> str:
    """How far a number of two sides moved: ``x 10``, ``/ 2``, ``+0.1``."""
    numbers = [each for each in setting.values if isinstance(each, int | float) and not isinstance(each, bool)]
    is_seed = setting.key.rpartition(".")[2] in ("seed", "split_seed")
    if not (len(numbers) == len(setting.values) == 2) or is_seed or not setting.differs:
        return ""
    old, new = numbers
    if old * new > 0 and not 0.5 < new / old < 2:
        return f"x {new / old:.3g}" if new / old > 1 else f"/ {old / new:.3g}"
    return f"{'+' * (new > old)}{number(new - old)}"
