"""Print the tables as LaTeX, for its package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tuner.answer import Answer, Note, Spark, Table, texts
from tuner.errors import UsageError
from tuner.render.text import escape

SIGNS = str.maketrans(
    {sign: f"\\{sign}" for sign in "#$%&_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
    | {">": r"\textgreater{}", "[": "{[}", "]": "{]}", "±": r"$\pm$", "≤": r"$\leq$", "≥": r"$\geq$"}
)
"""What stands for itself in no text; a bracket right after a line's end would be an argument of that end."""


def show(answer: Answer) -> str:
    """Each table as a tabular under its title, a comment; the rest of the answer and curves in cells are left out.
    Raises UsageError for an answer without a table, unless it is nothing but notes."""
    told = [block for block in answer.blocks if isinstance(block, Table)]
    if not told and not all(isinstance(block, Note) for block in answer.blocks):
        raise UsageError("this answer has no table for --latex", fix="Leave it out, or use --json, --md or --html.")
    return "\n".join(map(_tabular, told))


def _tabular(table: Table) -> str:
    places = range(len(table.columns))
    kept = [at for at in places if not any(isinstance(row[at], Spark) for row in table.rows)]
    columns = [[_written(text) for text in texts(table, at)] for at in kept]
    title = [f"% {escape(table.title)}"] if table.title else []
    begin = f"\\begin{{tabular}}{{{''.join(map(table.side, kept))}}}"
    head = _line([_written(table.columns[at].head) for at in kept])
    rows = map(_line, zip(*columns, strict=True))
    return "\n".join([*title, begin, r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}", ""])


def _written(text: str) -> str:
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", escape(text).translate(SIGNS))


def _line(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"
