"""Results side by side: a table of metrics, and the course of one of them on one scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tuner.answer import Block, Brief, Cell, Column, Spark, Table, Text
from tuner.asks.diff.changes import Diff
from tuner.asks.diff.outcomes import EPOCHS, Course, Outcome
from tuner.asks.diff.sides import Side
from tuner.figures import duration, figure, in_columns, number
from tuner.options.metrics import column

WIDTH = 48
WHOLE_NUMBERS = ("parameters", *EPOCHS)
NOT_COMPARED = "without a difference: the sides do not measure the same there (other data, or another loss)"


def results(diff: Diff) -> Iterator[Block]:
    """Each metric of the sides that have any; whether a difference is more than chance is not for `diff` to say."""
    if not diff.outcomes:
        return
    places = [at for at in range(len(diff.sides)) if any(outcome.values[at] is not None for outcome in diff.outcomes)]
    first, *others = [diff.sides[place] for place in places]
    in_pair = len(others) == 1
    columns = [Column("metric"), *(Column(_head(side), side="r") for side in (first, *others))]
    if in_pair:
        columns.append(Column(f"{others[0].letter}-{first.letter}", side="r"))
    rows: list[list[Cell]] = []
    styles = {}
    for outcome in diff.outcomes:
        values = [_value(outcome, place, diff.sides[place]) for place in places]
        deltas = [_delta(outcome, place) for place in places]
        if not in_pair:
            both = zip(values, deltas, strict=True)
            values = [f"{value} ({delta})" if delta.strip("0") else value for value, delta in both]
        cells = [_exact(text, outcome.values[place]) for text, place in zip(values, places, strict=True)]
        cells += [_exact(deltas[1], outcome.delta(places[1]))] if in_pair else []
        for at, place in enumerate(places[1:], 2 + in_pair):
            if (is_better := outcome.better(place)) is not None:
                styles[len(rows), at] = "green" if is_better else "red"
        rows.append([outcome.metric, *cells, f"{outcome.direction} is better" if outcome.direction else ""])
    title = "result at the best epoch" + f", in brackets against {first.letter}" * (not in_pair)
    yield Table([*columns, Column("")], rows, title, styles)
    if not all(outcome.comparable for outcome in diff.outcomes):
        yield Text(NOT_COMPARED, "dim")
    if diff.course is not None:
        yield from _courses(diff.sides, diff.course)


def _head(side: Side) -> str:
    """``A``, or with the number of runs of a group ``A (mean of 3)``."""
    return f"{side.letter} (mean of {len(side.runs)})" if side.kind == "group" else side.letter


def _value(outcome: Outcome, place: int, side: Side) -> str:
    """``0.9147``, ``0.9147 ± 0.0021``, and how many runs have a value where not all of them do."""
    value, spread = outcome.values[place], outcome.spreads[place]
    text = _number(outcome.metric, value)
    if value is not None and spread is not None and (spread or outcome.metric not in WHOLE_NUMBERS):
        text += f" ± {_like(outcome, spread)}"
    count, runs = outcome.counts[place], len(side.runs)
    return f"{text} ({count} of {runs})" if 0 < count < runs else text


def _exact(text: str, value: float | None) -> Brief:
    """The text, and for scripts the number itself."""
    return Brief(text, text, "" if value is None else repr(value))


def _delta(outcome: Outcome, place: int) -> str:
    delta = outcome.delta(place)
    return "" if delta is None else f"{'+' * (delta > 0)}{'-' * (delta < 0)}{_like(outcome, abs(delta))}"


def _like(outcome: Outcome, size: float) -> str:
    """A difference or spread with as many decimals as the values that it belongs to."""
    if size == 0:
        return "0"
    known = [value for value in outcome.values if value is not None]
    alike = all(_number(outcome.metric, value) == f"{value:.4f}" for value in known)
    return f"{size:.4f}" if alike and size >= 5e-5 else _number(outcome.metric, size)


def _number(metric: str, value: float | None) -> str:
    if metric == "seconds_per_epoch":
        return duration(value)
    if value is not None and metric in WHOLE_NUMBERS:
        return number(round(value) if value == round(value) else value)
    return figure(value)


def _courses(sides: Sequence[Side], course: Course) -> Iterator[Block]:
    """The course of a metric on every side: one scale, the same epochs below each other. Losses fall over orders of
    magnitude, so that their first fall would flatten all that follows: they stand on a logarithmic one."""
    epochs = max(map(len, course.values))
    is_log = column(course.metric).is_loss and all(v > 0 for each in course.values for v in each if v is not None)
    heights = [[math.log(each) if each is not None and is_log else each for each in values] for values in course.values]
    heights = [[*line, *[None] * (epochs - len(line))] for line in heights]
    known = [point for line in heights for point in in_columns(line, WIDTH) if point is not None]
    if not known:
        return
    columns = [Column("side"), Column("trend"), Column("first", "figure"), Column("last", "figure")]
    rows: list[list[Cell]] = []
    for side, line, values in zip(sides, heights, course.values, strict=True):
        if there := [value for value in values if value is not None]:
            rows.append([side.letter, Spark(line, WIDTH, (min(known), max(known))), there[0], there[-1]])
    log = ", logarithmic" if is_log else ""
    yield Table(columns, rows, f"{course.metric} by epoch, one scale for all{log}")
