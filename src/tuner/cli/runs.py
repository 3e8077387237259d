"""`tuner runs`: the runs of a folder side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.app import RUNS, Json, RunsDir, app, say_error

if TYPE_CHECKING:
    from tuner.listing import Column, Entry, Filter, Problems

FILTER = "'val_accuracy>0.97', optimizer.name=adam, lr=0.01, state=finished, tag=T, name=N, seed=3; all must hold."


@app.command()
def runs(
    filters: Annotated[list[str] | None, typer.Argument(metavar="FILTER", help=FILTER)] = None,
    by: Annotated[
        str | None,
        typer.Option("--sort", metavar="COLUMN", help="Sort by a metric, setting or column; -COLUMN: downwards."),
    ] = None,
    most: Annotated[int | None, typer.Option("-n", "--limit", metavar="N", min=0, help="At most so many.")] = None,
    cols: Annotated[
        str | None,
        typer.Option("--cols", metavar="COLUMN,...", help="Show these instead; +COLUMN,...: besides the usual ones."),
    ] = None,
    only_changed: Annotated[
        bool, typer.Option("--only-changed", help="A column for each setting that differs between the runs listed.")
    ] = False,
    opened: Annotated[bool, typer.Option("--members", help="List the runs of a group below it.")] = False,
    runs_dir: RunsDir = RUNS,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print paths, one a line.")] = False,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print a Markdown table.")] = False,
) -> None:
    """List runs, newest first.

    \b
    tuner runs
    tuner runs --sort -val_accuracy -n 5        the best five
    tuner runs 'val_accuracy>0.97' optimizer=adam
    tuner runs --only-changed --members         a column a setting that differs; groups opened
    tuner runs --cols lr,val_loss@last,'epochs(val_accuracy>=0.9)',parameters
    tuner show $(tuner runs -q --sort -val_accuracy -n 1)

    A COLUMN is a setting (optimizer.lr, or lr), a metric (val_accuracy, test_loss, val_loss@last, val_loss@7,
    epochs(val_accuracy>=0.9), parameters, seconds_per_epoch) or one of run, name, when, state, seed, seeds, changed,
    best (epoch), time, tags. What changed is what differs from the run before of the same config name. A group is one
    row with the means over its runs; a mean is missing where one of its runs has no value.
    """
    from tuner.listing import entries, find_column, parse_filter, select, sort

    form = one_form({"-q": quiet, "--json": as_json, "--csv": as_csv, "--md": as_markdown})
    everything = entries(runs_dir)
    problems: Problems = {}
    asked = [parse_filter(text, everything) for text in filters or []]
    found = select(everything, asked, opened, problems)
    if by is not None and everything:
        found = sort(found, find_column(by.removeprefix("-"), everything), by.startswith("-"), problems)
    found = found[:most]
    columns = columns_of(cols, only_changed, everything, found)
    if form == "-q":
        say("\n".join(str(entry.path) for entry in innermost(found, opened)))
        return
    if form == "--json":
        extra = columns if cols is not None or only_changed else []
        typer.echo(json_text({"runs": [as_data(entry, extra, problems) for entry in found]}))
    elif form == "--csv":
        say(csv_text(columns, found, opened, problems) if found else "")
    else:
        show_table(columns, found, opened, problems, markdown=form == "--md", fitted=cols is None)
    if not found:
        say_error(nothing_text(runs_dir, everything, asked))
    notes = [] if form == "--json" else [entry.problem for entry in innermost(found, True) if entry.problem]
    for note in [*notes, *problems]:
        say_error(note)


def one_form(asked: dict[str, bool]) -> str:
    """The form of the output that was asked for, or "". Raises UsageError for several."""
    given = [form for form, is_asked in asked.items() if is_asked]
    if len(given) > 1:
        from tuner.errors import UsageError

        raise UsageError(f"{' and '.join(given)} are different forms of the output", fix="Give one of them.")
    return given[0] if given else ""


def columns_of(
    cols: str | None, only_changed: bool, everything: Sequence[Entry], found: Sequence[Entry]
) -> list[Column]:
    """The columns to show. Raises UsageError for one that no run has."""
    from tuner.listing import Column, differing, find_column, usual_columns

    usual = usual_columns(found)
    if only_changed:
        at = [column.name for column in usual].index("changed")
        usual[at : at + 1] = differing(found)
    if cols is None or not everything:
        return usual
    named = [find_column(each, everything) for each in cols.removeprefix("+").split(",")]
    more = differing(found) if only_changed and not cols.startswith("+") else []
    first = usual if cols.startswith("+") else [Column("run")]
    return list(dict.fromkeys([*first, *named, *more] if Column("run") not in named else [*named, *more]))


def innermost(found: Sequence[Entry], opened: bool) -> list[Entry]:
    """The entries, groups replaced by their members where they are opened."""
    return [each for entry in found for each in (entry.members if opened and entry.members else (entry,))]


def say(text: str) -> None:
    if text:
        typer.echo(text)


def show_table(
    columns: Sequence[Column], found: Sequence[Entry], opened: bool, problems: Problems, *, markdown: bool, fitted: bool
) -> None:
    """Fitted and painted on a terminal, whole elsewhere."""
    from datetime import UTC, datetime

    from tuner.render.listing import Screen, lines_of, runs_table
    from tuner.render.text import is_colored, is_terminal, terminal_width

    screen = None
    if is_terminal(sys.stdout) and not markdown:
        screen = Screen(terminal_width(sys.stdout), datetime.now(UTC), is_colored(sys.stdout), fitted)
    rows = list(lines_of(found, opened))
    text, left_out = runs_table(columns, rows, problems, screen, markdown)
    say(text if rows else "")
    if left_out:
        sys.stdout.flush()
        say_error(f"no room for {', '.join(left_out)}; --cols chooses columns")


def csv_text(columns: Sequence[Column], found: Sequence[Entry], opened: bool, problems: Problems) -> str:
    """One line a run, under the names of the columns; nothing is rounded, times are UTC or seconds."""
    import csv
    import io

    from tuner.render.listing import lines_of, plain_value

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for entry in lines_of(found, opened):
        writer.writerow([plain_value(column, entry, problems) for column in columns])
    return stream.getvalue().rstrip("\n")


def as_data(entry: Entry, columns: Sequence[Column], problems: Problems) -> dict[str, Any]:
    """What `runs --json` tells of a run; of a group `best` and `test` are means, and its runs are `members`."""
    from tuner.listing import OWN
    from tuner.results import average

    status = entry.runs[0].status if len(entry.runs) == 1 else {}
    whole = not entry.members and entry.runs
    data = {
        "run": str(entry.path),
        "name": OWN["name"](entry),
        "state": entry.state,
        "seed": OWN["seed"](entry),
        "changed": entry.changed,
        "best": (status.get("best") or {}) if whole else average(entry.runs, "best"),
        "test": (status.get("test") or {}) if whole else average(entry.runs, "test"),
        "created": OWN["when"](entry),
        "epoch": status.get("epoch") if whole else None,
        "best_epoch": OWN["best"](entry),
        "seconds": OWN["time"](entry),
        "tags": OWN["tags"](entry) or [],
        "reason": entry.problem or (status.get("reason") if whole else None),
    }
    if columns:
        data["columns"] = {column.name: column.of(entry, problems) for column in columns}
    if entry.members:
        data["seeds"] = sorted(run.about["seed"] for run in entry.runs)
        data["members"] = [as_data(each, columns, problems) for each in entry.members]
    return data


def json_text(data: dict[str, Any]) -> str:
    """One line; what is not finite is null."""
    import json

    from tuner.durable import json_bytes

    return json.dumps(json.loads(json_bytes(data)))


def nothing_text(runs_dir: Path, everything: Sequence[Entry], filters: Sequence[Filter]) -> str:
    """Why there is nothing to list."""
    from tuner.durable import shown
    from tuner.render.text import plural
    from tuner.run import is_run

    if is_run(runs_dir):
        return f"{shown(runs_dir)} is itself a run: tuner show {shown(runs_dir)}"
    if not everything:
        return f"no runs in {shown(runs_dir)} yet: tuner train digits makes one; --runs-dir says where else to look"
    said = f"{'none of' if len(everything) > 1 else 'not'} {plural(len(everything), 'run')} fulfils "
    there = [
        f"; {each.column.name}: {', '.join(each.choices(everything)[:8])}"
        for each in filters
        if each.choices(everything)
    ]
    return said + shown(" ".join(map(str, filters))) + "".join(there)
