"""The cells between the axes of a terminal chart: dots of braille (2 by 4 in a character), or letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from tuner.chart import Edges, Pen, Points
from tuner.render.chart.scale import Scale
from tuner.render.text import paint

MARKS = "ox+*#@ABCDEFGHIJKLMNPQR"
ASCII_MARKS = f".{MARKS}"
FAINT = "'"  # what is faint, where braille cannot be shown
STYLES = ("blue", "yellow", "green", "magenta", "cyan", "red")
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Unicode's dot numbers, by row and column

Place = TypeVar("Place", tuple[int, int], tuple[int, int, int])


def mark_of(pen: Pen) -> str:
    """The sign on a curve of dots; the first curve has none."""
    return MARKS[(pen.sign - 1) % len(MARKS)] if pen.sign else ""


def letter_of(pen: Pen) -> str:
    """What a curve without braille is made of."""
    return ASCII_MARKS[pen.sign % len(ASCII_MARKS)]


def style_of(pen: Pen) -> str:
    """What a curve is painted in."""
    return STYLES[pen.color % len(STYLES)]


class Plane:
    """Curves are drawn into its dots, counted from the top left; what comes later lies above."""

    def __init__(self, size: tuple[int, int], x_axis: Scale, y_axis: Scale, ascii_only: bool, color: bool) -> None:
        self.width, self.height = size
        self.x_axis, self.y_axis, self.ascii, self.color = x_axis, y_axis, ascii_only, color
        self.wide, self.high = (1, 1) if ascii_only else (2, 4)
        self.bits: dict[tuple[int, int], int] = {}
        self.letters: dict[tuple[int, int], str] = {}
        self.styles: dict[tuple[int, int], str] = {}
        self.best = -1

    def column(self, x: float) -> int:
        """The dot column of `x`."""
        return round(self.x_axis.share(x) * (self.width * self.wide - 1))

    def row(self, y: float) -> int:
        return round((1 - self.y_axis.share(y)) * (self.height * self.high - 1))

    def upright(self, x: float) -> None:
        """A line from top to bottom, behind the curves."""
        self.best = self.column(x) // self.wide

    def band(self, edges: Edges, pen: Pen) -> None:
        """Sparse dots from the lowest to the highest; those of the next band stand between them."""
        places = [(self.column(edge[0]), self.row(edge[1]), self.row(edge[2])) if edge else None for edge in edges]
        for (start, low, high), (end, to_low, to_high) in _neighbours(places):
            for column in range(start, end + 1):
                share = (column - start) / max(1, end - start)
                top, bottom = round(high + (to_high - high) * share), round(low + (to_low - low) * share)
                for row in range(top, bottom + 1):
                    sparse = not self.ascii and column % 2 == pen.sign % 2 and row % 4 == pen.sign // 2 % 2 * 2
                    if sparse or (self.ascii and row in (top, bottom)):
                        self._dot(column, row, pen, faint=True)

    def points(self, points: Points, pen: Pen) -> None:
        """Single faint dots."""
        for point in points:
            if point:
                self._dot(self.column(point[0]), self.row(point[1]), pen, faint=True)

    def curve(self, points: Points, pen: Pen) -> None:
        """Points joined by lines, except over gaps; marks at even distances."""
        places = [(self.column(point[0]), self.row(point[1])) if point else None for point in points]
        for start, end in _neighbours(places):
            for column, row in _line(start, end):
                self._dot(column, row, pen)
        if pen.sign and not self.ascii:
            self._put_marks([(place[0] // 2, place[1] // 4) for place in places if place], pen)

    def rows(self) -> Iterator[str]:
        for row in range(self.height):
            cells = [self._cell(column, row) for column in range(self.width)]
            painted = groupby(cells, key=lambda cell: cell[1])
            yield "".join(
                paint("".join(text for text, _ in same), style, self.color and style != "") for style, same in painted
            )

    def _dot(self, column: int, row: int, pen: Pen, faint: bool = False) -> None:
        cell = (column // self.wide, row // self.high)
        self.styles[cell] = ("dim " if faint else "") + style_of(pen)
        if self.ascii:
            self.letters[cell] = FAINT if faint else letter_of(pen)
        else:
            self.bits[cell] = self.bits.get(cell, 0) | DOTS[row % 4][column % 2]

    def _put_marks(self, known: Sequence[tuple[int, int]], pen: Pen) -> None:
        distance, since = max(4, self.width // 8), -1
        for cell in known:
            if since < 0 or cell[0] >= since + distance or cell == known[-1]:
                self.letters[cell], self.styles[cell] = mark_of(pen), style_of(pen)
                since = cell[0]

    def _cell(self, column: int, row: int) -> tuple[str, str]:
        """The character, and what it is painted in."""
        cell = (column, row)
        text = self.letters.get(cell) or (chr(BRAILLE + self.bits[cell]) if cell in self.bits else "")
        if text:
            return text, self.styles[cell]
        return (":" if self.ascii else "┊", "dim") if column == self.best else (" ", "")


def _neighbours(places: Sequence[Place | None]) -> Iterator[tuple[Place, Place]]:
    """Each place with the one before it; the first one after a gap with itself."""
    before = None
    for at in places:
        if at:
            yield before or at, at
        before = at


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """All dots from `start` to `end`, both included."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        share = step / steps
        yield round(start[0] + (end[0] - start[0]) * share), round(start[1] + (end[1] - start[1]) * share)
