"""What someone sees of a training while it goes on: events become lines, and a bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.errors import ResourceError
from tuner.events import Ended, EpochDone, Event, GroupEvent, GroupStarted, MemberFailed, MemberTold, Started, StepsDone
from tuner.figures import duration, number, plural
from tuner.options.metrics import column
from tuner.render.running import EpochTable, RunningTable
from tuner.render.talk import Talk
from tuner.runs.family import averages, member_row, members_columns

Pairs = list[tuple[str, str]]
BAD_ENDS = ("diverged", "crashed")
STYLES = {"note": "yellow", "next": "bold", "failed": "red"}
STATE_STYLES = {"diverged": "red", "stopped": "yellow"}
MEMBER_WIDTHS = {"state": 8, "best": 7, "trend": 12}


class RunView:
    """A run on `talk`: what begins, a line an epoch, how it ended. `show` raises nothing because of the stream."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._started: Started | None = None
        self._table: EpochTable | None = None

    def show(self, event: Event) -> None:
        """One event."""
        match event:
            case Started():
                self._started = event
                say(self._talk, started_pairs(event))
                self._talk.line("")
                self._move((event.resumed or 0) + 1, event.batch / max(1, event.steps_per_epoch), None)
                self._talk.draw()
            case StepsDone():
                self._move(event.epoch, event.step / max(1, event.steps), event.seconds_left)
            case EpochDone() if self._started is not None:
                if self._table is None:
                    self._table = EpochTable(self._talk, event.row, self._started.epochs, self._started.monitor)
                self._table.add(event)
                self._move(int(event.row.get("epoch") or 0) + 1, 0.0, event.seconds_left)
            case Ended():
                self._talk.bar(None)
                if self._table is not None:
                    self._talk.line("")
                say(self._talk, ended_pairs(event.status), end="red" if event.status.get("state") in BAD_ENDS else "")
                self._talk.draw()

    def _move(self, epoch: int, inside: float, left: float | None) -> None:
        epochs = self._started.epochs if self._started else 0

        def where() -> tuple[float, str]:
            text = f"epoch {number(min(epoch, epochs))}/{number(epochs)}{_remaining(left)}"
            return (epoch - 1 + inside) / max(1, epochs), text

        self._talk.bar(where)


class GroupView:
    """A group on `talk`: one bar for all members, a line for each that comes to its end."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._epochs, self._monitor = 1, ""
        self._shares: dict[int, float] = {}
        self._courses: dict[int, list[float | None]] = {}
        self._names: list[str] = []
        self._table: RunningTable | None = None
        self._statuses: dict[int, Mapping[str, Any]] = {}
        self._began, self._share_before = time.monotonic(), 0.0

    def show(self, event: GroupEvent) -> None:
        """One event."""
        match event:
            case GroupStarted():
                self._epochs, self._monitor = event.epochs, event.monitor
                self._shares = dict.fromkeys(event.seeds, 0.0) | dict.fromkeys(event.ended, 1.0)
                self._share_before = self._share()
                say(self._talk, started_pairs(event))
                self._talk.line("")
                for seed, status in event.ended.items():
                    self._end_member(seed, status)
                self._talk.draw()
            case MemberTold(seed, StepsDone() as told):
                self._shares[seed] = (told.epoch - 1 + told.step / max(1, told.steps)) / self._epochs
            case MemberTold(seed, EpochDone(row=row)):
                self._shares[seed] = int(row.get("epoch") or 0) / self._epochs
                self._courses.setdefault(seed, []).append(row.get(self._monitor))
            case MemberTold(seed, Ended(status=status)):
                self._shares[seed] = 1.0
                self._end_member(seed, status)
            case MemberFailed(seed, message, fix):
                self._shares[seed] = 1.0
                say(self._talk, [("failed", f"seed {seed}: {message}" + (f"\n{fix}" if fix else ""))])
        self._talk.bar(self._where)

    def trained_before(self, path: Path, statuses: Mapping[int, Mapping[str, Any]], monitor: str) -> None:
        """A group of which nothing was left to train."""
        self._monitor = monitor
        self._talk.line(f"{path} was trained before; --again trains it again")
        for seed, status in statuses.items():
            self._end_member(seed, status)

    def end(self, pairs: Pairs) -> None:
        """The mean and the spread of the members that finished, and then `pairs`."""
        self._talk.bar(None)
        if self._table is not None:
            for cells in averages(self._statuses, self._names):
                self._table.add(cells)
            self._talk.line("")
        say(self._talk, pairs)
        self._talk.draw()

    def _end_member(self, seed: int, status: Mapping[str, Any]) -> None:
        """The member's row, and why it ended where it did not finish."""
        if self._table is None:
            self._names, columns = members_columns(status, self._monitor)
            columns = columns if self._shares else columns[:-1]  # no course is known
            self._table = RunningTable(self._talk, columns, MEMBER_WIDTHS)
        self._statuses[seed] = status
        style = STATE_STYLES.get(str(status["state"]), "")
        self._table.add(member_row(seed, status, self._names, self._courses.get(seed, [])), style)
        if status["state"] != "finished" and status.get("reason"):
            self._talk.line(str(status["reason"]), style, label="")

    def _share(self) -> float:
        return sum(self._shares.values()) / max(1, len(self._shares))

    def _where(self) -> tuple[float, str]:
        share, elapsed = self._share(), time.monotonic() - self._began
        known = share - self._share_before > 0.005 and elapsed > 1
        left = elapsed * (1 - share) / (share - self._share_before) if known else None
        return share, f"{len(self._statuses)} of {plural(len(self._shares), 'seed')}{_remaining(left)}"


def _remaining(seconds: float | None) -> str:
    return "" if seconds is None else f"  {duration(seconds)} left"


def say(talk: Talk, pairs: Sequence[tuple[str, str]], **styles: str) -> None:
    """Labels and what they stand for; a command to type is never broken."""
    for label, text in pairs:
        style = styles.get(label) or STYLES.get(label, "")
        talk.line(text, style, label, breaks=label != "next")


def started_pairs(event: Started | GroupStarted) -> Pairs:
    """Which run or group, what network, what data, on what; then the notes."""
    data = ", ".join(f"{number(count)} {part}" for part, count in event.samples.items())
    threads, epochs = plural(event.threads, "thread"), plural(event.epochs, "epoch")
    if isinstance(event, Started):
        run = str(event.run)
        if event.resumed is not None and event.batch:
            batch, batches = number(event.batch), number(event.steps_per_epoch)
            run += f", goes on in epoch {number(event.resumed + 1)}, after batch {batch} of {batches}"
        elif event.resumed:
            run += f", goes on after epoch {number(event.resumed)}"
        elif event.resumed == 0:
            run += ", begun before, and nothing of it was saved: starts anew"
        epochs += f" of {plural(event.steps_per_epoch, 'step')}"
    else:
        seeds = ", ".join(map(str, event.seeds[:12])) + (", ..." if len(event.seeds) > 12 else "")
        run = f"{event.group}, {plural(len(event.seeds), 'seed')}: {seeds}"
        run += f"; {len(event.ended)} trained before" if event.ended else ""
        threads = f"{plural(event.at_once, 'run')} at once, {threads} each"
    return [
        ("run", run),
        ("model", plural(event.parameters, "parameter")),
        ("data", data),
        ("device", ", ".join(part for part in (event.device, event.device_model, threads) if part)),
        ("train", f"{epochs}, best epoch by {event.monitor}"),
        *(("note", note) for note in event.notes),
    ]


def ended_pairs(status: Mapping[str, Any]) -> Pairs:
    """How the run ended, what was saved, its best epoch, its test result; the last is the next command."""
    best = status.get("best") or {}
    epoch = status.get("best_epoch", best.get("epoch"))
    pairs = [("end", ", ".join(str(status[key]) for key in ("state", "reason") if status.get(key)))]
    if status.get("state") == "stopped" and status.get("exit_code") != ResourceError.exit_code:
        none_yet = "" if status.get("epoch") else "; no best weights before epoch 1 is over"
        pairs.append(("saved", f"its state: the next command goes on from it{none_yet}"))
    if epoch is not None:
        values = _values({name: value for name, value in best.items() if column(name).part})
        pairs.append(("best", f"epoch {number(epoch)}" + (f": {values}" if values else "")))
    pairs += [("test", _values(status.get("test") or {})), ("next", str(status.get("next") or ""))]
    return [(label, text) for label, text in pairs if text]


def _values(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items() if value is not None)
