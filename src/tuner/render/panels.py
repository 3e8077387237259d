"""What the curves of a run show, as plain data: the terminal chart and the image are drawn from the same panels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Row = Mapping[str, float | int | None]
LABELS = {"train": "train", "val": "validation"}
LARGEST, SMALLEST = 1e300, 1e-100
LOG_FROM = 30.0


@dataclass(frozen=True)
class Line:
    """One curve: `y` over `x`, both of one length; a gap where a value is missing or not finite."""

    label: str
    x: Sequence[float]
    y: Sequence[float | None]

    def points(self, log: bool = False) -> list[tuple[float, float] | None]:
        """The points in order, None for a gap; on a log axis what is outside 1e-100 to 1e100 is one too."""
        return [_point(x, y, log) for x, y in zip(self.x, self.y, strict=True)]


@dataclass(frozen=True)
class Panel:
    """Curves that share their axes. `best` is the best epoch; a `strip` is a thin panel below the others."""

    title: str
    lines: Sequence[Line]
    best: int | None = None
    log: bool = False
    strip: bool = False
    x_label: str = "epoch"


def run_panels(rows: Sequence[Row], best: int | None = None) -> list[Panel]:
    """The panels of one run from the rows of its metrics.csv: loss, the first other metric, and lr where it varies."""
    panels = []
    loss = metric_panel(rows, "loss", best)
    if loss.lines:
        panels.append(loss)
    for name in _other_metrics(rows)[:1]:
        panels.append(metric_panel(rows, name, best))
    lr = Line("lr", epochs_of(rows), [row.get("lr") for row in rows])
    rates = [point[1] for point in lr.points() if point]
    if len(set(rates)) > 1:
        panels.append(Panel("lr", [lr], log=min(rates) > 0 and max(rates) / min(rates) > LOG_FROM, strip=True))
    return panels


def metric_panel(rows: Sequence[Row], metric: str, best: int | None = None) -> Panel:
    """``train_<metric>`` and ``val_<metric>`` on the same axes, or the one column that is called so; a loss that falls
    far gets a log axis."""
    column = Line(metric, epochs_of(rows), [row.get(metric) for row in rows])
    lines = [column] if any(column.points()) else []
    for part, label in LABELS.items():
        line = Line(label, epochs_of(rows), [row.get(f"{part}_{metric}") for row in rows])
        if any(line.points()):
            lines.append(line)
    known = [point[1] for line in lines for point in line.points() if point]
    log = metric.endswith("loss") and bool(known) and min(known) > 0 and max(known) / LOG_FROM > min(known)
    return Panel(metric, lines, best, log)


def epochs_of(rows: Sequence[Row]) -> list[float]:
    """The epoch of each row: its own, else its place, counted from 1."""
    epochs = [row.get("epoch") for row in rows]
    return [float(place if epoch is None else epoch) for place, epoch in enumerate(epochs, 1)]


def _other_metrics(rows: Sequence[Row]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        for column, value in row.items():
            part, _, metric = column.partition("_")
            if part in LABELS and metric not in ("", "loss") and _is_shown(value):
                names[metric] = None
    return list(names)


def _point(x: float, y: float | None, log: bool) -> tuple[float, float] | None:
    if y is None or not _is_shown(x) or not _is_shown(y) or (log and not SMALLEST <= y <= 1 / SMALLEST):
        return None
    return float(x), float(y)


def _is_shown(value: float | None) -> bool:
    """Beyond 1e300 the length of an axis is no longer a number."""
    return value is not None and math.isfinite(value) and abs(value) <= LARGEST
