"""Where early stopping would have ended a run, from the rows of its metrics.csv alone.

Up to its stop a run with early stopping is the same as one without, so that the rows of one run tell what any setting
would have done with it: the functions that decide in training decide here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.document.scalars import core_value
from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.figures import mean_of_known
from tuner.monitor import best_index, oriented, waits
from tuner.options.metrics import column
from tuner.runs.rows import Row

STOPPED, NEVER, UNKNOWN = "stopped", "never", "unknown"
FIGURES = ("stop", "saved", "best_epoch", "value", "cost")
"""What is known of each outcome, and as a mean of several."""


@dataclass(frozen=True)
class Setting:
    """Early stopping as a config has it, and the metric it watches."""

    monitor: str
    patience: int
    min_delta: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a setting would have done with a run.

    `verdict`: it would have ``stopped`` it after epoch `stop`; ``never``: all epochs were run, and `stop` is the last
    one; ``unknown``: the run ended before that could be told, and nothing else is known either.
    """

    setting: Setting
    verdict: str
    stop: int | None = None
    saved: int | None = None  # epochs that were run after the stop
    best: Row | None = None  # of the best epoch up to the stop: its weights would have been kept
    cost: float | None = None  # how much better the best of the whole run is

    @property
    def best_epoch(self) -> int | None:
        return None if self.best is None else int(self.best["epoch"] or 0)

    @property
    def value(self) -> float | None:
        return None if self.best is None else self.best[self.setting.monitor]

    @property
    def others(self) -> dict[str, float | None]:
        """The best epoch's metrics beside the monitor: those on validation data, where there are any."""
        parts = {key: column(key).part for key in self.best or {}}
        part = "val" if "val" in parts.values() else "train"
        kept = {key: value for key, value in (self.best or {}).items() if parts[key] == part}
        return {key: value for key, value in kept.items() if key != self.setting.monitor}


@dataclass(frozen=True)
class Mean:
    """What a setting would have done with the runs of a group: the means over those of which it is known. A run that
    it would not have stopped counts with its last epoch."""

    setting: Setting
    runs: int
    known: int
    stopped: int
    others: dict[str, float | None]
    stop: float | None
    saved: float | None
    best_epoch: float | None
    value: float | None
    cost: float | None


def replay(rows: Sequence[Row], planned: int, setting: Setting) -> Outcome:
    """What `setting` would have done with a run of these rows that was to go on for `planned` epochs."""
    waited = waits(oriented(rows, setting.monitor), setting.min_delta)
    place = next((place for place, epochs in enumerate(waited) if epochs >= setting.patience), None)
    if place is None and len(rows) < planned:
        return Outcome(setting, UNKNOWN)
    kept = rows if place is None else rows[: place + 1]
    best, best_of_all = best_row(kept, setting.monitor), best_row(rows, setting.monitor)
    cost = None
    if best is not None and best_of_all is not None:
        at_stop, at_end = oriented([best, best_of_all], setting.monitor)
        cost = at_stop - at_end
    verdict = NEVER if place is None else STOPPED
    return Outcome(setting, verdict, int(kept[-1]["epoch"] or 0), len(rows) - len(kept), best, cost)


def best_row(rows: Sequence[Row], monitor: str) -> Row | None:
    """The row whose weights are kept; None where no value is finite."""
    place = best_index(rows, monitor)
    return None if place is None else rows[place]


def mean_of(outcomes: Sequence[Outcome]) -> Mean:
    """The outcomes of one setting with the runs of a group, as one."""
    known = [outcome for outcome in outcomes if outcome.verdict != UNKNOWN]
    stopped = sum(outcome.verdict == STOPPED for outcome in known)
    names = dict.fromkeys(name for outcome in known for name in outcome.others)
    others = {name: mean_of_known(outcome.others.get(name) for outcome in known) for name in names}
    figures = {name: mean_of_known(getattr(outcome, name) for outcome in known) for name in FIGURES}
    return Mean(outcomes[0].setting, len(outcomes), len(known), stopped, others, **figures)


def parse_patience(text: str) -> list[int]:
    """``3,5,10``: whole numbers from 1 on. Raises UsageError."""
    takes = "whole numbers from 1 on, with commas between them: --patience 3,5,10"
    return _parsed(text, "--patience", lambda value: type(value) is int and value >= 1, takes)


def parse_min_delta(text: str) -> list[float]:
    """``0,1e-3``: numbers from 0 on. Raises UsageError."""
    takes = "numbers from 0 on, with commas between them: --min-delta 0,0.001"
    found = _parsed(text, "--min-delta", lambda value: type(value) in (int, float) and 0 <= value < math.inf, takes)
    return list(map(float, found))


def _parsed(text: str, option: str, fits: Callable[[Any], bool], takes: str) -> list[Any]:
    """The numbers, each once."""
    values = [core_value(part.strip()) for part in text.split(",")]
    if not all(map(fits, values)):
        raise UsageError(f"{option} cannot be {shown(text) or repr(text)}", fix=f"it takes {takes}")
    return list(dict.fromkeys(values))
