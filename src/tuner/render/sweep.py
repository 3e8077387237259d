"""What someone sees of a sweep while it goes on: a line for each trial that ends, one for each group that confirms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.answer import Cell, Column
from tuner.config.space import Range
from tuner.config.varied import Key
from tuner.errors import STOPPED
from tuner.events import (
    Ended,
    EpochDone,
    Failed,
    GroupEvent,
    MemberTold,
    Started,
    StepsDone,
    SweepBegun,
    SweepEvent,
    TrialEnded,
    TrialTold,
)
from tuner.figures import deviation, in_notation, mean, number, plural
from tuner.options.metrics import column
from tuner.render.running import EXPONENT_BELOW, Pairs, RunningTable, Work, say
from tuner.render.talk import Talk

STYLES = {"diverged": "red", "failed": "red", "pruned": "dim"}
LONGEST = 24
"""Characters of a label in a column."""


class SweepView:
    """A sweep on `talk`, of a space with these `parameters`; `epochs` are the most that a trial has."""

    def __init__(self, talk: Talk, parameters: Mapping[str, Range | tuple[str, ...]], epochs: int) -> None:
        self._talk, self._parameters, self._epochs = talk, parameters, max(1, epochs)
        self._begun: SweepBegun | None = None
        self._table: RunningTable | None = None
        self._work = Work(None)
        self._best = ""

    def show(self, event: SweepEvent) -> None:
        match event:
            case SweepBegun():
                self._begun, self._work = event, Work(event.trials, event.ended)
                say(self._talk, begun_pairs(event))
                self._talk.line("")
                self._talk.draw()
            case TrialTold(number=at, event=StepsDone() | EpochDone() as told):
                self._work.hear(at, told, self._epochs)
            case TrialEnded():
                self._work.end(event.number)
                self._row(event)
            case Ended():
                self._talk.bar(None)
                if self._table is not None:
                    self._talk.line("")
                return
        self._talk.bar(self._where)

    def _row(self, event: TrialEnded) -> None:
        metric = self._begun.metric if self._begun else ""
        if self._table is None:
            longest = {name: 0 if isinstance(values, Range) else max(map(len, values))
                       for name, values in self._parameters.items()}  # fmt: skip
            widths = {"state": 8, **{name: max(9, min(LONGEST, width)) for name, width in longest.items()}}
            columns = [Column("trial", side="r"), Column("state"), Column("epochs", side="r", weight=0)]
            columns += [*(Column(name, side="r", weight=1) for name in self._parameters), Column(metric, "figure")]
            self._table = RunningTable(self._talk, [*columns, Column("best")], widths)
        if event.leads:
            self._best = f"  best {number(event.value)}"
        cells: list[Cell] = [
            event.number,
            event.state,
            event.epochs,
            *(shown(event.values.get(name), values) for name, values in self._parameters.items()),
        ]
        self._table.add([*cells, event.value, "best" if event.leads else ""], STYLES.get(event.state, ""), last="green")
        if event.reason:
            self._talk.line(event.reason, STYLES.get(event.state, ""), label="")

    def _where(self) -> tuple[float | None, str]:
        done, trials = self._work.ended, self._work.units
        counted = plural(done, "trial") if trials is None else f"{done} of {plural(trials, 'trial')}"
        return self._work.told(f"{counted}{self._best}")


class ConfirmView:
    """The groups that confirm, on `talk`: one bar for all of their members, a line for each of them. `names` are what
    they are called, by the number of their trial."""

    def __init__(self, talk: Talk, names: Mapping[int | None, str], seeds: int, metric: str) -> None:
        self._talk, self._names, self._metric = talk, names, column(metric).name
        self._seeds, self._work, self._epochs = seeds, Work(len(names) * seeds), 1
        self._values: dict[int | None, list[float]] = {}
        self._talk.bar(self._where)

    def show(self, at: int | None, event: GroupEvent) -> None:
        match event:
            case Started():
                self._epochs = event.epochs
                for key, status in event.ended.items():
                    self._member(at, key, status)
            case MemberTold(key=key, event=StepsDone() | EpochDone() as told):
                self._work.hear((at, key), told, self._epochs)
            case MemberTold(key=key, event=Ended(status=status)):
                self._member(at, key, status)
            case MemberTold(key=key, event=Failed() as failed):
                self._work.end((at, key))
                say(self._talk, [("failed", f"{self._names[at]}: {failed.message}")])
            case Ended(status=status):
                code, values = int(status["exit_code"]), self._values.get(at, [])
                is_stopped = code == STOPPED or code > 128
                text = f"stopped, {len(values)} of {plural(self._seeds, 'seed')}" if is_stopped else self._told(values)
                self._talk.line(f"{self._names[at]}: {text}")
        self._talk.bar(self._where)

    def end(self) -> None:
        self._talk.bar(None)
        if self._work.ended:
            self._talk.line("")

    def _member(self, at: int | None, key: Key, status: Mapping[str, Any]) -> None:
        self._work.end((at, key))
        known = status.get("test") or {}
        if status.get("state") == "finished" and (found := known.get(self._metric)) is not None:
            self._values.setdefault(at, []).append(found)

    def _told(self, values: Sequence[float]) -> str:
        if not values:
            return "no value"
        spread = f", sd {number(deviation(values))}" if len(values) > 1 else ""
        return f"test {self._metric} {number(mean(values))}{spread}, {plural(len(values), 'seed')}"

    def _where(self) -> tuple[float | None, str]:
        return self._work.told(f"confirming: {self._work.ended} of {self._work.units} trainings")


def shown(value: Any, values: Range | tuple[str, ...]) -> str | None:
    """The value of a parameter in a column, one of its `values`; the small ones of a range have an exponent, and then
    all of it."""
    if value is None:
        return None
    if isinstance(values, Range) and values.log and not values.whole and values.low < EXPONENT_BELOW["number"]:
        text = in_notation(value, exponent=True)
    else:
        text = number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def begun_pairs(event: SweepBegun) -> Pairs:
    """Which sweep, what it searches for, on what; then the notes."""
    ended = f", {event.ended} of them ended before" if event.ended else ""
    trials = "trials" if event.trials is None else plural(max(event.trials, event.ended), "trial")
    data = ", ".join(f"{number(count)} {part}" for part, count in event.samples.items())
    threads = f"{plural(event.at_once, 'trial')} at once, {plural(event.threads, 'thread')} each"
    return [
        ("sweep", f"{event.run}, {trials} by {event.planner}{ended}"),
        ("search", f"{'highest' if column(event.metric).about.direction == 'up' else 'lowest'} {event.metric}"),
        ("data", data),
        ("device", ", ".join(filter(None, (event.device, event.device_model, threads)))),
        *(("note", note) for note in event.notes),
    ]
