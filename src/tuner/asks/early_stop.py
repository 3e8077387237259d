"""Where would early stopping have ended runs? A table a run and metric, or one a group with the means.

Up to its stop a run with early stopping is the same as one without, so that the rows of one run tell what any setting
would have done with it: the functions that decide in training decide here too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Cell, Column, Note, Table
from tuner.document.nodes import core_value
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import figure, mean_of_known, plural
from tuner.monitor import best_index, oriented, waits
from tuner.options.metrics import column
from tuner.runs.family import Group, find_group
from tuner.runs.files import CONFIG
from tuner.runs.folder import Run
from tuner.runs.rows import Row

STOPPED, NEVER, UNKNOWN = "stopped", "never", "unknown"
FIGURES = {"stop": "after", "saved": "saved", "best_epoch": "best epoch", "value": "", "cost": "worse by"}
"""What is known of each outcome, and as a mean of several, under their heads; `value` is the metric's."""
TAKES: dict[str, tuple[tuple[type, ...], int, str]] = {
    "--patience": ((int,), 1, "whole numbers from 1 on, with commas between them: --patience 3,5,10"),
    "--min-delta": ((int, float), 0, "numbers from 0 on, with commas between them: --min-delta 0,0.001"),
}
"""Kinds of number, the least one, and what is said of that."""


@dataclass(frozen=True)
class Setting:
    """Early stopping as a config has it, and the metric it watches."""

    monitor: str
    patience: int
    min_delta: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a setting would have done with a run.

    `verdict`: it would have ``stopped`` it after epoch `stop`; ``never``: all epochs were run, and `stop` is the last
    one; ``unknown``: the run ended before that could be told, and nothing else is known either. The weights of
    `best_epoch` would have been kept, in which the monitor had `value`; `others` are the other metrics on validation
    data, where there are any, else on training data.
    """

    setting: Setting
    verdict: str
    stop: int | None = None
    saved: int | None = None  # epochs that were run after the stop
    best_epoch: int | None = None
    value: float | None = None
    cost: float | None = None  # how much better the best of the whole run is
    others: Mapping[str, float | None] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        setting = {"patience": self.setting.patience, "min_delta": self.setting.min_delta}
        return {**setting, **{name: getattr(self, name) for name in ("verdict", *FIGURES, "others")}}


@dataclass(frozen=True)
class Judgement:
    """A group, and what the settings of one metric would have done with its members; a single run is a group of one."""

    group: Group
    monitor: str
    members: Sequence[tuple[Run, Sequence[Outcome]]]

    def means(self) -> list[dict[str, Any]]:
        """One a setting."""
        return [mean_of(each) for each in zip(*(outcomes for _, outcomes in self.members), strict=True)]


def ask(
    references: Sequence[str],
    runs_dir: Path,
    *,
    patience: str,
    min_delta: str = "0",
    monitor: str | None = None,
    members: bool = False,
) -> Answer:
    """What each setting would have done with each run, for each metric of `monitor`, by default the run's own; with
    `members` those of a group one by one. Raises UsageError, NotFoundError."""
    deltas = list(map(float, parsed(min_delta, "--min-delta")))
    settings = list(product(parsed(patience, "--patience"), deltas))
    groups = {os.path.realpath(group.path): group for group in (find_group(name, runs_dir) for name in references)}
    wanted = list(dict.fromkeys(word.strip() for word in monitor.split(","))) if monitor is not None else []
    remarks: list[str] = []
    found = _judge(list(groups.values()), wanted, settings, remarks)
    tables = [table for each in found for table in _tables(each, members)]
    lines = [_line(run, outcome) for each in found for run, outcomes in each.members for outcome in outcomes]
    notes = [Note(remark, problem=True) for remark in remarks]
    return Answer([*notes, *tables], _data(found), "".join(lines))


def parsed(text: str, option: str) -> list[Any]:
    """The numbers of an option, each once: ``3,5,10``. Raises UsageError."""
    kinds, least, takes = TAKES[option]
    values: list[Any] = [core_value(part.strip()) for part in text.split(",")]
    if not all(type(value) in kinds and least <= value < math.inf for value in values):
        raise UsageError(f"{option} cannot be {shown(text) or repr(text)}", fix=f"it takes {takes}")
    return list(dict.fromkeys(values))


# ---- judged ----------------------------------------------------------------------------------------------------------


def replay(rows: Sequence[Row], planned: int, setting: Setting) -> Outcome:
    """What `setting` would have done with a run of these rows that was to go on for `planned` epochs."""
    monitor, values = setting.monitor, oriented(rows, setting.monitor)
    waited = waits(values, setting.min_delta)
    stop = next((count for count, epochs in enumerate(waited, 1) if epochs >= setting.patience), None)
    if stop is None and len(rows) < planned:
        return Outcome(setting, UNKNOWN)
    kept = rows[:stop]
    found = Outcome(setting, STOPPED if stop else NEVER, int(kept[-1]["epoch"] or 0), len(rows) - len(kept))
    place = best_index(kept, monitor)
    if place is None:
        return found
    best, parts = rows[place], {name: column(name).part for name in rows[place]}
    part = "val" if "val" in parts.values() else "train"
    others = {name: value for name, value in best.items() if parts[name] == part and name != monitor}
    cost = values[place] - min(values)
    return replace(found, best_epoch=int(best["epoch"] or 0), value=best[monitor], cost=cost, others=others)


def mean_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes of one setting with the runs of a group, as one: the means over those of which it is known. A run
    that it would not have stopped counts with its last epoch."""
    known = [outcome.as_data() for outcome in outcomes if outcome.verdict != UNKNOWN]
    names = dict.fromkeys(name for each in known for name in each["others"])
    return {
        "patience": outcomes[0].setting.patience,
        "min_delta": outcomes[0].setting.min_delta,
        "runs": len(outcomes),
        "known": len(known),
        "stopped": sum(each["verdict"] == STOPPED for each in known),
        **{name: mean_of_known(each[name] for each in known) for name in FIGURES},
        "others": {name: mean_of_known(each["others"].get(name) for each in known) for name in names},
    }


def _judge(
    groups: Sequence[Group], monitors: Sequence[str], settings: Sequence[tuple[int, float]], remarks: list[str]
) -> list[Judgement]:
    """A judgement a group and metric. Raises UsageError for a metric that no run has, NotFoundError without a run that
    has finished an epoch."""
    there = [(group, _readable(group, remarks)) for group in groups]
    if not any(runs for _, runs in there):
        raise NotFoundError("; ".join(remarks))
    known = dict.fromkeys(name for _, runs in there for run in runs for name in run.rows[-1] if column(name).part)
    for name in monitors:
        if name not in known:
            raise UsageError(f"--monitor cannot be {shown(name) or repr(name)}", fix=f"there are {', '.join(known)}")
    found = []
    for group, runs in there:
        for name in monitors or dict.fromkeys(run.monitor for run in runs):
            members = [
                (run, [replay(run.rows, _planned(run), Setting(name, *setting)) for setting in settings])
                for run in runs
                if name in run.rows[-1]
            ]
            if members:
                found.append(Judgement(group, name, members))
            else:
                remarks.append(f"{group.path} has no {name}")
        ended = [_end(run, group) for run in runs if len(run.rows) < _planned(run)]
        place = "" if group.is_single else f"{group.path}: "
        remarks += [f"{place}{', '.join(ended)}; what comes after is unknown"] if ended else []
    return found


def _readable(group: Group, remarks: list[str]) -> list[Run]:
    """The runs of a group that have finished an epoch. Raises NotFoundError where a run's own folder is damaged."""
    remarks += group.damaged
    found = []
    for run in group.runs.values():
        try:
            if run.rows:
                found.append(run)
            else:
                remarks.append(f"{run.path} has no finished epoch yet")
        except NotFoundError as error:
            if group.is_single:
                raise
            remarks.append(error.message)
    return found


def _planned(run: Run) -> int:
    """How many epochs the run's config asks for. Raises NotFoundError."""
    epochs = run.setting("training.epochs")
    if type(epochs) is not int:
        raise NotFoundError(f"{shown(run.path / CONFIG)} is damaged: training.epochs is not a whole number")
    return epochs


def _end(run: Run, group: Group) -> str:
    """Where and why a run ended before its last epoch: a more patient setting cannot be judged."""
    reason = str(run.status.get("reason") or "")
    why = reason.partition(":")[0] if run.state == "finished" and reason else run.state
    name = run.path if group.is_single else run.path.name
    return f"{name} ended after epoch {len(run.rows)} of {_planned(run)} ({why})"


# ---- shown -----------------------------------------------------------------------------------------------------------


def _tables(judgement: Judgement, members: bool) -> Iterator[Table]:
    group, monitor = judgement.group, judgement.monitor
    if not (group.is_single or members):
        means, stops = judgement.means(), []
        for mean in means:
            unknown = mean["runs"] - mean["known"]
            stops.append(f"{mean['stopped']} of {mean['runs']}" + f", {unknown} unknown" * bool(unknown))
        yield _table(
            f"{group.path}: {monitor}, mean over {plural(len(judgement.members), 'seed')}", monitor, means, stops
        )
        return
    for run, outcomes in judgement.members:
        best, count = _best(run, monitor), len(run.rows)
        at = f"best {figure(best[monitor])} in epoch {best['epoch']}" if best else "never finite"
        without = {NEVER: "never: ran to the end", UNKNOWN: f"unknown: ended at epoch {count}"}
        title = f"{run.path}: {monitor}, {plural(count, 'epoch')} run, {at}"
        stops_after = [without.get(outcome.verdict, outcome.stop) for outcome in outcomes]
        yield _table(title, monitor, [outcome.as_data() for outcome in outcomes], stops_after)


def _table(title: str, monitor: str, judged: Sequence[Mapping[str, Any]], stops: Sequence[Cell]) -> Table:
    """A row a setting, without min_delta where nobody asked for one. Of a group `stops` says how many runs would have
    stopped, and the mean of their last epoch stands beside it."""
    is_mean = "runs" in judged[0]
    beside = list(dict.fromkeys(name for each in judged for name in each["others"]))
    settings = ["patience", *["min_delta"] * any(each["min_delta"] for each in judged)]
    columns = [*map(Column, settings), Column("stops" if is_mean else "stops after", side="r")]
    names = list(FIGURES)[not is_mean :]
    for name in names:
        notation = "figure" if name in ("value", "cost") else "{:.1f}".format if is_mean else "number"
        columns.append(Column(FIGURES[name] or monitor, notation, "r"))
    columns += [Column(name, "figure", "r") for name in beside]
    rows: list[list[Cell]] = []
    for each, stop in zip(judged, stops, strict=True):
        others = [each["others"].get(name) for name in beside]
        rows.append([*(each[name] for name in settings), stop, *(each[name] for name in names), *others])
    return Table(columns, rows, title)


def _line(run: Run, outcome: Outcome) -> str:
    """Patience, min_delta, the epoch of the stop (or never, unknown), the best epoch (or -), the metric, the run."""
    setting = outcome.setting
    stop = outcome.stop if outcome.verdict == STOPPED else outcome.verdict
    best = "-" if outcome.best_epoch is None else outcome.best_epoch
    return f"{setting.patience} {setting.min_delta:.15g} {stop} {best} {setting.monitor} {shown(run.path)}\n"


def _data(found: Sequence[Judgement]) -> dict[str, Any]:
    """What `--json` tells: each run under ``runs``, and the means of groups under ``groups``."""
    runs, groups = [], []
    for each in found:
        group = None if each.group.is_single else str(each.group.path)
        for run, outcomes in each.members:
            best = _best(run, each.monitor)
            about = {"run": str(run.path), "group": group, "monitor": each.monitor, "epochs": len(run.rows)}
            at_best = {"best_epoch": best.get("epoch"), "best": best.get(each.monitor)}
            settings = [outcome.as_data() for outcome in outcomes]
            runs.append({**about, "planned": _planned(run), **at_best, "settings": settings})
        if group is not None:
            groups.append({"group": group, "monitor": each.monitor, "settings": each.means()})
    return {"runs": runs, "groups": groups}


def _best(run: Run, monitor: str) -> Row:
    """The row of the best epoch; {} where no value is finite."""
    place = best_index(run.rows, monitor)
    return {} if place is None else run.rows[place]
