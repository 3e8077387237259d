"""What is said where a table stands without the column to predict: its columns, and the commands that name one."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

from tuner.choice import nearest
from tuner.data.files import shown
from tuner.data.table import Table
from tuner.data.tabular.facts import Facts, Seen
from tuner.errors import UsageError
from tuner.paths import typed

TABLE_FILE = re.compile(r"\.(csv|tsv|parquet)(\.gz)?$", re.IGNORECASE)
ARRAYS_FILE = re.compile(r"\.npz$", re.IGNORECASE)
_TARGETS = ("target", "label", "class", "y", "outcome", "species")
MOST_COLUMNS, MOST_CLASSES = 40, 20


def check_config(reference: str) -> None:
    """Raises UsageError where CONFIG on a command line is a table; also NotFoundError for one that is damaged."""
    path = Path(reference)
    if "\0" in reference or not os.path.isfile(path):  # noqa: PTH113 - Path's own raises for what cannot be seen
        return
    if ARRAYS_FILE.search(reference):
        what = f"{shown(path)} holds arrays, and a config is asked for"
        raise UsageError(what, fix=f"tuner init {typed(path)}")
    if TABLE_FILE.search(reference):
        raise no_target(path, Table(path=reference, target=0).facts(), "a config is asked for: `tuner init` writes it")


def no_target(path: Path, facts: Facts, why: str = "", given: str = "") -> UsageError:
    """The error that names the columns, and the commands for those that are likely meant; `given` is none of them."""
    names = [seen.name for seen in facts.columns]
    near = nearest(given, names)
    likely = [near] if near else _likely(facts)
    rows = [f"  {seen.name.ljust(min(max(map(len, names)), 40))}  {about(seen)}" for seen in facts.columns]
    more = [f"  and {len(rows) - MOST_COLUMNS:,} more"] if len(rows) > MOST_COLUMNS else []
    commands = [f"tuner init {typed(path)} --target {shlex.quote(name)}" for name in likely]
    told = [{"name": seen.name, "kind": seen.kind, "missing": seen.missing, "distinct": seen.distinct}
            for seen in facts.columns]  # fmt: skip
    why = f"it has no column {given}" if given else why
    message = f"{shown(path)} is a table of {facts.rows[0]:,} rows, and {why}"
    data: dict[str, Any] = {"columns": told, "next": commands}
    return UsageError(message, fix="\n".join([*rows[:MOST_COLUMNS], *more, *commands]), data=data)


def about(seen: Seen) -> str:
    """What a column holds, in a few words."""
    kinds = {"number": "numbers", "category": "different texts", "boolean": "values", "date": "dates"}
    told = (
        f"{seen.distinct:,} {kinds[seen.kind]}"
        if seen.kind != "boolean"
        else " or ".join(each[:30] for each in seen.categories)
    )
    return f"{told}, {seen.missing:,} missing" if seen.missing else told


def _likely(facts: Facts) -> list[str]:
    """The columns that are targets by their names, the last one, and the first that has few classes."""
    few = [seen.name for seen in facts.columns if 1 < len(seen.categories) <= MOST_CLASSES and seen.kind != "number"]
    called = [seen.name for seen in facts.columns if seen.name.lower() in _TARGETS]
    return list(dict.fromkeys([*called, facts.columns[-1].name, *few[:1]]))[:3]
