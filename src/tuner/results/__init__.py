"""What runs say: the value of a metric, conditions on it, groups of runs that differ in their seed."""

from __future__ import annotations

from tuner.results.conditions import Condition, parse_condition
from tuner.results.groups import Group, average, find_group, read_group, seed_of, without_seed
from tuner.results.metrics import (
    LAYER_NUMBERS,
    MINIMISED_ONLY,
    WHOLE_RUN,
    Metric,
    metrics_of_run,
    parameters,
    parse_metric,
    seconds,
    value,
)
from tuner.results.requirements import Requirement, parse_requirements

__all__ = [
    "LAYER_NUMBERS",
    "MINIMISED_ONLY",
    "WHOLE_RUN",
    "Condition",
    "Group",
    "Metric",
    "Requirement",
    "average",
    "find_group",
    "metrics_of_run",
    "parameters",
    "parse_condition",
    "parse_metric",
    "parse_requirements",
    "read_group",
    "seconds",
    "seed_of",
    "value",
    "without_seed",
]
