"""`tuner schema`: the config language for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tuner.cli.options import Json, Quiet
from tuner.config.schema import json_schema
from tuner.durable.writing import write_file
from tuner.paths import path_of


def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", parser=path_of, metavar="FILE", help="Write it to a file.")
    ] = None,
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
    if output is None:
        typer.echo(text)
        return
    write_file(output, f"{text}\n".encode())
    typer.echo(json.dumps({"path": str(output)}) if as_json else str(output))
