"""Which entries of a list, and in what order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuner.asks.runs.columns import Column, Problems, find_column
from tuner.asks.runs.entries import DAMAGED, Entry
from tuner.document.nodes import Place, core_value, to_plain
from tuner.document.parsing import parse
from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.paths import normal
from tuner.runs.files import STATES
from tuner.runs.folder import natural
from tuner.runs.values import Condition, parse_condition

_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}([ T][0-9]{2}(:[0-9]{2}){0,2})?)?)?")


@dataclass(frozen=True)
class Filter:
    """A condition on a column. Whoever has nothing in that column does not fulfil it. Of a group, `state` and `seed`
    ask whether any of its runs does, a metric asks their mean."""

    condition: Condition
    column: Column

    def __str__(self) -> str:
        return str(self.condition)

    def holds(self, entry: Entry, problems: Problems) -> bool:
        name, condition = self.column.name, self.condition
        if self.column.is_setting:
            return name in entry.settings and _fulfils(entry.settings[name], condition)
        if self.column.is_number:
            seeds = [run.about.get("seed") for run in entry.runs]
            found = seeds if name == "seed" else [self.column.of(entry, problems)]
            return any(each is not None and condition.holds(each) for each in found)
        if name == "when":
            date = condition.right.replace(" ", "T")
            return bool(entry.created) and condition.compare(entry.created[: len(date)], date)
        if name in ("tags", "changed"):
            return (condition.right in (self.column.of(entry, problems) or ())) == (condition.operator == "=")
        texts = [each.state for each in entry.members or (entry,)] if name == "state" else [self.column.of(entry, {})]
        return any(condition.compare(normal(text), normal(condition.right)) for text in texts if text is not None)

    def choices(self, everything: Sequence[Entry]) -> list[str]:
        """The texts that stand in the column, for a message about a filter that nothing fulfils."""
        if self.column.is_number or self.column.name == "when":
            return []
        found: dict[str, None] = {}
        for entry in everything:
            here = self.column.of(entry, {})
            several = here if not self.column.is_setting and isinstance(here, list | dict) else [here]
            found |= dict.fromkeys(each for each in several if isinstance(each, str))
        return list(found)


def parse_filter(text: str, everything: Sequence[Entry]) -> Filter:
    """Raises UsageError for what is no condition, a column that no entry has, a right side that cannot be there."""
    try:
        condition = parse_condition(text)
    except UsageError as error:
        raise _named(text, everything) or error from None
    found = Filter(condition, find_column(condition.left, everything) if everything else Column("run"))
    if not everything:
        return found
    equality = condition.operator in ("=", "!=")
    if found.column.is_number or (found.column.is_setting and not equality):
        _ = condition.number
    elif found.column.name == "when":
        if not _DATE.fullmatch(condition.right):
            raise UsageError(f"in {shown(text)} the right side is no date", fix="when>=2026-11-01 is such a filter")
    elif not equality:
        raise UsageError(f"in {shown(text)} the left side is text", fix="Only = and != compare texts.")
    states = (*STATES, DAMAGED)
    if found.column.name == "state" and condition.right not in states:
        raise UsageError(f"no run can be {shown(condition.right)}", fix=f"A state is one of {', '.join(states)}.")
    return found


def _named(text: str, everything: Sequence[Entry]) -> UsageError | None:
    """For the name of a config or run where a filter should stand."""
    if any(entry.name == text for entry in everything):
        return UsageError(f"{shown(text)} is no filter", fix=f"name={shown(text)} lists the runs of that config.")
    labels = [each.label for entry in everything for each in (entry, *entry.members)]
    if text in labels or re.fullmatch(r"@[0-9]+", text):
        return UsageError(f"{shown(text)} is no filter", fix=f"tuner show {shown(text)} tells about a run.")
    return None


def _fulfils(setting: Any, condition: Condition) -> bool:
    """Whether a setting is what the right side says: numbers are compared as numbers, texts as texts."""
    if condition.operator not in ("=", "!="):
        return type(setting) in (int, float) and condition.holds(setting)
    text = condition.right
    wanted: Any = core_value(text)
    if text[:1] in ("[", "{", "'", '"'):  # read as an override's right side is
        node, faults = parse(text, Place("filter", 1, 1))
        wanted = text if faults or node is None else to_plain(node)
    if setting is None or setting == "none":
        same = wanted is None or wanted == "none"
    elif isinstance(setting, bool) or isinstance(wanted, bool):
        same = setting is wanted
    else:
        same = bool(setting == wanted or (isinstance(setting, str) and setting == text))
    return same == (condition.operator == "=")


def select(everything: Sequence[Entry], filters: Sequence[Filter], opened: bool, problems: Problems) -> list[Entry]:
    """The entries that fulfil all filters. With `opened` groups every run is asked for itself, and a group stays for
    those of its members that do."""

    def fit(entry: Entry) -> bool:
        return all(each.holds(entry, problems) for each in filters)

    found = []
    for entry in everything:
        if opened and entry.members:
            fitting = tuple(filter(fit, entry.members))
            found += [replace(entry, members=fitting)] if fitting else []
        elif fit(entry):
            found.append(entry)
    return found


def sort(some: Sequence[Entry], column: Column, downwards: bool, problems: Problems) -> list[Entry]:
    """Numbers before texts, ``run-9`` before ``run-10``. Who has nothing in the column comes last; equals stay in their
    order."""
    found = [(column.of(entry, problems), entry) for entry in some]
    known = [(each, entry) for each, entry in found if each is not None]

    def rank(pair: tuple[Any, Entry]) -> tuple[bool, Any]:
        return (False, pair[0]) if isinstance(pair[0], int | float) else (True, natural(str(pair[0])))

    known.sort(key=rank, reverse=downwards)
    return [entry for _, entry in known] + [entry for each, entry in found if each is None]
