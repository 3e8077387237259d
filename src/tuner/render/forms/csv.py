"""Print the table as CSV."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from tuner.answer import Answer, Brief, Cell, Chart, Column, Command, Commented, Note, Pairs, Spark, Table
from tuner.errors import UsageError


def show(answer: Answer) -> str:
    """The tables under the names of their columns, of several each under its title, too, an empty line between them;
    where there is none the pairs, as `key` and `value`. Curves stand point by point, `low` and `high` being the band
    beside them. Nothing is rounded; times are ISO 8601. Raises UsageError where an answer has none of these."""
    blocks = [inner for block in answer.blocks for inner in (block.blocks if isinstance(block, Commented) else [block])]
    told: list[Table | Chart | Pairs] = [block for block in blocks if isinstance(block, Table | Chart)]
    told = told or [block for block in blocks if isinstance(block, Pairs)]
    if not told and not all(isinstance(block, Note) for block in blocks):
        raise UsageError("this answer has no table for --csv", fix="Leave it out, or use --json, --md or --html.")
    return "\n".join(_lines(_table(block), len(told) > 1) for block in told)


def _table(block: Table | Chart | Pairs) -> Table:
    if isinstance(block, Table):
        return block
    if isinstance(block, Pairs):
        return Table([Column("key"), Column("value")], [pair for pair in block.pairs if not isinstance(pair[1], Spark)])
    rows = [
        [panel.title, line.name or line.label, x, y, *(band or (None, None))]
        for panel in block.panels
        for line in panel.lines
        for x, y, band in zip(line.x, line.y, line.band or [None] * len(line.x), strict=True)
    ]
    return Table([Column(head) for head in ("panel", "curve", "x", "y", "low", "high")], rows)


def _lines(table: Table, is_titled: bool) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([[table.title]] * (is_titled and bool(table.title)))
    kept = [at for at in range(len(table.columns)) if not any(isinstance(row[at], Spark) for row in table.rows)]
    writer.writerow([table.columns[at].head for at in kept])
    writer.writerows([_plain(row[at]) for at in kept] for row in table.rows)
    return stream.getvalue()


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="microseconds")
    return cell.raw if isinstance(cell, Brief) else cell.text if isinstance(cell, Command) else cell
