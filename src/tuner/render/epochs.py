"""The lines of a training run as text: one per epoch in aligned columns, and what stands before and after them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.errors import ResourceError
from tuner.events import EpochDone, Started
from tuner.figures import ASCII_LEVELS, LEVELS, duration, figure, number, plural, spark
from tuner.render.text import cells, escape, pad

Row = Mapping[str, float | int | None]
LABEL = 8
TREND = 12
BEST = "best"
FIGURE = 9
DURATION = 10
DROPPED_FIRST = ("trend", "lr", "time")


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


@dataclass(frozen=True)
class Column:
    """One column of the epoch lines."""

    name: str
    width: int
    align: str = "r"


class EpochTable:
    """One aligned line per epoch: how far, losses, the metric, lr, time, the monitor's trend, a mark on a new best.

    Columns follow from the first row; those that do not fit into `width` fall away: trend, lr, time, then the train
    metric. `resumed` is the last epoch that an earlier start had finished.
    """

    def __init__(self, first: Row, epochs: int, monitor: str, width: int, blocks: bool = True) -> None:
        self.epochs, self.monitor, self.levels = epochs, monitor, LEVELS if blocks else ASCII_LEVELS
        self.trend = Trend()
        self.columns = _fit(_columns(first, epochs, monitor), width)

    def header(self) -> str:
        return self._line({column.name: column.name for column in self.columns})

    def line(self, done: EpochDone) -> str:
        self.trend.add(_height(done.row.get(self.monitor), self.monitor))
        room = next((column.width for column in self.columns if column.name == "trend"), 0)
        special = {
            "epoch": f"{number(done.row.get('epoch'))}/{number(self.epochs)}",
            "lr": number(done.row.get("lr")),
            "time": duration(done.seconds),
            "trend": spark(self.trend.points, width=room, levels=self.levels) if room else "",
            BEST: BEST if done.best else "",
        }
        shown = {column.name: special.get(column.name) for column in self.columns}
        return self._line({name: figure(done.row.get(name)) if text is None else text for name, text in shown.items()})

    def _line(self, texts: Mapping[str, str]) -> str:
        parts = [pad(texts[column.name], column.width, column.align) for column in self.columns]
        return "  ".join(parts).rstrip()


def _columns(row: Row, epochs: int, monitor: str) -> list[Column]:
    metric = _metric(row, monitor)
    names = ["train_loss", "val_loss", f"train_{metric}", f"val_{metric}"]
    count = len(number(epochs))
    return [
        Column("epoch", max(5, 2 * count + 1)),
        *(Column(name, max(FIGURE, len(name))) for name in names if name in row),
        Column("lr", FIGURE),
        Column("time", DURATION),
        Column("trend", TREND, "l"),
        Column(BEST, len(BEST), "l"),
    ]


def _height(value: float | None, name: str) -> float | None:
    """What the trend draws: the logarithm of a loss, or its first fall would flatten all that follows."""
    if value is None or not name.endswith("loss"):
        return value
    return math.log(value) if value > 0 else None


def _metric(row: Row, monitor: str) -> str:
    """The metric beside the loss: the monitored one, else the first in the row."""
    metrics = [name.split("_", 1)[1] for name in (monitor, *row) if name.startswith(("train_", "val_"))]
    return next((metric for metric in metrics if metric != "loss"), "")


def _fit(columns: Sequence[Column], width: int) -> list[Column]:
    train = [column.name for column in columns if column.name.startswith("train_") and column.name != "train_loss"]
    fitted = list(columns)
    for name in (*DROPPED_FIRST, *train):
        over = sum(column.width + 2 for column in fitted) - 2 - width
        if over <= 0:
            break
        at = [column.name for column in fitted].index(name)
        if name == "trend" and over <= TREND - 4:
            fitted[at] = Column("trend", TREND - over, "l")
        else:
            del fitted[at]
    return fitted


def started_lines(event: Started, encoding: str = "utf-8") -> list[str]:
    """Which run, what network, what data, on what; then the notes."""
    run = str(event.run) + ("" if event.resumed is None else f", {_where(event.resumed, event)}")
    model = plural(event.parameters, "parameter")
    data = ", ".join(f"{number(count)} {part}" for part, count in event.samples.items())
    machine = ", ".join(part for part in (event.device, event.device_model, plural(event.threads, "thread")) if part)
    train = f"{plural(event.epochs, 'epoch')} of {plural(event.steps_per_epoch, 'step')}, best epoch by {event.monitor}"
    lines = [("run", run), ("model", model), ("data", data), ("device", machine), ("train", train)]
    lines += [("note", note) for note in event.notes]
    return [labelled(label, text, encoding) for label, text in lines if text]


def _where(resumed: int, event: Started) -> str:
    """Where a run goes on that was begun before."""
    if event.batch:
        batch, batches = number(event.batch), number(event.steps_per_epoch)
        return f"goes on in epoch {number(resumed + 1)}, after batch {batch} of {batches}"
    if resumed:
        return f"goes on after epoch {number(resumed)}"
    return "begun before, and nothing of it was saved: starts anew"


def ended_lines(status: Mapping[str, Any], encoding: str = "utf-8") -> list[str]:
    """How the run ended, what was saved, its best epoch, its test result; the last line is the next command."""
    end = ", ".join(str(status[key]) for key in ("state", "reason") if status.get(key))
    best = status.get("best") or {}
    epoch = status.get("best_epoch", best.get("epoch"))
    lines = [("end", end)]
    if status.get("state") == "stopped" and status.get("exit_code") != ResourceError.exit_code:
        none_yet = "" if status.get("epoch") else "; no best weights before epoch 1 is over"
        lines.append(("saved", f"its state: the next command goes on from it{none_yet}"))
    if epoch is not None:
        values = {name: value for name, value in best.items() if name.startswith(("train_", "val_"))}
        lines.append(("best", ": ".join(part for part in (f"epoch {number(epoch)}", _values(values)) if part)))
    lines += [("test", _values(status.get("test") or {})), ("next", str(status.get("next") or ""))]
    return [labelled(label, text, encoding) for label, text in lines if text]


def labelled(label: str, text: str, encoding: str = "utf-8") -> str:
    """``run     runs/mnist-cnn-3``; further lines of the text stand below its first."""
    lines = [escape(line, encoding) for line in text.split("\n")]
    return f"{label:<{LABEL}}" + ("\n" + " " * LABEL).join(lines)


def _values(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items() if value is not None)


def bar_text(share: float, text: str, width: int, blocks: bool = True) -> str:
    """``━━━━━━━━━━━━──────── 45%  text`` in `width` columns: the bar gives way to the text, 40 columns at most."""
    share = min(1.0, max(0.0, share))
    tail = f" {share:>4.0%}  {text}"
    room = min(40, width - cells(tail))
    if room < 8:
        return tail.strip()[:width]
    full, empty = "━─" if blocks else "#."
    return full * round(share * room) + empty * (room - round(share * room)) + tail
