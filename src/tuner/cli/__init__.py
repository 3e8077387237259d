"""Commands: parse, call one function, render, exit code."""

from __future__ import annotations

from tuner.cli.commands import main

__all__ = ["main"]
