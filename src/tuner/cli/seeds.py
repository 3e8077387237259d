"""`tuner train --seeds`: a group of runs that differ in their seed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.cli.following import Asked, finish, follow
from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.events import GroupEnded
from tuner.group.opening import GroupSession, open_group
from tuner.group.pool import command_of, group_code, train_group
from tuner.paths import reference
from tuner.render.training import GroupView
from tuner.runs.family import Group, average, read_group
from tuner.runs.files import ENDED
from tuner.runs.folder import Run, members

MOST = 10_000


def parse_seeds(text: str) -> tuple[int, ...]:
    """``6`` is 0 to 5, ``3,5,8`` and ``3-5,8`` are those, ``7,`` is 7 alone. Raises UsageError."""
    fix = f"6 is seeds 0 to 5; 3,5,8 and 3-5 are those; {MOST:,} seeds at most."
    wrong = UsageError(f"--seeds {shown(text[:60]) or repr(text)} is no number of seeds and no list of them", fix=fix)
    if re.fullmatch(r"[0-9]+", text):
        seeds = list(range(min(int(text), MOST + 1) if len(text) < 20 else 0))
    elif re.fullmatch(r"([0-9]{1,19}(-[0-9]{1,19})?)(,[0-9]{1,19}(-[0-9]{1,19})?)*,?", text):
        seeds = []
        for part in filter(None, text.split(",")):
            first, _, last = part.partition("-")
            if last and not int(first) <= int(last) < int(first) + MOST:
                raise wrong
            seeds += range(int(first), int(last or first) + 1)
    else:
        raise wrong
    if not 0 < len(seeds) <= MOST or max(seeds) >= 2**63:
        raise wrong
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds {shown(text[:60])} names a seed twice", fix="Name each seed once.")
    return tuple(seeds)


def train_seeds(asked: Asked, seeds: str) -> int:
    """Trains the members that are still to do, and reports the group; the exit code."""
    session = open_group(asked.source, asked.overrides, asked.loaded, parse_seeds(seeds), asked.request)
    before = session.trained()
    is_trained = session.path is None or len(before) < len(session.seeds)
    with asked.talk() as talk:
        view = GroupView(talk)
        if session.path is None or is_trained:
            ended = follow(asked, train_group(session, asked.stop), view.show)
            assert isinstance(ended, GroupEnded)  # noqa: S101 - training ends with it or raises
            path, code = ended.group, ended.exit_code
        else:
            path, code = session.path, group_code([run.status["exit_code"] for run in before.values()])
            asked.stop.rest()
            asked.say_path(path)
            statuses = {seed: run.status for seed, run in before.items()}
            view.trained_before(path, statuses, session.loaded.config.training.monitor)
        there = read_group(path).runs if members(path) else {}  # none where it was stopped before the first one began
        runs = {seed: run for seed, run in there.items() if seed in session.seeds}
        view.end([("end", state_of(session, path, runs)), ("next", next_command(session, path, runs))])
    draws = is_trained and "finished" in [run.state for run in runs.values()]
    return finish(asked, path, runs, code, end_data(path, runs), draws=draws)


def state_of(session: GroupSession, path: Path, runs: dict[int, Run]) -> str:
    missing = len(session.seeds) - len(runs)
    return Group(path, runs).state + (f", {missing} not begun" if missing else "") if runs else "not begun"


def end_data(path: Path, runs: dict[int, Run]) -> Mapping[str, Any]:
    """For the last object of --json: the members' status, and the mean of those that finished."""
    finished = [run for run in runs.values() if run.state == "finished"]
    return {
        "state": Group(path, runs).state or "stopped",
        "members": [
            {"seed": seed, "run": str(run.path), **run.status, "state": run.state} for seed, run in runs.items()
        ],
        "mean": {table: average(finished, table) for table in ("best", "test")},
    }


def next_command(session: GroupSession, path: Path, runs: dict[int, Run]) -> str:
    """What to type next: the same command where members are missing, else a look at the curves."""
    if len(runs) < len(session.seeds) or any(run.state not in ENDED for run in runs.values()):
        return shlex.join(command_of(session, path))
    return f"tuner curves {reference(path)}"
