"""`tuner show`: what a run folder tells."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.show import PARTS, ask
from tuner.cli.options import RUNS, RunArgument, RunsDir
from tuner.cli.reading import reading


@reading
def show(
    run: RunArgument,
    part: Annotated[str, typer.Argument(metavar="PART", help=f"One of {', '.join(PARTS)}.")] = "summary",
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
    return ask(run, part, runs_dir)
