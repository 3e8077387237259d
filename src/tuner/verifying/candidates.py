"""Which changes of a diagnosis are tried, and the config that each of them makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tuner.config.comparison import moves_the_measure
from tuner.config.load import load
from tuner.errors import ConfigError
from tuner.options.metrics import Column
from tuner.rules import overrides, proposals

if TYPE_CHECKING:
    from tuner.config.loaded import Loaded
    from tuner.diagnosis import Diagnosis
    from tuner.rules import Finding

Change = Mapping[str, Any]
MOST = 4
"""Changes that are tried."""
LENGTHS = ("training.epochs", "training.stop_after", "early_stopping", "scheduler")
"""Settings of how long, or along which schedule, is trained."""


@dataclass(frozen=True)
class Base:
    """A config to change: the one in the file `source` under `changes`, those that helped before. `name` is what the
    trainings are called after."""

    source: str
    name: str
    changes: tuple[Change, ...] = ()

    def overrides(self, *more: Change) -> list[str]:
        """The settings that make of the file the config with `more` changes, as the command line has them."""
        return overrides(*self.changes, *more)

    def load(self, *more: Change) -> Loaded:
        """That config. Raises ConfigError where a change does not fit, NotFoundError where its data is missing."""
        return load(self.source, self.overrides(*more))

    def under(self, change: Change) -> Base:
        """The base of the next round."""
        return replace(self, changes=(*self.changes, change))


@dataclass(frozen=True)
class Candidate:
    """A change of one finding or several, and the config with it."""

    findings: tuple[Finding, ...]
    change: Change
    loaded: Loaded

    @property
    def rule(self) -> str:
        """What it is for, as the output has it."""
        return "+".join(found.rule for found in self.findings)

    @property
    def words(self) -> str:
        return " ".join(overrides(self.change))

    @property
    def is_of_length(self) -> bool:
        """Whether it changes how long, or along which schedule, is trained."""
        return any(key == each or key.startswith(f"{each}.") for key in self.change for each in LENGTHS)


def candidates_of(base: Base, diagnosis: Diagnosis) -> tuple[list[Candidate], list[str]]:
    """The proposals of a diagnosis that can be judged: at most `MOST` that differ; and why others are left out. Raises
    NotFoundError where the data is missing."""
    if not any(found.changes for found in diagnosis.findings):
        return [], []
    before = base.load()
    reasons = {" ".join(overrides(change)): no_use(base, change, before)
               for found in diagnosis.findings for change in found.changes}  # fmt: skip
    able = [replace(found, changes=[change for change in found.changes if not reasons[" ".join(overrides(change))]])
            for found in diagnosis.findings]  # fmt: skip
    chosen: list[Candidate] = []
    known = {before.hash}
    for findings, change in proposals(able):
        with suppress(ConfigError):  # each may fit, and all together may not
            loaded = base.load(change)
            if loaded.hash not in known and len(chosen) < MOST:
                known.add(loaded.hash)
                chosen.append(Candidate(findings, change, loaded))
    return chosen, [f"{words} is not tried: {reason}" for words, reason in reasons.items() if reason]


def no_use(base: Base, change: Change, before: Loaded) -> str:
    """Why a change of this config does not fit, cannot be judged, or cannot be better; "" where it may."""
    try:
        base.load(change)
    except ConfigError as error:
        return error.faults[0].message
    moved = [key for key in change if moves_the_measure(key)]
    if moved:
        return f"{', '.join(moved)} changes what is measured, and values of different samples would be compared"
    if set(change) == {"early_stopping"} and before.config.early_stopping is None:
        return "up to its stop a run is the same, and its best epoch counts: it spares epochs, and gains nothing else"
    return ""


def judged_metric(loaded: Loaded, findings: Sequence[Finding]) -> str:
    """The column by which changes are judged, one that no loss changes: the share of right classes of validation data,
    of each class alike where they are imbalanced, or the share of the variance of numbers."""
    imbalanced = any("class-imbalance" in (found.rule, *found.folds) for found in findings)
    accuracy = "balanced_accuracy" if imbalanced else "accuracy"
    return str(Column("val", accuracy if loaded.target == "class" else "r2"))
