"""`tuner check`: everything that can be known of a config or a run without training."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.check import ask
from tuner.cli.options import RUNS, Overrides, RunsDir
from tuner.cli.reading import reading


@reading
def check(
    config: Annotated[str, typer.Argument(metavar="CONFIG|RUN", help="A config as for `train`, or a run to verify.")],
    overrides: Overrides = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print every setting as YAML, the layers and the cost.")
    ] = False,
    origin: Annotated[bool, typer.Option("--origin", help="Print where each setting was set.")] = False,
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """Check a config, or the files of a run, without training.

    \b
    tuner check my.yaml                         all faults at once, or one line
    tuner check my.yaml --resolved              every setting, the layers, the cost of an epoch
    tuner check my.yaml --resolved > full.yaml  that is a config again
    tuner check my.yaml optimizer=sgd --origin  where each setting was set
    tuner check digits-1                        the checksums of a run's or a group's files
    tuner check digits-1 --resolved             the config of a run
    """
    return ask(config, overrides or [], resolved, origin, runs_dir)
