"""What someone sees of a training run while it goes on: `TrainDisplay` turns events into lines and a progress bar."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO

from tuner.events import Ended, EpochDone, Event, Note, Progress, Started
from tuner.figures import duration, number
from tuner.render.epochs import BEST, EpochTable, bar_text, ended_lines, labelled, started_lines
from tuner.render.screen import Screen
from tuner.render.text import paint

BAD_ENDS = ("diverged", "failed", "crashed")


class TrainDisplay:
    """Shows a training run on stderr, or on `stream`; nothing at all when `quiet`.

    With a terminal there is a bar below the lines, gone at the end. Without one, the same lines stand as plain text.
    A stream that breaks is given up silently. Close it, or leave its ``with`` block, before anything else is printed.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._screen = Screen(None if quiet else stream or sys.stderr)
        self._started: Started | None = None
        self._table: EpochTable | None = None
        self._epoch, self._share = 0, 0.0
        self._left: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left and take the bar away."""
        self._screen.close()

    def show(self, event: Event) -> None:
        """One event. Raises nothing because of the stream."""
        match event:
            case Started():
                self._start(event)
            case Progress():
                self._move(event.epoch, event.step / max(1, event.steps), event.seconds_left)
            case EpochDone():
                self._end_epoch(event)
            case Note():
                self._line(labelled("note", event.text, self._screen.encoding), "yellow")
            case Ended():
                self._end(event)

    def _start(self, event: Started) -> None:
        self._started, self._table = event, None
        for line in started_lines(event, self._screen.encoding):
            self._line(line, "yellow" if line.startswith("note") else "")
        self._line("")
        self._move((event.resumed or 0) + 1, event.batch / max(1, event.steps_per_epoch), None)
        self._screen.flush()

    def _move(self, epoch: int, inside: float, left: float | None) -> None:
        epochs = self._started.epochs if self._started else 0
        self._epoch, self._left = epoch, left
        self._share = (epoch - 1 + inside) / epochs if epochs else 0.0
        self._screen.bar(self._bar)

    def _bar(self, width: int) -> str:
        epochs = self._started.epochs if self._started else 0
        text = f"epoch {number(min(self._epoch, epochs))}/{number(epochs)}"
        if self._left is not None:
            text += f"  {duration(self._left)} left"
        return bar_text(self._share, text, width, self._screen.unicode)

    def _end_epoch(self, event: EpochDone) -> None:
        if self._table is None:
            started = self._started
            epochs, monitor = (started.epochs, started.monitor) if started else (0, "")
            self._table = EpochTable(event.row, epochs, monitor, self._screen.width, self._screen.unicode)
            self._line(self._table.header(), "bold")
        line = self._table.line(event)
        if event.best and self._screen.color:
            line = line.removesuffix(BEST) + paint(BEST, "green")
        epoch = event.row.get("epoch")
        if epoch is not None:
            self._move(int(epoch) + 1, 0.0, event.seconds_left)
        self._line(line)

    def _end(self, event: Ended) -> None:
        self._screen.bar(None)
        bad = event.status.get("state") in BAD_ENDS
        if self._table is not None:
            self._line("")
        for line in ended_lines(event.status, self._screen.encoding):
            label = line.split(" ", 1)[0]
            self._line(line, "red" if bad and label == "end" else "bold" if label == "next" else "")
        self._screen.flush()

    def _line(self, text: str, style: str = "") -> None:
        self._screen.line(paint(text, style, self._screen.color) if style else text)
