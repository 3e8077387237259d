"""Signals and --max-time ask a run to stop; it looks between two steps, saves its state, and then ends as asked."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from types import FrameType, TracebackType

from tuner.errors import StoppedError

DEADLY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ASKED = (*DEADLY, signal.SIGUSR1)
AT_ONCE = 2.0
"""Seconds within which a second Ctrl-C ends the run without saving."""


@dataclass(frozen=True)
class Stop:
    """Why a run is to stop. `signal` is the one that the process dies of afterwards; None: it exits with 75."""

    reason: str
    signal: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        return StoppedError.exit_code if self.signal is None else 128 + self.signal


class StopRequests:
    """While entered, a signal is a request; so is the end of `max_time` seconds, shown as ``--max-time``.

    Until `listen` there is nothing to save, and a signal ends the process at once and silently, wherever it is: inside
    an import, too. After `listen` it only asks; a second Ctrl-C within two seconds raises KeyboardInterrupt, of which,
    once everything is tidied up, the process dies when the ``with`` block is left.
    Signals that whoever started the process has it ignore (`nohup`, a job in the background) stay ignored.
    """

    def __init__(self, max_time: float | None = None) -> None:
        self._asked: Stop | None = None
        self._deadline = None if max_time is None else time.monotonic() + max_time
        self._at = 0.0
        self._before: dict[signal.Signals, object] = {}

    @property
    def asked(self) -> Stop | None:
        """Why to stop; None: go on."""
        if self._asked is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self._asked = Stop("--max-time")
        return self._asked

    def ask(self, stop: Stop) -> None:
        """Asks from within the program; the first reason stands."""
        self._asked = self._asked or stop

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():
            for number in ASKED:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    at_once = signal.SIG_DFL if number in DEADLY else _leave
                    self._before[number] = signal.signal(number, at_once)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
        if kind is KeyboardInterrupt:
            die_of(signal.SIGINT)

    def listen(self) -> None:
        """From now on there is something to save."""
        for number in self._before:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked is not None and number == signal.SIGINT and now - self._at < AT_ONCE:
            raise KeyboardInterrupt
        found = signal.Signals(number)
        self._asked, self._at = Stop(found.name, found if found in DEADLY else None), now


def _leave(_number: int, _frame: FrameType | None) -> None:
    """SIGUSR1 before there is anything to save: the same command goes on from nothing."""
    os._exit(StoppedError.exit_code)


def die_of(number: signal.Signals) -> None:
    """Ends this process by the signal itself, so that shells and schedulers see what happened."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
