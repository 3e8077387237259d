"""Print the table as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from tuner.answer import Answer, Brief, Cell, Chart, Command, Spark, Table


def show(answer: Answer) -> str:
    """The tables one below the other, under the names of their columns, each of several under its title, too; curves
    point by point. Nothing is rounded; times are ISO 8601."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    several = sum(isinstance(block, Table) for block in answer.blocks) > 1
    for table in answer.blocks:
        if isinstance(table, Chart):
            writer.writerows(_points(table))
        elif isinstance(table, Table):
            writer.writerows([[table.title]] * (several and bool(table.title)))
            kept = [at for at in range(len(table.columns)) if not any(isinstance(row[at], Spark) for row in table.rows)]
            writer.writerow([table.columns[at].head for at in kept])
            writer.writerows([_plain(row[at]) for at in kept] for row in table.rows)
    return stream.getvalue()


def _points(chart: Chart) -> Iterator[Sequence[str | float | None]]:
    """A row a point, `low` and `high` being the band beside it."""
    yield "panel", "curve", "x", "y", "low", "high"
    for panel in chart.panels:
        for line in panel.lines:
            for x, y, band in zip(line.x, line.y, line.band or [None] * len(line.x), strict=True):
                yield panel.title, line.label, x, y, *(band or (None, None))


def _plain(cell: Cell) -> str | int | float | None:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="microseconds")
    if isinstance(cell, Brief):
        return cell.raw
    return cell.text if isinstance(cell, Command) else None if isinstance(cell, Spark) else cell
