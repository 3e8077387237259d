"""Data sources, one file a source or a family of like ones, and what they share: splits, download. A new source is one
new file here: a class derived from `tuner.data.source.Source`, found by being in this folder."""

from __future__ import annotations

from tuner.choice import import_all
from tuner.data.source import Source

NOT_SOURCES = {"card", "download", "drawing", "encoding", "npz", "splits", "statistics", "tabular"}
"""Modules that are needed only to fetch or load data: importing them, and numpy, waits until then."""

import_all(__name__, __path__, but=NOT_SOURCES)

for _own in [name for name, source in Source.members.items() if source.reads_to_open]:
    Source.members[_own] = Source.members.pop(_own)  # last: examples take the first that will do, and have no file
