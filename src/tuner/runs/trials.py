"""A sweep with what came of each of its trials, as their status.json tells it: there is time for thousands of these."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from tuner.config.space import space_of
from tuner.durable.reading import shown
from tuner.errors import NotFoundError
from tuner.figures import number, plural
from tuner.paths import reference
from tuner.runs.files import BEST, DAMAGED, ENDED, NOT_BEGUN, Status, checkpoints
from tuner.runs.folder import Run, is_group, is_run, is_sweep, members, standing
from tuner.runs.sweep import (
    BASE,
    FAILED,
    PRUNED,
    STATES,
    SweepHead,
    Trial,
    check_not_lost,
    confirm_folder,
    going_on,
    ranked,
    read_sweep,
    sweep_of,
    trial_folder,
)

OVER = (*ENDED, PRUNED, FAILED)
"""The states of trials that nobody goes on with."""


@dataclass(frozen=True)
class Outcome:
    """How a trial stands: one of `STATES`, running, not begun or damaged, with what status.json tells. `value` is the
    searched metric of the best of its epochs; `problem` says why it cannot be read, or could not be trained."""

    trial: Trial
    state: str
    status: Mapping[str, Any] = field(default_factory=dict)
    value: float | None = None
    problem: str = ""

    @property
    def number(self) -> int:
        return self.trial.number

    @property
    def epoch(self) -> int:
        """Epochs that it has had."""
        return int(self.status.get("epoch") or 0)


@dataclass(frozen=True, eq=False)
class Sweep:
    """A sweep and how its trials stand, by their numbers."""

    head: SweepHead
    outcomes: Mapping[int, Outcome]

    @property
    def path(self) -> Path:
        return self.head.path

    @cached_property
    def best(self) -> list[Outcome]:
        """The finished trials with a value, the best first."""
        values = {at: each.value for at, each in self.outcomes.items()
                  if each.state == "finished" and each.value is not None}  # fmt: skip
        return [self.outcomes[at] for at in ranked(values, self.head.direction)]

    @property
    def taken(self) -> Outcome:
        """The finished trial that the verdict is for, else the best one."""
        return next((each for each in self.best if each.number == self.head.winner), self.best[0])

    def best_words(self, winner: int | None) -> str:
        """The best trial in a line, which is that of the search alone where another one is the verdict's `winner`."""
        first = self.best[0]
        alone = ", by the search alone" * (winner not in (None, first.number))
        settings = " ".join(first.trial.overrides)
        return f"trial {first.number}{alone}: {settings}: {self.head.metric} {number(first.value)}"

    @cached_property
    def ordered(self) -> list[Outcome]:
        """All trials: the finished ones, the best first, then those that were given up or are on their way, the further
        they got the earlier, then the others."""
        sign = -1.0 if self.head.direction == "up" else 1.0

        def place(each: Outcome) -> tuple[Any, ...]:
            kind = 0 if each.state == "finished" else 2 if each.state in ("diverged", FAILED, DAMAGED, NOT_BEGUN) else 1
            value = (each.value is None, sign * (each.value or 0.0), each.number)
            return kind, -each.epoch if kind == 1 else 0, *value

        return sorted(self.outcomes.values(), key=place)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many trials there are of which state; one that was not planned yet is not begun."""
        states = [each.state for each in self.outcomes.values()]
        known = {state: states.count(state) for state in (*STATES, "running", DAMAGED)}
        known[NOT_BEGUN] = states.count(NOT_BEGUN) + max(0, (self.wanted or 0) - len(states))
        return {state: count for state, count in known.items() if count}

    @property
    def state(self) -> str:
        """``3 finished, 21 pruned``, one word where all are alike; whether all is over, or is still to be confirmed."""
        told, (done, wanted) = ", ".join(f"{count} {state}" for state, count in self.counts.items()), self.confirming
        told = told or NOT_BEGUN
        if done < wanted:
            return f"unconfirmed: {told}"
        if len(self.counts) == 1 and not self.head.time_is_up:
            return next(iter(self.counts))
        return f"over: {told}" if self.is_over else told

    @cached_property
    def confirming(self) -> tuple[int, int]:
        """How many of the trainings that confirm have ended, of how many; (0, 0) while it is searched."""
        numbers = self.head.confirms([each.number for each in self.best]) if self.is_over else []
        if not numbers:
            return 0, 0
        there = [path for at in numbers for path in _members(self.path / confirm_folder(at))]
        return sum(map(_has_ended, there)), len(numbers) * self.head.seeds_for(len(numbers) - 1)

    @cached_property
    def wanted(self) -> int | None:
        """How many trials there are to be; None: as many as there is time for."""
        return wanted(self.head)

    @property
    def is_over(self) -> bool:
        """Whether every trial that there is to be has ended, or the time for them has."""
        states = [each.state for number, each in self.outcomes.items() if self.wanted is None or number < self.wanted]
        is_whole = bool(states) and len(states) >= (self.wanted or 0)
        return self.head.time_is_up or (is_whole and {*states} <= {*OVER, DAMAGED})


def _has_ended(run: Path) -> bool:
    """Whether a run is over; one that is damaged is told elsewhere."""
    try:
        return standing(run)[1] in ENDED
    except NotFoundError:
        return True


def _members(path: Path) -> list[Path]:
    try:
        return members(path)
    except NotFoundError:
        return []


def wanted(head: SweepHead) -> int | None:
    """How many trials there are to be; None: as many as there is time for. Of a grid that was extended those outside of
    it count, too."""
    count: int | None = head.asked["planner"].get("trials")
    if head.asked["planner"].get("name") != "grid" or not head.spaces:
        return count
    space = space_of(head.space, import_module("tuner.config.searched").takes_whole)  # slow, and seldom needed
    grid = [space.nth(number) for number in range(space.size or 0)]
    return len(grid) + sum(trial.values not in grid for trial in head.trials.values())


def read_trials(path: Path) -> Sweep:
    """The sweep in the folder `path`. Raises NotFoundError where its sweep.json is missing or damaged."""
    head = read_sweep(path)
    return Sweep(head, {number: _outcome(trial, head.metric) for number, trial in head.trials.items()})


def _outcome(trial: Trial, metric: str) -> Outcome:
    try:
        trial.check_config()
        status, state = standing(trial.path) if is_run(trial.path) else (Status(), NOT_BEGUN)
    except NotFoundError as error:
        return Outcome(trial, DAMAGED, problem=error.message)
    best = (status.values.get("best") or {}).get(metric)
    return Outcome(trial, trial.state_by(state), status.values, best, trial.reason)


def one_of(path: Path) -> Path:
    """The run that is meant where the folder of a sweep is named and one run is asked for: that of `meant`, of a group
    its first. Raises NotFoundError where no trial has finished."""
    found = meant(path)
    return next(iter(members(found)), found) if found != path and is_group(found) else found


def meant(path: Path) -> Path:
    """What the folder of a sweep stands for: the trial that its verdict is for, the group of the config as it was where
    that is for it, else its best trial; any other folder itself. Raises NotFoundError where no trial has finished."""
    if is_run(path) or not is_sweep(path):
        return path
    sweep = read_trials(path)
    if sweep.head.winner == BASE and None in sweep.head.confirmed:
        return path / confirm_folder(None)
    if not sweep.best:
        what = (
            f"`tuner show {reference(path)}` tells why"
            if sweep.is_over
            else f"`{going_on(sweep.head)}` goes on with it"
        )
        raise NotFoundError(f"{shown(path)} is a sweep of which no trial has finished", fix=f"{what}.")
    return sweep.taken.trial.path


def check_no_sweep(path: Path) -> None:
    """Raises NotFoundError for the folder of a sweep, also without its sweep.json, where a run or a group is asked
    for."""
    if is_sweep(path) and not is_run(path):
        fix = f"Say which of its trials, or one of its groups: {shown(path)}/{trial_folder(0)}."
        raise NotFoundError(f"{shown(path)} is a sweep, and a run or a group is asked for", fix=fix)
    check_not_lost(path)


def trial_of(run: Path) -> tuple[SweepHead, Trial] | None:
    """The sweep whose trial is in the folder `run`, and that trial; None of every other folder."""
    head = sweep_of(run)
    found = [trial for trial in head.trials.values() if trial.path.name == run.name] if head else []
    return (head, found[0]) if head and found else None


def check_begun(path: Path) -> None:
    """Raises NotFoundError for a trial of a sweep that has no folder, or that sweep does not have."""
    number = re.fullmatch("trial-([0-9]{4,9})", path.name)
    head = sweep_of(path)
    if number is None or head is None:
        return
    trial = head.trials.get(int(number[1]))
    if trial is None:
        raise NotFoundError(f"the sweep {shown(head.path)} has no trial {int(number[1])}", fix=_there(head))
    why = f"could not be trained: {trial.reason}" if trial.told == FAILED else "is not begun"
    raise NotFoundError(f"trial {trial.number} of {shown(head.path)} {why}", fix=_there(head))


def _there(head: SweepHead) -> str:
    return f"`tuner show {reference(head.path)} trials` lists its {plural(len(head.trials), 'trial')}."


def as_told(run: Run) -> Run:
    """The run; of a trial in the state that its sweep tells."""
    found = trial_of(run.path)
    return replace(run, state=found[1].state_of(run)) if found else run


def let_go(run: Run) -> str:
    """Why a trial of a sweep has no weights any more: not because it is damaged; "" of every other run."""
    if not run.status.get("best"):
        return ""  # it never had any to keep
    if BEST in run.told.files or os.path.lexists(run.path / BEST) or checkpoints(run.path):
        return ""
    found = trial_of(run.path)
    if found is None or found[1].state_of(run) not in OVER:
        return ""
    keep = found[0].asked.get("keep") or 0
    kept = {0: "no trial", 1: "the best trial"}.get(keep, f"the {keep} best trials")
    return f"its weights were let go by the sweep {shown(found[0].path)}, which keeps those of {kept} (sweep.keep)"
