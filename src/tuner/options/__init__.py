"""The choices of a run: one file a family, one class a choice. Importing them reads no torch."""

from __future__ import annotations

from tuner.options.activations import Activation
from tuner.options.augmentations import Augmentation
from tuner.options.initializers import Initializer
from tuner.options.layers.base import Layer
from tuner.options.losses import Loss
from tuner.options.models import Model
from tuner.options.optimizers import Optimizer
from tuner.options.schedulers import Scheduler

__all__ = ["Activation", "Augmentation", "Initializer", "Layer", "Loss", "Model", "Optimizer", "Scheduler"]
