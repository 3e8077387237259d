"""Data sources, one file a source or a family of like ones, and what they share: splits, statistics, download.

A new source is one new file here: a class derived from `tuner.data.source.Source`. It is found by being in this folder.
"""

from __future__ import annotations

import importlib
import pkgutil

NOT_SOURCES = {"download", "splits", "statistics"}
"""Modules that are needed only to fetch or load data: importing them, and numpy, waits until then."""

for _module in pkgutil.iter_modules(__path__):
    if _module.name not in NOT_SOURCES:
        importlib.import_module(f"{__name__}.{_module.name}")
