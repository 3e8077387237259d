"""Curves as an image: PNG or SVG, the same bytes for the same data. matplotlib is imported when one is drawn."""

from __future__ import annotations

import io
import logging
import warnings
from importlib import import_module
from pathlib import Path

from tuner.answer import Chart
from tuner.durable.writing import write_file
from tuner.errors import ResourceError, UsageError

CAUSES = "Its settings in MPLBACKEND or a matplotlibrc, a full disk or a broken installation are the usual causes."
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
    """The image as bytes of `kind` ``png`` or ``svg``: with matplotlib's own defaults and ours, whatever the user's
    matplotlibrc says; what was set before comes back.

    matplotlib is kept from talking of that file, of fonts, of a home folder in which it cannot keep its list of them,
    and of glyphs that its font does not have (boxes stand for them). Raises ResourceError when it cannot be imported.
    """
    image, logger = io.BytesIO(), logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        try:
            matplotlib = import_module("matplotlib")
        except Exception as error:  # MPLBACKEND and matplotlibrc are read then, and a place to write to is looked for
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise ResourceError(f"matplotlib cannot be imported: {said}", fix=CAUSES) from error
        with matplotlib.rc_context(), warnings.catch_warnings():
            from tuner.render.chart.figure import STYLE, figure_of

            warnings.filterwarnings("ignore", message="Glyph .* missing")
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            figure_of(chart).savefig(image, format=kind, metadata=METADATA[kind])
    finally:
        logger.setLevel(before)
    return image.getvalue()
