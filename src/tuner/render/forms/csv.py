"""Print the table as CSV."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from tuner.answer import Answer, Brief, Cell, Chart, Command, Spark, Table


def show(answer: Answer) -> str:
    """The tables one below the other, under the names of their columns, each of several under its title, too; curves
    point by point, `low` and `high` being the band beside it. Nothing is rounded; times are ISO 8601."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    several = sum(isinstance(block, Table) for block in answer.blocks) > 1
    for table in answer.blocks:
        if isinstance(table, Chart):
            writer.writerow(["panel", "curve", "x", "y", "low", "high"])
            for title, line in ((panel.title, line) for panel in table.panels for line in panel.lines):
                for x, y, band in zip(line.x, line.y, line.band or [None] * len(line.x), strict=True):
                    writer.writerow([title, line.label, x, y, *(band or (None, None))])
        elif isinstance(table, Table):
            writer.writerows([[table.title]] * (several and bool(table.title)))
            kept = [at for at in range(len(table.columns)) if not any(isinstance(row[at], Spark) for row in table.rows)]
            writer.writerow([table.columns[at].head for at in kept])
            writer.writerows([_plain(row[at]) for at in kept] for row in table.rows)
    return stream.getvalue()


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="microseconds")
    return cell.raw if isinstance(cell, Brief) else cell.text if isinstance(cell, Command) else cell
