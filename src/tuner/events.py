"""What training tells while it runs: `train` yields these, `render` shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Started:
    """The run folder is there and the first step is next, or that of a group, whose `seeds` begin."""

    run: Path
    resumed: int | None  # the last epoch that was whole before, when an earlier run goes on
    device: str
    device_model: str
    threads: int
    parameters: int
    samples: dict[str, int]  # train, validation, test -> how many
    epochs: int
    steps_per_epoch: int
    monitor: str
    notes: tuple[str, ...] = ()
    batch: int = 0  # how many batches of the epoch after `resumed` were done before
    seeds: tuple[int, ...] = ()  # of a group, as are the last two
    ended: dict[int, dict[str, Any]] = field(default_factory=dict)  # seed -> status.json of those that had ended before
    at_once: int = 1  # members, each on so many `threads`


@dataclass(frozen=True)
class StepsDone:
    """Where training is inside an epoch."""

    epoch: int
    step: int  # within the epoch
    steps: int
    seconds_left: float | None = None  # to the end of the run; None while too little is known


@dataclass(frozen=True)
class EpochDone:
    """One epoch is over and measured."""

    row: dict[str, float | int | None]  # as in metrics.csv
    best: bool
    seconds: float
    samples_per_second: float
    seconds_left: float | None = None


@dataclass(frozen=True)
class Ended:
    """The run is over, whatever its end was; or a group: every member was trained, or a stop was asked for."""

    run: Path
    status: dict[str, Any] = field(default_factory=dict)  # as in status.json; of a group its exit_code alone


Event = Started | StepsDone | EpochDone | Ended


@dataclass(frozen=True)
class MemberTold:
    """What one member of a group tells."""

    seed: int
    event: Event


@dataclass(frozen=True)
class MemberFailed:
    """A member could not be trained, or not to its end; the others go on."""

    seed: int
    message: str
    fix: str
    exit_code: int


GroupEvent = Started | MemberTold | MemberFailed | Ended
