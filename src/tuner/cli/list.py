"""`tuner list`: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.answer import Answer
from tuner.asks.list import ask
from tuner.cli.options import offers
from tuner.cli.reading import reading


@reading
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help="A kind of choice, configs or recipes.", autocompletion=offers("lists")),
    ] = None,
) -> Answer:
    """List what there is to choose from.

    \b
    tuner list                                  the kinds and the names in them
    tuner list optimizers                       what each is, with its settings and their defaults
    tuner list configs                          the configs that come with tuner
    tuner list recipes                          the recipes, each with what it shows
    tuner list activations -q                   the names alone, one a line
    """
    return ask(kind)
