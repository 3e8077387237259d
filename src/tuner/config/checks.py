"""Contradictions between settings. Each check is a plain function of the config; it runs when the settings it needs
were read without a fault, so that its findings stand beside the other mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from tuner.choice import nearest
from tuner.config.loaded import Loaded
from tuner.config.settings import Config
from tuner.data.source import Source, faults
from tuner.errors import TunerError
from tuner.options.layers.base import PlanError
from tuner.options.losses import CrossEntropy
from tuner.options.metrics import Column, column
from tuner.options.optimizers.base import Optimizer


@dataclass(frozen=True)
class Contradiction:
    """Settings that exclude each other. `path` is the key to point at, `also` the ones to point at where that was left
    at its default."""

    path: str
    message: str
    allowed: str | None = None
    suggestion: str | None = None
    also: tuple[str, ...] = ()


LAYERS = tuple(
    f"model.{key}"
    for key in (
        "name",
        "channels",
        "kernel_size",
        "units",
        "hidden",
        "layers",
        "batch_norm",
        "input_scale",
        "embeddings",
    )
)

Asked = TypeVar("Asked", Config, Loaded)
Check = Callable[[Asked], Iterator[Contradiction]]

CHECKS: list[tuple[type, tuple[str, ...], Check[Any]]] = []
"""The checks, each with what it asks (Loaded: the data, too; what that was opened by has no fault) and the settings it
needs; where one of those has a fault, the check does not run."""


def needs(asked: type[Asked], *paths: str) -> Callable[[Check[Asked]], Check[Asked]]:
    """Adds a check to CHECKS."""

    def add(check: Check[Asked]) -> Check[Asked]:
        CHECKS.append((asked, paths, check))
        return check

    return add


@needs(Loaded, "loss.name")
def loss_fits_target(loaded: Loaded) -> Iterator[Contradiction]:
    target, loss = loaded.target, loaded.config.loss
    if target not in loss.targets:
        fitting = [name for name, other in loss.members.items() if target in other.targets]
        is_for, target_is = ("classes", "a number") if target == "number" else ("numbers", "a class")
        message = f"{loss.name} is for {is_for}, and the target of {loaded.config.data.name} is {target_is}"
        hint = "loss: mse" if target == "number" else "loss: cross_entropy"
        yield Contradiction("loss.name", message, ", ".join(fitting), hint, also=("data.name",))


@needs(Loaded, "loss.name", "loss.class_weights")
def class_weights_fit(loaded: Loaded) -> Iterator[Contradiction]:
    loss, classes = loaded.config.loss, len(loaded.dataset.description.classes)
    weights = loss.class_weights if isinstance(loss, CrossEntropy) else None
    if isinstance(weights, list) and len(weights) != classes:
        message = f"{len(weights)} weights, and {loaded.config.data.name} has {classes} classes"
        yield Contradiction("loss.class_weights", message, f"{classes} numbers, balanced or null")


@needs(Loaded, "loss.name", "loss.outputs")
def outputs_are_of_classes(loaded: Loaded) -> Iterator[Contradiction]:
    """The default may be said: it stands in the config.yaml of a run with classes, whose data an override replaces."""
    outputs = loaded.config.loss.__dict__.get("outputs", "softmax")
    if loaded.target == "number" and outputs != "softmax":
        message = f"{outputs} is about classes, and the target of {loaded.config.data.name} is a number"
        yield Contradiction("loss.outputs", message, suggestion="leave it out; in an override: softmax")


@needs(Loaded, "loss.name", "loss.outputs", "model.output.activation.name")
def output_fits_loss(loaded: Loaded) -> Iterator[Contradiction]:
    loss, activation = loaded.config.loss, loaded.config.model.output.activation.name
    if loaded.target == "class" and loss.activates and activation in ("softmax", "sigmoid", "hard_sigmoid"):
        message = f"loss {loss.name} applies its own softmax or sigmoid, so {activation} would act twice"
    elif activation == "softmax" and loaded.units == 1:
        message = "the output is one number, and the softmax of one number is always 1"
    else:
        return
    yield Contradiction("model.output.activation", message, suggestion="linear")


@needs(Loaded, "data.validation", "training.monitor")
def monitor_exists(loaded: Loaded) -> Iterator[Contradiction]:
    names, monitor = loaded.metrics, loaded.config.training.monitor
    if monitor in names:
        return
    allowed, also = ", ".join(names), ("data.validation", "data.name")
    asked = column(monitor)
    if asked.part == "val" and not loaded.config.data.validation:
        message = f"there is no {monitor} with data.validation: 0"
        same = str(Column("train", asked.name))
        there = same if same in names else "train_loss"
        yield Contradiction("training.monitor", message, allowed, f"training.monitor: {there}", also)
    else:
        full = Column(asked.part or column(names[-2]).part, asked.name)  # accuracy, loss, acc
        meant = nearest(full.spelled, names) or nearest(monitor, names)
        yield Contradiction("training.monitor", f"no metric is called {monitor}", allowed, meant, also)


@needs(Loaded, "data.validation", "training.monitor")
def monitor_is_defined(loaded: Loaded) -> Iterator[Contradiction]:
    asked = column(loaded.config.training.monitor)
    if asked.part == "val" and asked.metric and loaded.sizes.validation < asked.metric.least > 1:
        message = f"{asked.name} needs at least {asked.metric.least} validation samples"
        yield Contradiction("training.monitor", message, None, "val_loss")


@needs(Loaded, "data.augment", "data.shift")
def augmentations_fit(loaded: Loaded) -> Iterator[Contradiction]:
    data, shape = loaded.config.data, loaded.dataset.description.shape
    for key, listed in (("augment", data.augment), ("shift", data.shift)):
        for index, augmentation in enumerate(listed):
            name, path = augmentation.name, f"data.{key}[{index}]"
            if len(shape) != 3 and augmentation.images_only:
                fitting = ", ".join(name for name, other in augmentation.members.items() if not other.images_only)
                yield Contradiction(path, f"{name} needs pictures, and {data.name} has none", fitting)
            if len(shape) == 3 and augmentation.covers(max(shape[1:])):
                message = f"{name} would cover the whole picture of {shape[1]} x {shape[2]}, always"
                yield Contradiction(path, message, f"size at most {2 * max(shape[1:]) - 2}")


@needs(Loaded, "data.validation", "data.limit", "data.label_noise", "data.order")
def data_is_possible(loaded: Loaded) -> Iterator[Contradiction]:
    for key, message in faults(loaded.dataset):
        yield Contradiction(f"data.{key}", message, also=("data.samples", "data.limit"))


@needs(Loaded, "loss.name", *LAYERS)
def layers_fit(loaded: Loaded) -> Iterator[Contradiction]:
    try:
        _ = loaded.plan
    except PlanError as error:
        yield Contradiction(error.path, error.message, suggestion=error.suggestion)


@needs(Config, *LAYERS, "model.dropout")
def regularisers_act(config: Config) -> Iterator[Contradiction]:
    model = config.model
    dropout = model.__dict__.get("dropout")
    if dropout and not model.__dict__["hidden"]:
        message = f"dropout {dropout:g} acts after the hidden layers, and model.hidden is empty"
        yield Contradiction("model.dropout", message, suggestion="model.dropout: 0, or a hidden layer")
    if model.batch_norm and not any(layer.takes_models("batch_norm") for _, layer in model.expand()):
        message = "true, but there is no convolution and no hidden dense layer that batch norm could act on"
        yield Contradiction("model.batch_norm", message, suggestion="model.batch_norm: false, or a hidden layer")


@needs(Loaded, "loss.name", *LAYERS, "training.batch_size")
def batch_norm_has_batches(loaded: Loaded) -> Iterator[Contradiction]:
    if not any(block.batch_norm for block in loaded.plan.blocks):
        return
    if loaded.sizes.train < 2:
        message = "batch norm needs at least 2 training samples"
        yield Contradiction("data.limit", message, suggestion="model.batch_norm: false")
    if loaded.config.training.batch_size == 1:
        allowed, hint = "an integer >= 2 with batch norm", "a larger batch, or model.batch_norm: false"
        yield Contradiction("training.batch_size", "batch norm needs batches of at least 2 samples", allowed, hint)


@needs(Config, "training.epochs", "training.stop_after")
def stop_comes_before_the_end(config: Config) -> Iterator[Contradiction]:
    stop, epochs = config.training.stop_after, config.training.epochs
    if stop is not None and stop > epochs:
        message = f"{stop} epochs, and training.epochs: {epochs} end before"
        yield Contradiction("training.stop_after", message, f"at most {epochs}", also=("training.epochs",))


@needs(Config, "scheduler.name", "scheduler.warmup_epochs", "training.epochs")
def warmup_leaves_epochs(config: Config) -> Iterator[Contradiction]:
    warmup, epochs = config.scheduler.warmup_epochs, config.training.epochs
    if warmup >= epochs:
        message = f"{warmup:g} epochs of warm-up leave nothing of training.epochs: {epochs}"
        yield Contradiction("scheduler.warmup_epochs", message, f"less than {epochs}")


@needs(Config, "scheduler.name", "scheduler.min_lr", "scheduler.end_lr", "optimizer.name", "optimizer.lr")
def schedule_falls(config: Config) -> Iterator[Contradiction]:
    key, lr = config.scheduler.lowest, config.optimizer.lr
    if key and (lowest := config.scheduler.__dict__[key]) > lr:
        message = f"{lowest:g} is above optimizer.lr, {lr:g}: the learning rate would rise, not fall"
        yield Contradiction(f"scheduler.{key}", message, f"at most {lr:g}", also=("optimizer.lr",))


@needs(Loaded, "loss.name", *LAYERS, *(f"optimizer.{key}" for key in ("name", *Optimizer.fields)))
def decay_shrinks(loaded: Loaded) -> Iterator[Contradiction]:
    """Where a step takes lr * weight_decay of each weight away, more than all of it would turn the weight round."""
    optimizer = loaded.config.optimizer
    decaying = [each for each in loaded.plan.shapes.items() if optimizer.decays(each[1])]
    factor = max(optimizer.lr_factors.of(*each) for each in decaying)
    lr, told = optimizer.lr * factor, f" * {factor:g} (lr_factors)" * (factor != 1)
    if optimizer.decay_is_share and (taken := lr * optimizer.weight_decay) > 1:
        message = f"with lr {optimizer.lr:g}{told} each step would take {taken:g} times the weight away, past zero"
        allowed = f"at most 1 / lr: {1 / lr:g}"
        yield Contradiction("optimizer.weight_decay", message, allowed, also=("optimizer.lr",))


def contradictions(asked: Config | Loaded, bad: set[str]) -> Iterator[Contradiction]:
    """What the checks find that ask this, where the settings they need are not among the `bad` ones."""
    for kind, needed, check in CHECKS:
        if isinstance(asked, kind) and not _doubtful(needed, bad):
            with suppress(PlanError):  # layers_fit names it
                yield from check(asked)


def may_open(config: Config, bad: set[str]) -> bool:
    """Whether the settings by which the data is opened are none of the `bad` ones."""
    own = [f"data.{key}" for key in type(config.data).fields if key not in Source.fields]
    return not _doubtful(["data.name", *own], bad)


def contradicted(config: Config, bad: set[str]) -> set[str] | None:
    """The keys that exclude each other, as far as it can be known without reading a file; None for a config that cannot
    be."""
    try:
        found = [*contradictions(config, bad)]
        if may_open(config, bad) and not config.data.reads_to_open:
            found += contradictions(Loaded(config, config.data.open()), bad)
    except TunerError:
        return None
    return {each.path for each in found}


def _doubtful(paths: Iterable[str], bad: set[str]) -> bool:
    """Whether a fault touches one of the paths: it is the same, or the one stands inside the other."""
    return any(
        path == wrong or path.startswith((f"{wrong}.", f"{wrong}[")) or wrong.startswith((f"{path}.", f"{path}["))
        for path in paths
        for wrong in bad
    )
