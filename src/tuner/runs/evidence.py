"""What the folder of a run tells of how it went, as rules ask for it. Reads files, never torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from tuner.config.settings import Config
from tuner.data.card.facts import Card
from tuner.data.columns import features
from tuner.document.writing import flow
from tuner.figures import finite, mean
from tuner.monitor import best_index
from tuner.options.layers.base import Block, PlanError
from tuner.plan import Plan, plan
from tuner.runs.data import Data
from tuner.runs.files import CONFIG, LAYERS, METRICS, LayerRow
from tuner.runs.folder import Run

USUAL_SGD = 0.05
"""A usual learning rate of sgd without momentum."""

FITTING = {
    "sigmoid": "glorot_normal", "tanh": "glorot_normal", "softsign": "glorot_normal", "hard_sigmoid": "glorot_normal",
    "softmax": "glorot_normal", "linear": "glorot_normal", "selu": "lecun_normal",
}  # fmt: skip
"""The initializers that were derived for an activation; he_normal for all others."""


@dataclass(frozen=True)
class Signal:
    """A number that was measured, what it is held against, and where it stands: ``layer_stats.jsonl:14``."""

    signal: str
    value: float | str | None
    threshold: float | str | None
    source: str


@dataclass(frozen=True, eq=False)
class Evidence:
    """A run with what is known of its data (None where an older tuner made it without)."""

    run: Run
    config: Config
    data: Data | None
    card: Card | None

    # ---- the course of the epochs ------------------------------------------------------------------------------------

    @cached_property
    def metric(self) -> str:
        """By which a run is called good: the share of right classes, of each class alike where the run is monitored or
        weighted so, or the share of the variance of numbers."""
        is_even = self.run.monitor.endswith("balanced_accuracy") or getattr(self.config.loss, "class_weights", None)
        wanted = ["balanced_accuracy"] * bool(is_even) + ["accuracy"]
        return next((name for name in wanted if any(f"train_{name}" in row for row in self.run.rows)), "r2")

    def course(self, column: str) -> list[float]:
        """A column of metrics.csv, epoch by epoch; NaN for what is missing, and where there is no epoch yet."""
        values = [row.get(column) for row in self.run.rows]
        return [math.nan if value is None else float(value) for value in values] or [math.nan]

    @cached_property
    def train(self) -> list[float]:
        """The metric on training data, epoch by epoch."""
        return self.course(f"train_{self.metric}")

    @cached_property
    def val(self) -> list[float]:
        """The metric on validation data; [] where there are none."""
        column = f"val_{self.metric}"
        return self.course(column) if any(column in row for row in self.run.rows) else []

    @property
    def tested(self) -> float:
        """The metric on test data; NaN where they were not measured."""
        value = (self.run.status.get("test") or {}).get(self.metric)
        return math.nan if value is None else float(value)

    @cached_property
    def best(self) -> int:
        """The position of the best epoch, by the monitor; the last where it was never finite."""
        found = best_index(self.run.rows, self.run.monitor)
        return len(self.run.rows) - 1 if found is None else found

    def reached(self, course: Sequence[float]) -> float:
        """The better of a metric's values in the best and in the last epoch."""
        return max(finite([course[self.best], course[-1]]), default=math.nan) if course else math.nan

    @property
    def epochs(self) -> int:
        """How many were trained."""
        return len(self.run.rows)

    @property
    def planned(self) -> int:
        """How many epochs the schedule is made for."""
        return self.config.training.epochs

    @property
    def steps(self) -> int:
        """Updates of the weights."""
        return int(next(iter(finite([self.course("step")[-1]])), 0))

    @property
    def is_stopped_early(self) -> bool:
        """Whether early stopping ended it: it finished before its last epoch."""
        asked = min(self.planned, self.config.training.stop_after or self.planned)
        return self.run.state == "finished" and self.config.early_stopping is not None and self.epochs < asked

    def late_gain(self, course: Sequence[float]) -> float:
        """How much a metric grew over the last third of the epochs: the mean of the last sixth less that of the sixth
        before; from the first epoch to the last where there are fewer than six."""
        values = finite(course)
        if len(values) < 6:
            return values[-1] - values[0] if len(values) > 1 else math.nan
        size = max(1, len(values) // 6)
        return mean(values[-size:]) - mean(values[-2 * size : -size])

    def swings(self, course: Sequence[float]) -> float:
        """The mean size of a metric's changes against its own trend in the second half, of short runs in all but the
        first epoch: of neighbouring epochs that go up and down; 0 where it only grows."""
        values = finite(course)[len(course) // 2 if len(course) >= 8 else 1 :]
        steps = [after - before for before, after in pairwise(values)]
        if len(steps) < 3:
            return 0.0
        trend = mean(steps)
        return mean([abs(step - trend) for step in steps])

    @property
    def gap(self) -> float:
        """How much better the metric is on training data than on validation data, in the best epoch."""
        return self.train[self.best] - self.val[self.best] if self.val and self.train else math.nan

    @property
    def widest_gap(self) -> float:
        """The same in the best or in the last epoch, whichever is more."""
        return max(self.gap, self.train[-1] - self.val[-1]) if self.val and self.train else math.nan

    @property
    def is_improving(self) -> bool:
        """Whether training was still getting somewhere at its end."""
        losses = finite(self.course("train_loss"))
        size = max(1, len(losses) // 4)
        is_falling = len(losses) > 1 and losses[-1] < 0.93 * losses[-1 - size]
        return self.epochs < 2 or self.late_gain(self.train) > 0.005 or is_falling

    @property
    def falls_steadily(self) -> bool:
        """Whether the training loss fell from nearly every epoch to the next, the last ones included."""
        losses = finite(self.course("train_loss"))
        falls = [after < before for before, after in pairwise(losses)]
        return bool(falls) and sum(falls) >= 0.8 * len(falls) and sum(falls[-3:]) >= min(2, len(falls[-3:]))

    def chance_error(self, value: float) -> float:
        """The standard error of a metric of that value on as many samples as validation data has, or training data
        where there are none: of a share the binomial's, of r2 by Olkin and Finn (1995), "Correlations Redux"."""
        samples = max(2, self.samples("validation") or self.samples("train"))
        if self.metric != "r2":
            return math.sqrt(max(value * (1 - value), 1 / samples) / samples)
        return 2 * math.sqrt(max(value, 0.05)) * (1 - min(value, 0.99)) / math.sqrt(samples)

    # ---- layers ------------------------------------------------------------------------------------------------------

    @cached_property
    def looks(self) -> dict[int, dict[str, LayerRow]]:
        """Epoch -> layer -> what was measured there; {} where nothing was."""
        found: dict[int, dict[str, LayerRow]] = {}
        for row in self.run.layers:
            found.setdefault(row["epoch"], {})[row["layer"]] = row
        return found

    @property
    def first(self) -> dict[str, LayerRow]:
        """Every layer before the first step."""
        return self.looks.get(0, {})

    @property
    def last(self) -> dict[str, LayerRow]:
        """Every layer when it was last measured."""
        return self.looks[max(self.looks)] if self.looks else {}

    @property
    def first_with_gradient(self) -> dict[str, LayerRow]:
        """The earliest look at which the output's weights are not all 0, as some initializers have them: before that no
        gradient comes through."""
        looks = (self.looks[epoch] for epoch in sorted(self.looks))
        return next((look for look in looks if look.get("output", {}).get("weight_norm") != 0), {})

    @cached_property
    def hidden(self) -> list[str]:
        """The layers with weights between the input's own and the output, first to last."""
        return [name for name in self.first or self.last if name != "output" and not name.startswith("input")]

    def of_layers(self, look: dict[str, LayerRow], key: str, *, output: bool = False) -> dict[str, float]:
        """A number of every hidden layer (and of the output) where it is known."""
        names = [*self.hidden, *["output"] * output]
        return {name: value for name in names if (value := look.get(name, {}).get(key)) is not None}

    def line(self, row: LayerRow) -> str:
        """Where a row of layer_stats.jsonl stands."""
        return f"{LAYERS}:{self.run.layers.index(row) + 1}"

    def of_layer(self, look: dict[str, LayerRow], layer: str, key: str, threshold: float | str | None) -> Signal:
        """A number of a layer as a signal."""
        row = look[layer]
        return Signal(f"{key}({layer})@{row['epoch']}", row.get(key), threshold, self.line(row))

    def of_epoch(self, column: str, place: int, threshold: float | str | None) -> Signal:
        """A number of metrics.csv as a signal; `place` counts the epochs from 0, from the end where negative."""
        place %= max(1, self.epochs)
        value = self.run.rows[place].get(column) if self.run.rows else None
        return Signal(f"{column}@{place + 1}", value, threshold, f"{METRICS}:{place + 2}")

    def of_setting(self, key: str, threshold: float | str | None = None) -> Signal:
        """A setting as a signal."""
        value: Any = self.run.setting(key)
        known = value if type(value) in (int, float, str, type(None)) else flow(value)
        return Signal(key, known, threshold, CONFIG)

    @cached_property
    def plan(self) -> Plan | None:
        """The layers with their shapes; None where data.json is missing."""
        if self.data is None:
            return None
        units = self.config.loss.units(len(self.data.classes))
        try:
            return plan(self.config.model, self.data.shape, units, features(self.data.columns))
        except PlanError:
            return None

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """Layers with weights by name, but those of the input."""
        blocks = self.plan.blocks if self.plan is not None else ()
        return {block.name: block for block in blocks if block.parameters and not block.name.startswith("input")}

    @property
    def inner(self) -> dict[str, Block]:
        """The same without the output."""
        return {name: block for name, block in self.blocks.items() if name != "output"}

    @property
    def depth(self) -> int:
        return len(self.inner)

    # ---- settings and data -------------------------------------------------------------------------------------------

    @property
    def usual_lr(self) -> float:
        """A usual learning rate: the optimizer's default, for sgd by its momentum; with factors the one under which the
        layer that learns the slowest gets that."""
        optimizer = self.config.optimizer
        usual = float(type(optimizer).fields["lr"].default)
        if optimizer.name == "sgd":  # a step adds up to lr / (1 - momentum)
            usual = USUAL_SGD * (1 - getattr(optimizer, "momentum", 0.0))
        shapes = [shape for block in self.blocks.values() if (shape := block.parameters.get("weight"))]
        slowest = min((optimizer.lr_factors.of("weight", shape) for shape in shapes), default=1.0)
        return float(f"{usual / slowest:.3g}")

    @property
    def usual_for(self) -> str:
        """What that rate is usual for, in words."""
        factors = self.config.optimizer.lr_factors
        return self.config.optimizer.name + " with its lr_factors" * (factors != type(factors)())

    @property
    def begins_at_zero(self) -> bool:
        """Whether the output's weights do: then its first step is as large as they are, and no gradient gets past it
        before."""
        return self.config.model.output.initializer.name == "zeros"

    @property
    def lr_factor(self) -> float:
        """The learning rate as a multiple of a usual one."""
        return float(self.config.optimizer.lr / self.usual_lr)

    def lr_times(self, factor: float) -> dict[str, Any]:
        """The change to so many times the learning rate."""
        return {"optimizer.lr": float(f"{self.config.optimizer.lr * factor:.3g}")}

    @property
    def typical_step(self) -> tuple[float, LayerRow | None]:
        """The largest over the looks of the middle layer's size of a step, and its row; (0, None) where it is not
        known."""
        found: tuple[float, LayerRow | None] = 0.0, None
        for look in self.looks.values():
            rows = [row for row in look.values() if row.get("update_ratio") is not None and row["layer"] in self.blocks
                    and not (self.begins_at_zero and row["layer"] == "output")]  # fmt: skip
            rows.sort(key=lambda row: float(row["update_ratio"]))
            if rows and (middle := rows[len(rows) // 2])["update_ratio"] > found[0]:
                found = float(middle["update_ratio"]), middle
        return found

    @property
    def fitting_initializer(self) -> str:
        """The initializer that was derived for the model's activation."""
        return FITTING.get(self.config.model.activation.name, "he_normal")

    @property
    def dropout(self) -> float:
        """The largest share that a dropout of the network takes away."""
        listed = [getattr(layer, "dropout", 0.0) for _, layer in self.config.model.expand()]
        return max([share for share in listed if share], default=0.0)

    @property
    def without_dropout(self) -> dict[str, Any]:
        """The change that takes all dropout out."""
        model = self.config.model.plain()
        if "layers" not in model:
            return {"model.dropout": 0.0}
        return {"model.layers": [layer for layer in model["layers"] if "dropout" not in layer]}

    @property
    def shallower(self) -> list[dict[str, Any]]:
        """The change that leaves the first three of many dense layers; [] where there are no more."""
        units = self.config.model.plain().get("hidden", [])
        return [{"model.hidden": units[:3]}] if len(units) > 3 else []

    @property
    def is_of_classes(self) -> bool:
        return bool(self.data.classes) if self.data is not None else self.metric != "r2"

    def samples(self, part: str) -> int:
        """How many there are in train, validation or test; 0 where that is not known."""
        return int(self.data.parts.get(part, {}).get("samples", 0)) if self.data is not None else 0

    @property
    def batch(self) -> int:
        """Samples in a batch."""
        size, samples = self.config.training.batch_size, self.samples("train")
        return samples if size == "full" else min(size, samples) if samples else size

    def changed_layers(self, **settings: Any) -> dict[str, Any]:
        """The change that gives every layer of the model these settings: the model's own, and where `model.layers` has
        them, those, too."""
        change: dict[str, Any] = {f"model.{key}": value for key, value in settings.items()}
        layers = self.config.model.plain()
        listed = layers.get("layers") if isinstance(layers, dict) else None
        if listed is not None:
            change["model.layers"] = [
                {key: settings.get(key, value) for key, value in layer.items()} for layer in listed
            ]
        return change
