"""A finished run -> the same settings on all rows: none is held back, and training ends after the steps of its best
epoch, under the schedule that it had then."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.figures import number, plural
from tuner.runs.data import read_data
from tuner.runs.family import Group, average

OPTION = "--refit"


def settings(group: Group) -> dict[str, str]:
    """The overrides, each with the option that stands for it; of a family by the median of its members' best steps.
    Raises UsageError where a run has no best epoch yet, NotFoundError for one without data.json."""
    steps_before = best_steps(group)
    if group.state != "finished" or len(steps_before) < len(group.runs):
        raise UsageError(f"{shown(group.path)} is {group.state}: only a finished run tells how long to train",
                         fix="Train it to its end first.")  # fmt: skip
    run = group.first
    best, config = run.status["best"], run.config
    parts, data, training = read_data(run).parts, config["data"], config["training"]
    is_drawn = isinstance(data, Mapping) and "test" in data
    rows = sum(part["samples"] for name, part in parts.items() if is_drawn or name != "test")
    batch = training["batch_size"]
    steps = 1 if batch == "full" else math.ceil(rows / batch)
    before = best["step"] / best["epoch"]
    last = max(1, round(statistics.median(steps_before) / steps))
    told: dict[str, Any] = {
        "name": f"{config['name'][:58]}-refit",
        "data.validation": 0,
        "training.monitor": "epoch",
        "training.epochs": max(last, round(training["epochs"] * before / steps)),
        "training.stop_after": last,
        "early_stopping": "none",
    }
    if is_drawn:
        told["data.test"] = 0
    if isinstance(data, Mapping) and data.get("fold") is not None:
        told["data.fold"] = "null"
    if isinstance(data, Mapping) and data.get("limit") is not None:
        told["data.limit"] = "null"
    if isinstance(data, Mapping) and data.get("test_path"):
        paths = data["path"] if isinstance(data["path"], list) else [data["path"]]
        told["data.path"] = f"[{', '.join(map(_quoted, [*paths, data['test_path']]))}]"
    return {f"{key}={value}": OPTION for key, value in told.items()}


def best_steps(group: Group) -> list[int]:
    """The steps that each member had made in its best epoch."""
    return [run.status["best"]["step"] for run in group.runs.values() if run.status.get("best")]


def note(group: Group) -> str:
    """What to expect of the new run, which has no row left to tell it."""
    name, mean = group.path.name, "" if group.is_single else " on average"
    test = average(group.runs.values(), "test")
    told = ", ".join(f"test {metric} {number(value)}" for metric, value in test.items() if metric != "loss")
    score = f"what to expect is what {name} got{mean}: {told}" if told else f"its score is that of {name}"
    steps = plural(round(statistics.median(best_steps(group))), "step")
    best = f"{name}'s best epoch" if group.is_single else f"the median of the best epochs in {name}"
    return f"all rows are trained on, for as many whole epochs as come nearest to the {steps} of {best}; {score}"


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"
