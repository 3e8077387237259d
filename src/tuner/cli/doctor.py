"""`tuner doctor`: what this machine and this installation have, and what is missing."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.doctor import ask
from tuner.cli.options import RUNS, RunsDir
from tuner.cli.reading import reading
from tuner.render.text import described


@reading
def doctor(
    with_torch: Annotated[bool, typer.Option("--torch", help="Import torch, too, and compare what it says.")] = False,
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """Check the installation and the machine. Exits with 5 when something is missing.

    \b
    tuner doctor
    tuner doctor --torch                        also import torch and check that it agrees
    """
    return ask(with_torch, runs_dir, described(sys.stdout))
