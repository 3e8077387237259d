"""From runs to curves: runs and groups as tracks, epoch by epoch or, from layer_stats.jsonl, layer by layer; their
columns over epochs, steps or seconds; the mean of a group; smoothing. Plain numbers."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from tuner.chart import is_shown
from tuner.config.varied import is_folder, noun
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import mean, mean_of_known
from tuner.quantities import LAYER
from tuner.runs.family import Group
from tuner.runs.folder import Run
from tuner.runs.values import Metric, parse_metric, value

AXES = ("epoch", "step", "time", "layer")
UNITS = ((3 * 3600, 3600, "h"), (180, 60, "min"), (0, 1, "s"))  # from how many seconds on, seconds in one, its name
USUAL = ("activation_std@0", "gradient_norm@0")
"""What is drawn unless something else is asked for: before the first step."""
WHEN = {None: "at the best epoch", 0: "before the first step", -1: "at the end"}


@dataclass(frozen=True)
class Member:
    """One run: the rows of its metrics.csv, or one a layer, and the seconds of its epochs where they are asked for."""

    rows: Sequence[Mapping[str, Any]]
    seconds: Mapping[int, float] = field(default_factory=dict)

    def by_epoch(self) -> list[tuple[int, Mapping[str, Any]]]:
        """The rows with their epochs: their own, else their places, counted from 1."""
        return [(int(row.get("epoch") or place), row) for place, row in enumerate(self.rows, 1)]


@dataclass(frozen=True)
class Track:
    """What is drawn as one line a metric: a run, or a group as the mean of its members. `about` says what it is beside
    its name. Tracks of one family belong together, as the members of a group do that are drawn one by one."""

    name: str
    members: Sequence[Member]
    is_group: bool = False
    about: str = ""
    family: str = ""
    monitor: str = "val_loss"
    best: int | None = None  # a single run's best epoch
    member: str = "seed"  # what each of the members of a group is
    is_faint: bool = False  # it stands behind the others, and has no name of its own

    def epochs(self) -> list[int]:
        return sorted({epoch for member in self.members for epoch, _ in member.by_epoch()})

    def columns(self) -> list[str]:
        """The columns that say something of an epoch, or layer."""
        found = dict.fromkeys(column for member in self.members for row in member.rows[-1:] for column in row)
        return [column for column in found if column not in ("epoch", "step", "layer")]


@dataclass(frozen=True)
class View:
    """How curves are looked at: over what, how much smoothed (0: not at all), on which y axis (None: as fits); times in
    a unit of so many seconds."""

    axis: str = "epoch"
    smooth: float = 0.0
    log: bool | None = None
    unit: tuple[float, str] = (1.0, "s")
    layers: tuple[str, ...] = ()  # the names of the places on the axis of layers, where all tracks have the same

    @classmethod
    def of(cls, tracks: Sequence[Track], axis: str, smooth: float = 0.0, log: bool | None = None) -> View:
        """With the unit that suits the times of the tracks, or the layers that all of them have."""
        view = cls(axis, smooth, log)
        ends = [at for track in tracks for at in positions(track, view, track.epochs()) if math.isfinite(at)]
        unit = next((float(seconds), name) for start, seconds, name in UNITS if max(ends, default=0.0) >= start)
        members = [member for track in tracks for member in track.members if member.rows]
        layers = {tuple(str(row["layer"]) for row in member.rows) for member in members} if axis == "layer" else {()}
        return replace(view, unit=unit, layers=layers.pop() if len(layers) == 1 else ())


@dataclass(frozen=True)
class Series:
    """A column of a track, epoch by epoch: the mean over the `counts` members that have a value there, the lowest and
    highest of them, and the mean before smoothing. `x` is not a number where it is not known."""

    epochs: Sequence[int]
    x: Sequence[float]
    y: Sequence[float | None]
    band: Sequence[tuple[float, float] | None]
    raw: Sequence[float | None]
    counts: Sequence[int]

    def changes(self) -> list[int]:
        """The places from which on the mean is one of another number of members."""
        there = [place for place, count in enumerate(self.counts) if count]
        return [after for before, after in pairwise(there) if self.counts[before] != self.counts[after]]


# ---- of runs and groups ----------------------------------------------------------------------------------------------


def tracks_of(
    groups: Sequence[Group], axis: str = "epoch", metrics: Sequence[str] = (), members: bool = False
) -> tuple[list[Track], list[str]]:
    """A track a run or group, or one a member with `members`; with the seconds of epochs where `axis` is ``time``, and
    the metrics of layers where it is ``layer``. Beside them, what could not be read, has nothing to draw or was named
    twice.

    Raises NotFoundError when a run that was named is damaged, or when nothing is left.
    """
    complaints = [text for group in groups for text in group.damaged.values()]
    there: dict[str, tuple[Group, str]] = {}
    for group in groups:
        for part in group.apart() if members else [group]:
            place = os.path.realpath(part.path)
            if place in there:
                complaints.append(f"{shown(part.path)} is drawn once, though named twice")
            there.setdefault(place, (part, str(group.path)))
    tracks = []
    names = distinct([part.path for part, _ in there.values()])
    for (part, family), name in zip(there.values(), names, strict=True):
        first, monitor = part.first, part.first.monitor
        found = [_member(run, axis, metrics, complaints, must=str(run.path) == family) for run in part.runs.values()]
        if not any(member.rows for member in found):
            complaints.append(f"{name} has no finished epoch yet")
        elif not part.is_single:
            lost = [Member(()) for _ in part.damaged]
            about, each = _mean_of(part, found), noun(part.varies)
            tracks.append(Track(name, [*found, *lost], True, about, family, monitor, member=each))
        else:
            about = "" if first.state == "finished" else first.state
            best = None if axis == "layer" else first.status.get("best_epoch")
            tracks.append(Track(name, found, False, about, family, monitor, best))
    if not tracks:
        raise NotFoundError("; ".join(dict.fromkeys(complaints)), fix=f"tuner show {shown(groups[0].path)} says more")
    if axis == "time" and not any(member.seconds for track in tracks for member in track.members):
        raise NotFoundError("; ".join(dict.fromkeys(complaints)), fix="--x epoch and --x step need no times")
    return tracks, complaints


def distinct(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, with as many of those before it as tell the paths apart; neighbours are named alike,
    and members after their family where there is more than one."""
    parts = [Path(os.path.abspath(path)).parts for path in paths]  # noqa: PTH100 - links keep the name they were given
    folders = {part[:-1] for part in parts}
    lengths = {part: 2 if len(folders) > 1 and is_folder(part[-1]) else 1 for part in parts}
    while True:
        names = {part: "/".join(part[-length:]) for part, length in lengths.items()}
        alike = {part[:-1] for part in names if list(names.values()).count(names[part]) > 1}
        if not alike:
            return [names[part] for part in parts]
        lengths = {part: length + (part[:-1] in alike) for part, length in lengths.items()}


def _member(run: Run, axis: str, metrics: Sequence[str], complaints: list[str], must: bool) -> Member:
    """What is drawn of a run; nothing, and a complaint, where a member's files are damaged."""
    found = Member(())
    try:
        found = Member(layer_rows(run, metrics) if axis == "layer" else run.rows)
        return replace(found, seconds=run.seconds) if axis == "time" and found.rows else found
    except NotFoundError as error:
        if must and not found.rows:
            raise
        complaints.append(error.message)
        return found


def _mean_of(group: Group, read: Sequence[Member]) -> str:
    """``mean of 6 seeds``, ``mean of 5 of 6 seeds, 1 diverged``."""
    there, total = sum(bool(member.rows) for member in read), len(read) + len(group.damaged)
    states = Counter(run.state for run in group.runs.values() if run.state != "finished")
    odd = [f"{count} {state}" for state, count in states.items()]
    return ", ".join(["mean of " + f"{there} of " * (there < total) + group.counted(total), *odd])


# ---- numbers ---------------------------------------------------------------------------------------------------------


def series_of(track: Track, column: str, view: View) -> Series:
    """The column of the track. Each member is smoothed by itself before the mean is taken."""
    epochs = track.epochs()
    raw = [values_of(member, column) for member in track.members]
    shown = [dict(zip(known, smoothed(list(known.values()), view.smooth), strict=True)) for known in raw]
    there = [_at(epoch, shown) for epoch in epochs]
    return Series(
        epochs,
        positions(track, view, epochs),
        [mean_of_known(values) for values in there],
        [(min(values), max(values)) if values else None for values in there],
        [mean_of_known(_at(epoch, raw)) for epoch in epochs],
        [len(values) for values in there],
    )


def positions(track: Track, view: View, epochs: Sequence[int]) -> list[float]:
    """Where the epochs of a track stand on the x axis, NaN where that is not known.

    Steps are the mean over the members that got there. Times are cumulated: each epoch adds the mean of the seconds
    that it took the members that got there, so that the end of a slow member does not turn time back.
    """
    if view.axis in ("epoch", "layer"):
        return [float(epoch) for epoch in epochs]
    is_step = view.axis == "step"
    members = [values_of(member, "step") if is_step else member.seconds for member in track.members]
    means = [mean(values) if (values := _at(epoch, members)) else math.nan for epoch in epochs]
    return means if is_step else [total / view.unit[0] for total in accumulate(means)]


def smoothed(values: Sequence[float], share: float) -> list[float]:
    """The exponential moving average over all values, corrected for its start: the weighted mean of the values so far,
    where each weighs `share` of the one after it (0: the values themselves).

    Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1: the corrected first moment.
    """
    if not share:
        return list(values)
    found: list[float] = []
    average, weight = 0.0, 0.0
    for each in values:
        weight = weight * share + 1
        average += (each - average) / weight
        found.append(average)
    return found


def _at(epoch: int, members: Sequence[Mapping[int, float]]) -> list[float]:
    """What those members have that got there."""
    return [values[epoch] for values in members if epoch in values]


def values_of(member: Member, column: str) -> dict[int, float]:
    """Epoch -> value, where there is one to show."""
    pairs = ((epoch, row.get(column)) for epoch, row in member.by_epoch())
    return {epoch: float(found) for epoch, found in pairs if found is not None and is_shown(found)}


# ---- layers ----------------------------------------------------------------------------------------------------------


def layer_metric(text: str) -> Metric:
    """``activation_std``, ``activation_std@0``, ``activation_std@last``. Raises UsageError for what has no value in
    every layer."""
    with suppress(UsageError):
        metric = parse_metric(text)
        if metric.column in LAYER:
            return metric
    forms = ", ".join([*LAYER, USUAL[0], f"{list(LAYER)[-1]}@last"])
    raise UsageError(f"{shown(text)} is nothing that a layer has", fix=f"--x layer draws {forms}.")


def layer_label(metric: Metric) -> str:
    """What an axis calls it: ``norm of the gradient (before the first step)``."""
    return f"{LAYER[metric.column].label} ({WHEN.get(metric.at, f'after epoch {metric.at}')})"


def layer_rows(run: Run, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A row a layer with weights, first to last: its name under ``layer``, and the metrics.

    Raises NotFoundError, and UsageError where nothing was measured at that epoch.
    """
    layers = dict.fromkeys(str(row["layer"]) for row in run.layers)
    if not layers:
        raise NotFoundError(f"the layers of {shown(run.path)} were not measured", fix="layer_stats=auto measures them.")
    rows: list[dict[str, Any]] = [{"layer": layer} for layer in layers]
    for text in metrics:
        asked = layer_metric(text)
        for row in rows:
            row[text] = value(run, replace(asked, column=f"{asked.column}({row['layer']})"))
    return rows
