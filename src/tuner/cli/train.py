"""`tuner train`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from tuner.cli.following import Asked, finish, follow
from tuner.cli.options import EMPTY, RUNS, Json, Overrides, Quiet, RunsDir, Wait, offers, seconds
from tuner.config.load import load
from tuner.durable.names import normal
from tuner.errors import ConfigError, HeldError, ResourceError
from tuner.events import Ended, Event
from tuner.paths import expanded
from tuner.render.training import RunView
from tuner.runs.commands import next_command
from tuner.runs.files import IDENTITY
from tuner.runs.find import instead_of_config
from tuner.runs.folder import glance
from tuner.runs.requirements import parse_requirements
from tuner.session import Answered, Request, Session, command_line, open_session
from tuner.shipped import find_config
from tuner.stopping import StopRequests

CONFIG = "A YAML file, a run folder, a shipped config's name, or - for stdin."
REQUIRE = "Exit with 1 unless this holds at the end; repeatable."
MAX_TIME = "Stop after this long with exit 75; the same command goes on."
SEEDS = "Train a group: seeds 0 to N-1, or a list: 3,5,8; more of them are added."


def train(
    config: Annotated[str, Argument(metavar="CONFIG", help=CONFIG, autocompletion=offers("configs"))],
    overrides: Overrides = EMPTY,
    seeds: Annotated[str | None, Option(metavar="N|LIST", help=SEEDS)] = None,
    run: Annotated[str | None, Option(metavar="NAME", help="Name the run folder yourself.")] = None,
    again: Annotated[bool, Option("--again", help="Train it again, in a new run folder.")] = False,
    require: Annotated[list[str], Option(metavar="'METRIC>=N'", help=REQUIRE)] = EMPTY,
    max_time: Annotated[str | None, Option(metavar="TIME", help=MAX_TIME)] = None,
    wait: Wait = "0",
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a config. The same command again goes on where it was, or tells the result.

    \b
    tuner train digits
    tuner train my.yaml optimizer.lr=3e-4 'model.hidden=[256, 128]'
    tuner train my.yaml --seeds 6               six seeds side by side: a group, to compare with another
    tuner train my.yaml --require 'val_accuracy>=0.97' --max-time 30m
    run=$(tuner train my.yaml -q) && tuner show "$run"
    """
    config = expanded(config)
    is_run = os.path.isfile(Path(config, IDENTITY))  # noqa: PTH113 - Path's own raises for what cannot be read
    if run is not None:
        run = normal(run)
    elif not overrides and not again and is_run:
        run, runs_dir = Path(config).resolve().name, Path(config).parent  # a run folder: that very run goes on
    try:
        source = find_config(config)
    except ConfigError as error:
        raise instead_of_config(config, runs_dir) or error from None
    loaded = load(source, overrides)
    requirements = parse_requirements(require, loaded)
    request = Request(runs_dir, run, again, seconds(wait), command_line())
    with StopRequests(None if max_time is None else seconds(max_time)) as stop:
        asked = Asked(source, overrides, loaded, request, stop, requirements, quiet, as_json)
        if seeds is None:
            raise typer.Exit(train_one(asked))
        from tuner.cli.seeds import train_seeds  # numpy, which help and mistakes do not need

        raise typer.Exit(train_seeds(asked, seeds))


def train_one(asked: Asked) -> int:
    """Trains one run, or reports one made before, with what was asked for that it does not have; the exit code.

    Where the same command made the run since it was looked for, this one looks again, as if it had come a moment later.
    """
    opened, ended = open_session(asked.loaded, asked.request), None
    while isinstance(opened, Session) and ended is None:
        try:
            with asked.talk() as talk:
                ended = follow(asked, begin(opened, asked.stop), RunView(talk).show)
        except HeldError as error:
            if not error.meanwhile:
                raise
            opened = open_session(asked.loaded, asked.request, opened.splits)
    asked.stop.rest()
    if isinstance(opened, Answered):
        ended = Ended(opened.run.path, {**opened.run.status, "next": next_command(opened.run)})
        asked.say_path(ended.run)
        with asked.talk() as talk:
            talk.line(f"{ended.run} was trained before; --again trains it again")
            for each in opened.ignored:
                talk.line(f"note: {each}: nothing is trained, so it stays")
            RunView(talk).show(ended)
    assert isinstance(ended, Ended)  # noqa: S101 - training ends with it or raises
    code = int(ended.status["exit_code"] or 0)
    runs = {asked.loaded.config.seed: glance(ended.run)} if asked.requirements else {}
    draws = isinstance(opened, Session) and ended.status["state"] in ("finished", "diverged")
    return finish(asked, ended.run, runs, code, ended.status, draws=draws)


def begin(session: Session, stop: StopRequests) -> Iterator[Event]:
    """The events of the training. Raises ResourceError where torch cannot even be loaded."""
    try:
        from tuner.train import train as training
    except ImportError as error:
        fix = "`tuner doctor --torch` tells more; too little memory, or a broken installation, is the usual cause"
        raise ResourceError(f"torch cannot be imported: {error}", fix=fix) from None
    return training(session, stop)
