"""What is within reach of a network on the data of a run: by simple models, and by a ready config on the same data."""

from __future__ import annotations

import math
from typing import Literal

from tuner.data.card.facts import Reference
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CARD

PICTURE = 12
"""Pixels of the shorter side from which on a picture is one."""

MARGIN = 0.02
"""Of a share of right answers, or of variance, within which two results are the same."""

APART = 3.0
"""Standard deviations of the runs of a reference within which another run is as good."""


def expected(evidence: Evidence) -> tuple[float, str]:
    """What is within reach on samples that a model was not fitted on, and who reaches it: the best of chance, a linear
    and a kernel model, fitted on few of the training samples. -inf where nothing is known."""
    if evidence.metric == "balanced_accuracy" and evidence.data is not None:
        return 1 / len(evidence.data.classes), "a guess"
    if evidence.card is None:
        counts = evidence.data.parts.get("train", {}).get("classes") if evidence.data is not None else None
        return (max(counts) / sum(counts), "always the largest class") if counts else (-math.inf, "")
    scores = evidence.card.scores
    known = {
        "always the same answer": scores.chance.validation,
        "a linear model": scores.linear.validation,
        "a kernel model": scores.kernel.validation,
    }
    there = {name: value for name, value in known.items() if value is not None}
    best = max(there, key=there.__getitem__, default="")
    return (there[best], best) if there else (-math.inf, "")


def says_little(evidence: Evidence) -> bool:
    """Whether a network should do better than simple models: on pictures, for these know nothing of neighbours."""
    shape = evidence.data.shape if evidence.data is not None else ()
    return len(shape) == 3 and min(shape[1:]) >= PICTURE


def reference(evidence: Evidence) -> Reference | None:
    """What a ready config gets on the same data by the metric that the run is judged by."""
    known = evidence.card.reference if evidence.card is not None else None
    return known if known is not None and known.metric == evidence.metric else None


def is_below_reference(evidence: Evidence, part: Literal["train", "validation"], reached: float) -> bool | None:
    """Whether a metric on a part is clearly below what the reference gets there; False where it is as good, None where
    chance may be the reason, or there is no reference."""
    known = reference(evidence)
    if known is None:
        return None
    there = known.train if part == "train" else known.validation
    is_chance = there.mean - max(MARGIN, APART * there.std) <= reached < there.mean - MARGIN
    return None if is_chance else reached < there.mean - MARGIN


def of_reference(evidence: Evidence) -> list[Signal]:
    """The same as evidence; [] where there is none."""
    known = reference(evidence)
    if known is None:
        return []
    parts = {"train": known.train, "val": known.validation}
    return [
        Signal(f"{part}_{known.metric} of {known.config}, {known.runs} splits", there.mean, None, CARD)
        for part, there in parts.items()
    ]
