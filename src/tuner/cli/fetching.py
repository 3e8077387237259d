"""`tuner copy`, `tuner download` and `tuner schema`: ready configs, recipes, data sets and the schema brought here."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from tuner.choice import nearest_of
from tuner.cli.shared import Json, Quiet
from tuner.durable.reading import json_line
from tuner.durable.writing import make_folder, write_file
from tuner.errors import UsageError
from tuner.paths import path_of
from tuner.render.talk import Talk
from tuner.shipped import CLAIM, check_target, configs, own_text, recipes

if TYPE_CHECKING:
    from tuner.data.download import Progress

TO = "A file or a folder; default: ./NAME.yaml."
OUTPUT = "Write it to a file."
ROOT = "Data folder; default: $TUNER_DATA, ./data or a cache."


def copy(
    name: Annotated[str, Argument(metavar="NAME", help="A config or recipe that comes with tuner.")],
    to: Annotated[Path | None, Argument(parser=path_of, metavar="DEST", help=TO)] = None,
    force: Annotated[bool, Option("--force", help="Replace a file that is there.")] = False,
    quiet: Quiet = False,  # noqa: ARG001 - with it and without, the result is all that is printed
    as_json: Json = False,
) -> None:
    """\b
    tuner copy digits                           ./digits.yaml
    tuner copy digits my.yaml
    tuner copy dropout                          ./dropout/, a recipe's folder
    tuner train "$(tuner copy digits experiments/)"
    """
    known, folders = configs(), recipes()
    source = known.get(name.removesuffix(".yaml").removesuffix(".yml"))
    if source is not None:
        target = copy_config(source, to, force)
    elif name in folders:  # its configs and its claim.yaml, without what was found
        into = to is not None and to.is_dir() and not (to / CLAIM).exists()
        target = to / name if to is not None and into else to or Path(name)
        check_free(target, force)
        make_folder(target)
        for file in sorted(folders[name].glob("*.yaml")):
            copy_config(file, target / file.name, force)
    else:
        fix = nearest_of(name, [*known, *folders])
        raise UsageError(f"no config or recipe called {name} comes with tuner", fix=fix)
    say(target, as_json)


def say(path: Path, as_json: bool) -> None:
    """Where something is now: all that these commands print, with ``-q`` and without."""
    typer.echo(json_line({"path": str(path)}) if as_json else str(path))


def copy_config(source: Path, to: Path | None, force: bool) -> Path:
    """Where it was copied to. Raises UsageError."""
    target = to if to is not None else Path(source.name)
    if to is not None and (target.is_dir() or not target.suffix):
        target = target / source.name
        make_folder(target.parent)
    check_free(target, force)
    write_file(target, own_text(source).encode())
    return target


def check_free(target: Path, force: bool) -> None:
    if not force or not target.parent.is_dir():
        check_target(target, "--force replaces it")


def download(
    name: Annotated[str, Argument(metavar="NAME", help="A data set, e.g. mnist.")],
    root: Annotated[Path | None, Option(parser=path_of, metavar="DIR", help=ROOT)] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """\b
    tuner download mnist
    tuner download cifar10 --root /big/data
    """
    from tuner.data.download import fetch  # numpy, which copying does not need

    steps, told = fetch(name, root), ""
    with Talk(None if quiet or as_json else sys.stderr) as talk:
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                folder: Path = stop.value
                break
            if step.file != told:
                told = step.file
                talk.line(f"downloading {told}")
            talk.bar(partial(where, step))
        talk.line(f"all of {name} is there, and it is what it should be" + ("" if told else ": nothing to download"))
    say(folder, as_json)


def where(step: Progress) -> tuple[float | None, str]:
    """How much of a file is here: the share, where the server says how much there is, and megabytes."""
    done = f"{step.done / 1e6:,.1f} MB"
    return (step.done / step.total, f"{done} of {step.total / 1e6:,.1f} MB") if step.total else (None, done)


def schema(
    output: Annotated[Path | None, Option("-o", "--output", parser=path_of, metavar="FILE", help=OUTPUT)] = None,
    quiet: Quiet = False,  # noqa: ARG001 - with it and without, the result is all that is printed
    as_json: Json = False,
) -> None:
    """\b
    tuner schema -o tuner.schema.json
    # then, as the first line of a config:
    # yaml-language-server: $schema=tuner.schema.json
    """
    from tuner.config.schema import json_schema  # the whole language, which copying does not need

    text = json.dumps(json_schema(), indent=2)
    if output is None:
        typer.echo(text)
    else:
        write_file(output, f"{text}\n".encode())
        say(output, as_json)
