"""The epochs of a run, a line each: how far, losses, the metric, lr, time, the monitor's course, if it is best."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tuner.answer import Column, Spark
from tuner.events import EpochDone
from tuner.figures import number
from tuner.options.metrics import column
from tuner.render.running import RunningTable
from tuner.render.talk import Talk

Row = Mapping[str, float | int | None]
TREND = 12
LEAST_TREND = 4
WEIGHTS = {("train", False): 3, ("train", True): 4, ("val", False): 5, ("val", True): 6}
"""In which order metrics (and losses, True) fall away, after the course, lr and time; the monitor never does."""


class Trend:
    """The course of a value over a run of any length, in at most 64 points: every n-th, n doubling as they fill up."""

    LIMIT = 64

    def __init__(self) -> None:
        self.points: list[float | None] = []
        self.every = 1
        self.seen = 0

    def add(self, value: float | None) -> None:
        if self.seen % self.every == 0:
            self.points.append(value)
        self.seen += 1
        if len(self.points) == self.LIMIT:
            self.points = self.points[::2]
            self.every *= 2


class EpochTable:
    """A line an epoch on `talk`; the columns follow from the first row."""

    def __init__(self, talk: Talk, first: Row, epochs: int, monitor: str) -> None:
        self._epochs, self._monitor, self._trend = epochs, monitor, Trend()
        asked, there = column(monitor), [each for each in map(column, first) if each.part]
        metric = next((each.name for each in [asked, *there] if each.part and not each.is_loss), "")
        losses = [each for each in there if each.is_loss]
        shown = [*losses, *(each for each in there if each.name == metric)]
        self._names = [str(each) for each in shown]
        weights = [None if each == asked else WEIGHTS[each.part, each.is_loss] for each in shown]
        columns = [
            Column("epoch", side="r"),
            *(Column(name, "figure", weight=weight) for name, weight in zip(self._names, weights, strict=True)),
            Column("lr", side="r", weight=1),
            Column("time", "duration", weight=2),
            Column("trend", weight=0, least=LEAST_TREND),
            Column("best"),
        ]
        sizes = {"epoch": 2 * len(number(epochs)) + 1, "lr": 9, "trend": TREND}
        self._table = RunningTable(talk, columns, sizes)

    def add(self, done: EpochDone) -> None:
        row = done.row
        self._trend.add(_height(row.get(self._monitor), self._monitor))
        epoch = f"{number(row.get('epoch'))}/{number(self._epochs)}"
        values = [row.get(name) for name in (*self._names, "lr")]
        mark = "best" if done.best else ""
        self._table.add([epoch, *values, done.seconds, Spark(self._trend.points, TREND), mark], last="green")


def _height(value: float | None, name: str) -> float | None:
    """What the trend draws: the logarithm of a loss, or its first fall would flatten all that follows."""
    if value is None or not column(name).is_loss:
        return value
    return math.log(value) if value > 0 else None
