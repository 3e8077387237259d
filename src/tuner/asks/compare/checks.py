"""What has to hold before groups are compared: names that tell them apart, one metric, one direction, one loss."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tuner.document.writing import flow
from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.options.metrics import column as column_of
from tuner.runs.family import Group
from tuner.runs.folder import Run
from tuner.runs.values import Metric, measured_loss, metrics_of_run, parse_metric

FEWEST, MOST = 2, 20
WORDS = {"up": "up is better", "down": "down is better"}


def check_groups(groups: Sequence[Group]) -> None:
    """Raises UsageError unless there are 2 to 20 that have no run in common."""
    if not FEWEST <= len(groups) <= MOST:
        raise UsageError(
            f"compare takes {FEWEST} to {MOST} groups, {len(groups)} given",
            fix="tuner compare A B compares two; --baseline says with which one the others are compared.",
        )
    holders: dict[str, Group] = {}
    for group in groups:
        for run in group.runs.values():
            holder = holders.setdefault(os.path.realpath(run.path), group)
            if holder is not group:
                raise UsageError(
                    f"{shown(holder.path)} and {shown(group.path)} hold the same run: {shown(run.path.name)}",
                    fix="Compare groups of different runs.",
                )


def names_of(groups: Sequence[Group]) -> list[str]:
    """What the groups are called: the folder's name, or its path where two share a name."""
    names = [os.path.basename(os.path.abspath(group.path)) for group in groups]  # noqa: PTH100, PTH119 - "." and ".."
    return [shown(name if names.count(name) == 1 else group.path) for name, group in zip(names, groups, strict=True)]


def metric_for(groups: Sequence[Group], names: Sequence[str]) -> Metric:
    """The monitor that all the groups have. Raises UsageError where they differ."""
    monitors = [group.first.monitor for group in groups]
    for monitor, name in zip(monitors, names, strict=True):
        if monitor != monitors[0]:
            raise UsageError(
                f"the groups have different monitors: {names[0]} {monitors[0]}, {name} {monitor}",
                fix=f"Say what to compare: --metric {monitors[0]} or --metric {monitor}.",
            )
    return parse_metric(monitors[0])


def direction_for(metric: Metric, direction: str | None) -> str:
    """``up`` or ``down``. Raises UsageError where it is not known, or `direction` is against what is known."""
    if direction is not None and direction not in WORDS:
        raise UsageError(f"--direction is up or down, not {shown(direction)}")
    known = metric.direction
    if known is None and direction is None:
        raise UsageError(
            f"it is not known which way is better for {metric}", fix="Say it: --direction up or --direction down."
        )
    if known is not None and direction not in (None, known):
        raise UsageError(f"for {metric} {WORDS[known]}, not {direction}", fix="Leave --direction out.")
    return known or str(direction)


def check_losses(groups: Sequence[Group], names: Sequence[str], metric: Metric) -> None:
    """Raises UsageError where `metric` is a loss that does not measure the same in all the groups."""
    column = metric.reached.left if metric.reached is not None else metric.column
    if not column_of(column).is_loss:
        return
    first = _measured(groups[0].first, column)
    for group, name in zip(groups[1:], names[1:], strict=True):
        other = _measured(group.first, column)
        if other != first:
            here, there = _told_apart(first, other)
            raise UsageError(
                f"{metric} cannot be compared, for it is not the same loss: {here} in {names[0]}, {there} in {name}",
                fix=_instead(groups[0].first, column),
            )


def _measured(run: Run, column: str) -> dict[str, Any]:
    for key in ("loss", "data"):
        run.setting(key)  # raises where the config lacks it
    return measured_loss(run.config, column)


def _told_apart(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Both losses by name, or where that is the same by what else differs."""
    if first.get("name") != other.get("name"):
        return [str(each.get("name")) for each in (first, other)]
    keys = [key for key in dict.fromkeys([*first, *other]) if first.get(key) != other.get(key)]
    return [", ".join(f"{key}: {flow(each.get(key))}" for key in keys) for each in (first, other)]


def _instead(run: Run, column: str) -> str:
    """A metric of the same part that no setting of the loss changes."""
    part = column_of(column).part or "val"
    plain = [each for each in metrics_of_run(run) if column_of(each).name in ("accuracy", "r2", "mae")]
    near = [each for each in plain if column_of(each).part == part] or plain
    return f"Compare what the loss does not change: {' or '.join(f'--metric {each}' for each in near)}." if near else ""
