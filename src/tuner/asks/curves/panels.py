"""Which panels runs are drawn in: those of one run or group, and those in which several stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuner.asks.curves.series import Track, View, series_of
from tuner.asks.curves.tracks import layer_label, layer_metric
from tuner.chart import COLORS, Line, Panel, Pen
from tuner.errors import UsageError
from tuner.options.metrics import PARTS, Column
from tuner.options.metrics import column as column_of
from tuner.quantities import LAYER

LOG_FROM = 30.0
MOST_LINES = 24
PLAIN = View()


# ---- one run or group --------------------------------------------------------------------------------------------


def run_panels(track: Track, view: View = PLAIN) -> list[Panel]:
    """The panels of one run or group: the loss, what is monitored or else the first other metric, and lr where it
    varies."""
    others, watched = other_metrics(track), column_of(track.monitor).name
    names = ["loss", *([watched] if watched in others else others[:1])]
    panels = [panel for name in names if (panel := metric_panel(track, name, view)).lines]
    lr = line_of(track, "lr", replace(view, smooth=0.0), "lr")
    if lr and len({point[1] for point in lr.points() if point}) > 1:
        panels.append(_panel("lr", [lr], replace(view, log=None), strip=True))
    return panels


def metric_panel(track: Track, metric: str, view: View = PLAIN) -> Panel:
    """``train_<metric>`` and ``val_<metric>`` on the same axes, or the one column that is called so; a loss that falls
    far gets a log axis."""
    columns = {metric: metric} | {str(Column(part, metric)): PARTS[part] for part in ("train", "val")}
    lines = [line for column, label in columns.items() if (line := line_of(track, column, view, label))]
    epochs = series_of(track, "epoch", view)
    best_at = dict(zip(epochs.epochs, epochs.x, strict=True)).get(track.best or 0)
    return replace(_panel(metric, _changes_once(lines), view), best=track.best, best_at=best_at)


def other_metrics(track: Track) -> list[str]:
    """The metrics beside the loss that the track has values of."""
    columns = [column for column in map(column_of, track.columns()) if column.part and not column.is_loss]
    return list(dict.fromkeys(each.name for each in columns if any(series_of(track, str(each), PLAIN).counts)))


# ---- several -----------------------------------------------------------------------------------------------------


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
    if len(tracks) * len(columns) > MOST_LINES:
        raise UsageError(
            f"{len(tracks) * len(columns)} lines of {metric} cannot be told apart: {MOST_LINES} at most in one panel",
            fix="draw fewer runs, groups without --members, or one part only, such as --metric val_loss",
        )
    parts = [f", {PARTS[column_of(name).part]}" if len(columns) > 1 else "" for name in columns]
    lines = []
    for track, pens in zip(tracks, _pens(tracks, len(columns)), strict=True):
        asked = zip(columns, parts, pens, strict=True)
        made = [line_of(track, column, view, track.label + part, pen) for column, part, pen in asked]
        lines += _changes_once([line for line in made if line])
    return _panel(metric, lines, view)


def _pens(tracks: Sequence[Track], parts: int) -> list[list[Pen]]:
    """A pen for each part of each track. Families, where there are several, have a colour each."""
    families = list(dict.fromkeys(track.family for track in tracks))
    sizes = [sum(track.family == family for track in tracks) for family in families]
    by_family = 1 < len(families) <= COLORS and max(sizes) > 1 and max(sizes) * parts <= 4 * 5  # strokes, marks
    seen = dict.fromkeys(families, 0)
    pens = []
    for index, track in enumerate(tracks):
        place = seen[track.family]
        seen[track.family] += 1
        color, turn, mark = (
            (families.index(track.family), place // 5, place) if by_family else (index, index // COLORS, index)
        )
        pens.append([Pen(color, turn * parts + part, mark, index * parts + part) for part in range(parts)])
    return pens


# ---- both --------------------------------------------------------------------------------------------------------


def line_of(track: Track, column: str, view: View, label: str, pen: Pen | None = None) -> Line | None:
    """The line of a column; None where it has no finite value."""
    series = series_of(track, column, view)
    line = Line(label, series.x, series.y, raw=series.raw if view.smooth else (), pen=pen)
    if not any(line.points()):
        return None
    if not track.is_group:
        return line
    changes = [(series.x[place], series.y[place] or 0.0, series.counts[place]) for place in series.changes()]
    return replace(line, band=series.band, changes=changes)


def _changes_once(lines: Sequence[Line]) -> list[Line]:
    """The lines of one track: where they all change to the same number of members, the first one says it."""
    said = [[(x, members) for x, _, members in line.changes] for line in lines]
    return [replace(line, changes=()) if at and said[at] == said[0] else line for at, line in enumerate(lines)]


def _panel(title: str, lines: Sequence[Line], view: View, strip: bool = False) -> Panel:
    """A logarithmic axis as asked for, else where a number that changes by factors goes far."""
    if view.axis == "layer":
        metric = layer_metric(title)
        label, by_factors = layer_label(metric), LAYER[metric.column].by_factors
    else:
        label, by_factors = column_of(title).label, column_of(title).about.by_factors
    panel = Panel(title, lines, None, False, strip, view.label, None, view.axis != "time", title if strip else label)
    known = [y for _, y in panel.extent()] if by_factors else []
    goes_far = bool(known) and min(known) > 0 and max(known) / LOG_FROM > min(known)
    return replace(panel, log=goes_far if view.log is None else view.log)
