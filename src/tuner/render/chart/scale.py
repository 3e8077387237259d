"""One axis: from values to shares of its length, and the round numbers to write beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tuner.figures import number

ROUND = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """From `low` to `high`, in powers of ten where `log`."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def around(cls, values: Sequence[float], log: bool = False) -> Scale:
        """The scale that holds all `values`, one or more, if `log` from 1e-100 on; with room around a single value."""
        low, high = min(values), max(values)
        if log:
            return cls(low, high, log) if high / low > 1.001 else cls(low / 2, high * 2, log)
        if high / 2 - low / 2 > max(abs(low), abs(high), 1e-290) * 1e-9:
            return cls(low, high)
        room = max(abs(high) * 0.1, 1e-3)
        return cls(low - room, high + room)

    def share(self, value: float) -> float:
        """Where `value` stands: 0 at `low`, 1 at `high`."""
        low, high, at = (math.log10(end) if self.log else end / 2 for end in (self.low, self.high, value))
        return (at - low) / (high - low)

    def ticks(self, wanted: int) -> list[float]:
        """About `wanted` round numbers inside the scale: 1, 2 or 5 times a power of ten."""
        if self.log and self.high / self.low >= 10:
            return self._decades(wanted)
        rough = (self.high / 2 - self.low / 2) / max(1, wanted) * 2
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in ROUND if power * factor >= rough * 0.75)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]

    def labels(self, ticks: Sequence[float]) -> list[str]:
        """The ticks as text, with as many decimals as the distance between them needs."""
        if len(ticks) < 2 or self.log:
            return [number(tick) for tick in ticks]
        step = min(after - before for before, after in pairwise(ticks))
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        if decimals > 6 or max(map(abs, ticks)) >= 1e6:
            return [number(tick) for tick in ticks]
        return [f"{tick:,.{decimals}f}".replace("-0", "0") if tick == 0 else f"{tick:,.{decimals}f}" for tick in ticks]

    def _decades(self, wanted: int) -> list[float]:
        """The richest set of round numbers that is not much more than wanted."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        sparse = (((1,), every) for every in range(1, last - first + 1))
        found: list[float] = []
        for factors, every in (((1, 2, 5), 1), ((1, 3), 1), *sparse):
            powers = [power for power in range(first, last + 1) if power % every == 0]
            numbers = [float(f"{factor}e{power}") for power in powers for factor in factors]
            found = [tick for tick in numbers if self.low * (1 - 1e-9) <= tick <= self.high * (1 + 1e-9)]
            if len(found) <= wanted + 1:
                break
        return found
