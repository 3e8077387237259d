"""What all trainings of a verification share: where they go, who trains them, who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.events import Event, Failed, GroupEvent
from tuner.members import Executor
from tuner.opening import Request
from tuner.paths import run_name
from tuner.stopping import StopRequests
from tuner.verifying.candidates import Base, Candidate

TRY, BASE, CHANGED = "try", "base", "changed"
"""What the name of a training ends in."""
TAG = "diagnose"

Told = tuple[str, Event | Failed]
"""The folder of a run, and what it tells."""


class StoppedError(Exception):
    """A stop was asked for: what was trained so far is there, and the same command goes on."""


@dataclass(frozen=True)
class Crew:
    """`tell` is given a line before anything is trained; `trials` and `family` are given what is trained next, in
    words, and its events, which they hand on."""

    runs_dir: Path
    argv: tuple[str, ...]
    stop: StopRequests
    executor: Executor
    tell: Callable[[str], None]
    trials: Callable[[dict[str, Candidate], int, Iterator[Told]], Iterator[Told]]
    family: Callable[[str, Iterator[GroupEvent]], Iterator[GroupEvent]]

    @property
    def request(self) -> Request:
        return Request(self.runs_dir, argv=self.argv, auto_threads=1)

    def check(self) -> None:
        """Raises StoppedError."""
        if self.stop.asked is not None:
            raise StoppedError


def about(base: Base, what: str) -> dict[str, Any]:
    """The settings of a training that do not change it: its name, a tag, and that test data are left alone, for which
    of two configs is better is still open."""
    name, tags = run_name(f"{base.name}-{what}"), [*base.load().config.tags, TAG]
    return {"name": name, "tags": list(dict.fromkeys(tags)), "training.test": "ask"}
