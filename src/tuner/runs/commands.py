"""What to type next about a run, made from what its folder tells: folders are renamed, moved and copied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.paths import reference, typed
from tuner.runs.files import UNFINISHED
from tuner.runs.folder import Run


def next_command(run: Run) -> str:
    """The command that goes on with a run that is not over, tries a smaller lr after divergence, else shows it. Raises
    NotFoundError where the config of a diverged run cannot be read."""
    if run.state in UNFINISHED:
        return f"tuner train {typed(run.path)}"
    if run.state == "diverged":
        return calmer_command(run.path, run.config.get("optimizer"))
    return f"tuner curves {reference(run.path)}"


def calmer_command(path: Path, optimizer: Any) -> str:
    """Trains the run's config anew with a tenth of its lr, or the optimizer's default where that is smaller."""
    from tuner.options.optimizers.base import Optimizer

    command = f"tuner train {typed(path)}"
    choice = Optimizer.find(str(optimizer.get("name"))) if isinstance(optimizer, Mapping) else None
    if choice is None or not isinstance(optimizer.get("lr"), int | float):
        return command
    return f"{command} optimizer.lr={min(optimizer['lr'] / 10, choice.fields['lr'].default):g}"
