"""`tuner curves`: runs drawn in the terminal and as a picture."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.app import RUNS, Json, Quiet, RunsDir, app, say_error

if TYPE_CHECKING:
    from tuner.render.lines import Panel
    from tuner.render.series import Track, View
    from tuner.results import Group

TITLE = 60
"""Characters of names that fit above a picture."""


@app.command()
def curves(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs or groups, each a line.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="PNG or SVG; one run's plain picture: its curves.png."),
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="A metric, e.g. loss or val_accuracy; repeatable.")
    ] = None,
    axis: Annotated[str, typer.Option("--x", metavar="epoch|step|time", help="The axis that runs share.")] = "epoch",
    smooth: Annotated[
        float, typer.Option("--smooth", metavar="S", help="Moving average with weight S (0 to below 1).")
    ] = 0.0,
    log: Annotated[
        bool | None, typer.Option("--log/--linear", help="The y axis; else logarithmic for a loss that falls far.")
    ] = None,
    members: Annotated[bool, typer.Option("--members", help="Draw the members of a group one by one.")] = False,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Draw the curves of runs in the terminal and as a picture; a group is its mean with a band.

    \b
    tuner curves digits-1
    tuner curves digits-1 digits-2 --metric val_loss -o both.svg
    tuner curves adam sgd --x time              two groups of seeds
    tuner curves adam --members --smooth 0.6
    """
    from tuner.results import find_group

    check_view(axis, smooth)
    groups = [find_group(reference, runs_dir) for reference in runs]
    is_run = len(groups) == 1 and groups[0].is_single
    is_plain = not metric and axis == "epoch" and not smooth and log is None
    target = output if output or not (is_run and is_plain) else groups[0].path / "curves.png"
    check_target(target)
    drawing, remarks = drawing_of(groups, metric, members, (axis, smooth, log))
    if as_json:
        typer.echo(json.dumps(as_data(groups)))
        return
    for remark in dict.fromkeys(remarks):
        say_error(remark)
    if not quiet:
        typer.echo(drawing.text())
        sys.stdout.flush()
    if target is not None:
        drawing.save(target)
        typer.echo(str(target), err=not quiet)


@dataclass(frozen=True)
class Drawing:
    """What is drawn: the panels, of which tracks and metrics, and how they are looked at."""

    title: str
    panels: list[Panel]
    tracks: list[Track]
    metrics: list[str]
    view: View

    def text(self) -> str:
        """For the terminal."""
        from tuner.render.captions import captions
        from tuner.render.curves import Look, chart
        from tuner.render.text import escape, is_colored, is_unicode, terminal_width

        width, is_ascii = min(100, terminal_width(sys.stdout)), not is_unicode(sys.stdout)
        look = Look(width, ascii=is_ascii, color=is_colored(sys.stdout))
        notes = captions(self.tracks, self.metrics, self.view, raw="quotes" if is_ascii else "single dots")
        lines = [line for note in notes for line in textwrap.wrap(escape(note), width - 2)]
        return "\n\n".join([*(chart(panel, look) for panel in self.panels), *(["\n".join(lines)] if lines else [])])

    def save(self, target: Path) -> None:
        """As a picture. Raises ResourceError."""
        from tuner.render.captions import captions
        from tuner.render.plot import save_curves

        notes = captions(self.tracks, self.metrics, self.view, raw="thin and pale")
        save_curves(target, self.title, self.panels, legend=len(self.tracks) > 1, notes=notes)


def drawing_of(
    groups: list[Group], metrics: list[str] | None, members: bool, look: tuple[str, float, bool | None]
) -> tuple[Drawing, list[str]]:
    """The drawing of runs and groups, and remarks on what is not in it. Raises UsageError, NotFoundError."""
    from tuner.render.captions import not_drawn
    from tuner.render.panels import metric_panel, run_panels, side_by_side, usual_metrics
    from tuner.render.series import View
    from tuner.render.text import plural
    from tuner.render.tracks import tracks_of

    tracks, remarks = tracks_of(groups, members, timed=look[0] == "time")
    if members and all(group.is_single for group in groups):
        remarks.append("--members changes nothing: none of them is a group")
    check_metrics(metrics or [], tracks)
    view, path = View.of(tracks, *look), groups[0].path
    if len(tracks) > 1:
        drawn = list(dict.fromkeys(metrics or usual_metrics(tracks)))
        panels = side_by_side(tracks, drawn, view)
        remarks += losses_differ(groups, drawn)
    else:
        best = groups[0].first.status.get("best_epoch") if not tracks[0].is_group else None
        drawn = list(dict.fromkeys(metrics or []))
        panels = [metric_panel(tracks[0], name, best, view) for name in drawn] or run_panels(tracks[0], best, view)
        drawn = drawn or [panel.title for panel in panels if not panel.strip]
    names = ", ".join(track.name for track in tracks)
    title = path.name if len(tracks) == 1 else names if len(names) <= TITLE else plural(len(tracks), "run")
    return Drawing(title, panels, tracks, drawn, view), remarks + not_drawn(tracks, drawn, view)


def check_view(axis: str, smooth: float) -> None:
    """Raises UsageError."""
    from tuner.errors import UsageError
    from tuner.render.series import AXES

    if axis not in AXES:
        raise UsageError(f"there is no x axis {axis}", fix=f"--x takes {', '.join(AXES)}")
    if not 0 <= smooth < 1:
        raise UsageError(f"cannot smooth by {smooth:g}", fix="--smooth takes a number from 0 (not at all) to below 1")


def check_metrics(metrics: list[str], tracks: list[Track]) -> None:
    """Raises UsageError where one is nowhere."""
    from tuner.errors import UsageError
    from tuner.render.panels import columns_of, known_metrics

    for metric in metrics:
        if not columns_of(tracks, metric):
            raise UsageError(f"there is no metric {metric}", fix=f"there are {', '.join(known_metrics(tracks))}")


def losses_differ(groups: list[Group], metrics: list[str]) -> list[str]:
    """A remark where the losses drawn are not the same function, and so not on one scale."""
    drawn = [metric for metric in metrics if metric.endswith("loss")]
    names: dict[str, str] = {}
    for group in groups:
        loss = group.first.config.get("loss")
        own = {"name": loss} if isinstance(loss, str) else dict(loss or {})
        same = {key: value for key, value in own.items() if key not in ("label_smoothing", "class_weights")}
        names.setdefault(json.dumps(same, sort_keys=True), f"{group.path.name} has {own.get('name')}")
    return [f"{', '.join(drawn)}: not on one scale: {', '.join(names.values())}"] if drawn and len(names) > 1 else []


def as_data(groups: list[Group]) -> Any:
    """The rows of a single run; of several runs a list with each one's rows under ``runs``."""
    from tuner.durable import json_bytes

    found = [
        {
            "run": str(run.path),
            "name": run.name,
            "group": None if group.is_single else str(group.path),
            "seed": seed,
            "state": run.state,
            "metrics": run.rows,
        }
        for group in groups
        for seed, run in group.runs.items()
    ]
    plain = json.loads(json_bytes({"runs": found}))
    return plain["runs"][0]["metrics"] if len(groups) == 1 and groups[0].is_single else plain


def check_target(target: Path | None) -> None:
    """Raises UsageError where a picture cannot be written under that name."""
    from tuner.errors import UsageError

    if target is not None and target.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"cannot draw {target}: its name has to end in .png or .svg")
    if target is not None and not target.parent.is_dir():
        raise UsageError(f"cannot draw {target}: there is no folder {target.parent}")


def picture(path: Path, target: Path) -> None:
    """Draws the run in the folder `path` into a PNG or SVG file. Raises ResourceError."""
    from tuner.results import read_group

    group = read_group(path)
    if group.first.rows:
        drawing_of([group], None, False, ("epoch", 0.0, None))[0].save(target)
