"""`tuner train --seeds`: a group of runs that differ in their seed."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuner.cli.train import draw, dumps, judge, say, say_json, say_missed
from tuner.events import Ended, GroupEnded, GroupEvent, GroupStarted, Member, MemberFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tuner.cli.train import Asked
    from tuner.group import GroupSession
    from tuner.render.group import GroupDisplay
    from tuner.runs.folder import Run

MOST = 10_000


def parse_seeds(text: str) -> tuple[int, ...]:
    """``6`` is 0 to 5, ``3,5,8`` and ``3-5,8`` are those, ``7,`` is 7 alone. Raises UsageError."""
    from tuner.durable import shown
    from tuner.errors import UsageError

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
    from tuner.group import group_code, open_group

    session = open_group(asked.source, asked.overrides, asked.loaded, parse_seeds(seeds), asked.request)
    trained = session.trained()
    if len(trained) < len(session.seeds):
        return follow(asked, session)
    assert session.path is not None  # noqa: S101 - its members are there
    asked.stop.rest()
    if not asked.as_json and (asked.quiet or not sys.stdout.isatty()):
        say(str(session.path))
    return report(asked, session, session.path, group_code([run.status["exit_code"] for run in trained.values()]))


def follow(asked: Asked, session: GroupSession) -> int:
    """Shows a group while it trains; its exit code."""
    from tuner.group import train_group
    from tuner.render.group import GroupDisplay

    ended: GroupEnded | None = None
    with GroupDisplay(quiet=asked.quiet or asked.as_json) as display:
        for event in train_group(session, asked.stop):
            display.show(event)
            if asked.as_json and not asked.quiet:
                tell(event)
            elif isinstance(event, GroupStarted) and not asked.as_json and (asked.quiet or not sys.stdout.isatty()):
                say(str(event.group))
            if isinstance(event, GroupEnded):
                ended = event
        assert ended is not None  # noqa: S101 - training ends with GroupEnded or raises
        return report(asked, session, ended.group, ended.exit_code, display)


def tell(event: GroupEvent) -> None:
    """One object a line for --json; the last one is `report`'s."""
    if isinstance(event, GroupStarted):
        say(dumps({"event": "start", "run": str(event.group), "seeds": list(event.seeds)}))
    elif isinstance(event, Member) and isinstance(event.event, Ended):
        say(dumps({"event": "member", "run": str(event.event.run), "seed": event.seed, **event.event.status}))
    elif isinstance(event, Member):
        say_json(event.event, seed=event.seed)
    elif isinstance(event, MemberFailed):
        told = {"message": event.message, "suggestion": event.fix or None}
        say(dumps({"event": "error", "seed": event.seed, "exit_code": event.exit_code, "errors": [told]}))


def report(asked: Asked, session: GroupSession, path: Path, code: int, display: GroupDisplay | None = None) -> int:
    """The end of a group, on `display` or, where it was trained before, on one of its own; the exit code."""
    from tuner.runs.family import read_group
    from tuner.runs.folder import members

    there = read_group(path).runs if members(path) else {}  # none where it was stopped before the first one began
    runs = {seed: run for seed, run in there.items() if seed in session.seeds}
    judged = judge(asked.requirements, runs) if code == 0 else []
    code = code if all(each["holds"] for each in judged) else 1
    if asked.as_json:
        say(dumps(end_event(path, runs, code, judged, bool(asked.requirements))))
        return code
    if not asked.quiet:
        show_end(session, path, runs, display)
        if display is not None and "finished" in [run.state for run in runs.values()]:
            draw(path)
    say_missed(judged)
    return code


def end_event(
    path: Path, runs: dict[int, Run], code: int, judged: Sequence[dict[str, Any]], asked: bool
) -> dict[str, Any]:
    """The last object of --json: the members' status, and the mean of those that finished."""
    from tuner.runs.family import Group, average

    finished = [run for run in runs.values() if run.state == "finished"]
    members = [{"seed": seed, "run": str(run.path), **run.status, "state": run.state} for seed, run in runs.items()]
    return {
        "event": "end",
        "run": str(path),
        "state": Group(path, runs).state or "stopped",
        "members": members,
        "mean": {table: average(finished, table) for table in ("best", "test")},
        **({"require": list(judged)} if asked else {}),
        "exit_code": code,
    }


def show_end(session: GroupSession, path: Path, runs: dict[int, Run], display: GroupDisplay | None) -> None:
    """The last lines for a person."""
    from tuner.render.epochs import labelled
    from tuner.render.group import GroupDisplay
    from tuner.runs.family import Group

    missing = len(session.seeds) - len(runs)
    state = Group(path, runs).state + (f", {missing} not begun" if missing else "") if runs else "not begun"
    lines = [labelled("end", state), labelled("next", next_command(session, path, runs))]
    if display is not None:
        display.end(lines)
        return
    with GroupDisplay() as shown:
        shown.trained_before(
            path, {seed: run.status for seed, run in runs.items()}, session.loaded.config.training.monitor
        )
        shown.end(lines)


def next_command(session: GroupSession, path: Path, runs: dict[int, Run]) -> str:
    """What to type next: the same command where members are missing, else a look at the curves."""
    import shlex

    from tuner.group import command_of
    from tuner.runs.commands import reference

    if len(runs) < len(session.seeds) or any(run.state not in ("finished", "diverged") for run in runs.values()):
        return shlex.join(command_of(session, path))
    return f"tuner curves {reference(path)}"
