"""Contradictions between settings. Each check is a plain function of the config; it runs when the settings it needs
were read without a fault, so that its findings stand beside the other mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tuner import data
from tuner.config.settings import Config
from tuner.config.words import nearest
from tuner.options.losses import CrossEntropy
from tuner.plan import Plan, PlanError, plan


@dataclass(frozen=True)
class Contradiction:
    """Two settings that exclude each other; `path` is the key to point at."""

    path: str
    message: str
    allowed: str | None = None
    suggestion: str | None = None


Check = Callable[[Config], Iterator[Contradiction]]


def target_of(config: Config) -> str:
    """``class`` or ``number``."""
    return config.data.describe().target


def units_of(config: Config) -> int:
    """Units of the output layer."""
    description = config.data.describe()
    return config.loss.units(len(description.classes)) if description.target == "class" else 1


def plan_of(config: Config) -> Plan:
    """The network's plan. Raises PlanError."""
    return plan(config.model, config.data.describe().shape, units_of(config))


def metrics_of(config: Config) -> list[str]:
    """The names that `training.monitor` may take."""
    names = ["loss", "accuracy"] if target_of(config) == "class" else ["loss", "r2", "mae"]
    parts = ["train", "val"] if config.data.validation else ["train"]
    return [f"{part}_{name}" for part in parts for name in names]


def loss_fits_target(config: Config) -> Iterator[Contradiction]:
    target = target_of(config)
    if target not in config.loss.targets:
        fitting = [name for name, other in config.loss.members.items() if target in other.targets]
        what = "classes" if target == "class" else "numbers"
        yield Contradiction("loss", f"loss {config.loss.name} does not fit: the target of {config.data.name} is {what}",
                            allowed=", ".join(fitting), suggestion="mse" if target == "number" else "cross_entropy")


def class_weights_fit(config: Config) -> Iterator[Contradiction]:
    loss, classes = config.loss, len(config.data.describe().classes)
    if isinstance(loss, CrossEntropy) and loss.class_weights is not None and len(loss.class_weights) != classes:
        yield Contradiction("loss.class_weights", f"{len(loss.class_weights)} weights, "
                            f"and {config.data.name} has {classes} classes", allowed=f"{classes} numbers")


def output_fits_loss(config: Config) -> Iterator[Contradiction]:
    activation = config.model.output.activation.name
    if config.loss.activates and activation in ("softmax", "sigmoid", "hard_sigmoid"):
        yield Contradiction("model.output.activation", f"loss {config.loss.name} applies its own "
                            f"softmax or sigmoid, so {activation} would act twice", suggestion="linear")


def monitor_exists(config: Config) -> Iterator[Contradiction]:
    names, monitor = metrics_of(config), config.training.monitor
    if monitor in names:
        return
    if monitor.startswith("val_") and not config.data.validation:
        yield Contradiction("training.monitor", f"there is no {monitor} with data.validation: 0",
                            allowed=", ".join(names), suggestion="train_loss")
    else:
        yield Contradiction("training.monitor", f"no metric is called {monitor}",
                            allowed=", ".join(names), suggestion=nearest(monitor, names))


def augmentations_fit(config: Config) -> Iterator[Contradiction]:
    if len(config.data.describe().shape) == 3:
        return
    for key, listed in (("augment", config.data.augment), ("shift", config.data.shift)):
        for index, augmentation in enumerate(listed):
            if augmentation.images_only:
                yield Contradiction(f"data.{key}[{index}]", f"{augmentation.name} needs pictures, "
                                    f"and {config.data.name} has none", allowed="noise")


def data_is_possible(config: Config) -> Iterator[Contradiction]:
    for key, message in data.faults(config.data):
        yield Contradiction(f"data.{key}", message)


def layers_fit(config: Config) -> Iterator[Contradiction]:
    try:
        plan_of(config)
    except PlanError as error:
        yield Contradiction(error.path, error.message, suggestion=error.suggestion)


def regularisers_act(config: Config) -> Iterator[Contradiction]:
    settings = config.model.__dict__
    if settings.get("hidden") == [] and settings.get("dropout"):
        yield Contradiction("model.dropout", "dropout acts after the hidden layers, and model.hidden is empty",
                            suggestion="model.dropout: 0")
    if settings.get("hidden") == [] and config.model.batch_norm and config.model.name in ("mlp", "rnn"):
        yield Contradiction("model.batch_norm", "batch norm acts on the hidden layers, and model.hidden is empty",
                            suggestion="model.batch_norm: false")


def batch_norm_has_batches(config: Config) -> Iterator[Contradiction]:
    if config.training.batch_size == 1 and any(block.batch_norm for block in plan_of(config).blocks):
        yield Contradiction("training.batch_size", "batch norm needs batches of at least 2 samples",
                            allowed="an integer >= 2 with model.batch_norm: true", suggestion="model.batch_norm: false")


def warmup_leaves_epochs(config: Config) -> Iterator[Contradiction]:
    warmup, epochs = config.scheduler.warmup_epochs, config.training.epochs
    if warmup >= epochs:
        yield Contradiction("scheduler.warmup_epochs", f"{warmup:g} epochs of warm-up leave "
                            f"nothing of {epochs}", allowed=f"less than training.epochs ({epochs})")


def outputs_are_of_classes(config: Config) -> Iterator[Contradiction]:
    if target_of(config) == "number" and config.loss.__dict__.get("outputs") not in (None, "softmax"):
        yield Contradiction("loss.outputs", f"it is for classes; the target of {config.data.name} is a number",
                            suggestion="leave it out")


CHECKS: tuple[tuple[tuple[str, ...], Check], ...] = (
    (("data.name", "loss.name"), loss_fits_target),
    (("data.name", "loss"), class_weights_fit),
    (("loss.name", "model.output.activation"), output_fits_loss),
    (("data.name", "data.validation", "training.monitor"), monitor_exists),
    (("data.name", "data.augment", "data.shift"), augmentations_fit),
    (("data",), data_is_possible),
    (("data.name", "loss.name", "model"), layers_fit),
    (("model",), regularisers_act),
    (("data.name", "loss.name", "model", "training.batch_size"), batch_norm_has_batches),
    (("scheduler.warmup_epochs", "scheduler.name", "training.epochs"), warmup_leaves_epochs),
    (("data.name", "loss"), outputs_are_of_classes),
)
"""The checks, each with the settings it needs."""


def contradictions(config: Config, bad: set[str]) -> Iterator[Contradiction]:
    """What the checks find, where the settings they need are not among the `bad` ones."""
    for needed, check in CHECKS:
        if any(_touches(path, wrong) for path in needed for wrong in bad):
            continue
        try:
            yield from check(config)
        except PlanError:
            continue  # layers_fit names it


def _touches(path: str, wrong: str) -> bool:
    return path == wrong or path.startswith((f"{wrong}.", f"{wrong}[")) or wrong.startswith((f"{path}.", f"{path}["))
