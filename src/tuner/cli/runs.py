"""`tuner runs`: the runs of a folder side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.runs import ask
from tuner.asks.runs.listing import Query
from tuner.cli.options import RUNS, RunsDir
from tuner.cli.reading import reading

FILTER = "'val_accuracy>0.97', optimizer.name=adam, lr=0.01, state=finished, tag=T, name=N, seed=3; all must hold."


@reading
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
) -> Answer:
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
    return ask(runs_dir, Query(filters or [], by, most, cols, only_changed, opened))
