"""Which runs are there, and what came of them? A table of those that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from tuner import answer
from tuner.answer import Answer, Block, Brief, Cell, Note, Table
from tuner.asks.runs.columns import (
    OWN,
    Column,
    Filter,
    Problems,
    differing,
    find_column,
    parse_filter,
    select,
    sort,
    usual_columns,
)
from tuner.asks.runs.entries import Entry, entries
from tuner.config.varied import labels
from tuner.document.writing import flow, word
from tuner.durable.reading import shown
from tuner.figures import in_one_notation, plural
from tuner.options.metrics import column as measured
from tuner.runs.family import average, key_of
from tuner.runs.files import DAMAGED
from tuner.runs.folder import is_run
from tuner.runs.sweep import FAILED

COLORS = {
    **dict.fromkeys(("diverged", FAILED, DAMAGED), "red"),
    **dict.fromkeys(("crashed", "stopped"), "magenta"),
    "running": "yellow",
    "finished": "green",
}
"""By state; of a group the first that one of its runs has counts."""
UNFINISHED = ("running", "stopped", "crashed")
SETTING, ASKED = 7, 9
"""How much a setting matters among the columns of a list, and one that it is sorted or filtered by."""
WEIGHTS = {"time": 1, "best": 2, "seeds": 4, "splits": 4, "folds": 4, "trials": 4, "when": 5, "changed": 8}
LEAST = dict.fromkeys(("changed", "state"), 12)
"""Characters to which cells may be cut before a column has to go; those of a setting to 12, too."""


@dataclass(frozen=True)
class Query:
    """What to list, in the words of the command line."""

    filters: Sequence[str] = ()
    sort: str | None = None
    most: int | None = None
    cols: str | None = None
    only_changed: bool = False
    opened: bool = False  # the runs of groups are listed, too


@dataclass(frozen=True)
class Listing:
    """`found` are those of `everything` that the query asks for, groups as one entry each.

    `asked` are the columns that the query names, and `problems` fills up while columns are read.
    """

    everything: Sequence[Entry]
    found: Sequence[Entry]
    columns: Sequence[Column]
    asked: Sequence[Column]
    filters: Sequence[Filter]
    query: Query
    problems: Problems = field(default_factory=dict)

    def rows(self) -> Iterator[Entry]:
        """Line by line: the runs of an opened group stand below it."""
        for entry in self.found:
            yield entry
            if self.query.opened:
                yield from entry.members

    def paths(self) -> list[Path]:
        """The folders, those of its members instead of an opened group's."""
        return [row.path for row in self.rows() if not (self.query.opened and row.members)]

    def told(self) -> list[str]:
        """What is wrong with the folders listed."""
        told = [each.problem for row in self.found for each in (row, *row.members) if each.problem]
        return list(dict.fromkeys(told))

    def data(self, entry: Entry) -> dict[str, Any]:
        """A run; of a group `best` and `test` are means, and its runs are `members`; of a sweep they are the best
        trial's, and its trials are `members` where they are listed."""
        is_mean = bool(entry.members) and entry.sweep is None
        status = entry.runs[0].status if entry.runs and not is_mean else {}
        data = {
            "run": str(entry.path),
            "name": entry.name or None,
            "state": entry.state,
            "seed": entry.settings.get("seed"),
            "changed": entry.changed,
            "changed_from_first": entry.changed_from(entry.first),
            "best": average(entry.runs, "best") if is_mean else status.get("best") or {},
            "test": average(entry.runs, "test") if is_mean else status.get("test") or {},
            "created": entry.created or None,
            "epoch": status.get("epoch"),
            "best_epoch": OWN["best"](entry),
            "seconds": OWN["time"](entry),
            "tags": entry.settings.get("tags") or [],
            "reason": entry.problem or status.get("reason"),
        }
        if self.query.cols is not None or self.query.only_changed:
            data["columns"] = {column.name: column.of(entry, self.problems) for column in self.columns}
        if entry.sweep is not None:
            best = entry.sweep.best[0].trial.path if entry.sweep.best else None
            data |= {"trials": entry.sweep.counts, "best_trial": None if best is None else str(best)}
            data |= {"metric": entry.sweep.head.metric, "reason": entry.problem or None}
        elif entry.members:
            data |= labels(entry.varies, [key_of(run, entry.varies) for run in entry.runs])
        if entry.members:
            data["members"] = [self.data(member) for member in entry.members]
        return data


def ask(runs_dir: Path, query: Query, form: str = "") -> Answer:
    """The runs and groups in `runs_dir` that the query asks for; of thousands only what the `form` shows is found out.

    Raises UsageError, NotFoundError.
    """
    listing = list_runs(runs_dir, query)
    blocks: list[Block] = [] if listing.found else [Note(_nothing(runs_dir, listing))]
    if listing.found and form not in ("quiet", "json"):
        blocks = [table_of(listing)]
    data = {"runs": [listing.data(entry) for entry in listing.found]} if form == "json" else None
    blocks += [*map(Note, listing.told()), *(Note(text, problem=True) for text in listing.problems)]
    return Answer(blocks, data, "".join(f"{path}\n" for path in listing.paths()))


def _nothing(runs_dir: Path, listing: Listing) -> str:
    """Why there is nothing to list."""
    count = len(listing.everything)
    if is_run(runs_dir):
        return f"{shown(runs_dir)} is itself a run: tuner show {shown(runs_dir)}"
    if not count:
        return f"no runs in {shown(runs_dir)} yet: tuner train digits makes one; --runs-dir says where else to look"
    if not listing.filters:
        return f"none of {plural(count, 'run')} asked for"
    asked = shown(" ".join(str(each.condition) for each in listing.filters))
    there = {each.column.name: each.choices(listing.everything)[:8] for each in listing.filters}
    known = "".join(f"; {name}: {', '.join(map(shown, texts))}" for name, texts in there.items() if texts)
    return f"none of {plural(count, 'run')} fulfils {asked}{known}"


def list_runs(runs_dir: Path, query: Query) -> Listing:
    """Raises UsageError for a filter or column that cannot be, NotFoundError where `runs_dir` cannot be read."""
    everything = entries(runs_dir, query.opened)
    problems: Problems = {}
    filters = [parse_filter(text, everything) for text in query.filters]
    found = select(everything, filters, query.opened, problems)
    asked = [each.column for each in filters if each.column.metric is not None]
    if query.sort is not None and everything:
        by = find_column(query.sort.removeprefix("-"), everything)
        found = sort(found, by, query.sort.startswith("-"), problems)
        asked.append(by)
    else:
        found = sorted(found, key=lambda entry: entry.is_recipe)  # one's own runs first
    found = found[: query.most]
    return Listing(everything, found, _columns(query, everything, found, asked), asked, filters, query, problems)


def _columns(
    query: Query, everything: Sequence[Entry], found: Sequence[Entry], asked: Sequence[Column]
) -> list[Column]:
    usual = [*usual_columns(found), *asked]
    if query.only_changed:
        at = usual.index(Column("changed"))
        usual[at : at + 1] = differing(found)
    if query.cols is not None and everything:
        named = [find_column(each, everything) for each in query.cols.removeprefix("+").split(",")]
        if query.cols.startswith("+"):
            usual += named
        else:
            first = [] if Column("run") in named else [Column("run")]
            usual = [*first, *named, *(differing(found) if query.only_changed else [])]
    return list(dict.fromkeys(usual))


def table_of(listing: Listing) -> Table:
    """A line a run or group, under the columns of the listing."""
    keys = dict.fromkeys(key for entry in listing.everything for key in entry.settings)
    ends = [key.rpartition(".")[2] for key in keys]
    short = {key: end for key, end in zip(keys, ends, strict=True) if ends.count(end) == 1}
    rows, cells, styles = list(listing.rows()), [], {}
    for place, column in enumerate(listing.columns):
        values = [column.of(row, listing.problems) for row in rows]
        if column.name == "changed":
            cells.append(_changes(_in_order(values, rows), short))
        else:
            cells.append([_cell(column, value, row) for value, row in zip(values, rows, strict=True)])
        if column.name == "state":
            worst = [next((color for state, color in COLORS.items() if state in row.state), "") for row in rows]
            styles = {(at, place): color for at, color in enumerate(worst)}
    columns = [_column(listing, column, short.get(column.name, "")) for column in listing.columns]
    return Table(columns, list(zip(*cells, strict=True)), styles=styles, more="--cols chooses columns")


def _column(listing: Listing, column: Column, short: str) -> answer.Column:
    """How a column is written, on which side, how much it matters; one without a weight always stays."""
    side, least = "r" if column.is_number else "l", None
    first = next((each for each in listing.columns if each.metric is not None), None)
    weight: int | None
    if column.metric is not None:
        of = measured(column.metric.column)
        notation = "number" if column.metric.reached else "figure"
        weight = 0 if of.is_loss else 3 if of.part == "test" else 6
    elif column.is_setting:
        notation, side, weight, least = "exact", "", SETTING, 12
    else:
        notation = "duration" if column.name == "time" else "number"
        weight, least = WEIGHTS.get(column.name), LEAST.get(column.name)
    stays = listing.query.cols is not None or column == first
    weight = None if stays else ASKED if column in listing.asked else weight
    return answer.Column(column.name, notation, side, weight, least, short)


def _cell(column: Column, value: Any, row: Entry) -> Cell:
    if column.is_setting:
        is_plain = type(value) in (int, float, str) or column.name not in row.settings
        return value if is_plain else Brief(flow(value), "" if value is None else word(value))
    if value is None:
        return None
    if column.name == "when":
        return datetime.fromisoformat(value)
    if column.name == "state":
        epochs = row.settings.get("training.epochs")
        if row.members or row.sweep or not row.runs or row.state not in UNFINISHED or epochs is None:
            return Brief(value, value, value.partition(":")[0])  # of a sweep whether it is over
        return Brief(f"{value} {row.runs[0].status.get('epoch') or 0}/{epochs}", value)  # how far it is
    return Brief(", ".join(value) or "-", word(value)) if column.name == "tags" else value


def _in_order(values: Sequence[dict[str, Any] | None], rows: Sequence[Entry]) -> list[dict[str, Any] | None]:
    """What changed, those settings first that are not the same in all rows of the same name."""
    named: dict[str, list[Entry]] = {}
    for row in rows:
        named.setdefault(row.name, []).extend([row] * bool(row.runs))

    @cache
    def is_alike(name: str, key: str) -> bool:
        return all(each.settings.get(key) == named[name][0].settings.get(key) for each in named[name])

    keys = [sorted(each or (), key=partial(is_alike, row.name)) for each, row in zip(values, rows, strict=True)]
    return [each and {key: each[key] for key in ordered} for each, ordered in zip(values, keys, strict=True)]


def _changes(values: Sequence[dict[str, Any] | None], short: dict[str, str]) -> list[Cell]:
    """``optimizer.lr=0.01 model.hidden=[256, 128]``; the numbers of one key are all written alike. For a script a space
    stands between two settings only."""
    texts: dict[str, dict[int, str]] = {}
    for key in dict.fromkeys(key for each in values for key in each or ()):
        numbers = {at: each[key] for at, each in enumerate(values) if each and type(each.get(key)) in (int, float)}
        texts[key] = dict(zip(numbers, in_one_notation(list(numbers.values()), exact=True), strict=True))
    cells: list[Cell] = []
    for at, changed in enumerate(values):
        said = {key: texts[key].get(at) or flow(value) for key, value in (changed or {}).items()}
        text = " ".join(f"{key}={value}" for key, value in said.items())
        brief = " ".join(f"{short.get(key, key)}={value}" for key, value in said.items())
        raw = " ".join(f"{key}={word(value)}" for key, value in (changed or {}).items())
        cells.append(None if changed is None else Brief(text or "same", raw, brief))
    return cells
