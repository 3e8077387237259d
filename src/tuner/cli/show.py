"""`tuner show`: what a run folder tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from tuner.cli.app import RUNS, Json, Quiet, RunArgument, RunsDir, app

PARTS = ("summary", "config", "metrics", "timing", "log", "origins", "identity", "files")


@app.command()
def show(
    run: RunArgument,
    part: Annotated[str, typer.Argument(metavar="PART", help=f"One of {', '.join(PARTS)}.")] = "summary",
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show a run: its result, or one part of its folder.

    \b
    tuner show digits-1
    tuner show @1 metrics
    tuner show digits-1 config
    """
    from tuner.errors import UsageError
    from tuner.run import read, resolve

    if part not in PARTS:
        from tuner.config.words import nearest

        near = nearest(part, PARTS)
        raise UsageError(
            f"a run has no part {part}", fix=f"did you mean {near}?" if near else f"one of {', '.join(PARTS)}"
        )
    found = read(resolve(run, runs_dir))
    if as_json:
        data = as_data(found)
        typer.echo(json.dumps(data.get(part, data)))
    elif quiet and part == "summary":
        typer.echo(str(found.path))
    elif part in ("config", "metrics", "timing", "log"):
        suffix = {"config": "yaml", "log": "txt"}.get(part, "csv")
        typer.echo(text_of(found.path / f"{part}.{suffix}"), nl=False)
    elif part == "files":
        names = [path for path in sorted(found.path.rglob("*")) if path.is_file()]
        typer.echo("\n".join(str(path) for path in names))
    elif part == "summary":
        typer.echo(summary(found))
    else:
        typer.echo(pairs(found.identity.as_json() if part == "identity" else origins(found.path)))


def as_data(run: Any) -> dict[str, Any]:
    """What `show --json` tells."""
    from tuner.durable import json_bytes

    values = {
        "run": str(run.path),
        "name": run.name,
        "created": run.created,
        **run.status,
        "state": run.state,
        "config": run.config,
        "identity": run.identity.as_json(),
        "metrics": run.rows,
        "origins": origins(run.path),
    }
    plain: dict[str, Any] = json.loads(json_bytes(values))
    return plain


def summary(run: Any) -> str:
    """The result of a run in a few lines."""
    from tuner.errors import NotFoundError
    from tuner.render.text import number, plural, spark

    status, best = run.status, run.status.get("best") or {}
    try:
        monitor, epochs = run.config["training"]["monitor"], run.config["training"]["epochs"]
        model = f"{_name(run.config['model'])} on {_name(run.config['data'])}"
    except (KeyError, TypeError):
        raise NotFoundError(f"{run.path / 'config.yaml'} is damaged: settings are missing") from None
    lines = [
        ("run", str(run.path)),
        ("state", run.state + (f" ({status['reason']})" if status.get("reason") else "")),
        ("created", run.created[:19].replace("T", " ") + " UTC"),
        ("model", model),
        ("device", f"{run.identity.device} ({run.identity.device_model}), {plural(run.identity.threads, 'thread')}"),
    ]
    if best:
        shown = ", ".join(f"{key} {number(value)}" for key, value in best.items() if key.startswith(("train_", "val_")))
        lines.append(("best", f"epoch {best['epoch']} of {epochs}: {shown}"))
    if status.get("test"):
        lines.append(("test", ", ".join(f"{key} {number(value)}" for key, value in status["test"].items())))
    if run.rows:
        lines.append((monitor, spark([row.get(monitor) for row in run.rows], width=40)))
    if status.get("next"):
        lines.append(("next", status["next"]))
    width = max(len(key) for key, _ in lines)
    return "\n".join(f"{key.ljust(width)}  {value}" for key, value in lines)


def _name(choice: Any) -> str:
    return str(choice["name"] if isinstance(choice, dict) else choice)


def pairs(values: dict[str, Any]) -> str:
    """One ``key  value`` a line."""
    width = max((len(key) for key in values), default=0)
    return "\n".join(f"{key.ljust(width)}  {value}" for key, value in values.items())


def origins(path: Path) -> dict[str, Any]:
    from tuner.durable import read_json

    return read_json(path / "origins.json")


def text_of(path: Path) -> str:
    """A text file of a run. Raises NotFoundError."""
    from tuner.durable import read_bytes
    from tuner.render.text import escape

    lines = read_bytes(path, 1 << 30).decode("utf-8", "backslashreplace").split("\n")
    return "\n".join(escape(line) for line in lines)
