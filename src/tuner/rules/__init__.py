"""Rules of the diagnosis, one a file: what may be wrong with a run, how that shows, what to change. A new rule is one
new file here, found by being in this folder."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

from tuner.choice import Choice, import_all
from tuner.document.writing import flow
from tuner.runs.evidence import Evidence, Signal

FURTHER = 0.05
"""How much surer a further sign makes."""

Stage = Literal["invalid", "training", "generalization"]


@dataclass(frozen=True)
class Finding:
    """What a rule found: how sure it is (0 to 1), the signals that say so, first the one that says most, and the
    settings to try instead, the likeliest change first; `words` is what was seen, in a sentence."""

    rule: str
    confidence: float
    words: str
    evidence: Sequence[Signal]
    changes: Sequence[Mapping[str, Any]] = ()
    folds: Sequence[str] = field(default=())

    @property
    def change(self) -> Mapping[str, Any]:
        """The change to try first."""
        return self.changes[0] if self.changes else {}


class Sign(NamedTuple):
    """One of several things by which a rule sees what it looks for: how sure it makes, in words, and the number."""

    sure: float
    words: str
    signal: Signal


class Rule(Choice, kind="rule"):
    """Something that may be wrong with a run. It is a finding only where the run's outcome is bad; else a risk."""

    stage: ClassVar[Stage]
    """Which outcome it explains: that a run is not valid, is bad on its training data, or on other data alone."""
    order: ClassVar[int]
    """Its place upstream: of two that are as sure the earlier one is told first."""
    title: ClassVar[str]
    """What it is, in a few words."""
    harm: ClassVar[str]
    """Why it harms, in a sentence."""
    folds: ClassVar[tuple[str, ...]] = ()
    """The rules whose signs it explains: they are told under it."""
    proof: ClassVar[str] = ""
    """The recipe that shows what the change brings."""
    chinese: ClassVar[tuple[str, ...]] = ()
    """What it is called in Chinese: `tuner explain` answers to it."""

    @abstractmethod
    def check(self, evidence: Evidence) -> Finding | None:
        """What is found in a run that has finished at least one epoch, or diverged."""

    def found(self, confidence: float, words: str, evidence: Sequence[Signal], *changes: Mapping[str, Any]) -> Finding:
        """A finding of this rule."""
        return Finding(self.name, round(confidence, 2), words, evidence, changes)

    def of_signs(self, signs: Sequence[Sign], *changes: Mapping[str, Any]) -> Finding | None:
        """The finding that several signs make, led by the strongest; each further one makes a little surer. None where
        there are none."""
        if not signs:
            return None
        ranked = sorted(signs, key=lambda sign: -sign.sure)
        confidence = min(max(0.95, ranked[0].sure), ranked[0].sure + FURTHER * (len(signs) - 1))
        return self.found(confidence, ranked[0].words, [sign.signal for sign in ranked], *changes)


def together(changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All changes in one, without those that set what one before them sets, a part of it, or the whole of it."""
    merged: dict[str, Any] = {}
    for change in changes:
        pairs = [(key, other) for key in change for other in merged]
        if not any(f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.") for key, other in pairs):
            merged |= change
    return merged


def proposals(findings: Sequence[Finding]) -> list[tuple[tuple[Finding, ...], Mapping[str, Any]]]:
    """The changes to try, in this order, each with what it is for: the first of each finding, these together, the
    others."""
    able = tuple(found for found in findings if found.changes)
    firsts = [((found,), found.change) for found in able]
    others = [((found,), change) for found in able for change in found.changes[1:]]
    both = [(able, together([change for _, change in firsts]))] if len(able) > 1 else []
    return [*firsts, *both, *others]


def overrides(*changes: Mapping[str, Any]) -> list[str]:
    """Changes as the command line has them."""
    return [f"{key}={flow(value)}" for change in changes for key, value in change.items()]


def grade(value: float, weak: float, strong: float, low: float = 0.5, high: float = 0.95) -> float:
    """How sure a number makes: `low` at `weak`, `high` at `strong` and beyond, in between by the logarithm where both
    are positive. `strong` may be the smaller one."""
    if weak > 0 and strong > 0 and value > 0:
        value, weak, strong = math.log(value), math.log(weak), math.log(strong)
    share = (value - weak) / (strong - weak)
    return low + (high - low) * min(1.0, max(0.0, share))


import_all(__name__, __path__)
