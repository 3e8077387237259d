"""A question about the runs of a folder, and the answer: which entries, in which columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.asks.runs.columns import Column, Problems, differing, find_column, usual_columns
from tuner.asks.runs.entries import Entry, entries
from tuner.asks.runs.filters import Filter, parse_filter, select, sort
from tuner.runs.family import average


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
        return [each.problem for row in self.found for each in (row, *row.members) if each.problem]

    def data(self, entry: Entry) -> dict[str, Any]:
        """A run; of a group `best` and `test` are means, and its runs are `members`."""
        status = entry.runs[0].status if entry.runs and not entry.members else {}
        own = {name: Column(name).of(entry, self.problems) for name in ("seed", "when", "best", "time", "tags")}
        data = {
            "run": str(entry.path),
            "name": entry.name or None,
            "state": entry.state,
            "seed": own["seed"],
            "changed": entry.changed,
            "best": average(entry.runs, "best") if entry.members else status.get("best") or {},
            "test": average(entry.runs, "test") if entry.members else status.get("test") or {},
            "created": own["when"],
            "epoch": status.get("epoch"),
            "best_epoch": own["best"],
            "seconds": own["time"],
            "tags": own["tags"] or [],
            "reason": entry.problem or status.get("reason"),
        }
        if self.query.cols is not None or self.query.only_changed:
            data["columns"] = {column.name: column.of(entry, self.problems) for column in self.columns}
        if entry.members:
            data["seeds"] = sorted(run.about["seed"] for run in entry.runs)
            data["members"] = [self.data(member) for member in entry.members]
        return data


def list_runs(runs_dir: Path, query: Query) -> Listing:
    """Raises UsageError for a filter or column that cannot be, NotFoundError where `runs_dir` cannot be read."""
    everything = entries(runs_dir)
    problems: Problems = {}
    filters = [parse_filter(text, everything) for text in query.filters]
    found = select(everything, filters, query.opened, problems)
    asked = [each.column for each in filters if each.column.metric is not None]
    if query.sort is not None and everything:
        by = find_column(query.sort.removeprefix("-"), everything)
        found = sort(found, by, query.sort.startswith("-"), problems)
        asked.append(by)
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
