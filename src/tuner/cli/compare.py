"""`tuner compare`: whether groups of runs are better or worse than another one."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.compare import ask
from tuner.cli.options import RUNS, RunsArgument, RunsDir
from tuner.cli.reading import reading

METRICS = "val_accuracy, test_loss, val_loss@last, val_loss@7, epochs(val_accuracy>=0.9), parameters, seconds_per_epoch"


@reading
def compare(
    groups: RunsArgument,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="M", help=f"{METRICS}; default: training.monitor.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="A", help="What the others are compared with; default: the first."),
    ] = None,
    least_effect: Annotated[
        float | None,
        typer.Option(
            "--least-effect", metavar="D", help="Equivalent if the 95 % interval lies within plus and minus D."
        ),
    ] = None,
    direction: Annotated[
        str | None, typer.Option("--direction", metavar="up|down", help="Which way is better, where that is not known.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option("--fail-on", metavar="VERDICT", help="Exit with 1 on better, worse, equivalent or undecided."),
    ] = None,
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """Compare groups of runs, paired by seed.

    Each verdict is better, worse, equivalent or undecided.

    \b
    tuner compare base dropout                  two groups (train each with --seeds 6 or more)
    tuner compare base a b --metric test_accuracy
    tuner compare base a --least-effect 0.005   close enough counts as equivalent
    tuner compare base a --fail-on worse -q     a gate for scripts: exit 1 if worse
    tuner compare base a --metric 'epochs(val_accuracy>=0.9)' --md

    Better and worse follow an exact sign-flip test of the differences, corrected for the number of comparisons: p is at
    most 0.05. That takes 6 pairs, more with several groups. Settle on the number of seeds before you look: seeds added
    until p is small enough find differences that are not there.
    """
    return ask(
        groups,
        runs_dir,
        metric=metric,
        baseline=baseline,
        least_effect=least_effect,
        direction=direction,
        fail_on=fail_on or [],
    )
