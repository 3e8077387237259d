"""What curves show, as plain data: the terminal chart and the image are drawn from the same panels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST, SMALLEST = 1e300, 1e-100
COLORS = 7

Points = list[tuple[float, float] | None]
Edges = list[tuple[float, float, float] | None]


@dataclass(frozen=True)
class Pen:
    """How a line is told from the others: places in the lists of colours, of strokes and marks (in an image), and of
    signs (in a terminal). Lists that are shorter are begun again. A `faint` one is thin and grey."""

    color: int
    stroke: int
    mark: int
    sign: int
    faint: bool = False

    @classmethod
    def number(cls, index: int) -> Pen:
        """The pen of the line at that place: another stroke once the colours are used up."""
        return cls(index, index // COLORS, index, index)


@dataclass(frozen=True)
class Line:
    """One curve: `y` over `x`, both of one length; a gap where a value is missing or not finite.

    A group's mean has a `band` from the lowest to the highest member beside each point, and `changes`: where the mean
    is from then on one of another number of members. A smoothed curve has its `raw` values behind it. `apart`: its
    points stand for themselves and are not joined.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float | None]
    band: Sequence[tuple[float, float] | None] = ()
    raw: Sequence[float | None] = ()
    changes: Sequence[tuple[float, float, int]] = ()  # x, y, members
    pen: Pen | None = None
    apart: bool = False
    name: str = ""  # where others have its label, too

    def points(self, log: bool = False) -> Points:
        """The points in order, None for a gap; on a log axis what is outside 1e-100 to 1e100 is one too."""
        return [_point(x, y, log) for x, y in zip(self.x, self.y, strict=True)]

    def raw_points(self, log: bool = False) -> Points:
        """The points before smoothing; none for a line that is not smoothed."""
        return [_point(x, y, log) for x, y in zip(self.x, self.raw, strict=False)]

    def edges(self, log: bool = False) -> Edges:
        """x, lowest and highest; none for a line without a band."""
        found: Edges = []
        for x, ends in zip(self.x, self.band, strict=False):
            low, high = (_point(x, end, log) for end in ends) if ends else (None, None)
            found.append((low[0], low[1], high[1]) if low and high else None)
        return found


@dataclass(frozen=True)
class Panel:
    """Curves that share their axes. `best` is the best epoch, which stands at `best_at` on the x axis; a `strip` is a
    thin panel below the others; `whole`: x counts something; `log_x`: its axis is logarithmic, and all x are above 0.
    `y_label` says at length what the title names. With `names` x is a place among these, from 0 on."""

    title: str
    lines: Sequence[Line]
    best: int | None = None
    log: bool = False
    strip: bool = False
    x_label: str = "epoch"
    best_at: float | None = None
    whole: bool = True
    y_label: str = ""
    log_x: bool = False
    names: Sequence[str] = ()

    def pens(self) -> list[Pen]:
        return [line.pen or Pen.number(index) for index, line in enumerate(self.lines)]

    def extent(self) -> list[tuple[float, float]]:
        """All points that the axes have to hold."""
        found = [each for line in self.lines for each in (*line.points(self.log), *line.raw_points(self.log)) if each]
        edges = [edge for line in self.lines for edge in line.edges(self.log) if edge]
        return [*found, *((x, end) for x, *ends in edges for end in ends)]

    def width(self) -> list[float]:
        """All x that the axis has to hold; of names half a place beside the first and the last."""
        return [-0.5, len(self.names) - 0.5] if self.names else [x for x, _ in self.extent()]


def is_shown(value: float | None) -> bool:
    """Beyond 1e300 the length of an axis is no longer a number."""
    return value is not None and math.isfinite(value) and abs(value) <= LARGEST


def _point(x: float, y: float | None, log: bool) -> tuple[float, float] | None:
    if y is None or not is_shown(x) or not is_shown(y) or (log and not SMALLEST <= y <= 1 / SMALLEST):
        return None
    return float(x), float(y)
