"""Where early stopping would have ended a run, from the rows of its metrics.csv alone.

Up to its stop a run with early stopping is the same as one without, so that the rows of one run tell what any setting
would have done with it: the functions that decide in training decide here too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.document import core_value
from tuner.durable import shown
from tuner.errors import UsageError
from tuner.figures import mean_of_known
from tuner.monitor import best_index, oriented, waits
from tuner.options.metrics import column
from tuner.runs.rows import Row

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


@dataclass(frozen=True)
class Mean:
    """What a setting would have done with the runs of a group: the means over those of which it is known. A run that
    it would not have stopped counts with its last epoch."""

    setting: Setting
    runs: int
    known: int
    stopped: int
    stop: float | None
    saved: float | None
    best_epoch: float | None
    value: float | None
    cost: float | None
    others: dict[str, float | None]


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


def others(row: Row | None, monitor: str) -> dict[str, float | None]:
    """The metrics beside the monitor in a row: those on validation data, where there are any."""
    parts = {key: column(key).part for key in row or {}}
    part = "val" if "val" in parts.values() else "train"
    return {key: value for key, value in (row or {}).items() if parts[key] == part and key != monitor}


def mean_of(outcomes: Sequence[Outcome]) -> Mean:
    """The outcomes of one setting with the runs of a group, as one."""
    setting = outcomes[0].setting
    known = [outcome for outcome in outcomes if outcome.verdict != UNKNOWN]
    beside = [others(outcome.best, setting.monitor) for outcome in known]
    names = dict.fromkeys(name for found in beside for name in found)
    return Mean(
        setting,
        len(outcomes),
        len(known),
        sum(outcome.verdict == STOPPED for outcome in known),
        mean_of_known([outcome.stop for outcome in known]),
        mean_of_known([outcome.saved for outcome in known]),
        mean_of_known([outcome.best_epoch for outcome in known]),
        mean_of_known([outcome.value for outcome in known]),
        mean_of_known([outcome.cost for outcome in known]),
        {name: mean_of_known([found.get(name) for found in beside]) for name in names},
    )


def parse_patience(text: str) -> list[int]:
    """``3,5,10``: whole numbers from 1 on. Raises UsageError."""
    values = [core_value(part.strip()) for part in text.split(",")]
    whole = [value for value in values if type(value) is int and value >= 1]
    if len(whole) < len(values):
        fix = "it takes whole numbers from 1 on, with commas between them: --patience 3,5,10"
        raise UsageError(f"--patience cannot be {shown(text) or repr(text)}", fix=fix)
    return list(dict.fromkeys(whole))


def parse_min_delta(text: str) -> list[float]:
    """``0,1e-3``: numbers from 0 on. Raises UsageError."""
    values = [core_value(part.strip()) for part in text.split(",")]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or not all(0 <= number < math.inf for number in numbers):
        fix = "it takes numbers from 0 on, with commas between them: --min-delta 0,0.001"
        raise UsageError(f"--min-delta cannot be {shown(text) or repr(text)}", fix=fix)
    return list(dict.fromkeys(numbers))
