"""A training and its end as the command line tells them, of a run and of a group alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tuner.asks.curves import chart_of_run
from tuner.cli.reading import say_error
from tuner.config.loaded import Loaded
from tuner.durable.reading import json_line
from tuner.errors import TunerError
from tuner.events import Ended, EpochDone, Event, GroupEvent, GroupStarted, MemberFailed, MemberTold, Started
from tuner.figures import number
from tuner.opening import Request
from tuner.render.chart.image import keep
from tuner.render.talk import Talk
from tuner.render.text import write
from tuner.runs.folder import Run
from tuner.runs.values import Condition, judge
from tuner.stopping import StopRequests

AnyEvent = TypeVar("AnyEvent", bound=Event | GroupEvent)


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line, the config read and checked."""

    source: str
    overrides: list[str]
    loaded: Loaded
    request: Request
    stop: StopRequests
    requirements: list[Condition]
    quiet: bool
    as_json: bool

    def talk(self) -> Talk:
        """stderr, for a person alone."""
        return Talk(None if self.quiet or self.as_json else sys.stderr)

    def say_path(self, path: Path) -> None:
        """The result of -q; without it, for whoever reads stdout by a program."""
        if not self.as_json and (self.quiet or not sys.stdout.isatty()):
            say(str(path))


def say(text: str) -> None:
    """Data for stdout; when its reader has gone, training goes on."""
    write(sys.stdout, f"{text}\n")


def follow(asked: Asked, events: Iterable[AnyEvent], show: Callable[[AnyEvent], None]) -> AnyEvent:
    """Shows a training while it goes on; its last event."""
    for event in events:
        show(event)
        if isinstance(event, Started | GroupStarted):
            asked.say_path(event.run if isinstance(event, Started) else event.group)
        if asked.as_json and not asked.quiet and (told := as_data(event)):
            say(json_line(told))
    return event


def as_data(event: Event | GroupEvent, **more: Any) -> dict[str, Any]:
    """What --json tells of an event, but for the last one, which is `finish`'s; {}: nothing."""
    match event:
        case Started():
            return {"event": "start", "run": str(event.run), **more}
        case EpochDone():
            return {"event": "epoch", **more, **event.row}
        case GroupStarted():
            return {"event": "start", "run": str(event.group), "seeds": list(event.seeds)}
        case MemberTold(seed, Ended() as ended):
            return {"event": "member", "run": str(ended.run), "seed": seed, **ended.status}
        case MemberTold():
            return as_data(event.event, seed=event.seed)
        case MemberFailed():
            told = {"message": event.message, "suggestion": event.fix or None}
            return {"event": "error", "seed": event.seed, "exit_code": event.exit_code, "errors": [told]}
    return {}


def finish(
    asked: Asked, path: Path, runs: Mapping[int, Run], code: int, end: Mapping[str, Any], *, draws: bool = False
) -> int:
    """What comes after the end of a run or group: is it good enough, its picture, `end` as JSON; the exit code."""
    judged = [judge(each, runs) for each in asked.requirements] if code == 0 else []
    missed = [each for each in judged if not each["holds"]]
    code = 1 if missed else code
    if asked.as_json:
        require = {"require": judged} if asked.requirements else {}
        say(json_line({"event": "end", "run": str(path), **end, **require, "exit_code": code}))
        return code
    if draws and not asked.quiet and os.access(path, os.W_OK):
        try:  # once everything else is done; a failure to draw takes nothing away from the run
            if chart := chart_of_run(path):
                keep(chart)
        except TunerError as error:
            say_error(f"curves.png was not drawn: {error.message}")
    for each in missed:
        absent = each.get("reason", "there is no such value")
        found = absent if each["value"] is None else f"it is {number(each['value'])}"
        say_error(f"required {each['condition']}: {found}")
    return code
