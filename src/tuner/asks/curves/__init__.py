"""How did it go? Runs and groups as curves, and what has to be said about these: what a line and its band are, of how
many seeds a mean is, what is not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Chart, Note
from tuner.asks.compare.pairs import check_losses, names_of
from tuner.asks.curves.panels import columns_of, known_metrics, metric_panel, run_panels, shared_panel, usual_metrics
from tuner.asks.curves.series import AXES, Series, Track, View, series_of, values_of
from tuner.asks.curves.tracks import USUAL, layer_metric, layer_rows, tracks_of
from tuner.chart import Panel, is_shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import plural, some
from tuner.quantities import LAYER
from tuner.runs.family import Group, read_group
from tuner.runs.files import CURVES
from tuner.runs.values import parse_metric

TITLE = 60
"""Characters of names that fit above a picture."""
MOST_CHANGES = 5


def ask(
    groups: Sequence[Group],
    metrics: Sequence[str] = (),
    axis: str = "epoch",
    smooth: float = 0.0,
    log: bool | None = None,
    members: bool = False,
    file: Path | None = None,
    drawn: bool = True,
) -> Answer:
    """The curves of runs and groups over an axis; a picture of them is kept in `file`. Without `drawn` there are the
    data alone, of however many runs.

    Raises UsageError, and NotFoundError where a run that was named is damaged or nothing is left to draw.
    """
    if axis not in AXES:
        raise UsageError(f"there is no x axis {axis}", fix=f"--x takes {', '.join(AXES)}")
    if not 0 <= smooth < 1:
        raise UsageError(f"cannot smooth by {smooth:g}", fix="--smooth takes a number from 0 (not at all) to below 1")
    asked = metrics_on(axis, metrics)
    tracks, remarks = tracks_of(groups, axis, asked, members)
    for metric in asked:
        if not columns_of(tracks, metric):
            of_layers = "it is measured layer by layer: --x layer draws it"
            there = of_layers if metric.startswith(tuple(LAYER)) else f"there are {', '.join(known_metrics(tracks))}"
            raise UsageError(f"there is no metric {metric}", fix=there)
    if members and all(group.is_single for group in groups):
        remarks.append("--members changes nothing: none of them is a group")
    charts = []
    if drawn:
        view = View.of(tracks, axis, smooth, log)
        charts = [chart_of(tracks, asked, view, file)]
        names = drawn_in(charts[0].panels)
        for metric in names:
            try:
                check_losses(groups, names_of(groups), parse_metric("val_loss" if metric == "loss" else metric))
            except UsageError as error:  # they are not the same function, and so not on one scale
                remarks.append(error.message)
        remarks += not_drawn(tracks, names, view)
    notes = [Note(remark, problem=True) for remark in dict.fromkeys(remarks)]
    data = as_data(groups, asked if axis == "layer" else [])
    return Answer([*notes, *charts], data, f"{file}\n" if file else "")


def chart_of_run(path: Path) -> Chart | None:
    """The usual curves of the run or group in the folder `path`, to be kept in its curves.png; None before its first
    epoch. Raises NotFoundError."""
    group = read_group(path)
    return chart_of(tracks_of([group])[0], [], View(), path / CURVES) if group.first.rows else None


def chart_of(tracks: Sequence[Track], metrics: Sequence[str], view: View, file: Path | None = None) -> Chart:
    """The curves of these metrics, which some of the tracks have, or the usual ones. Raises UsageError where there are
    too many to tell apart."""
    wanted = list(dict.fromkeys(metrics))
    if len(tracks) > 1:
        panels = [shared_panel(tracks, name, view) for name in wanted or usual_metrics(tracks)]
    else:
        panels = [metric_panel(tracks[0], name, view) for name in wanted] or run_panels(tracks[0], view)
    names = ", ".join(track.name for track in tracks)
    title = names if len(names) <= TITLE or len(tracks) == 1 else plural(len(tracks), "run")
    return Chart(title, panels, captions(tracks, drawn_in(panels), view), legend=len(tracks) > 1, file=file)


def drawn_in(panels: Sequence[Panel]) -> list[str]:
    """The metrics that are drawn, the learning rate beside them aside."""
    return [panel.title for panel in panels if not panel.strip]


def metrics_on(axis: str, metrics: Sequence[str]) -> list[str]:
    """What is drawn over that axis; [] is what is usual. Raises UsageError for what no layer has over ``layer``."""
    if axis != "layer":
        return list(metrics)
    for metric in metrics:
        layer_metric(metric)
    return list(metrics or USUAL)


def as_data(groups: Sequence[Group], of_layers: Sequence[str]) -> Any:
    """The rows of a single run; of several runs a list with each one's rows under ``runs``, None where they are
    damaged, which was said before. With `of_layers` a row is a layer with these metrics."""
    found = []
    for group in groups:
        for seed, run in group.runs.items():
            rows: Sequence[Any] | None = None
            with suppress(NotFoundError):
                rows = layer_rows(run, of_layers) if of_layers else run.rows
            about = {"run": str(run.path), "name": run.name, "group": None if group.is_single else str(group.path)}
            found.append({**about, "seed": seed, "state": run.state, "metrics": rows})
    return found[0]["metrics"] if len(groups) == 1 and groups[0].is_single else {"runs": found}


# ---- what is said ----------------------------------------------------------------------------------------------------


def captions(tracks: Sequence[Track], metrics: Sequence[str], view: View) -> list[str]:
    """The lines under the picture."""
    groups = [track for track in tracks if track.is_group]
    found = []
    if groups:
        time = "; time is the mean, too" if view.axis == "time" else ""
        found.append(f"A group's line is the mean over its seeds, its band goes from the lowest to the highest{time}.")
    if view.layers:
        places = ", ".join(f"{place} {name}" for place, name in enumerate(view.layers, 1))
        found.append(f"Layers with weights: {places}.")
    if view.smooth:
        seeds = ", each seed by itself" if groups else ""
        found.append(f"Smoothed by {view.smooth:g} (exponential moving average{seeds}).")
    for track in groups:
        columns = [column for metric in metrics for column in columns_of([track], metric)]
        texts = {column: counts_text(series_of(track, column, view), len(track.members)) for column in columns}
        if len(set(texts.values())) == 1:
            texts = {"": next(iter(texts.values()))}
        for column, text in texts.items():
            found += [f"{track.name}{column and ', '}{column}: the mean is of {text}."] if text else []
    return found


def counts_text(series: Series, total: int) -> str:
    """Of how many of `total` members a mean is, where that is not all of them all the way: ``6 seeds, of 5 from epoch
    8``; "" where it is."""
    there = [place for place, count in enumerate(series.counts) if count]
    changes = series.changes()
    if not there or (not changes and series.counts[there[0]] == total):
        return ""
    start = series.counts[there[0]]
    first = plural(total, "seed") if start == total else f"{start} of {plural(total, 'seed')}"
    if len(changes) > MOST_CHANGES:
        return f"{first} at first, of {series.counts[there[-1]]} at the end (epoch {series.epochs[there[-1]]})"
    return ", ".join([first, *(f"of {series.counts[place]} from epoch {series.epochs[place]}" for place in changes)])


def not_drawn(tracks: Sequence[Track], metrics: Sequence[str], view: View) -> list[str]:
    """What of the metrics is not to be seen: tracks that do not have one, values that a log axis cannot hold."""
    found = []
    for metric in metrics:
        columns, below = columns_of(tracks, metric), 0
        without: dict[str, list[str]] = {f"no {metric}": [], f"no finite {metric}": []}
        for track in tracks:
            values = [each for column in columns for each in _values(track, column, view)]
            below += sum(value <= 0 for value in values)
            if not values:
                what = f"no {metric}" if set(columns).isdisjoint(track.columns()) else f"no finite {metric}"
                without[what].append(track.name)
        found += [f"not drawn: {some(names, 8)}: {what}" for what, names in without.items() if names]
        if view.log and below:
            found.append(f"not drawn: {plural(below, 'value')} of {metric} at or below 0: the axis is logarithmic")
    return found


def _values(track: Track, column: str, view: View) -> list[float]:
    """The values of all members that have a place on the x axis."""
    series = series_of(track, column, view)
    placed = {epoch for epoch, x in zip(series.epochs, series.x, strict=True) if is_shown(x)}
    known = [each for member in track.members for each in values_of(member, column).items()]
    return [value for epoch, value in known if epoch in placed]
