"""polars, as everything here imports it: its import takes Ctrl-C for itself, and would swallow it from then on."""

from __future__ import annotations

from tuner import process

_before = process.interrupted()

import polars as pl  # noqa: E402 - what it changes is put back

process.interrupt_by(_before)

__all__ = ["pl"]
