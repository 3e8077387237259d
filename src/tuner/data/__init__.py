"""Data sources, one file a source or a family of like ones, and what they share: splits, statistics, download.

A new source is one new file here: a class derived from `tuner.data.source.Source`. It is found by being in this folder.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.data.files import download_root, locate, roots
from tuner.data.sizes import Sizes, faults, sizes
from tuner.data.source import Description, DrawnTest, NumericTarget, Raw, Source

if TYPE_CHECKING:
    from tuner.data.splits import Splits

__all__ = [
    "Description",
    "DrawnTest",
    "NumericTarget",
    "Raw",
    "Sizes",
    "Source",
    "download_root",
    "faults",
    "load",
    "locate",
    "roots",
    "sizes",
]

NOT_SOURCES = {"download", "splits", "statistics"}
"""Modules that are needed only to fetch or load data: importing them, and numpy, waits until then."""

for _module in pkgutil.iter_modules(__path__):
    if _module.name not in NOT_SOURCES:
        importlib.import_module(f"{__name__}.{_module.name}")


def load(source: Source, root: Path | None = None) -> Splits:
    """Reads a source and splits it, as `tuner.data.splits.load` does."""
    from tuner.data import splits

    return splits.load(source, root)
