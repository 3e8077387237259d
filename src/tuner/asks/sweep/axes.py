"""What a sweep searches, as axes: each parameter with what its trials had of it, and which of the best lie at an end of
what was allowed."""

from __future__ import annotations

import math
import shlex
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import pairwise
from typing import Any

from tuner.config.space import DIGITS, Dimension, Range, Space, Value, space_of
from tuner.document.nodes import core_value
from tuner.document.writing import flow
from tuner.figures import number
from tuner.runs.sweep import FAILED, SweepHead, Trial
from tuner.runs.trials import OVER, Sweep

LOG_FROM = 30.0
"""Positive values of a list that reach so many times as far as its least one are looked at by their logarithms."""
NEAR = 0.05
"""A value so far from an end, as a share of its range, is at the end."""

STEP = 10.0
"""The largest factor by which is gone beyond an end."""
WHOLE = 1e9
"""From here on nobody counts in whole numbers."""
FARTHEST = 100.0
"""The largest factor between two points of a grid that is taken once more."""
STEPS = (1.0, 0.5, 0.25, 0.125, 0.0625)
"""How far beyond an end is tried, the first of these that the language takes: parts of a factor of ten, or of half of
the range."""


@dataclass(frozen=True)
class Axis:
    """A parameter of a sweep: numbers, even in their logarithms with `log`, or `labels` in their order."""

    name: str
    labels: tuple[str, ...] = ()
    log: bool = False

    def of(self, trial: Trial) -> float | str | None:
        """What a trial has of it; None of one that does not have it."""
        value = trial.had.get(self.name)
        if value is None or (isinstance(value, str) and self.labels):
            return value
        return number_of(value)

    def text(self, trial: Trial) -> str | None:
        """The same in a column."""
        value = trial.had.get(self.name)
        return number(value) if isinstance(value, float) else None if value is None else str(value)


def number_of(value: Any) -> float | None:
    """A number of a range, or one of a list, which sweep.json knows by how it is written; None of all else."""
    found = core_value(value) if isinstance(value, str) else value
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if math.isfinite(found) else None


def plain_space(head: SweepHead, space: Mapping[str, Any] | None = None) -> Space:
    """The space of a sweep, to look at: which of its ranges are of whole numbers alone is left open."""
    return space_of(head.space if space is None else space, lambda _: False)


def axes_of(head: SweepHead) -> list[Axis]:
    """The parameters that trials differ in, in the order of the space; those of before it was extended, too."""
    spaces = [plain_space(head), *(plain_space(head, space) for _, space in reversed(head.spaces))]
    known: dict[str, list[Range | tuple[str, ...]]] = {}
    for space in spaces:
        for name, values in space.parameters.items():
            known.setdefault(name, []).append(values)
    had = {name: [trial.had.get(name) for trial in head.trials.values()] for name in known}
    return [_axis(name, found, had[name]) for name, found in known.items() if _differs(found, had[name])]


def _differs(known: Sequence[Range | tuple[str, ...]], values: Sequence[Any]) -> bool:
    """Whether trials can differ in a parameter, or do."""
    labels = {label for each in known if not isinstance(each, Range) for label in each}
    return any(isinstance(each, Range) for each in known) or len(labels.union(values)) > 1


def _axis(name: str, known: Sequence[Range | tuple[str, ...]], values: Sequence[Any]) -> Axis:
    labels = dict.fromkeys(label for each in known if not isinstance(each, Range) for label in each)
    there = [*labels, *(value for value in values if value is not None)]
    numbers = [number_of(value) for value in there]
    if None in numbers:
        return Axis(name, tuple(dict.fromkeys(map(str, there))))
    found = [each for each in numbers if each is not None]
    goes_far = bool(labels) and min(found) > 0 and max(found) >= LOG_FROM * min(found)
    return Axis(name, (), goes_far or any(isinstance(each, Range) and each.log for each in known))


# ---- at the end of what was allowed ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edge:
    """A parameter of which the best trial has nearly the least (`is_low`) or the largest value that was allowed, the
    `limit`, and the option that allows more."""

    name: str
    value: float
    limit: float
    is_low: bool
    option: str

    @property
    def place(self) -> str:
        """Where it lies: ``largest allowed``, ``near the smallest allowed, 1e-4``."""
        end = f"{'smallest' if self.is_low else 'largest'} allowed"
        return end if self.value == self.limit else f"near the {end}, {number(self.limit)}"

    @property
    def words(self) -> str:
        """In a sentence."""
        where = self.place if self.value != self.limit else f"the {self.place}"
        return f"the best {self.name}, {number(self.value)}, is {where}: widen it"

    def as_data(self) -> dict[str, Any]:
        return {"name": self.name, "value": self.value, "end": "low" if self.is_low else "high", "option": self.option}


def edges_of(sweep: Sweep, names: Sequence[str], best: Trial) -> list[Edge]:
    """The ends that the `best` trial has come to, of the parameters `names`, where the language allows more."""
    return [edge for each in plain_space(sweep.head).dimensions for edge in _edges(sweep, each, names, best.values)]


def _edges(sweep: Sweep, dimension: Dimension, names: Sequence[str], best: Mapping[str, Any]) -> Iterator[Edge]:
    values = dimension.values
    if isinstance(values, Range):
        if dimension.key in names and (wider := _wider(dimension.key, values, best.get(dimension.key))):
            yield _edge(dimension.key, best, values, wider, _written(dimension.key, wider))
        return
    listed = [number_of(flow(value.plain)) for value in values]
    found = number_of(best.get(dimension.key))
    if dimension.key in names and found is not None and len(values) > 1 and None not in listed:
        bad = _never_finished(sweep, dimension.key)
        more = _beyond(dimension.key, sorted(each for each in listed if each is not None), found, bad)
        if more is not None:
            option = _listed(dimension.key, [*(value.plain for value in values), more])
            yield Edge(dimension.key, found, found, more < found, option)
    for at, value in enumerate(values):
        for keys, name, inner in value.inner:
            if name in names and (wider := _wider(".".join((dimension.key, *keys)), inner, best.get(name))):
                plain = _with(value, name, wider)
                option = _listed(dimension.key, [*(each.plain for each in values[:at]), plain,
                                                 *(each.plain for each in values[at + 1 :])])  # fmt: skip
                yield _edge(name, best, inner, wider, option)


def _edge(name: str, best: Mapping[str, Any], values: Range, wider: Range, option: str) -> Edge:
    is_low = wider.low < values.low
    return Edge(name, float(best[name]), float(values.low if is_low else values.high), is_low, option)


def _wider(key: str, values: Range, found: Any) -> Range | None:
    """The range with more room at the end that `found` is at; None where it is at none, or the language has no more."""
    if type(found) not in (int, float) or not values.low <= found <= values.high:
        return None
    share = values.share(found)
    if NEAR < share < 1 - NEAR:
        return None
    is_low = share <= NEAR
    gaps = (values.points or 0) - 1  # of a grid: one more of them, so that its points stay
    if values.log and gaps > 0 and values.high / values.low > FARTHEST**gaps:
        return None  # its next point lies where nobody looks
    factor = (values.high / values.low) ** (1 / gaps) if values.log and gaps > 0 else STEP
    step = (values.high - values.low) / (gaps if gaps > 0 else 2)
    end, sign = (values.low, -1) if is_low else (values.high, 1)
    for part in STEPS[:1] if gaps > 0 else STEPS:
        more = end * factor ** (sign * part) if values.log else end + sign * part * step
        more = round(more) if type(values.low) is int and type(values.high) is int else float(f"{more:.{DIGITS}g}")
        if more != end and _allows(key, more):
            wider = replace(values, low=more) if is_low else replace(values, high=more)
            return replace(wider, points=gaps + 2) if gaps > 0 else wider
    return None


def _never_finished(sweep: Sweep, key: str) -> set[float | None]:
    """The values of a setting with which every trial that ended diverged or failed: no step is taken from there."""
    ended = [each for each in sweep.outcomes.values() if each.state in OVER]
    good = {number_of(each.trial.values.get(key)) for each in ended if each.state not in ("diverged", FAILED)}
    return {number_of(each.trial.values.get(key)) for each in ended} - good


def _beyond(key: str, values: Sequence[float], found: float, bad: Container[float | None]) -> float | None:
    """The value that a list would have next, beyond the one that was best, where that is its first or last; a step
    like the one between it and the nearest that is not `bad`, and of a factor of ten at most."""
    if found not in (values[0], values[-1]):
        return None
    is_low = found == values[0]
    good = [value for value in values if value not in bad or value == found]
    by_factor = values[0] > 0 and (len(good) < 2 or max(after / before for before, after in pairwise(good)) >= 2)
    if len(good) < 2 and not by_factor:
        return None
    near = (good[1] if is_low else good[-2]) if len(good) > 1 else found * (STEP if is_low else 1 / STEP)
    factor = min(max(found / near, 1 / STEP), STEP) if by_factor else 1.0
    for part in STEPS:
        more = found * factor**part if by_factor else found + part * (found - near)
        is_whole = all(value == round(value) and abs(value) < WHOLE for value in values)
        more = round(more) if is_whole else float(f"{more:.{DIGITS}g}")
        if more != found and _allows(key, more):
            return more
    return None


def _allows(key: str, value: float) -> bool:
    """Whether the config language takes the number for the setting, under some choice."""
    choice, bounds = import_module("tuner.choice"), import_module("tuner.bounds")
    config = import_module("tuner.config.settings").Config  # slow, and needed for the ends of ranges alone
    for setting in choice.settings_below(config):
        if setting.path == key:
            try:
                setting.field.bound.check(value)
            except bounds.RefusedError:
                continue
            return True
    return False


def _with(value: Value, name: str, wider: Range) -> Any:
    """The value as the language writes it, with another range for the parameter `name`."""
    return value.filled({called: (wider if called == name else known).plain() for _, called, known in value.inner})


def _written(key: str, values: Range) -> str:
    more = " log" * values.log + (f" points={values.points}" if values.points else "")
    return f"--space {shlex.quote(f'{key}={_short(values.low)}..{_short(values.high)}{more}')}"


def _short(value: float) -> str:
    return number(value).replace(",", "") if float(number(value).replace(",", "")) == value else repr(value)


def _listed(key: str, values: Sequence[Any]) -> str:
    return f"--space {shlex.quote(f'{key}={flow(list(values))[1:-1]}')}"
