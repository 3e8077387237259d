"""The application that the commands register with, and the options that several of them share."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from tuner.cli import completion
from tuner.paths import path_of

app = typer.Typer(
    name="tuner",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", parser=path_of, envvar="TUNER_RUNS", metavar="DIR", help="Folder of the runs.", show_default=True
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Leave only the result on stdout.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Settings that win over the file's.", autocompletion=completion.settings),
]
ConfigArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML file, a run folder, a shipped config's name, or - for stdin.",
        autocompletion=completion.configs,
    ),
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: its folder, name, unique prefix, a config's name, or @1 (newest).",
        autocompletion=completion.runs,
    ),
]
RunsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        help="Runs or groups: a folder, name, unique prefix, a config's name, or @1 (newest).",
        autocompletion=completion.runs,
    ),
]

Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="Wait this long for another process to release the run: 30m, 90s.")
]

MaxTime = Annotated[
    str | None,
    typer.Option("--max-time", metavar="TIME", help="Stop after this long with exit 75; the same command goes on."),
]
Require = Annotated[
    list[str] | None,
    typer.Option("--require", metavar="'METRIC>=N'", help="Exit with 1 unless this holds at the end; repeatable."),
]

RUNS = Path("runs")


def seconds(text: str) -> float:
    """A length of time in seconds: ``90``, ``90s``, ``30m``, ``1h30m``, ``2d``. Raises UsageError."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?|([0-9]+(\.[0-9]+)?[smhd])+", text) is None:
        from tuner.errors import UsageError

        raise UsageError(f"{text} is no length of time", fix="90s, 30m, 2h and 1h30m are some")
    return sum(float(amount) * units[unit] for amount, unit in re.findall(r"([0-9.]+)([smhd]?)", text))


def say_error(text: str, color: bool | None = None) -> None:
    """Talk for stderr; where nobody can read it, that is no reason to fail."""
    try:
        typer.echo(text, err=True, color=color)
    except OSError:
        from tuner.render.text import silence

        silence(sys.stderr)


def version(asked: bool) -> None:
    """Prints the version and ends."""
    if asked:
        from tuner.machine import versions

        typer.echo(f"tuner {versions()['tuner']}")
        raise typer.Exit


@app.callback()
def tuner(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Training recipes for neural networks: one YAML file is one run.

    \b
    tuner train digits                          train a config that comes with tuner
    tuner train my.yaml optimizer.lr=3e-4       train your own, one setting changed
    tuner check my.yaml --resolved              see every setting, layer and cost first
    tuner curves my-1                           look at how it went
    tuner runs --sort -val_accuracy             what was trained, best first
    tuner diff my-1 my-2                        what differs, and where it was set
    tuner compare my-3 my-4                     did it matter? groups of seeds (train --seeds 6)
    tuner explain dropout                       what a choice, key or word means
    """
