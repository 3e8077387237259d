"""What someone sees of a training while it goes on: events become lines, and a bar on a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuner.answer import Column, Spark
from tuner.config import varied
from tuner.config.varied import Key
from tuner.errors import ResourceError, TunerError
from tuner.events import Ended, EpochDone, Event, Failed, GroupEvent, MemberTold, Started, StepsDone
from tuner.figures import number, plural
from tuner.options.metrics import column, usual
from tuner.render.running import Pairs, RunningTable, Work, remaining, say
from tuner.render.talk import Talk
from tuner.runs.family import TREND, averages, find_group, member_row, members_columns
from tuner.runs.files import ENDED

BAD_ENDS = ("diverged", "crashed")
STATE_STYLES = {"diverged": "red", "stopped": "yellow"}
MEMBER_WIDTHS = {"state": 8, "best": 7, "trend": TREND}
WEIGHTS = {("train", False): 3, ("train", True): 4, ("val", False): 5, ("val", True): 6}
"""In which order metrics (and losses, True) fall away, after the course, lr and time; the monitor never does."""


class Trend:
    """The course of a value over a run of any length, in at most 64 points: every n-th, n doubling as they fill up."""

    LIMIT = 64

    def __init__(self) -> None:
        self.points: list[float | None] = []
        self.every = 1
        self.seen = 0

    def add(self, value: float | None) -> None:
        if self.seen % self.every == 0:
            self.points.append(value)
        self.seen += 1
        if len(self.points) == self.LIMIT:
            self.points = self.points[::2]
            self.every *= 2


class EpochTable:
    """The epochs of a run on `talk`: how far, losses, the first other metric and what is monitored, lr, time, the
    monitor's course, whether it is best.
    The columns follow from the first row."""

    def __init__(self, talk: Talk, first: Mapping[str, float | int | None], epochs: int, monitor: str) -> None:
        self._epochs, self._monitor, self._trend = epochs, monitor, Trend()
        asked, there = column(monitor), [each for each in map(column, first) if each.part]
        others = [each for each in there if not each.is_loss]
        named = {each.name for each in [*others[:1], asked]}
        losses = [each for each in there if each.is_loss]
        shown = [*losses, *(each for each in others if each.name in named)]
        self._names = [str(each) for each in shown]
        weights = [None if each == asked else WEIGHTS[each.part, each.is_loss] for each in shown]
        columns = [
            Column("epoch", side="r"),
            *(Column(name, "figure", weight=weight) for name, weight in zip(self._names, weights, strict=True)),
            Column("lr", side="r", weight=1),
            Column("time", "duration", weight=2),
            Column("trend", weight=0, least=4),
            Column("best"),
        ]
        sizes = {"epoch": 2 * len(number(epochs)) + 1, "lr": 9, "trend": TREND}
        self._table = RunningTable(talk, columns, sizes)

    def add(self, done: EpochDone) -> None:
        row = done.row
        height = row.get(self._monitor) if column(self._monitor).part else None  # the epoch itself has no course
        if height is not None and column(self._monitor).is_loss:  # its first fall would flatten all that follows
            height = math.log(height) if height > 0 else None
        self._trend.add(height)
        epoch = f"{number(row.get('epoch'))}/{number(self._epochs)}"
        values = [row.get(name) for name in (*self._names, "lr")]
        mark = "best" if done.best else ""
        self._table.add([epoch, *values, done.seconds, Spark(self._trend.points, TREND), mark], last="green")


class RunView:
    """A run on `talk`: what begins, a line an epoch, how it ended. `show` raises nothing because of the stream."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._started: Started | None = None
        self._table: EpochTable | None = None

    def show(self, event: Event) -> None:
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
                monitor = self._started.monitor if self._started else ""
                end = "red" if event.status.get("state") in BAD_ENDS else ""
                pairs = ended_pairs(event.status, monitor)
                if event.status.get("state") in ENDED:
                    pairs = with_finding(pairs, self._talk, event.run)
                say(self._talk, pairs, end=end)
                self._talk.draw()

    def _move(self, epoch: int, inside: float, left: float | None) -> None:
        epochs = self._started.epochs if self._started else 0

        def where() -> tuple[float, str]:
            text = f"epoch {number(min(epoch, epochs))}/{number(epochs)}{remaining(left)}"
            return (epoch - 1 + inside) / max(1, epochs), text

        self._talk.bar(where)


class GroupView:
    """A family on `talk`: one bar for all members, a line for each that comes to its end."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._epochs, self._monitor = 1, ""
        self._varies: tuple[str, ...] = varied.SEEDS
        self._work = Work(None)
        self._courses: dict[Key, list[float | None]] = {}
        self._names: list[str] = []
        self._table: RunningTable | None = None
        self._statuses: dict[Key, Mapping[str, Any]] = {}

    def show(self, event: GroupEvent) -> None:
        match event:
            case Started():
                self._epochs, self._monitor, self._varies = event.epochs, event.monitor, event.varies
                self._work = Work(len(event.members), len(event.ended))
                say(self._talk, started_pairs(event))
                self._talk.line("")
                for key, status in event.ended.items():
                    self._end_member(key, status)
                self._talk.draw()
            case MemberTold(key, StepsDone() | EpochDone() as told):
                self._work.hear(key, told, self._epochs)
                if isinstance(told, EpochDone):
                    self._courses.setdefault(key, []).append(told.row.get(self._monitor))
            case MemberTold(key, Ended(status=status)):
                self._work.end(key)
                self._end_member(key, status)
            case MemberTold(key, Failed(message, fix)):
                self._work.end(key)
                member = varied.named(self._varies, key)
                say(self._talk, [("failed", f"{member}: {message}" + (f"\n{fix}" if fix else ""))])
        self._talk.bar(self._where)

    def trained_before(
        self, path: Path, varies: tuple[str, ...], statuses: Mapping[Key, Mapping[str, Any]], monitor: str
    ) -> None:
        """A family of which nothing was left to train."""
        self._monitor, self._varies = monitor, varies
        self._talk.line(f"{path} was trained before; --again trains it again")
        for key, status in statuses.items():
            self._end_member(key, status)

    def end(self, pairs: Pairs) -> None:
        """The mean and the spread of the members that finished, and then `pairs`."""
        self._talk.bar(None)
        if self._table is not None:
            for cells in averages(self._statuses, self._names):
                self._table.add(cells)
            self._talk.line("")
        say(self._talk, pairs)
        self._talk.draw()

    def _end_member(self, key: Key, status: Mapping[str, Any]) -> None:
        """The member's row, and why it ended where it did not finish."""
        if self._table is None:
            self._names, columns = members_columns(self._varies, status, self._monitor)
            columns = columns if self._work.units else columns[:-1]  # no course is known
            self._table = RunningTable(self._talk, columns, MEMBER_WIDTHS)
        self._statuses[key] = status
        style = STATE_STYLES.get(str(status["state"]), "")
        label = varied.label(self._varies, key)
        self._table.add(member_row(label, status, self._names, self._courses.get(key, [])), style)
        if status["state"] != "finished" and status.get("reason"):
            self._talk.line(str(status["reason"]), style, label="")

    def _where(self) -> tuple[float | None, str]:
        members = varied.counted(self._varies, self._work.units or 0)
        return self._work.told(f"{len(self._statuses)} of {members}")


def started_pairs(event: Started) -> Pairs:
    """Which run or group, what network, what data, on what; then the notes."""
    data = ", ".join(f"{number(count)} {part}" for part, count in event.samples.items())
    threads, epochs = plural(event.threads, "thread"), plural(event.epochs, "epoch")
    run = str(event.run)
    if not event.varies:
        if event.resumed is not None and event.batch:
            batch, batches = number(event.batch), number(event.steps_per_epoch)
            run += f", goes on in epoch {number(event.resumed + 1)}, after batch {batch} of {batches}"
        elif event.resumed:
            run += f", goes on after epoch {number(event.resumed)}"
        elif event.resumed == 0:
            run += ", begun before, and nothing of it was saved: starts anew"
        epochs += f" of {plural(event.steps_per_epoch, 'step')}"
    else:
        few = [str(varied.label(event.varies, key)) for key in event.members[:12]]
        few += ["..."] if len(event.members) > 12 else []
        mark = "; " if event.varies == varied.FOLDS_BY_SEED else ", "
        run += f", {varied.counted(event.varies, len(event.members))}: {mark.join(few)}"
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


def with_finding(pairs: Pairs, talk: Talk, path: Path) -> Pairs:
    """The pairs with the diagnosis of the run or group at `path` before the next command, which says more of one that
    is bad; as they are where nobody listens."""
    if not talk.is_heard:
        return pairs
    found, command = finding(path)
    last = [("next", command)] if command else pairs[-1:]
    return [*pairs[:-1], *[("found", found)] * bool(found), *last]


def finding(path: Path) -> tuple[str, str]:
    """The diagnosis of the run or group at `path` in a line, and the command that says more of one that is bad."""
    from tuner.asks.diagnose import in_a_line  # once, when all is done

    with suppress(TunerError):  # a folder that is gone is no matter of the training that has just ended
        return in_a_line(find_group(str(path), path.parent))
    return "", ""


def ended_pairs(status: Mapping[str, Any], monitor: str = "") -> Pairs:
    """How the run ended, what was saved, its best epoch, its test result; the last is the next command."""
    best = status.get("best") or {}
    epoch = status.get("best_epoch", best.get("epoch"))
    pairs = [("end", ", ".join(str(status[key]) for key in ("state", "reason") if status.get(key)))]
    if status.get("state") == "stopped" and status.get("exit_code") != ResourceError.exit_code:
        none_yet = "" if status.get("epoch") else "; no best weights before epoch 1 is over"
        pairs.append(("saved", f"its state: the next command goes on from it{none_yet}"))
    if epoch is not None:
        values = _values({name: value for name, value in usual(best, monitor).items() if column(name).part})
        pairs.append(("best", f"epoch {number(epoch)}" + (f": {values}" if values else "")))
    pairs += [("test", _values(usual(status.get("test") or {}, monitor))), ("next", str(status.get("next") or ""))]
    return [(label, text) for label, text in pairs if text]


def _values(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items() if value is not None)
