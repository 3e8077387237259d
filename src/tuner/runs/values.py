"""A run's value of a metric: one rule for requirements, filters, comparisons and recipes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tuner.durable.reading import damaged, shown
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.figures import mean_of_known
from tuner.options.metrics import Column
from tuner.options.metrics import column as column_of
from tuner.quantities import LAYER, WHOLE_RUN
from tuner.runs.conditions import Condition, parse_numeric
from tuner.runs.files import CONFIG
from tuner.runs.folder import Run
from tuner.runs.rows import Row

FORMS = (
    "val_accuracy, val_accuracy@last, val_accuracy@7, epochs(val_accuracy>=0.9), activation_std(hidden.0)@0, "
    "parameters, seconds_per_epoch"
)
MINIMISED_ONLY = ("label_smoothing", "class_weights")
"""Settings of a loss that shape what is minimised (batch_loss), but not the loss that is reported."""
NOT_TESTED = "not measured: training.test is ask"
_FORM = re.compile(r"([A-Za-z_][A-Za-z0-9_.()\[\]]*)(?:@(last|[0-9]{1,9}))?")
_LAYER = re.compile(rf"({'|'.join(LAYER)})\(([a-z0-9_.]+)\)")


@dataclass(frozen=True)
class Metric:
    """What to read of a run. `column` of its best epoch, of epoch `at` (an epoch's number, or -1: the last one); or,
    with `reached`, the first epoch in which that condition holds."""

    text: str
    column: str = ""
    at: int | None = None
    reached: Condition | None = None

    def __str__(self) -> str:
        return self.text

    @property
    def direction(self) -> str | None:
        """Which way is better: ``up``, ``down``, or None where that is not known."""
        return "down" if self.reached is not None else column_of(self.column).direction


def parse_metric(text: str) -> Metric:
    """A metric as the command line names it (`FORMS`). Raises UsageError."""
    text = text.strip()
    if text.startswith("epochs(") and text.endswith(")"):
        condition = parse_numeric(text[len("epochs(") : -1])
        _check_has_epochs(condition.left)
        return Metric(f"epochs({condition})", condition.left, reached=condition)
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(f"{shown(text) or repr(text)} is not a metric", fix=f"These are: {FORMS}.")
    place = found[2]
    at = None if place is None else -1 if place == "last" else int(place)
    if place is not None:
        _check_has_epochs(found[1])
    return Metric(text, found[1], at)


def _check_has_epochs(column: str) -> None:
    """Raises UsageError for what a run has one value of."""
    if column_of(column).part == "test" or column in WHOLE_RUN:
        raise UsageError(f"{column} is measured once, not epoch by epoch", fix=f"Leave the epoch out: {column}.")


def value(run: Run, metric: Metric) -> float | None:
    """The metric of `run`; None where it has none yet, or never got there (a run that reached no such epoch). Raises
    UsageError naming the metrics there are when the run has no such metric at all."""
    if metric.column in WHOLE_RUN:
        return parameters(run) if metric.column == "parameters" else mean_of_known(_epoch_seconds(run))
    if metric.reached is not None:
        left, holds = metric.reached.left, metric.reached.holds
        course = ((row["epoch"], _known(run, row, left, Metric(left, left))) for row in run.rows)
        return next((epoch for epoch, now in course if now is not None and holds(now)), None)
    inside = _LAYER.fullmatch(metric.column)
    if inside is not None:
        return _of_layer(run, inside[1], inside[2], metric)
    asked = column_of(metric.column)
    if asked.part == "test" and metric.at is None:
        test = run.status.get("test") or {}
        return _known(run, test, asked.name, metric) if test else None
    row = _row(run, metric.at)
    return _known(run, row, metric.column, metric) if row else None


def measured_loss(config: Mapping[str, Any], column: str) -> dict[str, Any]:
    """What decides what the loss in `column` measures, from a resolved config."""
    loss, data = config.get("loss"), config.get("data")
    measured = dict(loss) if isinstance(loss, Mapping) else {"name": loss}
    if column != "batch_loss":
        measured = {key: value for key, value in measured.items() if key not in MINIMISED_ONLY}
    if isinstance(data, Mapping) and "standardize_target" in data:
        measured["data.standardize_target"] = data["standardize_target"]
    return measured


def why_not(run: Run, metric: Metric) -> str | None:
    """Why a run has no value of a metric of its test part; None for every other reason."""
    is_left = column_of(metric.column).part == "test" and not run.status.get("test")
    return NOT_TESTED if is_left and run.setting("training.test") == "ask" else None


def metrics_of_run(run: Run) -> list[str]:
    """The metrics that `value` finds in `run`, those of the best epoch first."""
    row = run.status.get("best") or run.status.get("last") or {}
    columns = [column for column in row if column not in ("epoch", "step")]
    test = [str(Column("test", name)) for name in run.status.get("test") or {}]
    return [*columns, *test, *WHOLE_RUN]


def parameters(run: Run) -> float:
    """How many numbers the network learns."""
    known = run.about.get("parameters")
    return known if isinstance(known, int) else _planned_parameters(run.path / CONFIG)


@cache
def _planned_parameters(config: Path) -> int:
    from tuner.config.load import load

    try:
        return load(str(config)).plan.parameters
    except ConfigError as error:
        raise damaged(config, error.faults[0].message) from None


def seconds(run: Run) -> float | None:
    """What the epochs took together; None where that is not known."""
    taken = _epoch_seconds(run)
    return sum(taken) if taken else None


def _epoch_seconds(run: Run) -> list[float]:
    try:
        return list(run.seconds.values())
    except NotFoundError:
        return []


def _row(run: Run, at: int | None) -> dict[str, Any] | Row:
    if at is None:
        return run.status.get("best") or {}
    if at == -1:
        return run.status.get("last") or {}
    return next((row for row in run.rows if row.get("epoch") == at), {})


def _of_layer(run: Run, number: str, layer: str, metric: Metric) -> float | None:
    """What layer_stats.jsonl says of a layer: after epoch `at`, or as last measured up to the best epoch."""
    rows = [row for row in run.layers if row["layer"] == layer]
    if not rows:
        layers = ", ".join(dict.fromkeys(str(row["layer"]) for row in run.layers))
        unmeasured = "Its layers were not measured; --again with layer_stats=auto trains one of which they are."
        fix = f"Its layers are {layers}." if layers else unmeasured
        raise UsageError(f"{_named(run)} has no metric {shown(metric)}", fix=fix)
    if metric.at is None:
        best = run.status.get("best_epoch")
        rows = [row for row in rows if best is not None and row["epoch"] <= best][-1:]
    elif metric.at == -1:
        rows = rows[-1:]
    else:
        epochs = [row["epoch"] for row in rows]
        rows = [row for row in rows if row["epoch"] == metric.at]
        if not rows and metric.at < epochs[-1]:
            fix = f"They were after epochs {', '.join(map(str, epochs))}."
            raise UsageError(f"the layers of {_named(run)} were not measured after epoch {metric.at}", fix=fix)
    found: float | None = rows[0].get(number) if rows else None
    return found


def _named(run: Run) -> str:
    """The run's name, of a member of a group with the group's."""
    path = run.path
    return shown(f"{path.parent.name}/{path.name}" if path.name.startswith("seed-") else path.name)


def _known(run: Run, row: dict[str, Any] | Row, name: str, metric: Metric) -> float | None:
    if name not in row:
        from tuner.choice import nearest

        there = ", ".join(metrics_of_run(run))
        near = [known for known in metrics_of_run(run) if known.endswith(f"_{metric.column}")]
        meant = " or ".join(near) or nearest(metric.column, metrics_of_run(run))
        fix = f"Did you mean {meant}? There are {there}." if meant else f"There are {there}."
        raise UsageError(f"{_named(run)} has no metric {shown(metric)}", fix=fix)
    found: float | None = row[name]
    return found
