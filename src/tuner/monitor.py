"""What the numbers of a run mean: which way is better, which epoch is best, when patience ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tuner.options.metrics import column

EPOCH = "epoch"
Row = Mapping[str, float | int | None]


def oriented(rows: Sequence[Row], metric: str) -> tuple[float, ...]:
    """The metric epoch by epoch, turned so that smaller is better; what is missing or not finite is +inf. Of the
    epoch's own number (`EPOCH`) the larger is better, so that the last epoch is the best."""
    sign = -1.0 if metric == EPOCH or column(metric).about.direction == "up" else 1.0
    values = [row.get(metric) for row in rows]
    return tuple(sign * value if value is not None and math.isfinite(value) else math.inf for value in values)


def best_index(rows: Sequence[Row], monitor: str) -> int | None:
    """The first row with the best value of `monitor`; None where no value is finite."""
    values = oriented(rows, monitor)
    best = min(range(len(values)), key=values.__getitem__, default=None)
    return best if best is not None and math.isfinite(values[best]) else None


def epochs_waited(values: Sequence[float], min_delta: float) -> int:
    """Epochs since the last improvement: a value smaller than the one of the last improvement by more than `min_delta`.
    `values` are oriented: smaller is better. Small steps add up, so that slow progress is progress. Training stops when
    this reaches the patience (Goodfellow, Bengio, Courville 2016, "Deep Learning", algorithm 7.1)."""
    return waits(values, min_delta)[-1] if values else 0


def waits(values: Sequence[float], min_delta: float) -> list[int]:
    """`epochs_waited` after each epoch."""
    reference, waited = math.inf, 0
    found = []
    for value in values:
        if value < reference - min_delta:
            reference, waited = value, 0
        else:
            waited += 1
        found.append(waited)
    return found
