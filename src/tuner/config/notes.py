"""Settings that pass every check and yet cannot act, or act against what they are for: rules in the order in which
they are told. A note says which setting, why, and what would act."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from tuner.config.loaded import Loaded
from tuner.config.settings import Config
from tuner.document.writing import flow
from tuner.options.activations import ReLU
from tuner.options.augmentations import Flip
from tuner.options.initializers import HeNormal
from tuner.options.losses import CrossEntropy, Huber
from tuner.options.optimizers.base import is_input_scale
from tuner.options.optimizers.of_torch import RAdam
from tuner.options.schedulers import CosineLog, MultiStep, OneCycle, Plateau, Step

Idle = tuple[str, Any, str, str]
"""A setting, its value, what is wrong with it, and what would act."""

RULES: list[Callable[[Loaded], Iterator[Idle]]] = []

STILL = {"gamma": (1.0, "below 1"), "decay": (0.0, "above 0"), "initial_division": (1.0, "above 1")}
"""Settings of schedules, the value at which the learning rate stays as it is, and which values would act."""


def rule(check: Callable[[Loaded], Iterator[Idle]]) -> Callable[[Loaded], Iterator[Idle]]:
    """Adds a rule to RULES."""
    RULES.append(check)
    return check


def notes_on(loaded: Loaded) -> list[str]:
    """The notes on a config that passed every check."""
    found = (idle for each in RULES for idle in each(loaded))
    return [f"{key}: {flow(value)} {why}; {instead}" for key, value, why, instead in found]


def last_border(config: Config) -> int:
    """The last border of epochs, counted from the end of the warm-up, after which a step is still taken."""
    return config.training.epochs - 1 - math.ceil(round(config.scheduler.warmup_epochs, 6))


def too_short(config: Config, more: str = "") -> str:
    """``cannot act: the run has 20 epochs``, and `more` about them."""
    epochs = config.training.epochs
    return f"cannot act: the run has {epochs} epoch{'s' * (epochs != 1)}{more}"


def at_most(epochs: int) -> str:
    return f"at most {epochs} would, or more training.epochs" if epochs > 0 else "more training.epochs would"


@rule
def batches_are_parts(loaded: Loaded) -> Iterator[Idle]:
    batch, samples = loaded.config.training.batch_size, loaded.sizes.train
    if batch != "full" and batch > samples:
        why = f"is more than the {samples:,} training samples: each epoch is one step"
        yield "training.batch_size", batch, why, "a smaller one takes more steps, full says it on purpose"


@rule
def training_is_the_larger_part(loaded: Loaded) -> Iterator[Idle]:
    data, parts = loaded.config.data, loaded.sizes
    why = f"leaves {parts.train:,} samples to train on, fewer than the {parts.validation:,} of the validation part"
    if parts.validation > parts.train and data.limit is not None:
        yield "data.limit", data.limit, why, "a higher one, or null, trains on more"
    elif parts.validation > parts.train and not loaded.dataset.description.validation_samples:
        yield "data.validation", data.validation, why, "less than 0.5 leaves more to train on"


@rule
def data_settings_act(loaded: Loaded) -> Iterator[Idle]:
    data, parts = loaded.config.data, loaded.sizes
    if data.order != "source" and data.shuffle:
        yield "data.order", data.order, "cannot act: the samples are shuffled", "data.shuffle: false shows it"
    if data.shift and not parts.validation and not parts.test:
        why = "cannot act: there is neither a validation nor a test part"
        yield "data.shift", [each.name for each in data.shift], why, "data.validation above 0 would give one"
    for key, listed in (("augment", data.augment), ("shift", data.shift)):
        for index, each in enumerate(listed):
            if isinstance(each, Flip) and each.probability == 0:
                yield f"data.{key}[{index}].probability", 0, "cannot act: no picture is mirrored", "above 0 would"


@rule
def layers_take_the_models(loaded: Loaded) -> Iterator[Idle]:
    model, layers = loaded.config.model, [layer for _, layer in loaded.config.model.expand()]
    why = "cannot act: no layer but the output"
    if model.activation != ReLU() and not any(layer.takes_models("activation") for layer in layers):
        what = "model.output.activation acts on the output"
        yield "model.activation", model.activation.name, f"{why} and recurrent ones takes the model's", what
    if model.initializer != HeNormal() and not any(layer.takes_models("initializer") for layer in layers):
        what = "model.output.initializer acts on the output"
        yield "model.initializer", model.initializer.name, f"{why} takes the model's", what


@rule
def loss_settings_act(loaded: Loaded) -> Iterator[Idle]:
    loss = loaded.config.loss
    weights = loss.class_weights if isinstance(loss, CrossEntropy) else None
    if isinstance(weights, list) and len(set(weights)) == 1:
        why = "cannot act: they are all alike, and only their ratios count"
        yield "loss.class_weights", weights, why, "null says the same"
    if isinstance(loss, Huber) and loss.delta >= 1 and loss.activates and loaded.target == "class":
        why = "cannot act: no share differs from its target by more than 1, so that this is mse / 2"
        yield "loss.delta", loss.delta, why, "below 1 would"


@rule
def optimizer_settings_act(loaded: Loaded) -> Iterator[Idle]:
    optimizer = loaded.config.optimizer
    if optimizer.decay_bias_and_norm and not optimizer.weight_decay:
        why = "cannot act: optimizer.weight_decay is 0"
        yield "optimizer.decay_bias_and_norm", True, why, "a weight_decay above 0 would"
    factor, names = optimizer.lr_factors.input_scale, loaded.plan.shapes
    if factor != 1 and not any(map(is_input_scale, names)):
        yield "optimizer.lr_factors.input_scale", factor, "cannot act: no layer scales the inputs", "1 says the same"
    if isinstance(optimizer, RAdam) and optimizer.betas[1] <= 2 / 3:
        why = "keeps radam from ever dividing by its mean square: it is plain momentum"
        yield "optimizer.betas", optimizer.betas, why, "a second one above 2/3 would divide"


@rule
def schedule_moves(loaded: Loaded) -> Iterator[Idle]:
    config, scheduler, lr = loaded.config, loaded.config.scheduler, loaded.config.optimizer.lr
    for key, (value, acting) in STILL.items():
        if scheduler.__dict__.get(key) == value:
            what = "the learning rate begins at its peak" if isinstance(scheduler, OneCycle) else "lr stays as it is"
            yield f"scheduler.{key}", value, f"cannot act: {what}", f"{acting} would"
    if scheduler.lowest and scheduler.__dict__[scheduler.lowest] == lr:
        yield f"scheduler.{scheduler.lowest}", lr, "cannot act: it is optimizer.lr", f"below {lr:g} would"
    batch, warmup = config.training.batch_size, scheduler.warmup_epochs
    steps = 1 if batch == "full" else math.ceil(loaded.sizes.train / batch)
    if warmup and round(warmup * steps, 6) <= 1:
        why = f"cannot act: it is one step of the {steps} of an epoch, which has the whole lr"
        yield "scheduler.warmup_epochs", warmup, why, f"more than {1 / steps:.3g} would"
    left = steps * config.training.epochs - math.ceil(round(warmup * steps, 6))
    if isinstance(scheduler, CosineLog) and left < 30:  # the first of its waves takes a fifteenth of them
        why = f"cannot make its four waves, the first of less than two steps: there are {left} in all"
        yield "scheduler.name", scheduler.name, why, "30 would, by more training.epochs or a smaller batch"


@rule
def falls_come_in_time(loaded: Loaded) -> Iterator[Idle]:
    scheduler, last = loaded.config.scheduler, last_border(loaded.config)
    warmup = f", {scheduler.warmup_epochs:g} of them warm-up" * bool(scheduler.warmup_epochs)
    why = too_short(loaded.config, warmup)
    if isinstance(scheduler, Step) and scheduler.step_size > last:
        yield "scheduler.step_size", scheduler.step_size, why, at_most(last)
    if isinstance(scheduler, MultiStep) and (late := [each for each in scheduler.milestones if each > last]):
        yield "scheduler.milestones", late, why, at_most(last)
    if isinstance(scheduler, Plateau) and scheduler.patience >= last:
        why = f"{why}, and the first one always counts as better"
        yield "scheduler.patience", scheduler.patience, why, at_most(last - 1)


@rule
def patience_ends(loaded: Loaded) -> Iterator[Idle]:
    stopping, epochs = loaded.config.early_stopping, loaded.config.training.epochs
    if stopping is not None and stopping.patience + 1 >= epochs:
        why = too_short(loaded.config, ", and the first one always counts as better")
        yield "early_stopping.patience", stopping.patience, why, at_most(epochs - 2)


@rule
def schedule_outlives_patience(loaded: Loaded) -> Iterator[Idle]:
    scheduler, stopping, epochs = loaded.config.scheduler, loaded.config.early_stopping, loaded.config.training.epochs
    if stopping is None:
        return
    if isinstance(scheduler, Plateau) and stopping.patience <= scheduler.patience < last_border(loaded.config):
        why = f"cannot act: early_stopping.patience, {stopping.patience}, ends the run before lr falls"
        yield "scheduler.patience", scheduler.patience, why, f"less than {stopping.patience} would"
    if scheduler.spans and stopping.patience < epochs / 2:
        why = f"often ends the run before scheduler {scheduler.name}, laid out for {epochs} epochs, has lowered lr"
        instead = "early_stopping: none lets it end, best.safetensors has the best epoch all the same"
        yield "early_stopping.patience", stopping.patience, why, instead


@rule
def improvements_are_possible(loaded: Loaded) -> Iterator[Idle]:
    monitor, stopping, scheduler = loaded.config.training.monitor, loaded.config.early_stopping, loaded.config.scheduler
    if not monitor.endswith("accuracy"):
        return
    why = f"is more than {monitor} can improve, which lies between 0 and 1"
    if stopping is not None and stopping.min_delta >= 1:
        yield "early_stopping.min_delta", stopping.min_delta, why, "0.001 is a tenth of a percentage point"
    if isinstance(scheduler, Plateau) and scheduler.threshold >= 1:
        yield "scheduler.threshold", scheduler.threshold, why, "0.001 is a tenth of a percentage point"


@rule
def checkpoints_come_in_time(loaded: Loaded) -> Iterator[Idle]:
    every, epochs = loaded.config.checkpoint.every, loaded.config.training.epochs
    if every > epochs:
        why = too_short(loaded.config, ", and a crash loses all of it")
        yield "checkpoint.every", every, why, f"at most {epochs} would"
