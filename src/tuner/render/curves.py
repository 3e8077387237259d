"""Curves as text: a line chart of braille dots (2 by 4 in a character), or of letters where braille cannot be shown.

Curves are told apart without colour: the first is a bare line, each further one carries marks of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuner.render.panels import Panel
from tuner.render.scale import Scale
from tuner.render.text import cells, escape, number, paint, shorten

MARKS = "ox+*#@"
ASCII_MARKS = ".ox+*#@"
STYLES = ("blue", "yellow", "green", "magenta", "cyan", "red")
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Unicode's dot numbers, by row and column

Points = Sequence[tuple[float, float] | None]


@dataclass(frozen=True)
class Look:
    """How a chart is drawn: its columns and the rows of its plane, and what the terminal can do."""

    width: int = 80
    height: int = 14
    ascii: bool = False
    color: bool = False


def chart(panel: Panel, look: Look | None = None) -> str:
    """The panel as lines of text: title, plane, x axis, legend; within `look.width` from 40 columns on."""
    look = look or Look()
    curves = [line.points(panel.log) for line in panel.lines]
    known = [point for curve in curves for point in curve if point]
    title = escape(panel.title) + (" (log scale)" if panel.log else "")
    if not known:
        return f"{shorten(title, look.width)}\n  no finite values to draw"
    x_axis = Scale.around([x for x, _ in known])
    y_axis = Scale.around([y for _, y in known], panel.log)
    labels = _y_labels(y_axis, look.height)
    margin = max(map(len, labels.values())) + 3
    room = look.width - margin - cells(escape(panel.x_label)) - 2
    plane = _Plane(max(10, room), max(2, look.height), x_axis, y_axis, look)
    if panel.best is not None and x_axis.low <= panel.best <= x_axis.high:
        plane.upright(panel.best)
    for index, curve in enumerate(curves):
        plane.curve(curve, index)
    bar, tick = ("|", "+") if look.ascii else ("│", "┤")
    lines = [paint(shorten(title, look.width), "bold", look.color)]
    for row, text in enumerate(plane.rows()):
        label = labels.get(row, "")
        lines.append(f"{label:>{margin - 2}} {tick if label else bar}{text}".rstrip())
    return "\n".join([*lines, *_x_axis(plane, margin, panel.x_label), _legend(panel, look)])


def _y_labels(axis: Scale, height: int) -> dict[int, str]:
    """Row -> label. The ends of the axis stand in when it holds no two round numbers."""
    ticks = axis.ticks(max(2, height // 2))
    if len(ticks) < 2:
        ticks = [axis.low, axis.high]
    rows = [round((1 - axis.share(tick)) * (height - 1)) for tick in ticks]
    return dict(zip(rows, axis.labels(ticks), strict=True))


def _x_axis(plane: _Plane, margin: int, name: str) -> list[str]:
    """The axis with its ticks, and their labels under it."""
    corner, line, tick = "+-+" if plane.look.ascii else "└─┬"
    axis, under = [line] * plane.width, [" "] * plane.width
    ticks = plane.x_axis.ticks(max(2, min(8, plane.width // 12)))
    ticks = [at for at in ticks if at == round(at)] or [plane.x_axis.low]
    free = 0
    for at in ticks:
        text, column = number(int(at) if at == round(at) else at), plane.column(at) // plane.wide
        start = max(0, min(column - len(text) // 2, plane.width - len(text)))
        if start >= free:
            axis[column] = tick
            under[start : start + len(text)] = text
            free = start + len(text) + 2
    return [" " * (margin - 1) + corner + "".join(axis) + "  " + escape(name), " " * margin + "".join(under).rstrip()]


def _legend(panel: Panel, look: Look) -> str:
    entries = []
    for index, line in enumerate(panel.lines):
        sign = _ascii_mark(index) * 3 if look.ascii else f"─{_mark(index) or '─'}─"
        entries.append((f"{sign} {escape(line.label)}", STYLES[index % len(STYLES)]))
    if panel.best is not None:
        entries.append((f"{':' if look.ascii else '┊'} best epoch {panel.best}", "dim"))
    lines, used = [""], 0
    for text, style in entries:
        text = shorten(text, look.width - 2)
        if used and used + 3 + cells(text) > look.width - 2:
            lines, used = [*lines, ""], 0
        lines[-1] += ("   " if used else "  ") + paint(text, style, look.color)
        used += cells(text) + 3
    return "\n".join(lines)


def _mark(index: int) -> str:
    return MARKS[(index - 1) % len(MARKS)] if index else ""


def _ascii_mark(index: int) -> str:
    return ASCII_MARKS[index % len(ASCII_MARKS)]


class _Plane:
    """The cells between the axes; curves are drawn into its dots, counted from the top left."""

    def __init__(self, width: int, height: int, x_axis: Scale, y_axis: Scale, look: Look) -> None:
        self.width, self.height, self.x_axis, self.y_axis, self.look = width, height, x_axis, y_axis, look
        self.wide, self.high = (1, 1) if look.ascii else (2, 4)
        self.bits: dict[tuple[int, int], int] = {}
        self.letters: dict[tuple[int, int], str] = {}
        self.owner: dict[tuple[int, int], int] = {}
        self.best = -1

    def column(self, x: float) -> int:
        """The dot column of `x`."""
        return round(self.x_axis.share(x) * (self.width * self.wide - 1))

    def row(self, y: float) -> int:
        return round((1 - self.y_axis.share(y)) * (self.height * self.high - 1))

    def upright(self, x: float) -> None:
        """A line from top to bottom, behind the curves."""
        self.best = self.column(x) // self.wide

    def curve(self, points: Points, index: int) -> None:
        """Draw one curve: points joined by lines, except over gaps; marks at even distances."""
        before = None
        for point in points:
            at = (self.column(point[0]), self.row(point[1])) if point else None
            if at:
                for column, row in _line(before or at, at):
                    self._dot(column, row, index)
            before = at
        if index and not self.look.ascii:
            self._put_marks(points, index)

    def rows(self) -> Iterator[str]:
        for row in range(self.height):
            yield "".join(self._cell(column, row) for column in range(self.width))

    def _dot(self, column: int, row: int, index: int) -> None:
        cell = (column // self.wide, row // self.high)
        self.owner[cell] = index
        if self.look.ascii:
            self.letters[cell] = _ascii_mark(index)
        else:
            self.bits[cell] = self.bits.get(cell, 0) | DOTS[row % 4][column % 2]

    def _put_marks(self, points: Points, index: int) -> None:
        distance, since = max(4, self.width // 8), -1
        known = [(self.column(point[0]) // 2, self.row(point[1]) // 4) for point in points if point]
        for column, row in known:
            if since < 0 or column >= since + distance:
                self.letters[column, row], self.owner[column, row] = _mark(index), index
                since = column
        if known:
            self.letters[known[-1]], self.owner[known[-1]] = _mark(index), index

    def _cell(self, column: int, row: int) -> str:
        cell = (column, row)
        text = self.letters.get(cell) or (chr(BRAILLE + self.bits[cell]) if cell in self.bits else "")
        if text:
            return paint(text, STYLES[self.owner[cell] % len(STYLES)], self.look.color)
        if column == self.best:
            return paint(":" if self.look.ascii else "┊", "dim", self.look.color)
        return " "


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """All dots from `start` to `end`, both included."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        share = step / steps
        yield round(start[0] + (end[0] - start[0]) * share), round(start[1] + (end[1] - start[1]) * share)
