"""What else has to agree before a difference in results can come from the settings: code, data, device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuner.diff.sides import Side
from tuner.runs.folder import Run

NAMES = {
    "tuner": "tuner",
    "git_commit": "git commit",
    "torch": "torch",
    "data_fingerprint": "data",
    "device": "device",
    "device_model": "device model",
    "cpu_capability": "CPU capability",
    "threads": "threads",
    "packages": "packages",
}
"""The parts, as run.json calls them, and in words."""

NONE = "none"
"""What stands for no packages."""


@dataclass(frozen=True)
class Circumstance:
    """One of `NAMES`, with the values it has on each side: none where that is not known, several where the members of
    a group differ."""

    key: str
    values: tuple[tuple[Any, ...], ...]

    @property
    def name(self) -> str:
        return NAMES[self.key]

    @property
    def differs(self) -> bool:
        """Whether two runs, or what two configs ask for, differ in it."""
        return len({value for known in self.values for value in known}) > 1


def circumstances_of(sides: Sequence[Side]) -> list[Circumstance]:
    """Each part that is known of any side."""
    found = [Circumstance(key, tuple(_values(side, key) for side in sides)) for key in NAMES]
    return [each for each in found if any(value != NONE for known in each.values for value in known)]


def _values(side: Side, key: str) -> tuple[Any, ...]:
    if side.group is None:
        asked = side.config.get("training", {}).get(key)  # device and threads: what a run would have
        return () if asked in (None, "auto") else ("cuda:0" if asked == "cuda" else asked,)
    return tuple(dict.fromkeys(value for run in side.runs.values() if (value := _of_run(run, key)) is not None))


def _of_run(run: Run, key: str) -> Any:
    if key == "git_commit":
        commit = run.about.get(key)
        return commit if isinstance(commit, str) else None
    return getattr(run.identity, key) or NONE
