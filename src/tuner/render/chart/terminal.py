"""Curves as text: a line chart of braille dots (2 by 4 in a character), or of letters where braille cannot be shown.
They are told apart without colour: the first is a bare line, each further one carries marks of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

from tuner.chart import Edges, Panel, Pen, Points
from tuner.figures import number
from tuner.render.chart.scale import Scale
from tuner.render.text import can_draw, cells, escape, paint, shorten, shorten_middle

MARKS = "ox+*#@ABCDEFGHIJKLMNPQR"
ASCII_MARKS = f".{MARKS}"
FAINT = "'"  # what is faint, where braille cannot be shown
STYLES = ("blue", "yellow", "green", "magenta", "cyan", "red")
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Unicode's dot numbers, by row and column

MANY = 6
"""Curves of which a plane of the usual height can hold no more."""
SHARE, SHARE_OF_STRIP = 3, 1
"""What panels get of the room there is."""
LEAST = {SHARE: 3, SHARE_OF_STRIP: 2}
"""Rows of a plane, however little room there is."""
AROUND = 4
"""Lines of a panel beside plane and legend: its title, the x axis and its labels, the empty line before the next."""


@dataclass(frozen=True)
class Drawing:
    """How a chart is drawn: its columns and the rows of its plane, and what the terminal can do."""

    width: int = 80
    height: int = 14
    encoding: str = "utf-8"
    color: bool = False

    @cached_property
    def ascii(self) -> bool:
        """Whether there are letters alone to draw with."""
        return not can_draw(self.encoding)


def charts(panels: Sequence[Panel], look: Drawing, rows: int | None = None) -> str:
    """The panels one below the other, an empty line between them: in so many `rows` together if they can be held in
    them, else with planes as high as `look` says, or somewhat higher where there are many curves."""
    shares = [SHARE_OF_STRIP if panel.strip else SHARE for panel in panels]
    if rows is None:
        higher = [max(0, len(panel.lines) - MANY) for panel in panels]
        heights = [look.height * share // SHARE + more for share, more in zip(shares, higher, strict=True)]
    else:
        free = rows - sum(AROUND + len(_legend(panel, look)) for panel in panels)
        heights = [max(LEAST[share], free * share // sum(shares)) for share in shares]
    drawn = [chart(panel, replace(look, height=height)) for panel, height in zip(panels, heights, strict=True)]
    return "\n\n".join(drawn)


def chart(panel: Panel, look: Drawing | None = None) -> str:
    """The panel as lines of text: title, plane, x axis, legend; within `look.width` from 40 columns on."""
    look = look or Drawing()
    known = panel.extent()
    title = escape(panel.title, look.encoding) + (" (log scale)" if panel.log else "")
    if not known:
        return f"{shorten(title, look.width)}\n  no finite values to draw"
    x_axis = Scale.around(panel.width(), panel.log_x)
    y_axis = Scale.around([y for _, y in known], panel.log)
    height = max(2, look.height)
    labels = _y_labels(y_axis, height)
    margin = max(map(len, labels.values())) + 3
    name = escape(panel.x_label, look.encoding)
    room = look.width - margin - cells(name) - 2
    plane = Plane(max(10, room), height, x_axis, y_axis, look)
    if panel.best_at is not None and x_axis.low <= panel.best_at <= x_axis.high:
        plane.best = plane.column(panel.best_at) // plane.wide
    lines = list(zip(panel.lines, panel.pens(), strict=True))
    for line, pen in lines:  # bands behind, then what was before smoothing, then the curves
        plane.band(line.edges(panel.log), pen)
    for line, pen in lines:
        for point in [] if line.band else filter(None, line.raw_points(panel.log)):
            plane.dot(plane.place(point), pen, faint=True)
    for line, pen in lines:
        (plane.spots if line.apart else plane.curve)(line.points(panel.log), pen)
    bar, tick = ("|", "+") if look.ascii else ("│", "┤")
    drawn = [paint(shorten(title, look.width), "bold", look.color)]
    for row, text in enumerate(plane.rows()):
        label = labels.get(row, "")
        drawn.append(f"{label:>{margin - 2}} {tick if label else bar}{text}".rstrip())
    return "\n".join([*drawn, *_x_axis(plane, margin, name, panel), *_legend(panel, look)])


def _y_labels(axis: Scale, height: int) -> dict[int, str]:
    """Row -> label, of two numbers at least. The ends of the axis stand in where it holds no two round ones."""
    wanted = max(2, height // 2)
    ticks = next((found for more in range(3) if len(found := axis.ticks(wanted + more)) > 1), [axis.low, axis.high])
    rows = [round((1 - axis.share(tick)) * (height - 1)) for tick in ticks]
    return dict(zip(rows, axis.labels(ticks), strict=True))


def _x_axis(plane: Plane, margin: int, name: str, panel: Panel) -> list[str]:
    """The axis with its ticks, and their labels under it."""
    corner, line, tick = "+-+" if plane.look.ascii else "└─┬"
    axis, under = [line] * plane.width, [" "] * plane.width
    ticks = plane.x_axis.ticks(max(2, min(8, plane.width // 12)))
    shown = [at for at in ticks if at == round(at) or not panel.whole] or [plane.x_axis.low]
    texts: dict[float, str] = {at: number(int(at) if at == round(at) else at) for at in shown}
    texts = {float(at): name for at, name in enumerate(panel.names)} or texts
    room = plane.width // len(texts) - 2 if panel.names else plane.width
    free = 0
    for at, label in texts.items():
        text, column = shorten(escape(label, plane.look.encoding), room), plane.column(at) // plane.wide
        start = max(0, min(column - len(text) // 2, plane.width - len(text)))
        if start >= free:
            axis[column] = tick
            under[start : start + len(text)] = text
            free = start + len(text) + 2
    return [" " * (margin - 1) + corner + "".join(axis) + "  " + name, " " * margin + "".join(under).rstrip()]


def _legend(panel: Panel, look: Drawing) -> list[str]:
    """What the signs are, as many beside each other as fit; nothing for a single curve that is called as its panel."""
    entries: list[tuple[str, str]] = []
    for line, pen in zip(panel.lines, panel.pens(), strict=True):
        sign = letter_of(pen) * 3 if look.ascii else f"─{mark_of(pen) or '─'}─"
        sign = (letter_of(pen) if look.ascii else mark_of(pen) or "⠂") if line.apart else sign
        entry = f"{sign} {escape(line.label, look.encoding)}", style_of(pen)
        entries += [entry] if entry not in entries else []
    if any(line.raw and not line.band for line in panel.lines):
        entries.append((f"{FAINT if look.ascii else '⠂'} before smoothing", "dim"))
    if panel.best is not None:
        entries.append((f"{':' if look.ascii else '┊'} best epoch {panel.best}", "dim"))
    if [line.label for line in panel.lines] == [panel.title] and len(entries) == 1:
        return []
    lines, used = [""], 0
    for text, style in entries:
        text = shorten_middle(text, look.width - 2)
        if used and used + 3 + cells(text) > look.width - 2:
            lines, used = [*lines, ""], 0
        lines[-1] += ("   " if used else "  ") + paint(text, style, look.color)
        used += cells(text) + 3
    return lines


def mark_of(pen: Pen) -> str:
    """The sign on a curve of dots; the first curve has none."""
    return MARKS[(pen.sign - 1) % len(MARKS)] if pen.sign else ""


def letter_of(pen: Pen) -> str:
    """What a curve without braille is made of."""
    return FAINT if pen.faint else ASCII_MARKS[pen.sign % len(ASCII_MARKS)]


def style_of(pen: Pen) -> str:
    """What a curve is painted in."""
    return "dim" if pen.faint else STYLES[pen.color % len(STYLES)]


class Plane:
    """The cells between the axes; curves are drawn into its dots, counted from the top left, later ones above."""

    def __init__(self, width: int, height: int, x_axis: Scale, y_axis: Scale, look: Drawing) -> None:
        self.width, self.height, self.x_axis, self.y_axis, self.look = width, height, x_axis, y_axis, look
        self.wide, self.high = (1, 1) if look.ascii else (2, 4)
        self.bits: dict[tuple[int, int], int] = {}
        self.letters: dict[tuple[int, int], str] = {}
        self.styles: dict[tuple[int, int], str] = {}
        self.best = -1  # the column of a line from top to bottom, behind the curves

    def column(self, x: float) -> int:
        return round(self.x_axis.share(x) * (self.width * self.wide - 1))

    def place(self, point: tuple[float, ...]) -> tuple[int, ...]:
        """The dot column of its x, and the dot rows of what else it has."""
        x, *heights = point
        last = self.height * self.high - 1
        return (self.column(x), *(round((1 - self.y_axis.share(y)) * last) for y in heights))

    def band(self, edges: Edges, pen: Pen) -> None:
        """Sparse dots from the lowest to the highest; those of the next band stand between them."""
        for (start, low, high), (end, to_low, to_high) in _neighbours([edge and self.place(edge) for edge in edges]):
            for column in range(start, end + 1):
                share = (column - start) / max(1, end - start)
                top, bottom = round(high + (to_high - high) * share), round(low + (to_low - low) * share)
                for row in range(top, bottom + 1):
                    sparse = column % 2 == pen.sign % 2 and row % 4 == pen.sign // 2 % 2 * 2
                    if row in (top, bottom) if self.look.ascii else sparse:
                        self.dot((column, row), pen, faint=True)

    def curve(self, points: Points, pen: Pen) -> None:
        """Points joined by lines, except over gaps; marks at even distances."""
        places = [point and self.place(point) for point in points]
        for start, end in _neighbours(places):
            for place in _line(start, end):
                self.dot(place, pen)
        if pen.sign and not self.look.ascii:
            known = [(place[0] // 2, place[1] // 4) for place in places if place]
            distance, since = max(4, self.width // 8), -1
            for cell in known:
                if since < 0 or cell[0] >= since + distance or cell == known[-1]:
                    self.letters[cell], self.styles[cell] = mark_of(pen), style_of(pen)
                    since = cell[0]

    def spots(self, points: Points, pen: Pen) -> None:
        """A dot for each point, and its sign."""
        for place in [self.place(point) for point in points if point]:
            self.dot(place, pen)
            if pen.sign and not self.look.ascii:
                self.letters[place[0] // 2, place[1] // 4] = mark_of(pen)

    def rows(self) -> Iterator[str]:
        for row in range(self.height):
            cells = [self._cell(column, row) for column in range(self.width)]
            painted = groupby(cells, key=lambda cell: cell[1])
            runs = (("".join(text for text, _ in same), style) for style, same in painted)
            yield "".join(paint(text, style, self.look.color and style != "") for text, style in runs)

    def dot(self, place: tuple[int, ...], pen: Pen, faint: bool = False) -> None:
        column, row = place
        cell = (column // self.wide, row // self.high)
        self.styles[cell] = ("dim " if faint else "") + style_of(pen)
        if self.look.ascii:
            self.letters[cell] = FAINT if faint else letter_of(pen)
        else:
            self.bits[cell] = self.bits.get(cell, 0) | DOTS[row % 4][column % 2]

    def _cell(self, column: int, row: int) -> tuple[str, str]:
        """The character, and what it is painted in."""
        cell = (column, row)
        text = self.letters.get(cell) or (chr(BRAILLE + self.bits[cell]) if cell in self.bits else "")
        if text:
            return text, self.styles[cell]
        return (":" if self.look.ascii else "┊", "dim") if column == self.best else (" ", "")


def _neighbours(places: Sequence[tuple[int, ...] | None]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Each place with the one before it; the first one after a gap with itself."""
    before = None
    for at in places:
        if at:
            yield before or at, at
        before = at


def _line(start: tuple[int, ...], end: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """All dots from `start` to `end`, both included."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(steps + 1):
        share = step / steps
        yield round(start[0] + (end[0] - start[0]) * share), round(start[1] + (end[1] - start[1]) * share)
