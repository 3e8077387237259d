"""A list of runs as a table: for a terminal fitted to its width and painted, elsewhere whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuner.document import flow, word
from tuner.listing import DAMAGED, Column, Entry, Problems
from tuner.render.tables import table
from tuner.render.text import cells, duration, figure, number, shorten

COLORS = {"finished": "green", "running": "yellow", "stopped": "magenta", "crashed": "magenta"}
LEAST = 20
"""Columns that what changed keeps before other columns are left out."""


@dataclass(frozen=True)
class Screen:
    """A terminal to fit a table to. `now` is the time that ages count from."""

    width: int
    now: datetime
    color: bool = False
    fitted: bool = True  # whether columns may be left out


def lines_of(entries: Sequence[Entry], opened: bool) -> Iterator[Entry]:
    """The entries as rows of a table: with `opened`, the members of a group stand below it."""
    for entry in entries:
        yield entry
        if opened:
            yield from entry.members


def runs_table(
    columns: Sequence[Column],
    entries: Sequence[Entry],
    problems: Problems,
    screen: Screen | None = None,
    markdown: bool = False,
) -> tuple[str, list[str]]:
    """The table, and the names of the columns that the screen has no room for."""
    names = _brief(entries) if screen is not None else {}
    grid = [[_text(column, entry, problems, screen, names) for column in columns] for entry in entries]
    heads = ["when (UTC)" if column.name == "when" and screen is None else column.name for column in columns]
    sides = ["r" if column.metric is not None or column.name in ("best", "seed", "seeds", "time") else
             _side([column.of(entry, problems) for entry in entries] if column.is_setting else []) for column in columns]  # fmt: skip
    if screen is None:
        return table(heads, grid, "".join(sides), markdown=markdown), []
    widths = [max(map(cells, [head, *(line[at] for line in grid)])) for at, head in enumerate(heads)]
    kept = _fit(columns, widths, screen)
    for at in kept:
        if columns[at].name == "changed":
            room = screen.width - sum(widths[each] + 2 for each in kept if each != at)
            grid = [[*line[:at], shorten(line[at], max(room, LEAST)), *line[at + 1 :]] for line in grid]
    styles = _styles([columns[at] for at in kept], entries) if screen.color else {}
    rows = [[line[at] for at in kept] for line in grid]
    text = table([heads[at] for at in kept], rows, "".join(sides[at] for at in kept), width=screen.width, styles=styles)
    return text, [column.name for at, column in enumerate(columns) if at not in kept]


def plain_value(column: Column, entry: Entry, problems: Problems) -> Any:
    """A cell for other programs: numbers as they are, seconds, UTC times, lists and maps in YAML on one line."""
    value = column.of(entry, problems)
    if column.name == "changed" and column.is_own:
        return None if value is None else changes_text(value)
    return word(value) if isinstance(value, list | dict) else value


def changes_text(changed: dict[str, Any], brief: dict[str, str] | None = None) -> str:
    """``optimizer.lr=0.01 model.hidden=[256]``, as overrides are written; with `brief` names for the keys."""
    return " ".join(f"{(brief or {}).get(key, key)}={word(value)}" for key, value in changed.items())


def _text(column: Column, entry: Entry, problems: Problems, screen: Screen | None, brief: dict[str, str]) -> str:
    value = column.of(entry, problems)
    if column.is_setting:
        return flow(value) if column.name in entry.settings else "-"
    if value is None:
        return "-"
    if column.metric is not None:
        return figure(value)
    match column.name:
        case "when":
            return _age(value, screen.now) if screen is not None else str(value[:16].replace("T", " "))
        case "state":
            return f"{value}{_progress(entry)}"
        case "changed":
            return changes_text(value, brief) or "same"
        case "time":
            return duration(value)
        case "tags":
            return ", ".join(value) or "-"
    return number(value) if isinstance(value, int | float) else str(value)


def _age(created: str, now: datetime) -> str:
    """The time since, in one unit: ``5 min``, ``3 h``, ``12 d``."""
    return " ".join(duration(max(0.0, (now - datetime.fromisoformat(created)).total_seconds())).split()[:2])


def _progress(entry: Entry) -> str:
    """How far a run is that has not come to its end."""
    if len(entry.runs) != 1 or entry.state not in COLORS or entry.state == "finished":
        return ""
    done, epochs = entry.runs[0].status.get("epoch") or 0, entry.settings.get("training.epochs")
    return f" {done}/{epochs}" if epochs is not None else ""


def _brief(entries: Sequence[Entry]) -> dict[str, str]:
    """Keys cut to their last part where no other key ends like that: `find_column` understands them."""
    keys = dict.fromkeys(key for entry in entries for key in entry.settings)
    ends = [key.rpartition(".")[2] for key in keys]
    return {key: end for key, end in zip(keys, ends, strict=True) if ends.count(end) == 1}


def _side(values: Sequence[Any]) -> str:
    known = [value for value in values if value is not None]
    return "r" if known and all(type(value) in (int, float) for value in known) else "l"


def _fit(columns: Sequence[Column], widths: Sequence[int], screen: Screen) -> list[int]:
    """Which columns stay: those that matter least go first, once what changed is as short as it may be."""
    kept = list(range(len(columns)))
    least = [min(width, LEAST) if columns[at].name == "changed" else width for at, width in enumerate(widths)]
    first = next((at for at, column in enumerate(columns) if column.metric is not None), None)
    droppable = [at for at in kept if screen.fitted and at != first and _weight(columns[at]) is not None]
    droppable.sort(key=lambda at: (_weight(columns[at]) or 0, -at))
    while droppable and sum(least[at] + 2 for at in kept) - 2 > screen.width:
        kept.remove(droppable.pop(0))
    return kept


def _weight(column: Column) -> int | None:
    """How much a column matters; None: it always stays."""
    if column.metric is not None:
        is_loss, is_test = column.name.endswith("_loss"), column.name.startswith("test_")
        return 0 if is_loss else 3 if is_test else 6
    return {"time": 1, "best": 2, "seeds": 4, "when": 5}.get(column.name)


def _styles(columns: Sequence[Column], entries: Sequence[Entry]) -> dict[tuple[int, int], str]:
    """The colour of each state, by (row, column)."""
    at = next((at for at, column in enumerate(columns) if column.name == "state"), None)
    return {} if at is None else {(row, at): _color(entry.state) for row, entry in enumerate(entries)}


def _color(state: str) -> str:
    """Of a group that of its worst run."""
    if any(bad in state for bad in ("diverged", "failed", DAMAGED)):
        return "red"
    return next((COLORS[each] for each in ("crashed", "stopped", "running", "finished") if each in state), "")
