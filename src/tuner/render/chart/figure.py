"""A chart as matplotlib's figure: panels side by side, strips below them, then names and notes.

It imports matplotlib, so it is imported only when an image is drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tuner.answer import Chart
from tuner.chart import Panel
from tuner.render.chart.axes import FONT_SIZE, GREY, draw_panel, marker, stroke
from tuner.render.text import escape, shorten_middle

SMALL = 11
DPI = 100
LONGEST_NAME = 72
BEFORE = "Thin and pale: before smoothing."
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": FONT_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#E4E4E4",
    "svg.hashsalt": "tuner",
    "svg.fonttype": "path",
    "text.parse_math": False,
}


def figure_of(chart: Chart) -> Figure:
    """The figure, in inches of 100 pixels; it grows by what the names and notes below the panels take."""
    wide = [panel for panel in chart.panels if not panel.strip] or [Panel("", [])]
    strips = [panel for panel in chart.panels if panel.strip]
    columns = min(2, len(wide))
    rows = -(-len(wide) // columns)
    size = (5.3 * columns if columns > 1 else 7.0, 0.5 + 3.4 * rows + 1.2 * len(strips))
    engine = ConstrainedLayoutEngine()
    figure = Figure(figsize=size, dpi=DPI, layout=engine)
    FigureCanvasAgg(figure)
    figure.suptitle(escape(chart.title), x=0.012, ha="left", fontweight="bold", fontsize=13, wrap=True)
    grid = figure.add_gridspec(rows + len(strips), columns, height_ratios=[4.0] * rows + [1.0] * len(strips))
    for place, panel in enumerate(wide):
        draw_panel(figure.add_subplot(grid[divmod(place, columns)]), panel, named=not chart.legend)
    for row, panel in enumerate(strips, rows):
        draw_panel(figure.add_subplot(grid[row, :]), panel, named=False)
    _below(figure, engine, chart)
    return figure


def _below(figure: Figure, engine: ConstrainedLayoutEngine, chart: Chart) -> None:
    """Puts the names of the curves and the notes under the panels."""
    width, height = figure.get_size_inches()
    letters = int(width * DPI / (SMALL * 0.78))
    notes = [*chart.notes, *[BEFORE] * any(line.raw for panel in chart.panels for line in panel.lines)]
    text = "\n".join(line for note in notes for line in textwrap.wrap(escape(note), letters))
    room = 0.12 + (text.count("\n") + 1) * SMALL * 1.25 / 72 if text else 0.0
    if chart.legend:
        engine.set(wspace=0.03)
    legend = _legend(figure, chart.panels) if chart.legend else None
    taken = room + (legend.get_window_extent().height / DPI + 0.06 if legend else 0.0)
    if not taken:
        return
    total = height + taken
    figure.set_size_inches(width, total)
    engine.set(rect=(0, taken / total, 1, height / total))
    if legend:
        legend.set_bbox_to_anchor((0.012, room / total))
    if text:
        figure.text(0.012, 0.06 / total, text, color=GREY, fontsize=SMALL, va="bottom", linespacing=1.25)


def _legend(figure: Figure, panels: Sequence[Panel]) -> Legend | None:
    """Every curve's name once, in as many columns as fit."""
    found: dict[str, Any] = {}
    for panel in panels:
        for line, pen in zip(panel.lines, panel.pens(), strict=True):
            sample = Line2D([], [], marker=marker(pen, line), markersize=5, **stroke(pen))
            band = Patch(facecolor=sample.get_color(), alpha=0.18)
            found.setdefault(line.label, (band, sample) if line.band else sample)
    names = [shorten_middle(escape(name), LONGEST_NAME) for name in found]
    for columns in range(min(6, len(names)), 0, -1):
        legend = figure.legend(
            list(found.values()),
            names,
            ncols=columns,
            loc="lower left",
            frameon=False,
            fontsize=SMALL,
            handlelength=3.2,
            borderaxespad=0,
            borderpad=0.2,
        )
        legend.set_in_layout(False)
        if columns == 1 or legend.get_window_extent().width <= 0.98 * figure.bbox.width:
            return legend
        legend.remove()
    return None
