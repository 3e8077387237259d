"""`tuner diagnose --verify`: its trainings as they go on, and what they say."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from tuner.answer import Answer, Block, Note
from tuner.asks.diagnose.writing import write_config
from tuner.errors import BUG, HeldError
from tuner.events import Ended, EpochDone, Failed
from tuner.figures import number
from tuner.members import Executor, staying, train_alone, train_whole
from tuner.members.opening import Alone, GroupSession
from tuner.opening import command_line
from tuner.options.metrics import column, usual
from tuner.render.talk import Talk
from tuner.render.training import GroupView
from tuner.runs.family import find_group
from tuner.stopping import StopRequests
from tuner.verifying.crew import Crew
from tuner.verifying.rounds import Chain, verify
from tuner.verifying.telling import as_data, blocks, result


def verified(
    reference: str, runs_dir: Path, rounds: int, stop: StopRequests, write: Path | None, talks: bool
) -> Answer:
    """Trains and judges; with `write` the config at the end is written there. Raises StoppedError, TunerError."""
    group = find_group(reference, runs_dir)
    with staying() as executor:
        trainings = Trainings(stop, executor, sys.stderr if talks else None)
        crew = Crew(runs_dir, command_line(), trainings.tell, trainings.family, trainings.alone)
        try:
            chain = verify(group, rounds, crew)
        except HeldError as error:
            raise HeldError(error.message, fix="The same command goes on when it is free.") from None
    told = list(blocks(chain))
    if write is not None:
        told.append(written(chain, write))
    return Answer(told, as_data(chain), result(chain), exit_code_of(chain))


def exit_code_of(chain: Chain) -> int:
    """That of a bug where one was met on the way."""
    return BUG if any(trial.is_bug for each in chain.rounds for trial in each.trials) else 0


def written(chain: Chain, file: Path) -> Block:
    """Writes the config with all that helped."""
    if not chain.base.changes:
        return Note("nothing helped: no config was written", problem=True)
    return write_config(chain.run, chain.base.changes, f"verified: {chain.rounds[0].metric} is better", file)


class Trainings:
    """What a verification trains, each as it is asked for, until a stop is; shown on `stream` (None: nowhere)."""

    def __init__(self, stop: StopRequests, executor: Executor, stream: TextIO | None) -> None:
        self._stop, self._executor, self._stream = stop, executor, stream

    def tell(self, line: str) -> None:
        with Talk(self._stream) as talk:
            talk.line(line)

    def family(self, session: GroupSession) -> Path:
        """`Crew.family`."""
        self._stop.check()
        with Talk(self._stream) as talk:
            view = GroupView(talk)
            for event in train_whole(session, self._stop, self._executor):
                view.show(event)
                if isinstance(event, Ended):
                    path = event.run
                    view.end([])
        self._stop.check()
        return path

    def alone(self, runs: Sequence[Alone], words: Mapping[str, str], epochs: int) -> dict[str, Failed]:
        """`Crew.alone`: one bar, and a line for each run that comes to its end."""
        self._stop.check()
        done, failed = {run.path.name: 0 for run in runs}, dict[str, Failed]()
        with Talk(self._stream) as talk:
            talk.bar(lambda: (sum(done.values()) / (len(done) * epochs), "changes are tried"))
            for name, event in train_alone(runs, runs[0].session.identity, self._stop, self._executor):
                if isinstance(event, EpochDone):
                    done[name] = int(event.row.get("epoch") or 0)
                elif isinstance(event, Ended | Failed):
                    done[name] = epochs
                    talk.line(f"{name}: {words[name]}: {came_to(event)}")
                if isinstance(event, Failed):
                    failed[name] = event
        self._stop.check()
        return failed


def came_to(event: Ended | Failed) -> str:
    """How a run ended, in a few words."""
    if isinstance(event, Failed):
        return event.message
    best = usual(event.status.get("best") or {})
    values = [f"{name} {number(value)}" for name, value in best.items() if column(name).part == "val"]
    return ", ".join(values) or str(event.status.get("state"))
