"""What training tells while it runs: `train` yields these, `render` shows them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.config.varied import Key
from tuner.errors import HeldError, NotFoundError, ResourceError, TunerError, UsageError


@dataclass(frozen=True, kw_only=True)
class Started:
    """The run folder is there and the first step is next, or that of a family, whose `members` begin."""

    run: Path
    device: str
    device_model: str
    threads: int
    parameters: int
    samples: dict[str, int]  # train, validation, test -> how many
    epochs: int
    monitor: str
    notes: tuple[str, ...] = ()
    steps_per_epoch: int = 0
    resumed: int | None = None  # the last epoch that was whole before, when an earlier run goes on
    batch: int = 0  # how many batches of the epoch after `resumed` were done before
    varies: tuple[str, ...] = ()  # of a family, as is what follows
    members: tuple[Key, ...] = ()
    ended: dict[Key, dict[str, Any]] = field(default_factory=dict)  # the status.json of those that had ended before
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
    """The run is over, whatever its end was; or a family: every member was trained, or a stop was asked for."""

    run: Path
    status: dict[str, Any] = field(default_factory=dict)  # as in status.json; of a family its exit_code alone


@dataclass(frozen=True)
class Failed:
    """A member could not be trained, or not to its end; the others go on."""

    message: str
    fix: str
    exit_code: int

    def as_error(self, what: str) -> TunerError:
        """What it is for the command that needed it: of the same exit code."""
        kinds: tuple[type[TunerError], ...] = (TunerError, UsageError, NotFoundError, ResourceError, HeldError)
        kind = next((each for each in kinds if each.exit_code == self.exit_code), NotFoundError)
        return kind(f"{what}: {self.message}", fix=self.fix)


Event = Started | StepsDone | EpochDone | Ended


@dataclass(frozen=True)
class MemberTold:
    """What one member of a family tells."""

    key: Key
    event: Event | Failed


GroupEvent = Started | MemberTold | Ended


@dataclass(frozen=True, kw_only=True)
class SweepBegun:
    """The folder of a sweep is there and its trials come next."""

    run: Path
    device: str
    device_model: str
    threads: int
    at_once: int  # trials, each on so many `threads`
    samples: dict[str, int]
    planner: str
    metric: str
    trials: int | None  # how many there are to be; None: as many as there is time for
    ended: int  # how many had ended before
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialTold:
    """What the run of a trial tells."""

    number: int
    event: Event | Failed


@dataclass(frozen=True)
class TrialEnded:
    """A trial is over, or given up: `state` is finished, pruned, diverged or failed. `value` is the searched metric of
    the best of its `epochs`; `leads` says whether no trial is better."""

    number: int
    run: Path
    state: str
    values: dict[str, Any]
    value: float | None
    epochs: int
    leads: bool
    reason: str = ""


SweepEvent = SweepBegun | TrialTold | TrialEnded | Ended


def to_json(event: Event | Failed) -> bytes:
    """What one process tells another of a run."""
    return json.dumps([type(event).__name__, vars(event)], default=str).encode()


def from_json(data: bytes) -> Event | Failed:
    """What `to_json` gave."""
    name, told = json.loads(data)
    kinds: dict[str, Any] = {each.__name__: each for each in (Started, StepsDone, EpochDone, Ended, Failed)}
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    event: Event | Failed = kinds[name](**values | ({"run": Path(values["run"])} if "run" in values else {}))
    return event
