"""A diff as data for scripts, and what has to be said before anyone reads a difference in results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from tuner.config.comparison import ABSENT, Setting
from tuner.diff.circumstances import Circumstance
from tuner.diff.outcomes import Outcome
from tuner.diff.sides import LETTERS, Side

if TYPE_CHECKING:
    from tuner.diff import Diff


def warnings_of(diff: Diff) -> list[str]:
    """Why a difference in results cannot be put down to one setting."""
    found = []
    moved = [each.name for each in diff.moved if not _follows(each, diff.changed)]
    if moved:
        verb = "differs" if len(moved) == 1 else "differ"
        found.append(f"{listed(moved)} {verb}: results can differ for that alone")
    counts = {LETTERS[index].upper(): changes_against_first(diff, index) for index in range(1, len(diff.sides))}
    several = [letter for letter, count in counts.items() if count > 1]
    if several and len(diff.sides) == 2:
        found.append(f"{len(diff.changed)} settings differ: an effect cannot be put down to one of them")
    elif several:
        verb = "differs" if len(several) == 1 else "differ"
        found.append(
            f"{listed(several)} {verb} from A in several settings: an effect cannot be put down to one of them"
        )
    return found


def changes_against_first(diff: Diff, index: int) -> int:
    """In how many settings a side differs from the first one."""
    return sum(setting.values[index] != setting.values[0] for setting in diff.changed)


def _follows(circumstance: Circumstance, changed: Sequence[Setting]) -> bool:
    """Whether it has to differ because settings do: other settings of the data give other data."""
    about_data = any(setting.key == "data" or setting.key.startswith("data.") for setting in changed)
    return circumstance.key == "data_fingerprint" and about_data


def listed(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def as_data(diff: Diff, parts: Collection[str], everything: bool) -> dict[str, Any]:
    """What ``diff --json`` tells; NaN and infinities are left to whoever writes it."""
    data: dict[str, Any] = {"same": diff.same(parts), "sides": [_side(diff, index) for index in range(len(diff.sides))]}
    data["warnings"] = warnings_of(diff)
    if "config" in parts:
        data["changed"] = [_setting(setting, diff.sides) for setting in diff.changed]
        if everything:
            kept = [setting for setting in diff.settings if not setting.differs]
            data["unchanged"] = [_setting(setting, diff.sides) for setting in kept]
    if "identity" in parts:
        data["identity"] = [_circumstance(each) for each in (diff.identity if everything else diff.moved)]
    if "result" in parts:
        data["result"] = {outcome.metric: _outcome(outcome) for outcome in diff.outcomes}
        if diff.course is not None:
            data["curve"] = {"metric": diff.course.metric, **_lettered(list(map(list, diff.course.values)))}
    return data


def _lettered(values: Sequence[Any]) -> dict[str, Any]:
    """One key a side; a side without such a setting has none."""
    return {letter: value for letter, value in zip(LETTERS, values, strict=False) if value is not ABSENT}


def _side(diff: Diff, index: int) -> dict[str, Any]:
    side = diff.sides[index]
    about = {"side": LETTERS[index], "kind": side.kind, "path": side.path}
    return about if side.group is None else {**about, "state": side.group.state, "seeds": list(side.runs)}


def _setting(setting: Setting, sides: Sequence[Side]) -> dict[str, Any]:
    data = {"key": setting.key, **_lettered(setting.values)}
    data["set_in"] = [
        None if value is ABSENT else side.set_in(setting.key, value)
        for value, side in zip(setting.values, sides, strict=True)
    ]
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
