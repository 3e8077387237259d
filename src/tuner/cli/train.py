"""`tuner train`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.options import RUNS, ConfigArgument, Json, MaxTime, Overrides, Quiet, Require, RunsDir, Wait, seconds
from tuner.cli.reading import say_error
from tuner.events import Ended, EpochDone, Event, Started
from tuner.paths import expanded

if TYPE_CHECKING:
    from tuner.config import Loaded
    from tuner.runs.folder import Run
    from tuner.runs.requirements import Requirement
    from tuner.session import Answered, Request, Session
    from tuner.stopping import StopRequests


def train(
    config: ConfigArgument,
    overrides: Overrides = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds", metavar="N|LIST", help="Train a group: seeds 0 to N-1, or a list: 3,5,8; more of them are added."
        ),
    ] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="NAME", help="Name the run folder yourself.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Train it again, in a new run folder.")] = False,
    require: Require = None,
    max_time: MaxTime = None,
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
    from tuner.cli.seeds import train_seeds
    from tuner.config import load
    from tuner.durable import normal
    from tuner.errors import ConfigError
    from tuner.runs.find import instead_of_config
    from tuner.runs.requirements import parse_requirements
    from tuner.session import Request, command_line
    from tuner.shipped import find_config
    from tuner.stopping import StopRequests

    config = expanded(config)
    is_run = os.path.isfile(Path(config, "run.json"))  # noqa: PTH113 - Path's own raises for what cannot be read
    if run is not None:
        run = normal(run)
    elif not overrides and not again and is_run:
        run, runs_dir = Path(config).resolve().name, Path(config).parent  # a run folder: that very run goes on
    try:
        source = find_config(config)
    except ConfigError as error:
        raise instead_of_config(config, runs_dir) or error from None
    loaded = load(source, overrides or [])
    requirements = parse_requirements(require or [], loaded)
    request = Request(runs_dir, run, again, seconds(wait), command_line())
    with StopRequests(None if max_time is None else seconds(max_time)) as stop:
        asked = Asked(source, overrides or [], loaded, request, stop, requirements, quiet, as_json)
        code = train_one(asked) if seeds is None else train_seeds(asked, seeds)
    raise typer.Exit(code)


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line, the config read and checked."""

    source: str
    overrides: list[str]
    loaded: Loaded
    request: Request
    stop: StopRequests
    requirements: list[Requirement]
    quiet: bool
    as_json: bool


def train_one(asked: Asked) -> int:
    """Trains one run, or reports it; the exit code."""
    from tuner.runs.folder import glance
    from tuner.session import Session

    opened, ended = train_or_find(asked)
    asked.stop.rest()
    if not isinstance(opened, Session) and not asked.as_json:
        answer(ended, opened.ignored, asked.quiet)
    code, judged = int(ended.status["exit_code"] or 0), []
    if code == 0 and asked.requirements:
        judged = judge(asked.requirements, {asked.loaded.config.seed: glance(ended.run)})
        code = 0 if all(each["holds"] for each in judged) else 1
    if asked.as_json:
        more = {"require": judged} if asked.requirements else {}
        say(dumps({"event": "end", "run": str(ended.run), **ended.status, **more, "exit_code": code}))
    else:
        if isinstance(opened, Session) and not asked.quiet and ended.status["state"] in ("finished", "diverged"):
            draw(ended.run)
        say_missed(judged)
    return code


def train_or_find(asked: Asked) -> tuple[Session | Answered, Ended]:
    """What was found on disk, and the end of the run. Where the same command made the run since it was looked for,
    this one looks again, as if it had come a moment later."""
    from tuner.errors import HeldError
    from tuner.runs.commands import next_command
    from tuner.session import Session, open_session

    opened = open_session(asked.loaded, asked.request)
    while isinstance(opened, Session):
        try:
            return opened, follow(begin(opened, asked.stop), asked.quiet, asked.as_json)
        except HeldError as error:
            if not error.meanwhile:
                raise
        opened = open_session(asked.loaded, asked.request, opened.splits)
    return opened, Ended(opened.run.path, {**opened.run.status, "next": next_command(opened.run)})


def judge(requirements: Sequence[Requirement], runs: dict[int, Run]) -> list[dict[str, Any]]:
    """What the runs' mean is for each requirement, and whether that is enough."""
    return [requirement.judge(runs) for requirement in requirements]


def say_missed(judged: Sequence[dict[str, Any]]) -> None:
    """The requirements that do not hold, one a line."""
    from tuner.figures import number

    for each in judged:
        if not each["holds"]:
            found = "there is no such value" if each["value"] is None else f"it is {number(each['value'])}"
            say_error(f"required {each['condition']}: {found}")


def begin(session: Session, stop: StopRequests) -> Iterator[Event]:
    """The events of the training. Raises ResourceError where torch cannot even be loaded."""
    from tuner.errors import ResourceError

    try:
        from tuner.train import train as training
    except ImportError as error:
        fix = "`tuner doctor --torch` tells more; too little memory, or a broken installation, is the usual cause"
        raise ResourceError(f"torch cannot be imported: {error}", fix=fix) from None
    return training(session, stop)


def follow(events: Iterator[Event], quiet: bool, as_json: bool) -> Ended:
    """Shows a run while it trains; its end."""
    from tuner.render.progress import TrainDisplay

    ended: Ended | None = None
    with TrainDisplay(quiet=quiet or as_json) as display:
        for event in events:
            display.show(event)
            if isinstance(event, Ended):
                ended = event
            elif as_json and not quiet:
                say_json(event)
            elif isinstance(event, Started) and not as_json and (quiet or not sys.stdout.isatty()):
                say(str(event.run))
    assert ended is not None  # noqa: S101 - training ends with Ended or raises
    return ended


def say(text: str) -> None:
    """Data for stdout; when its reader has gone, training goes on."""
    try:
        typer.echo(text)
        sys.stdout.flush()
    except OSError:
        from tuner.render.text import silence

        silence(sys.stdout)


def say_json(event: Event, **more: Any) -> None:
    """One object a line: the start and every epoch."""
    if isinstance(event, Started):
        say(dumps({"event": "start", "run": str(event.run), **more}))
    elif isinstance(event, EpochDone):
        say(dumps({"event": "epoch", **more, **event.row}))


def dumps(value: dict[str, Any]) -> str:
    """JSON in which what is not a finite number is null."""
    from tuner.durable import json_bytes

    return json.dumps(json.loads(json_bytes(value)))


def answer(ended: Ended, ignored: Sequence[str], quiet: bool) -> None:
    """Reports a run that was made before, and what was asked for that it does not have."""
    from tuner.render.epochs import ended_lines

    if quiet or not sys.stdout.isatty():
        say(str(ended.run))
    if not quiet:
        notes = [f"note: {each}: nothing is trained, so it stays" for each in ignored]
        lines = [f"{ended.run} was trained before; --again trains it again", *notes, *ended_lines(ended.status)]
        say_error("\n".join(lines))


def draw(path: Path) -> None:
    """curves.png, once everything else is done; a failure to draw takes nothing away from the run."""
    from tuner.cli.curves import picture
    from tuner.errors import TunerError

    if os.access(path, os.W_OK):
        try:
            picture(path, path / "curves.png")
        except TunerError as error:
            say_error(f"curves.png was not drawn: {error.message}")
