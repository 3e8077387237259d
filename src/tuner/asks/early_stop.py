"""Where would early stopping have ended runs? A table a run and metric, or one a group with the means.

Up to its stop a run with early stopping is the same as one without, so that the rows of one run tell what any setting
would have done with it: the functions that decide in training decide here too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Cell, Column, Note, Table
from tuner.choice import nearest_of
from tuner.document.nodes import core_value
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import figure, mean_of_known, plural
from tuner.monitor import best_index, oriented, waits
from tuner.options.metrics import column, usual
from tuner.runs.family import Group, find_group
from tuner.runs.files import CONFIG, Row
from tuner.runs.folder import Run

STOPPED, NEVER, UNKNOWN = "stopped", "never", "unknown"
FIGURES = {"stop": "after", "saved": "saved", "best_epoch": "best epoch", "value": "", "cost": "worse by"}
"""What is known of each outcome, and as a mean of several, under their heads; `value` is the metric's."""
TAKES: dict[str, tuple[tuple[type, ...], int, str]] = {
    "--patience": ((int,), 1, "whole numbers from 1 on, with commas between them: --patience 3,5,10"),
    "--min-delta": ((int, float), 0, "numbers from 0 on, with commas between them: --min-delta 0,0.001"),
}
"""Kinds of number, the least one, and what is said of that."""

Data = Mapping[str, Any]
"""What `--json` tells of a run or group: each of its `settings` is an `Outcome`, or the mean of several."""


@dataclass(frozen=True)
class Outcome:
    """What early stopping would have done with a run.

    `verdict`: it would have ``stopped`` it after epoch `stop`; ``never``: all epochs were run, and `stop` is the last
    one; ``unknown``: the run ended before that could be told, and nothing else is known either. The weights of
    `best_epoch` would have been kept, in which the monitor had `value`; `others` are the other metrics on validation
    data, where there are any, else on training data.
    """

    patience: int
    min_delta: float
    verdict: str
    stop: int | None = None
    saved: int | None = None  # epochs that were run after the stop
    best_epoch: int | None = None
    value: float | None = None
    cost: float | None = None  # how much better the best of the whole run is
    others: Mapping[str, float | None] = field(default_factory=dict)


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
    tables = []
    for group, mean, runs in found:
        each = members or group.is_single
        tables += [_run_table(run) for run in runs] if each else [_group_table(mean, group.counted(len(runs)))]
    data = {"runs": [run for *_, runs in found for run in runs]}
    data["groups"] = [mean for group, mean, _ in found if not group.is_single]
    lines = [_line(run, each) for run in data["runs"] for each in run["settings"]]
    return Answer([*(Note(remark, problem=True) for remark in remarks), *tables], data, "".join(lines))


def parsed(text: str, option: str) -> list[Any]:
    """The numbers of an option, each once: ``3,5,10``. Raises UsageError."""
    kinds, least, takes = TAKES[option]
    values: list[Any] = [core_value(part.strip()) for part in text.split(",")]
    if not all(type(value) in kinds and least <= value < math.inf for value in values):
        raise UsageError(f"{option} cannot be {shown(text) or repr(text)}", fix=f"it takes {takes}")
    return list(dict.fromkeys(values))


def replay(rows: Sequence[Row], planned: int, monitor: str, patience: int, min_delta: float = 0.0) -> Outcome:
    """What early stopping would have done with a run of these rows that was to go on for `planned` epochs."""
    values = oriented(rows, monitor)
    waited = waits(values, min_delta)
    stop = next((count for count, epochs in enumerate(waited, 1) if epochs >= patience), None)
    if stop is None and len(rows) < planned:
        return Outcome(patience, min_delta, UNKNOWN)
    kept, verdict = rows[:stop], STOPPED if stop else NEVER
    at_stop = (patience, min_delta, verdict, int(kept[-1]["epoch"] or 0), len(rows) - len(kept))
    place = best_index(kept, monitor)
    if place is None:
        return Outcome(*at_stop)
    best, parts = rows[place], {name: column(name).part for name in rows[place]}
    part = "val" if "val" in parts.values() else "train"
    others = {name: value for name, value in best.items() if parts[name] == part and name != monitor}
    return Outcome(*at_stop, int(best["epoch"] or 0), best[monitor], values[place] - min(values), others)


def mean_of(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The outcomes of one setting with the runs of a group, as one: the means over those of which it is known. A run
    that it would not have stopped counts with its last epoch."""
    known = [outcome for outcome in outcomes if outcome.verdict != UNKNOWN]
    names = dict.fromkeys(name for each in known for name in each.others)
    return {
        "patience": outcomes[0].patience,
        "min_delta": outcomes[0].min_delta,
        "runs": len(outcomes),
        "known": len(known),
        "stopped": sum(each.verdict == STOPPED for each in known),
        **{name: mean_of_known(getattr(each, name) for each in known) for name in FIGURES},
        "others": {name: mean_of_known(each.others.get(name) for each in known) for name in names},
    }


def _judge(
    groups: Sequence[Group], monitors: Sequence[str], settings: Sequence[tuple[int, float]], remarks: list[str]
) -> list[tuple[Group, Data, list[Data]]]:
    """For each group and metric the means and the runs. Raises UsageError for a metric that no
    run has, NotFoundError without a run that has finished an epoch."""
    there = [(group, _readable(group, remarks)) for group in groups]
    if not any(runs for _, runs in there):
        raise NotFoundError("; ".join(remarks))
    known = dict.fromkeys(name for _, runs in there for run in runs for name in run.rows[-1] if column(name).part)
    for name in monitors:
        if name not in known:
            raise UsageError(f"--monitor cannot be {shown(name) or repr(name)}", fix=nearest_of(name, known))
    found: list[tuple[Group, Data, list[Data]]] = []
    for group, runs in there:
        for name in monitors or dict.fromkeys(run.monitor for run in runs):
            judged = {
                run: [replay(run.rows, _planned(run), name, *each) for each in settings]
                for run in runs
                if name in run.rows[-1]
            }
            about = {"group": None if group.is_single else str(group.path), "monitor": name}
            mean = {**about, "settings": [mean_of(each) for each in zip(*judged.values(), strict=True)]}
            if judged:
                told = [_told(run, about, outcomes) for run, outcomes in judged.items()]
                found.append((group, mean, told))
            else:
                remarks.append(f"{group.path} has no {name}")
        ended = [_end(run, group) for run in runs if len(run.rows) < _planned(run)]
        place = "" if group.is_single else f"{group.path}: "
        remarks += [f"{place}{', '.join(ended)}; what comes after is unknown"] if ended else []
    return found


def _told(run: Run, about: Data, outcomes: Sequence[Outcome]) -> Data:
    place = best_index(run.rows, about["monitor"])
    best = {} if place is None else run.rows[place]
    return {
        "run": str(run.path),
        **about,
        "epochs": len(run.rows),
        "planned": _planned(run),
        "best_epoch": best.get("epoch"),
        "best": best.get(about["monitor"]),
        "settings": list(map(vars, outcomes)),
    }


def _readable(group: Group, remarks: list[str]) -> list[Run]:
    """The runs of a group that have finished an epoch. Raises NotFoundError where a run's own folder is damaged."""
    remarks += group.damaged.values()
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


def _group_table(group: Data, runs: str) -> Table:
    stops = []
    for each in group["settings"]:
        unknown = each["runs"] - each["known"]
        stops.append(f"{each['stopped']} of {each['runs']}" + f", {unknown} unknown" * bool(unknown))
    title = f"{group['group']}: {group['monitor']}, mean over {runs}"
    return _table(title, group, list(FIGURES), Column("stops", side="r"), stops)


def _run_table(run: Data) -> Table:
    epochs, best_epoch = run["epochs"], run["best_epoch"]
    at = "never finite" if best_epoch is None else f"best {figure(run['best'])} in epoch {best_epoch}"
    without = {NEVER: "never: ran to the end", UNKNOWN: f"unknown: ended at epoch {epochs}"}
    stops = [without.get(each["verdict"], each["stop"]) for each in run["settings"]]
    title = f"{run['run']}: {run['monitor']}, {plural(epochs, 'epoch')} run, {at}"
    return _table(title, run, list(FIGURES)[1:], Column("stops after", side="r"), stops)


def _table(title: str, judged: Data, names: Sequence[str], head: Column, stops: Sequence[Cell]) -> Table:
    """A row a setting, without min_delta where nobody asked for one; `names` are the figures beside the stop."""
    settings = judged["settings"]
    asked = ["patience", *["min_delta"] * any(each["min_delta"] for each in settings)]
    beside = list(usual(dict.fromkeys(name for each in settings for name in each["others"]), judged["monitor"]))
    columns = [*map(Column, asked), head]
    for name in names:
        notation = "figure" if name in ("value", "cost") else "number" if "run" in judged else "{:.1f}".format
        columns.append(Column(FIGURES[name] or judged["monitor"], notation, "r"))
    columns += [Column(name, "figure", "r") for name in beside]
    rows: list[list[Cell]] = []
    for each, stop in zip(settings, stops, strict=True):
        others = [each["others"].get(name) for name in beside]
        rows.append([*(each[name] for name in asked), stop, *(each[name] for name in names), *others])
    return Table(columns, rows, title)


def _line(run: Data, outcome: Data) -> str:
    """Patience, min_delta, the epoch of the stop (or never, unknown), the best epoch (or -), the metric, the run."""
    stop = outcome["stop"] if outcome["verdict"] == STOPPED else outcome["verdict"]
    best = "-" if outcome["best_epoch"] is None else outcome["best_epoch"]
    return f"{outcome['patience']} {outcome['min_delta']:.15g} {stop} {best} {run['monitor']} {shown(run['run'])}\n"
