"""`tuner compare`: whether groups of runs are better or worse than another one."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from tuner.answer import Answer
from tuner.asks.compare import ask
from tuner.cli.options import RUNS, RunsArgument, RunsDir
from tuner.cli.reading import reading

METRICS = "val_accuracy, test_loss, val_loss@last, val_loss@7, epochs(val_accuracy>=0.9), parameters, seconds_per_epoch"
BASELINE = "What the others are compared with; default: the first."
LEAST_EFFECT = "Equivalent: no difference found, and the 95 % interval lies within plus and minus D."
DIRECTION = "Which way is better, where that is not known."
FAIL_ON = "Exit with 1 on better, worse, equivalent or undecided."


@reading
def compare(
    groups: RunsArgument,
    metric: Annotated[str | None, Option(metavar="M", help=f"{METRICS}; default: training.monitor.")] = None,
    baseline: Annotated[str | None, Option(metavar="A", help=BASELINE)] = None,
    least_effect: Annotated[float | None, Option(metavar="D", help=LEAST_EFFECT)] = None,
    direction: Annotated[str | None, Option(metavar="up|down", help=DIRECTION)] = None,
    fail_on: Annotated[list[str] | None, Option(metavar="VERDICT", help=FAIL_ON)] = None,
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
