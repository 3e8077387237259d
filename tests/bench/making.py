"""Run folders for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tuner.runs.creating import create_held


def create(runs_dir: Path, name: str, run_name: str | None, files: Mapping[str, bytes]) -> Path:
    """A new run folder, held by nobody."""
    lock = create_held(runs_dir, name, run_name, files)
    lock.release()
    return lock.path
