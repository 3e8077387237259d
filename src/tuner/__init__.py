"""tuner: training recipes for neural networks. One YAML file is one run."""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for true; `typing` takes milliseconds before the program's first act
if TYPE_CHECKING:
    from pathlib import Path

    from tuner.trained import Model

__all__ = ["load"]


def load(run: str | Path, runs_dir: str | Path = "runs") -> Model:
    """The model of a run with its best weights: it takes samples as they are stored and answers in the target's own
    terms (`tuner.trained.Model`).

    `run` is a run folder or what a command accepts as RUN. Raises NotFoundError where the run or a file of it is
    missing or damaged, or its weights are not those of the best epoch that its status.json speaks of.
    """
    from tuner.paths import path_of
    from tuner.runs.find import resolve_run
    from tuner.trained import model_of

    return model_of(resolve_run(str(run), path_of(runs_dir)))
