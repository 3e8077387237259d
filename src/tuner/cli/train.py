"""`tuner train`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.app import RUNS, ConfigArgument, Json, Overrides, Quiet, RunsDir, Wait, app, say_error, seconds
from tuner.events import Ended, EpochDone, Event, Started

if TYPE_CHECKING:
    from tuner.session import Answered, Session
    from tuner.stopping import StopRequests


@app.command()
def train(
    config: ConfigArgument,
    overrides: Overrides = None,
    run: Annotated[str | None, typer.Option("--run", metavar="NAME", help="Name the run folder yourself.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Train it again, in a new run folder.")] = False,
    wait: Wait = "0",
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a config. The same command again goes on where it was, or tells the result.

    \b
    tuner train digits
    tuner train my.yaml optimizer.lr=3e-4 'model.hidden=[256, 128]'
    tuner train my.yaml --run baseline
    run=$(tuner train my.yaml -q) && tuner show "$run"
    """
    from tuner.config import load
    from tuner.session import Answered, Request, Session, command_line, open_session
    from tuner.shipped import find_config
    from tuner.stopping import StopRequests, die_of

    if run is None and not overrides and not again and Path(config, "run.json").is_file():
        run, runs_dir = Path(config).resolve().name, Path(config).parent  # a run folder: that very run goes on
    source = find_config(config)
    loaded = load(source, overrides or [])
    with StopRequests() as stop:
        opened = open_session(loaded, Request(runs_dir, run, again, seconds(wait), command_line()))
        if stop.signal is not None:
            die_of(stop.signal)
        status = answer(opened, quiet, as_json) if isinstance(opened, Answered) else None
        if isinstance(opened, Session):
            status = follow(begin(opened, stop), quiet, as_json)
    if stop.signal is not None and status is not None and status["state"] == "stopped":
        sys.stdout.flush()
        die_of(stop.signal)
    raise typer.Exit(int(status["exit_code"] or 0) if status is not None else 0)


def begin(session: Session, stop: StopRequests) -> Iterator[Event]:
    """The events of the training. Raises ResourceError where torch cannot even be loaded."""
    from tuner.errors import ResourceError

    try:
        from tuner.train import train as training
    except ImportError as error:
        fix = "`tuner doctor --torch` tells more; too little memory, or a broken installation, is the usual cause"
        raise ResourceError(f"torch cannot be imported: {error}", fix=fix) from None
    return training(session, stop)


def follow(events: Iterator[Event], quiet: bool, as_json: bool) -> dict[str, Any]:
    """Shows a run while it trains; its last status."""
    from tuner.render.progress import TrainDisplay

    ended: Ended | None = None
    rows: list[dict[str, Any]] = []
    with TrainDisplay(quiet=quiet or as_json) as display:
        for event in events:
            display.show(event)
            if isinstance(event, EpochDone):
                rows.append(event.row)
            if isinstance(event, Ended):
                ended = event
            if as_json:
                say_json(event, quiet)
            elif isinstance(event, Started) and (quiet or not sys.stdout.isatty()):
                say(str(event.run))
    assert ended is not None  # noqa: S101 - training ends with Ended or raises
    if not quiet and not as_json:
        draw(ended)
    return ended.status


def say(text: str) -> None:
    """Data for stdout; when its reader has gone, training goes on."""
    try:
        typer.echo(text)
        sys.stdout.flush()
    except OSError:
        from tuner.render.text import silence

        silence(sys.stdout)


def say_json(event: Event, quiet: bool) -> None:
    """One object a line: start, one an epoch, end; with -q only the end."""
    shown: dict[str, Any] | None = None
    if isinstance(event, Started) and not quiet:
        shown = {"event": "start", "run": str(event.run)}
    elif isinstance(event, EpochDone) and not quiet:
        shown = {"event": "epoch", **event.row}
    elif isinstance(event, Ended):
        shown = {"event": "end", "run": str(event.run), **event.status}
    if shown is not None:
        say(dumps(shown))


def dumps(value: dict[str, Any]) -> str:
    """JSON in which what is not a finite number is null."""
    from tuner.durable import json_bytes

    return json.dumps(json.loads(json_bytes(value)))


def answer(answered: Answered, quiet: bool, as_json: bool) -> dict[str, Any]:
    """Reports a run that was made before."""
    from tuner.render.epochs import ended_lines

    run = answered.run
    if as_json:
        say_json(Ended(run.path, run.status), quiet)
    else:
        if quiet or not sys.stdout.isatty():
            say(str(run.path))
        if not quiet:
            lines = [f"{run.path} was trained before; --again trains it again", *ended_lines(run.status)]
            say_error("\n".join(lines))
    return run.status


def draw(ended: Ended) -> None:
    """curves.png, once everything else is done; a failure to draw takes nothing away from the run."""
    from tuner.cli.curves import picture
    from tuner.errors import TunerError

    if ended.status["state"] in ("finished", "diverged") and os.access(ended.run, os.W_OK):
        try:
            picture(ended.run, Path(ended.run, "curves.png"))
        except TunerError as error:
            say_error(f"curves.png was not drawn: {error.message}")
