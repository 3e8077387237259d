"""What to type next about a run, made from what its folder tells: folders are renamed, moved and copied."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.runs.folder import Run

UNFINISHED = ("stopped", "crashed")


def next_command(run: Run) -> str:
    """The command that goes on with a run that is not over, tries a smaller lr after divergence, else shows it.

    Raises NotFoundError where the config of a diverged run cannot be read.
    """
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


def reference(path: Path) -> str:
    """How a command names the run or group in `path`, quoted for a shell."""
    usual = Path("runs")
    inside = path.relative_to(usual) if usual in path.parents else path
    return typed(path if str(inside).startswith("-") else inside)


def typed(path: Path) -> str:
    """A path as an argument: quoted where a shell needs it (letters of any script do not), and no option."""
    text = f"./{path}" if str(path).startswith("-") else str(path)
    return text if re.fullmatch(r"[\w./-]+", text) else shlex.quote(text)
