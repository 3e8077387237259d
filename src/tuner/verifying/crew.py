"""What all trainings of a verification share: what they are called, where they go, who trains and watches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.opening import Request
from tuner.paths import run_name

if TYPE_CHECKING:
    from tuner.events import Failed
    from tuner.members.opening import Alone, GroupSession
    from tuner.verifying.candidates import Base

TRY, BASE, CHANGED = "try", "base", "changed"
"""What the name of a training ends in."""
TAG = "diagnose"


@dataclass(frozen=True)
class Crew:
    """`tell` is given a line before anything is trained. `family` trains the members of a group that are still to do,
    and `alone` runs side by side, of which it is told in words what they try, by their folders' names, and how many
    epochs they have. They return the group's folder, and the runs that failed; both raise StoppedError."""

    runs_dir: Path
    argv: tuple[str, ...]
    tell: Callable[[str], None]
    family: Callable[[GroupSession], Path]
    alone: Callable[[Sequence[Alone], Mapping[str, str], int], dict[str, Failed]]

    @property
    def request(self) -> Request:
        return Request(self.runs_dir, argv=self.argv, auto_threads=1)


def about(base: Base, what: str) -> dict[str, Any]:
    """The settings of a training that do not change it: its name, a tag, and that test data are left alone, for which
    of two configs is better is still open."""
    name, tags = run_name(f"{base.name}-{what}"), [*base.load().config.tags, TAG]
    return {"name": name, "tags": list(dict.fromkeys(tags)), "training.test": "ask"}
