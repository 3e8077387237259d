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
    "saturated_units": Quantity(
        "share of the units that are saturated",
        "The share of a layer's units that lie within 1 % of an end of the range of their activation (sigmoid,\n"
        "hard_sigmoid, tanh, softsign) on at least 90 % of 256 training samples.\n"
        "Look at: such a unit passes next to no gradient on. Where many are, normalise the inputs, take a smaller\n"
        "initializer or optimizer.lr, or relu.",
    ),
    "unit_std": Quantity(
        "spread between units",
        "How much the units of a layer differ on one and the same sample.\n"
        "Formula: sqrt of the mean over 256 training samples of the variance over the layer's units.\n"
        "Look at: 0 before the first step, all units do the same, and learn the same: the initializer has to draw.",
        by_factors=True,
    ),
    "sample_std": Quantity(
        "spread between samples",
        "How much the units of a layer differ between samples.\n"
        "Formula: sqrt of the mean over the layer's units of the variance over 256 training samples.\n"
        "Look at: where it shrinks towards 0 from layer to layer, the network no longer sees what comes in.",
        by_factors=True,
    ),
    "weight_norm": Quantity(
        "norm of the weights",
        "The norm of all the numbers that a layer learns.\nFormula: sqrt of the sum of w^2.",
        by_factors=True,
    ),
    "weight_change": Quantity(
        "change of the weights",
        "How far a layer's weights are from where they began.\n"
        "Formula: |w - w_0| / |w_0|, norms over all the numbers that the layer learns.\n"
        "Look at: where it is far smaller in the first layers than in the last, the first ones do not learn.",
        by_factors=True,
    ),
    "update_ratio": Quantity(
        "size of a step",
        "How far the last step of the epoch took a layer's weights, as a share of their norm.\n"
        "Formula: |w - w_before| / |w|.\n"
        "Look at: about 1e-3 is usual; far above 1e-1 the learning rate is likely too high, far below 1e-5 too low.",
        by_factors=True,
    ),
    "probe_loss": Quantity(
        "loss of the probe",
        "The mean of what is minimised over 256 training samples, dropout off; told with the last layer, output.\n"
        "Look at: before the first step, cross_entropy of C classes should be about ln C.",
        by_factors=True,
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
