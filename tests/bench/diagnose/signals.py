"""What a run folder records, as plain numbers: for diagnoses that are not tuner's own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from tuner.runs.folder import Run, read

CARD = "card.json"
BY_FACTORS = ("gradient_norm", "activation_std", "update_ratio", "weight_norm", "weight_change", "unit_std",
              "sample_std")  # fmt: skip
"""What a layer does that may be of any power of ten."""


@dataclass(frozen=True)
class Signals:
    """A run: its rows, its layers' rows, its config, its card where there is one."""

    run: Run

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.run.rows]

    @cached_property
    def layers(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.run.layers]

    @cached_property
    def card(self) -> dict[str, Any]:
        """{} for a run without one."""
        file = self.run.path / CARD
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found

    @property
    def config(self) -> dict[str, Any]:
        return self.run.config

    @property
    def is_diverged(self) -> bool:
        return self.run.state == "diverged"

    def course(self, column: str) -> list[float]:
        """A column of metrics.csv, epoch by epoch; what was not finite is left out."""
        found = [row.get(column) for row in self.rows]
        return [float(each) for each in found if each is not None and math.isfinite(each)]

    @property
    def metric(self) -> str:
        return "accuracy" if any("train_accuracy" in row for row in self.rows) else "r2"

    def probes(self, of: str) -> list[list[float]]:
        """What the layers did, first to last, at each probe; layers without this number are left out."""
        epochs = sorted({row["epoch"] for row in self.layers})
        told = [[row[of] for row in self.layers if row["epoch"] == epoch and row.get(of) is not None]
                for epoch in epochs]  # fmt: skip
        return [each for each in told if each]

    def activations(self) -> set[str]:
        """Of the hidden layers, as far as the model as a whole says."""
        return {name_of(self.config["model"].get("activation", "relu"))}


def name_of(choice: Any) -> str:
    return str(choice["name"] if isinstance(choice, dict) else choice)


def signals(folder: Path) -> Signals:
    return Signals(read(folder))


# ---- one flat row of numbers, for a learner --------------------------------------------------------------------------


def features(found: Signals) -> dict[str, float]:
    """Everything recorded that is a number; what is missing is not there."""
    told = {key: value for part in (curve, inside, settings) for key, value in part(found)}
    told |= {f"card.{key}": value for key, value in flat(found.card)}
    return {key: value for key, value in told.items() if math.isfinite(value)}


def curve(found: Signals) -> Iterator[tuple[str, float]]:
    """Of metrics.csv: beginnings, ends, bests, slopes and swings."""
    yield "diverged", float(found.is_diverged)
    for column in ("train_loss", "val_loss", "batch_loss", "grad_norm", f"train_{found.metric}", f"val_{found.metric}"):
        told, name = found.course(column), column.replace(found.metric, "metric")
        if not told:
            continue
        third = told[-max(1, len(told) // 3) :]
        steps = [after - before for before, after in pairwise(told)]
        yield f"{name}.first", told[0]
        yield f"{name}.last", told[-1]
        yield f"{name}.best", max(told) if name.endswith("metric") else min(told)
        yield f"{name}.late slope", (third[-1] - third[0]) / len(third)
        yield f"{name}.swing", sum(map(abs, steps)) / max(1, len(steps))
        yield f"{name}.last to first", math.log10(max(abs(told[-1]), 1e-12) / max(abs(told[0]), 1e-12))
    train, held = found.course(f"train_{found.metric}"), found.course(f"val_{found.metric}")
    if train and held:
        yield "gap", train[-1] - held[-1]
        yield "best epoch share", (found.run.status.get("best_epoch") or 0) / len(found.rows)
        yield "epochs", len(found.rows)
        yield "epochs share", len(found.rows) / found.config["training"]["epochs"]
        yield "balanced", found.course("val_balanced_accuracy")[-1] - held[-1] if found.metric == "accuracy" else 0.0


def inside(found: Signals) -> Iterator[tuple[str, float]]:
    """Of layer_stats.jsonl: the smallest and largest number of any layer at the first and at the last probe, and how
    the first layer compares with the last."""
    for of in ("zero_units", "saturated_units", "activation_mean", *BY_FACTORS):
        probes = found.probes(of)
        for when, layers in {"begin": probes[:1], "end": probes[-1:]}.items():
            for told in layers:
                values = [math.log10(max(each, 1e-12)) for each in told] if of in BY_FACTORS else told
                yield f"{of}.{when}.least", min(values)
                yield f"{of}.{when}.most", max(values)
                yield f"{of}.{when}.first to last", values[0] - values[-1]


def settings(found: Signals) -> Iterator[tuple[str, float]]:
    """Of the config: its numbers, and a 1 for each choice that was made."""
    config = found.config
    yield from flat({part: config[part] for part in ("model", "optimizer", "scheduler", "training", "loss")})
    for part in ("loss", "optimizer", "scheduler", "model"):
        yield f"{part}={name_of(config[part])}", 1.0
    for part in ("activation", "initializer"):
        yield f"{part}={name_of(config['model'].get(part, ''))}", 1.0
    yield "shuffle", float(config["data"].get("shuffle", True))
    yield f"normalize={config['data'].get('normalize')}", 1.0
    yield "lr", math.log10(config["optimizer"]["lr"])


def flat(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in a tree of maps; lists give their length."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}".strip("."))
    elif isinstance(value, list):
        yield f"{key}.length", float(len(value))
    elif isinstance(value, bool | int | float):
        yield key, float(value)
