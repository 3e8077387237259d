"""What a sweep searches: for each setting the values that it may have, or the range that they come from.

A point of the space is a value for each of its parameters, by name: a number of a range, the label of one of several
values. A value that is a map may hold ranges of its own; they are parameters of the points that have this value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

from tuner.document.writing import flow

DIGITS = 4
"""Significant digits of a number of a range: what is searched can be read and typed."""

Point = Mapping[str, Any]
"""A value for each parameter: a number, or a label."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included: even in their logarithms with `log`, `whole` ones, or as a grid of
    so many `points`."""

    low: float
    high: float
    log: bool = False
    whole: bool = False
    points: int | None = None

    def rounded(self, value: float) -> float:
        """The number of the range that is kept for `value`."""
        kept = round(value) if self.whole else float(f"{value:.{DIGITS}g}")
        return min(max(kept, self.low), self.high)

    def at(self, share: float) -> float:
        """The number so far on the way from low to high, `share` in [0, 1]."""
        if self.log:
            return self.rounded(math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))))
        return self.rounded(self.low + share * (self.high - self.low))

    def share(self, value: float) -> float:
        """How far a number is on the way: the inverse of `at`."""
        low, high, found = map(math.log, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return (found - low) / (high - low)

    @property
    def grid(self) -> list[float]:
        """Its `points`, each once."""
        count = self.points or 1
        return list(dict.fromkeys(self.at(index / max(1, count - 1)) for index in range(count)))

    @property
    def numbers(self) -> range | None:
        """All that can be drawn of it, where it has whole ones alone."""
        return range(int(self.low), int(self.high) + 1) if self.whole else None

    def plain(self) -> dict[str, Any]:
        """As the language writes it."""
        told: dict[str, Any] = {"low": self.low, "high": self.high}
        return told | ({"log": True} if self.log else {}) | ({"points": self.points} if self.points else {})


@dataclass(frozen=True)
class Value:
    """One of several values of a setting. `inner` are the ranges that it holds: (keys that lead there, name, range)."""

    plain: Any
    label: str
    inner: tuple[tuple[tuple[str, ...], str, Range], ...] = ()

    def filled(self, numbers: Point) -> Any:
        """The value with a number for each of its ranges."""
        found = self.plain
        for keys, name, _ in self.inner:
            found = _with(found, keys, numbers[name])
        return found


@dataclass(frozen=True)
class Dimension:
    """A setting, and what it may be."""

    key: str
    values: Range | tuple[Value, ...]

    @property
    def size(self) -> int | None:
        """How many points it has; None of a range without `points`."""
        if isinstance(self.values, Range):
            return len(self.values.grid) if self.values.points else None
        sizes = [math.prod(len(each.grid) if each.points else 0 for _, _, each in value.inner) for value in self.values]
        return sum(sizes) if all(sizes) else None

    @property
    def drawn(self) -> tuple[Mapping[str, range], ...] | None:
        """All that can be drawn of it: for each of its values what its ranges may be, by their names; None where there
        is no end of it."""
        if isinstance(self.values, Range):
            return None if self.values.numbers is None else ({self.key: self.values.numbers},)
        found = [{name: each.numbers for _, name, each in value.inner} for value in self.values]
        known = [{name: each for name, each in one.items() if each is not None} for one in found]
        return tuple(known) if known == found else None


class Chooser(Protocol):
    """Who chooses a point, parameter by parameter."""

    def number(self, name: str, values: Range) -> float:
        """A number of the range."""

    def label(self, name: str, labels: Sequence[str]) -> str:
        """One of the labels."""


@dataclass(frozen=True)
class Space:
    """The settings that are searched, a setting before those that lie in it."""

    dimensions: tuple[Dimension, ...]

    @property
    def size(self) -> int | None:
        """How many points it has; None where there is no end of them."""
        sizes = [each.size for each in self.dimensions]
        return None if None in sizes else math.prod(size or 0 for size in sizes)

    @property
    def count(self) -> int | None:
        """How many points can be drawn of it, whatever `points` its ranges have; None where there is no end of them."""
        found = [each.drawn for each in self.dimensions]
        sizes = [sum(math.prod(map(len, one.values())) for one in each) for each in found if each is not None]
        return math.prod(sizes) if len(sizes) == len(found) else None

    def every(self) -> Iterator[dict[str, Any]]:
        """The points that can be drawn, where there is an end of them."""
        for parts in product(*(list(_every(each)) for each in self.dimensions)):
            yield {name: value for part in parts for name, value in part.items()}

    @property
    def parameters(self) -> dict[str, Range | tuple[str, ...]]:
        """What a point may have: name -> its range or labels."""
        found: dict[str, Range | tuple[str, ...]] = {}
        for each in self.dimensions:
            if isinstance(each.values, Range):
                found[each.key] = each.values
                continue
            found[each.key] = tuple(value.label for value in each.values)
            found |= {name: values for value in each.values for _, name, values in value.inner}
        return found

    @property
    def varied(self) -> dict[str, Range | tuple[str, ...]]:
        """Those that points may differ in."""
        return {name: values for name, values in self.parameters.items() if isinstance(values, Range) or values[1:]}

    def chosen(self, by: Chooser) -> dict[str, Any]:
        """A point."""
        point: dict[str, Any] = {}
        for each in self.dimensions:
            if isinstance(each.values, Range):
                point[each.key] = by.number(each.key, each.values)
                continue
            labels = [value.label for value in each.values]
            point[each.key] = label = by.label(each.key, labels) if len(labels) > 1 else labels[0]
            inner = each.values[labels.index(label)].inner
            point |= {name: by.number(name, values) for _, name, values in inner}
        return point

    def nth(self, number: int) -> dict[str, Any]:
        """A point of the grid, counted from 0: the last setting changes first."""
        point: list[dict[str, Any]] = []
        for each in reversed(self.dimensions):
            number, index = divmod(number, each.size or 1)
            point.append(_nth(each, index))
        return {name: value for part in reversed(point) for name, value in part.items()}

    def settings(self, point: Point) -> dict[str, Any]:
        """What the keys of the language are at a point."""
        found: dict[str, Any] = {}
        for each in self.dimensions:
            if isinstance(each.values, Range):
                found[each.key] = point[each.key]
            else:
                label = point[each.key]
                found[each.key] = next(value for value in each.values if value.label == label).filled(point)
        return found

    def overrides(self, point: Point) -> list[str]:
        """The same as arguments of a command line."""
        return [f"{key}={flow(value)}" for key, value in self.settings(point).items()]

    def plain(self) -> dict[str, Any]:
        """As the language writes it."""
        return {
            each.key: each.values.plain() if isinstance(each.values, Range) else [value.plain for value in each.values]
            for each in self.dimensions
        }

    def holds(self, point: Point) -> bool:
        """Whether a point, of this space or of one that it was before, lies in it."""
        known = self.parameters

        def is_inside(name: str, value: Any) -> bool:
            values = known.get(name)
            if isinstance(values, Range):
                return isinstance(value, int | float) and values.low <= value <= values.high
            return values is not None and value in values

        return all(is_inside(name, value) for name, value in point.items())

    def has(self, point: Point) -> bool:
        """Whether a point is one of this space, with a value for each of its parameters."""
        try:
            return self.holds(point) and self.chosen(_Kept(point)).keys() == point.keys()
        except KeyError:
            return False


@dataclass(frozen=True)
class _Kept:
    """Chooses a point that is known."""

    point: Point

    def number(self, name: str, values: Range) -> float:  # noqa: ARG002
        found: float = self.point[name]
        return found

    def label(self, name: str, labels: Sequence[str]) -> str:  # noqa: ARG002
        return str(self.point[name])


def _every(dimension: Dimension) -> Iterator[dict[str, Any]]:
    for at, numbers in enumerate(dimension.drawn or ()):
        values = dimension.values
        own = {} if isinstance(values, Range) else {dimension.key: values[at].label}
        for chosen in product(*numbers.values()):
            yield {**own, **dict(zip(numbers, chosen, strict=True))}


def _nth(dimension: Dimension, index: int) -> dict[str, Any]:
    values = dimension.values
    if isinstance(values, Range):
        return {dimension.key: values.grid[index]}
    for value in values:
        grids = [(name, each.grid) for _, name, each in value.inner]
        size = math.prod(len(grid) for _, grid in grids)
        if index < size:
            break
        index -= size
    point: dict[str, Any] = {dimension.key: value.label}
    for name, grid in reversed(grids):
        index, place = divmod(index, len(grid))
        point[name] = grid[place]
    return point


def space_of(plain: Mapping[str, Any], is_whole: Callable[[str], bool]) -> Space:
    """The space that the language writes so; `is_whole` tells which keys take whole numbers alone."""
    found = [
        Dimension(
            key, range_of(values, is_whole(key)) if isinstance(values, Mapping) else _values(key, values, is_whole)
        )
        for key, values in plain.items()
    ]
    return Space(tuple(sorted(found, key=lambda each: each.key.count("."))))


def range_in(text: str) -> str | None:
    """``1e-4..1e-1 log``, as a command line has a range, in the language; None of another text."""
    number = r"[-+0-9.eE]*[0-9.]"
    found = re.fullmatch(rf"\s*({number}?)\s*\.\.\s*({number})((?:\s+(?:log|points\s*=\s*[0-9]+))*)\s*", text)
    if found is None:
        return None
    low, high, more = found.groups()
    points = re.search("[0-9]+", more)
    return f"{{low: {low}, high: {high}{', log: true' * ('log' in more)}{f', points: {points[0]}' if points else ''}}}"


def is_range(keys: Container[str]) -> bool:
    """Whether a map is meant as a range."""
    return "low" in keys or "high" in keys


def range_of(plain: Mapping[str, Any], whole: bool) -> Range:
    """A range as the language writes it."""
    return Range(plain["low"], plain["high"], bool(plain.get("log")), whole, plain.get("points"))


def _values(key: str, plain: Sequence[Any], is_whole: Callable[[str], bool]) -> tuple[Value, ...]:
    """The values of a setting with what tells them apart: a choice by its name where no other has it, everything else
    as it is written. A range in one is called by its key, with its value where several have it."""
    names = [each.get("name") if isinstance(each, Mapping) else each for each in plain]
    inner = [dict(_ranges(each, (key,), is_whole)) for each in plain]
    shared = [keys for each in inner for keys in each]
    found = []
    for each, name, ranges in zip(plain, names, inner, strict=True):
        label = str(name) if isinstance(each, Mapping) and name and names.count(name) == 1 else flow(each)
        called = {keys: ".".join(keys) + ("" if shared.count(keys) == 1 else f" ({label})") for keys in ranges}
        found.append(Value(each, label, tuple((keys[1:], called[keys], values) for keys, values in ranges.items())))
    return tuple(found)


def _ranges(
    plain: Any, keys: tuple[str, ...], is_whole: Callable[[str], bool]
) -> Iterator[tuple[tuple[str, ...], Range]]:
    """The ranges in a value: (keys that lead there, range)."""
    if isinstance(plain, Mapping) and is_range(plain):
        yield keys, range_of(plain, is_whole(".".join(keys)))
    elif isinstance(plain, Mapping):
        for key, value in plain.items():
            yield from _ranges(value, (*keys, key), is_whole)


def _with(value: Any, keys: Sequence[str], number: Any) -> Any:
    if not keys:
        return number
    return {**value, keys[0]: _with(value[keys[0]], keys[1:], number)}
