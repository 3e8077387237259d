"""A process that trains members of a group, one after the other: tasks come on stdin, events go to stdout."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tuner.config.load import load
from tuner.config.loaded import Loaded
from tuner.crash import report
from tuner.errors import BUG, NotFoundError, TunerError
from tuner.events import Ended, Event, MemberFailed
from tuner.group.messages import MemberTask, from_line, to_line
from tuner.session import Answered, Request, open_session
from tuner.signals import begin, end
from tuner.stopping import Stop, StopRequests

if TYPE_CHECKING:
    from tuner.data.splits import Splits

GONE = Stop("the command that trained the group is gone", signal.SIGTERM)


def main() -> None:
    """The process: it trains until there are no more tasks, or until it is asked to stop."""
    begin()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # stdout is for the events alone: what a library prints goes to stderr
    try:
        work(answers)
    finally:
        end()


def work(answers: TextIO) -> None:
    splits: Splits | None = None
    with StopRequests() as stop:
        for line in iter(sys.stdin.readline, ""):
            task = from_line(line)
            assert isinstance(task, MemberTask)  # noqa: S101 - nothing else is written to a worker
            try:
                group, name = Path(task.group), f"seed-{task.seed}"
                request = Request(group, name, wait=task.wait, argv=task.argv, auto_threads=task.threads)
                opened = open_session(_loaded(task), request, splits)
                if isinstance(opened, Answered):
                    events: Iterator[Event] = iter([Ended(opened.run.path, opened.run.status)])
                else:
                    splits = opened.splits
                    from tuner.train import train

                    events = train(opened, stop)
                for event in events:
                    _say(answers, event, stop)
            except TunerError as error:
                _say(answers, MemberFailed(task.seed, error.message, error.fix, error.exit_code), stop)
            except Exception as error:  # a bug: told as the program itself tells one, and the next member has its turn
                _say(answers, MemberFailed(task.seed, report(error), "", BUG), stop)
            if stop.asked is not None:
                return


def _loaded(task: MemberTask) -> Loaded:
    loaded = load(task.source, task.overrides, given=task.given.encode()).with_seed(task.seed)
    if loaded.hash != task.config_hash:
        message = f"a file that {task.source} extends was changed while its group was training"
        raise NotFoundError(message, fix="put it back and run the same command again, or train a new group")
    return loaded


def _say(answers: TextIO, message: Event | MemberFailed, stop: StopRequests) -> None:
    """Tells the group; when nobody listens any more, the member is to stop with its state saved."""
    try:
        answers.write(to_line(message))
        answers.flush()
    except OSError:
        stop.ask(GONE)


if __name__ == "__main__":
    main()
