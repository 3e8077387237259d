"""`tuner curves`: runs drawn in the terminal and as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tuner.cli.app import RUNS, Json, Quiet, RunArgument, RunsDir, app


@app.command()
def curves(
    run: RunArgument,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="PNG or SVG; without --metric: curves.png of the run."),
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="One metric, e.g. loss or val_accuracy.")] = None,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw a run's curves in the terminal and as a picture.

    \b
    tuner curves digits-1
    tuner curves @1 --metric accuracy
    tuner curves digits-1 -o digits.svg
    """
    from tuner.errors import NotFoundError
    from tuner.render.curves import Look, chart
    from tuner.render.text import is_colored, is_unicode, terminal_width
    from tuner.run import read, resolve

    found = read(resolve(run, runs_dir))
    if not found.rows:
        raise NotFoundError(f"{found.path} has no finished epoch yet", fix=f"tuner show {found.path.name}")
    target = output if output or metric else found.path / "curves.png"
    check_target(target)
    panels = panels_of(found, metric)
    if as_json:
        from tuner.cli.show import as_data

        typer.echo(json.dumps(as_data(found)["metrics"]))
        return
    if not quiet:
        look = Look(
            min(100, terminal_width(sys.stdout)), ascii=not is_unicode(sys.stdout), color=is_colored(sys.stdout)
        )
        typer.echo("\n\n".join(chart(panel, look) for panel in panels))
        sys.stdout.flush()
    if target is not None:
        picture(found.path, target, metric)
        typer.echo(str(target), err=not quiet)


def panels_of(run: Any, metric: str | None) -> list[Any]:
    """The panels of a run: loss, metric and learning rate, or one metric's. Raises UsageError."""
    from tuner.errors import UsageError
    from tuner.render.panels import metric_panel, run_panels

    best = run.status.get("best_epoch")
    if metric is None:
        return list(run_panels(run.rows, best))
    there = [key for key in run.rows[-1] if key not in ("epoch", "step")]
    known = [*there, *dict.fromkeys(key.partition("_")[2] for key in there if key.startswith(("train_", "val_")))]
    if metric not in known:
        raise UsageError(f"there is no metric {metric}", fix=f"there are {', '.join(known)}")
    return [metric_panel(run.rows, metric, best)]


def check_target(target: Path | None) -> None:
    """Raises UsageError where a picture cannot be written under that name."""
    from tuner.errors import UsageError

    if target is not None and target.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"cannot draw {target}: its name has to end in .png or .svg")
    if target is not None and not target.parent.is_dir():
        raise UsageError(f"cannot draw {target}: there is no folder {target.parent}")


def picture(path: Path, target: Path, metric: str | None = None) -> None:
    """Draws the run in the folder `path` into a PNG or SVG file. Raises ResourceError."""
    from tuner.render.plot import save_curves
    from tuner.run import read

    run = read(path)
    if run.rows:
        save_curves(target, path.name, panels_of(run, metric))
