"""The members of a group as a table: the same while they train, in `tuner show` and in every form of the output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.answer import Cell, Column, Spark, Table
from tuner.figures import deviation, mean, number
from tuner.options import metrics
from tuner.options.metrics import column

Status = Mapping[str, Any]
"""What status.json tells, with the state that the run is in now."""

TREND = 12
"""Characters of a course."""


def members_table(statuses: Mapping[int, Status], monitor: str, courses: Mapping[int, Sequence[float | None]]) -> Table:
    """A row a seed, and below them the mean and the standard deviation (with n - 1) of the members that finished.
    `courses` are the monitor's values epoch by epoch; without any, no column shows them."""
    names = metrics_of_members(next((each for each in statuses.values() if each.get("best")), {}), monitor)
    rows = [member_row(seed, each, names, courses.get(seed, [])) for seed, each in statuses.items()]
    columns = members_columns(names, monitor)
    rows += averages(statuses, names)
    return Table(columns, rows) if courses else Table(columns[:-1], [row[:-1] for row in rows])


def why_ended(statuses: Mapping[int, Status]) -> list[tuple[str, str]]:
    """(``seed 3``, why it ended) for the members that did not finish."""
    ends = {seed: each.get("reason") for seed, each in statuses.items() if each.get("state") != "finished"}
    return [(f"seed {seed}", str(reason)) for seed, reason in ends.items() if reason]


def metrics_of_members(status: Status, monitor: str) -> list[str]:
    """The monitor, and one metric of the training, validation and test samples, in that order."""
    best, test, asked = status.get("best") or {}, status.get("test") or {}, column(monitor)
    there = [each.name for each in map(column, best) if each.part == asked.part and not each.is_loss]
    metric = asked.name if not asked.is_loss else there[0] if there else "loss"
    found = [name for name in best if column(name).name == metric and column(name).part]
    return list(dict.fromkeys([monitor, *found, *([str(metrics.Column("test", metric))] if metric in test else [])]))


def members_columns(names: Sequence[str], monitor: str) -> list[Column]:
    """The columns of `member_row`; where there is no room the course goes first, then the training metric."""
    weights = {"train": 1, "val": 3, "test": 4}
    return [
        Column("seed", side="r"),
        Column("state"),
        Column("best", side="r", weight=2),
        *(Column(name, "figure", weight=None if name == monitor else weights[column(name).part]) for name in names),
        Column("trend", weight=0, least=4),
    ]


def member_row(seed: int, status: Status, names: Sequence[str], course: Sequence[float | None]) -> list[Cell]:
    """A member: its seed, its state, its best epoch of those it had, the metrics of that epoch, the course."""
    best = f"{number(status.get('best_epoch'))}/{number(status.get('epoch'))}"
    return [seed, str(status["state"]), best, *(_value(status, name) for name in names), Spark(course, TREND)]


def averages(statuses: Mapping[int, Status], names: Sequence[str]) -> list[list[Cell]]:
    """Mean and standard deviation of the members that finished, where there are several."""
    finished = [status for status in statuses.values() if status["state"] == "finished"]
    columns = [[_value(status, name) for status in finished] for name in names]
    known = [[value for value in values if value is not None] for values in columns]
    return [
        [label, "", "", *(of(values) if len(values) == len(finished) else None for values in known), ""]
        for label, of in (("mean", mean), ("sd", deviation))
        if len(finished) > 1
    ]


def _value(status: Status, name: str) -> float | None:
    asked = column(name)
    table = status.get("test") if asked.part == "test" else status.get("best")
    found: float | None = (table or {}).get(asked.name if asked.part == "test" else name)
    return found
