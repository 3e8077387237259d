"""Where early stopping would have ended a run, from the rows of its metrics.csv alone.

Up to the stop a run with early stopping is the same run as one without, so that its rows tell what any setting would
have done: the same functions decide here and in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.errors import NotFoundError, UsageError
from tuner.monitor import best_index, higher_is_better, oriented, waits
from tuner.run import Row, Run

USUAL_PATIENCE = (2, 3, 5, 10, 20)
STOPPED, NEVER, UNKNOWN = "stopped", "never", "unknown"


@dataclass(frozen=True)
class Setting:
    """Early stopping as a config has it, and the metric it watches."""

    monitor: str
    patience: int
    min_delta: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a setting would have done with a run.

    `verdict`: it would have ``stopped`` it after epoch `stop`; ``never`` (all epochs were run, and `stop` is the last);
    or it is ``unknown``, for the run ended before it could be told, and then nothing else is known either.
    """

    setting: Setting
    verdict: str
    stop: int | None = None
    saved: int | None = None  # epochs that were run after the stop
    best: Row | None = None  # the row of the best epoch up to the stop
    cost: float | None = None  # by how much the best of the whole run is better than the best kept

    @property
    def best_epoch(self) -> int | None:
        return None if self.best is None else int(self.best["epoch"] or 0)

    @property
    def value(self) -> float | None:
        return None if self.best is None else self.best[self.setting.monitor]


def replay(rows: Sequence[Row], planned: int, setting: Setting) -> Outcome:
    """What `setting` would have done with a run of these rows that was to go on for `planned` epochs."""
    waited = waits(oriented(rows, setting.monitor), setting.min_delta)
    place = next((place for place, epochs in enumerate(waited) if epochs >= setting.patience), None)
    if place is None and len(rows) < planned:
        return Outcome(setting, UNKNOWN)
    kept = rows if place is None else rows[: place + 1]
    best = best_row(kept, setting.monitor)
    return Outcome(
        setting,
        NEVER if place is None else STOPPED,
        int(kept[-1]["epoch"] or len(kept)),
        len(rows) - len(kept),
        best,
        _cost(best, best_row(rows, setting.monitor), setting.monitor),
    )


def best_row(rows: Sequence[Row], monitor: str) -> Row | None:
    """The row whose weights would have been kept; None where no value is finite."""
    place = best_index(rows, monitor)
    return None if place is None else rows[place]


def _cost(kept: Row | None, whole: Row | None, monitor: str) -> float | None:
    if kept is None or whole is None:
        return None
    (at_stop,), (at_end,) = oriented([kept], monitor), oriented([whole], monitor)
    return at_stop - at_end


def planned_epochs(run: Run) -> int:
    """How many epochs the run's config asks for. Raises NotFoundError."""
    epochs = _training(run).get("epochs")
    if type(epochs) is not int or epochs < 1:
        raise NotFoundError(f"{run.path / 'config.yaml'} is damaged: training.epochs is missing")
    return epochs
