"""Pruners: which trials of a sweep are given up early."""

from __future__ import annotations

from tuner.bounds import Integer
from tuner.choice import Choice, setting


class Pruner(Choice, kind="pruner"):
    """Which trials of a generation are given up before their last epoch."""


class NoPruner(Pruner, name="none"):
    """Every trial is trained to its end."""


class Halving(Pruner, name="halving"):
    """All trials of a generation are trained for `first` epochs, the best of them for `factor` times as many, and so
    on: each time one of `factor` goes on, at least one, and the others are pruned. Schedules are laid out over all of
    training.epochs throughout.

    Source: Jamieson, Talwalkar (2016), "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
    AISTATS: successive halving.
    """

    first: int = setting(Integer(ge=1), "epochs after which the first trials are given up", default=5)
    factor: int = setting(Integer(ge=2), "one of so many trials goes on, for so many times the epochs", default=3)
