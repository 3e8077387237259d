"""The trials of a sweep are planned, trained and given up until all have ended. Any number of processes may do that in
one folder: each trains what is due and held by nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from tuner.config.loaded import Loaded
from tuner.durable.writing import remove_folder, write_file
from tuner.errors import BUG, NO, ConfigError, HeldError, NotFoundError, ResourceError
from tuner.events import Ended, Event, Failed, SweepBegun, SweepEvent, TrialEnded, TrialTold
from tuner.members import Executor, group_code, train_alone
from tuner.members.opening import Alone
from tuner.runs.files import CONFIG
from tuner.runs.lock import holder, is_seen_by_others
from tuner.runs.sweep import FAILED, PRUNED, Trial, trial_folder
from tuner.runs.trials import wanted
from tuner.stopping import Stop, StopRequests
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession, made
from tuner.sweep.planner import next_generation, plan
from tuner.sweep.weights import let_go

LETTING_GO = 5.0
"""Seconds to wait for a trial that has ended and is still held."""
LOOK = 0.2
"""Seconds between two looks at what others train."""
EXTENDED = Stop("another command extended the space")


class Searching:
    """What one process does for a sweep."""

    def __init__(self, session: SweepSession, stop: StopRequests, by: Executor) -> None:
        self.session, self.stop, self.by = session, stop, by
        self.enough: Callable[[], bool] = bool  # whether no more is to be trained although more is due
        self.has_bug = False  # a trial ended by one of tuner's own
        self.search, self.loaded = session.search, session.loaded
        self.ledger = Ledger.read(made(session))
        self.told: set[int] = set()
        self._without: set[int] = set()
        self._configs: dict[int, Loaded] = {}

    def course(self, *, retry: bool = False) -> Generator[SweepEvent]:
        """Trains what is due; SweepBegun comes first and Ended last. With `retry` trials that could not be trained are
        trained again. Raises TunerError."""
        ledger, session = self.ledger, self.session
        with ledger.writing():
            if not is_seen_by_others(ledger.path):
                fix = "Put the runs on another one (--runs-dir): two processes would train the same trial here."
                raise ResourceError(f"the file system of {ledger.path} keeps no locks between processes", fix=fix)
            self.take_up(retry)
        over = {number for number, each in ledger.progress.items() if each.state}
        self.told |= over
        identity = session.identity
        yield SweepBegun(
            run=ledger.path,
            device=identity.device,
            device_model=identity.device_model,
            threads=identity.threads,
            at_once=self.by.at_once(identity),
            samples=session.splits.sizes,
            planner=self.search.planner,
            metric=self.search.metric,
            trials=self.trials,
            ended=len(over),
            notes=(*session.loaded.notes, *session.notes),
        )
        with self.stop.until(self.enough):
            yield from self.trained()
        if self.session.budget is not None and self.enough() and not ledger.head.time_is_up:
            with ledger.writing():
                ledger.write({}, time_is_up=True)
        yield Ended(ledger.path, {"exit_code": self.exit_code()})

    def trained(self) -> Iterator[SweepEvent]:
        """Trains until nothing is due any more, or a stop is asked for; what others hold is waited for."""
        while self.stop.asked is None:
            for name, event in train_alone(self.units(), self.session.identity, self.stop, self.by):
                yield from self.heard(int(name.removeprefix(trial_folder(0)[:-4])), event)
            with self.ledger.writing():
                due = self.step()
            yield from self.news()
            self.let_go(LETTING_GO)
            if not due:
                return
            if all(self.is_held(number) for number in due):
                time.sleep(LOOK)

    def take_up(self, retry: bool) -> None:
        """Records what the command asks for anew: more trials, another space, what is kept and confirmed."""
        before, budget = self.ledger.head, self.session.budget
        head = self.session.under(before)
        if head.asked != before.asked:
            write_file(self.ledger.path / CONFIG, self.session.config_file())
        if head != before or budget != before.budget:
            self.ledger.write(head.trials, asked=head.asked, spaces=head.spaces, budget=budget, time_is_up=False,
                              enough=None, winner=None)  # fmt: skip
        if retry:
            failed = [number for number, trial in head.trials.items() if trial.told == FAILED]
            for number in {*failed, *self.ledger.damaged}:
                if not self.is_readable(number):
                    remove_folder(self.ledger.path / trial_folder(number))  # nothing can go on from it
            self.ledger.damaged.clear()
            self.ledger.progress.clear()
            self.ledger.note(dict.fromkeys(failed, ("", "")))
            self.ledger.refresh()

    def is_readable(self, number: int) -> bool:
        """Whether what there is of a trial is whole."""
        try:
            run = self.ledger.head.trials[number].run
            return run is None or run.rows is not None
        except NotFoundError:
            return False

    @cached_property
    def trials(self) -> int | None:
        """How many trials there are to be; None: no end of them."""
        return wanted(self.ledger.head)

    # ---- what is due -------------------------------------------------------------------------------------------------

    def units(self) -> Iterator[Alone]:
        """The trials that are due, one after the other as there is room for them."""
        given: set[tuple[int, int | None]] = set()
        while self.stop.asked is None:
            with self.ledger.writing():
                due = self.step()
            unit = next((each for each in due.items() if each not in given and not self.is_held(each[0])), None)
            if unit is None:
                return
            given.add(unit)
            if alone := self.unit(*unit):
                yield alone

    def step(self) -> Mapping[int, int | None]:
        """Notes what was given up, plans what may be planned; what is due then. sweep.json is held."""
        ledger = self.ledger
        while True:
            ledger.note({number: (FAILED, reason) for number, reason in ledger.damaged.items()})
            due = ledger.due(self.search.settings.prune, self.trials)
            if due.pruned:
                ledger.note(dict.fromkeys(due.pruned, (PRUNED, "")))
                continue
            room = self.by.at_once(self.session.identity)
            is_enough = bool(due.until) if self.search.is_by_result else len(due.until) > room
            if is_enough or not self.plan():
                if not due.until:
                    ended = {number: (each.state, ledger.head.trials[number].reason)
                             for number, each in ledger.progress.items()}  # fmt: skip
                    ledger.note(ended)
                return due.until

    def plan(self) -> bool:
        """Plans the next generation; False where there is none."""
        ledger, search = self.ledger, self.search
        trials = ledger.head.trials
        if ledger.head.space != search.space.plain():
            self.stop.ask(EXTENDED)
            return False
        numbers = next_generation(ledger.generation, len(trials), self.trials)
        if not numbers or self.enough():
            return False
        before = {number: (trial.values, ledger.progress[number]) for number, trial in trials.items()}
        seed = search.settings.seed
        points = plan(search.planner, search.space, seed, numbers, before, ledger.direction, self.session.fits)
        planned = {number: self.planned(number, point) for number, point in zip(numbers, points, strict=False)}
        if not trials and planned and all(trial.told for trial in planned.values()):
            self.config(0, planned[0].overrides)  # raises: nothing of the space can be trained
        if planned:
            ledger.write(planned)
        return bool(planned)

    def planned(self, number: int, point: dict[str, Any]) -> Trial:
        """The trial of a point; one whose settings exclude each other cannot be trained, and says why."""
        overrides = tuple(self.search.space.overrides(point))
        path = self.ledger.path / trial_folder(number)
        try:
            loaded = self.config(number, overrides)
        except ConfigError as error:
            return Trial(number, path, point, overrides, 0, FAILED, error.faults[0].message)
        return Trial(number, path, point, overrides, loaded.epochs, is_base=loaded.hash == self.loaded.hash)

    def config(self, number: int, overrides: tuple[str, ...]) -> Loaded:
        """The config of a trial. Raises ConfigError."""
        if number not in self._configs:
            self._configs[number] = self.session.config(overrides, self.name(number))
        return self._configs[number]

    def name(self, number: int) -> str:
        """``my-3/trial-0007``."""
        return f"{self.ledger.path.name}/{trial_folder(number)}"

    def unit(self, number: int, until: int | None) -> Alone | None:
        """A trial to be trained; None of one whose settings exclude each other, which is noted."""
        trial, session = self.ledger.head.trials[number], self.session
        try:
            loaded = self.config(number, trial.overrides)
        except ConfigError as error:
            with self.ledger.writing():
                self.ledger.note({number: (FAILED, error.faults[0].message)})
            return None
        options = session.trial_options(trial.overrides, self.name(number))
        return Alone(trial.path, session.source, session.overrides, replace(session, loaded=loaded), options, until)

    def is_held(self, number: int) -> bool:
        """Whether another process trains it; of what is in its way whoever trains it tells."""
        with suppress(NotFoundError):
            return holder(self.ledger.path / trial_folder(number)) is not None
        return False

    # ---- what is heard -----------------------------------------------------------------------------------------------

    def heard(self, number: int, event: Event | Failed) -> Iterator[SweepEvent]:
        """What a trial tells, and what follows from its end."""
        yield TrialTold(number, event)
        self.has_bug |= isinstance(event, Failed) and event.exit_code == BUG
        if isinstance(event, Failed) and event.exit_code != HeldError.exit_code:
            with self.ledger.writing():
                self.ledger.note({number: (FAILED, event.message)})
        elif isinstance(event, Ended):
            self.ledger.refresh()
            self._configs.pop(number, None)
        yield from self.news()

    def news(self) -> Iterator[TrialEnded]:
        """The trials that have ended since this was last asked, whoever trained them."""
        best = self.ledger.best()
        ended = {
            number: each for number, each in self.ledger.progress.items() if each.state and number not in self.told
        }
        for number, each in ended.items():
            self.told.add(number)
            trial = self.ledger.head.trials[number]
            leads = [at for at in best if at in self.told][:1] == [number]
            yield TrialEnded(
                number, trial.path, each.state, dict(trial.values), each.value, each.done, leads, trial.reason
            )
        if ended:
            self.let_go()

    def let_go(self, wait: float = 0.0) -> None:
        """Takes away the weights of the trials that are over and not among the best, but for those that failed, which
        may come again; `wait` is how long for those that are still held by whoever trained them."""
        keep = self.search.settings.keep
        kept = {*self.ledger.best(keep), *[self.ledger.head.winner] * bool(keep)}
        over = {number for number, each in self.ledger.progress.items() if each.state not in ("", FAILED)}
        for number in over.difference(kept, self._without):
            with suppress(HeldError, NotFoundError):
                let_go(self.ledger.path / trial_folder(number), wait)
                self._without.add(number)

    def exit_code(self) -> int:
        """0 where all have ended and one has finished, unless a bug of tuner ended one; else as of a group."""
        asked, progress = self.stop.asked, self.ledger.progress
        if asked is not None:
            return asked.exit_code
        if self.has_bug:
            return BUG
        if any(each.state == "finished" for each in progress.values()):
            return 0
        if not progress or not all(each.state for each in progress.values()):
            return NO  # the budget was too small for one
        return group_code([3 if each.state == "diverged" else 4 for each in progress.values()])
