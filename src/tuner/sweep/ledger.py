"""What is known of a sweep: its run folders and sweep.json, read anew whenever somebody may have gone on with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuner.durable.writing import write_file
from tuner.errors import NotFoundError
from tuner.monitor import oriented
from tuner.options.pruners import Pruner
from tuner.runs.files import ENDED, Row
from tuner.runs.folder import SWEEP
from tuner.runs.lock import Lock
from tuner.runs.sweep import FAILED, PRUNED, SweepHead, Trial, ranked, read_sweep
from tuner.sweep.halving import Due, Progress, due

TURN = 60.0
"""Seconds to wait for another process that writes sweep.json: it takes a fraction of one."""


def course_of(rows: Sequence[Row], monitor: str, metric: str) -> list[float | None]:
    """The metric of the best epoch so far, epoch by epoch; None before there is one, and where it is not finite."""
    best, course = math.inf, list[float | None]()
    value: float | None = None
    for row, height in zip(rows, oriented(rows, monitor), strict=True):
        if height < best:
            best, found = height, row.get(metric)
            value = found if found is not None and math.isfinite(found) else None
        course.append(value)
    return course


@dataclass
class Ledger:
    """The sweep in the folder `path`. `progress` says of each trial how far it is, by its number."""

    path: Path
    head: SweepHead
    progress: dict[int, Progress] = field(default_factory=dict)
    clock: Callable[[], float] | None = None
    """Seconds that went by for the sweep, where there is a budget of them."""

    damaged: dict[int, str] = field(default_factory=dict)
    """Why trials cannot be read."""
    _read: tuple[int, ...] = ()

    def _sign(self) -> tuple[int, ...]:
        """What tells one sweep.json from the next: each is a file of its own."""
        with suppress(OSError):
            found = (self.path / SWEEP).stat()
            return found.st_ino, found.st_mtime_ns, found.st_size
        return ()

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Raises NotFoundError where sweep.json is missing or damaged."""
        ledger = cls(path, read_sweep(path))
        ledger.refresh()
        return ledger

    @property
    def direction(self) -> str:
        """Which way the searched metric is better."""
        return self.head.direction

    @property
    def generation(self) -> int:
        size: int = self.head.asked["planner"]["generation"]
        return size

    def refresh(self) -> None:
        """Reads sweep.json, and the runs of all trials that had not ended."""
        if (sign := self._sign()) != self._read:
            self.head, self._read = read_sweep(self.path), sign
        for number, trial in self.head.trials.items():
            known = self.progress.get(number)
            if known is None or not known.state or (known.state == FAILED) != (trial.told == FAILED):
                self.progress[number] = self._progress(trial)

    def _progress(self, trial: Trial) -> Progress:
        try:
            run = trial.run
            state = trial.state_of(run)
            course = [] if run is None else course_of(run.rows, self.head.monitor, self.head.metric)
        except NotFoundError as error:  # the others go on
            self.damaged[trial.number] = f"{error.message}; --retry failed trains it anew"
            return Progress(trial.epochs, FAILED)
        return Progress(trial.epochs, state if state in (*ENDED, PRUNED, FAILED) else "", course)

    def generations(self) -> Iterator[dict[int, Progress]]:
        """The trials generation by generation."""
        size = self.generation
        numbers = sorted(self.progress)
        for first in range(0, len(numbers), size):
            yield {number: self.progress[number] for number in numbers[first : first + size]}

    def due(self, prune: Pruner, count: int | None) -> Due:
        """What all generations need next, where there are to be `count` trials: what was planned beyond that is left
        alone."""
        wanted = [{number: each for number, each in trials.items() if count is None or number < count or each.state}
                  for trials in self.generations()]  # fmt: skip
        found = [due(trials, prune, self.direction) for trials in wanted]
        until = {number: epoch for each in found for number, epoch in each.until.items()}
        return Due(until, tuple(number for each in found for number in each.pruned))

    def best(self, count: int | None = None) -> list[int]:
        """The finished trials with a value, the best first."""
        values = {number: each.value for number, each in self.progress.items()
                  if each.state == "finished" and each.value is not None}  # fmt: skip
        return ranked(values, self.direction)[:count]

    # ---- written -----------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within it nobody else writes sweep.json; it is read anew first. Raises HeldError, ResourceError where the
        file system keeps no locks."""
        with Lock(self.path, TURN):
            self.refresh()
            yield

    def write(self, trials: Mapping[int, Trial], **changes: Any) -> None:
        """Puts these trials, and changes of the head, into sweep.json."""
        if self.clock is not None:
            changes["spent"] = max(self.head.spent, self.clock())
        self.head = replace(self.head, trials={**self.head.trials, **trials}, **changes)
        write_file(self.path / SWEEP, self.head.as_bytes())
        self._read = self._sign()
        for number in trials:
            self.progress[number] = self._progress(self.head.trials[number])

    def note(self, told: Mapping[int, tuple[str, str]]) -> None:
        """Notes how trials stand, with the reason of one that failed, where that is news."""
        trials = {number: replace(self.head.trials[number], told=state, reason=reason)
                  for number, (state, reason) in told.items()}  # fmt: skip
        news = {number: trial for number, trial in trials.items() if trial != self.head.trials[number]}
        if news:
            self.write(news)
