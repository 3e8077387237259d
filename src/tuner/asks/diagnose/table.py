"""A diagnosis as one table, a row a number: for forms that show tables alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner.answer import Cell, Column, Table
from tuner.diagnosis import Diagnosis
from tuner.rules import overrides
from tuner.runs.evidence import Signal

HEADS = ("run", "stage", "what", "rule", "confidence", "measured", "value", "held against", "where", "change")


def table_of(told: Sequence[tuple[Path, Diagnosis]]) -> Table:
    """The outcome of each run, its findings and risks, with all that was measured for them."""
    return Table(
        [Column(head, code=head == "change") for head in HEADS], [row for each in told for row in _rows(*each)]
    )


def _rows(path: Path, diagnosis: Diagnosis) -> Iterator[list[Cell]]:
    run: list[Cell] = [str(path), diagnosis.outcome.stage]
    for signal in diagnosis.outcome.evidence:
        yield [*run, "outcome", None, None, *_measured(signal), None]
    for what, several in (("finding", diagnosis.findings), ("risk", diagnosis.risks)):
        for found in several:
            change = " ".join(overrides(found.change)) or None
            for signal in found.evidence:
                yield [*run, what, found.rule, found.confidence, *_measured(signal), change]


def _measured(signal: Signal) -> list[Cell]:
    return [signal.signal, signal.value, signal.threshold, signal.source]
