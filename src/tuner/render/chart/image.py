"""Curves as an image: PNG or SVG, the same bytes for the same data. matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner.answer import Chart
from tuner.durable import write_file
from tuner.errors import ResourceError, UsageError

METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
"""The formats, and what matplotlib is kept from writing into them."""


def kind_of(path: Path) -> str:
    """``png`` or ``svg``, as the path ends. Raises UsageError where it ends in anything else."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in METADATA:
        raise UsageError(f"cannot draw {path}: its name has to end in .png or .svg")
    return kind


def keep(chart: Chart) -> None:
    """Draws the chart into its file, if it has one, whose suffix says how: .png or .svg.

    Raises UsageError for another suffix, ResourceError when the file cannot be written or matplotlib not imported.
    """
    if chart.file is not None:
        write_file(chart.file, image_of(kind_of(chart.file), chart))


def image_of(kind: str, chart: Chart) -> bytes:
    """The image as bytes of `kind` ``png`` or ``svg``. Raises ResourceError when matplotlib cannot be imported."""
    image = io.BytesIO()
    with _quiet(), _own_settings():
        from tuner.render.chart.figure import figure_of

        figure_of(chart).savefig(image, format=kind, metadata=METADATA[kind])
    return image.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """matplotlib does not talk of a matplotlibrc, of fonts, of a home folder in which it cannot keep its list of them,
    nor of glyphs that its font does not have (boxes stand for them)."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            yield
    finally:
        logger.setLevel(before)


@contextmanager
def _own_settings() -> Iterator[None]:
    """matplotlib's own defaults and ours, whatever the user's matplotlibrc says; what was set before comes back."""
    try:
        import matplotlib
    except Exception as error:  # MPLBACKEND and matplotlibrc are read then, and a place to write to is looked for
        said = (str(error) or type(error).__name__).splitlines()[0]
        fix = "Its settings in MPLBACKEND or a matplotlibrc, a full disk or a broken installation are the usual causes."
        raise ResourceError(f"matplotlib cannot be imported: {said}", fix=fix) from error
    from tuner.render.chart.figure import STYLE

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield
