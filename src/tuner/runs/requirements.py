"""What a trained run has to reach: ``--require 'val_accuracy>=0.97'``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.errors import UsageError
from tuner.figures import mean
from tuner.options.metrics import Column, column
from tuner.quantities import EPOCH, LAYER, WHOLE_RUN
from tuner.runs.conditions import Condition, parse_numeric
from tuner.runs.folder import Run
from tuner.runs.values import NOT_TESTED, Metric, parse_metric, value, why_not

if TYPE_CHECKING:
    from tuner.config.loaded import Loaded

ALWAYS = (*EPOCH, *WHOLE_RUN)


@dataclass(frozen=True)
class Requirement:
    """A metric and what it has to be."""

    condition: Condition
    metric: Metric

    def judge(self, runs: Mapping[int, Run]) -> dict[str, Any]:
        """``{"condition", "value", "holds"}`` for the mean over the runs; a run without a value fails it, and where it
        is known why, ``reason`` says so."""
        values = [value(run, self.metric) for run in runs.values()]
        known = [each for each in values if each is not None]
        found = mean(known) if known and len(known) == len(values) else None
        reasons = [reason for run in runs.values() if found is None and (reason := why_not(run, self.metric))]
        return {
            "condition": str(self.condition),
            "value": found,
            "holds": found is not None and self.condition.holds(found),
            **({"reason": reasons[0]} if reasons else {}),
        }


def parse_requirements(texts: Sequence[str], loaded: Loaded) -> list[Requirement]:
    """Raises UsageError for what is no condition, and for a metric that a run of `loaded` will not have."""
    requirements = [Requirement(each, parse_metric(each.left)) for each in map(parse_numeric, texts)]
    there = possible_metrics(loaded)
    for requirement in requirements:
        is_test = column(requirement.metric.column).part == "test"
        if is_test and loaded.config.training.test == "ask":
            raise UsageError(f"{requirement.condition}: {NOT_TESTED}", fix="training.test=end measures it.")
        if requirement.metric.column not in (*there, *layer_metrics(loaded)):
            near = [name for name in there if name.endswith(f"_{requirement.metric.column}")]
            fix = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(there)}."
            raise UsageError(f"{requirement.condition}: such a run has no metric {requirement.metric.column}", fix=fix)
    return requirements


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
    test = dict.fromkeys(str(Column("test", column(name).name)) for name in measured if tested)
    return [*measured, *test, *ALWAYS]
