"""`tuner curves`: runs drawn in the terminal and as a picture."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.options import RUNS, Json, Quiet, RunsArgument, RunsDir
from tuner.cli.reading import say_error
from tuner.paths import path_of

if TYPE_CHECKING:
    from tuner.asks.curves.series import Track, View
    from tuner.chart import Panel
    from tuner.runs.family import Group
    from tuner.runs.folder import Run
    from tuner.runs.rows import Row

TITLE = 60
"""Characters of names that fit above a picture."""


def curves(
    runs: RunsArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            parser=path_of,
            metavar="FILE",
            help="PNG or SVG; one run's plain picture: its curves.png.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", metavar="M", help="A metric, e.g. loss or val_accuracy; repeatable.")
    ] = None,
    axis: Annotated[
        str, typer.Option("--x", metavar="epoch|step|time|layer", help="The axis that runs share.")
    ] = "epoch",
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
    """Draw the curves of runs, in the terminal and as a picture.

    A group is its mean with a band.

    \b
    tuner curves digits-1
    tuner curves digits-1 digits-2 --metric val_loss -o both.svg
    tuner curves adam sgd --x time              two groups of seeds
    tuner curves adam --members --smooth 0.6
    tuner curves adam --x layer --metric activation_std@0   from layer to layer, before the first step
    """
    from tuner.asks.curves.captions import not_drawn
    from tuner.runs.family import find_group

    check_view(axis, smooth)
    metric = metrics_on(axis, metric)
    groups = [find_group(reference, runs_dir) for reference in runs]
    is_run = len(groups) == 1 and groups[0].is_single
    is_plain = not metric and axis == "epoch" and not smooth and log is None
    target = output if output or not (is_run and is_plain) else groups[0].path / "curves.png"
    check_target(target)
    tracks, remarks = tracks_on(axis, metric, groups, members)
    check_metrics(metric or [], tracks)
    if as_json:
        say_all(remarks)
        typer.echo(json.dumps(as_data(groups, metric if axis == "layer" else None)))
        return
    drawing = drawing_of(tracks, metric, view_of(axis, tracks, groups, smooth, log))
    if members and all(group.is_single for group in groups):
        remarks.append("--members changes nothing: none of them is a group")
    say_all(remarks + losses_differ(groups, drawing.metrics) + not_drawn(tracks, drawing.metrics, drawing.view))
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
        from tuner.asks.curves.captions import captions
        from tuner.render.chart.terminal import Look, chart
        from tuner.render.text import escape, is_colored, is_unicode, terminal_width

        width, is_ascii = min(100, terminal_width(sys.stdout)), not is_unicode(sys.stdout)
        look = Look(width, ascii=is_ascii, color=is_colored(sys.stdout))
        raw = "" if all(track.is_group for track in self.tracks) else "quotes" if is_ascii else "single dots"
        notes = captions(self.tracks, self.metrics, self.view, raw)
        lines = [line for note in notes for line in textwrap.wrap(escape(note), width - 2)]
        return "\n\n".join([*(chart(panel, look) for panel in self.panels), *(["\n".join(lines)] if lines else [])])

    def save(self, target: Path) -> None:
        """As a picture. Raises ResourceError."""
        from tuner.asks.curves.captions import captions
        from tuner.render.chart.image import save_curves

        notes = captions(self.tracks, self.metrics, self.view, raw="thin and pale")
        save_curves(target, self.title, self.panels, legend=len(self.tracks) > 1, notes=notes)


def drawing_of(tracks: list[Track], metrics: list[str] | None, view: View) -> Drawing:
    """The drawing of tracks; some of them have each of the metrics. Raises UsageError where it would be too full."""
    from tuner.asks.curves.panels import metric_panel, run_panels, side_by_side, usual_metrics
    from tuner.figures import plural

    if len(tracks) > 1:
        drawn = list(dict.fromkeys(metrics or usual_metrics(tracks)))
        panels = side_by_side(tracks, drawn, view)
        names = ", ".join(track.name for track in tracks)
        return Drawing(names if len(names) <= TITLE else plural(len(tracks), "run"), panels, tracks, drawn, view)
    track = tracks[0]
    drawn = list(dict.fromkeys(metrics or []))
    panels = [metric_panel(track, name, track.best, view) for name in drawn] or run_panels(track, track.best, view)
    return Drawing(track.name, panels, tracks, drawn or [panel.title for panel in panels if not panel.strip], view)


def say_all(remarks: list[str]) -> None:
    """Each once, on stderr."""
    for remark in dict.fromkeys(remarks):
        say_error(remark)


def check_view(axis: str, smooth: float) -> None:
    """Raises UsageError."""
    from tuner.asks.curves.series import AXES
    from tuner.errors import UsageError

    if axis not in AXES:
        raise UsageError(f"there is no x axis {axis}", fix=f"--x takes {', '.join(AXES)}")
    if not 0 <= smooth < 1:
        raise UsageError(f"cannot smooth by {smooth:g}", fix="--smooth takes a number from 0 (not at all) to below 1")


def metrics_on(axis: str, metrics: list[str] | None) -> list[str] | None:
    """What is drawn over that axis; None: what is usual. Raises UsageError for what no layer has over ``layer``."""
    from tuner.asks.curves.layers import USUAL, check_layer_metrics

    if axis == "layer":
        check_layer_metrics(metrics or [])
        return metrics or list(USUAL)
    return metrics


def tracks_on(
    axis: str, metrics: list[str] | None, groups: list[Group], members: bool = False
) -> tuple[list[Track], list[str]]:
    """`tracks_of` what is drawn over that axis."""
    from tuner.asks.curves.layers import rows_by_layer
    from tuner.asks.curves.tracks import tracks_of

    if axis != "layer":
        return tracks_of(groups, members, timed=axis == "time")
    tracks, remarks = tracks_of(groups, members, False, rows_by_layer(metrics or []))
    return [replace(track, best=None) for track in tracks], remarks


def view_of(
    axis: str, tracks: list[Track], groups: Sequence[Group], smooth: float = 0.0, log: bool | None = None
) -> View:
    """How the tracks of groups are looked at; over ``layer`` with the layers' names."""
    from tuner.asks.curves.layers import common_layers
    from tuner.asks.curves.series import View

    view = View.of(tracks, axis, smooth, log)
    runs = [run for group in groups for run in group.runs.values()]
    return replace(view, layers=common_layers(runs)) if axis == "layer" else view


def check_metrics(metrics: list[str], tracks: list[Track]) -> None:
    """Raises UsageError where one is nowhere."""
    from tuner.asks.curves.panels import columns_of, known_metrics
    from tuner.errors import UsageError
    from tuner.runs.values import LAYER_NUMBERS

    for metric in metrics:
        if not columns_of(tracks, metric):
            of_layers = "it is measured layer by layer: --x layer draws it"
            there = of_layers if metric.startswith(LAYER_NUMBERS) else f"there are {', '.join(known_metrics(tracks))}"
            raise UsageError(f"there is no metric {metric}", fix=there)


def losses_differ(groups: list[Group], metrics: list[str]) -> list[str]:
    """A remark where the losses that are drawn are not the same function, and so not on one scale."""
    from tuner.asks.compare.checks import check_losses, names_of
    from tuner.errors import UsageError
    from tuner.runs.values import parse_metric

    found = []
    for metric in metrics:
        column = f"val_{metric}" if metric == "loss" else metric
        try:
            check_losses(groups, names_of(groups), parse_metric(column))
        except UsageError as error:
            found.append(error.message)
    return found


def as_data(groups: list[Group], of_layers: list[str] | None = None) -> Any:
    """The rows of a single run; of several runs a list with each one's rows under ``runs``. With `of_layers` a row is
    a layer with these metrics."""
    from tuner.durable import json_bytes

    found = [
        {
            "run": str(run.path),
            "name": run.name,
            "group": None if group.is_single else str(group.path),
            "seed": seed,
            "state": run.state,
            "metrics": rows_of(run) if of_layers is None else layers_of(run, of_layers),
        }
        for group in groups
        for seed, run in group.runs.items()
    ]
    plain = json.loads(json_bytes({"runs": found}))
    return plain["runs"][0]["metrics"] if len(groups) == 1 and groups[0].is_single else plain


def rows_of(run: Run) -> list[Row] | None:
    """None where they are damaged, which was said before."""
    from tuner.errors import NotFoundError

    try:
        return run.rows
    except NotFoundError:
        return None


def layers_of(run: Run, metrics: list[str]) -> list[dict[str, Any]] | None:
    """None where they are damaged, which was said before."""
    from tuner.asks.curves.layers import by_layer
    from tuner.errors import NotFoundError

    try:
        return [{"layer": layer, **values} for layer, values in by_layer(run, metrics).items()]
    except NotFoundError:
        return None


def check_target(target: Path | None) -> None:
    """Raises UsageError where a picture cannot be written under that name."""
    from tuner.errors import UsageError

    if target is not None and target.suffix.lower() not in (".png", ".svg"):
        raise UsageError(f"cannot draw {target}: its name has to end in .png or .svg")
    if target is not None and not target.parent.is_dir():
        raise UsageError(f"cannot draw {target}: there is no folder {target.parent}")


def picture(path: Path, target: Path) -> None:
    """Draws the run in the folder `path` into a PNG or SVG file. Raises ResourceError."""
    from tuner.asks.curves.series import View
    from tuner.asks.curves.tracks import tracks_of
    from tuner.runs.family import read_group

    group = read_group(path)
    if group.first.rows:
        tracks, _ = tracks_of([group], members=False, timed=False)
        drawing_of(tracks, None, View()).save(target)
