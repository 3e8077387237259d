"""polars, as everything here imports it: its import takes Ctrl-C for itself, and would swallow it from then on;
once that is done it is ours again."""

from __future__ import annotations

from tuner import process

with process.KeepingInterrupts():
    import polars as pl

__all__ = ["pl"]
