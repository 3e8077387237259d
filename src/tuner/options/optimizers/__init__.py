"""Optimizers: how the gradient moves the weights."""

from __future__ import annotations

from tuner.options.optimizers.adam import Adam, AdamW, NAdam, RAdam
from tuner.options.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from tuner.options.optimizers.base import Optimizer
from tuner.options.optimizers.sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "NAdam", "Optimizer", "RAdam", "RMSprop"]
