"""Whether one thing was better than another: groups of runs that pair by what they vary, each against a baseline.

A verdict needs seeds: "better" and "worse" follow an exact sign-flip test of the paired differences, of splits and
folds the corrected resampled t-test, for the number of comparisons corrected, and nothing else. Here is plain data;
printing is left to others.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from tuner.asks.compare.pairs import (
    MISSING,
    NEVER,
    PARTS,
    WITHOUT_VALUE,
    Side,
    asked_metric,
    better_way,
    check_groups,
    paired_sides,
    training,
    units,
)
from tuner.asks.compare.statistics import (
    holm,
    least_units,
    pairs_needed,
    sign_flip_p,
    t_interval,
    t_p,
)
from tuner.asks.compare.words import BETTER, CHANCE, DIVERGED, EQUIVALENT, FEW_PAIRS, UNDECIDED, WORSE
from tuner.config import varied
from tuner.config.comparison import side_by_side
from tuner.config.varied import Key
from tuner.errors import UsageError
from tuner.figures import LEVEL, deviation, mean, some
from tuner.options.metrics import column as column_of
from tuner.runs.family import Group
from tuner.runs.identity import NAMES, Identity
from tuner.runs.values import Metric

SIGN_FLIP, CORRECTED = "sign-flip test", "corrected resampled t-test"
DUST = 1e-14
"""Differences that cancel leave so much of themselves in binary fractions."""


@dataclass(frozen=True)
class Difference:
    """`side` minus `base`, member by member: the pairs in which both have a value.

    `p` is Holm-corrected for all the comparisons, `p_alone` is not; None without a pair. `low` and `high` bound the
    mean difference with 95 % confidence, on their own. `least` is how many pairs a verdict needs, `needed` how many
    would find an effect of the size seen; `seeds` is the N of ``--seeds N`` or ``--splits N`` that gives the least.
    """

    base: Side
    side: Side
    values: dict[Key, float]
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None
    p_alone: float | None
    least: int
    needed: int | None
    seeds: int
    units: tuple[float, ...] = ()  # one a pair: of folds by seed the mean over a fold's seeds
    p: float | None = None
    verdict: str = UNDECIDED
    reason: str = ""

    @property
    def pairs(self) -> int:
        return len(self.units)

    @property
    def missing(self) -> int:
        """How many pairs there are too few for any verdict."""
        return max(0, self.least - self.pairs)

    @property
    def is_found(self) -> bool:
        """Whether p says that there is a difference."""
        return self.p is not None and self.p <= LEVEL

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return (self.low or 0) > 0 or (self.high or 0) < 0

    def ordered(self, direction: str) -> tuple[Side, Side]:
        """The one that looks better, the other."""
        is_better = ((self.mean or 0) > 0) == (direction == "up")
        return (self.side, self.base) if is_better else (self.base, self.side)

    def within(self, effect: float | None) -> bool:
        """Whether the interval lies within plus and minus `effect`."""
        if effect is None or self.low is None or self.high is None:
            return False
        return -effect <= self.low and self.high <= effect

    def as_data(self) -> dict[str, Any]:
        group = self.base.group
        return {
            "group": self.side.name,
            "pairs": self.pairs,
            **{name: getattr(self, name) for name in ("mean", "low", "high", "p", "verdict")},
            "p_uncorrected": self.p_alone,
            "sd": self.deviation,
            f"{group.column}s": {str(group.label(key)): value for key, value in self.values.items()},
            "reason": self.reason or None,
            "least_pairs": self.least,
            "missing_pairs": self.missing,
            "pairs_needed": self.needed,
        }


@dataclass(frozen=True)
class Comparison:
    """The answer. `sides` begins with the baseline; `differences` holds one for each of the others, in their order.

    `notes` are for people; `train` are shell commands that train the pairs which are missing.
    """

    metric: Metric
    direction: str
    least_effect: float | None
    sides: tuple[Side, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    train: tuple[str, ...]

    @property
    def unit(self) -> str:
        """What is counted: a pair of one seed, a split, a fold."""
        column = self.sides[0].group.column
        return "pair" if column == "seed" else column

    @property
    def holds(self) -> str:
        """What a verdict is limited to where all runs are measured on the same samples; "" of others, and of what no
        samples decide."""
        part, sizes = column_of(self.metric.column).part, self.sides[0].sizes
        if not self.sides[0].signs or not part:
            return ""
        where, whose = ("split", f"{PARTS.get(part)} ") if self.unit == "pair" else ("test set", "")
        return f"on this {where}" + (f", {sizes[0]:,} {whose}samples" if sizes and part in PARTS else "")

    def as_data(self) -> dict[str, Any]:
        """What ``compare --json`` tells."""
        return {
            "metric": str(self.metric),
            "baseline": self.sides[0].name,
            "direction": self.direction,
            "least_effect": self.least_effect,
            "groups": {side.name: side.as_data() for side in self.sides},
            "differences": [each.as_data() for each in self.differences],
            "test": SIGN_FLIP if self.sides[0].signs else CORRECTED,
            "holds": self.holds or None,
            "notes": list(self.notes),
            "train": list(self.train),
        }


def compare(
    groups: Sequence[Group],
    metric: Metric | None = None,
    least_effect: float | None = None,
    direction: str | None = None,
) -> Comparison:
    """Compares 2 to 20 groups, each with the first.

    `metric` is the monitor where it is None. `direction` (``up``, ``down``: which way is better) is needed only where
    the metric has none of its own. Raises UsageError (a metric, direction or loss that does not fit) and NotFoundError
    (no common seed, a damaged run).
    """
    check_groups(groups)
    metric = asked_metric(groups, metric)
    sides = paired_sides(groups, metric)
    direction = better_way(metric, direction)
    differences = tuple(differences_of(sides, direction, least_effect))
    notes, commands = tuple(notes_on(sides, metric)), tuple(training(differences))
    return Comparison(metric, direction, least_effect, sides, differences, notes, commands)


def differences_of(sides: Sequence[Side], direction: str, least_effect: float | None) -> list[Difference]:
    """The verdict on each of `sides[1:]` against `sides[0]`, the baseline."""
    return judged([(sides[0], side) for side in sides[1:]], direction, least_effect)


def judged(pairs: Sequence[tuple[Side, Side]], direction: str, least_effect: float | None) -> list[Difference]:
    """The verdict on each second side against the first, its baseline, corrected for all of them: better and worse
    follow the corrected p alone. Raises UsageError for a least effect that is no number above 0."""
    if least_effect is not None and not (0 < least_effect < math.inf):
        raise UsageError(f"the least effect is a number above 0, not {least_effect}")
    found = []
    measured = [_measured(base, side, len(pairs)) for base, side in pairs]
    corrected = holm([1.0 if each.p_alone is None else each.p_alone for each in measured])
    for each, p in zip(measured, corrected, strict=True):
        known = replace(each, p=p if each.pairs else None)
        winner, loser = known.ordered(direction)
        if known.missing or known.mean is None:
            found.append(replace(known, reason=FEW_PAIRS))
        elif known.is_found and winner.diverged > loser.diverged:
            found.append(replace(known, reason=DIVERGED))
        elif known.is_found:
            found.append(replace(known, verdict=BETTER if winner is known.side else WORSE))
        elif known.within(least_effect):
            found.append(replace(known, verdict=EQUIVALENT))
        else:
            found.append(replace(known, reason=CHANCE))
    return found


def _measured(base: Side, side: Side, comparisons: int) -> Difference:
    values = {key: side.values[key] - base.values[key] for key in base.values if key in side.values}
    numbers, signs = units(values), base.signs
    ratio = 0.0 if signs or base.sizes is None else base.sizes[0] / base.sizes[1]
    middle = mean(numbers) if numbers else None
    if middle is not None and abs(middle) < DUST * max(map(abs, numbers)):
        middle = 0.0
    spread = deviation(numbers) if len(numbers) > 1 else None
    low, high = t_interval(numbers, ratio) or (None, None)
    least, needed = least_units(signs, comparisons), None
    if middle is not None and spread is not None and base.group.column != "fold":
        needed = pairs_needed(middle, spread, comparisons, None if signs else ratio)
    p = None if not numbers else sign_flip_p(numbers) if signs else t_p(numbers, ratio)
    found, seeds = len(numbers), 0
    while found < least and (key := varied.numbered(base.group.varies, seeds)):
        reasons = {base.left_out.get(key, MISSING), side.left_out.get(key, MISSING)}
        found += key not in values and reasons.isdisjoint(WITHOUT_VALUE)
        seeds += 1
    return Difference(base, side, values, middle, spread, low, high, p, least, needed, seeds, tuple(numbers))


# ---- what a reader has to know beside the figures --------------------------------------------------------------------


def notes_on(sides: Sequence[Side], metric: Metric) -> Iterator[str]:
    """What makes a difference between groups hard to put down to one thing."""
    base, others, members = sides[0], sides[1:], f"{varied.noun(sides[0].group.varies)}s"
    if said := varied.shared_test(base.group.varies, base.group.first.config):
        yield said
    if unequal := _conditions(sides):
        yield f"not everything else is equal: {'; '.join(unequal)}"
    for side in others:
        yield from _settings(base, side)
    for side in others:
        if base.diverged != side.diverged:
            here, there = (f"{each.diverged} of {len(each.group.runs)}" for each in (side, base))
            yield f"not equally stable: {side.name} diverged with {here} {members}, {base.name} with {there}"
    for side in others if metric.reached is not None else ():
        if base.why(NEVER) != side.why(NEVER):
            here, there = (f"{len(each.values)} of {each.why(NEVER) + len(each.values)}" for each in (side, base))
            said = f"{side.name} got there with {here} {members}, {base.name} with {there}"
            yield f"not equally far: {said}; only pairs in which both did are compared"


def _conditions(sides: Sequence[Side]) -> list[str]:
    """Devices, versions and data that are not the same everywhere."""
    found = []
    identities = {side.name: [run.identity for run in side.group.runs.values()] for side in sides}
    for part in (field.name for field in fields(Identity) if field.name not in ("config_hash", "data_fingerprint")):
        by_side = {name: {getattr(each, part) for each in known} for name, known in identities.items()}
        values = sorted({value for each in by_side.values() for value in each})
        if len(values) > 1:
            holders = {value: [name for name, each in by_side.items() if value in each] for value in values}
            told = ", ".join(f"{value or 'none'} ({some(names, 3)})" for value, names in holders.items())
            found.append(f"{NAMES[part]} {told}")
    data: dict[Key, set[str]] = {}  # one for all seeds, else one a split or fold
    for group in (side.group for side in sides):
        for key, run in group.runs.items():
            data.setdefault(() if group.varies == varied.SEEDS else key, set()).add(run.identity.data_fingerprint)
    if any(len(each) > 1 for each in data.values()):
        found.append("the data (another fingerprint)")
    return found


def _settings(base: Side, side: Side) -> Iterator[str]:
    """Whether the two differ in one setting; another choice, with the settings that it alone has, is one."""
    configs = [varied.shared(each.group.first.config, base.group.varies) for each in (base, side)]
    keys = [change.key for setting in side_by_side(configs) for change in setting.changes()]
    if not keys:
        yield f"{side.name} has the same settings as {base.name}"
    elif len(keys) > 1:
        command = shlex.join(["tuner", "diff", str(base.group.path), str(side.group.path)])
        yield (
            f"{side.name} differs from {base.name} in {len(keys)} settings ({some(keys, 6)}), so that "
            f"a difference cannot be put down to one of them; `{command}` shows them"
        )
