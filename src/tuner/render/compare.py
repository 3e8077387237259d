"""A comparison of groups as text or Markdown: every seed's value, the statistics, what they say in plain words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence

from tuner.compare import (
    BETTER,
    CHANCE,
    DIVERGED,
    EQUIVALENT,
    EXACT_PAIRS,
    FEW_PAIRS,
    FLIPS,
    LEVEL,
    UNDECIDED,
    VERDICTS,
    WORSE,
    Comparison,
    Difference,
    Side,
)
from tuner.compare.checks import WORDS
from tuner.figures import number, plural
from tuner.render.tables import table
from tuner.render.text import paint, shorten

COLORS = {BETTER: "green", WORSE: "red", EQUIVALENT: "cyan", UNDECIDED: "yellow"}
NARROWEST = 12
"""Columns that a group's values take at least, the space before them included."""
MANY = 10_000

Written = Callable[[float | None], str]
Table = tuple[list[str], list[list[str]], str]


def comparison_text(comparison: Comparison, *, width: int | None = None, color: bool = False) -> str:
    """For a terminal of `width` columns, or without one: nothing is cut then. The verdict stands in the last line."""
    signed = _signed(comparison)
    parts = [paint(_headline(comparison), "bold", color)]
    parts += [table(*_values(comparison, sides, signed, width)) for sides in _blocks(comparison, width)]
    parts.append(_painted(table(*_statistics(comparison, signed, width)), comparison, color))
    parts[-1] += "\n" + paint(_wrapped(_legend(comparison), width), "dim", color)
    words = [_wrapped(remark, width) for remark in _remarks(comparison, signed)]
    if comparison.train:
        words += ["more pairs:", *(f"  {command}" for command in comparison.train)]
    if words:
        parts.append("\n".join(words))
    verdicts = [
        paint(_wrapped(verdict_line(comparison, each), width), COLORS[each.verdict], color)
        for each in comparison.differences
    ]
    if len(verdicts) > 1:
        verdicts.append(paint(_wrapped(conclusion(comparison), width), "bold", color))
    parts.append("\n".join(verdicts))
    return "\n\n".join(parts)


def comparison_markdown(comparison: Comparison) -> str:
    """The same as Markdown, with the notes."""
    signed = _signed(comparison)
    parts = [f"**{_headline(comparison)}**"]
    parts.append(table(*_values(comparison, comparison.sides, signed), markdown=True))
    parts.append(table(*_statistics(comparison, signed), markdown=True))
    parts.append(_legend(comparison))
    if listed := [*(f"Note: {note}" for note in comparison.notes), *_remarks(comparison, signed)]:
        parts.append("\n".join(f"- {each}" for each in listed))
    if comparison.train:
        parts.append("\n".join(["More pairs:", "```", *comparison.train, "```"]))
    if len(comparison.differences) > 1:
        parts.append("\n".join(f"- {verdict_line(comparison, each)}" for each in comparison.differences))
    parts.append(f"**{conclusion(comparison)}**")
    return "\n\n".join(parts)


def verdict_line(comparison: Comparison, difference: Difference) -> str:
    """What is known of one group against the baseline, in one sentence."""
    name, base, pairs = difference.side.name, difference.base.name, plural(difference.pairs, "pair")
    if difference.verdict == EQUIVALENT:
        return f"{name} is equivalent to {base}: the 95 % interval lies within ±{comparison.least_effect:g} ({pairs})"
    if difference.reason == FEW_PAIRS:
        return f"{name} against {base} is undecided: {pairs}, and {_needs(difference.missing)}"
    found = f"p {_p(difference.p)}, {pairs}"
    if difference.verdict in (BETTER, WORSE):
        return f"{name} is {difference.verdict} than {base}: {_by(comparison, difference)} ({found})"
    if difference.reason == DIVERGED:
        winner, loser = _ordered(comparison, difference)
        more = f"{winner.name} diverged with {plural(winner.diverged, 'seed')}, {loser.name} with {loser.diverged}"
        return f"{name} against {base} is undecided: {_by(comparison, difference)} ({found}), but {more}"
    if not any(difference.values.values()):
        return f"{name} against {base} is undecided: not one of {pairs} differs"
    mean = f"{_signed(comparison)(difference.mean)} in {comparison.metric}"
    return f"{name} against {base} is undecided: {mean} may be chance ({found})"


def conclusion(comparison: Comparison) -> str:
    """The verdict in one line; several as ``against a: b better; c, d undecided``."""
    if len(comparison.differences) == 1:
        return verdict_line(comparison, comparison.differences[0])
    found = {
        verdict: [each.side.name for each in comparison.differences if each.verdict == verdict] for verdict in VERDICTS
    }
    said = "; ".join(f"{', '.join(names)} {verdict}" for verdict, names in found.items() if names)
    return f"against {comparison.baseline.name}: {said}"


# ---- tables ----------------------------------------------------------------------------------------------------------


def _headline(comparison: Comparison) -> str:
    return f"{comparison.metric}, {WORDS[comparison.direction]}, in pairs of the same seed"


def _blocks(comparison: Comparison, width: int | None) -> list[Sequence[Side]]:
    """The groups in as many parts as `width` asks for; one table shows each part."""
    sides = comparison.sides
    count = len(sides) if width is None else max(2, (width - 8) // NARROWEST)
    return [sides[start : start + count] for start in range(0, len(sides), count)]


def _values(comparison: Comparison, sides: Sequence[Side], signed: Written, width: int | None = None) -> Table:
    """Every seed's value, or why it has none; for two groups with the differences. Only names are cut to fit."""
    only = comparison.differences[0] if len(comparison.differences) == 1 else None
    shown = _plain(comparison)
    rows = [
        [str(seed), *(side.left_out.get(seed) or shown(side.values[seed]) for side in sides)]
        for seed in comparison.seeds
    ]
    rows.append(["mean", *(shown(side.mean) for side in sides)])
    rows.append(["sd", *(shown(side.deviation) for side in sides)])
    room = None if width is None else max(NARROWEST, (width - 4) // (len(sides) + (only is not None))) - 2
    headers = ["seed", *(side.name if room is None else shorten(side.name, room) for side in sides)]
    if only is not None:
        last = [signed(only.values.get(seed)) for seed in comparison.seeds]
        last += [signed(only.mean), signed(only.deviation).lstrip("+")]
        headers, rows = [*headers, "difference"], [[*row, cell] for row, cell in zip(rows, last, strict=True)]
    return headers, rows, "l" + "r" * (len(headers) - 1)


def _statistics(comparison: Comparison, signed: Written, width: int | None = None) -> Table:
    """A line for each comparison. Only names are cut to fit."""
    headers = [f"against {comparison.baseline.name}", "pairs", "difference", "95 % interval", "p", "verdict"]
    rows = [
        [
            each.side.name,
            str(each.pairs),
            signed(each.mean),
            "-" if each.low is None else f"[{signed(each.low)}, {signed(each.high)}]",
            _p(each.p),
            each.verdict,
        ]
        for each in comparison.differences
    ]
    if width is not None:
        taken = [max(len(line[column]) for line in (headers, *rows)) for column in range(1, len(headers))]
        room = max(NARROWEST - 4, width - sum(taken) - 2 * len(taken))
        for line in (headers, *rows):
            line[0] = shorten(line[0], room)
    return headers, rows, "lrrrrl"


def _painted(text: str, comparison: Comparison, color: bool) -> str:
    """The table of statistics with its last column in colour."""
    head, *lines = text.split("\n")
    painted = [
        line.removesuffix(each.verdict) + paint(each.verdict, COLORS[each.verdict], color)
        if line.endswith(each.verdict)
        else line
        for line, each in zip(lines, comparison.differences, strict=True)
    ]
    return "\n".join([head, *painted])


def _legend(comparison: Comparison) -> str:
    count = len(comparison.differences)
    most = max(each.pairs for each in comparison.differences)
    test = "exact two-sided sign-flip test"
    if most > EXACT_PAIRS:
        test = f"two-sided sign-flip test ({FLIPS:,} flips above {EXACT_PAIRS} pairs)"
    corrected = f", Holm-corrected for {count} comparisons" if count > 1 else ""
    return f"difference: the mean over the pairs; interval: paired t; p: {test}{corrected}"


# ---- words -----------------------------------------------------------------------------------------------------------


def _remarks(comparison: Comparison, signed: Written) -> list[str]:
    """What helps to read the statistics."""
    count, found = len(comparison.differences), []
    if few := [each for each in comparison.differences if each.reason == FEW_PAIRS]:
        why = f" for {count} comparisons" if count > 1 else f": with fewer no p can be as low as {LEVEL}"
        found.append(f"a verdict takes {few[0].least} pairs{why}")
    names: dict[str, list[str]] = {}
    for each in comparison.differences:
        for remark in _remarks_on(comparison, each, signed):
            names.setdefault(remark, []).append(each.side.name)
    return found + [f"{', '.join(about)}: {remark}" if count > 1 else remark for remark, about in names.items()]


def _remarks_on(comparison: Comparison, difference: Difference, signed: Written) -> list[str]:
    """What helps to read one line of the statistics, most of all where the interval and p seem to disagree."""
    effect, found = comparison.least_effect, []
    if difference.verdict != EQUIVALENT and difference.excludes_zero != difference.is_found:
        where = "leaves zero out" if difference.excludes_zero else "holds zero"
        own = " and for this comparison alone" if len(comparison.differences) > 1 else ""
        found.append(f"the interval {where}, but it is for normal differences{own}; verdicts follow p")
    if difference.verdict in (BETTER, WORSE) and difference.within(effect):
        found.append(f"the difference is below the least effect of {effect:g}")
    if difference.verdict == UNDECIDED and difference.reason != DIVERGED:
        if effect is not None and difference.low is not None and not difference.within(effect):
            found.append(f"the interval reaches beyond ±{effect:g}")
        found += _more(difference, signed)
    return found


def _more(difference: Difference, signed: Written) -> list[str]:
    """How many more seeds an effect of the observed size would need."""
    needed = difference.needed
    if needed is None:
        same = difference.reason == CHANCE and not any(difference.values.values())
        return ["with --least-effect D, groups can also be found equivalent"] * same
    if needed <= max(difference.pairs, difference.least):
        return []
    count = f"more than {MANY:,} pairs"
    if needed <= MANY:
        count = f"about {needed:,} pairs: {plural(needed - difference.pairs, 'more seed')}"
    return [f"to find an effect of {signed(difference.mean)} four times in five takes {count}"]


def _by(comparison: Comparison, difference: Difference) -> str:
    """``val_accuracy is 0.0113 higher``."""
    mean = difference.mean or 0.0
    return f"{comparison.metric} is {_signed(comparison)(abs(mean)).lstrip('+')} {'higher' if mean > 0 else 'lower'}"


def _needs(pairs: int) -> str:
    return "1 more is needed" if pairs == 1 else f"{pairs} more are needed"


def _ordered(comparison: Comparison, difference: Difference) -> tuple[Side, Side]:
    """The one that looks better, the other."""
    is_better = ((difference.mean or 0) > 0) == (comparison.direction == "up")
    return (difference.side, difference.base) if is_better else (difference.base, difference.side)


def _p(p: float | None) -> str:
    """Four decimals, more where those would be zeros."""
    return number(p) if p is None or p < 0.0001 else f"{p:.4f}"


def _is_whole(comparison: Comparison) -> bool:
    """Whether the metric counts something."""
    return all(isinstance(value, int) for side in comparison.sides for value in side.values.values())


def _plain(comparison: Comparison) -> Written:
    """How values are written: all with as many decimals as the group of the smallest deserves."""
    scale = min((abs(side.mean) for side in comparison.sides if side.mean), default=0.0)
    return _written(comparison, scale, "")


def _signed(comparison: Comparison) -> Written:
    """How differences are written: with their sign, all with as many decimals as the smallest comparison deserves."""
    scales = [max((abs(value) for value in each.values.values()), default=0.0) for each in comparison.differences]
    return _written(comparison, min((scale for scale in scales if scale), default=0.0), "+")


def _written(comparison: Comparison, scale: float, sign: str) -> Written:
    """Fixed decimals for numbers as large as `scale`; whole numbers, and what would be too long, as `number` does."""
    power = math.floor(math.log10(scale)) if scale else 0
    free = _is_whole(comparison) or not -6 <= power < 6
    decimals = max(0, min(4, 3 - power)) if power >= -2 else 2 - power

    def written(value: float | None) -> str:
        if value is None:
            return "-"
        if value == 0 and sign:
            return "0"
        return f"{sign * (value > 0)}{number(value)}" if free else f"{value:{sign},.{decimals}f}"

    return written


def _wrapped(text: str, width: int | None) -> str:
    if width is None:
        return text
    return textwrap.fill(text, max(20, width), subsequent_indent="  ", break_on_hyphens=False)
