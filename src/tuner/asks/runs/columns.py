"""The columns of a list: what every entry has, the settings of the runs, and their metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tuner.asks.runs.entries import Entry
from tuner.choice import nearest
from tuner.config.comparison import ABSENT, Setting, meaning, name_of, side_by_side
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import mean
from tuner.options.metrics import Column as Measured
from tuner.options.metrics import column as column_of
from tuner.quantities import LAYER
from tuner.runs.family import without_seed
from tuner.runs.folder import Run
from tuner.runs.values import Metric, metrics_of_run, parse_metric, seconds, value

Problems = dict[str, None]
"""What is wrong with files that were looked into on the way, each once."""

OWN: dict[str, Callable[[Entry], Any]] = {
    "run": lambda entry: entry.label,
    "name": lambda entry: entry.name or None,
    "when": lambda entry: entry.created or None,
    "state": lambda entry: entry.state,
    "seed": lambda entry: entry.settings.get("seed"),
    "seeds": lambda entry: len(entry.runs) or None,
    "changed": lambda entry: entry.changed,
    "best": lambda entry: _mean([run.status.get("best_epoch") for run in entry.runs]),
    "time": lambda entry: _mean([seconds(run) for run in entry.runs]),
    "tags": lambda entry: entry.settings.get("tags"),
}
"""The columns that are neither settings nor metrics. Of a group `best` and `time` are means over its runs."""

NUMBERS = ("seed", "seeds", "best", "time")
_ALSO = {"tag": "tags", "created": "when", "best_epoch": "best", "path": "run", "status": "state"}


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
    ends like that), or a metric. Raises UsageError for one that none of the entries has."""
    text = _ALSO.get(text.strip(), text.strip())
    if text in OWN:
        return Column(text)
    keys = dict.fromkeys(key for entry in everything for key in entry.settings)
    key = text.removesuffix(".name")
    ending = [key] if key in keys else [each for each in keys if each.endswith(f".{key}")]
    if len(ending) == 1:
        return Column(ending[0])
    runs = [run for entry in everything for run in entry.runs]
    begun = any(run.status.get("best") or run.status.get("last") for run in runs)
    measured = list(dict.fromkeys(name for run in runs for name in metrics_of_run(run))) if begun else []
    if not ending and (metric := _metric(text, runs, measured)) is not None:
        return Column(text, metric)
    near = ending or [each for each in measured if each.endswith(f"_{text}")]
    known = [*OWN, *measured, *keys]
    meant = " or ".join(near[:6]) or nearest(text, known)
    there = ", ".join(dict.fromkeys(each for each in known if "." not in each))
    fix = f"Did you mean {meant}?" if meant else f"There are {there}, and settings like optimizer.lr."
    raise UsageError(f"no run here has {shown(text) or repr(text)}", fix=fix)


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
    monitors = {entry.settings.get("training.monitor") for entry in everything} & best
    validation = {key for key in best if column_of(key).part == "val"} - monitors
    test = {str(Measured("test", key)) for run in runs for key in run.status.get("test") or {}}
    metrics = [
        key
        for some in (monitors, validation, test)
        for key in sorted(some, key=lambda name: (column_of(name).order, name))
    ]
    seeds = ["seeds"] if any(entry.members for entry in everything) else []
    names = ["run", "when", "state", *seeds, "changed", "best"]
    return [*map(Column, names), *(Column(key, parse_metric(key)) for key in metrics), Column("time")]


def differing(everything: Sequence[Entry]) -> list[Column]:
    """The settings that are not the same in all entries. What a choice has to itself differs only between two runs of
    that choice."""
    shared = without_seed if any(entry.members for entry in everything) else meaning
    configs = [shared(entry.runs[0].config) for entry in everything if entry.runs]
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
