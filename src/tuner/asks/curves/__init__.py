"""How did it go? Runs and groups as curves, and what has to be said about these: what a line and its band are, of how
many seeds a mean is, what is not drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Chart, Note
from tuner.asks.compare.pairs import check_losses, names_of
from tuner.asks.curves.tracks import (
    AXES,
    USUAL,
    Series,
    Track,
    View,
    layer_label,
    layer_metric,
    layer_rows,
    series_of,
    tracks_of,
    values_of,
)
from tuner.chart import COLORS, Line, Panel, Pen, is_shown
from tuner.choice import nearest_of
from tuner.config.varied import as_data as of_member
from tuner.errors import NotFoundError, UsageError
from tuner.figures import plural, some
from tuner.options.metrics import PARTS, Column, nearest_column
from tuner.options.metrics import column as column_of
from tuner.quantities import LAYER
from tuner.runs.family import Group, read_group
from tuner.runs.files import CURVES
from tuner.runs.values import parse_metric

TITLE = 60
"""Characters of names that fit above a picture."""
MOST_CHANGES = 5
LOG_FROM = 30.0
MOST_LINES = 24
OTHERS = "other trials"
PLAIN = View()


def ask(
    groups: Sequence[Group],
    metrics: Sequence[str] = (),
    axis: str = "epoch",
    smooth: float = 0.0,
    log: bool | None = None,
    members: bool = False,
    file: Path | None = None,
    drawn: bool = True,
    behind: Collection[Path] = (),
) -> Answer:
    """The curves of runs and groups over an axis, those of `behind` faint; a picture of them is kept in `file`. Without
    `drawn` there are the data alone, of however many runs. Raises UsageError, and NotFoundError where a run that was
    named is damaged or nothing is left to draw.
    """
    if axis not in AXES:
        raise UsageError(f"there is no x axis {axis}", fix=nearest_of(axis, AXES))
    if not 0 <= smooth < 1:
        raise UsageError(f"cannot smooth by {smooth:g}", fix="--smooth takes a number from 0 (not at all) to below 1")
    asked = metrics_on(axis, metrics)
    tracks, remarks = tracks_of(groups, axis, asked, members)
    tracks = [replace(track, is_faint=Path(track.family) in behind) for track in tracks]
    for metric in asked:
        if not columns_of(tracks, metric):
            of_layers = "it is measured layer by layer: --x layer draws it"
            fix = of_layers if metric.startswith(tuple(LAYER)) else nearest_column(metric, known_metrics(tracks))
            raise UsageError(f"there is no metric {metric}", fix=fix)
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
    named = [track.name for track in tracks if not track.is_faint]
    names = ", ".join(named)
    title = names if len(names) <= TITLE or len(tracks) == 1 else plural(len(named), "run")
    title += f" and {plural(len(tracks) - len(named), 'other trial')}" * (len(named) < len(tracks))
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
        for key, run in group.runs.items():
            rows: Sequence[Any] | None = None
            with suppress(NotFoundError):
                rows = layer_rows(run, of_layers) if of_layers else run.rows
            about = {"run": str(run.path), "name": run.name, "group": None if group.is_single else str(group.path)}
            found.append({**about, **of_member(group.varies, key), "state": run.state, "metrics": rows})
    return found[0]["metrics"] if len(groups) == 1 and groups[0].is_single else {"runs": found}


# ---- one run or group ------------------------------------------------------------------------------------------------


def run_panels(track: Track, view: View = PLAIN) -> list[Panel]:
    """The panels of one run or group: the loss, what is monitored or else the first other metric, and lr where it
    varies."""
    others, watched = other_metrics(track), column_of(track.monitor).name
    names = ["loss", *([watched] if watched in others else others[:1])]
    panels = [panel for name in names if (panel := metric_panel(track, name, view)).lines]
    lr = lines_of(track, {"lr": "lr"}, replace(view, smooth=0.0))
    if len({point[1] for line in lr for point in line.points() if point}) > 1:
        panels.append(_panel("lr", lr, replace(view, log=None), strip=True))
    return panels


def metric_panel(track: Track, metric: str, view: View = PLAIN) -> Panel:
    """``train_<metric>`` and ``val_<metric>`` on the same axes, or the one column that is called so; a loss that falls
    far gets a log axis."""
    columns = {metric: metric} | {str(Column(part, metric)): PARTS[part] for part in ("train", "val")}
    epochs = series_of(track, "epoch", view)
    best_at = dict(zip(epochs.epochs, epochs.x, strict=True)).get(track.best or 0)
    return replace(_panel(metric, lines_of(track, columns, view), view), best=track.best, best_at=best_at)


def other_metrics(track: Track) -> list[str]:
    """The metrics beside the loss that the track has values of."""
    columns = [column for column in map(column_of, track.columns()) if column.part and not column.is_loss]
    return list(dict.fromkeys(each.name for each in columns if any(series_of(track, str(each), PLAIN).counts)))


# ---- several ---------------------------------------------------------------------------------------------------------


def usual_metrics(tracks: Sequence[Track]) -> list[str]:
    """What is drawn of several tracks unless something else is asked for: the loss, and each one's monitor; its first
    other metric, too, where it monitors a loss. What is not monitored: on the validation part, if any has one."""
    parts = {column_of(column).part for track in tracks for column in track.columns()}
    part = "val" if "val" in parts else "train"
    names = [str(Column(part, "loss"))]
    for track in tracks:
        there = track.monitor in track.columns()
        names += [track.monitor] if there else []
        if not there or column_of(track.monitor).is_loss:
            names += [str(Column(part, name)) for name in other_metrics(track)[:1]]
    return list(dict.fromkeys(names))


def columns_of(tracks: Sequence[Track], metric: str) -> list[str]:
    """The columns that `metric` names in these tracks: itself, else its validation and its train part."""
    there = {column for track in tracks for column in track.columns()}
    parts = [str(Column(part, metric)) for part in ("val", "train")]
    return [metric] if metric in there else [name for name in parts if name in there]


def known_metrics(tracks: Sequence[Track]) -> list[str]:
    """What `columns_of` knows."""
    there = [column for track in tracks for column in track.columns()]
    return list(dict.fromkeys([*there, *(column_of(name).name for name in there)]))


def shared_panel(tracks: Sequence[Track], metric: str, view: View = PLAIN) -> Panel:
    """A line a track; for a metric without its part (``loss``) two, train with another stroke.

    Raises UsageError where the lines are too many to tell apart.
    """
    columns = columns_of(tracks, metric)
    told_apart = sum(not track.is_faint for track in tracks) * len(columns)
    if told_apart > MOST_LINES:
        raise UsageError(
            f"{told_apart} lines of {metric} cannot be told apart: {MOST_LINES} at most in one panel",
            fix="draw fewer runs, groups without --members, or one part only, such as --metric val_loss",
        )
    parts = {name: f", {PARTS[column_of(name).part]}" if len(columns) > 1 else "" for name in columns}
    lines = []
    for track, pens in zip(tracks, _pens(tracks, len(columns)), strict=True):
        known = f"{track.name} ({track.about})" if track.about else track.name
        label = OTHERS if track.is_faint else known
        drawn = lines_of(track, {name: label + part for name, part in parts.items()}, view, pens)
        lines += [replace(line, name=line.label.replace(label, known, 1)) for line in drawn]
    return _panel(metric, lines, view)


def _pens(tracks: Sequence[Track], parts: int) -> list[list[Pen]]:
    """A pen for each part of each track. Families, where there are several, have a colour each; what is faint has
    none, and the others have marks then."""
    named = [track for track in tracks if not track.is_faint]
    if len(named) < len(tracks):
        faint = [replace(Pen.number(0), faint=True)] * parts
        own = iter([[replace(pen, mark=pen.mark + 1, sign=pen.sign + 1) for pen in pens]
                    for pens in (_pens(named, parts) if named else [])])  # fmt: skip
        return [faint if track.is_faint else next(own) for track in tracks]
    families: dict[str, list[int]] = {}
    for index, track in enumerate(tracks):
        families.setdefault(track.family, []).append(index)
    largest = max(map(len, families.values()))
    by_family = 1 < len(families) <= COLORS and largest > 1 and largest * parts <= 4 * 5  # strokes, marks
    pens = []
    for index, track in enumerate(tracks):
        color, turn, mark = index, index // COLORS, index
        if by_family:
            mark = families[track.family].index(index)
            color, turn = list(families).index(track.family), mark // 5
        pens.append([Pen(color, turn * parts + part, mark, index * parts + part) for part in range(parts)])
    return pens


# ---- both ------------------------------------------------------------------------------------------------------------


def lines_of(track: Track, columns: Mapping[str, str], view: View, pens: Sequence[Pen] = ()) -> list[Line]:
    """The lines of the columns, under these labels, that have a finite value. Where they all change to the same number
    of members, the first one says it."""
    lines: list[Line] = []
    for column, label, pen in zip_longest(columns, columns.values(), pens):
        series = series_of(track, column, view)
        band = series.band if track.is_group else ()
        places = series.changes() if track.is_group else ()
        changes = [(series.x[place], series.y[place] or 0.0, series.counts[place]) for place in places]
        line = Line(label, series.x, series.y, band, series.raw if view.smooth else (), changes, pen)
        lines += [line] if any(line.points()) else []
    said = [[(x, members) for x, _, members in line.changes] for line in lines]
    return [replace(line, changes=()) if at and said[at] == said[0] else line for at, line in enumerate(lines)]


def _panel(title: str, lines: Sequence[Line], view: View, strip: bool = False) -> Panel:
    """A logarithmic axis as asked for, else where a number that changes by factors goes far."""
    if view.axis == "layer":
        metric = layer_metric(title)
        label, by_factors = layer_label(metric), LAYER[metric.column].by_factors
    else:
        label, by_factors = column_of(title).label, column_of(title).about.by_factors
    x_label = {"time": f"time ({view.unit[1]})", "layer": "layer, the first is 1"}.get(view.axis, view.axis)
    panel = Panel(title, lines, None, False, strip, x_label, None, view.axis != "time", title if strip else label)
    known = [y for _, y in panel.extent()] if by_factors else []
    goes_far = bool(known) and min(known) > 0 and max(known) / LOG_FROM > min(known)
    return replace(panel, log=goes_far if view.log is None else view.log)


# ---- what is said ----------------------------------------------------------------------------------------------------


def captions(tracks: Sequence[Track], metrics: Sequence[str], view: View) -> list[str]:
    """The lines under the picture."""
    groups = [track for track in tracks if track.is_group]
    found = []
    if groups:
        kinds = " or ".join(dict.fromkeys(f"{track.member}s" for track in groups))
        time = "; time is the mean, too" if view.axis == "time" else ""
        band = f"its band goes from the lowest to the highest{time}"
        found.append(f"A group's line is the mean over its {kinds}, {band}.")
    if view.layers:
        places = ", ".join(f"{place} {name}" for place, name in enumerate(view.layers, 1))
        found.append(f"Layers with weights: {places}.")
    if view.smooth:
        seeds = f", each {groups[0].member} by itself" if groups else ""
        found.append(f"Smoothed by {view.smooth:g} (exponential moving average{seeds}).")
    for track in groups:
        columns = [column for metric in metrics for column in columns_of([track], metric)]
        texts = {column: counts_text(series_of(track, column, view), track) for column in columns}
        if len(set(texts.values())) == 1:
            texts = {"": next(iter(texts.values()))}
        for column, text in texts.items():
            found += [f"{track.name}{column and ', '}{column}: the mean is of {text}."] if text else []
    return found


def counts_text(series: Series, track: Track) -> str:
    """Of how many of the track's members a mean is, where that is not all of them all the way: ``6 seeds, of 5 from
    epoch 8``; "" where it is."""
    there = [place for place, count in enumerate(series.counts) if count]
    changes, total, member = series.changes(), len(track.members), track.member
    if not there or (not changes and series.counts[there[0]] == total):
        return ""
    start = series.counts[there[0]]
    first = plural(total, member) if start == total else f"{start} of {plural(total, member)}"
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
