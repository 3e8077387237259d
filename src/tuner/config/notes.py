"""Settings that pass every check and yet cannot act, or act against what they are for: one table of rules, one note
each. A note says which setting, why, and what would act."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tuner.config.loaded import Loaded
from tuner.config.settings import Config
from tuner.document.writing import flow
from tuner.options.activations import ReLU
from tuner.options.augmentations import Flip
from tuner.options.initializers import HeNormal
from tuner.options.losses import CrossEntropy, Huber
from tuner.options.optimizers.adam import RAdam
from tuner.options.schedulers import MultiStep, OneCycle, Plateau, Step


@dataclass(frozen=True)
class Idle:
    """A setting, its value, what is wrong with it, and what would act."""

    key: str
    value: Any
    why: str
    instead: str

    def __str__(self) -> str:
        return f"{self.key}: {flow(self.value)} {self.why}; {self.instead}"


Rule = Callable[[Loaded], Iterator[Idle]]


def notes_on(loaded: Loaded) -> list[str]:
    """The notes on a config that passed every check."""
    return [str(idle) for rule in RULES for idle in rule(loaded)]


def last_border(config: Config) -> int:
    """The last border of epochs, counted from the end of the warm-up, after which a step is still taken."""
    return config.training.epochs - 1 - math.ceil(round(config.scheduler.warmup_epochs, 6))


def steps_of(loaded: Loaded) -> int:
    """Steps of an epoch."""
    samples, batch = loaded.sizes.train, loaded.config.training.batch_size
    return 1 if batch == "full" else math.ceil(samples / batch)


def _length(config: Config) -> str:
    """``the run has 20 epochs, 2 of them warm-up``."""
    epochs, warmup = config.training.epochs, config.scheduler.warmup_epochs
    return f"the run has {epochs} epoch{'s' * (epochs != 1)}" + f", {warmup:g} of them warm-up" * bool(warmup)


def falls_come_in_time(loaded: Loaded) -> Iterator[Idle]:
    scheduler, last = loaded.config.scheduler, last_border(loaded.config)
    instead = f"at most {last} would, or more training.epochs" if last > 0 else "more training.epochs would"
    if isinstance(scheduler, Step) and scheduler.step_size > last:
        yield Idle("scheduler.step_size", scheduler.step_size, f"cannot act: {_length(loaded.config)}", instead)
    if isinstance(scheduler, MultiStep) and (late := [each for each in scheduler.milestones if each > last]):
        yield Idle("scheduler.milestones", late, f"cannot act: {_length(loaded.config)}", instead)
    if isinstance(scheduler, Plateau) and scheduler.patience >= last:
        why = f"cannot act: {_length(loaded.config)}, and the first one always counts as better"
        instead = f"at most {last - 1} would, or more training.epochs" if last > 1 else "more training.epochs would"
        yield Idle("scheduler.patience", scheduler.patience, why, instead)


STILL = {"gamma": (1.0, "below 1"), "decay": (0.0, "above 0"), "initial_division": (1.0, "above 1")}
"""Settings of schedules, the value at which the learning rate stays as it is, and which values would act."""


def schedule_moves(loaded: Loaded) -> Iterator[Idle]:
    scheduler, lr = loaded.config.scheduler, loaded.config.optimizer.lr
    for key, (value, acting) in STILL.items():
        if scheduler.__dict__.get(key) == value:
            what = "the learning rate begins at its peak" if isinstance(scheduler, OneCycle) else "lr stays as it is"
            yield Idle(f"scheduler.{key}", value, f"cannot act: {what}", f"{acting} would")
    if scheduler.lowest and scheduler.__dict__[scheduler.lowest] == lr:
        yield Idle(f"scheduler.{scheduler.lowest}", lr, "cannot act: it is optimizer.lr", f"below {lr:g} would")
    if scheduler.warmup_epochs and round(scheduler.warmup_epochs * steps_of(loaded), 6) <= 1:
        why = f"cannot act: it is one step of the {steps_of(loaded)} of an epoch, which has the whole lr"
        instead = f"more than {1 / steps_of(loaded):.3g} would"
        yield Idle("scheduler.warmup_epochs", scheduler.warmup_epochs, why, instead)


def patience_ends(loaded: Loaded) -> Iterator[Idle]:
    stopping, epochs = loaded.config.early_stopping, loaded.config.training.epochs
    if stopping is not None and stopping.patience + 1 >= epochs:
        why = f"cannot act: the run has {epochs} epoch{'s' * (epochs != 1)}, and the first one always counts as better"
        instead = f"at most {epochs - 2} would, or more training.epochs" if epochs > 2 else "more training.epochs would"
        yield Idle("early_stopping.patience", stopping.patience, why, instead)


def schedule_outlives_patience(loaded: Loaded) -> Iterator[Idle]:
    scheduler, stopping, epochs = loaded.config.scheduler, loaded.config.early_stopping, loaded.config.training.epochs
    if stopping is None:
        return
    if isinstance(scheduler, Plateau) and stopping.patience <= scheduler.patience < last_border(loaded.config):
        why = f"cannot act: early_stopping.patience, {stopping.patience}, ends the run before lr falls"
        yield Idle("scheduler.patience", scheduler.patience, why, f"less than {stopping.patience} would")
    if scheduler.spans and stopping.patience < epochs / 2:
        why = f"often ends the run before scheduler {scheduler.name}, laid out for {epochs} epochs, has lowered lr"
        instead = "early_stopping: none lets it end, best.safetensors has the best epoch all the same"
        yield Idle("early_stopping.patience", stopping.patience, why, instead)


def improvements_are_possible(loaded: Loaded) -> Iterator[Idle]:
    if not loaded.config.training.monitor.endswith("accuracy"):
        return
    stopping, scheduler = loaded.config.early_stopping, loaded.config.scheduler
    why = f"is more than {loaded.config.training.monitor} can improve, which lies between 0 and 1"
    if stopping is not None and stopping.min_delta >= 1:
        yield Idle("early_stopping.min_delta", stopping.min_delta, why, "0.001 is a tenth of a percentage point")
    if isinstance(scheduler, Plateau) and scheduler.threshold >= 1:
        yield Idle("scheduler.threshold", scheduler.threshold, why, "0.001 is a tenth of a percentage point")


def batches_are_parts(loaded: Loaded) -> Iterator[Idle]:
    batch, samples = loaded.config.training.batch_size, loaded.sizes.train
    if batch != "full" and batch > samples:
        why = f"is more than the {samples:,} training samples: each epoch is one step"
        yield Idle("training.batch_size", batch, why, "a smaller one takes more steps, full says it on purpose")


def training_is_the_larger_part(loaded: Loaded) -> Iterator[Idle]:
    source, parts = loaded.config.data, loaded.sizes
    if parts.validation <= parts.train:
        return
    why = f"leaves {parts.train:,} samples to train on, fewer than the {parts.validation:,} of the validation part"
    if source.limit is not None:
        yield Idle("data.limit", source.limit, why, "a higher one, or null, trains on more")
    else:
        yield Idle("data.validation", source.validation, why, "less than 0.5 leaves more to train on")


def data_settings_act(loaded: Loaded) -> Iterator[Idle]:
    source, parts = loaded.config.data, loaded.sizes
    if source.order != "source" and source.shuffle:
        yield Idle("data.order", source.order, "cannot act: the samples are shuffled", "data.shuffle: false shows it")
    if source.shift and not parts.validation and not parts.test:
        why = "cannot act: there is neither a validation nor a test part"
        yield Idle("data.shift", [each.name for each in source.shift], why, "data.validation above 0 would give one")
    for key, listed in (("augment", source.augment), ("shift", source.shift)):
        for index, each in enumerate(listed):
            if isinstance(each, Flip) and each.probability == 0:
                yield Idle(f"data.{key}[{index}].probability", 0, "cannot act: no picture is mirrored", "above 0 would")


def loss_settings_act(loaded: Loaded) -> Iterator[Idle]:
    loss = loaded.config.loss
    if isinstance(loss, CrossEntropy) and loss.class_weights is not None and len(set(loss.class_weights)) == 1:
        why = "cannot act: they are all alike, and only their ratios count"
        yield Idle("loss.class_weights", loss.class_weights, why, "null says the same")
    if isinstance(loss, Huber) and loss.delta >= 1 and loss.activates and loaded.target == "class":
        why = "cannot act: no share differs from its target by more than 1, so that this is mse / 2"
        yield Idle("loss.delta", loss.delta, why, "below 1 would")


def optimizer_settings_act(loaded: Loaded) -> Iterator[Idle]:
    optimizer = loaded.config.optimizer
    if optimizer.decay_bias_and_norm and not optimizer.weight_decay:
        why = "cannot act: optimizer.weight_decay is 0"
        yield Idle("optimizer.decay_bias_and_norm", True, why, "a weight_decay above 0 would")
    if isinstance(optimizer, RAdam) and optimizer.betas[1] <= 2 / 3:
        why = "keeps radam from ever dividing by its mean square: it is plain momentum"
        yield Idle("optimizer.betas", optimizer.betas, why, "a second one above 2/3 would divide")


def layers_take_the_models(loaded: Loaded) -> Iterator[Idle]:
    model, layers = loaded.config.model, [layer for _, layer in loaded.config.model.expand()]
    activated = any(layer.takes_models("activation") for layer in layers)
    drawn = any(layer.takes_models("initializer") for layer in layers)
    why = "cannot act: no layer but the output"
    if not activated and model.activation != ReLU():
        what = "model.output.activation acts on the output"
        yield Idle("model.activation", model.activation.name, f"{why} and recurrent ones takes the model's", what)
    if not drawn and model.initializer != HeNormal():
        what = "model.output.initializer acts on the output"
        yield Idle("model.initializer", model.initializer.name, f"{why} takes the model's", what)


def checkpoints_come_in_time(loaded: Loaded) -> Iterator[Idle]:
    every, epochs = loaded.config.checkpoint.every, loaded.config.training.epochs
    if every > epochs:
        why = f"cannot act: the run has {epochs} epoch{'s' * (epochs != 1)}, and a crash loses all of it"
        yield Idle("checkpoint.every", every, why, f"at most {epochs} would")


RULES: tuple[Rule, ...] = (
    batches_are_parts,
    training_is_the_larger_part,
    data_settings_act,
    layers_take_the_models,
    loss_settings_act,
    optimizer_settings_act,
    schedule_moves,
    falls_come_in_time,
    patience_ends,
    schedule_outlives_patience,
    improvements_are_possible,
    checkpoints_come_in_time,
)
