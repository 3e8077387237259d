"""Curves as an image: PNG or SVG, the same bytes for the same data. matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.durable import write_file
from tuner.errors import UsageError
from tuner.render.panels import Panel
from tuner.render.scale import Scale
from tuner.render.text import escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart under every common colour blindness; its yellow is too pale on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STROKES = ("-", "--", "-.", ":")
GREY = "#555555"
MARKS = 20
NAME_GAP = 0.075  # of the plane's height: one line of text
Y_LABELS = {
    "accuracy": "accuracy (share correct)",
    "r2": "R² (share of variance)",
    "mae": "mean absolute error",
}
FORMATS = ("png", "svg")
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 12,
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


def save_curves(path: Path, title: str, panels: Sequence[Panel]) -> None:
    """Draw the panels side by side, strips below them, into `path`, whose suffix says how: .png or .svg.

    Raises UsageError for another suffix, ResourceError when the file cannot be written.
    """
    write_file(path, curves_image(path.suffix.removeprefix(".").lower(), title, panels))


def curves_image(kind: str, title: str, panels: Sequence[Panel]) -> bytes:
    """The image as bytes of `kind` ``png`` or ``svg``. Raises UsageError for another kind."""
    if kind not in FORMATS:
        raise UsageError(
            f"curves are drawn as png or svg, not as {kind!r}", fix="give a path that ends in .png or .svg"
        )
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    image = io.BytesIO()
    with _style():
        _figure(title, panels).savefig(image, format=kind, metadata=metadata)
    return image.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's matplotlibrc says; what was set before comes back."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # its font has no Chinese: boxes stand for it
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def _figure(title: str, panels: Sequence[Panel]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide = [panel for panel in panels if not panel.strip] or [Panel("", [])]
    strips = [panel for panel in panels if panel.strip]
    size = (5.3 * len(wide) if len(wide) > 1 else 7.0, 3.9 + 1.2 * len(strips))
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(escape(title), x=0.012, ha="left", fontweight="bold", fontsize=13)
    grid = figure.add_gridspec(1 + len(strips), len(wide), height_ratios=[4.0] + [1.0] * len(strips))
    for column, panel in enumerate(wide):
        _draw(figure.add_subplot(grid[0, column]), panel)
    for row, panel in enumerate(strips, 1):
        _draw(figure.add_subplot(grid[row, :]), panel)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(escape(panel.x_label))
    axes.set_ylabel(escape(Y_LABELS.get(panel.title, panel.title)) + (", log scale" if panel.log else ""))
    ends = [_curve(axes, panel, index) for index in range(len(panel.lines))]
    if all(end is None for end in ends):
        axes.text(0.5, 0.5, "no finite values to draw", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if axes.dataLim.xmax < 1000 else 5, integer=True, min_n_ticks=1))
    if panel.log:
        _log_axis(axes, panel)
    elif panel.strip:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    if panel.best is not None:
        _mark_best(axes, panel.best)
    if not panel.strip:
        _name_curves(axes, panel, ends)


def _log_axis(axes: Axes, panel: Panel) -> None:
    """Plain numbers beside the axis, in place of powers of ten."""
    from matplotlib.ticker import NullLocator

    axes.set_yscale("log")
    scale = Scale.around([point[1] for line in panel.lines for point in line.points(log=True) if point], log=True)
    ticks = scale.ticks(3 if panel.strip else 7)
    axes.set_yticks(ticks, scale.labels(ticks))
    axes.yaxis.set_minor_locator(NullLocator())


def _curve(axes: Axes, panel: Panel, index: int) -> float | None:
    """Draw one curve; returns the y of its last finite point, where its name goes."""
    line = panel.lines[index]
    points = line.points(panel.log)
    known = [point for point in points if point]
    if not known:
        return None
    x = [point[0] if point else float("nan") for point in points]
    y = [point[1] if point else float("nan") for point in points]
    marked = index > 0 or len(known) == 1
    axes.plot(
        x,
        y,
        color=PALETTE[index % len(PALETTE)],
        linestyle=STROKES[index // len(PALETTE) % len(STROKES)],
        linewidth=1.8,
        marker="os^Dv"[index % 5] if marked else None,
        markersize=5,
        markevery=max(1, len(points) // MARKS),
    )
    return known[-1][1]


def _mark_best(axes: Axes, best: int) -> None:
    """A line at the best epoch, named above the plane, where no curve can be."""
    low, high = axes.get_xlim()
    if not low <= best <= high:
        return
    side = "left" if best < low + 0.2 * (high - low) else "right" if best > high - 0.2 * (high - low) else "center"
    axes.axvline(best, color=GREY, linestyle=(0, (4, 3)), linewidth=1.1, zorder=1)
    axes.annotate(
        f"best epoch {best}",
        (best, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha=side,
        color=GREY,
        fontsize=11,
    )


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
    for height, index in _spread(sorted(wanted), gap):
        axes.annotate(
            escape(panel.lines[index].label),
            (1.0, height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=PALETTE[index % len(PALETTE)],
            fontweight="bold",
            fontsize=STYLE["font.size"] * gap / NAME_GAP,
        )


def _spread(wanted: Sequence[tuple[float, int]], gap: float) -> list[tuple[float, int]]:
    """Heights from 0 to 1 in rising order, at least `gap` apart; close ones stay centred on where they belong."""
    groups: list[list[tuple[float, int]]] = []
    for item in wanted:
        groups.append([item])
        while len(groups) > 1 and _start(groups[-1], gap) < _start(groups[-2], gap) + gap * len(groups[-2]):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [(_start(group, gap) + gap * place, group[place][1]) for group in groups for place in range(len(group))]


def _start(group: Sequence[tuple[float, int]], gap: float) -> float:
    long = gap * (len(group) - 1)
    middle = sum(height for height, _ in group) / len(group)
    return max(0.0, min(middle - long / 2, 1.0 - long))
