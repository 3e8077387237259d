"""Which panels runs are drawn in: those of one run or group, and those in which several stand side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tuner.asks.curves.series import Track, View, series_of
from tuner.chart import COLORS, Line, Panel, Pen
from tuner.errors import UsageError

LABELS = {"train": "train", "val": "validation"}
LOG_FROM = 30.0
SIZES = ("activation_std", "gradient_norm")
"""Numbers of a layer that grow or shrink by a factor a layer."""
MOST_LINES = 24
PLAIN = View()


# ---- one run or group --------------------------------------------------------------------------------------------


def run_panels(track: Track, best: int | None = None, view: View = PLAIN) -> list[Panel]:
    """The panels of one run or group: the loss, what is monitored or else the first other metric, and lr where it
    varies."""
    panels = [metric_panel(track, name, best, view) for name in dict.fromkeys(["loss", *watched_metrics(track)])]
    panels = [panel for panel in panels if panel.lines]
    lr = line_of(track, "lr", replace(view, smooth=0.0), "lr")
    rates = [point[1] for point in lr.points() if point] if lr else []
    if lr and len(set(rates)) > 1:
        panels.append(_panel("lr", [lr], view, strip=True))
    return panels


def metric_panel(track: Track, metric: str, best: int | None = None, view: View = PLAIN) -> Panel:
    """``train_<metric>`` and ``val_<metric>`` on the same axes, or the one column that is called so; a loss that falls
    far gets a log axis."""
    columns = {metric: metric} | {f"{part}_{metric}": label for part, label in LABELS.items()}
    lines = [line for column, label in columns.items() if (line := line_of(track, column, view, label))]
    panel = _panel(metric, _changes_once(lines), view)
    if best is None or view.axis == "epoch":
        return replace(panel, best=best)
    series = series_of(track, "epoch", view)
    at = dict(zip(series.epochs, series.x, strict=True)).get(best, math.nan)
    return replace(panel, best=best, best_at=at) if math.isfinite(at) else panel


def watched_metrics(track: Track) -> list[str]:
    """What is drawn beside the loss: the metric that is monitored, else the first one that the track has values of."""
    watched = track.monitor.partition("_")[2]
    others = other_metrics(track)
    return [watched] if watched in others else others[:1]


def other_metrics(track: Track) -> list[str]:
    """The metrics beside the loss that the track has values of."""
    names: dict[str, None] = {}
    for column in track.columns():
        part, _, metric = column.partition("_")
        if part in LABELS and metric not in ("", "loss") and any(series_of(track, column, PLAIN).counts):
            names[metric] = None
    return list(names)


# ---- several -----------------------------------------------------------------------------------------------------


def side_by_side(tracks: Sequence[Track], metrics: Sequence[str], view: View = PLAIN) -> list[Panel]:
    """A panel a metric, in it a line a track; for a metric without its part (``loss``) two, train with another stroke.

    Raises UsageError where the lines of a panel are too many to tell apart.
    """
    return [_shared_panel(tracks, metric, view) for metric in metrics]


def usual_metrics(tracks: Sequence[Track]) -> list[str]:
    """What is drawn of several tracks unless something else is asked for: the loss, and each one's monitor; its first
    other metric, too, where it monitors a loss. What is not monitored: on the validation part, if any has one."""
    part = "val" if any(column.startswith("val_") for track in tracks for column in track.columns()) else "train"
    names = {f"{part}_loss": None}
    for track in tracks:
        there = track.monitor in track.columns()
        names |= {track.monitor: None} if there else {}
        if not there or track.monitor.endswith("_loss"):
            names |= dict.fromkeys(f"{part}_{name}" for name in other_metrics(track)[:1])
    return list(names)


def columns_of(tracks: Sequence[Track], metric: str) -> list[str]:
    """The columns that `metric` names in these tracks: itself, else its validation and its train part."""
    there = {column for track in tracks for column in track.columns()}
    return [metric] if metric in there else [name for part in ("val", "train") if (name := f"{part}_{metric}") in there]


def known_metrics(tracks: Sequence[Track]) -> list[str]:
    """What `columns_of` knows."""
    there = list(dict.fromkeys(column for track in tracks for column in track.columns()))
    bare = [column.partition("_")[2] for column in there if column.startswith(("train_", "val_"))]
    return list(dict.fromkeys([*there, *bare]))


def _shared_panel(tracks: Sequence[Track], metric: str, view: View) -> Panel:
    columns = columns_of(tracks, metric)
    if len(tracks) * len(columns) > MOST_LINES:
        raise UsageError(
            f"{len(tracks) * len(columns)} lines of {metric} cannot be told apart: {MOST_LINES} at most in one panel",
            fix="draw fewer runs, groups without --members, or one part only, such as --metric val_loss",
        )
    lines = []
    for track, pens in zip(tracks, _pens(tracks, len(columns)), strict=True):
        parts = []
        for column, pen in zip(columns, pens, strict=True):
            part = "" if len(columns) == 1 else f", {LABELS[column.partition('_')[0]]}"
            parts.append(line_of(track, column, view, track.label + part, pen))
        lines += _changes_once([line for line in parts if line])
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
    return Panel(
        title,
        lines,
        None,
        _is_log(title, lines, None if strip else view.log),
        strip,
        view.label,
        whole=view.axis != "time",
    )


def _is_log(metric: str, lines: Sequence[Line], asked: bool | None) -> bool:
    """As asked for, else where a loss or a learning rate goes far."""
    if asked is not None:
        return asked
    known = [point[1] for point in Panel(metric, lines).extent()]
    return (
        (metric.endswith(("loss", "lr")) or metric.startswith(SIZES))
        and bool(known)
        and min(known) > 0
        and max(known) / LOG_FROM > min(known)
    )
