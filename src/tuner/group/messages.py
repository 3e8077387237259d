"""What a worker and its group tell each other: one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuner.errors import TunerError
from tuner.events import Ended, EpochDone, Event, Started, StepsDone

EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Started, StepsDone, EpochDone, Ended)}


@dataclass(frozen=True)
class MemberTask:
    """One member to train: what `load` and `Request` need, so that the worker finds the same config."""

    source: str
    given: str  # the text of the config as its group read it
    overrides: tuple[str, ...]
    config_hash: str  # of the member: a base file may have changed meanwhile
    seed: int
    group: str
    threads: int
    wait: float
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """A member that could not be trained."""

    message: str
    fix: str
    exit_code: int

    @classmethod
    def of(cls, error: TunerError) -> Failed:
        return cls(error.message, error.fix, error.exit_code)


def to_line(message: Event | Failed | MemberTask) -> str:
    return json.dumps({"kind": type(message).__name__, **asdict(message)}, default=str) + "\n"


def from_line(line: str) -> Event | Failed | MemberTask:
    """The message of a line that `to_line` wrote."""
    values: dict[str, Any] = json.loads(line)
    kind = values.pop("kind")
    if kind == "MemberTask":
        return MemberTask(**{**values, "overrides": tuple(values["overrides"]), "argv": tuple(values["argv"])})
    if kind == "Failed":
        return Failed(**values)
    if "run" in values:
        values["run"] = Path(values["run"])
    if "notes" in values:
        values["notes"] = tuple(values["notes"])
    return EVENTS[kind](**values)
