"""The columns of a list: what every entry has, the settings of the runs, and their metrics; which entries fulfil a
condition on one, and in what order."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tuner.asks.runs.entries import Entry
from tuner.choice import key_paths, keys_meant, nearest_of
from tuner.config import varied
from tuner.config.comparison import ABSENT, Setting, name_of, side_by_side
from tuner.document.nodes import Place, core_value, to_plain
from tuner.document.parsing import parse
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import mean
from tuner.options.metrics import Column as Measured
from tuner.options.metrics import column as column_of
from tuner.options.metrics import nearest_column, usual
from tuner.paths import normal
from tuner.quantities import LAYER
from tuner.runs.files import DAMAGED, NOT_BEGUN, STATES
from tuner.runs.folder import Run, natural
from tuner.runs.sweep import FAILED, PRUNED
from tuner.runs.values import Condition, Metric, metrics_of_run, parse_condition, parse_metric, seconds, value

Problems = dict[str, None]
"""What is wrong with files that were looked into on the way, each once."""

OWN: dict[str, Callable[[Entry], Any]] = {
    "run": lambda entry: entry.label,
    "name": lambda entry: entry.name or None,
    "when": lambda entry: entry.created or None,
    "state": lambda entry: entry.state,
    "seed": lambda entry: entry.settings.get("seed"),
    "seeds": lambda entry: _runs_by(entry, "seed"),
    "splits": lambda entry: _runs_by(entry, "split"),
    "folds": lambda entry: _runs_by(entry, "fold"),
    "trials": lambda entry: len(entry.sweep.outcomes) if entry.sweep else None,
    "changed": lambda entry: entry.changed,
    "best": lambda entry: _mean([run.status.get("best_epoch") for run in entry.runs]),
    "time": lambda entry: None if entry.sweep else _mean([seconds(run) for run in entry.runs]),
    "tags": lambda entry: entry.settings.get("tags"),
}
"""The columns that are neither settings nor metrics. Of a group `best` and `time` are means over its runs; how long a
sweep takes is not that of its best trial."""

NUMBERS = ("seed", "seeds", "splits", "folds", "trials", "best", "time")
_ALSO = {"tag": "tags", "created": "when", "best_epoch": "best", "status": "state"}
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}([ T][0-9]{2}(:[0-9]{2}){0,2})?)?)?")


def _runs_by(entry: Entry, column: str) -> int | None:
    """How many runs differ in that."""
    return len(entry.runs) if entry.runs and not entry.sweep and varied.column(entry.varies) == column else None


@dataclass(frozen=True)
class Column:
    """One of `OWN`, a setting by its key, or a metric."""

    name: str
    metric: Metric | None = None

    @property
    def is_setting(self) -> bool:
        return self.metric is None and self.name not in OWN

    @property
    def is_number(self) -> bool:
        return self.metric is not None or self.name in NUMBERS

    def of(self, entry: Entry, problems: Problems) -> Any:
        """What stands here for `entry`; None for nothing. A group has the mean of a metric over its runs, and nothing
        where one of them has no such value."""
        if self.metric is not None:
            return _mean([_value(run, self.metric, problems) for run in entry.runs])
        return entry.settings.get(self.name) if self.is_setting else OWN[self.name](entry)


def _value(run: Run, metric: Metric, problems: Problems) -> float | None:
    try:
        return value(run, metric)
    except UsageError:  # another run has it: they do not all measure the same
        return None
    except NotFoundError as error:
        problems[error.message] = None
        return None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None and not math.isnan(each)]
    return mean(known) if known and len(known) == len(values) else None


def find_column(text: str, everything: Sequence[Entry]) -> Column:
    """The column that the command line names: one of `OWN`, a setting (``optimizer.lr``, or ``lr`` where no other key
    of the language ends like that), or a metric. Raises UsageError for one that none of the entries has."""
    text = _ALSO.get(text.strip(), text.strip())
    if text in OWN:
        return Column(text)
    keys = dict.fromkeys(key for entry in everything for key in entry.settings)
    meant = _keys_meant(text.removesuffix(".name"), keys)
    if len(meant) > 1:
        raise UsageError(f"{shown(text)} may be {' or '.join(meant)}", fix="Write it out.")
    if meant and meant[0] in keys:
        return Column(meant[0])
    runs = [run for entry in everything for run in entry.runs]
    begun = any(run.status.get("best") or run.status.get("last") for run in runs)
    measured = list(dict.fromkeys(name for run in runs for name in metrics_of_run(run))) if begun else []
    if not meant and (metric := _metric(text, runs, measured)) is not None:
        return Column(text, metric)
    raise UsageError(f"no run here has {shown(text) or repr(text)}", fix=nearest_column(text, [*OWN, *measured, *keys]))


def _keys_meant(text: str, keys: Mapping[str, None]) -> list[str]:
    """What `train` would take `text` for, whatever runs are there; `keys` may be older than the language."""
    if text in keys:
        return [text]
    from tuner.config.settings import Config  # the whole language is needed for this alone

    return keys_meant(text, [*key_paths(Config), *keys])


def _metric(text: str, runs: Sequence[Run], measured: Sequence[str]) -> Metric | None:
    """The metric that `text` is; None for one that none of the runs has. Raises UsageError for a bad form of one."""
    of_layer = text.startswith(tuple(LAYER))
    try:
        metric = parse_metric(text)
    except UsageError:
        if of_layer or "(" in text or "@" in text:
            raise
        return None
    if metric.column in measured or (not measured and column_of(metric.column).part):
        return metric
    for run in runs if of_layer else ():
        with suppress(UsageError, NotFoundError):  # others may have it; what is damaged is told when it is read
            value(run, metric)
            return metric
    return None


def usual_columns(everything: Sequence[Entry]) -> list[Column]:
    """What a list shows unless told otherwise; of the metrics the monitors come first."""
    runs = [run for entry in everything for run in entry.runs]
    best = {key for run in runs for key in run.status.get("best") or {}}
    watched = {entry.settings.get("training.monitor") for entry in everything}
    watched |= {entry.sweep.head.metric for entry in everything if entry.sweep}
    monitors = {key for key in best & watched if column_of(key).part}
    validation = {key for key in best if column_of(key).part == "val"} - monitors
    test = {str(Measured("test", key)) for run in runs for key in run.status.get("test") or {}}
    metrics = [
        key
        for some in (monitors, validation, test)
        for key in sorted(usual(dict.fromkeys(some), *monitors), key=lambda name: (column_of(name).order, name))
    ]
    kinds = {f"{varied.column(entry.varies)}s" for entry in everything if entry.members and not entry.sweep}
    kinds |= {"trials" for entry in everything if entry.sweep}
    names = ["run", "when", "state", *(name for name in OWN if name in kinds), "changed", "best"]
    return [*map(Column, names), *(Column(key, parse_metric(key)) for key in metrics), Column("time")]


def differing(everything: Sequence[Entry]) -> list[Column]:
    """The settings that are not the same in all entries. What a choice has to itself differs only between two runs of
    that choice."""
    apart = [key for entry in everything if entry.members and not entry.sweep for key in entry.varies]
    runs = [entry.runs[0] for entry in everything if entry.runs]
    places = len({run.identity.data_fingerprint for run in runs}) > 1
    configs = [varied.shared(run.config, apart, places=places) for run in runs]
    return list(map(Column, _differing(side_by_side(configs))))


def _differing(settings: Sequence[Setting]) -> list[str]:
    found: list[str] = []
    for setting in settings:
        known = [name_of(each) for each in setting.values if each is not ABSENT]
        if any(isinstance(each, dict) for each in known):  # a section that is `none` elsewhere
            found += [each.key for each in setting.inside]
        elif any(each != known[0] for each in known):
            found.append(setting.key)
        found += _differing(setting.inside)
    return list(dict.fromkeys(found))


# ---- which entries, in what order ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filter:
    """A condition on a column. Whoever has nothing in that column does not fulfil it. Of a group, `state` and `seed`
    ask whether any of its runs does, a metric asks their mean; of a sweep, all but `state` ask its best trial."""

    condition: Condition
    column: Column

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
        texts = entry.states if name == "state" else [self.column.of(entry, {})]
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
    if not everything:
        return Filter(condition, Column("run"))
    found, equality = Filter(condition, find_column(condition.left, everything)), condition.operator in ("=", "!=")
    if found.column.is_number or (found.column.is_setting and not equality):
        _ = condition.number
    elif found.column.name == "when":
        if not _DATE.fullmatch(condition.right):
            raise UsageError(f"in {shown(text)} the right side is no date", fix="when>=2026-11-01 is such a filter")
    elif not equality:
        raise UsageError(f"in {shown(text)} the left side is text", fix="Only = and != compare texts.")
    states = (*STATES, PRUNED, FAILED, NOT_BEGUN, DAMAGED)
    if found.column.name == "state" and condition.right not in states:
        raise UsageError(f"no run can be {shown(condition.right)}", fix=nearest_of(condition.right, states))
    return found


def _named(text: str, everything: Sequence[Entry]) -> UsageError | None:
    """For the name of a config or run where a filter should stand."""
    if any(entry.name == text for entry in everything):
        return UsageError(f"{shown(text)} is no filter", fix=f"name={shown(text)} lists the runs of that config.")
    place = os.path.realpath(text) if "\0" not in text else ""
    named = [each for entry in everything for each in (entry, *entry.members)
             if each.label == text.rstrip("/") or os.path.realpath(each.path) == place]  # fmt: skip
    if any(each.members for each in named):
        fix = f"tuner show {shown(text)} tells about that group, tuner runs --members lists the runs of groups."
        return UsageError(f"{shown(text)} is no filter", fix=fix)
    if named or re.fullmatch(r"@[0-9]+", text):
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
    known = [(isinstance(each, int | float), each, entry) for each, entry in found if each is not None]
    known.sort(key=lambda one: (not one[0], one[1] if one[0] else natural(str(one[1]))), reverse=downwards)
    return [entry for *_, entry in known] + [entry for each, entry in found if each is None]
