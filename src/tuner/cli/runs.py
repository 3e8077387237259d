"""`tuner runs`, `tuner show` and `tuner early-stop`: runs side by side, one of them, and when they might have ended."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from tuner.answer import Answer
from tuner.asks import early_stop as early_stop_ask
from tuner.asks import runs as runs_ask
from tuner.asks import show as show_ask
from tuner.asks.runs import Query
from tuner.cli.options import RUNS, RunArgument, RunsArgument, RunsDir
from tuner.cli.reading import reading

FILTER = "'val_accuracy>0.97', optimizer.name=adam, lr=0.01, state=finished, tag=T, name=N, seed=3; all must hold."
SORT = "Sort by a metric, setting or column; -COLUMN: downwards."
COLS = "Show these instead; +COLUMN,...: besides the usual ones."
CHANGED = "A column for each setting that differs between the runs listed."
PATIENCE = "Epochs without improvement before the stop."
MONITOR = "Metrics to watch; default: each run's monitor."
MEMBERS = "List the runs of groups, too; filters then ask each run."


@reading
def runs(
    filters: Annotated[list[str] | None, Argument(metavar="FILTER...", help=FILTER)] = None,
    by: Annotated[str | None, Option("--sort", metavar="COLUMN", help=SORT)] = None,
    most: Annotated[int | None, Option("-n", "--limit", metavar="N", min=0, help="At most so many.")] = None,
    cols: Annotated[str | None, Option(metavar="COLUMN,...", help=COLS)] = None,
    only_changed: Annotated[bool, Option("--only-changed", help=CHANGED)] = False,
    opened: Annotated[bool, Option("--members", help=MEMBERS)] = False,
    runs_dir: RunsDir = RUNS,
    form: str = "",
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
    return runs_ask.ask(runs_dir, Query(filters or [], by, most, cols, only_changed, opened), form)


@reading
def show(
    run: RunArgument,
    part: Annotated[str, Argument(metavar="PART", help=f"One of {', '.join(show_ask.PARTS)}.")] = "summary",
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """Show a run or group: its result, or one part of its folder.

    \b
    tuner show digits-1
    tuner show digits-2                         a group: its members and their mean
    tuner show digits-2/seed-3
    tuner show @1 metrics
    tuner show digits-1 config
    """
    return show_ask.ask(run, part, runs_dir)


@reading
def early_stop(
    runs: RunsArgument,
    patience: Annotated[str, Option(metavar="N,N...", help=PATIENCE)] = "2,3,5,10,20",
    min_delta: Annotated[str, Option(metavar="D,D...", help="An improvement has to be larger than this.")] = "0",
    monitor: Annotated[str | None, Option(metavar="M,M...", help=MONITOR)] = None,
    members: Annotated[bool, Option("--members", help="The members of a group one by one.")] = False,
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """Tell where early stopping would have ended a run.

    \b
    tuner early-stop digits-1 --patience 3,5,10
    tuner early-stop digits-1 --patience 5 --min-delta 0,0.001
    tuner early-stop digits-1 --monitor val_loss,val_accuracy
    tuner early-stop adam sgd                   groups: the mean over their seeds
    tuner early-stop digits-1 -q                for scripts: patience min_delta stop best monitor run

    Up to its stop a run with early stopping is the same as one without: what is told here is what training would do.
    In the mean of a group a run that would not have been stopped counts with its last epoch; one that ended before that
    could be told does not count.
    """
    return early_stop_ask.ask(runs, runs_dir, patience=patience, min_delta=min_delta, monitor=monitor, members=members)
