"""What is measured beside the metrics: each with what an axis calls it, what it holds, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Quantity:
    """A number of an epoch, a layer or a run. `by_factors`: it may grow or shrink by powers of ten, so that an axis of
    it is better logarithmic where it goes far."""

    label: str
    help: str
    direction: Literal["up", "down"] | None = None
    by_factors: bool = False


EPOCH = {
    "epoch": Quantity("epoch", "The number of the epoch, from 1 on."),
    "step": Quantity("step", "Steps (updates of the weights) from the beginning of the run to the end of the epoch."),
    "lr": Quantity(
        "learning rate", "The learning rate of the epoch's last step, after warm-up and schedule.", by_factors=True
    ),
    "batch_loss": Quantity(
        "loss of the batches",
        "The mean over the epoch of what was minimised: in training mode, with dropout, augmentation, label\n"
        "smoothing and class weights, while the weights were changing. Compare train_loss with val_loss, not this one.",
        "down",
        by_factors=True,
    ),
    "grad_norm": Quantity(
        "norm of the gradient",
        "The mean over the epoch's steps of the gradient's global norm, before clipping.\n"
        "Formula: sqrt of the sum over all parameters of g^2.\n"
        "Look at: near 0 while train_loss is still bad, the gradient vanishes; where it jumps by orders of magnitude,\n"
        "lower optimizer.lr or set training.gradient_clip.",
    ),
}
TIME = {
    "seconds": Quantity("seconds", "How long the epoch took, with its evaluation."),
    "samples_per_second": Quantity("samples per second", "Training samples of the epoch a second."),
}
LAYER = {
    "activation_mean": Quantity(
        "mean of the activations", "The mean of the numbers that a layer hands on for 256 training samples."
    ),
    "activation_std": Quantity(
        "std of the activations",
        "The standard deviation of the numbers that a layer hands on for 256 training samples.\n"
        "Look at: from the first layer to the last, before the first step, it should stay of one size. Where it "
        "shrinks\ntowards 0 or grows, change the initializer, the activation or set batch_norm.",
        by_factors=True,
    ),
    "zero_units": Quantity(
        "share of the units that are zero",
        "The share of a layer's units (a convolution: channels) that are 0 on all of 256 training samples.\n"
        "Look at: such a unit of a relu passes no gradient on; where many of them stay zero, lower optimizer.lr or "
        "choose\nleaky_relu.",
    ),
    "gradient_norm": Quantity(
        "norm of the gradient",
        "The norm of the gradient of the mean loss of 256 training samples by a layer's parameters.\n"
        "Formula: sqrt of the sum over the layer's parameters of g^2.\n"
        "Look at: where it is far smaller in the first layers than in the last, the gradient vanishes on its way back.",
        by_factors=True,
    ),
}
"""Of each layer with weights, in the order in which layer_stats.jsonl has them."""
WHOLE_RUN = {
    "parameters": Quantity(
        "parameters", "How many numbers the network learns. The fewer the better, at the same result.", "down"
    ),
    "seconds_per_epoch": Quantity(
        "seconds per epoch", "The mean over a run's epochs of how long one took, evaluation included.", "down"
    ),
}
"""What a run has one value of."""
