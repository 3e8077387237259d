"""Signals and --max-time ask a run to stop; it looks between two steps, saves its state, and then ends as asked."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Self

from tuner import process
from tuner.errors import STOPPED

DEADLY = tuple(map(signal.Signals, process.DEADLY))
ASKED = (*DEADLY, *([] if process.SAVE is None else [signal.Signals(process.SAVE)]))
AT_ONCE = 2.0
"""Seconds within which a second Ctrl-C ends the run without saving."""
CLEAR = b"\r\x1b[2K"
"""Takes away the line that a terminal's cursor is in."""


@dataclass(frozen=True)
class Stop:
    """Why a run is to stop. `signal` is the one that the process dies of afterwards; None: it exits with 75."""

    reason: str
    signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        return STOPPED if self.signal is None else 128 + self.signal


ENOUGH = Stop("--budget")


class StoppedError(Exception):
    """A stop was asked for between two trainings: what was trained so far is there, and the same command goes on."""


class StopRequests:
    """While entered, a signal is a request; so is the end of `max_time` seconds, shown as ``--max-time``.

    Between `listen` and `rest` there is something to save, and a signal only asks; the process dies of it at its end
    (`process.end`). A second Ctrl-C within two seconds ends it at once, after calling `before_dying`. Outside of them a
    signal ends the process at once and silently, SIGUSR1 with exit code 75 before `listen`; later it is only noted.
    Signals that whoever started the process has it ignore (`nohup`, a job in the background) stay ignored.
    """

    def __init__(self, max_time: float | None = None) -> None:
        self._asked: Stop | None = None
        self._deadline = None if max_time is None else time.monotonic() + max_time
        self._interrupted = float("-inf")
        self._before: dict[signal.Signals, object] = {}
        self._enough: Callable[[], bool] = bool
        self._listening = 0
        self.before_dying: Callable[[], None] | None = None

    @property
    def asked(self) -> Stop | None:
        """Why to stop; None: go on."""
        if self._asked is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self._asked = Stop("--max-time")
        return self._asked or (ENOUGH if self._enough() else None)

    @contextmanager
    def until(self, enough: Callable[[], bool]) -> Iterator[None]:
        """Within it a stop is asked for as long as `enough` says so; afterwards that is forgotten."""
        self._enough = enough
        try:
            yield
        finally:
            self._enough = bool

    def check(self) -> None:
        """Raises StoppedError where a stop was asked for."""
        if self.asked is not None:
            raise StoppedError

    def ask(self, stop: Stop) -> None:
        """Asks from within the program; the first reason stands."""
        self._asked = self._asked or stop

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in ASKED:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    at_once = signal.SIG_DFL if number in DEADLY else _leave
                    self._before[number] = signal.signal(number, at_once)
            if process.Kept.save_and_stop:
                _leave(0, None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
        if self._asked is not None and self._asked.signal is not None:
            process.Kept.deadly = self._asked.signal

    def listen(self) -> None:
        """From now on there is something to save."""
        for number in self._before:
            signal.signal(number, self._note)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """`listen`, then `rest`; within another such block that one goes on."""
        self.listen()
        self._listening += 1
        try:
            yield
        finally:
            self._listening -= 1
            if not self._listening:
                self.rest()

    def rest(self) -> None:
        """What there was to save is saved."""
        for number in self._before:
            signal.signal(number, signal.SIG_DFL if number in DEADLY else self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            now = time.monotonic()
            if now - self._interrupted < AT_ONCE:
                # Not by an exception: an import, a destructor or a library's own `except` would swallow it.
                if self.before_dying is not None:
                    self.before_dying()
                with suppress(OSError):
                    if os.isatty(2):
                        os.write(2, CLEAR)  # the progress bar
                process.die_of(signal.SIGINT)
            self._interrupted = now
        found = signal.Signals(number)
        if self._asked is None or self._asked.signal is None:
            self._asked = Stop(found.name, found if found in DEADLY else None)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """SIGUSR1 before there is anything to save: the same command goes on from nothing."""
    os._exit(STOPPED)
