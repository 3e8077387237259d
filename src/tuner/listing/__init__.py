"""Runs side by side: what lies in a runs folder, filtered, sorted and looked up column by column."""

from __future__ import annotations

from tuner.listing.answer import Listing, Query, list_runs
from tuner.listing.columns import NUMBERS, Column
from tuner.listing.entries import DAMAGED, Entry, entries
from tuner.listing.filters import Filter

__all__ = ["DAMAGED", "NUMBERS", "Column", "Entry", "Filter", "Listing", "Query", "entries", "list_runs"]
