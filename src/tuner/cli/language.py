"""`tuner list`, `tuner explain` and `tuner schema`: what configs may say and what words mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option, echo

from tuner.answer import Answer
from tuner.asks import explain as explain_ask
from tuner.asks import list as list_ask
from tuner.cli import commands
from tuner.cli.options import Json, Quiet, offers
from tuner.cli.reading import reading
from tuner.config.schema import json_schema
from tuner.durable.writing import write_file
from tuner.paths import path_of

OUTPUT = "Write it to a file."
KIND = "A kind of choice, configs or recipes."


@reading
def list_(
    kind: Annotated[str | None, Argument(metavar="KIND", help=KIND, autocompletion=offers("lists"))] = None,
) -> Answer:
    """List what there is to choose from.

    \b
    tuner list                                  the kinds and the names in them
    tuner list optimizers                       what each is, with its settings and their defaults
    tuner list configs                          the configs that come with tuner
    tuner list recipes                          the recipes, each with what it shows
    tuner list activations -q                   the names alone, one a line
    """
    return list_ask.ask(kind)


@reading
def explain(
    names: Annotated[list[str], Argument(metavar="NAME...", help="What to explain.", autocompletion=offers("names"))],
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
    return explain_ask.ask(names, {name: entry.help for name, entry in commands.COMMANDS.items()})


def schema(
    output: Annotated[Path | None, Option("-o", "--output", parser=path_of, metavar="FILE", help=OUTPUT)] = None,
    quiet: Quiet = False,  # noqa: ARG001 - with it and without, the result is all that is printed
    as_json: Json = False,
) -> None:
    """Print the JSON Schema of configs, for editors.

    \b
    tuner schema -o tuner.schema.json
    # then, as the first line of a config:
    # yaml-language-server: $schema=tuner.schema.json
    """
    text = json.dumps(json_schema(), indent=2)
    if output is not None:
        write_file(output, f"{text}\n".encode())
        text = json.dumps({"path": str(output)}) if as_json else str(output)
    echo(text)
