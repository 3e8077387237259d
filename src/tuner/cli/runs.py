"""`tuner runs`: the runs of a folder side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tuner.cli.options import RUNS, Json, RunsDir
from tuner.cli.output import json_text, one_form, say
from tuner.cli.reading import say_error

if TYPE_CHECKING:
    from tuner.listing import Listing

FILTER = "'val_accuracy>0.97', optimizer.name=adam, lr=0.01, state=finished, tag=T, name=N, seed=3; all must hold."


def runs(
    filters: Annotated[list[str] | None, typer.Argument(metavar="FILTER...", help=FILTER)] = None,
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
    opened: Annotated[
        bool, typer.Option("--members", help="List the runs of groups, too; filters then ask each run.")
    ] = False,
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
    from tuner.listing import Query, list_runs

    form = one_form({"-q": quiet, "--json": as_json, "--csv": as_csv, "--md": as_markdown})
    listing = list_runs(runs_dir, Query(filters or [], by, most, cols, only_changed, opened))
    if form == "-q":
        say("".join(f"{path}\n" for path in listing.paths()))
        return
    if form == "--json":
        say(json_text(listing.as_json()))
        for note in listing.problems:
            say_error(note)
        return
    if not listing.found:
        say_error(nothing_text(runs_dir, listing))
        return
    if form == "--csv":
        from tuner.render.listing import runs_csv

        say(runs_csv(listing))
    else:
        show(listing, markdown=form == "--md")
    for note in listing.notes():
        say_error(note)


def show(listing: Listing, markdown: bool) -> None:
    """The table: fitted and painted on a terminal, whole elsewhere."""
    from datetime import UTC, datetime

    from tuner.render.listing import Terminal, runs_table
    from tuner.render.text import is_colored, is_terminal, terminal_width

    terminal = None
    if is_terminal(sys.stdout) and not markdown:
        terminal = Terminal(terminal_width(sys.stdout), datetime.now(UTC), is_colored(sys.stdout))
    text, left_out = runs_table(listing, terminal, markdown=markdown)
    say(f"{text}\n")
    if left_out:
        say_error(f"no room for {', '.join(left_out)}; --cols chooses columns")


def nothing_text(runs_dir: Path, listing: Listing) -> str:
    """Why there is nothing to list."""
    from tuner.durable import shown
    from tuner.figures import plural
    from tuner.runs.folder import is_run

    count = len(listing.everything)
    if is_run(runs_dir):
        return f"{shown(runs_dir)} is itself a run: tuner show {shown(runs_dir)}"
    if not count:
        return f"no runs in {shown(runs_dir)} yet: tuner train digits makes one; --runs-dir says where else to look"
    if not listing.filters:
        return f"none of {plural(count, 'run')} asked for"
    asked = shown(" ".join(map(str, listing.filters)))
    there = {each.column.name: each.choices(listing.everything)[:8] for each in listing.filters}
    known = "".join(f"; {name}: {', '.join(map(shown, texts))}" for name, texts in there.items() if texts)
    return f"none of {plural(count, 'run')} fulfils {asked}{known}"
