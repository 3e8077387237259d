"""The runs in tests/cases/rules as evidence, and the same with other rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tuner.diagnosis import evidence_of
from tuner.runs.evidence import Evidence
from tuner.runs.folder import read

CASES = Path(__file__).parent.parent / "cases"
RUNS = sorted(path for path in (CASES / "rules").glob("*/*") if path.is_dir())
FIRED = [path for path in RUNS if path.name == "fires"]


@cache
def recorded(path: Path) -> Evidence:
    """What is known of a recorded run."""
    return evidence_of(read(path))


def named(rule: str, kind: str = "fires") -> Evidence:
    """The run in which a rule fires, or its healthy twin."""
    return recorded(CASES / "rules" / rule / kind)


def changed(evidence: Evidence, **files: Sequence[Any]) -> Evidence:
    """The evidence of a run with other `rows` or `layers`."""
    run, known = replace(evidence.run), evidence.run
    run.__dict__.update({"config": known.config, "rows": known.rows, "layers": known.layers, **files})
    return replace(evidence, run=run)


def called(path: Path) -> str:
    """The name of a recorded run in a list of tests."""
    return "/".join(path.parts[-2:])
