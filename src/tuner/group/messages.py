"""What a worker and its group tell each other: one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuner.events import Ended, EpochDone, Event, MemberFailed, Started, StepsDone


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


Message = Event | MemberFailed | MemberTask
KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (Started, StepsDone, EpochDone, Ended, MemberFailed, MemberTask)
}


def to_line(message: Message) -> str:
    return json.dumps({"kind": type(message).__name__, **asdict(message)}, default=str) + "\n"


def from_line(line: str) -> Message:
    """The message of a line that `to_line` wrote."""
    values: dict[str, Any] = json.loads(line)
    kind = KINDS[values.pop("kind")]
    if "run" in values:
        values["run"] = Path(values["run"])
    for key in {"notes", "overrides", "argv", "seeds"} & set(values):
        values[key] = tuple(values[key])
    return kind(**values)
