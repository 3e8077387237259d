"""Lines that come while something goes on: pairs of a label and a text, and the rows of a table one by one, which is
laid out before all of it is known."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from tuner.answer import Cell, Column, Spark
from tuner.events import EpochDone, StepsDone
from tuner.figures import duration, in_notation, spark
from tuner.render.talk import Talk
from tuner.render.text import GAP, fitting

Pairs = list[tuple[str, str]]
STYLES = {"note": "yellow", "next": "bold", "failed": "red"}
WIDTHS: dict[object, int] = {"figure": 9, "duration": 10}
"""Characters that numbers of a notation take."""

EXPONENT_BELOW = {"figure": 1e-3, "number": 1e-2}
EXPONENT_FROM = 1e6


class Work:
    """So many `units` (None: nobody knows) of which some are `ended`. How fast the rest is done is known from the first
    news on: before it, workers start."""

    def __init__(self, units: int | None, ended: int = 0) -> None:
        self.units, self.ended = units, ended
        self.shares: dict[object, float] = {}  # how much is done of those that are under way
        self._before, self._began = float(ended), 0.0

    def hear(self, unit: object, event: StepsDone | EpochDone, epochs: int) -> None:
        """How far the training of a unit is."""
        if isinstance(event, EpochDone):
            done = float(event.row.get("epoch") or 0)
        else:
            done = event.epoch - 1 + event.step / max(1, event.steps)
        self.shares[unit] = done / max(1, epochs)
        self._begin()

    def end(self, unit: object) -> None:
        self.shares.pop(unit, None)
        self.ended += 1
        self._begin()

    def _begin(self) -> None:
        if not self._began:
            self._before, self._began = self._done, time.monotonic()

    @property
    def _done(self) -> float:
        return self.ended + sum(self.shares.values())

    def told(self, words: str) -> tuple[float | None, str]:
        """The share that is done, and `words` with how long the rest is going to take, once that is known."""
        if self.units is None:
            return None, words
        done, elapsed = self._done, time.monotonic() - self._began
        new, left = done - self._before, self.units - done
        is_known = self._began > 0 and elapsed > 1 and new > max(0.05, 0.005 * self.units) and left > 0
        return done / max(1, self.units), words + remaining(elapsed / new * left if is_known else None)


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
        room, height = self._talk.size
        if room != self._room or (self._talk.is_live and self._below >= height - 2):
            self._room, self._below, self._widths = room, 0, self._fitted(room)
            self._talk.row((self._line([column.head for column in self._columns]), "bold"))
        self._below += 1
        texts = [self._text(place, cell) for place, cell in enumerate(cells[: len(self._columns)])]
        line = self._line(texts)
        end = len(texts[-1]) if line.endswith(texts[-1]) else 0
        self._talk.row((line[: len(line) - end], style), (line[len(line) - end :], last or style))

    def _fitted(self, room: int) -> dict[int, int]:
        """The columns that there is room for, and how wide each is."""
        places, columns = range(len(self._columns)), self._columns
        least = [max(columns[at].least or self._wanted[at], len(columns[at].head)) for at in places]
        widths = {at: self._wanted[at] for at in fitting([each.weight for each in columns], least, room)}
        over = sum(width + GAP for width in widths.values()) - GAP - room
        return {at: max(least[at], width - max(0, over)) for at, width in widths.items()}

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


def remaining(seconds: float | None) -> str:
    """How much longer, to stand behind something else."""
    return "" if seconds is None else f"  {duration(seconds)} left"


def say(talk: Talk, pairs: Sequence[tuple[str, str]], **styles: str) -> None:
    """Labels and what they stand for; a command to type is never broken."""
    for label, text in pairs:
        style = styles.get(label) or STYLES.get(label, "")
        talk.line(text, style, label, breaks=label != "next")
