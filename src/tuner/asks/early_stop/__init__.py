"""Where would early stopping have ended runs? A table a run and metric, or one a group with the means."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Cell, Column, Note, Table
from tuner.asks.early_stop.replay import (
    FIGURES,
    NEVER,
    STOPPED,
    UNKNOWN,
    Mean,
    Outcome,
    Setting,
    best_row,
    mean_of,
    parse_min_delta,
    parse_patience,
    replay,
)
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import figure, plural
from tuner.options.metrics import column
from tuner.runs.family import Group, find_group
from tuner.runs.folder import Run


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
    settings = [(epochs, delta) for epochs in parse_patience(patience) for delta in parse_min_delta(min_delta)]
    groups = {os.path.realpath(group.path): group for group in (find_group(name, runs_dir) for name in references)}
    wanted = list(dict.fromkeys(word.strip() for word in monitor.split(","))) if monitor is not None else []
    remarks: list[str] = []
    found = _judge(list(groups.values()), wanted, settings, remarks)
    tables = [table for each in found for table in _tables(each, members)]
    lines = [_line(run, outcome) for each in found for run, outcomes in each.members for outcome in outcomes]
    notes = [Note(remark, problem=True) for remark in remarks]
    return Answer([*notes, *tables], _data(found), "".join(f"{line}\n" for line in lines))


def _judge(
    groups: Sequence[Group], monitors: Sequence[str], settings: Sequence[tuple[int, float]], remarks: list[str]
) -> list[Judgement]:
    """A judgement a group and metric. Raises UsageError for a metric that no run has, NotFoundError without a run that
    has finished an epoch."""
    there = [(group, _readable(group, remarks)) for group in groups]
    if not any(runs for _, runs in there):
        raise NotFoundError("; ".join(remarks))
    _check_monitors(monitors, [run for _, runs in there for run in runs])
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
        remarks += _ended_early(group, runs)
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


def _check_monitors(monitors: Sequence[str], runs: Sequence[Run]) -> None:
    """Raises UsageError for what early stopping can watch in no run."""
    known = dict.fromkeys(name for run in runs for name in run.rows[-1] if column(name).part)
    for name in monitors:
        if name not in known:
            raise UsageError(f"--monitor cannot be {shown(name) or repr(name)}", fix=f"there are {', '.join(known)}")


def _planned(run: Run) -> int:
    """How many epochs the run's config asks for. Raises NotFoundError."""
    epochs = run.setting("training.epochs")
    if type(epochs) is not int:
        raise NotFoundError(f"{shown(run.path / 'config.yaml')} is damaged: training.epochs is not a whole number")
    return epochs


def _ended_early(group: Group, runs: Sequence[Run]) -> list[str]:
    """A remark on runs that ended before their last epoch: a more patient setting cannot be judged."""
    ended = []
    for run in runs:
        planned, reason = _planned(run), str(run.status.get("reason") or "")
        if len(run.rows) < planned:
            why = reason.partition(":")[0] if run.state == "finished" and reason else run.state
            name = run.path if group.is_single else run.path.name
            ended.append(f"{name} ended after epoch {len(run.rows)} of {planned} ({why})")
    place = "" if group.is_single else f"{group.path}: "
    return [f"{place}{', '.join(ended)}; what comes after is unknown"] if ended else []


# ---- shown -----------------------------------------------------------------------------------------------------------


def _tables(judgement: Judgement, members: bool) -> Iterator[Table]:
    group, monitor = judgement.group, judgement.monitor
    if not (group.is_single or members):
        title = f"{group.path}: {monitor}, mean over {plural(len(judgement.members), 'seed')}"
        yield _table(title, judgement.means, [_stops(mean) for mean in judgement.means])
        return
    for run, outcomes in judgement.members:
        best, count = best_row(run.rows, monitor), len(run.rows)
        at = f"best {figure(best[monitor])} in epoch {best['epoch']}" if best else "never finite"
        without = {NEVER: "never: ran to the end", UNKNOWN: f"unknown: ended at epoch {count}"}
        stops = [without.get(outcome.verdict, outcome.stop) for outcome in outcomes]
        yield _table(f"{run.path}: {monitor}, {plural(count, 'epoch')} run, {at}", outcomes, stops)


def _stops(mean: Mean) -> str:
    unknown = f", {mean.runs - mean.known} unknown" if mean.known < mean.runs else ""
    return f"{mean.stopped} of {mean.runs}{unknown}"


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


# ---- for scripts -----------------------------------------------------------------------------------------------------


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
