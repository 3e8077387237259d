"""A process of tuner from its first line to its end: what signals do, which `stopping` changes while a run trains, and
how threads wait.

Where nothing is to be saved, Ctrl-C, SIGTERM and SIGHUP end the process at once, silently and with the right status,
also inside an import, a lock or the interpreter's own end: no exception is raised anywhere, because it would have to be
caught everywhere. SIGUSR1 asks to save and stop: it is kept for a command that trains, and means nothing to the others.
What whoever started the process has it ignore (`nohup`, a job in the background) stays ignored.
"""

from __future__ import annotations

# what is imported here comes before the first act: `signal` and `contextlib` would take milliseconds of their own
import _signal as signal  # type: ignore[import-not-found]
import os
import sys

DEADLY: tuple[int, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
SAVE: int | None = getattr(signal, "SIGUSR1", None)
"""Asks to save and stop; Windows has none, nor SIGHUP."""


SPINS = "50000"
"""How often a thread of libgomp, torch's, looks for work before it sleeps (its manual: GOMP_SPINCOUNT). By default
300,000 times, and so it keeps the core from the thread that it waits for, where other processes want the core, too.
With a tenth of this it sleeps between two operations of a small net, and is late for the next also on a quiet machine.
Measured by tests/bench/busy.py."""


class Kept:
    """Signals that came and are not answered yet: SIGUSR1 before anyone asked, and the one that `end` is to die of, for
    the state is saved."""

    save_and_stop = False
    deadly: int | None = None


def begin() -> None:
    """The first act of a process of tuner, before torch is imported."""
    _answer(_keep)
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS


def end(code: object = None) -> None:
    """The last act: the process dies of a signal that it answered by saving; what comes now finds nothing to save. With
    an exit `code` it leaves at once where torch is loaded: Python would take that apart first, for a third of a second
    and in 120 MB more."""
    _answer(signal.SIG_IGN)  # SIGUSR1 came too late: the exit code tells what became of the command
    if Kept.deadly is not None:
        die_of(Kept.deadly)
    if isinstance(code, int) and "torch" in sys.modules:
        sys.stderr.flush()  # standard output was, where what went wrong could still be told
        os._exit(code)


def _answer(save: object) -> None:
    """Sets that the deadly signals end the process, and what SIGUSR1 does; but what is to be ignored is."""
    for number in filter(None, (*DEADLY, SAVE)):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, save if number == SAVE else signal.SIG_DFL)


def ignore_here_alone(number: int) -> None:
    """A signal that is to be ignored still is, but not by the processes that this one starts from now on."""
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)  # unlike SIG_IGN this is not handed down


class KeepingInterrupts:
    """Within it a library may take Ctrl-C for itself; afterwards that does what it did before."""

    def __enter__(self) -> None:
        self.before = signal.getsignal(signal.SIGINT)

    def __exit__(self, *_: object) -> None:
        try:
            signal.signal(signal.SIGINT, self.before)
        except (ValueError, TypeError):  # another thread than the main one; a handler of no Python
            return


def die_of(number: int) -> None:
    """Ends this process by the signal itself, so that shells and schedulers see what happened."""
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def _keep(_number: int, _frame: object) -> None:
    Kept.save_and_stop = True
