"""Contradictions between settings. Each check is a plain function of the config; it runs when the settings it needs
were read without a fault, so that its findings stand beside the other mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tuner import data
from tuner.config.settings import Config
from tuner.config.words import nearest
from tuner.data import Source
from tuner.options.augmentations import Augmentation
from tuner.options.losses import CrossEntropy
from tuner.options.metrics import Column, column, metrics_for
from tuner.options.models import CNN, MLP, RNN, Conv, Dense
from tuner.plan import Plan, PlanError, expand, plan


@dataclass(frozen=True)
class Contradiction:
    """Settings that exclude each other. `path` is the key to point at, `also` the ones to point at where that was left
    at its default."""

    path: str
    message: str
    allowed: str | None = None
    suggestion: str | None = None
    also: tuple[str, ...] = ()


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
    parts = ["train", "val"] if config.data.validation else ["train"]
    return [str(Column(part, metric.name)) for part in parts for metric in metrics_for(target_of(config))]


def loss_fits_target(config: Config) -> Iterator[Contradiction]:
    target = target_of(config)
    if target not in config.loss.targets:
        fitting = [name for name, other in config.loss.members.items() if target in other.targets]
        is_for, target_is = ("classes", "a number") if target == "number" else ("numbers", "a class")
        message = f"{config.loss.name} is for {is_for}, and the target of {config.data.name} is {target_is}"
        hint = "loss: mse" if target == "number" else "loss: cross_entropy"
        yield Contradiction("loss.name", message, ", ".join(fitting), hint, also=("data.name",))


def class_weights_fit(config: Config) -> Iterator[Contradiction]:
    loss, classes = config.loss, len(config.data.describe().classes)
    if isinstance(loss, CrossEntropy) and loss.class_weights is not None and len(loss.class_weights) != classes:
        message = f"{len(loss.class_weights)} weights, and {config.data.name} has {classes} classes"
        yield Contradiction("loss.class_weights", message, f"{classes} numbers, or null")


def outputs_are_of_classes(config: Config) -> Iterator[Contradiction]:
    """The default may be said: it stands in the config.yaml of a run with classes, whose data an override replaces."""
    outputs = config.loss.__dict__.get("outputs", "softmax")
    if target_of(config) == "number" and outputs != "softmax":
        message = f"{outputs} is about classes, and the target of {config.data.name} is a number"
        yield Contradiction("loss.outputs", message, suggestion="leave it out; in an override: softmax")


def output_fits_loss(config: Config) -> Iterator[Contradiction]:
    activation = config.model.output.activation.name
    is_class = target_of(config) == "class"
    if is_class and config.loss.activates and activation in ("softmax", "sigmoid", "hard_sigmoid"):
        message = f"loss {config.loss.name} applies its own softmax or sigmoid, so {activation} would act twice"
        yield Contradiction("model.output.activation", message, suggestion="linear")
    elif activation == "softmax" and units_of(config) == 1:
        message = "the output is one number, and the softmax of one number is always 1"
        yield Contradiction("model.output.activation", message, suggestion="linear")


def monitor_exists(config: Config) -> Iterator[Contradiction]:
    names, monitor = metrics_of(config), config.training.monitor
    if monitor in names:
        return
    allowed, also = ", ".join(names), ("data.validation", "data.name")
    asked = column(monitor)
    if asked.part == "val" and not config.data.validation:
        message = f"there is no {monitor} with data.validation: 0"
        same = str(Column("train", asked.name))
        there = same if same in names else "train_loss"
        yield Contradiction("training.monitor", message, allowed, f"training.monitor: {there}", also)
    else:
        meant = nearest(monitor, names)
        if not asked.part:  # accuracy, loss, acc
            meant = nearest(str(Column(column(names[-1]).part, monitor)), names) or meant
        yield Contradiction("training.monitor", f"no metric is called {monitor}", allowed, meant, also)


def monitor_is_defined(config: Config) -> Iterator[Contradiction]:
    asked = column(config.training.monitor)
    if asked.part == "val" and asked.metric and data.sizes(config.data).validation < asked.metric.least > 1:
        message = f"{asked.name} needs at least {asked.metric.least} validation samples"
        yield Contradiction("training.monitor", message, None, "val_loss")


def augmentations_fit(config: Config) -> Iterator[Contradiction]:
    if len(config.data.describe().shape) == 3:
        return
    fitting = [name for name, other in Augmentation.members.items() if not other.images_only]
    for key, listed in (("augment", config.data.augment), ("shift", config.data.shift)):
        for index, augmentation in enumerate(listed):
            if augmentation.images_only:
                message = f"{augmentation.name} needs pictures, and {config.data.name} has none"
                yield Contradiction(f"data.{key}[{index}]", message, ", ".join(fitting))


def data_is_possible(config: Config) -> Iterator[Contradiction]:
    for key, message in data.faults(config.data):
        yield Contradiction(f"data.{key}", message, also=("data.samples", "data.limit"))


def layers_fit(config: Config) -> Iterator[Contradiction]:
    try:
        plan_of(config)
    except PlanError as error:
        yield Contradiction(error.path, error.message, suggestion=error.suggestion)


def regularisers_act(config: Config) -> Iterator[Contradiction]:
    model = config.model
    if isinstance(model, MLP | CNN | RNN) and not model.hidden and model.dropout:
        message = f"dropout {model.dropout:g} acts after the hidden layers, and model.hidden is empty"
        yield Contradiction("model.dropout", message, suggestion="model.dropout: 0, or a hidden layer")
    taking = [layer for _, layer in expand(model) if isinstance(layer, Conv | Dense) and layer.batch_norm is None]
    if model.batch_norm and not taking:
        message = "true, but there is no convolution and no hidden dense layer that batch norm could act on"
        yield Contradiction("model.batch_norm", message, suggestion="model.batch_norm: false, or a hidden layer")


def batch_norm_has_batches(config: Config) -> Iterator[Contradiction]:
    if not any(block.batch_norm for block in plan_of(config).blocks):
        return
    if data.sizes(config.data).train < 2:
        yield Contradiction(
            "data.limit", "batch norm needs at least 2 training samples", None, "model.batch_norm: false"
        )
    if config.training.batch_size == 1:
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


def augmentations_leave_something(config: Config) -> Iterator[Contradiction]:
    shape = config.data.describe().shape
    if len(shape) != 3:
        return
    for key, listed in (("augment", config.data.augment), ("shift", config.data.shift)):
        for index, augmentation in enumerate(listed):
            if augmentation.covers(max(shape[1:])):
                message = f"{augmentation.name} would cover the whole picture of {shape[1]} x {shape[2]}, always"
                yield Contradiction(f"data.{key}[{index}]", message, f"size at most {2 * max(shape[1:]) - 2}")


SHAPE = ("data.name", "data.own")
"""What `describe` reads: the source and the settings that not every source has."""

LAYERS = tuple(f"model.{key}" for key in ("name", "channels", "kernel_size", "units", "hidden", "layers", "batch_norm"))

CHECKS: tuple[tuple[tuple[str, ...], Check], ...] = (
    ((*SHAPE, "loss.name"), loss_fits_target),
    ((*SHAPE, "loss.name", "loss.class_weights"), class_weights_fit),
    ((*SHAPE, "loss.name", "loss.outputs"), outputs_are_of_classes),
    ((*SHAPE, "loss.name", "loss.outputs", "model.output.activation.name"), output_fits_loss),
    ((*SHAPE, "data.validation", "training.monitor"), monitor_exists),
    ((*SHAPE, "data.validation", "training.monitor"), monitor_is_defined),
    ((*SHAPE, "data.augment", "data.shift"), augmentations_fit),
    ((*SHAPE, "data.augment", "data.shift"), augmentations_leave_something),
    ((*SHAPE, "data.validation", "data.limit", "data.label_noise", "data.order"), data_is_possible),
    ((*SHAPE, "loss.name", *LAYERS), layers_fit),
    ((*LAYERS, "model.dropout"), regularisers_act),
    ((*SHAPE, "loss.name", *LAYERS, "training.batch_size"), batch_norm_has_batches),
    (("scheduler.name", "scheduler.warmup_epochs", "training.epochs"), warmup_leaves_epochs),
    (("scheduler.name", "scheduler.min_lr", "scheduler.end_lr", "optimizer.name", "optimizer.lr"), schedule_falls),
    (("optimizer.name", "optimizer.lr", "optimizer.weight_decay"), decay_shrinks),
)
"""The checks, each with the settings it needs; where one of those has a fault, the check does not run."""


def contradictions(config: Config, bad: set[str]) -> Iterator[Contradiction]:
    """What the checks find, where the settings they need are not among the `bad` ones."""
    own = [f"data.{key}" for key in type(config.data).fields if key not in Source.fields]
    for needed, check in CHECKS:
        paths = [path for name in needed for path in (own if name == "data.own" else [name])]
        if any(_touches(path, wrong) for path in paths for wrong in bad):
            continue
        try:
            yield from check(config)
        except PlanError:
            continue  # layers_fit names it


def _touches(path: str, wrong: str) -> bool:
    """Whether a fault in `wrong` makes `path` doubtful: it is the same, or the one stands inside the other."""
    return path == wrong or path.startswith((f"{wrong}.", f"{wrong}[")) or wrong.startswith((f"{path}.", f"{path}["))
