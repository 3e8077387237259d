"""`tuner diagnose --verify`: its trainings as they go on, and what they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TextIO

import typer

from tuner.answer import Answer, Block, Note
from tuner.asks.diagnose.writing import write_config
from tuner.errors import HeldError
from tuner.events import Ended, EpochDone, Failed, GroupEvent
from tuner.figures import number
from tuner.members.local import Pool
from tuner.opening import command_line
from tuner.render.talk import Talk
from tuner.render.training import GroupView
from tuner.runs.family import find_group
from tuner.stopping import StopRequests
from tuner.verifying import Chain, verify
from tuner.verifying.candidates import Candidate
from tuner.verifying.crew import Crew, StoppedError, Told
from tuner.verifying.telling import as_data, blocks, result


def verified(
    reference: str, runs_dir: Path, rounds: int, max_time: float | None, write: Path | None, form: str
) -> Answer:
    """Trains and judges; with `write` the config at the end is written there. Raises TunerError; leaves with the exit
    code of the stop where one was asked for."""
    group = find_group(reference, runs_dir)
    with StopRequests(max_time) as stop, closing(Pool()) as pool:
        view = View(None if form in ("quiet", "json") else sys.stderr)
        crew = Crew(runs_dir, command_line(), stop, pool, view.tell, view.trials, view.family)
        try:
            chain = verify(group, rounds, crew)
        except StoppedError:
            view.tell("stopped: what was trained is kept, and the same command goes on")
            raise typer.Exit(stop.asked.exit_code if stop.asked else 1) from None
        except HeldError as error:
            raise HeldError(error.message, fix="The same command goes on when it is free.") from None
    told = list(blocks(chain))
    if write is not None:
        told.append(written(chain, write))
    return Answer(told, as_data(chain), result(chain))


def written(chain: Chain, file: Path) -> Block:
    """Writes the config with all that helped."""
    if not chain.base.changes:
        return Note("nothing helped: no config was written", problem=True)
    return write_config(chain.run, chain.base.changes, f"verified: {chain.rounds[0].metric} is better", file)


class View:
    """The trainings of a verification on `stream`; None: nowhere."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def tell(self, line: str) -> None:
        with Talk(self._stream) as talk:
            talk.line(line)

    def family(self, words: str, events: Iterator[GroupEvent]) -> Iterator[GroupEvent]:
        """A group, under what is trained in it."""
        with Talk(self._stream) as talk:
            talk.line(words, "bold")
            view = GroupView(talk)
            for event in events:
                view.show(event)
                if isinstance(event, Ended):
                    view.end([])
                    talk.line("")
                yield event

    def trials(self, named: dict[str, Candidate], epochs: int, events: Iterator[Told]) -> Iterator[Told]:
        """One bar for all candidates, a line for each that comes to its end."""
        done = dict.fromkeys(named, 0)
        with Talk(self._stream) as talk:
            talk.bar(lambda: (sum(done.values()) / (len(done) * epochs), "changes are tried"))
            for name, event in events:
                match event:
                    case EpochDone(row=row):
                        done[name] = int(row.get("epoch") or 0)
                    case Ended(status=status):
                        done[name] = epochs
                        best = status.get("best") or {}
                        values = ", ".join(
                            f"{key} {number(value)}" for key, value in best.items() if key in ("val_accuracy", "val_r2")
                        )
                        talk.line(f"{name} ({named[name].words}): {values or status.get('state')}")
                    case Failed(message):
                        done[name] = epochs
                        talk.line(f"{name} ({named[name].words}): {message}", "red")
                yield name, event
