"""Layer by layer, not epoch by epoch: what layer_stats.jsonl says of a run, as rows that curves are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.quantities import LAYER
from tuner.runs.folder import Run
from tuner.runs.values import Metric, parse_metric, value

USUAL = ("activation_std@0", "gradient_norm@0")
"""What is drawn unless something else is asked for: before the first step."""
WHEN = {None: "at the best epoch", 0: "before the first step", -1: "at the end"}


def layer_metric(text: str) -> Metric:
    """``activation_std``, ``activation_std@0``, ``activation_std@last``. Raises UsageError for what has no value in
    every layer."""
    with suppress(UsageError):
        metric = parse_metric(text)
        if metric.column in LAYER:
            return metric
    forms = ", ".join([*LAYER, USUAL[0], f"{list(LAYER)[-1]}@last"])
    raise UsageError(f"{shown(text)} is nothing that a layer has", fix=f"--x layer draws {forms}.")


def layer_label(metric: Metric) -> str:
    """What an axis calls it: ``norm of the gradient (before the first step)``."""
    return f"{LAYER[metric.column].label} ({WHEN.get(metric.at, f'after epoch {metric.at}')})"


def layer_rows(run: Run, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """A row a layer with weights, first to last: its name under ``layer``, and the metrics.

    Raises NotFoundError, and UsageError where nothing was measured at that epoch.
    """
    layers = dict.fromkeys(str(row["layer"]) for row in run.layers)
    if not layers:
        raise NotFoundError(f"the layers of {shown(run.path)} were not measured", fix="layer_stats=auto measures them.")
    rows: list[dict[str, Any]] = [{"layer": layer} for layer in layers]
    for text in metrics:
        asked = layer_metric(text)
        for row in rows:
            row[text] = value(run, replace(asked, column=f"{asked.column}({row['layer']})"))
    return rows
