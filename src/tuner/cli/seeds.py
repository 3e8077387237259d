"""`tuner train --seeds`: a group of runs that differ in their seed."""

from __future__ import annotations

import re
import shlex

from tuner.cli.following import Asked, finish, follow
from tuner.durable.reading import shown
from tuner.errors import UsageError
from tuner.events import GroupEnded
from tuner.group import command_of, group_code, train_group
from tuner.opening import GroupSession, open_group
from tuner.paths import reference
from tuner.render.training import GroupView
from tuner.runs.family import Group, read_group
from tuner.runs.files import ENDED
from tuner.runs.folder import members

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
    path, before = session.path, session.trained()
    with asked.talk() as talk:
        view = GroupView(talk)
        is_due = path is None or len(before) < len(session.seeds)
        if path is None or is_due:
            ended = follow(asked, train_group(session, asked.stop), view.show)
            assert isinstance(ended, GroupEnded)  # noqa: S101 - training ends with it or raises
            path, code = ended.group, ended.exit_code
        else:
            asked.stop.rest()
            asked.say_path(path)
            code = group_code([run.status["exit_code"] for run in before.values()])
            statuses = {seed: run.status for seed, run in before.items()}
            view.trained_before(path, statuses, session.loaded.config.training.monitor)
        # without members where it was stopped before the first one began
        group = read_group(path).only(session.seeds) if members(path) else Group(path, {})
        missing = len(session.seeds) - len(group.runs)
        state = f"{group.state}, {missing} not begun" if missing and group.runs else group.state or "not begun"
        view.end([("end", state), ("next", next_command(session, group))])
    draws = is_due and "finished" in [run.state for run in group.runs.values()]
    return finish(asked, path, group.runs, code, group.as_json(), draws=draws)


def next_command(session: GroupSession, group: Group) -> str:
    """What to type next: the same command where members are missing, else a look at the curves."""
    if len(group.runs) < len(session.seeds) or any(run.state not in ENDED for run in group.runs.values()):
        return shlex.join(command_of(session, group.path))
    return f"tuner curves {reference(group.path)}"
