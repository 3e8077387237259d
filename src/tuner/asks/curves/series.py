"""From runs to curves: a column over epochs, steps or seconds; the mean of a group; smoothing. Plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any

from tuner.chart import is_shown
from tuner.figures import mean, mean_of_known

AXES = ("epoch", "step", "time", "layer")
UNITS = ((3 * 3600, 3600, "h"), (180, 60, "min"), (0, 1, "s"))  # from how many seconds on, seconds in one, its name


@dataclass(frozen=True)
class Member:
    """One run: the rows of its metrics.csv, or one a layer, and the seconds of its epochs where they are asked for."""

    rows: Sequence[Mapping[str, Any]]
    seconds: Mapping[int, float] = field(default_factory=dict)


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

    @property
    def label(self) -> str:
        return f"{self.name} ({self.about})" if self.about else self.name

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
        ends = [at for track in tracks for at in positions(track, view, _epochs(track)) if math.isfinite(at)]
        unit = next((float(seconds), name) for start, seconds, name in UNITS if max(ends, default=0.0) >= start)
        members = [member for track in tracks for member in track.members if member.rows]
        layers = {tuple(str(row["layer"]) for row in member.rows) for member in members} if axis == "layer" else {()}
        return replace(view, unit=unit, layers=layers.pop() if len(layers) == 1 else ())

    @property
    def label(self) -> str:
        return {"time": f"time ({self.unit[1]})", "layer": "layer, the first is 1"}.get(self.axis, self.axis)


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


def series_of(track: Track, column: str, view: View) -> Series:
    """The column of the track. Each member is smoothed by itself before the mean is taken."""
    epochs = _epochs(track)
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
    for value in values:
        weight = weight * share + 1
        average += (value - average) / weight
        found.append(average)
    return found


def _at(epoch: int, members: Sequence[Mapping[int, float]]) -> list[float]:
    """What those members have that got there."""
    return [values[epoch] for values in members if epoch in values]


def _epochs(track: Track) -> list[int]:
    return sorted({epoch for member in track.members for epoch in epochs_of(member.rows)})


def epochs_of(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The epoch of each row: its own, else its place, counted from 1."""
    return [int(row.get("epoch") or place) for place, row in enumerate(rows, 1)]


def values_of(member: Member, column: str) -> dict[int, float]:
    """Epoch -> value, where there is one to show."""
    pairs = zip(epochs_of(member.rows), (row.get(column) for row in member.rows), strict=True)
    return {epoch: float(value) for epoch, value in pairs if value is not None and is_shown(value)}
