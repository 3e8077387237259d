"""`tuner show`: what a run folder tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.options import RUNS, Json, Quiet, RunArgument, RunsDir

if TYPE_CHECKING:
    from tuner.errors import NotFoundError
    from tuner.runs.family import Group
    from tuner.runs.folder import Run

PARTS = ("summary", "config", "metrics", "timing", "log", "origins", "identity", "files")


def show(
    run: RunArgument,
    part: Annotated[str, typer.Argument(metavar="PART", help=f"One of {', '.join(PARTS)}.")] = "summary",
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show a run or group: its result, or one part of its folder.

    \b
    tuner show digits-1
    tuner show digits-2                         a group: its members and their mean
    tuner show digits-2/seed-3
    tuner show @1 metrics
    tuner show digits-1 config
    """
    from tuner.durable import files_below
    from tuner.errors import UsageError
    from tuner.runs.find import resolve
    from tuner.runs.folder import is_run, read

    if part not in PARTS:
        from tuner.config.words import nearest

        near = nearest(part, PARTS)
        raise UsageError(
            f"a run has no part {part}", fix=f"did you mean {near}?" if near else f"one of {', '.join(PARTS)}"
        )
    path = resolve(run, runs_dir)
    if not is_run(path):
        show_group(path, part, quiet, as_json)
        return
    found = read(path)
    say_apart(found)
    if as_json:
        data = as_data(found)
        typer.echo(json.dumps(data.get(part, data)))
    elif quiet and part == "summary":
        typer.echo(str(found.path))
    elif part in ("config", "metrics", "timing", "log"):
        suffix = {"config": "yaml", "log": "txt"}.get(part, "csv")
        typer.echo(text_of(found, f"{part}.{suffix}"), nl=False)
    elif part == "files":
        typer.echo("\n".join(str(path) for path in files_below(found.path)))
    elif part == "summary":
        typer.echo(summary(found))
    else:
        typer.echo(pairs(found.identity.as_json() if part == "identity" else origins(found)))


def show_group(path: Path, part: str, quiet: bool, as_json: bool) -> None:
    """The members of a group and their mean, or what they have in common. Raises UsageError for a part of one run."""
    from tuner.cli.reading import say_error
    from tuner.errors import UsageError
    from tuner.runs.family import read_group

    group = read_group(path)
    shared = {"config": group.first.config, "identity": group.first.identity.as_json()}
    if part not in ("summary", *shared):
        raise UsageError(
            f"{path} is a group, and {part} is a part of one run", fix=f"tuner show {group.first.path} {part}"
        )
    for damage in group.damaged:
        say_error(damage)
    for member in group.runs.values():
        say_apart(member)
    if as_json:
        typer.echo(json.dumps(group_data(group) if part == "summary" else shared[part]))
    elif part == "config":
        typer.echo(text_of(group.first, "config.yaml"), nl=False)
    elif part == "identity":
        typer.echo(pairs(shared[part]))
    else:
        typer.echo(str(path) if quiet else group_summary(group))


def group_data(group: Group) -> dict[str, Any]:
    """What `show --json` tells of a group."""
    from tuner.durable import json_bytes
    from tuner.runs.family import average

    finished = [run for run in group.runs.values() if run.state == "finished"]
    values = {
        "run": str(group.path),
        "name": group.first.name,
        "state": group.state,
        "members": [
            {"seed": seed, "run": str(run.path), **run.status, "state": run.state} for seed, run in group.runs.items()
        ],
        "mean": {table: average(finished, table) for table in ("best", "test")},
        "config": group.first.config,
        "identity": group.first.identity.as_json(),
        "damaged": list(group.damaged),
    }
    plain: dict[str, Any] = json.loads(json_bytes(values))
    return plain


def group_summary(group: Group) -> str:
    """A group in a few lines: its members, each with its result, and their mean."""
    from tuner.figures import plural
    from tuner.render.group import members_table

    run = group.first
    try:
        monitor = run.config["training"]["monitor"]
        model = f"{_name(run.config['model'])} on {_name(run.config['data'])}"
    except (KeyError, TypeError):
        raise settings_missing(run) from None
    head = {
        "run": f"{group.path}, {plural(len(group.runs), 'seed')}",
        "state": group.state,
        "model": model,
        "device": f"{run.identity.device} ({run.identity.device_model}), {plural(run.identity.threads, 'thread')} each",
    }
    courses = {seed: [row.get(monitor) for row in run.rows] for seed, run in group.runs.items()}
    statuses = {seed: {**run.status, "state": run.state} for seed, run in group.runs.items()}
    return f"{pairs(head)}\n\n{members_table(statuses, monitor, courses)}"


def as_data(run: Any) -> dict[str, Any]:
    """What `show --json` tells."""
    from tuner.durable import json_bytes
    from tuner.runs.commands import next_command

    values = {
        "run": str(run.path),
        "name": run.name,
        "created": run.created,
        **run.status,
        "state": run.state,
        "next": next_command(run),
        "config": run.config,
        "identity": run.identity.as_json(),
        "metrics": run.rows,
        "origins": origins(run),
    }
    plain: dict[str, Any] = json.loads(json_bytes(values))
    return plain


def summary(run: Any) -> str:
    """The result of a run in a few lines."""
    from tuner.durable import shown
    from tuner.figures import number, plural, spark
    from tuner.runs.commands import next_command

    status, best = run.status, run.status.get("best") or {}
    try:
        monitor, epochs = run.config["training"]["monitor"], run.config["training"]["epochs"]
        model = f"{_name(run.config['model'])} on {_name(run.config['data'])}"
    except (KeyError, TypeError):
        raise settings_missing(run) from None
    lines = [
        ("run", str(run.path)),
        ("state", run.state + (f" ({status['reason']})" if status.get("reason") else "")),
        ("created", run.created[:19].replace("T", " ") + " UTC"),
        ("model", model),
        ("device", f"{run.identity.device} ({run.identity.device_model}), {plural(run.identity.threads, 'thread')}"),
    ]
    if best:
        values = ", ".join(
            f"{key} {number(value)}" for key, value in best.items() if key.startswith(("train_", "val_"))
        )
        lines.append(("best", f"epoch {best['epoch']} of {epochs}: {values}"))
    if status.get("test"):
        lines.append(("test", ", ".join(f"{key} {number(value)}" for key, value in status["test"].items())))
    if run.rows:
        lines.append((monitor, spark([row.get(monitor) for row in run.rows], width=40)))
    lines.append(("next", next_command(run)))
    width = max(len(key) for key, _ in lines)
    return "\n".join(f"{key.ljust(width)}  {shown(value)}" for key, value in lines)


def settings_missing(run: Run) -> NotFoundError:
    from tuner.errors import NotFoundError

    return NotFoundError(f"{run.path / 'config.yaml'} is damaged: settings are missing")


def _name(choice: Any) -> str:
    return str(choice["name"] if isinstance(choice, dict) else choice)


def pairs(values: dict[str, Any]) -> str:
    """One ``key  value`` a line."""
    from tuner.durable import shown

    width = max((len(key) for key in values), default=0)
    return "\n".join(f"{key.ljust(width)}  {shown(value)}" for key, value in values.items())


def say_apart(run: Run) -> None:
    """Notes on what of a run that is not being trained does not agree with its status."""
    from tuner.cli.reading import say_error
    from tuner.runs.files import apart

    for line in apart(run.path, run.told) if run.state != "running" else []:
        say_error(f"note: {line}")


def origins(run: Run) -> dict[str, Any]:
    from tuner.durable import parse_json
    from tuner.runs.files import ORIGINS

    return parse_json(run.content(ORIGINS), run.path / ORIGINS)


def text_of(run: Run, name: str) -> str:
    """A text file of a run. Raises NotFoundError."""
    from tuner.render.text import escape

    lines = run.content(name).decode("utf-8", "backslashreplace").split("\n")
    return "\n".join(escape(line) for line in lines)
