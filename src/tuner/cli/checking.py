"""`tuner check` and `tuner doctor`: what can be known without training, of configs, runs and the machine."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument, Option

from tuner.answer import Answer
from tuner.asks import check as check_ask
from tuner.asks import doctor as doctor_ask
from tuner.cli.options import RUNS, Overrides, RunsDir
from tuner.cli.reading import reading
from tuner.render.text import described

RESOLVED = "Print every setting as YAML, the layers and the cost."


@reading
def check(
    config: Annotated[str, Argument(metavar="CONFIG|RUN", help="A config as for `train`, or a run to verify.")],
    overrides: Overrides = None,
    resolved: Annotated[bool, Option("--resolved", help=RESOLVED)] = False,
    origin: Annotated[bool, Option("--origin", help="Print where each setting was set.")] = False,
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
    return check_ask.ask(config, overrides or [], resolved, origin, runs_dir)


@reading
def doctor(
    with_torch: Annotated[bool, Option("--torch", help="Import torch, too, and compare what it says.")] = False,
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """Check the installation and the machine. Exits with 5 when something is missing.

    \b
    tuner doctor
    tuner doctor --torch                        also import torch and check that it agrees
    """
    return doctor_ask.ask(with_torch, runs_dir, described(sys.stdout))
