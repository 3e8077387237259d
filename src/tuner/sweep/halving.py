"""Which trials of a generation are due, until which epoch, and which are given up: a function of how far they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuner.options.pruners import Halving, Pruner
from tuner.runs.sweep import ranked

ENDED = ("finished", "diverged", "pruned", "failed")


@dataclass(frozen=True)
class Progress:
    """How far a trial is: its `state` where it has ended ("" where it has not), and the searched metric of the best of
    its epochs up to each of them, the last being its value. `epochs` is how many it is to have."""

    epochs: int
    state: str = ""
    course: Sequence[float | None] = ()

    @property
    def done(self) -> int:
        """Epochs that it has had."""
        return len(self.course)

    @property
    def value(self) -> float | None:
        return self.course[-1] if self.course else None

    def after(self, epoch: int) -> float | None:
        """Its value after so many epochs, or after its last one where it had fewer."""
        return self.course[min(epoch, self.done) - 1] if self.course else None


@dataclass(frozen=True)
class Due:
    """What a generation needs next: trial -> the epoch after which it is put aside (None: to its end). `pruned` are
    given up for good. Nothing is due: the generation is over."""

    until: Mapping[int, int | None]
    pruned: tuple[int, ...] = ()


def due(trials: Mapping[int, Progress], prune: Pruner, direction: str) -> Due:
    """What the trials of a generation need next. A trial that ended early, at a stop of its own or by divergence, takes
    part wherever it got to; with `direction` up a higher value is better.

    Source: Jamieson, Talwalkar (2016), "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
    AISTATS, algorithm 1; here every rung waits for all of its trials.
    """
    alive, pruned = dict(trials), list[int]()
    if isinstance(prune, Halving):
        rung, last = prune.first, max((each.epochs for each in trials.values()), default=0)
        while rung < last and alive:
            waiting = {number: rung if rung < each.epochs else None for number, each in alive.items()
                       if not each.state and each.done < min(rung, each.epochs)}  # fmt: skip
            if waiting:
                return Due(waiting, tuple(pruned))
            alive = {number: each for number, each in alive.items() if takes_part(each, rung)}
            best = ranked({number: each.after(rung) for number, each in alive.items()}, direction)
            count = max(1, len(alive) // prune.factor)
            beyond = [number for number, each in alive.items() if each.done > rung and each.state != "pruned"]
            kept = {*best[:count], *beyond}
            pruned += [number for number, each in alive.items() if number not in kept and not each.state]
            alive = {number: each for number, each in alive.items() if number in kept}
            rung *= prune.factor
    return Due({number: None for number, each in alive.items() if not each.state}, tuple(pruned))


def takes_part(trial: Progress, rung: int) -> bool:
    """Whether a trial is held against others at a rung: it got there, or finished before."""
    return trial.state == "finished" or trial.done >= rung
