"""Curves as an image: PNG or SVG, the same bytes for the same data. matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
import logging
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.chart import Panel
from tuner.durable import write_file
from tuner.errors import ResourceError, UsageError
from tuner.render.chart.axes import GREY, draw_panel, marker, stroke
from tuner.render.text import escape, shorten_middle

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

FORMATS = ("png", "svg")
FONT_SIZE, SMALL = 12, 11
DPI = 100
LONGEST_NAME = 72
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


def save_curves(
    path: Path, title: str, panels: Sequence[Panel], *, legend: bool = False, notes: Sequence[str] = ()
) -> None:
    """Draw the panels side by side, strips below them, into `path`, whose suffix says how: .png or .svg.

    With `legend` the curves are named below all panels, else each beside its end; `notes` stand at the bottom.
    Raises UsageError for another suffix, ResourceError when the file cannot be written or matplotlib not imported.
    """
    kind = path.suffix.removeprefix(".").lower()
    write_file(path, curves_image(kind, title, panels, legend=legend, notes=notes))


def curves_image(
    kind: str, title: str, panels: Sequence[Panel], *, legend: bool = False, notes: Sequence[str] = ()
) -> bytes:
    """The image as bytes of `kind` ``png`` or ``svg``. Raises UsageError for another kind."""
    if kind not in FORMATS:
        raise UsageError(
            f"curves are drawn as png or svg, not as {kind!r}", fix="give a path that ends in .png or .svg"
        )
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    image = io.BytesIO()
    with _style():
        figure = _figure(title, panels, named=not legend)
        _below(figure, panels if legend else [], notes)
        figure.savefig(image, format=kind, metadata=metadata)
    return image.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's matplotlibrc says; what was set before comes back.

    It is kept from talking of that file, of fonts, and of a home folder in which it cannot keep its list of them.
    Raises ResourceError where it cannot be imported.
    """
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with _own_settings():
            yield
    finally:
        logger.setLevel(before)


@contextmanager
def _own_settings() -> Iterator[None]:
    try:
        import matplotlib
    except Exception as error:  # MPLBACKEND and matplotlibrc are read then, and a place to write to is looked for
        said = (str(error) or type(error).__name__).splitlines()[0]
        fix = "Its settings in MPLBACKEND or a matplotlibrc, a full disk or a broken installation are the usual causes."
        raise ResourceError(f"matplotlib cannot be imported: {said}", fix=fix) from error
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # its font has no Chinese: boxes stand for it
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def _figure(title: str, panels: Sequence[Panel], named: bool) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wide = [panel for panel in panels if not panel.strip] or [Panel("", [])]
    strips = [panel for panel in panels if panel.strip]
    columns = min(2, len(wide))
    rows = -(-len(wide) // columns)
    size = (5.3 * columns if columns > 1 else 7.0, 0.5 + 3.4 * rows + 1.2 * len(strips))
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(escape(title), x=0.012, ha="left", fontweight="bold", fontsize=13, wrap=True)
    grid = figure.add_gridspec(rows + len(strips), columns, height_ratios=[4.0] * rows + [1.0] * len(strips))
    for place, panel in enumerate(wide):
        draw_panel(figure.add_subplot(grid[divmod(place, columns)]), panel, FONT_SIZE, named)
    for row, panel in enumerate(strips, rows):
        draw_panel(figure.add_subplot(grid[row, :]), panel, FONT_SIZE, named)
    return figure


def _below(figure: Figure, panels: Sequence[Panel], notes: Sequence[str]) -> None:
    """Puts the names of the curves and the notes under the panels; the figure grows by what they take."""
    width, height = figure.get_size_inches()
    letters = int(width * DPI / (SMALL * 0.78))
    text = "\n".join(line for note in notes for line in textwrap.wrap(escape(note), letters))
    room = 0.12 + (text.count("\n") + 1) * SMALL * 1.25 / 72 if text else 0.0
    engine = figure.get_layout_engine()
    assert engine is not None  # noqa: S101 - the figure was made with one
    if panels:
        engine.set(wspace=0.03)  # type: ignore[call-arg]
    legend = _legend(figure, panels)
    taken = room + (legend.get_window_extent().height / DPI + 0.06 if legend else 0.0)
    if not taken:
        return
    total = height + taken
    figure.set_size_inches(width, total)
    engine.set(rect=(0, taken / total, 1, height / total))  # type: ignore[call-arg]
    if legend:
        legend.set_bbox_to_anchor((0.012, room / total))
    if text:
        figure.text(0.012, 0.06 / total, text, color=GREY, fontsize=SMALL, va="bottom", linespacing=1.25)


def _legend(figure: Figure, panels: Sequence[Panel]) -> Legend | None:
    """Every curve's name once, in as many columns as fit."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    found: dict[str, Any] = {}
    for panel in panels:
        for line, pen in zip(panel.lines, panel.pens(), strict=True):
            sample = Line2D([], [], marker=marker(pen, line), markersize=5, **stroke(pen))
            band = Patch(facecolor=sample.get_color(), alpha=0.18)
            found.setdefault(line.label, (band, sample) if line.band else sample)
    if not found:
        return None
    names = [shorten_middle(escape(name), LONGEST_NAME) for name in found]
    for columns in range(6, 0, -1):
        legend = figure.legend(
            list(found.values()),
            names,
            ncols=min(columns, len(names)),
            loc="lower left",
            frameon=False,
            fontsize=SMALL,
            handlelength=3.2,
            borderaxespad=0,
            borderpad=0.2,
        )
        legend.set_in_layout(False)
        if columns == 1 or legend.get_window_extent().width <= 0.98 * figure.bbox.width:
            break
        legend.remove()
    return legend
