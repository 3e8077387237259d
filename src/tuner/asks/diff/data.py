"""A diff as data for scripts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from string import ascii_lowercase
from typing import Any

from tuner.asks.diff.changes import Circumstance, Diff
from tuner.asks.diff.outcomes import Outcome
from tuner.asks.diff.sides import Side
from tuner.config.comparison import ABSENT, Setting


def as_data(diff: Diff, parts: Collection[str], everything: bool) -> dict[str, Any]:
    """What ``diff --json`` tells."""
    data: dict[str, Any] = {"same": diff.same(parts), "sides": [_side(side) for side in diff.sides]}
    data["warnings"] = diff.warnings()
    if "config" in parts:
        data["changed"] = [_setting(setting, diff.sides) for setting in diff.changed]
        if everything:
            data["unchanged"] = [_setting(each, diff.sides) for each in diff.settings if not each.differs]
    if "identity" in parts:
        data["identity"] = [_circumstance(each) for each in (diff.identity if everything else diff.moved)]
    if "result" in parts:
        data["result"] = {outcome.metric: _outcome(outcome) for outcome in diff.outcomes}
        if diff.course is not None:
            data["curve"] = {"metric": diff.course.metric, **_lettered(list(map(list, diff.course.values)))}
    return data


def _lettered(values: Sequence[Any]) -> dict[str, Any]:
    """One key a side; a side without such a setting has none."""
    return {letter: value for letter, value in zip(ascii_lowercase, values, strict=False) if value is not ABSENT}


def _side(side: Side) -> dict[str, Any]:
    about = {"side": side.letter.lower(), "kind": side.kind, "path": side.path}
    return about if side.group is None else {**about, "state": side.group.state, "seeds": list(side.runs)}


def _setting(setting: Setting, sides: Sequence[Side]) -> dict[str, Any]:
    places = [
        None if value is ABSENT else side.set_in(setting.key, value)
        for value, side in zip(setting.values, sides, strict=True)
    ]
    data = {"key": setting.key, **_lettered(setting.values), "set_in": places}
    if setting.inside:
        data["inside"] = [_setting(each, sides) for each in setting.inside if each.differs]
    return data


def _circumstance(each: Circumstance) -> dict[str, Any]:
    shown = [list(known) if len(known) > 1 else known[0] if known else None for known in each.values]
    return {"key": each.key, **_lettered(shown)}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    places = range(len(outcome.values))
    return {
        **_lettered(outcome.values),
        "delta": [outcome.delta(index) for index in places],
        "better": [outcome.better(index) for index in places],
        "direction": outcome.direction,
        "sd": list(outcome.spreads),
        "runs": list(outcome.counts),
    }
