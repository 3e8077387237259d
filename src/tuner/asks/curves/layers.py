"""Layer by layer, not epoch by epoch: what layer_stats.jsonl says of a run, as rows that curves are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from tuner.chart import Row
from tuner.durable import shown
from tuner.errors import NotFoundError, UsageError
from tuner.runs.folder import Run
from tuner.runs.values import LAYER_NUMBERS, parse_metric, value

USUAL = ("activation_std@0", "gradient_norm@0")
"""What is drawn unless something else is asked for: before the first step."""


def check_layer_metrics(metrics: Sequence[str]) -> None:
    """Raises UsageError for what has no value in every layer."""
    for metric in metrics:
        number, at, epoch = metric.partition("@")
        if number not in LAYER_NUMBERS or (at and not (epoch == "last" or epoch.isdecimal())):
            forms = ", ".join([*LAYER_NUMBERS, USUAL[0], f"{LAYER_NUMBERS[-1]}@last"])
            raise UsageError(f"{shown(metric)} is nothing that a layer has", fix=f"--x layer draws {forms}.")


def rows_by_layer(metrics: Sequence[str]) -> Callable[[Run], list[Row]]:
    """Reads a run as one row a layer with weights, in the order of the network: its place as ``epoch``, and the
    metrics (``activation_std@0``). It raises NotFoundError, and UsageError where nothing was measured at that epoch."""

    def read(run: Run) -> list[Row]:
        return [
            {"epoch": place, **values} for place, values in enumerate(map(dict, by_layer(run, metrics).values()), 1)
        ]

    return read


def common_layers(runs: Iterable[Run]) -> tuple[str, ...]:
    """The names of the layers, first to last; none where runs have different ones. Damaged runs do not count."""
    found: set[tuple[str, ...]] = set()
    for run in runs:
        with suppress(NotFoundError):
            found.add(tuple(dict.fromkeys(str(row["layer"]) for row in run.layers)))
    return found.pop() if len(found) == 1 else ()


def by_layer(run: Run, metrics: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Layer -> metric -> value. Raises NotFoundError, UsageError."""
    layers = dict.fromkeys(str(row["layer"]) for row in run.layers)
    if not layers:
        raise NotFoundError(f"the layers of {shown(run.path)} were not measured", fix="layer_stats=auto measures them.")
    return {layer: {metric: value(run, parse_metric(_of(metric, layer))) for metric in metrics} for layer in layers}


def _of(metric: str, layer: str) -> str:
    """``activation_std@0`` of a layer as `parse_metric` takes it."""
    number, at, epoch = metric.partition("@")
    return f"{number}({layer}){at}{epoch}"
