"""Runs side by side: what lies in a runs folder, filtered, sorted and looked up column by column."""

from __future__ import annotations

from tuner.listing.columns import OWN, Column, Problems, differing, find_column, usual_columns
from tuner.listing.entries import DAMAGED, Entry, entries
from tuner.listing.filters import Filter, parse_filter, select, sort

__all__ = [
    "DAMAGED",
    "OWN",
    "Column",
    "Entry",
    "Filter",
    "Problems",
    "differing",
    "entries",
    "find_column",
    "parse_filter",
    "select",
    "sort",
    "usual_columns",
]
