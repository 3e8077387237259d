"""Where would early stopping have ended runs? A table a run and metric, or one a group with the means.

Up to its stop a run with early stopping is the same as one without, so that the rows of one run tell what any setting
would have done with it: the functions that decide in training decide here too.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from tuner.runs.files import CONFIG, Row
from tuner.runs.folder import Run

STOPPED, NEVER, UNKNOWN = "stopped", "never", "unknown"
FIGURES = ("stop", "saved", "best_epoch", "value", "cost")
"""What is known of each outcome, and as a mean of several."""


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
    one; ``unknown``: the run ended before that could be told, and nothing else is known either.
    """

    setting: Setting
    verdict: str
    stop: int | None = None
    saved: int | None = None  # epochs that were run after the stop
    best: Row | None = None  # of the best epoch up to the stop: its weights would have been kept
    cost: float | None = None  # how much better the best of the whole run is

    @property
    def best_epoch(self) -> int | None:
        return None if self.best is None else int(self.best["epoch"] or 0)

    @property
    def value(self) -> float | None:
        return None if self.best is None else self.best[self.setting.monitor]

    @property
    def others(self) -> dict[str, float | None]:
        """The best epoch's metrics beside the monitor: those on validation data, where there are any."""
        parts = {key: column(key).part for key in self.best or {}}
        part = "val" if "val" in parts.values() else "train"
        return {
            key: value for key, value in (self.best or {}).items() if parts[key] == part and key != self.setting.monitor
        }


@dataclass(frozen=True)
class Mean:
    """What a setting would have done with the runs of a group: the means over those of which it is known. A run that
    it would not have stopped counts with its last epoch."""

    setting: Setting
    runs: int
    known: int
    stopped: int
    others: dict[str, float | None]
    stop: float | None
    saved: float | None
    best_epoch: float | None
    value: float | None
    cost: float | None


@dataclass(frozen=True)
class Judgement:
    """A group, and what the settings of one metric would have done with its members; a single run is a group of one."""

    group: Group
    monitor: str
    members: Sequence[tuple[Run, Sequence[Outcome]]]

    @property
    def means(self) -> list[Mean]:
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
    settings = [(epochs, delta) for epochs in parsed(patience, "--patience") for delta in deltas]
    groups = {os.path.realpath(group.path): group for group in (find_group(name, runs_dir) for name in references)}
    wanted = list(dict.fromkeys(word.strip() for word in monitor.split(","))) if monitor is not None else []
    remarks: list[str] = []
    found = _judge(list(groups.values()), wanted, settings, remarks)
    tables = [table for each in found for table in _tables(each, members)]
    lines = [_line(run, outcome) for each in found for run, outcomes in each.members for outcome in outcomes]
    notes = [Note(remark, problem=True) for remark in remarks]
    return Answer([*notes, *tables], _data(found), "".join(f"{line}\n" for line in lines))


def parsed(text: str, option: str) -> list[Any]:
    """The numbers of an option, each once: ``3,5,10``. Raises UsageError."""
    is_patience = option == "--patience"
    takes = "numbers from 0 on, with commas between them: --min-delta 0,0.001"
    if is_patience:
        takes = "whole numbers from 1 on, with commas between them: --patience 3,5,10"
    values: list[Any] = [core_value(part.strip()) for part in text.split(",")]
    kinds, least = ((int,), 1) if is_patience else ((int, float), 0)
    if not all(type(value) in kinds and least <= value < math.inf for value in values):
        raise UsageError(f"{option} cannot be {shown(text) or repr(text)}", fix=f"it takes {takes}")
    return list(dict.fromkeys(values))


# ---- judged ----------------------------------------------------------------------------------------------------------


def replay(rows: Sequence[Row], planned: int, setting: Setting) -> Outcome:
    """What `setting` would have done with a run of these rows that was to go on for `planned` epochs."""
    waited = waits(oriented(rows, setting.monitor), setting.min_delta)
    place = next((place for place, epochs in enumerate(waited) if epochs >= setting.patience), None)
    if place is None and len(rows) < planned:
        return Outcome(setting, UNKNOWN)
    kept = rows if place is None else rows[: place + 1]
    best, best_of_all = best_row(kept, setting.monitor), best_row(rows, setting.monitor)
    cost = None
    if best is not None and best_of_all is not None:
        at_stop, at_end = oriented([best, best_of_all], setting.monitor)
        cost = at_stop - at_end
    verdict = NEVER if place is None else STOPPED
    return Outcome(setting, verdict, int(kept[-1]["epoch"] or 0), len(rows) - len(kept), best, cost)


def best_row(rows: Sequence[Row], monitor: str) -> Row | None:
    """The row whose weights are kept; None where no value is finite."""
    place = best_index(rows, monitor)
    return None if place is None else rows[place]


def mean_of(outcomes: Sequence[Outcome]) -> Mean:
    """The outcomes of one setting with the runs of a group, as one."""
    known = [outcome for outcome in outcomes if outcome.verdict != UNKNOWN]
    stopped = sum(outcome.verdict == STOPPED for outcome in known)
    names = dict.fromkeys(name for outcome in known for name in outcome.others)
    others = {name: mean_of_known(outcome.others.get(name) for outcome in known) for name in names}
    figures = {name: mean_of_known(getattr(outcome, name) for outcome in known) for name in FIGURES}
    return Mean(outcomes[0].setting, len(outcomes), len(known), stopped, others, **figures)


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
    group, monitor, means = judgement.group, judgement.monitor, judgement.means
    if not (group.is_single or members):
        unknown = [f", {mean.runs - mean.known} unknown" if mean.known < mean.runs else "" for mean in means]
        stops: list[Cell] = [f"{mean.stopped} of {mean.runs}{rest}" for mean, rest in zip(means, unknown, strict=True)]
        title = f"{group.path}: {monitor}, mean over {plural(len(judgement.members), 'seed')}"
        yield _table(title, means, stops)
        return
    for run, outcomes in judgement.members:
        best, count = best_row(run.rows, monitor), len(run.rows)
        at = f"best {figure(best[monitor])} in epoch {best['epoch']}" if best else "never finite"
        without = {NEVER: "never: ran to the end", UNKNOWN: f"unknown: ended at epoch {count}"}
        stops = [without.get(outcome.verdict, outcome.stop) for outcome in outcomes]
        yield _table(f"{run.path}: {monitor}, {plural(count, 'epoch')} run, {at}", outcomes, stops)


def _table(title: str, judged: Sequence[Outcome | Mean], stops: Sequence[Cell]) -> Table:
    """A row a setting, without min_delta where nobody asked for one. Of a group `stops` says how many runs would have
    stopped, and the mean of their last epoch stands beside it."""
    is_mean = isinstance(judged[0], Mean)
    heads = dict(zip(FIGURES, ("after", "saved", "best epoch", judged[0].setting.monitor, "worse by"), strict=True))
    names = FIGURES if is_mean else FIGURES[1:]
    beside = list(dict.fromkeys(name for each in judged for name in each.others))
    has_delta = any(each.setting.min_delta for each in judged)
    columns = [Column("patience"), *[Column("min_delta")] * has_delta]
    columns.append(Column("stops" if is_mean else "stops after", side="r"))
    columns += [Column(heads[name], "{:.1f}".format if is_mean else "number", "r") for name in names[:-2]]
    columns += [Column(head, "figure", "r") for head in (*(heads[name] for name in names[-2:]), *beside)]
    rows: list[list[Cell]] = []
    for each, stop in zip(judged, stops, strict=True):
        setting = [each.setting.patience, *[each.setting.min_delta] * has_delta]
        found = [getattr(each, name) for name in names]
        rows.append([*setting, stop, *found, *(each.others.get(name) for name in beside)])
    return Table(columns, rows, title)


def _line(run: Run, outcome: Outcome) -> str:
    """Patience, min_delta, the epoch of the stop (or never, unknown), the best epoch (or -), the metric, the run."""
    setting = outcome.setting
    stop = outcome.stop if outcome.verdict == STOPPED else outcome.verdict
    best = "-" if outcome.best_epoch is None else outcome.best_epoch
    return f"{setting.patience} {setting.min_delta:.15g} {stop} {best} {setting.monitor} {shown(run.path)}"


def _data(found: Sequence[Judgement]) -> dict[str, Any]:
    """What `--json` tells: each run under ``runs``, and the means of groups under ``groups``."""
    runs, groups = [], []
    for each in found:
        group = None if each.group.is_single else str(each.group.path)
        for run, outcomes in each.members:
            best = best_row(run.rows, each.monitor) or {}
            about = {"run": str(run.path), "group": group, "monitor": each.monitor, "epochs": len(run.rows)}
            at_best = {"best_epoch": best.get("epoch"), "best": best.get(each.monitor)}
            settings = [_plain(outcome, "verdict") for outcome in outcomes]
            runs.append({**about, "planned": _planned(run), **at_best, "settings": settings})
        if group is not None:
            means = [_plain(mean, "runs", "known", "stopped") for mean in each.means]
            groups.append({"group": group, "monitor": each.monitor, "settings": means})
    return {"runs": runs, "groups": groups}


def _plain(judged: Outcome | Mean, *first: str) -> dict[str, Any]:
    setting = {"patience": judged.setting.patience, "min_delta": judged.setting.min_delta}
    return {**setting, **{name: getattr(judged, name) for name in (*first, *FIGURES, "others")}}
