"""Curves as text: a line chart of braille dots (2 by 4 in a character), or of letters where braille cannot be shown.

Curves are told apart without colour: the first is a bare line, each further one carries marks of its own. A band is
sparse dots.
"""

from __future__ import annotations

from dataclasses import dataclass

from tuner.chart import Panel
from tuner.figures import number
from tuner.render.chart.plane import STYLES, Plane, letter_of, mark_of
from tuner.render.chart.scale import Scale
from tuner.render.text import cells, escape, paint, shorten, shorten_middle

MANY = 6
"""Curves of which a plane of the usual height can hold no more."""


LINES_AROUND = 4
"""Of a chart: its title, the x axis and its labels, the legend."""


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
    known = panel.extent()
    title = escape(panel.title) + (" (log scale)" if panel.log else "")
    if not known:
        return f"{shorten(title, look.width)}\n  no finite values to draw"
    x_axis = Scale.around([x for x, _ in known])
    y_axis = Scale.around([y for _, y in known], panel.log)
    height = look.height + max(0, len(panel.lines) - MANY)
    labels = _y_labels(y_axis, height)
    margin = max(map(len, labels.values())) + 3
    room = look.width - margin - cells(escape(panel.x_label)) - 2
    plane = Plane((max(10, room), max(2, height)), x_axis, y_axis, look.ascii, look.color)
    if panel.mark is not None and x_axis.low <= panel.mark <= x_axis.high:
        plane.upright(panel.mark)
    _draw(plane, panel)
    bar, tick = ("|", "+") if look.ascii else ("│", "┤")
    lines = [paint(shorten(title, look.width), "bold", look.color)]
    for row, text in enumerate(plane.rows()):
        label = labels.get(row, "")
        lines.append(f"{label:>{margin - 2}} {tick if label else bar}{text}".rstrip())
    return "\n".join([*lines, *_x_axis(plane, margin, panel), _legend(panel, look)])


def _y_labels(axis: Scale, height: int) -> dict[int, str]:
    """Row -> label. The ends of the axis stand in when it holds no two round numbers."""
    ticks = axis.ticks(max(2, height // 2))
    if len(ticks) < 2:
        ticks = [axis.low, axis.high]
    rows = [round((1 - axis.share(tick)) * (height - 1)) for tick in ticks]
    return dict(zip(rows, axis.labels(ticks), strict=True))


def _draw(plane: Plane, panel: Panel) -> None:
    """Bands behind, then what was before smoothing, then the curves."""
    lines = list(zip(panel.lines, panel.pens(), strict=True))
    for line, pen in lines:
        plane.band(line.edges(panel.log), pen)
    for line, pen in lines:
        if not line.band:
            plane.points(line.raw_points(panel.log), pen)
    for line, pen in lines:
        plane.curve(line.points(panel.log), pen)


def _x_axis(plane: Plane, margin: int, panel: Panel) -> list[str]:
    """The axis with its ticks, and their labels under it."""
    corner, line, tick = "+-+" if plane.ascii else "└─┬"
    axis, under = [line] * plane.width, [" "] * plane.width
    ticks = plane.x_axis.ticks(max(2, min(8, plane.width // 12)))
    free = 0
    for at in [at for at in ticks if at == round(at) or not panel.whole] or [plane.x_axis.low]:
        text, column = number(int(at) if at == round(at) else at), plane.column(at) // plane.wide
        start = max(0, min(column - len(text) // 2, plane.width - len(text)))
        if start >= free:
            axis[column] = tick
            under[start : start + len(text)] = text
            free = start + len(text) + 2
    name = escape(panel.x_label)
    return [" " * (margin - 1) + corner + "".join(axis) + "  " + name, " " * margin + "".join(under).rstrip()]


def _legend(panel: Panel, look: Look) -> str:
    entries = []
    for line, pen in zip(panel.lines, panel.pens(), strict=True):
        sign = letter_of(pen) * 3 if look.ascii else f"─{mark_of(pen) or '─'}─"
        entries.append((f"{sign} {escape(line.label)}", STYLES[pen.color % len(STYLES)]))
    if panel.best is not None:
        entries.append((f"{':' if look.ascii else '┊'} best epoch {panel.best}", "dim"))
    lines, used = [""], 0
    for text, style in entries:
        text = shorten_middle(text, look.width - 2)
        if used and used + 3 + cells(text) > look.width - 2:
            lines, used = [*lines, ""], 0
        lines[-1] += ("   " if used else "  ") + paint(text, style, look.color)
        used += cells(text) + 3
    return "\n".join(lines)
