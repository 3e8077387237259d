"""Each setting of a sweep against what is searched for, as a picture: a dot a trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner.answer import Chart
from tuner.asks.sweep.axes import LOG_FROM, Axis
from tuner.chart import Line, Panel, Pen
from tuner.figures import plural
from tuner.options.metrics import column
from tuner.runs.sweep import PRUNED
from tuner.runs.trials import Outcome, Sweep

PENS = {PRUNED: Pen(0, 0, 0, 0, faint=True), "finished": Pen(0, 0, 0, 1), "diverged": Pen(3, 0, 1, 2),
        "best": Pen(1, 0, 2, 4)}  # fmt: skip
"""In this order they are drawn, later ones above."""
DIVERGED = "Trials that diverged have no value: they stand at the worst end."
SHORTER = "A trial that was pruned has the value of the epochs that it had."


def chart_of(sweep: Sweep, axes: Sequence[Axis], file: Path | None = None) -> Chart | None:
    """A panel an axis; None where no trial has a value."""
    metric = column(sweep.head.metric)
    there = [each.value for each in sweep.outcomes.values() if each.value is not None]
    if not there:
        return None
    worst = max(there) if sweep.head.direction == "down" else min(there)
    log = metric.about.by_factors and min(there) > 0 and max(there) / LOG_FROM > min(there)
    panels = [Panel(axis.name, list(_dots(sweep, axis, worst)), log=log, x_label=axis.name, whole=False,
                    y_label=metric.label, log_x=axis.log, names=axis.labels) for axis in axes]  # fmt: skip
    drawn = {line.label for panel in panels for line in panel.lines}
    notes = [SHORTER] * (PRUNED in drawn) + [DIVERGED] * ("diverged" in drawn)
    title = f"{sweep.path.name}: {sweep.head.metric} of {plural(len(sweep.outcomes), 'trial')}"
    return Chart(title, [panel for panel in panels if panel.lines], notes, legend=True, file=file)


def _dots(sweep: Sweep, axis: Axis, worst: float) -> Iterator[Line]:
    """The trials that have the parameter, by how they ended."""
    best = sweep.best[0].number if sweep.best else None
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in PENS}
    for each in sweep.outcomes.values():
        kind, place = "best" if each.number == best else each.state, _place(axis, each)
        value = worst if kind == "diverged" else each.value
        if kind in found and place is not None and value is not None:
            found[kind].append((place, value))
    for kind, dots in found.items():
        if dots:
            x, y = zip(*sorted(dots), strict=True)
            yield Line(kind, x, y, pen=PENS[kind], apart=True)


def _place(axis: Axis, outcome: Outcome) -> float | None:
    value = axis.of(outcome.trial)
    return float(axis.labels.index(value)) if isinstance(value, str) else value
