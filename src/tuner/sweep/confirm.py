"""The best trials of a search, and the config without a change, are trained with other seeds, a group each, and tested:
the best of many is better than it is, and no trial has touched test data."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tuner.config.load import load
from tuner.config.varied import SEEDS, Key
from tuner.errors import HeldError
from tuner.events import Ended, GroupEvent
from tuner.members import BETWEEN, Executor, group_code, train_group
from tuner.members.opening import GroupSession, open_group
from tuner.opening import Request
from tuner.runs.lock import holder
from tuner.runs.sweep import confirm_folder, trial_folder
from tuner.stopping import StopRequests
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession

LOOK = 0.5
"""Seconds between two looks at what others train."""


def keys_of(session: SweepSession, count: int) -> Sequence[Key]:
    """So many seeds: the first of 0, 1, 2 ... but the one that the search was made with."""
    own = session.loaded.config.seed
    return [(seed,) for seed in range(count + 1) if seed != own][:count]


def groups_of(session: SweepSession, ledger: Ledger) -> dict[int | None, GroupSession]:
    """The groups there are to be, in the sweep's folder."""
    numbers = ledger.head.confirms(ledger.best())
    seeds = keys_of(session, ledger.head.seeds_for(len(numbers) - 1)) if numbers else ()
    return {number: _group(session, ledger, number, seeds) for number in numbers}


def is_whole(group: GroupSession) -> bool:
    """Whether all of its members came to their end."""
    return group.path is not None and len(group.trained()) == len(group.members)


def confirm(
    session: SweepSession, ledger: Ledger, stop: StopRequests, by: Executor
) -> Generator[tuple[int | None, GroupEvent], None, int]:
    """Trains the groups that are not whole; yields what each of them tells, and returns the exit code. What another
    process holds is waited for. Raises TunerError."""
    codes: dict[int | None, int] = {}
    groups = groups_of(session, ledger)
    while stop.asked is None:
        groups = {number: replace(group, path=_there(group)) for number, group in groups.items()}
        left = {number: group for number, group in groups.items() if number not in codes and not is_whole(group)}
        if not left:
            break
        free = [number for number, group in left.items() if group.path is None or holder(group.path) is None]
        if not free:
            time.sleep(LOOK)
            continue
        try:
            for event in train_group(left[free[0]], stop, by):
                yield free[0], event
                if isinstance(event, Ended):
                    codes[free[0]] = int(event.status["exit_code"] or 0)
        except HeldError:  # another process was faster
            time.sleep(LOOK)
    asked = stop.asked
    return asked.exit_code if asked is not None else group_code([code for code in codes.values() if code != 3] or [0])


def _there(group: GroupSession) -> Path | None:
    path = group.request.named_folder
    return path if (path / group.key).is_file() else None


def _group(session: SweepSession, ledger: Ledger, number: int | None, seeds: Sequence[Key]) -> GroupSession:
    given = ledger.head.trials[number].overrides if number is not None else ()
    name = f"{ledger.path.name}/{trial_folder(number)}" if number is not None else ledger.path.name
    options: Mapping[str, str] = {**session.options, **dict.fromkeys(given, name), "training.test=end": name}
    loaded = load(session.source, session.overrides, given=session.loaded.source, options=options)
    request = Request(ledger.path, confirm_folder(number), wait=session.request.wait, argv=session.request.argv,
                      between=BETWEEN)  # fmt: skip
    return open_group(session.source, session.overrides, loaded, SEEDS, seeds, request, options)
