"""Verdicts, and how a comparison's are told."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from tuner.figures import number, plural

if TYPE_CHECKING:
    from tuner.asks.compare.comparison import Comparison, Difference

BETTER, WORSE, EQUIVALENT, UNDECIDED = VERDICTS = ("better", "worse", "equivalent", "undecided")
FEW_PAIRS, DIVERGED, CHANCE = "too few pairs", "more diverged seeds", "may be chance"
"""Why a comparison is undecided."""
COLORS = {BETTER: "green", WORSE: "red", EQUIVALENT: "cyan", UNDECIDED: "yellow"}


def verdict_line(comparison: Comparison, difference: Difference, where: str = "") -> str:
    """What is known of one group against the baseline, in one sentence, and `where` it holds."""
    name, base, pairs = difference.side.name, difference.base.name, plural(difference.pairs, comparison.unit)
    undecided, sign, mean = f"{name} against {base} is undecided", written(comparison, "+"), difference.mean or 0.0
    if difference.verdict == EQUIVALENT:
        within = f"the 95 % interval lies within ±{comparison.least_effect:g}"
        return f"{name} is equivalent to {base}{where}: {within} ({pairs})"
    if difference.reason == FEW_PAIRS:
        needed = "is needed" if difference.missing == 1 else "are needed"
        return f"{undecided}: {pairs}, and {difference.missing} more {needed}"
    found = f"p {p_text(difference.p or 0.0)}, {pairs}"
    by = f"{comparison.metric} is {sign(abs(mean)).lstrip('+')} {'higher' if mean > 0 else 'lower'} ({found})"
    if difference.verdict in (BETTER, WORSE):
        return f"{name} is {difference.verdict} than {base}{where}: {by}"
    if difference.reason == DIVERGED:
        winner, loser = difference.ordered(comparison.direction)
        runs = winner.group.counted(winner.diverged)
        more = f"{winner.name} diverged with {runs}, {loser.name} with {loser.diverged}"
        return f"{undecided}: {by}, but {more}"
    if not any(difference.values.values()):
        return f"{undecided}: not one of {pairs} differs"
    return f"{undecided}: {sign(mean)} in {comparison.metric} may be chance ({found})"


def p_text(p: float) -> str:
    """Four decimals, more where those would be zeros."""
    return number(p) if p < 0.0001 else f"{p:.4f}"


def written(comparison: Comparison, sign: str = "") -> Callable[[float], str]:
    """How values are written, or, with a ``+`` as `sign`, differences: all with as many decimals as the smallest mean,
    or comparison, deserves; whole numbers, and what would be too long, as `number` does."""
    sizes = [abs(side.mean or 0.0) for side in comparison.sides]
    if sign:
        sizes = [max(map(abs, each.values.values()), default=0.0) for each in comparison.differences]
    scale = min(filter(None, sizes), default=0.0)
    is_whole = all(isinstance(value, int) for side in comparison.sides for value in side.values.values())
    power = math.floor(math.log10(scale)) if scale else 0
    decimals = max(0, min(4, 3 - power)) if power >= -2 else 2 - power

    def write(value: float) -> str:
        if value == 0 and sign:
            return "0"
        if is_whole or not -6 <= power < 6:
            return f"{sign * (value > 0)}{number(value)}"
        return f"{value:{sign},.{decimals}f}"

    return write
