"""`tuner early-stop`: where early stopping would have ended runs, from what they measured."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli.options import RUNS, Json, Quiet, RunsArgument, RunsDir
from tuner.cli.reading import say_error

if TYPE_CHECKING:
    from tuner.render.stops import Judged
    from tuner.runs.family import Group
    from tuner.runs.folder import Run


def early_stop(
    runs: RunsArgument,
    patience: Annotated[
        str, typer.Option("--patience", metavar="N,N...", help="Epochs without improvement before the stop.")
    ] = "2,3,5,10,20",
    min_delta: Annotated[
        str, typer.Option("--min-delta", metavar="D,D...", help="An improvement has to be larger than this.")
    ] = "0",
    monitor: Annotated[
        str | None, typer.Option("--monitor", metavar="M,M...", help="Metrics to watch; default: each run's monitor.")
    ] = None,
    members: Annotated[bool, typer.Option("--members", help="The members of a group one by one.")] = False,
    markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Tell where early stopping would have ended a run.

    \b
    tuner early-stop digits-1 --patience 3,5,10
    tuner early-stop digits-1 --patience 5 --min-delta 0,0.001
    tuner early-stop digits-1 --monitor val_loss,val_accuracy
    tuner early-stop adam sgd                   groups: the mean over their seeds
    tuner early-stop digits-1 -q                for scripts: patience min_delta stop best monitor run

    Up to its stop a run with early stopping is the same as one without: what is told here is what training would do.
    In the mean of a group a run that would not have been stopped counts with its last epoch; one that ended before that
    could be told does not count.
    """
    from tuner.early_stop import parse_min_delta, parse_patience
    from tuner.errors import UsageError
    from tuner.render.stops import plain_lines
    from tuner.runs.family import find_group

    if markdown and as_json:
        raise UsageError("--md and --json are two forms of the output: give one of the two")
    waits, deltas = parse_patience(patience), parse_min_delta(min_delta)
    groups = {os.path.realpath(group.path): group for group in (find_group(name, runs_dir) for name in runs)}
    wanted = [word.strip() for word in monitor.split(",")] if monitor is not None else []
    remarks: list[str] = []
    found = judge(list(groups.values()), list(dict.fromkeys(wanted)), waits, deltas, remarks)
    for remark in remarks:
        say_error(remark)
    if as_json:
        typer.echo(json.dumps(as_data(found)))
    elif quiet:
        typer.echo("\n".join(line for each in found for judged in each.members for line in plain_lines(judged)))
    else:
        typer.echo("\n\n".join(text for each in found for text in texts(each, members, markdown)))


@dataclass(frozen=True)
class Judgement:
    """A group, and what the settings of one metric would have done with its members; a single run is a group of one."""

    group: Group
    monitor: str
    members: list[Judged]


def judge(
    groups: list[Group], monitors: list[str], patience: list[int], min_delta: list[float], remarks: list[str]
) -> list[Judgement]:
    """A judgement a group and metric. Raises UsageError for a metric that no run has, NotFoundError without a run that
    has finished an epoch."""
    from tuner.early_stop import Setting, own_monitor, planned_epochs, replay
    from tuner.errors import NotFoundError
    from tuner.render.stops import Judged

    there = {id(group): readable(group, remarks) for group in groups}
    if not any(there.values()):
        raise NotFoundError("; ".join(remarks))
    check_monitors(monitors, [run for group in groups for run in there[id(group)]])
    found = []
    for group in groups:
        runs = there[id(group)]
        for name in monitors or dict.fromkeys(own_monitor(run) for run in runs):
            settings = [Setting(name, epochs, delta) for epochs in patience for delta in min_delta]
            judged = []
            for run in runs:
                if name in run.rows[-1]:
                    planned = planned_epochs(run)
                    outcomes = [replay(run.rows, planned, setting) for setting in settings]
                    judged.append(Judged(str(run.path), run.rows, planned, outcomes))
            if judged:
                found.append(Judgement(group, name, judged))
            else:
                remarks.append(f"{group.path} has no {name}")
        remarks += ended_early(group, runs)
    return found


def readable(group: Group, remarks: list[str]) -> list[Run]:
    """The runs of a group that have finished an epoch. Raises NotFoundError where a run's own folder is damaged."""
    from tuner.errors import NotFoundError

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


def check_monitors(monitors: list[str], runs: list[Run]) -> None:
    """Raises UsageError where no run has one."""
    from tuner.durable import shown
    from tuner.early_stop import monitors_of
    from tuner.errors import UsageError

    known = list(dict.fromkeys(name for run in runs for name in monitors_of(run.rows)))
    for name in monitors:
        if name not in known:
            raise UsageError(f"--monitor cannot be {shown(name) or repr(name)}", fix=f"there are {', '.join(known)}")


def ended_early(group: Group, runs: list[Run]) -> list[str]:
    """A remark on runs that ended before their last epoch: a more patient setting cannot be judged."""
    from tuner.early_stop import planned_epochs

    ended = []
    for run in runs:
        planned, reason = planned_epochs(run), str(run.status.get("reason") or "")
        if len(run.rows) < planned:
            why = reason.partition(":")[0] if run.state == "finished" and reason else run.state
            name = str(run.path) if group.is_single else run.path.name
            ended.append(f"{name} ended after epoch {len(run.rows)} of {planned} ({why})")
    if not ended:
        return []
    place = "" if group.is_single else f"{group.path}: "
    return [f"{place}{', '.join(ended)}; what comes after is unknown"]


def texts(judgement: Judgement, members: bool, markdown: bool) -> list[str]:
    """The tables of a judgement."""
    from tuner.render.stops import group_text, run_text
    from tuner.render.text import is_terminal, terminal_width

    width = terminal_width(sys.stdout) if is_terminal(sys.stdout) and not markdown else None
    if judgement.group.is_single or members:
        return [run_text(judged, judgement.monitor, markdown, width) for judged in judgement.members]
    return [group_text(str(judgement.group.path), judgement.members, judgement.monitor, markdown, width)]


def as_data(found: list[Judgement]) -> dict[str, Any]:
    """What `--json` tells: each run under ``runs``, and the means of groups under ``groups``."""
    from tuner.durable import json_bytes
    from tuner.render.stops import group_data, run_data

    runs, groups = [], []
    for each in found:
        group = None if each.group.is_single else str(each.group.path)
        for judged in each.members:
            runs.append({"run": judged.path, "group": group, **run_data(judged, each.monitor)})
        if group is not None:
            groups.append({"group": group, **group_data(each.members, each.monitor)})
    plain: dict[str, Any] = json.loads(json_bytes({"runs": runs, "groups": groups}))
    return plain
