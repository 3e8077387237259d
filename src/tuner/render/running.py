"""Tables whose rows come one by one while someone looks on: they are laid out before all of them is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tuner.answer import Cell, Column, Spark
from tuner.events import EpochDone
from tuner.figures import duration, in_notation, number, spark
from tuner.options.metrics import column
from tuner.render.talk import Talk

GAP = 2
WIDTHS: dict[object, int] = {"figure": 9, "duration": 10}
"""Characters that numbers of a notation take."""

EXPONENT_BELOW = {"figure": 1e-3, "number": 1e-2}
EXPONENT_FROM = 1e6
TREND = 12
LEAST_TREND = 4
WEIGHTS = {("train", False): 3, ("train", True): 4, ("val", False): 5, ("val", True): 6}
"""In which order metrics (and losses, True) fall away, after the course, lr and time; the monitor never does."""


class RunningTable:
    """Rows under their head on `talk`; on a terminal the head comes again once a screenful, and when the width changed.

    A column is as wide as its head, its notation or `widths` say. Where there is no room columns of a lower `weight`
    fall away first; one with a `least` is made narrower before. Its numbers are written as the first one asks for:
    with four decimals or with exponents.
    """

    def __init__(self, talk: Talk, columns: Sequence[Column], widths: Mapping[str, int]) -> None:
        self._talk, self._columns = talk, columns
        self._wanted = [max(len(c.head), WIDTHS.get(c.notation, 0), widths.get(c.head, 0)) for c in columns]
        self._exponents: dict[int, bool] = {}
        self._widths: dict[int, int] = {}
        self._room, self._below = 0, 0

    def add(self, cells: Sequence[Cell], style: str = "", last: str = "") -> None:
        """A row, painted in `style`, its last column in the style `last`; cells that have no column are left out."""
        room = self._talk.width
        if room != self._room or (self._talk.is_live and self._below >= self._talk.height - 2):
            self._room, self._below, self._widths = room, 0, self._fitted(room)
            self._talk.row((self._line([column.head for column in self._columns]), "bold"))
        self._below += 1
        texts = [self._text(place, cell) for place, cell in enumerate(cells[: len(self._columns)])]
        line = self._line(texts)
        end = len(texts[-1]) if line.endswith(texts[-1]) else 0
        self._talk.row((line[: len(line) - end], style), (line[len(line) - end :], last or style))

    def _fitted(self, room: int) -> dict[int, int]:
        """The columns that there is room for, and how wide each is."""
        widths = dict(enumerate(self._wanted))
        weights = {place: each.weight for place, each in enumerate(self._columns) if each.weight is not None}
        for place in sorted(weights, key=weights.__getitem__):
            over = sum(width + GAP for width in widths.values()) - GAP - room
            if over <= 0:
                break
            least = self._columns[place].least
            if least is not None and widths[place] - over >= max(least, len(self._columns[place].head)):
                widths[place] -= over
                break
            del widths[place]
        return widths

    def _line(self, texts: Sequence[str]) -> str:
        sides = [">" if column.side == "r" or column.notation in WIDTHS else "<" for column in self._columns]
        parts = [f"{texts[place]:{sides[place]}{width}}" for place, width in self._widths.items()]
        return (" " * GAP).join(parts).rstrip()

    def _text(self, place: int, cell: Cell) -> str:
        if isinstance(cell, Spark):
            return spark(cell.values, width=self._widths.get(place, 1), levels=self._talk.levels)
        notation = self._columns[place].notation
        if isinstance(cell, int | float) and notation == "duration":
            return duration(cell)
        if not isinstance(cell, float) or notation not in EXPONENT_BELOW:
            return "-" if cell is None else str(cell)
        if cell and math.isfinite(cell) and place not in self._exponents:
            self._exponents[place] = not EXPONENT_BELOW[notation] <= abs(cell) < EXPONENT_FROM
        return in_notation(cell, exponent=self._exponents.get(place, False))


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
    """The epochs of a run on `talk`: how far, losses, the metric, lr, time, the monitor's course, whether it is best.
    The columns follow from the first row."""

    def __init__(self, talk: Talk, first: Mapping[str, float | int | None], epochs: int, monitor: str) -> None:
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
        height = row.get(self._monitor)
        if height is not None and column(self._monitor).is_loss:  # its first fall would flatten all that follows
            height = math.log(height) if height > 0 else None
        self._trend.add(height)
        epoch = f"{number(row.get('epoch'))}/{number(self._epochs)}"
        values = [row.get(name) for name in (*self._names, "lr")]
        mark = "best" if done.best else ""
        self._table.add([epoch, *values, done.seconds, Spark(self._trend.points, TREND), mark], last="green")
