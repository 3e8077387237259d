"""How far a ready config gets on data that come with tuner; references.json is what tests/bench/references.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tuner.data.card.facts import Reference, reference_from
from tuner.data.source import DrawnTest, NumericTarget, Source

FILE = Path(__file__).with_name("references.json")
LEAST_SHARE = 0.9
"""Of the training samples that the reference had: with fewer less is within reach."""
MATTERS = frozenset({"label_noise", "shift"})
"""What every source has, and what makes it another problem; the other such settings split and show the same data."""


def problem(source: Source) -> dict[str, Any]:
    """The settings that make the data of a source what they are, as plain values, its name first."""
    shared = {*Source.fields, *DrawnTest.fields, *NumericTarget.fields} - MATTERS
    told: dict[str, Any] = source.plain()
    return {key: value for key, value in told.items() if key not in shared}


def reference_of(source: Source, samples: int) -> Reference | None:
    """What is known of the data of `source`, of which that many samples are trained on; None where nothing is."""
    known = problem(source)
    for told in json.loads(FILE.read_bytes()):
        if told["data"] == known and samples >= LEAST_SHARE * told["samples"]:
            return reference_from(told["reference"])
    return None
