"""A finished run -> the same settings on all rows: none is held back, and training ends after the steps of its best
epoch, under the schedule that it had then."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.figures import number, plural
from tuner.runs.data import read_data
from tuner.runs.folder import Run

OPTION = "--refit"


def settings(run: Run) -> dict[str, str]:
    """The overrides, each with the option that stands for it. Raises UsageError for a run that has no best epoch yet,
    NotFoundError for one without data.json."""
    best, config = run.status.get("best"), run.config
    if run.state != "finished" or not best:
        raise UsageError(f"{shown(run.path)} is {run.state}: only a finished run tells how long to train",
                         fix="Train it to its end first.")  # fmt: skip
    parts, data, training = read_data(run).parts, config["data"], config["training"]
    is_drawn = isinstance(data, Mapping) and "test" in data
    rows = sum(part["samples"] for name, part in parts.items() if is_drawn or name != "test")
    batch = training["batch_size"]
    steps = 1 if batch == "full" else math.ceil(rows / batch)
    before = best["step"] / best["epoch"]
    last = max(1, round(best["step"] / steps))
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
    if isinstance(data, Mapping) and data.get("limit") is not None:
        told["data.limit"] = "null"
    if isinstance(data, Mapping) and data.get("test_path"):
        paths = data["path"] if isinstance(data["path"], list) else [data["path"]]
        told["data.path"] = f"[{', '.join(map(_quoted, [*paths, data['test_path']]))}]"
    return {f"{key}={value}": OPTION for key, value in told.items()}


def note(run: Run) -> str:
    """What to expect of the new run, which has no row left to tell it."""
    test, best = run.status.get("test") or {}, run.status["best"]
    told = ", ".join(f"test {name} {number(value)}" for name, value in test.items() if name != "loss")
    score = f"what to expect is what {run.path.name} got: {told}" if told else f"its score is that of {run.path.name}"
    when = f"for as many whole epochs as come nearest to the {plural(best['step'], 'step')}"
    return f"all rows are trained on, {when} of {run.path.name}'s best epoch; {score}"


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"
