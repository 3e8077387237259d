"""Signals ask a run to stop; the run looks between two steps, saves its state and then dies of the signal."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType, TracebackType

ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE = 2.0
"""Seconds within which a second Ctrl-C ends the run without saving."""


class StopRequests:
    """While entered, a signal is a request.

    Until `listen` there is nothing to save, and it ends the process at once and silently, wherever it is: inside an
    import, too. After `listen` it only sets `signal`; a second Ctrl-C within two seconds raises KeyboardInterrupt, of
    which, once everything is tidied up, the process dies when the ``with`` block is left.
    Signals that whoever started the process has it ignore (`nohup`, a job in the background) stay ignored.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._at = 0.0
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():
            for number in ASKED:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, signal.SIG_DFL)
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
        if self.signal is not None and number == signal.SIGINT and now - self._at < AT_ONCE:
            raise KeyboardInterrupt
        self.signal, self._at = signal.Signals(number), now


def die_of(number: signal.Signals) -> None:
    """Ends this process by the signal itself, so that shells and schedulers see what happened."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
