"""The time that a search may take, what confirms inside: how much of it is left for trials."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from tuner.figures import duration
from tuner.sweep.cost import paced
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import SweepSession

BEYOND = 1.25
"""What confirms is begun where it ends within the budget times this, as far as is known."""


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

    def confirming(self, trials: int | None = None) -> tuple[float, bool]:
        """How long it takes to confirm so many trials, as many as the sweep may confirm by default, and whether that is
        but an order of magnitude."""
        confirm, pace = self.session.search.settings.confirm, paced(self.session, self.at_once, self.ledger)
        runs = (1 + (confirm.top if trials is None else trials)) * confirm.seeds if confirm and trials != 0 else 0
        return pace.seconds(runs * self.session.loaded.epochs, runs, self.at_once), pace.is_rough

    def is_over(self) -> bool:
        """Whether no more trials are to be trained: so much is left as what confirms takes, once a trial tells how long
        that is."""
        seconds, is_rough = self.confirming()
        left = self.seconds - self.spent
        return self.ledger.head.time_is_up or left <= 0 or (not is_rough and left <= seconds)

    def larger(self) -> int | None:
        """The budget in whole seconds that would do, where there is no time to confirm the best; else None."""
        seconds, _ = self.confirming(len(self.ledger.head.confirms(self.ledger.best())[1:]))
        is_enough = not seconds or self.spent + seconds <= BEYOND * self.seconds
        return None if is_enough else math.ceil(self.spent + seconds)

    def note(self) -> str:
        """What stands against the budget before anything is trained."""
        seconds, is_rough = self.confirming()
        if seconds < self.seconds / 2:
            return ""
        said = f"to confirm the best takes {'very roughly' if is_rough else 'about'} {duration(seconds)} of it"
        return f"--budget {duration(self.seconds)}: {said}; twice that, or sweep.confirm.seeds, leaves more for trials"
