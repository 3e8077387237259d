"""A list of runs as a table, for a terminal fitted to its width and painted, elsewhere whole; or as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuner.document import flow, word
from tuner.figures import duration, in_one_notation, number
from tuner.listing import DAMAGED, NUMBERS, Column, Entry, Listing
from tuner.render.tables import table
from tuner.render.text import cells, shorten

COLORS = {"crashed": "magenta", "stopped": "magenta", "running": "yellow", "finished": "green"}
UNFINISHED = ("running", "stopped", "crashed")
LEAST = 20
"""Columns that what changed keeps before other columns are left out."""
SETTING, ASKED = 7, 9
"""How much a setting matters among the columns of a list, and one that it is sorted or filtered by."""
CUT = {"changed": LEAST, "state": 12, "": 8}
"""What cells are cut to before a setting (its name is "" here) is left out."""


@dataclass(frozen=True)
class Terminal:
    """What a table is fitted to. `now` is the time that ages count from."""

    width: int
    now: datetime
    color: bool = False


def runs_table(listing: Listing, terminal: Terminal | None = None, *, markdown: bool = False) -> tuple[str, list[str]]:
    """The table, and the names of the columns that the terminal has no room for."""
    rows, columns = list(listing.rows()), listing.columns
    brief = _brief(listing.everything) if terminal is not None else {}
    grid = [list(line) for line in zip(*(_texts(listing, column, terminal, brief) for column in columns), strict=True)]
    heads = [_head(column, terminal, brief) for column in columns]
    sides = [_side(column, rows) for column in columns]
    if terminal is None:
        return table(heads, grid, "".join(sides), markdown=markdown), []
    widths = [max(map(cells, column)) for column in zip(heads, *grid, strict=True)]
    kept = _fit(listing, widths, terminal.width)
    chosen = [[line[at] for at in kept] for line in (heads, sides, *grid)]
    if Column("changed") in [columns[at] for at in kept]:
        at = kept.index(columns.index(Column("changed")))
        room = terminal.width - sum(widths[each] + 2 for each in kept if columns[each] != Column("changed"))
        chosen[2:] = [[*line[:at], shorten(line[at], max(room, LEAST)), *line[at + 1 :]] for line in chosen[2:]]
    styles = _styles([columns[at] for at in kept], rows) if terminal.color else {}
    text = table(chosen[0], chosen[2:], "".join(chosen[1]), width=terminal.width, styles=styles)
    return text, [column.name for at, column in enumerate(columns) if at not in kept]


def runs_csv(listing: Listing) -> str:
    """One line a row, under the names of the columns. Nothing is rounded; times are ISO 8601, and seconds; in
    what changed a space stands only between two settings."""
    import csv
    import io

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.name for column in listing.columns])
    for row in listing.rows():
        writer.writerow([_plain(column, listing.cell(column, row)) for column in listing.columns])
    return stream.getvalue()


def _plain(column: Column, value: Any) -> Any:
    if column == Column("changed"):
        return None if value is None else _changes(value, {}, {key: word(each) for key, each in value.items()})
    return word(value) if isinstance(value, list | dict | bool) else value


def _changes(changed: dict[str, Any], brief: dict[str, str], texts: Mapping[str, str]) -> str:
    """``optimizer.lr=0.01 model.hidden=[256, 128]``; `texts` has the numbers by key, others are written as YAML."""
    return " ".join(f"{brief.get(key, key)}={texts.get(key) or flow(value)}" for key, value in changed.items())


def _texts(listing: Listing, column: Column, terminal: Terminal | None, brief: dict[str, str]) -> list[str]:
    """The cells of a column. Numbers that stand below each other are written alike, those of a setting exactly."""
    rows = list(listing.rows())
    values = [listing.cell(column, row) for row in rows]
    if column == Column("changed"):
        keys = dict.fromkeys(key for each in values for key in each or ())
        numbers = {key: _numbers([(each or {}).get(key) for each in values], exact=True) for key in keys}
        texts = [{key: known[at] for key, known in numbers.items() if at in known} for at in range(len(rows))]
        changes = zip(values, texts, strict=True)
        return ["-" if each is None else _changes(each, brief, text) or "same" for each, text in changes]
    if column.is_setting:
        alike = _numbers(values, exact=True)
        there = [column.name in row.settings for row in rows]
        return [alike.get(at) or flow(value) if there[at] else "-" for at, value in enumerate(values)]
    if column.metric is not None and column.metric.reached is None:
        return in_one_notation(values)
    return [_text(column, value, row, terminal) for value, row in zip(values, rows, strict=True)]


def _numbers(values: Sequence[Any], exact: bool) -> dict[int, str]:
    """The numbers among the values, by their places."""
    places = [at for at, value in enumerate(values) if type(value) in (int, float)]
    return dict(zip(places, in_one_notation([values[at] for at in places], exact=exact), strict=True))


def _text(column: Column, value: Any, row: Entry, terminal: Terminal | None) -> str:
    if value is None:
        return "-"
    match column.name:
        case "when":
            return _age(value, terminal.now) if terminal is not None else str(value[:16].replace("T", " "))
        case "state":
            return f"{value}{_progress(row)}"
        case "time":
            return duration(value)
        case "tags":
            return ", ".join(value) or "-"
    return number(value) if isinstance(value, int | float) else str(value)


def _age(created: str, now: datetime) -> str:
    """The time since, in one unit: ``5 min``, ``3 h``, ``12 d``."""
    return " ".join(duration((now - datetime.fromisoformat(created)).total_seconds()).split()[:2])


def _progress(row: Entry) -> str:
    """How far a run is that has not come to its end."""
    epochs = row.settings.get("training.epochs")
    if row.members or not row.runs or row.state not in UNFINISHED or epochs is None:
        return ""
    return f" {row.runs[0].status.get('epoch') or 0}/{epochs}"


def _head(column: Column, terminal: Terminal | None, brief: dict[str, str]) -> str:
    return "when (UTC)" if column == Column("when") and terminal is None else brief.get(column.name, column.name)


def _brief(entries: Sequence[Entry]) -> dict[str, str]:
    """Keys cut to their last part where no other key ends like that: the command line understands these, too."""
    keys = dict.fromkeys(key for entry in entries for key in entry.settings)
    ends = [key.rpartition(".")[2] for key in keys]
    return {key: end for key, end in zip(keys, ends, strict=True) if ends.count(end) == 1}


def _side(column: Column, rows: Sequence[Entry]) -> str:
    """Numbers stand on the right."""
    if not column.is_setting:
        return "r" if column.metric is not None or column.name in NUMBERS else "l"
    known = [row.settings[column.name] for row in rows if row.settings.get(column.name) is not None]
    return "r" if known and all(type(value) in (int, float) for value in known) else "l"


def _fit(listing: Listing, widths: Sequence[int], room: int) -> list[int]:
    """The columns that stay. Once what changed is as short as it may be, those that matter least go first; settings
    are cut before one of them goes. None goes that --cols names."""
    columns = listing.columns
    kept = list(range(len(columns)))
    if listing.query.cols is not None:
        return kept
    first = next((column for column in columns if column.metric is not None), None)
    weights = {at: _weight(columns[at]) for at in kept if columns[at] != first}
    weights |= {at: ASKED for at in weights if columns[at] in listing.asked}
    for weight, place in sorted((weight, -at) for at, weight in weights.items() if weight is not None):
        cut = CUT if weight >= SETTING else {"changed": LEAST}
        least = [min(widths[at], cut.get("" if columns[at].is_setting else columns[at].name, 1 << 30)) for at in kept]
        if sum(least) + 2 * (len(kept) - 1) <= room:
            break
        kept.remove(-place)
    return kept


def _weight(column: Column) -> int | None:
    """How much a column matters; None: it always stays."""
    if column.metric is not None:
        return 0 if column.name.endswith("_loss") else 3 if column.name.startswith("test_") else 6
    return (
        SETTING if column.is_setting else {"time": 1, "best": 2, "seeds": 4, "when": 5, "changed": 8}.get(column.name)
    )


def _styles(columns: Sequence[Column], rows: Sequence[Entry]) -> dict[tuple[int, int], str]:
    """The colour of each state, by (row, column)."""
    return {
        (at, place): _color(row.state)
        for place, column in enumerate(columns)
        if column == Column("state")
        for at, row in enumerate(rows)
    }


def _color(state: str) -> str:
    """Of a group that of its worst run."""
    if any(bad in state for bad in ("diverged", "failed", DAMAGED)):
        return "red"
    return next((color for each, color in COLORS.items() if each in state), "")
