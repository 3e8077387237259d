"""What every peer is given: one config's data as tuner reads, splits and normalises it, and the turn it waits for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from tuner.config.load import load
from tuner.data.source import Array
from tuner.data.splits import Part, Splits
from tuner.data.splits import load as read
from tuner.shipped import find_config

FIXED = ("model.dropout=0", "scheduler=none", "early_stopping=none", "training.epochs=100000")
CHUNK = 2000
"""Samples that a peer evaluates at once."""
SIDE = 2048
"""Rows and columns of the matrices whose product measures the machine's limit."""
PRODUCTS = 5
"""How often they are multiplied in one turn; the quickest counts."""

Turn = Callable[[float], None]
"""Hands over what the last epoch came to (validation accuracy; of a limit, GF/s) and returns when the next is due."""


class Work:
    """A config without dropout, schedule and early stopping. Nothing here imports torch."""

    def __init__(self, name: str, settings: list[str]) -> None:
        self.loaded = load(find_config(name), [*FIXED, *settings])
        config = self.loaded.config
        assert isinstance(config.training.batch_size, int)
        self.batch_size = config.training.batch_size
        self.lr, self.clip, self.seed = config.optimizer.lr, config.training.gradient_clip, config.seed
        self.model = vars(config.model)

    @cached_property
    def splits(self) -> Splits:
        return read(self.loaded.dataset)

    @property
    def train(self) -> tuple[Array, Array]:
        return self.normalized(self.splits.train)

    @property
    def validation(self) -> tuple[Array, Array]:
        return self.normalized(self.splits.validation)

    def normalized(self, part: Part) -> tuple[Array, Array]:
        numbers = self.splits.statistics
        return (part.x.astype(np.float32) - numbers.mean) / numbers.scale, part.y

    @property
    def flops(self) -> int:
        """Operations of an epoch: a training pass and a validation pass."""
        sizes, plan = self.loaded.sizes, self.loaded.plan
        return plan.train_flops * sizes.train + plan.flops * sizes.validation


def rate(seconds: float) -> float:
    """GF/s of a product of the two matrices."""
    return 2 * SIDE**3 / seconds / 1e9
