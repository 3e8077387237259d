"""A config together with its data, opened once: what is known of the run that it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from tuner.config.comparison import meaning_hash
from tuner.config.settings import Config
from tuner.data.source import Dataset, Sizes, sizes
from tuner.document.nodes import Node
from tuner.errors import ConfigError
from tuner.monitor import EPOCH
from tuner.options.metrics import Column, metrics_for
from tuner.plan import Plan, plan


@dataclass(frozen=True)
class Loaded:
    """A config and its data set. Where `load` gave it, it passed every check.

    `origins` maps each set key to where it was set (``base.yaml:12``, ``override: optimizer.lr=1``), also those that
    fell away with their choice (``base.yaml:3; fell away: optimizer is now adam (my.yaml:2)``) and those that were
    tuned for another one (``base.yaml:3; set for sgd and stays under adam, whose default is 0.001``); keys that are not
    there have their defaults. `source` holds the bytes of the file as given; `notes` are for the user to read;
    `sweep` is what the layers of the document say under that key, which is no setting of a run.
    """

    config: Config
    dataset: Dataset
    origins: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    source: bytes = b""
    sweep: tuple[Node, ...] = ()

    def for_one_run(self) -> Self:
        """Itself. Raises ConfigError for one that says what is to be searched."""
        if self.sweep:
            message = "sweep is no setting of a run: it says what `tuner sweep` searches"
            place, fix = self.sweep[-1].place, "leave it out, or type `tuner sweep` instead of `tuner train`"
            raise ConfigError([place.fault(message, key="sweep", suggestion=fix)])
        return self

    @property
    def target(self) -> str:
        """``class`` or ``number``."""
        return self.dataset.description.target

    @cached_property
    def plan(self) -> Plan:
        """The network's plan. Raises PlanError where its layers do not fit, which `load` finds."""
        known = self.dataset.description
        return plan(self.config.model, known.shape, self.units, known.features)

    @property
    def units(self) -> int:
        """Units of the output layer."""
        return self.config.loss.units(len(self.dataset.description.classes))

    @cached_property
    def sizes(self) -> Sizes:
        """Samples in each part."""
        return sizes(self.dataset)

    @property
    def metrics(self) -> list[str]:
        """The names that `training.monitor` may take."""
        parts = ["train", "val"] if self.config.data.validation else ["train"]
        return [*(str(Column(part, metric.name)) for part in parts for metric in metrics_for(self.target)), EPOCH]

    @property
    def epochs(self) -> int:
        """How many are trained, early stopping aside."""
        training = self.config.training
        return min(training.epochs, training.stop_after or training.epochs)

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """Every setting, as plain values. A loss's `outputs` is about classes: it does not stand where the target is a
        number."""
        values: dict[str, Any] = self.config.plain()
        if self.target == "number" and isinstance(values["loss"], dict):
            loss = {key: value for key, value in values["loss"].items() if key != "outputs"}
            values["loss"] = loss["name"] if list(loss) == ["name"] else loss
        return values

    @cached_property
    def hash(self) -> str:
        return meaning_hash(self.resolved)
