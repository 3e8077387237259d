"""A list of runs as a table: each column's cells, and how much it matters where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tuner import answer
from tuner.answer import Brief, Cell, Table
from tuner.asks.runs.columns import NUMBERS, Column
from tuner.asks.runs.entries import DAMAGED, Entry
from tuner.asks.runs.listing import Listing
from tuner.document.writing import flow, word
from tuner.figures import in_one_notation
from tuner.options.metrics import column as measured

COLORS = {"crashed": "magenta", "stopped": "magenta", "running": "yellow", "finished": "green"}
UNFINISHED = ("running", "stopped", "crashed")
SETTING, ASKED = 7, 9
"""How much a setting matters among the columns of a list, and one that it is sorted or filtered by."""
WEIGHTS = {"time": 1, "best": 2, "seeds": 4, "when": 5, "changed": 8}
LEAST = {"changed": 20, "state": 12}
"""Characters to which cells may be cut; those of a setting to 12, too."""


def table_of(listing: Listing) -> Table:
    """A line a run or group, under the columns of the listing."""
    rows, brief = list(listing.rows()), _brief(listing.everything)
    cells = [_cells(listing, column, rows, brief) for column in listing.columns]
    states = [at for at, column in enumerate(listing.columns) if column == Column("state")]
    return Table(
        [_column(listing, column, brief) for column in listing.columns],
        list(zip(*cells, strict=True)),
        styles={(at, place): _color(row.state) for place in states for at, row in enumerate(rows)},
        more="--cols chooses columns",
    )


def _column(listing: Listing, column: Column, brief: dict[str, str]) -> answer.Column:
    first = next((each for each in listing.columns if each.metric is not None), None)
    stays = listing.query.cols is not None or column == first
    weight = None if stays else ASKED if column in listing.asked else _weight(column)
    least = 12 if column.is_setting else LEAST.get(column.name)
    return answer.Column(column.name, _notation(column), _side(column), weight, least, brief.get(column.name, ""))


def _notation(column: Column) -> str:
    if column.metric is not None:
        return "number" if column.metric.reached else "figure"
    return "exact" if column.is_setting else "duration" if column.name == "time" else "number"


def _weight(column: Column) -> int | None:
    """How much a column matters; None: it always stays."""
    if column.metric is not None:
        of = measured(column.metric.column)
        return 0 if of.is_loss else 3 if of.part == "test" else 6
    return SETTING if column.is_setting else WEIGHTS.get(column.name)


def _side(column: Column) -> str:
    """Numbers stand on the right."""
    if column.is_setting:
        return ""
    return "r" if column.metric is not None or column.name in NUMBERS else "l"


def _cells(listing: Listing, column: Column, rows: Sequence[Entry], brief: dict[str, str]) -> list[Cell]:
    values = [column.of(row, listing.problems) for row in rows]
    if column == Column("changed"):
        return _changes(values, brief)
    return [_cell(column, value, row) for value, row in zip(values, rows, strict=True)]


def _cell(column: Column, value: Any, row: Entry) -> Cell:
    if column.is_setting:
        is_plain = type(value) in (int, float, str) or column.name not in row.settings
        return value if is_plain else Brief(flow(value), flow(value), "" if value is None else word(value))
    if value is None:
        return None
    if column.name == "when":
        return datetime.fromisoformat(value)
    if column.name == "state":
        return Brief(f"{value}{_progress(row)}", f"{value}{_progress(row)}", value)
    return Brief(", ".join(value) or "-", ", ".join(value) or "-", word(value)) if column.name == "tags" else value


def _changes(values: Sequence[dict[str, Any] | None], brief: dict[str, str]) -> list[Cell]:
    """``optimizer.lr=0.01 model.hidden=[256, 128]``; the numbers of one key are all written alike. For a script a space
    stands between two settings only."""
    texts: dict[str, dict[int, str]] = {}
    for key in dict.fromkeys(key for each in values for key in each or ()):
        numbers = {at: each[key] for at, each in enumerate(values) if each and type(each.get(key)) in (int, float)}
        texts[key] = dict(zip(numbers, in_one_notation(list(numbers.values()), exact=True), strict=True))

    def text(at: int, changed: dict[str, Any], names: dict[str, str]) -> str:
        said = [f"{names.get(key, key)}={texts[key].get(at) or flow(value)}" for key, value in changed.items()]
        return " ".join(said) or "same"

    raw = [" ".join(f"{key}={word(value)}" for key, value in (each or {}).items()) for each in values]
    return [
        None if each is None else Brief(text(at, each, {}), text(at, each, brief), raw[at])
        for at, each in enumerate(values)
    ]


def _progress(row: Entry) -> str:
    """How far a run is that has not come to its end."""
    epochs = row.settings.get("training.epochs")
    if row.members or not row.runs or row.state not in UNFINISHED or epochs is None:
        return ""
    return f" {row.runs[0].status.get('epoch') or 0}/{epochs}"


def _brief(entries: Sequence[Entry]) -> dict[str, str]:
    """Keys cut to their last part where no other key ends like that: the command line understands these, too."""
    keys = dict.fromkeys(key for entry in entries for key in entry.settings)
    ends = [key.rpartition(".")[2] for key in keys]
    return {key: end for key, end in zip(keys, ends, strict=True) if ends.count(end) == 1}


def _color(state: str) -> str:
    """Of a group that of its worst run."""
    if any(bad in state for bad in ("diverged", DAMAGED)):
        return "red"
    return next((color for each, color in COLORS.items() if each in state), "")
