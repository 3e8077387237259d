"""Data sources, one file a source or a family of like ones, and what they share: splits, statistics, download.

A new source is one new file here: a class derived from `tuner.data.source.Source`. It is found by being in this folder.
"""

from __future__ import annotations

import importlib
import pkgutil

from tuner.data.download import Progress, download, fetch
from tuner.data.files import download_root, locate, roots
from tuner.data.source import Description, DrawnTest, NumericTarget, Raw, Source
from tuner.data.splits import Part, Sizes, Splits, faults, load, sizes
from tuner.data.statistics import Statistics

__all__ = [
    "Description",
    "DrawnTest",
    "NumericTarget",
    "Part",
    "Progress",
    "Raw",
    "Sizes",
    "Source",
    "Splits",
    "Statistics",
    "download",
    "download_root",
    "faults",
    "fetch",
    "load",
    "locate",
    "roots",
    "sizes",
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
