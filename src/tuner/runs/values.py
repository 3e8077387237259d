"""Conditions as the command line has them (``val_accuracy>=0.97``), a run's value of a metric by one rule for
requirements, filters, comparisons and recipes, and what a trained run has to reach."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.config.varied import Key, is_folder
from tuner.durable.reading import damaged, shown
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.figures import mean, mean_of_known
from tuner.options.metrics import Column, nearest_column
from tuner.options.metrics import column as column_of
from tuner.quantities import EPOCH, LAYER, WHOLE_RUN
from tuner.runs.files import CONFIG, Row
from tuner.runs.folder import Run

if TYPE_CHECKING:
    from tuner.config.loaded import Loaded

FORMS = (
    "val_accuracy, val_accuracy@last, val_accuracy@7, epochs(val_accuracy>=0.9), activation_std(hidden.0)@0, "
    "parameters, seconds_per_epoch"
)
MINIMISED_ONLY = ("label_smoothing", "class_weights")
"""Settings of a loss that shape what is minimised (batch_loss), but not the loss that is reported."""
NOT_TESTED = "not measured: training.test is ask"
_FORM = re.compile(r"([A-Za-z_][A-Za-z0-9_.()\[\]]*)(?:@(last|[0-9]{1,9}))?")
_LAYER = re.compile(rf"({'|'.join(LAYER)})\(([a-z0-9_.]+)\)")
_OPERATOR = re.compile(r">=|<=|==|!=|>|<|=|≥|≤|≠")
_SPELLINGS = {"==": "=", "≥": ">=", "≤": "<=", "≠": "!="}
_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq,
            "!=": operator.ne}  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """`operator` is one of ``>= <= > < = !=``; both sides are text as given, without spaces around."""

    left: str
    operator: str
    right: str

    def __str__(self) -> str:
        return f"{self.left}{self.operator}{self.right}"

    def holds(self, value: float) -> bool:
        """Whether the number `value` on the left side fulfils it. Raises UsageError where the right side is none."""
        return self.compare(value, self.number)

    def compare(self, left: Any, right: Any) -> bool:
        """Whether the operator holds between two numbers or two texts."""
        return bool(_COMPARE[self.operator](left, right))

    @property
    def number(self) -> float:
        """The right side. Raises UsageError."""
        try:
            number = float(self.right)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            raise UsageError(f"in {shown(self)} the right side is not a number: {shown(self.right)}")
        return number


def parse_condition(text: str) -> Condition:
    """Splits at the first operator outside parentheses. Raises UsageError; a condition without an operator is most
    often one whose ``>`` the shell took for itself."""
    depth = 0
    for found in re.finditer(rf"[()]|{_OPERATOR.pattern}", text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if found[0] not in "()" and depth <= 0:
            left, right = text[: found.start()].strip(), text[found.end() :].strip()
            if not left or not right:
                break
            if right[0] in "<>=":  # => is no operator
                turned = right[0] + found[0] if right[0] + found[0] in _COMPARE else found[0]
                fix = f"Did you mean {shown(left + turned + right[1:].lstrip())}?"
                raise UsageError(f"{shown(text)} is no condition: {found[0]}{right[0]} is no operator", fix=fix)
            return Condition(left, _SPELLINGS.get(found[0], found[0]), right)
    if not _OPERATOR.search(text):
        message = f"{shown(text) or repr(text)} is no condition: there is no operator in it (>=, <=, >, <, =, !=)"
        name = text if re.fullmatch(r"[A-Za-z0-9_.@()]+", text) else "val_accuracy"
        raise UsageError(message, fix=f"A shell takes > and < for itself: put quotes around it, '{name}>=0.97'.")
    raise UsageError(f"{shown(text)} is no condition: one side is missing", fix="val_accuracy>=0.97 is one")


def parse_numeric(text: str) -> Condition:
    """A condition whose right side is a number. Raises UsageError."""
    condition = parse_condition(text)
    _ = condition.number
    return condition


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
        return "down" if self.reached is not None else column_of(self.column).about.direction


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
    column, place = found.groups()
    if place is None:
        return Metric(text, column)
    _check_has_epochs(column)
    return Metric(text, column, -1 if place == "last" else int(place))


def _check_has_epochs(column: str) -> None:
    """Raises UsageError for what a run has one value of."""
    if column_of(column).part == "test" or column in WHOLE_RUN:
        raise UsageError(f"{column} is measured once, not epoch by epoch", fix=f"Leave the epoch out: {column}.")


def value(run: Run, metric: Metric) -> float | None:
    """The metric of `run`; None where it has none yet, or never got there (a run that reached no such epoch). Raises
    UsageError naming the metrics there are when the run has no such metric at all."""
    if metric.column == "parameters":
        known = run.about.get("parameters")
        return known if isinstance(known, int) else _planned_parameters(run.path / CONFIG)
    if metric.column in WHOLE_RUN:
        return mean_of_known(_epoch_seconds(run))
    if metric.reached is not None:
        left, holds = metric.reached.left, metric.reached.holds
        course = ((row["epoch"], _known(run, row, left, Metric(left, left))) for row in run.rows)
        return next((epoch for epoch, now in course if now is not None and holds(now)), None)
    inside = _LAYER.fullmatch(metric.column)
    if inside is not None:
        return _of_layer(run, inside[1], inside[2], metric)
    asked = column_of(metric.column)
    is_test = asked.part == "test"  # it is measured once, so no epoch is asked for
    if is_test or metric.at is None or metric.at == -1:
        row = run.status.get("test" if is_test else "best" if metric.at is None else "last")
    else:
        row = next((row for row in run.rows if row.get("epoch") == metric.at), None)
    return _known(run, row, asked.name if is_test else metric.column, metric) if row else None


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


@cache
def _planned_parameters(config: Path) -> int:
    """How many numbers the network of a run learns that an older tuner made, which did not note it."""
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
        rows = [row for row in rows if best is not None and row["epoch"] <= best]
    elif metric.at != -1:
        epochs = [row["epoch"] for row in rows]
        rows = [row for row in rows if row["epoch"] == metric.at]
        if not rows and metric.at < epochs[-1]:
            fix = f"They were after epochs {', '.join(map(str, epochs))}."
            raise UsageError(f"the layers of {_named(run)} were not measured after epoch {metric.at}", fix=fix)
    found: float | None = rows[-1].get(number) if rows else None
    return found


def _named(run: Run) -> str:
    """The run's name, of a member of a group with the group's."""
    path = run.path
    return shown(f"{path.parent.name}/{path.name}" if is_folder(path.name) else path.name)


def _known(run: Run, row: dict[str, Any] | Row, name: str, metric: Metric) -> float | None:
    if name not in row:
        fix = nearest_column(metric.column, metrics_of_run(run))
        raise UsageError(f"{_named(run)} has no metric {shown(metric)}", fix=fix)
    found: float | None = row[name]
    return found


def judge(requirement: Condition, runs: Mapping[Key, Run]) -> dict[str, Any]:
    """``{"condition", "value", "holds"}`` for the mean over the runs; a run without a value fails it, and where it is
    known why, ``reason`` says so."""
    metric = parse_metric(requirement.left)
    values = [value(run, metric) for run in runs.values()]
    known = [each for each in values if each is not None]
    found = mean(known) if known and len(known) == len(values) else None
    reasons = [reason for run in runs.values() if found is None and (reason := why_not(run, metric))]
    return {
        "condition": str(requirement),
        "value": found,
        "holds": found is not None and requirement.holds(found),
        **({"reason": reasons[0]} if reasons else {}),
    }


def parse_requirements(texts: Sequence[str], loaded: Loaded) -> list[Condition]:
    """What a trained run has to reach: ``--require 'val_accuracy>=0.97'``. Raises UsageError for what is no condition,
    and for a metric that a run of `loaded` will not have."""
    requirements = [(each, parse_metric(each.left).column) for each in map(parse_numeric, texts)]
    there = possible_metrics(loaded)
    for condition, column in requirements:
        if column_of(column).part == "test" and loaded.config.training.test == "ask":
            raise UsageError(f"{condition}: {NOT_TESTED}", fix="training.test=end measures it.")
        if column not in (*there, *layer_metrics(loaded)):
            raise UsageError(f"{condition}: such a run has no metric {column}", fix=nearest_column(column, there))
    return [condition for condition, _ in requirements]


def layer_metrics(loaded: Loaded) -> list[str]:
    """``activation_std(hidden.0)`` and so on, for every layer with weights."""
    if loaded.config.layer_stats == "none":
        return []
    layers = [block.name for block in loaded.plan.blocks if block.parameters]
    return [f"{number}({layer})" for layer in layers for number in LAYER]


def possible_metrics(loaded: Loaded) -> list[str]:
    """The columns that a run of `loaded` can be asked for."""
    measured = loaded.metrics
    tested = loaded.config.training.test == "end"
    test = dict.fromkeys(str(Column("test", column_of(name).name)) for name in measured if tested)
    return [*measured, *test, *EPOCH, *WHOLE_RUN]
