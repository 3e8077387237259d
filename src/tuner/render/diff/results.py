"""Results side by side: tables of metrics, and spark lines on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tuner.diff import LETTERS, Course, Diff, Outcome
from tuner.figures import duration, figure, in_columns, number, spark
from tuner.render.diff.lines import Look
from tuner.render.tables import table
from tuner.render.text import paint

HEADING = "result at the best epoch"
SPARK = 60
WHOLE_NUMBERS = ("parameters", "best_epoch", "epochs")
COLUMN = 12
"""About what a side takes in a table of several."""
NOT_COMPARED = "without a difference: the sides do not measure the same there (other data, or another loss)"


def result_text(diff: Diff, look: Look) -> str:
    """The table, and what stands below it."""
    shown = diff.with_results()
    tables = [_of_two(diff, look, shown)] if len(shown) == 2 else _of_many(diff, look, shown)
    if not all(outcome.comparable for outcome in diff.outcomes):
        tables.append(look.sentence(NOT_COMPARED, "dim"))
    return "\n".join(tables)


def head_of(diff: Diff, index: int) -> str:
    """``A``, or with the number of runs of a group ``A (mean of 3)``."""
    side, letter = diff.sides[index], LETTERS[index].upper()
    return f"{letter} (mean of {len(side.runs)})" if side.kind == "group" else letter


def heads_of_two(diff: Diff, shown: Sequence[int]) -> list[str]:
    """The heads of the columns of `row_of`."""
    one, other = (LETTERS[index].upper() for index in shown)
    return [HEADING, *(head_of(diff, index) for index in shown), f"{other}-{one}", ""]


def row_of(diff: Diff, outcome: Outcome, shown: Sequence[int], plus_minus: str = "±") -> list[str]:
    """A metric of two sides: its name, both values, how far apart they are, which way is better; whether a difference
    is more than chance is not for `diff` to say."""
    values = [value_text(diff, outcome, index, plus_minus) for index in shown]
    way = f"{outcome.direction} is better" if outcome.direction else ""
    return [outcome.metric, *values, delta_text(outcome, shown[1]), way]


def value_text(diff: Diff, outcome: Outcome, index: int, plus_minus: str) -> str:
    """``0.9147``, ``0.9147 ± 0.0021``, and how many runs have a value where not all of them do."""
    value, spread = outcome.values[index], outcome.spreads[index]
    text = _number(outcome.metric, value)
    if value is not None and spread is not None and (spread or outcome.metric not in WHOLE_NUMBERS):
        text += f" {plus_minus} {_like(outcome, spread)}"
    count, runs = outcome.counts[index], len(diff.sides[index].runs)
    return f"{text} ({count} of {runs})" if 0 < count < runs else text


def delta_text(outcome: Outcome, index: int) -> str:
    delta = outcome.delta(index)
    if delta is None:
        return ""
    return ("+" if delta > 0 else "-" if delta < 0 else "") + _like(outcome, abs(delta))


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


def _of_two(diff: Diff, look: Look, places: Sequence[int]) -> str:
    rows = [row_of(diff, outcome, places, look.plus_minus) for outcome in diff.outcomes]
    heads = heads_of_two(diff, places)
    styles = {(-1, column): "bold" for column in range(5)}
    for index, outcome in enumerate(diff.outcomes):
        good = outcome.better(places[1])
        styles |= {} if good is None else {(index, 3): "green" if good else "red"}
    shown = [[f"  {row[0]}", *row[1:]] for row in rows]
    return table(heads, shown, "lrrrl", styles=styles if look.color else None)


def _of_many(diff: Diff, look: Look, places: Sequence[int]) -> list[str]:
    """Tables of as many sides as there is room for; the first one stands in each, since it is what deltas refer to."""
    most = max(1, (look.width - 40 - COLUMN) // COLUMN) if look.is_cut else len(places)
    found = []
    for first in range(1, len(places), most):
        shown = [places[0], *places[first : first + most]]
        heads = [HEADING, *(head_of(diff, index) for index in shown)]
        rows, styles = [], {(-1, column): "bold" for column in range(len(heads))}
        for outcome in diff.outcomes:
            way = f", {outcome.direction} is better" if outcome.direction else ""
            rows.append(
                [f"  {outcome.metric}{way}", *(value_text(diff, outcome, index, look.plus_minus) for index in shown)]
            )
            deltas = ["", *(delta_text(outcome, index) for index in shown[1:])]
            if any(delta not in ("", "0") for delta in deltas):
                rows.append([f"    against {LETTERS[shown[0]].upper()}", *deltas])
                styles |= _colors(outcome, shown, len(rows) - 1)
        found.append(table(heads, rows, "l" + "r" * len(shown), styles=styles if look.color else None))
    return found


def _colors(outcome: Outcome, shown: Sequence[int], row: int) -> dict[tuple[int, int], str]:
    judged = {column: outcome.better(index) for column, index in enumerate(shown, 1)}
    return {(row, column): "green" if good else "red" for column, good in judged.items() if good is not None}


def course_text(course: Course, look: Look) -> str:
    """The course of a metric on every side: one scale, the same epochs below each other."""
    epochs = max(map(len, course.values))
    width = min(SPARK, epochs, max(10, look.width - 30))
    lines = [
        [_height(value, course) for value in [*values, *[None] * (epochs - len(values))]] for values in course.values
    ]
    columns = [in_columns(line, width) for line in lines]
    known = [height for line in columns for height in line if height is not None]
    if not known:
        return ""
    scale = min(known), max(known)
    log = ", logarithmic" if _is_log(course) else ""
    heading = f"{course.metric} by epoch, one scale for all{log}"
    shown = [paint(heading, "bold", look.color)]
    for index, (values, line) in enumerate(zip(course.values, columns, strict=True)):
        if any(value is not None for value in values):
            drawn = spark(line, levels=look.levels, scale=scale)
            ends = [_end(values), _end(values[::-1])]
            shown.append(f"  {LETTERS[index].upper()}  {drawn}  {ends[0]} {look.arrow} {ends[1]}")
    return "\n".join(shown)


def _end(values: Sequence[float | None]) -> str:
    return figure(next((value for value in values if value is not None), None))


def _is_log(course: Course) -> bool:
    """Losses fall over orders of magnitude: their first fall would flatten all that follows."""
    return course.metric.endswith("loss") and all(v > 0 for values in course.values for v in values if v is not None)


def _height(value: float | None, course: Course) -> float | None:
    return math.log(value) if value is not None and _is_log(course) else value
