"""Runs side by side: the folders of a runs folder as entries, filtered, sorted and looked up column by column."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tuner.config import ABSENT, Setting, meaning, name_of, side_by_side
from tuner.document import Place, core_value, parse, to_plain
from tuner.durable import shown
from tuner.errors import NotFoundError, UsageError
from tuner.results import Condition, Metric, metrics_of_run, parse_condition, parse_metric, read_group, seconds, value
from tuner.run import STATES, Run, folders_in, glance, headline, holder, is_run, members, natural, results_in

DAMAGED = "damaged"
_LEFT_BY_A_RUN = ("config.yaml", "metrics.csv", "status.json")


@dataclass(frozen=True, eq=False)
class Entry:
    """A run, a group of runs (it has `members`), or a folder of which nothing can be read (it has no `runs`)."""

    path: Path
    label: str  # what names it on the command line: digits-3, sweep/seed-0
    state: str
    created: str = ""
    name: str = ""  # the config's
    runs: tuple[Run, ...] = ()
    members: tuple[Entry, ...] = ()
    problem: str = ""  # why it cannot be read
    previous: Entry | None = None  # the next older entry of the same config name

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What its runs share, as `flat` gives it."""
        known = flat(self.runs[0].config) if self.runs else {}
        return {key: value for key, value in known.items() if key != "seed"} if self.members else known

    @cached_property
    def changed(self) -> dict[str, Any] | None:
        """The settings that are not those of `previous`; None where there is no previous one."""
        if self.previous is None or not self.runs:
            return None
        before, after = self.previous.runs[0], self.runs[0]
        if before.identity.config_hash == after.identity.config_hash:
            return {}
        both = [meaning(before.config), meaning(after.config)]
        if self.members or self.previous.members:
            both = [{key: value for key, value in each.items() if key != "seed"} for each in both]
        return _changes(side_by_side(both))


def flat(config: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Every setting under its dotted key, a choice's name under the key of the choice: ``{"optimizer": "adam",
    "optimizer.lr": 0.001}``."""
    found: dict[str, Any] = {}
    for key, item in config.items():
        place = f"{path}{key}"
        if path and key == "name":
            found[path[:-1]] = item
        elif isinstance(item, dict):
            found |= flat(item, f"{place}.")
        else:
            found[place] = item
    return found


def _changes(settings: Sequence[Setting]) -> dict[str, Any]:
    """The new values, by key, of two configs' settings. Of a switched choice: its name, and what both choices have.
    A setting that only one config has is one that the language has won or lost since."""
    found: dict[str, Any] = {}
    for setting in settings:
        if setting.differs and not any(each is ABSENT for each in setting.values):
            found[setting.key] = name_of(setting.values[1])
            found |= _changes(setting.inside)
    return found


# ---- what there is ---------------------------------------------------------------------------------------------------


def entries(runs_dir: Path) -> list[Entry]:
    """What lies in `runs_dir`, newest first; a group is as new as its newest run, and what has no time comes last.

    Raises NotFoundError when it cannot be listed; [] when it is not there.
    """
    results = results_in(runs_dir)
    found = [entry for path in results for entry in _below(path)]
    found += [entry for path in sorted(set(folders_in(runs_dir)) - set(results)) for entry in _unfinished(path)]
    found.sort(key=lambda entry: entry.created, reverse=True)
    newest: dict[str, Entry] = {}
    chained = []
    for entry in reversed(found):
        chained.append(replace(entry, previous=newest.get(entry.name)))
        if entry.runs:
            newest[entry.name] = chained[-1]
    return chained[::-1]


def _below(path: Path) -> list[Entry]:
    """The run in `path`, or its group; each run for itself where they are no group."""
    if is_run(path):
        return [_entry(path, path.name)]
    inside = members(path)
    try:
        group = read_group(path)
    except NotFoundError:
        return [_entry(each, f"{path.name}/{each.name}") for each in inside]
    known = {run.path: run for run in group.runs.values()}
    parts = tuple(_entry(each, f"{path.name}/{each.name}", known.get(each)) for each in inside)
    damaged = sum(part.state == DAMAGED for part in parts)
    state = group.state + (f", {damaged} {DAMAGED}" if damaged else "")
    created = max(run.created for run in known.values())
    return [Entry(path, path.name, state, created, group.first.name, tuple(group.runs.values()), parts)]


def _entry(path: Path, label: str, run: Run | None = None) -> Entry:
    try:
        run = run or glance(path)
        _ = run.config
    except NotFoundError as error:
        created, name = headline(path)
        return Entry(path, label, DAMAGED, created, name, problem=error.message)
    return Entry(path, label, run.state, run.created, run.name, (run,))


def _unfinished(path: Path) -> list[Entry]:
    """A group before its first member, or a run that lost its run.json; [] for a folder that is neither."""
    if (path / "group.json").is_file():
        state = "crashed" if holder(path) is None else "running"
        return [Entry(path, path.name, state, problem=f"{shown(path)} holds no run yet")]
    if any((path / name).is_file() for name in _LEFT_BY_A_RUN) and holder(path) is None:
        return [Entry(path, path.name, DAMAGED, problem=f"{shown(path / 'run.json')} is missing")]
    return []


# ---- columns ---------------------------------------------------------------------------------------------------------


def _seconds(entry: Entry) -> float | None:
    return _mean([seconds(run) for run in entry.runs])


def _best_epoch(entry: Entry) -> float | None:
    return _mean([run.status.get("best_epoch") for run in entry.runs])


OWN: dict[str, Callable[[Entry], Any]] = {
    "run": lambda entry: entry.label,
    "name": lambda entry: entry.name or None,
    "when": lambda entry: entry.created or None,
    "state": lambda entry: entry.state,
    "seed": lambda entry: entry.settings.get("seed"),
    "seeds": lambda entry: len(entry.runs) or None,
    "changed": lambda entry: entry.changed,
    "best": _best_epoch,
    "time": _seconds,
    "tags": lambda entry: entry.settings.get("tags"),
}
"""The columns that every entry has. Of a group `best` and `time` are means over its runs."""

_ALSO = {"tag": "tags", "created": "when", "best_epoch": "best", "path": "run", "status": "state"}
_NUMBERS = ("seed", "seeds", "best", "time")


@dataclass(frozen=True)
class Column:
    """One of `OWN`, a setting by its key, or a metric."""

    name: str
    metric: Metric | None = None

    @property
    def is_setting(self) -> bool:
        return self.metric is None and self.name not in OWN

    def of(self, entry: Entry, problems: dict[str, None] | None = None) -> Any:
        """What stands in this column for `entry`; None for nothing. Of a group it is the mean over its runs, and
        nothing where one of them has no such value. A file that is damaged is noted in `problems`."""
        if self.metric is None:
            return OWN[self.name](entry) if self.name in OWN else entry.settings.get(self.name)
        return _mean([_value(run, self.metric, problems if problems is not None else {}) for run in entry.runs])


def _value(run: Run, metric: Metric, problems: dict[str, None]) -> float | None:
    try:
        return value(run, metric)
    except UsageError:  # runs differ in what they measure
        return None
    except NotFoundError as error:
        problems[error.message] = None
        return None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [each for each in values if each is not None and not math.isnan(each)]
    if not known or len(known) < len(values):
        return None
    return known[0] if len(known) == 1 else sum(known) / len(known)


def column(text: str, everything: Sequence[Entry]) -> Column:
    """The column that the command line names: one of `OWN`, a setting (``optimizer.lr``, or ``lr`` where no other key
    ends like that), or a metric. Raises UsageError for one that none of the entries has."""
    text = _ALSO.get(text.strip(), text.strip())
    if text in OWN:
        return Column(text)
    keys = dict.fromkeys(key for entry in everything for key in entry.settings)
    key = text.removesuffix(".name")
    if key in keys:
        return Column(key)
    ending = [each for each in keys if each.endswith(f".{key}")]
    if len(ending) == 1:
        return Column(ending[0])
    measured = _metrics(everything)
    if not ending:
        try:
            metric = parse_metric(text)
        except UsageError:
            if text.startswith("epochs("):
                raise
        else:
            if metric.column in measured or not everything or not _measures(everything):
                return Column(text, _checked(metric))
    raise _unknown(text, ending or [each for each in measured if each.endswith(f"_{text}")], [*OWN, *measured, *keys])


def _checked(metric: Metric) -> Metric:
    if metric.column.startswith("test_") and (metric.at is not None or metric.reached is not None):
        raise UsageError(f"{shown(metric)}: test data is touched once, with the weights of the best epoch")
    return metric


def _metrics(everything: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(name for entry in everything for run in entry.runs for name in metrics_of_run(run)))


def _measures(everything: Sequence[Entry]) -> bool:
    """Whether any run has measured something yet."""
    return any(run.status.get("best") or run.status.get("last") for entry in everything for run in entry.runs)


def _unknown(text: str, near: Sequence[str], known: Sequence[str]) -> UsageError:
    from tuner.config.words import nearest

    one = nearest(text, known)
    if near:
        fix = f"Did you mean {' or '.join(near[:6])}?"
    elif one is not None:
        fix = f"Did you mean {one}?"
    else:
        fix = f"There are {', '.join(key for key in known if '.' not in key)}, and settings like optimizer.lr."
    return UsageError(f"no run here has {shown(text) or repr(text)}", fix=fix)


def usual_columns(everything: Sequence[Entry]) -> list[Column]:
    """What a list shows unless told otherwise: the monitors' best values first among the metrics."""
    runs = [run for entry in everything for run in entry.runs]
    monitors = dict.fromkeys(entry.settings.get("training.monitor") for entry in everything if entry.runs)
    best = dict.fromkeys(key for run in runs for key in run.status.get("best") or {})
    metrics = [key for key in monitors if key in best]
    metrics += [key for key in best if key.startswith("val_") and key not in metrics]
    metrics += dict.fromkeys(f"test_{key}" for run in runs for key in run.status.get("test") or {})
    seeds = ["seeds"] if any(entry.members for entry in everything) else []
    names = ["run", "when", "state", *seeds, "changed", "best"]
    return [*map(Column, names), *(Column(key, parse_metric(key)) for key in metrics), Column("time")]


def differing(everything: Sequence[Entry]) -> list[Column]:
    """The settings that are not the same in all entries. What a choice has to itself differs only between two runs of
    that choice."""
    configs = [entry.settings for entry in everything if entry.runs]
    grouped = any(entry.members for entry in everything)
    keys = dict.fromkeys(key for settings in configs for key in meaning(settings) if not (grouped and key == "seed"))
    found = []
    for key in keys:
        values = [settings[key] for settings in configs if key in settings]
        optional = len(values) < len(configs) and any(key.startswith(f"{each}.") or each.startswith(f"{key}.")
            for settings in configs for each in settings if key not in settings)
        if any(each != values[0] for each in values) or optional:
            found.append(Column(key))
    return found
