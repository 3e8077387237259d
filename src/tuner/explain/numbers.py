"""What the columns of a run's files mean."""

from __future__ import annotations

import re
from inspect import cleandoc

from tuner.options.metrics import Metric
from tuner.options.metrics import column as column_of

PARTS = {
    "train": "Measured on training samples in evaluation mode, with the weights at the end of the epoch: on as many\n"
    "samples as validation has, at least 1,000, always the same ones. What is worse in val_ than here is overfitting.",
    "val": "Measured on the validation samples, with the weights at the end of the epoch.",
    "test": "Measured on the test samples, once, when the run ends, with the best weights (unless training.test is "
    "ask); it stands in status.json.",
}
COLUMNS = {
    "epoch": "The number of the epoch, from 1 on.",
    "step": "Steps (updates of the weights) from the beginning of the run to the end of the epoch.",
    "lr": "The learning rate of the epoch's last step, after warm-up and schedule.",
    "batch_loss": "The mean over the epoch of what was minimised: in training mode, with dropout, augmentation, label\n"
    "smoothing and class weights, while the weights were changing. Compare train_loss with val_loss, not this one.",
    "grad_norm": "The mean over the epoch's steps of the gradient's global norm, before clipping.\n"
    "Formula: sqrt of the sum over all parameters of g^2.\n"
    "Look at: near 0 while train_loss is still bad, the gradient vanishes; where it jumps by orders of magnitude,\n"
    "lower optimizer.lr or set training.gradient_clip.",
}
LAYERS = {
    "activation_mean": "The mean of the numbers that a layer hands on for 256 training samples.",
    "activation_std": "The standard deviation of the numbers that a layer hands on for 256 training samples.\n"
    "Look at: from the first layer to the last, before the first step, it should stay of one size. Where it shrinks\n"
    "towards 0 or grows, change the initializer, the activation or set batch_norm.",
    "zero_units": "The share of a layer's units (a convolution: channels) that are 0 on all of 256 training samples.\n"
    "Look at: such a unit of a relu passes no gradient on; where many of them stay zero, lower optimizer.lr or choose\n"
    "leaky_relu.",
    "gradient_norm": "The norm of the gradient of the mean loss of 256 training samples by a layer's parameters.\n"
    "Formula: sqrt of the sum over the layer's parameters of g^2.\n"
    "Look at: where it is far smaller in the first layers than in the last, the gradient vanishes on its way back.",
}
WHOLE = {
    "parameters": "How many numbers the network learns. The fewer the better, at the same result.",
    "seconds_per_epoch": "The mean over a run's epochs of how long one took, evaluation included.",
}
FORMS = {
    "last": "Of the last epoch of a run.",
    "epochs": "The first epoch of a run in which the condition holds; a run that never gets there has none.\n"
    "For example epochs(val_accuracy>=0.9), in compare, runs and --require. The lower the better.",
}
_OF_LAYER = re.compile(r"(\([a-z0-9_.]+\))?(@(last|[0-9]+))?")
TIMING = {
    "seconds": "How long the epoch took, with its evaluation.",
    "samples_per_second": "Training samples of the epoch a second.",
}


def columns() -> list[str]:
    """Every column there can be."""
    return [
        *COLUMNS,
        *TIMING,
        *WHOLE,
        *LAYERS,
        *Metric.members,
        *(f"{part}_{metric}" for part in PARTS for metric in Metric.members),
    ]


def column_text(name: str) -> str | None:
    """What a metric holds: a column, ``COLUMN@last``, ``epochs(...)``, ``activation_std(LAYER)@EPOCH``; else None."""
    number = re.split(r"[(@]", name, maxsplit=1)[0]
    if number in LAYERS and _OF_LAYER.fullmatch(name[len(number) :]):
        how = f"Of one layer, in layer_stats.jsonl: `compare --metric '{number}(hidden.0)@0' --direction up` reads it"
        return f"{LAYERS[number]}\n{how};\n@0 is before the first step, @last the last time it was measured."
    if number == "epochs" and name.endswith(")"):
        return FORMS["epochs"]
    column, at, epoch = name.partition("@")
    text = plain_column_text(column)
    if not at:
        return text
    when = FORMS["last"] if epoch == "last" else f"Of epoch {epoch}." if epoch.isdecimal() else ""
    once = column in WHOLE or column_of(column).part == "test"
    return f"{text}\n{when}" if text and when and not once else None


def plain_column_text(name: str) -> str | None:
    """What a column holds; None where there is no such column."""
    known = {**COLUMNS, **TIMING, **WHOLE}
    if name in known:
        return known[name]
    asked = column_of(name)
    metric = Metric.members.get(asked.name)
    if metric is None:
        return None
    better = "higher" if metric.direction == "up" else "lower"
    texts = [cleandoc(metric.__doc__ or ""), PARTS.get(asked.part, ""), f"The {better} the better."]
    return "\n".join(text for text in texts if text)
