"""A chart as matplotlib's figure: panels side by side, strips below them, then names and notes. It imports matplotlib,
so it is imported only when an image is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, NullLocator

from tuner.answer import Chart
from tuner.chart import Line, Panel, Pen, Points
from tuner.figures import mean
from tuner.render.chart.scale import Scale
from tuner.render.text import escape, shorten_middle

# Okabe and Ito's palette, told apart under every common colour blindness; its yellow is too pale on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STROKES = ("-", "--", "-.", ":")
MARKERS, SPOTS = "os^Dv", "oX*"
GREY, PALE = "#555555", "#A8A8A8"
FONT_SIZE = 12
MARKS = 20
MARKS_AMONG_MANY = 6
NAME_GAP = 0.075  # of the plane's height: one line of text
CHANGE_GAP = 0.09  # of the plane's width: the number of members
LONG_LABEL, LETTERS = 30, 44
SMALL = 11
DPI = 100
TICKS = [1, 2, 2.5, 5, 10]  # and ten times as far: numbers that people count in
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
    "legend.borderaxespad": 0,
    "legend.borderpad": 0.2,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
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
    legend = None
    if chart.legend:
        engine.set(wspace=0.03)
        legend = _legend(figure, chart.panels)
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
            sample = Line2D(
                [], [], **(spot(pen) if line.apart else {"marker": marker(pen, line), "markersize": 5, **stroke(pen)})
            )
            band = Patch(facecolor=sample.get_color(), alpha=0.18)
            found.setdefault(line.label, (band, sample) if line.band else sample)
    names = [shorten_middle(escape(name), LONGEST_NAME) for name in found]
    for columns in range(min(6, len(names)), 0, -1):
        legend = figure.legend(list(found.values()), names, ncols=columns, loc="lower left")
        legend.set_in_layout(False)
        if columns == 1 or legend.get_window_extent().width <= 0.98 * figure.bbox.width:
            return legend
        legend.remove()
    return None


def draw_panel(axes: Axes, panel: Panel, *, named: bool) -> None:
    """The panel; `named`: each curve's name beside its end."""
    axes.set_xlabel(escape(panel.x_label))
    text = escape(panel.y_label or panel.title) + (", log scale" if panel.log and not panel.strip else "")
    start, bracket, rest = text.partition(" (")
    axes.set_ylabel(f"{start}\n({rest}" if bracket and len(text) > LONG_LABEL else text)
    ends = [_curve(axes, panel, index) for index in range(len(panel.lines))]
    if all(end is None for end in ends):
        axes.text(0.5, 0.5, "no finite values to draw", transform=axes.transAxes, ha="center", color=GREY)
        axes.set(xticks=[], yticks=[])
        return
    axes.margins(x=0.05 if any(line.apart for line in panel.lines) else 0.02)
    bins = 8 if axes.dataLim.xmax < 1000 else 5
    axes.xaxis.set_major_locator(MaxNLocator(nbins=bins, steps=TICKS, integer=panel.whole, min_n_ticks=1))
    if panel.names:
        _names_below(axes, panel)
    elif panel.log_x:
        axes.set_xscale("log")
        _powers(axes.xaxis, [x for x, _ in panel.extent()], bins)
    if panel.log:
        axes.set_yscale("log")
        _powers(axes.yaxis, [y for _, y in panel.extent()], 3 if panel.strip else 7)
    elif panel.strip:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    if panel.best is not None and panel.best_at is not None:
        _mark_best(axes, panel.best, panel.best_at)
    if named:
        _name_curves(axes, panel, ends)


def _names_below(axes: Axes, panel: Panel) -> None:
    """The names of the places, slanted where they are too long to stand beside each other."""
    room = LETTERS // len(panel.names)
    names = [shorten_middle(escape(name), max(room, LONG_LABEL // 2)) for name in panel.names]
    axes.set_xticks(range(len(names)), names)
    if max(map(len, names)) > room:
        axes.tick_params(axis="x", labelrotation=25)
    axes.set_xlim(*panel.width())


def _powers(axis: Axis, values: Sequence[float], wanted: int) -> None:
    """About so many plain numbers beside a logarithmic axis, in place of powers of ten."""
    scale = Scale.around(values, log=True)
    ticks = scale.ticks(wanted)
    axis.set_ticks(ticks, scale.labels(ticks))
    axis.set_minor_locator(NullLocator())


def stroke(pen: Pen) -> dict[str, Any]:
    """How matplotlib draws with this pen, marks aside."""
    width = 0.9 if pen.faint else 1.8
    return {"color": _color(pen), "linestyle": STROKES[pen.stroke % len(STROKES)], "linewidth": width}


def spot(pen: Pen) -> dict[str, Any]:
    """How matplotlib draws points that stand for themselves."""
    size = {"*": 14, "X": 8}.get(SPOTS[pen.mark], 5)
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.5}
    return {"color": _color(pen), "linestyle": "none", "marker": SPOTS[pen.mark], "markersize": size, **edge}


def marker(pen: Pen, line: Line) -> str | None:
    """The mark on its curve; the first one has none, unless it is a single point."""
    is_lonely = sum(map(bool, line.points())) == 1
    if pen.faint:
        return "." if is_lonely else None
    return MARKERS[pen.mark % len(MARKERS)] if pen.mark > 0 or is_lonely else None


def _color(pen: Pen) -> str:
    return PALE if pen.faint else PALETTE[pen.color % len(PALETTE)]


def _curve(axes: Axes, panel: Panel, index: int) -> float | None:
    """Draw one curve with what belongs to it; returns the y of its last finite point, where its name goes."""
    line, pen, many = panel.lines[index], panel.pens()[index], len(panel.lines)
    points, color = line.points(panel.log), _color(pen)
    known = [point for point in points if point]
    if not known:
        return None
    if line.apart:
        axes.plot(*_apart(points), **spot(pen), zorder=2 + index / many)
        return known[-1][1]
    edges = [edge or (float("nan"),) * 3 for edge in line.edges(panel.log)]
    if edges:  # the band of a group
        x, low, high = zip(*edges, strict=True)
        axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0, zorder=1.2)
        if sum(edge[0] == edge[0] for edge in edges) == 1:  # one epoch has a place, but no width
            axes.vlines(x, low, high, color=color, alpha=0.4, linewidth=5, zorder=1.2)
    if raw := line.raw_points(panel.log):
        axes.plot(*_apart(raw), color=color, alpha=0.3, linewidth=1.0, zorder=1.5)
    among_many = many > len(MARKERS)
    every = max(1, len(points) // (MARKS_AMONG_MANY if among_many else MARKS))
    marked = (index * every // many, every) if among_many and len(known) > 1 else every
    axes.plot(*_apart(points), **stroke(pen), marker=marker(pen, line), markersize=5, markevery=marked)
    lonely = [points[at] for at in range(len(points)) if not any(points[max(0, at - 1) : at] + points[at + 1 : at + 2])]
    if len(known) > 1 and any(lonely):  # a point between two gaps has no line
        axes.plot(*_apart(lonely), linestyle="none", marker=".", markersize=6, color=color)
    _mark_changes(axes, panel, line, color)
    return known[-1][1]


def _apart(points: Points) -> tuple[list[float], list[float]]:
    """Their x and their y, NaN for gaps."""
    gap = (float("nan"), float("nan"))
    return [(point or gap)[0] for point in points], [(point or gap)[1] for point in points]


def _mark_changes(axes: Axes, panel: Panel, line: Line, color: str) -> None:
    """A stroke across the curve where its mean becomes one of another number of members, with that number where there
    is room for it."""
    places = [x for x, _ in panel.extent()]
    room, free = CHANGE_GAP * (max(places) - min(places)), min(places)
    for x, y, members in line.changes:
        axes.plot([x], [y], marker="|", markersize=13, markeredgewidth=1.5, color=color)
        if x >= free:
            halo = [withStroke(linewidth=2.5, foreground="white")]
            _words(axes, f"n={members}", (x, y), (3, 6), "data", color=color, fontsize=10, path_effects=halo)
            free = x + room


def _mark_best(axes: Axes, best: int, at: float) -> None:
    """A line at the best epoch, named above the plane, where no curve can be."""
    low, high = axes.get_xlim()
    if not low <= at <= high:
        return
    side = "left" if at < low + 0.2 * (high - low) else "right" if at > high - 0.2 * (high - low) else "center"
    axes.axvline(at, color=GREY, linestyle=(0, (4, 3)), linewidth=1.1, zorder=1)
    _words(axes, f"best epoch {best}", (at, 1.0), (0, 4), ("data", "axes fraction"), ha=side, color=GREY, fontsize=11)


def _name_curves(axes: Axes, panel: Panel, ends: Sequence[float | None]) -> None:
    """The name of each curve right of its end, in its colour, moved apart where ends are close."""
    axes.autoscale_view()
    plane = axes.transAxes.inverted()
    wanted = []
    for index, end in enumerate(ends):
        if end is not None:
            _, pixel = axes.transData.transform((axes.get_xlim()[0], end))
            wanted.append((float(plane.transform((0, pixel))[1]), index))
    gap = min(NAME_GAP, 1 / max(1, len(wanted)))
    for height, index in spread(sorted(wanted), gap):
        name, color = escape(panel.lines[index].label), _color(panel.pens()[index])
        look = {"va": "center", "color": color, "fontweight": "bold", "fontsize": FONT_SIZE * gap / NAME_GAP}
        _words(axes, name, (1.0, height), (6, 0), "axes fraction", **look)


def _words(axes: Axes, text: str, at: tuple[float, float], off: tuple[int, int], within: Any, **look: Any) -> None:
    """A text at a place, so many points off it."""
    axes.annotate(text, at, xycoords=within, xytext=off, textcoords="offset points", **look)


def spread(wanted: Sequence[tuple[float, int]], gap: float) -> list[tuple[float, int]]:
    """Heights from 0 to 1 in rising order, at least `gap` apart; close ones stay centred on where they belong."""
    groups: list[list[tuple[float, int]]] = []
    for item in wanted:
        groups.append([item])
        while len(groups) > 1 and _start(groups[-1], gap) < _start(groups[-2], gap) + gap * len(groups[-2]):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [(_start(group, gap) + gap * place, group[place][1]) for group in groups for place in range(len(group))]


def _start(group: Sequence[tuple[float, int]], gap: float) -> float:
    long = gap * (len(group) - 1)
    return max(0.0, min(mean([height for height, _ in group]) - long / 2, 1.0 - long))
