"""tuner: training recipes for neural networks. One YAML file is one run."""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False  # what type checkers take for true; `typing` takes milliseconds before the program's first act
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from tuner.notebook import Result
    from tuner.trained import Model

__all__ = ["load", "runs", "train"]


class _Package(ModuleType):
    """Importing the packages `tuner.train` and `tuner.runs` does not put them in the place of these functions."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def load(run: str | Path, runs_dir: str | Path = "runs") -> Model:
    """The model of a run with its best weights: it takes samples as they are stored and answers in the target's own
    terms (`tuner.trained.Model`).

    `run` is a run folder or what a command accepts as RUN. Raises NotFoundError where the run or a file of it is
    missing or damaged, or its weights are not those of the best epoch that its status.json speaks of.
    """
    from tuner.trained import load

    return load(run, runs_dir)


def train(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    runs_dir: str | Path = "runs",
    *,
    run: str | None = None,
    again: bool = False,
) -> Result:
    """Trains a config as `tuner train` does, from any thread: `result.path` is the run folder, `result.status` what its
    status.json tells (``state``: ``finished`` or ``diverged``; ``best``, ``test``: metric -> value).

    `config` is a file, the name of a config that comes with tuner, or a dict as YAML would hold it (its ``name`` is
    ``config`` unless it says another; its paths are relative to the working directory). `overrides` are texts like
    ``optimizer.lr=3e-4``. `run` names the run's folder in `runs_dir`; `again` trains anew what was trained before,
    which otherwise goes on or is found finished. Raises TunerError (ConfigError with all faults of a config, HeldError,
    NotFoundError, ResourceError). torch's global settings and signal handlers are as before afterwards; after
    Ctrl-C the same call goes on from the last checkpoint.
    """
    from tuner.notebook import train

    return train(config, overrides, runs_dir, run, again)


def runs(runs_dir: str | Path = "runs") -> list[dict[str, Any]]:
    """A dict for each run in `runs_dir`, the members of groups among them, newest first, as ``pandas.DataFrame`` takes
    them: ``run`` (its folder), ``name`` (its config's), ``state``, ``seed``, the settings by their dotted keys (a
    choice's name under its own: ``optimizer``), the metrics of the best epoch by their columns in metrics.csv with
    ``best_epoch``, and those of the test part (``test_accuracy``). Raises NotFoundError where it cannot be listed.
    """
    from tuner.asks.runs.entries import rows

    return rows(runs_dir)
