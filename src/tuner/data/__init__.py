"""Data sources, one file a source or a family of like ones, and what they share: splits, download. A new source is one
new file here: a class derived from `tuner.data.source.Source`, found by being in this folder."""

from __future__ import annotations

from tuner.choice import import_all

NOT_SOURCES = {"download", "encoding", "npz", "splits", "statistics", "tabular"}
"""Modules that are needed only to fetch or load data: importing them, and numpy, waits until then."""

import_all(__name__, __path__, but=NOT_SOURCES)
