"""The evidence as a picture: the curves, and layer by layer what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tuner.answer import Chart
from tuner.chart import Line, Panel, Pen
from tuner.diagnosis import Diagnosis
from tuner.quantities import LAYER
from tuner.reach import expected, reference
from tuner.runs.evidence import Evidence
from tuner.runs.files import LayerRow

WORDS = {"train": "training", "val": "validation"}

OF_LAYERS = ("gradient_norm", "zero_units", "saturated_units", "activation_std")
"""What is drawn from layer to layer, where there is something to see."""


def picture(evidence: Evidence, diagnosis: Diagnosis, file: Path) -> Chart:
    """The curves with what is within reach, and the layers before the first step and in the end."""
    panels = [_curves(evidence, evidence.metric), _curves(evidence, "loss")]
    panels += [panel for key in OF_LAYERS if (panel := _layers(evidence, key)) is not None]
    firsts = ", ".join(found.rule for found in diagnosis.findings) or diagnosis.outcome.stage
    return Chart(f"{evidence.run.path.name}: {firsts}", panels, (diagnosis.outcome.words,), True, file)


def _curves(evidence: Evidence, metric: str) -> Panel:
    epochs = [float(row["epoch"] or 0) for row in evidence.run.rows]
    parts = [part for part in ("train", "val") if any(f"{part}_{metric}" in row for row in evidence.run.rows)]
    lines = [
        Line(f"{WORDS[part]} data", epochs, evidence.course(f"{part}_{metric}"), pen=Pen.number(place))
        for place, part in enumerate(parts)
    ]
    within, whose = expected(evidence)
    if metric == evidence.metric and whose:
        lines.append(Line(f"{whose} on new samples", epochs, [within] * len(epochs), pen=Pen.number(2)))
        lines += _of_reference(evidence, parts, epochs)
    values = [value for line in lines for value in line.y if value is not None and value > 0]
    is_wide = metric == "loss" and bool(values) and max(values) > 20 * min(values)
    return Panel(metric, lines, best=evidence.best + 1, log=is_wide)


def _of_reference(evidence: Evidence, parts: Sequence[str], epochs: Sequence[float]) -> list[Line]:
    """What a ready config gets on the same data: its mean, and a standard deviation to either side as a band."""
    known = reference(evidence)
    if known is None:
        return []
    lines = []
    for place, part in enumerate(parts):
        there = known.train if part == "train" else known.validation
        band = (there.mean - there.std, there.mean + there.std)
        pen, label = Pen.number(5 + place), f"{known.config} on {WORDS[part]} data"
        lines.append(Line(label, epochs, [there.mean] * len(epochs), [band] * len(epochs), pen=pen))
    return lines


def _layers(evidence: Evidence, key: str) -> Panel | None:
    """A number from layer to layer, before the first step and when it was last measured; None where it is 0 throughout,
    or not known."""
    looks: list[tuple[str, Mapping[str, LayerRow]]] = [("before the first step", evidence.first)]
    if len(evidence.looks) > 1:
        looks.append((f"after epoch {max(evidence.looks)}", evidence.last))
    lines = []
    for place, (label, look) in enumerate(looks):
        rows = [row for name, row in look.items() if name in evidence.hidden or name == "output"]
        values = [row.get(key) for row in rows]
        lines.append(
            Line(label, [float(number) for number in range(1, len(rows) + 1)], values, pen=Pen.number(3 + place))
        )
    known = [value for line in lines for value in line.y if value]
    if not known or all(len(line.x) < 2 for line in lines):
        return None
    log = LAYER[key].by_factors and max(known) > 20 * min(known)
    return Panel(f"{key} by layer", lines, log=log, x_label="layer, the first is 1", y_label=LAYER[key].label)
