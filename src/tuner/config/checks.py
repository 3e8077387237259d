"""Contradictions between settings. Each check is a plain function of the config; it runs when the settings it needs
were read without a fault, so that its findings stand beside the other mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tuner.config.loaded import Loaded
from tuner.config.settings import Config
from tuner.config.words import nearest
from tuner.data.sizes import faults
from tuner.data.source import Source
from tuner.errors import TunerError
from tuner.options.augmentations import Augmentation
from tuner.options.layers.base import PlanError
from tuner.options.losses import CrossEntropy
from tuner.options.metrics import Column, column


@dataclass(frozen=True)
class Contradiction:
    """Settings that exclude each other. `path` is the key to point at, `also` the ones to point at where that was left
    at its default."""

    path: str
    message: str
    allowed: str | None = None
    suggestion: str | None = None
    also: tuple[str, ...] = ()


def loss_fits_target(loaded: Loaded) -> Iterator[Contradiction]:
    target, loss = loaded.target, loaded.config.loss
    if target not in loss.targets:
        fitting = [name for name, other in loss.members.items() if target in other.targets]
        is_for, target_is = ("classes", "a number") if target == "number" else ("numbers", "a class")
        message = f"{loss.name} is for {is_for}, and the target of {loaded.config.data.name} is {target_is}"
        hint = "loss: mse" if target == "number" else "loss: cross_entropy"
        yield Contradiction("loss.name", message, ", ".join(fitting), hint, also=("data.name",))


def class_weights_fit(loaded: Loaded) -> Iterator[Contradiction]:
    loss, classes = loaded.config.loss, len(loaded.dataset.description.classes)
    if isinstance(loss, CrossEntropy) and loss.class_weights is not None and len(loss.class_weights) != classes:
        message = f"{len(loss.class_weights)} weights, and {loaded.config.data.name} has {classes} classes"
        yield Contradiction("loss.class_weights", message, f"{classes} numbers, or null")


def outputs_are_of_classes(loaded: Loaded) -> Iterator[Contradiction]:
    """The default may be said: it stands in the config.yaml of a run with classes, whose data an override replaces."""
    outputs = loaded.config.loss.__dict__.get("outputs", "softmax")
    if loaded.target == "number" and outputs != "softmax":
        message = f"{outputs} is about classes, and the target of {loaded.config.data.name} is a number"
        yield Contradiction("loss.outputs", message, suggestion="leave it out; in an override: softmax")


def output_fits_loss(loaded: Loaded) -> Iterator[Contradiction]:
    activation = loaded.config.model.output.activation.name
    is_class = loaded.target == "class"
    if is_class and loaded.config.loss.activates and activation in ("softmax", "sigmoid", "hard_sigmoid"):
        message = f"loss {loaded.config.loss.name} applies its own softmax or sigmoid, so {activation} would act twice"
        yield Contradiction("model.output.activation", message, suggestion="linear")
    elif activation == "softmax" and loaded.units == 1:
        message = "the output is one number, and the softmax of one number is always 1"
        yield Contradiction("model.output.activation", message, suggestion="linear")


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
        meant = nearest(monitor, names)
        if not asked.part:  # accuracy, loss, acc
            meant = nearest(str(Column(column(names[-1]).part, monitor)), names) or meant
        yield Contradiction("training.monitor", f"no metric is called {monitor}", allowed, meant, also)


def monitor_is_defined(loaded: Loaded) -> Iterator[Contradiction]:
    asked = column(loaded.config.training.monitor)
    if asked.part == "val" and asked.metric and loaded.sizes.validation < asked.metric.least > 1:
        message = f"{asked.name} needs at least {asked.metric.least} validation samples"
        yield Contradiction("training.monitor", message, None, "val_loss")


def augmentations_fit(loaded: Loaded) -> Iterator[Contradiction]:
    if len(loaded.dataset.description.shape) == 3:
        return
    fitting = [name for name, other in Augmentation.members.items() if not other.images_only]
    for key, listed in (("augment", loaded.config.data.augment), ("shift", loaded.config.data.shift)):
        for index, augmentation in enumerate(listed):
            if augmentation.images_only:
                message = f"{augmentation.name} needs pictures, and {loaded.config.data.name} has none"
                yield Contradiction(f"data.{key}[{index}]", message, ", ".join(fitting))


def data_is_possible(loaded: Loaded) -> Iterator[Contradiction]:
    for key, message in faults(loaded.dataset):
        yield Contradiction(f"data.{key}", message, also=("data.samples", "data.limit"))


def layers_fit(loaded: Loaded) -> Iterator[Contradiction]:
    try:
        _ = loaded.plan
    except PlanError as error:
        yield Contradiction(error.path, error.message, suggestion=error.suggestion)


def regularisers_act(config: Config) -> Iterator[Contradiction]:
    model = config.model
    dropout = model.__dict__.get("dropout")
    if dropout and not model.__dict__["hidden"]:
        message = f"dropout {dropout:g} acts after the hidden layers, and model.hidden is empty"
        yield Contradiction("model.dropout", message, suggestion="model.dropout: 0, or a hidden layer")
    if model.batch_norm and not any(layer.takes_models("batch_norm") for _, layer in model.expand()):
        message = "true, but there is no convolution and no hidden dense layer that batch norm could act on"
        yield Contradiction("model.batch_norm", message, suggestion="model.batch_norm: false, or a hidden layer")


def batch_norm_has_batches(loaded: Loaded) -> Iterator[Contradiction]:
    if not any(block.batch_norm for block in loaded.plan.blocks):
        return
    if loaded.sizes.train < 2:
        yield Contradiction(
            "data.limit", "batch norm needs at least 2 training samples", None, "model.batch_norm: false"
        )
    if loaded.config.training.batch_size == 1:
        message = "batch norm needs batches of at least 2 samples"
        hint = "a larger batch, or model.batch_norm: false"
        yield Contradiction("training.batch_size", message, "an integer >= 2 with batch norm", hint)


def warmup_leaves_epochs(config: Config) -> Iterator[Contradiction]:
    warmup, epochs = config.scheduler.warmup_epochs, config.training.epochs
    if warmup >= epochs:
        message = f"{warmup:g} epochs of warm-up leave nothing of training.epochs: {epochs}"
        yield Contradiction("scheduler.warmup_epochs", message, f"less than {epochs}")


def schedule_falls(config: Config) -> Iterator[Contradiction]:
    key, lr = config.scheduler.lowest, config.optimizer.lr
    if key and (lowest := config.scheduler.__dict__[key]) > lr:
        message = f"{lowest:g} is above optimizer.lr, {lr:g}: the learning rate would rise, not fall"
        yield Contradiction(f"scheduler.{key}", message, f"at most {lr:g}", also=("optimizer.lr",))


def decay_shrinks(config: Config) -> Iterator[Contradiction]:
    """Where a step takes lr * weight_decay of each weight away, more than all of it would turn the weight round."""
    optimizer = config.optimizer
    if optimizer.decay_is_share and (taken := optimizer.lr * optimizer.weight_decay) > 1:
        message = f"with lr {optimizer.lr:g} each step would take {taken:g} times the weight away, past zero"
        allowed = f"at most 1 / lr: {1 / optimizer.lr:g}"
        yield Contradiction("optimizer.weight_decay", message, allowed, also=("optimizer.lr",))


def augmentations_leave_something(loaded: Loaded) -> Iterator[Contradiction]:
    shape = loaded.dataset.description.shape
    if len(shape) != 3:
        return
    for key, listed in (("augment", loaded.config.data.augment), ("shift", loaded.config.data.shift)):
        for index, augmentation in enumerate(listed):
            if augmentation.covers(max(shape[1:])):
                message = f"{augmentation.name} would cover the whole picture of {shape[1]} x {shape[2]}, always"
                yield Contradiction(f"data.{key}[{index}]", message, f"size at most {2 * max(shape[1:]) - 2}")


LAYERS = tuple(f"model.{key}" for key in ("name", "channels", "kernel_size", "units", "hidden", "layers", "batch_norm"))

CHECKS: tuple[tuple[tuple[str, ...], Callable[[Config], Iterator[Contradiction]]], ...] = (
    ((*LAYERS, "model.dropout"), regularisers_act),
    (("scheduler.name", "scheduler.warmup_epochs", "training.epochs"), warmup_leaves_epochs),
    (("scheduler.name", "scheduler.min_lr", "scheduler.end_lr", "optimizer.name", "optimizer.lr"), schedule_falls),
    (("optimizer.name", "optimizer.lr", "optimizer.weight_decay"), decay_shrinks),
)
"""The checks, each with the settings it needs; where one of those has a fault, the check does not run."""

CHECKS_WITH_DATA: tuple[tuple[tuple[str, ...], Callable[[Loaded], Iterator[Contradiction]]], ...] = (
    (("loss.name",), loss_fits_target),
    (("loss.name", "loss.class_weights"), class_weights_fit),
    (("loss.name", "loss.outputs"), outputs_are_of_classes),
    (("loss.name", "loss.outputs", "model.output.activation.name"), output_fits_loss),
    (("data.validation", "training.monitor"), monitor_exists),
    (("data.validation", "training.monitor"), monitor_is_defined),
    (("data.augment", "data.shift"), augmentations_fit),
    (("data.augment", "data.shift"), augmentations_leave_something),
    (("data.validation", "data.limit", "data.label_noise", "data.order"), data_is_possible),
    (("loss.name", *LAYERS), layers_fit),
    (("loss.name", *LAYERS, "training.batch_size"), batch_norm_has_batches),
)
"""The same for those that ask the data, too: what it was opened by has no fault."""


def contradictions(config: Config, bad: set[str]) -> Iterator[Contradiction]:
    """What the checks find, where the settings they need are not among the `bad` ones."""
    for needed, check in CHECKS:
        if not _doubtful(needed, bad):
            yield from check(config)


def contradictions_with_data(loaded: Loaded, bad: set[str]) -> Iterator[Contradiction]:
    """What the checks find that ask the data, too."""
    for needed, check in CHECKS_WITH_DATA:
        if _doubtful(needed, bad):
            continue
        try:
            yield from check(loaded)
        except PlanError:
            continue  # layers_fit names it


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
            found += contradictions_with_data(Loaded(config, config.data.open()), bad)
    except TunerError:
        return None
    return {each.path for each in found}


def _doubtful(paths: Iterable[str], bad: set[str]) -> bool:
    return any(_touches(path, wrong) for path in paths for wrong in bad)


def _touches(path: str, wrong: str) -> bool:
    """Whether a fault in `wrong` makes `path` doubtful: it is the same, or the one stands inside the other."""
    return path == wrong or path.startswith((f"{wrong}.", f"{wrong}[")) or wrong.startswith((f"{path}.", f"{path}["))
