"""`tuner early-stop`: where early stopping would have ended runs, from what they measured."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.early_stop import ask
from tuner.cli.options import RUNS, RunsArgument, RunsDir
from tuner.cli.reading import reading


@reading
def early_stop(
    runs: RunsArgument,
    patience: Annotated[
        str, typer.Option("--patience", metavar="N,N...", help="Epochs without improvement before the stop.")
    ] = "2,3,5,10,20",
    min_delta: Annotated[
        str, typer.Option("--min-delta", metavar="D,D...", help="An improvement has to be larger than this.")
    ] = "0",
    monitor: Annotated[
        str | None, typer.Option("--monitor", metavar="M,M...", help="Metrics to watch; default: each run's monitor.")
    ] = None,
    members: Annotated[bool, typer.Option("--members", help="The members of a group one by one.")] = False,
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
    return ask(runs, runs_dir, patience=patience, min_delta=min_delta, monitor=monitor, members=members)
