"""What signals do from tuner's first line to the end of its process; `stopping` changes that while a run trains.

Where nothing is to be saved, Ctrl-C, SIGTERM and SIGHUP end the process at once, silently and with the right status,
also inside an import, a lock or the interpreter's own end: no exception is raised anywhere, because it would have to be
caught everywhere. SIGUSR1 asks to save and stop: it is kept for a command that trains, and means nothing to the others.
What whoever started the process has it ignore (`nohup`, a job in the background) stays ignored.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # `signal` itself imports for a millisecond
import os

DEADLY: tuple[int, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
SAVE: int | None = getattr(signal, "SIGUSR1", None)
"""Asks to save and stop; Windows has none, nor SIGHUP."""


class Kept:
    """Signals that came and are not answered yet: SIGUSR1 before anyone asked, and the one that `end` is to die of, for
    the state is saved."""

    save_and_stop = False
    deadly: int | None = None


def begin() -> None:
    """The first act of a process of tuner."""
    for number in DEADLY:
        answer(number, signal.SIG_DFL)
    if SAVE is not None:
        answer(SAVE, _keep)


def end() -> None:
    """The last act: the process dies of a signal that it answered by saving; what comes now finds nothing to save."""
    for number in DEADLY:
        answer(number, signal.SIG_DFL)
    if SAVE is not None:
        answer(SAVE, signal.SIG_IGN)  # it came too late: the exit code tells what became of the command
    if Kept.deadly is not None:
        die_of(Kept.deadly)


def answer(number: int, how: object) -> None:
    """Sets what a signal does, unless it is to be ignored."""
    if signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, how)


def ignore_here_alone(number: int) -> None:
    """A signal that is to be ignored still is, but not by the processes that this one starts from now on."""
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, _pass_over)


def die_of(number: int) -> None:
    """Ends this process by the signal itself, so that shells and schedulers see what happened."""
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def _pass_over(_number: int, _frame: object) -> None:
    """Unlike SIG_IGN this is not handed down."""


def _keep(_number: int, _frame: object) -> None:
    Kept.save_and_stop = True
