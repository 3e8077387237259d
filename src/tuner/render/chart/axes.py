"""One panel of an image: its axes, curves, bands and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuner.chart import Line, Panel, Pen
from tuner.render.chart.scale import Scale
from tuner.render.text import escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, told apart under every common colour blindness; its yellow is too pale on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STROKES = ("-", "--", "-.", ":")
MARKERS = "os^Dv"
GREY = "#555555"
MARKS = 20
MARKS_AMONG_MANY = 6
NAME_GAP = 0.075  # of the plane's height: one line of text
Y_LABELS = {
    "accuracy": "accuracy (share correct)",
    "r2": "R² (share of variance)",
    "mae": "mean absolute error",
    "lr": "learning rate",
    "batch_loss": "loss of the batches",
    "grad_norm": "norm of the gradient",
}
LAYER_LABELS = {
    "activation_mean": "mean of the activations",
    "activation_std": "std of the activations",
    "zero_units": "share of the units that are zero",
    "gradient_norm": "norm of the gradient",
}
CHANGE_GAP = 0.09  # of the plane's width: the number of members
LONG_LABEL = 30
PARTS = {"train": "train ", "val": "validation "}


def draw_panel(axes: Axes, panel: Panel, size: float, named: bool) -> None:
    """The panel; `named`: each curve's name beside its end, in letters of that size."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(escape(panel.x_label))
    axes.set_ylabel(escape(panel.title) if panel.strip else y_label(panel))
    ends = [_curve(axes, panel, index) for index in range(len(panel.lines))]
    if all(end is None for end in ends):
        axes.text(0.5, 0.5, "no finite values to draw", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.margins(x=0.02)
    bins = 8 if axes.dataLim.xmax < 1000 else 5
    axes.xaxis.set_major_locator(MaxNLocator(nbins=bins, integer=panel.whole, min_n_ticks=1))
    if panel.log:
        _log_axis(axes, panel)
    elif panel.strip:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=3))
    if panel.best is not None and panel.mark is not None:
        _mark_best(axes, panel.best, panel.mark)
    if named and not panel.strip:
        _name_curves(axes, panel, ends, size)


def y_label(panel: Panel) -> str:
    """What the y axis counts: ``validation accuracy (share correct)`` for val_accuracy; two lines where long."""
    part, _, metric = panel.title.partition("_")
    name = PARTS[part] + Y_LABELS.get(metric, metric) if part in PARTS and metric else Y_LABELS.get(panel.title)
    number, _, epoch = panel.title.partition("@")
    if number in LAYER_LABELS:
        when = {"0": "before the first step", "last": "at the end", "": "at the best epoch"}
        name = f"{LAYER_LABELS[number]} ({when.get(epoch, f'after epoch {epoch}')})"
    text = escape(name or panel.title) + (", log scale" if panel.log else "")
    start, bracket, rest = text.partition(" (")
    return f"{start}\n({rest}" if bracket and len(text) > LONG_LABEL else text


def stroke(pen: Pen) -> dict[str, Any]:
    """How matplotlib draws with this pen, marks aside."""
    return {
        "color": PALETTE[pen.color % len(PALETTE)],
        "linestyle": STROKES[pen.stroke % len(STROKES)],
        "linewidth": 1.8,
    }


def marker(pen: Pen, line: Line) -> str | None:
    """The mark on its curve; the first one has none, unless it is a single point."""
    return MARKERS[pen.mark % len(MARKERS)] if pen.mark > 0 or sum(map(bool, line.points())) == 1 else None


def _log_axis(axes: Axes, panel: Panel) -> None:
    """Plain numbers beside the axis, in place of powers of ten."""
    from matplotlib.ticker import NullLocator

    axes.set_yscale("log")
    scale = Scale.around([y for _, y in panel.extent()], log=True)
    ticks = scale.ticks(3 if panel.strip else 7)
    axes.set_yticks(ticks, scale.labels(ticks))
    axes.yaxis.set_minor_locator(NullLocator())


def _curve(axes: Axes, panel: Panel, index: int) -> float | None:
    """Draw one curve with what belongs to it; returns the y of its last finite point, where its name goes."""
    line, pen = panel.lines[index], panel.pens()[index]
    points = line.points(panel.log)
    known = [point for point in points if point]
    if not known:
        return None
    _behind(axes, panel, line, pen)
    among_many = len(panel.lines) > len(MARKERS)
    every = max(1, len(points) // (MARKS_AMONG_MANY if among_many else MARKS))
    axes.plot(
        *_apart(points),
        **stroke(pen),
        marker=marker(pen, line),
        markersize=5,
        markevery=(index * every // len(panel.lines), every) if among_many and len(known) > 1 else every,
    )
    lonely = [points[at] for at in range(len(points)) if not any(points[max(0, at - 1) : at] + points[at + 1 : at + 2])]
    if len(known) > 1 and any(lonely):  # a point between two gaps has no line
        axes.plot(*_apart(lonely), linestyle="none", marker=".", markersize=6, color=PALETTE[pen.color % len(PALETTE)])
    _mark_changes(axes, panel, line, PALETTE[pen.color % len(PALETTE)])
    return known[-1][1]


def _behind(axes: Axes, panel: Panel, line: Line, pen: Pen) -> None:
    """The band of a group, and the values before smoothing."""
    color = PALETTE[pen.color % len(PALETTE)]
    edges = [edge or (float("nan"),) * 3 for edge in line.edges(panel.log)]
    if edges:
        x, low, high = zip(*edges, strict=True)
        axes.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0, zorder=1.2)
        if sum(edge[0] == edge[0] for edge in edges) == 1:  # one epoch has a place, but no width
            axes.vlines(x, low, high, color=color, alpha=0.4, linewidth=5, zorder=1.2)
    raw = line.raw_points(panel.log)
    if raw:
        axes.plot(*_apart(raw), color=color, alpha=0.3, linewidth=1.0, zorder=1.5)


def _apart(points: Sequence[tuple[float, float] | None]) -> tuple[list[float], list[float]]:
    """Their x and their y, NaN for gaps."""
    gap = (float("nan"), float("nan"))
    return [(point or gap)[0] for point in points], [(point or gap)[1] for point in points]


def _mark_changes(axes: Axes, panel: Panel, line: Line, color: str) -> None:
    """A stroke across the curve where its mean becomes one of another number of members, with that number where there
    is room for it."""
    from matplotlib.patheffects import withStroke

    places = [x for x, _ in panel.extent()]
    room, free = CHANGE_GAP * (max(places) - min(places)), min(places)
    for x, y, members in line.changes:
        axes.plot([x], [y], marker="|", markersize=13, markeredgewidth=1.5, color=color)
        if x >= free:
            axes.annotate(
                f"n={members}",
                (x, y),
                xytext=(3, 6),
                textcoords="offset points",
                color=color,
                fontsize=10,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
            free = x + room


def _mark_best(axes: Axes, best: int, at: float) -> None:
    """A line at the best epoch, named above the plane, where no curve can be."""
    low, high = axes.get_xlim()
    if not low <= at <= high:
        return
    side = "left" if at < low + 0.2 * (high - low) else "right" if at > high - 0.2 * (high - low) else "center"
    axes.axvline(at, color=GREY, linestyle=(0, (4, 3)), linewidth=1.1, zorder=1)
    axes.annotate(
        f"best epoch {best}",
        (at, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha=side,
        color=GREY,
        fontsize=11,
    )


def _name_curves(axes: Axes, panel: Panel, ends: Sequence[float | None], size: float) -> None:
    """The name of each curve right of its end, in its colour, moved apart where ends are close."""
    axes.autoscale_view()
    plane = axes.transAxes.inverted()
    wanted = []
    for index, end in enumerate(ends):
        if end is not None:
            _, pixel = axes.transData.transform((axes.get_xlim()[0], end))
            wanted.append((float(plane.transform((0, pixel))[1]), index))
    gap = min(NAME_GAP, 1 / max(1, len(wanted)))
    pens = panel.pens()
    for height, index in spread(sorted(wanted), gap):
        axes.annotate(
            escape(panel.lines[index].label),
            (1.0, height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=PALETTE[pens[index].color % len(PALETTE)],
            fontweight="bold",
            fontsize=size * gap / NAME_GAP,
        )


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
    middle = sum(height for height, _ in group) / len(group)
    return max(0.0, min(middle - long / 2, 1.0 - long))
