"""`tuner explain`: what words mean."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.explain import ask
from tuner.cli import commands
from tuner.cli.options import offers
from tuner.cli.reading import reading


@reading
def explain(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="What to explain.", autocompletion=offers("names"))
    ],
) -> Answer:
    """Explain what a name means.

    \b
    tuner explain dropout                       everything that is called so
    tuner explain initializer.normal            the one of a kind
    tuner explain optimizer.lr                  a setting: what it does, what it takes
    tuner explain early stopping                a technique: when, how, what to look at
    tuner explain val_accuracy                  a column of metrics.csv
    tuner explain undecided                     a word that a command printed
    tuner explain 3                             an exit code
    tuner explain -q relu                       in one line
    """
    return ask(names, {name: entry.help for name, entry in commands.COMMANDS.items()})
