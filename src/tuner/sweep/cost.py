"""What a sweep will cost: trainings, epochs, time, disk; and how much of its budget is left for trials."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from tuner.errors import NotFoundError
from tuner.figures import duration, mean, plural, scaled
from tuner.options.pruners import Halving
from tuner.runs.files import METRICS
from tuner.runs.folder import Run, glance, number_of, runs_in
from tuner.runs.values import parse_metric, value
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession

if TYPE_CHECKING:
    from tuner.sweep.coming import Coming, Group

STARTING, SAVING = 4.0, 0.1
"""Seconds until workers have imported torch, and what a training takes besides its epochs: folder, checkpoints; where
that was not measured."""
LONGEST = 60.0
"""Seconds that neither takes: where more went by, nothing was trained meanwhile."""
RATE, STEP = 1e10, 5e-4
"""Operations a second and core, and seconds that a step takes besides, that are expected where nothing was trained yet:
orders of magnitude."""
SMALL, COPIES = 60_000, 8
"""Bytes of a run's small files; how often the bytes of its weights lie in its folder, optimizer and all."""
LAST = 8
"""Trials by whose pace the others are estimated."""

BEYOND = 1.25
"""What confirms is begun where it ends within the budget times this, as far as is known."""


@dataclass(frozen=True)
class Pace:
    """Seconds of an epoch of one training beside the others, of a training besides its epochs, and until the first one
    begins; `is_rough` where they are no more than an order of magnitude."""

    epoch: float
    training: float
    starting: float
    is_rough: bool

    def seconds(self, epochs: int, trainings: int, at_once: int) -> float:
        """Of the clock."""
        return self.starting * bool(trainings) + (epochs * self.epoch + trainings * self.training) / at_once


@dataclass(frozen=True)
class Cost:
    """`trials` and how many `epochs` they have together (None: as many as there is time for; `is_drawn`: about so
    many), the groups that confirm, `is_most` where fewer of them may be needed, `seconds` of the clock for both (None:
    not known), and bytes on disk."""

    trials: int | None
    epochs: int | None
    is_drawn: bool
    groups: Sequence[Group]
    is_most: bool
    seconds: float | None
    is_rough: bool
    bytes: int

    @property
    def confirming(self) -> int:
        """Trainings that confirm."""
        return sum(each.trainings for each in self.groups)

    @property
    def words(self) -> str:
        """In a line."""
        if self.trials == 0 and not self.confirming:
            return "nothing is left to train"
        told = ["trials for as long as there is time"] if self.trials is None else []
        if self.trials:
            told.append(
                f"{plural(self.trials, 'trial')}, {'about ' * self.is_drawn}{plural(self.epochs or 0, 'epoch')}"
            )
        if self.confirming:
            ends = [end for each in self.groups if each.trainings for end in (each.least, each.most)]
            epochs = f"{min(ends):,}" + f" to {max(ends):,}" * (min(ends) < max(ends))
            most = "up to " * self.is_most
            told.append(f"{most}{plural(self.confirming, 'training')} of {epochs} epochs to confirm")
        told = [", then ".join(told)]
        if self.seconds is not None:
            told.append(f"{'very roughly' if self.is_rough else 'about'} {duration(self.seconds)}")
        return "; ".join([*told, f"{scaled(self.bytes)}B on disk"])


def epochs_of(session: SweepSession, trials: Sequence[int]) -> int:
    """The epochs of trials that have so many each, when none ends early and the longest of a generation go on."""
    prune, size = session.search.settings.prune, session.search.generation
    if not isinstance(prune, Halving):
        return sum(trials)
    found = 0
    for first in range(0, len(trials), size):
        alive, rung, before = sorted(trials[first : first + size], reverse=True), prune.first, 0
        while rung < alive[0]:
            found += sum(min(rung, each) - min(before, each) for each in alive)
            alive, before, rung = alive[: max(1, len(alive) // prune.factor)], rung, rung * prune.factor
        found += sum(each - min(before, each) for each in alive)
    return found


def cost(session: SweepSession, at_once: int, found: Coming, ledger: Ledger | None = None) -> Cost:
    """What is still to come of a sweep, that is `found`; `ledger` knows what was trained."""
    pace = paced(session, at_once, ledger)
    confirming = sum(each.trainings for each in found.groups)
    runs, trials, epochs, seconds = confirming, None, None, None
    if found.trials is not None:
        trials, epochs = len(found.trials), epochs_of(session, found.trials)
        runs += trials
        seconds = pace.seconds(epochs + sum(each.trainings * each.most for each in found.groups), runs, at_once)
    kept = min(session.search.settings.keep + at_once, math.inf if trials is None else trials) + confirming
    size = int(SMALL * runs + kept * COPIES * 4 * session.loaded.plan.parameters)
    return Cost(trials, epochs, found.is_drawn, found.groups, found.is_most, seconds, pace.is_rough, size)


def paced(session: SweepSession, at_once: int, ledger: Ledger | None) -> Pace:
    """As the last trials were; else an epoch as that of the newest run of the same name, else by its operations."""
    trials = list(_trials(ledger))
    there = [(run, done, each) for run, done in trials if (each := value(run, parse_metric("seconds_per_epoch")))]
    if ledger is not None and there:
        begun = [_time(run.created) for run, *_ in there]
        # a trial makes room for the one that begins as many later as are trained at once, or else its files tell when
        # it ended; either is late where nobody trained for a while, between two commands or between two rungs
        room = [*begun, *[math.inf] * at_once][at_once:]
        ended = [min(after, _ended(run)) for after, (run, *_) in zip(room, there, strict=True)]
        over = [end - began - done * pace for began, end, (_, done, pace) in zip(begun, ended, there, strict=True)]
        # those that began first had to wait for the kernels to be made ready, too
        own = [time for (run, *_), time in zip(there, over, strict=True)
               if 0 < time < LONGEST and number_of(run.path.name, "trial") >= at_once]  # fmt: skip
        epoch = mean([each for *_, each in there])
        return Pace(epoch, median(own) if own else SAVING, _starting(ledger), is_rough=False)
    for run in _namesake(session):
        if pace := value(run, parse_metric("seconds_per_epoch")):
            return Pace(pace, SAVING, STARTING, is_rough=True)
    plan, sizes = session.loaded.plan, session.splits.sizes
    evaluated = 2 * sizes.get("validation", 0)
    operations = plan.train_flops * sizes["train"] + plan.flops * evaluated
    batch = session.loaded.config.training.batch_size
    steps = 1 if isinstance(batch, str) else math.ceil(sizes["train"] / batch)
    return Pace(operations / RATE + steps * STEP, SAVING, STARTING, is_rough=True)


@dataclass(frozen=True)
class Budget:
    """`seconds` for a search, of which some went by `before` this command; it `began` at that time.monotonic()."""

    seconds: float
    session: SweepSession
    ledger: Ledger
    at_once: int
    began: float
    before: float

    @property
    def spent(self) -> float:
        """Seconds that went by for the search."""
        return self.before + time.monotonic() - self.began

    def confirming(self) -> tuple[float, bool]:
        """How long all that may confirm takes, by workers that have trained trials, and whether that is but an order of
        magnitude."""
        confirm, pace = self.session.search.settings.confirm, paced(self.session, self.at_once, self.ledger)
        pace = pace if pace.is_rough else replace(pace, starting=0.0)
        runs = (1 + confirm.top) * confirm.seeds if confirm else 0
        return pace.seconds(runs * self.session.loaded.epochs, runs, self.at_once), pace.is_rough

    def is_over(self) -> bool:
        """Whether no more trials are to be trained: so much is left as what confirms takes, once a trial tells how long
        that is."""
        left = self.seconds - self.spent
        if self.ledger.head.time_is_up or left <= 0:
            return True
        seconds, is_rough = self.confirming()
        return not is_rough and left <= seconds

    def larger(self, groups: Sequence[Group]) -> int | None:
        """The budget in whole seconds that would do, where no trial has ended, or there is no time for the groups that
        confirm the best; else None."""
        if not self.ledger.best(1):
            return math.ceil(2 * max(self.seconds, self.confirming()[0]))
        runs, epochs = sum(each.trainings for each in groups), sum(each.trainings * each.most for each in groups)
        seconds = paced(self.session, self.at_once, self.ledger).seconds(epochs, runs, self.at_once)
        is_enough = not runs or self.spent + seconds <= BEYOND * self.seconds
        return None if is_enough else math.ceil(self.spent + seconds)

    def note(self) -> str:
        """What stands against the budget before anything is trained."""
        seconds, is_rough = self.confirming()
        if seconds < self.seconds / 2:
            return ""
        said = f"to confirm the best takes {'very roughly' if is_rough else 'about'} {duration(seconds)} of it"
        return f"--budget {duration(self.seconds)}: {said}; twice that, or sweep.confirm.seeds, leaves more for trials"


def _ended(run: Run) -> float:
    """About when the training of a run ended."""
    try:
        return (run.path / METRICS).stat().st_mtime + SAVING
    except OSError:
        return math.inf


def _starting(ledger: Ledger) -> float:
    """Seconds between the sweep's beginning and its first trial's, and that trial's first epoch for which torch is
    made ready."""
    with suppress(NotFoundError):
        if (run := ledger.head.trials[0].run) is not None:
            passed = _time(run.created) - _time(ledger.head.created)
            return STARTING if passed > LONGEST else max(STARTING, passed)
    return STARTING


def _time(created: str) -> float:
    return datetime.fromisoformat(created).timestamp()


def _trials(ledger: Ledger | None) -> Iterator[tuple[Run, int]]:
    """The last trials that were trained, in the order in which they began, with the epochs that they had."""
    trained = [(number, each.done) for number, each in ledger.progress.items() if each.done] if ledger else []
    found = []
    for number, done in trained[-LAST:]:
        with suppress(NotFoundError):
            if ledger is not None and (run := ledger.head.trials[number].run) is not None:
                found.append((run, done))
    yield from sorted(found, key=lambda each: each[0].created)


def _namesake(session: SweepSession) -> Iterator[Run]:
    """The newest run of the same config name and device."""
    for path in runs_in(session.request.runs_dir)[:50]:
        with suppress(NotFoundError):
            run = glance(path)
            if run.name == session.loaded.config.name and run.identity.device == session.identity.device:
                yield run
                return
