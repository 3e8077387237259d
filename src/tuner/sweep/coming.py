"""What is still to be trained of a sweep: its trials, and what confirms the best of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuner.config.space import Range
from tuner.errors import ConfigError
from tuner.figures import mean
from tuner.runs.files import ENDED
from tuner.runs.folder import members, standing
from tuner.runs.sweep import FAILED, SweepHead
from tuner.runs.trials import wanted
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession
from tuner.sweep.planner import plan

EPOCHS = "training.epochs"


@dataclass(frozen=True)
class Group:
    """So many `trainings`, each of `least` to `most` epochs."""

    trainings: int
    least: int
    most: int


@dataclass(frozen=True)
class Coming:
    """The epochs that each trial has before it (None: as many trials as there is time for; `is_drawn`: they follow from
    what is drawn), and the groups that confirm, some of which may be there already where `is_most`."""

    trials: Sequence[int] | None
    is_drawn: bool
    groups: Sequence[Group]
    is_most: bool


def coming(session: SweepSession, ledger: Ledger | None, *, retry: bool = False) -> Coming:
    """What is to come; `ledger` knows what was trained. With `retry` trials that failed come again."""
    head = session.under(ledger.head) if ledger else session.head
    target, progress = wanted(head), ledger.progress if ledger else {}
    trials, is_drawn = None, False
    if target is not None:
        more, is_drawn = _unplanned(session, head, max(0, target - len(progress)))
        wanted_too = [each for number, each in progress.items() if number < target]
        begun = [each for each in wanted_too if not each.state or (retry and each.state == FAILED)]
        trials = [*(each.epochs - each.done for each in begun), *more]
    is_up = head.time_is_up and head.budget == session.budget
    if ledger is not None and (trials == [] or is_up):
        return Coming([], False, list(_best(session, head, ledger)), is_most=False)
    found = _possible(session, head, target)
    return Coming(trials, is_drawn, found, is_most=any(number is not None for number in head.confirmed))


def _lengths(session: SweepSession) -> list[int]:
    """The epochs that trials may have, where that is searched: a range's ends, and what lies between them."""
    for each in session.search.space.dimensions:
        if each.key == EPOCHS:
            values = each.values
            if isinstance(values, Range):
                return [int(at) for at in values.grid] if values.points else [int(values.at(s)) for s in (0, 0.5, 1)]
            return [int(value.plain) for value in values]
    return []


def _unplanned(session: SweepSession, head: SweepHead, count: int) -> tuple[list[int], bool]:
    """The epochs of so many trials that are not planned yet, and whether they are known by their mean alone."""
    lengths, space = _lengths(session), session.search.space
    if not lengths or not count:
        return [session.loaded.epochs] * count, False
    if session.search.planner != "grid":
        return [round(mean(lengths))] * count, True
    left = Counter(dict.fromkeys(lengths, (space.size or 0) // len(lengths)))
    left.subtract(trial.epochs for trial in head.trials.values() if space.has(trial.values))
    return list(left.elements())[:count], False


def _best(session: SweepSession, head: SweepHead, ledger: Ledger) -> list[Group]:
    """What confirms the best, which are known."""
    there, numbers, found = ledger.head.confirmed, head.confirms(ledger.best()), []
    for number in numbers:
        epochs = session.loaded.epochs if number is None else head.trials[number].epochs
        found.append(Group(_lacking(there.get(number), head.seeds_for(len(numbers) - 1)), epochs, epochs))
    return found


def _possible(session: SweepSession, head: SweepHead, target: int | None) -> list[Group]:
    """What may confirm: the config without a change, and the best of the trials that are none of it."""
    asked = head.asked.get("confirm")
    if not isinstance(asked, dict):
        return []
    others = asked["top"] if target is None else min(asked["top"], target - _same(session, head, target))
    if others == 0:
        return []
    own, lengths = session.loaded.epochs, _lengths(session) or [session.loaded.epochs]
    before = {at: path for at, path in head.confirmed.items() if at is not None}
    seeds = head.seeds_for(others + len(before))
    return [Group(_lacking(head.confirmed.get(None), seeds), own, own),
            Group(others * seeds, min(lengths), max(lengths)),
            *(Group(_lacking(path, seeds), *[head.trials[at].epochs] * 2) for at, path in before.items())]  # fmt: skip


def _same(session: SweepSession, head: SweepHead, target: int) -> int:
    """How many of the trials are the config without a change, where that leaves fewer to confirm."""
    if head.trials or target > head.asked["confirm"]["top"]:
        return sum(trial.is_base for trial in head.trials.values())
    search, found, first = session.search, 0, range(target)
    for point in plan(search.planner, search.space, search.settings.seed, first, {}, head.direction, session.fits):
        with suppress(ConfigError):  # it cannot be trained
            found += session.config(tuple(search.space.overrides(point)), "").hash == session.loaded.hash
    return found


def _lacking(group: Path | None, seeds: int) -> int:
    """How many trainings of so many a group still has before it."""
    ended = 0 if group is None else sum(standing(path)[1] in ENDED for path in members(group))
    return max(0, seeds - ended)
