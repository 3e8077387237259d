"""Which points of a space come next: a function of the space, the seed of the sweep, the numbers of the trials and the
results of those before, so that it is the same however often, and by whomever, it is asked."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from tuner.config.space import Point, Range, Space

if TYPE_CHECKING:
    from tuner.sweep.halving import Progress

DRAWS = 200
"""How often a point is drawn anew that was tried before, or cannot be trained."""


Before = Mapping[int, tuple[Point, "Progress"]]
"""The trials with lower numbers: their points, and how far they are."""


def next_generation(size: int, done: int, target: int | None) -> range:
    """The trials that are planned next, where so many are: to the end of a generation, which may have been cut short,
    and to the last of the `target` that are wanted."""
    end = (done // size + 1) * size
    return range(done, end if target is None else max(done, min(end, target)))


def plan(
    planner: str,
    space: Space,
    seed: int,
    numbers: Sequence[int],
    before: Before,
    direction: str,
    fits: Callable[[Point], bool] = bool,
) -> list[dict[str, Any]]:
    """The points of the trials `numbers`; fewer where the space has no other ones left. For tpe all of the trials
    `before` have ended. `fits` tells whether a point can be trained: where another can be drawn, one that cannot is
    none of them; a grid has it."""
    known = {_frozen(point) for point, _ in before.values()}
    found: list[dict[str, Any]] = []
    if planner == "grid":
        points = _grid(space, numbers[0], before)
    elif planner == "tpe" and before:
        points = import_module("tuner.sweep.tpe").points(space, seed, numbers, before, direction)
    else:
        points = iter(())
    for number in numbers:
        point = next(points, None)
        while planner == "grid" and point is not None and _frozen(point) in known:
            point = next(points, None)
        if planner != "grid" and (point is None or _frozen(point) in known or not fits(point)):
            draws = (space.chosen(Drawn(f"{seed} {number} {draw}")) for draw in range(DRAWS))
            left = chain(draws, space.every() if space.count else ())  # of few points the last ones are seldom drawn
            point = _fitting(islice((each for each in left if _frozen(each) not in known), DRAWS), fits)
        if point is None:
            break
        known.add(_frozen(point))
        found.append(point)
    return found


def _grid(space: Space, number: int, before: Before) -> Iterator[dict[str, Any]]:
    """The points of the grid, from where the trials before it were planned in its order."""
    in_order = number <= (space.size or 0) and all(before[at][0] == space.nth(at) for at in range(number))
    for each in range(number if in_order else 0, space.size or 0):
        yield space.nth(each)


def _fitting(points: Iterator[dict[str, Any]], fits: Callable[[Point], bool]) -> dict[str, Any] | None:
    """The first of these that fits, or else the first."""
    first = next(points, None)
    return first if first is None or fits(first) else next(filter(fits, points), first)


def _frozen(point: Point) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(point.items()))


@dataclass
class Drawn:
    """Draws evenly: of a range every number, with `log` every logarithm; of labels each."""

    seed: str

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - no secret

    def number(self, name: str, values: Range) -> float:  # noqa: ARG002
        if values.whole and not values.log:
            return self._random.randint(int(values.low), int(values.high))
        return values.at(self._random.random())

    def label(self, name: str, labels: Sequence[str]) -> str:  # noqa: ARG002
        return labels[self._random.randrange(len(labels))]
