"""A comparison of groups in plain words: the verdicts, what helps to read the statistics, how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Callable

from tuner.asks.compare.comparison import Comparison
from tuner.asks.compare.differences import (
    BETTER,
    CHANCE,
    DIVERGED,
    EQUIVALENT,
    FEW_PAIRS,
    UNDECIDED,
    VERDICTS,
    WORSE,
    Difference,
)
from tuner.asks.compare.statistics import EXACT_PAIRS, FLIPS, LEVEL
from tuner.figures import number, plural

MANY = 10_000

Written = Callable[[float], str]


def verdict_line(comparison: Comparison, difference: Difference) -> str:
    """What is known of one group against the baseline, in one sentence."""
    name, base, pairs = difference.side.name, difference.base.name, plural(difference.pairs, "pair")
    if difference.verdict == EQUIVALENT:
        return f"{name} is equivalent to {base}: the 95 % interval lies within ±{comparison.least_effect:g} ({pairs})"
    if difference.reason == FEW_PAIRS:
        needed = "is needed" if difference.missing == 1 else "are needed"
        return f"{name} against {base} is undecided: {pairs}, and {difference.missing} more {needed}"
    found = f"p {p_text(difference.p or 0.0)}, {pairs}"
    if difference.verdict in (BETTER, WORSE):
        return f"{name} is {difference.verdict} than {base}: {_by(comparison, difference)} ({found})"
    if difference.reason == DIVERGED:
        winner, loser = difference.ordered(comparison.direction)
        more = f"{winner.name} diverged with {plural(winner.diverged, 'seed')}, {loser.name} with {loser.diverged}"
        return f"{name} against {base} is undecided: {_by(comparison, difference)} ({found}), but {more}"
    if not any(difference.values.values()):
        return f"{name} against {base} is undecided: not one of {pairs} differs"
    mean = f"{signed(comparison)(difference.mean or 0.0)} in {comparison.metric}"
    return f"{name} against {base} is undecided: {mean} may be chance ({found})"


def conclusion(comparison: Comparison) -> str:
    """The verdict in one line; several as ``against a: b better; c, d undecided``."""
    if len(comparison.differences) == 1:
        return verdict_line(comparison, comparison.differences[0])
    found: dict[str, list[str]] = {verdict: [] for verdict in VERDICTS}
    for each in comparison.differences:
        found[each.verdict].append(each.side.name)
    said = "; ".join(f"{', '.join(names)} {verdict}" for verdict, names in found.items() if names)
    return f"against {comparison.baseline.name}: {said}"


def legend(comparison: Comparison) -> str:
    count = len(comparison.differences)
    most = max(each.pairs for each in comparison.differences)
    test = "exact two-sided sign-flip test"
    if most > EXACT_PAIRS:
        test = f"two-sided sign-flip test ({FLIPS:,} flips above {EXACT_PAIRS} pairs)"
    corrected = f", Holm-corrected for {count} comparisons" if count > 1 else ""
    return f"difference: the mean over the pairs; interval: paired t; p: {test}{corrected}"


def remarks(comparison: Comparison) -> list[str]:
    """What helps to read the statistics."""
    count, found = len(comparison.differences), []
    if few := [each for each in comparison.differences if each.reason == FEW_PAIRS]:
        why = f" for {count} comparisons" if count > 1 else f": with fewer no p can be as low as {LEVEL}"
        found.append(f"a verdict takes {few[0].least} pairs{why}")
    names: dict[str, list[str]] = {}
    for each in comparison.differences:
        for remark in _remarks_on(comparison, each):
            names.setdefault(remark, []).append(each.side.name)
    return found + [f"{', '.join(about)}: {remark}" if count > 1 else remark for remark, about in names.items()]


def _remarks_on(comparison: Comparison, difference: Difference) -> list[str]:
    """What helps to read one line of the statistics, most of all where the interval and p seem to disagree."""
    effect, needed, found = comparison.least_effect, difference.needed, []
    if difference.verdict != EQUIVALENT and difference.excludes_zero != difference.is_found:
        where = "leaves zero out" if difference.excludes_zero else "holds zero"
        own = " and for this comparison alone" if len(comparison.differences) > 1 else ""
        found.append(f"the interval {where}, but it is for normal differences{own}; verdicts follow p")
    if difference.verdict in (BETTER, WORSE) and difference.within(effect):
        found.append(f"the difference is below the least effect of {effect:g}")
    if difference.verdict != UNDECIDED or difference.reason == DIVERGED:
        return found
    if effect is not None and difference.low is not None and not difference.within(effect):
        found.append(f"the interval reaches beyond ±{effect:g}")
    if needed is None and difference.reason == CHANCE and not any(difference.values.values()):
        found.append("with --least-effect D, groups can also be found equivalent")
    if needed is not None and needed > max(difference.pairs, difference.least):
        count = f"about {needed:,} pairs: {plural(needed - difference.pairs, 'more seed')}"
        count = count if needed <= MANY else f"more than {MANY:,} pairs"
        effect_seen = signed(comparison)(difference.mean or 0.0)
        found.append(f"to find an effect of {effect_seen} four times in five takes {count}")
    return found


def _by(comparison: Comparison, difference: Difference) -> str:
    """``val_accuracy is 0.0113 higher``."""
    mean = difference.mean or 0.0
    return f"{comparison.metric} is {signed(comparison)(abs(mean)).lstrip('+')} {'higher' if mean > 0 else 'lower'}"


def p_text(p: float) -> str:
    """Four decimals, more where those would be zeros."""
    return number(p) if p < 0.0001 else f"{p:.4f}"


def plain(comparison: Comparison) -> Written:
    """How values are written: all with as many decimals as the group of the smallest deserves."""
    scale = min((abs(side.mean) for side in comparison.sides if side.mean), default=0.0)
    return _written(comparison, scale, "")


def signed(comparison: Comparison) -> Written:
    """How differences are written: with their sign, all with as many decimals as the smallest comparison deserves."""
    scales = [max((abs(value) for value in each.values.values()), default=0.0) for each in comparison.differences]
    return _written(comparison, min((scale for scale in scales if scale), default=0.0), "+")


def _written(comparison: Comparison, scale: float, sign: str) -> Written:
    """Fixed decimals for numbers as large as `scale`; whole numbers, and what would be too long, as `number` does."""
    is_whole = all(isinstance(value, int) for side in comparison.sides for value in side.values.values())
    power = math.floor(math.log10(scale)) if scale else 0
    decimals = max(0, min(4, 3 - power)) if power >= -2 else 2 - power

    def written(value: float) -> str:
        if value == 0 and sign:
            return "0"
        if is_whole or not -6 <= power < 6:
            return f"{sign * (value > 0)}{number(value)}"
        return f"{value:{sign},.{decimals}f}"

    return written
