"""What a sweep will cost: trainings, epochs, time, disk."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuner.errors import NotFoundError
from tuner.figures import duration, mean, plural, scaled
from tuner.options.pruners import Halving
from tuner.runs.files import ENDED
from tuner.runs.folder import Run, glance, members, runs_in, standing
from tuner.runs.values import parse_metric, value
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession

STARTING, SAVING = 4.0, 0.1
"""Seconds until workers have imported torch, and what a training takes besides its epochs: folder, checkpoints."""
RATE = 1e10
"""Operations a second and core that are expected where nothing was trained yet: an order of magnitude."""
SMALL, COPIES = 60_000, 8
"""Bytes of a run's small files; how often the bytes of its weights lie in its folder, optimizer and all."""
LAST = 8
"""Trials by whose pace the others are estimated."""


@dataclass(frozen=True)
class Cost:
    """`trials` and how many `epochs` they have together (None: as many as there is time for), the trainings that
    confirm and their epochs, `seconds` of the clock for both (None: not known), and bytes on disk."""

    trials: int | None
    epochs: int | None
    confirming: int
    confirming_epochs: int
    seconds: float | None
    is_rough: bool
    bytes: int

    @property
    def words(self) -> str:
        """In a line."""
        told = [f"{plural(self.trials, 'trial')}, {plural(self.epochs or 0, 'epoch')}" if self.trials is not None
                else "trials for as long as there is time"]  # fmt: skip
        if self.confirming:
            told.append(f"{plural(self.confirming, 'training')} of {self.confirming_epochs:,} epochs to confirm")
        told = [", then ".join(told)]
        if self.seconds is not None:
            told.append(f"{'very roughly' if self.is_rough else 'about'} {duration(self.seconds)} at most")
        return "; ".join([*told, f"{scaled(self.bytes)}B on disk"])


def epochs_of(session: SweepSession, trials: int) -> int:
    """The epochs of so many trials, each of as many as the config has, when none ends early."""
    whole, prune, size = session.loaded.epochs, session.search.settings.prune, session.search.generation
    if not isinstance(prune, Halving):
        return trials * whole
    found = 0
    for count in [size] * (trials // size) + [trials % size]:
        rung, before = prune.first, 0
        while rung < whole and count:
            found += count * (rung - before)
            count, before, rung = max(1, count // prune.factor), rung, rung * prune.factor
        found += count * (whole - before)
    return found


def cost(session: SweepSession, at_once: int, ledger: Ledger | None = None) -> Cost:
    """What is still to come of a sweep, at most; `ledger` knows what was trained."""
    search, loaded = session.search, session.loaded
    trials, confirm = search.trials, search.settings.confirm
    done = 0 if ledger is None else sum(bool(each.state) for each in ledger.progress.values())
    left = None if trials is None else max(0, trials - done)
    epochs = None if left is None else epochs_of(session, left)
    confirming = (1 + min(confirm.top, trials or confirm.top)) * confirm.seeds if confirm else 0
    if ledger is not None:
        if left == 0 and confirm is not None:
            confirming = len(ledger.head.confirms(ledger.best())) * confirm.seeds
        confirming = max(0, confirming - sum(map(_ended, ledger.head.confirmed.values())))
    pace, is_rough = seconds_an_epoch(session, ledger)
    runs = confirming + (left or 0)
    seconds = None
    if epochs is not None:
        seconds = STARTING + ((epochs + confirming * loaded.epochs) * pace + runs * SAVING) / at_once
    kept = min(search.settings.keep + at_once, left if left is not None else math.inf) + confirming
    size = int(SMALL * runs + kept * COPIES * 4 * loaded.plan.parameters)
    return Cost(left, epochs, confirming, loaded.epochs, seconds, is_rough, size)


def confirming_seconds(session: SweepSession, at_once: int, ledger: Ledger) -> float:
    """How long the confirmation will take."""
    confirm = session.search.settings.confirm
    runs = (1 + confirm.top) * confirm.seeds if confirm else 0
    pace, _ = seconds_an_epoch(session, ledger)
    return (STARTING if runs else 0.0) + runs * (session.loaded.epochs * pace + SAVING) / at_once


def seconds_an_epoch(session: SweepSession, ledger: Ledger | None) -> tuple[float, bool]:
    """Of one training beside the others, and whether that is no more than an order of magnitude: the mean of the last
    trials, else that of the newest run of the same name, else by its operations."""
    paces = [each for run in _timed(session, ledger) if (each := value(run, parse_metric("seconds_per_epoch")))]
    if paces:
        return mean(paces), False
    plan, sizes = session.loaded.plan, session.splits.sizes
    evaluated = 2 * sizes.get("validation", 0)
    return (plan.train_flops * sizes["train"] + plan.flops * evaluated) / RATE, True


def _ended(group: Path) -> int:
    """How many members of a group have come to their end."""
    return sum(standing(path)[1] in ENDED for path in members(group))


def _timed(session: SweepSession, ledger: Ledger | None) -> Iterator[Run]:
    if ledger is not None:
        ended = [number for number, each in ledger.progress.items() if each.done]
        for number in ended[-LAST:]:
            with suppress(NotFoundError):
                run = ledger.head.trials[number].run
                if run is not None:
                    yield run
    if ledger is None or not any(each.done for each in ledger.progress.values()):
        for path in runs_in(session.request.runs_dir)[:50]:
            with suppress(NotFoundError):
                run = glance(path)
                if run.name == session.loaded.config.name and run.identity.device == session.identity.device:
                    yield run
                    return
