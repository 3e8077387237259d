"""What people see: text, tables, errors, the course of a training run, curves. The only place that knows matplotlib.

Data is for stdout, talk for stderr. Most functions here return text; the caller prints it. matplotlib is imported when
an image is drawn, and not before; the modules here, too, are imported when something of them is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.render.curves import Look, chart
    from tuner.render.errors import config_faults, error_text
    from tuner.render.lines import Line, Panel, Pen
    from tuner.render.markdown import choices_table, exit_codes_table
    from tuner.render.panels import metric_panel, run_panels, side_by_side
    from tuner.render.plot import curves_image, save_curves
    from tuner.render.progress import TrainDisplay
    from tuner.render.series import Member, Track, View
    from tuner.render.tables import table
    from tuner.render.text import (
        duration,
        escape,
        is_colored,
        is_terminal,
        is_unicode,
        number,
        paint,
        prepare,
        silence,
        spark,
        terminal_width,
    )

__all__ = [
    "Line",
    "Look",
    "Member",
    "Panel",
    "Pen",
    "Track",
    "TrainDisplay",
    "View",
    "chart",
    "choices_table",
    "config_faults",
    "curves_image",
    "duration",
    "error_text",
    "escape",
    "exit_codes_table",
    "is_colored",
    "is_terminal",
    "is_unicode",
    "metric_panel",
    "number",
    "paint",
    "prepare",
    "run_panels",
    "save_curves",
    "side_by_side",
    "silence",
    "spark",
    "table",
    "terminal_width",
]

MODULES = ("text", "tables", "errors", "lines", "series", "markdown", "curves", "panels", "plot", "progress")


def __getattr__(name: str) -> Any:
    """A name of `__all__`, from the first module that has it."""
    if name in __all__:
        for module in MODULES:
            known = vars(import_module(f"{__name__}.{module}"))
            if name in known:
                return known[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
