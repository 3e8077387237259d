"""A run with several seeds: one folder, one member a seed, trained by worker processes, as many at once as fit.

Nothing in the parent process imports torch: it hands the members to workers and passes on what they tell.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tuner import machine
from tuner.config.load import load
from tuner.crash import report
from tuner.errors import BUG, NotFoundError, ResourceError, TunerError
from tuner.events import Ended, Event, GroupEvent, MemberFailed, MemberTold, Started
from tuner.opening import Answered, GroupSession, Request, hold, open_session
from tuner.runs.files import CONFIG
from tuner.runs.find import group_command
from tuner.runs.folder import is_run
from tuner.signals import begin, end, ignore_here_alone
from tuner.stopping import Stop, StopRequests

if TYPE_CHECKING:
    from tuner.data.splits import Splits

FIRST = (70, 143, 130, 75, 73, 5, 4, 3)
"""Which exit code of a member becomes the group's."""
LEFT_OVER = 15.0
"""Seconds to wait for a member that the worker of a killed group still holds: it is about to save and stop."""
LOOK = 0.1
"""Seconds between two looks at whether to stop."""
GONE = Stop("the command that trained the group is gone", signal.SIGTERM)


def train_group(session: GroupSession, stop: StopRequests) -> Generator[GroupEvent]:
    """Trains the members that have not come to an end yet; Started comes first and Ended last. A member that
    fails does not stop the others. Raises TunerError before the first member begins."""
    lock = hold(session)
    with ExitStack() as held:
        held.callback(lock.release)
        held.enter_context(stop.listening())
        session, on_cpu = replace(session, path=lock.path), session.identity.device == "cpu"
        ended = {seed: run.status for seed, run in session.trained().items()}
        codes = {seed: int(status.get("exit_code") or 0) for seed, status in ended.items()}
        at_once = max(1, machine.cores() // session.identity.threads) if on_cpu else 1
        yield Started(
            run=lock.path,
            notes=session.loaded.notes,
            seeds=session.seeds,
            ended=ended,
            at_once=at_once,
            **session.begun,
        )
        yield from _Pool(session, lock.path, stop, held, codes).run(at_once)
        if stop.asked is not None:  # what was not begun, or had nothing to save yet, is stopped as well
            codes |= {seed: stop.asked.exit_code for seed in session.seeds if seed not in codes}
        yield Ended(lock.path, {"exit_code": group_code(codes.values())})


def group_code(codes: Collection[int]) -> int:
    """The exit code of a group from those of its members."""
    return next((code for code in FIRST if code in codes), max(codes, default=0))


def command_of(session: GroupSession, path: Path) -> tuple[str, ...]:
    """The command that goes on with the group in the folder `path`."""
    begun = [path / f"seed-{seed}" for seed in session.seeds if is_run(path / f"seed-{seed}")]
    anew = group_command(path, begun[0] / CONFIG, session.seeds) if begun else ()
    return session.request.going_on(path, anew)


@dataclass(frozen=True)
class MemberTask:
    """One member to train: what `load` and `open_session` need, so that a worker finds the same config."""

    seed: int
    request: Request
    source: str
    overrides: tuple[str, ...]
    given: bytes  # the config as its group read it
    config_hash: str  # of the member: a base file may have changed meanwhile


class Worker:
    """One process. `seed` is the member that it trains; None: none any more."""

    def __init__(self) -> None:
        self.seed: int | None = None
        ignore_here_alone(signal.SIGUSR1)  # what a worker is told at the end of --max-time
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.connection, theirs = Pipe()
        # -P: a file torch.py in the working directory is not imported. A session of its own: Ctrl-C reaches the group
        # alone, which passes it on once.
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tuner.group", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self.errors,  # what a library prints
                stderr=self.errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def give(self, task: MemberTask | None) -> None:
        """Hands it a member; None: there are no more."""
        self.seed = None if task is None else task.seed
        with suppress(OSError):  # it died: the end of its answers tells
            self.connection.send(task)

    def close(self) -> None:
        """Ends it, at once if it still runs."""
        self.connection.close()
        if self.seed is not None:
            self.process.kill()
        self.process.wait()
        self.errors.close()

    def death(self, seed: int) -> MemberFailed:
        """What to say when it has ended in the middle of the member `seed`."""
        code = self.process.wait()
        self.errors.seek(0)
        words = (self.errors.read().decode(errors="replace").strip().splitlines() or [""])[-1]
        if code >= 0 and not words.startswith(("MemoryError", "OSError: [Errno 12]")):
            said = f"a bug in tuner ended its process: {words or f'exit code {code}'}"
            return MemberFailed(seed, said, "Please report it.", BUG)
        said, fix = "this machine's memory ran out", "Make room and run the same command again."
        if code < 0:
            said = f"its process was killed ({signal.Signals(-code).name})"
            fix = "Too little memory is the usual cause. The same command goes on with it."
        return MemberFailed(seed, said, fix, ResourceError.exit_code)


class _Pool:
    """Members wait for workers; `codes` collects how each ended."""

    def __init__(
        self, session: GroupSession, path: Path, stop: StopRequests, held: ExitStack, codes: dict[int, int]
    ) -> None:
        self.session, self.path, self.stop, self.held, self.codes = session, path, stop, held, codes
        self.waiting = [seed for seed in session.seeds if seed not in codes]
        self.workers: list[Worker] = []
        stop.before_dying = self.kill

    def run(self, at_once: int) -> Iterator[GroupEvent]:
        for _ in range(min(at_once, len(self.waiting))):
            self.start()
        told = False
        while self.workers:
            ready = wait([worker.connection for worker in self.workers], LOOK)
            for worker in [worker for worker in self.workers if worker.connection in ready]:
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    yield from self.gone(worker)
                else:
                    yield from self.heard(worker, message)
            asked = self.stop.asked
            if asked is not None and not told:
                told = True
                for worker in self.workers:
                    worker.process.send_signal(asked.signal or signal.SIGUSR1)

    def start(self) -> None:
        try:
            worker = Worker()
        except OSError as error:
            message = f"cannot start a process: {error.strerror}"
            raise ResourceError(message, fix="make room, then run it again") from error
        self.held.callback(worker.close)
        self.workers.append(worker)
        worker.give(self.next_task())

    def heard(self, worker: Worker, message: Event | MemberFailed) -> Iterator[GroupEvent]:
        """What a worker tells; at the end of its member it gets the next one."""
        seed = worker.seed
        assert seed is not None  # noqa: S101 - a worker speaks of its member
        yield message if isinstance(message, MemberFailed) else MemberTold(seed, message)
        if isinstance(message, Ended | MemberFailed):
            code = message.status.get("exit_code") if isinstance(message, Ended) else message.exit_code
            self.codes[seed] = int(code or 0)
            worker.give(self.next_task())

    def gone(self, worker: Worker) -> Iterator[GroupEvent]:
        """A worker ended: as it should, or in the middle of a member, which another one cannot help then."""
        self.workers.remove(worker)
        worker.process.wait()
        if worker.seed is not None and self.stop.asked is None:
            failed = worker.death(worker.seed)
            self.codes[failed.seed] = failed.exit_code
            yield failed
        worker.seed = None
        worker.close()
        if self.waiting and self.stop.asked is None:
            self.start()

    def kill(self) -> None:
        """Ends the workers at once."""
        for worker in self.workers:
            worker.process.kill()

    def next_task(self) -> MemberTask | None:
        """The next member, unless there is none, or it is not to be begun."""
        if not self.waiting or self.stop.asked is not None:
            return None
        session, seed = self.session, self.waiting.pop(0)
        longest, command = max(LEFT_OVER, session.request.wait), command_of(session, self.path)
        request = Request(self.path, f"seed-{seed}", wait=longest, argv=command, auto_threads=1)
        digest = session.loaded.with_seed(seed).hash
        return MemberTask(seed, request, session.source, session.overrides, session.loaded.source, digest)


# ---- in a worker -----------------------------------------------------------------------------------------------------


def work() -> None:
    """A worker process: trains the members that come until there are no more, or until it is asked to stop."""
    begin()
    data: list[Splits] = []
    with ExitStack() as last, Connection(int(sys.argv.pop())) as group, StopRequests() as stop:
        last.callback(end)
        last.enter_context(suppress(EOFError, OSError))  # the group has gone
        for task in iter(group.recv, None):
            for event in _trained(task, stop, data):
                try:
                    group.send(event)
                except OSError:  # nobody listens any more: the member is to stop with its state saved
                    stop.ask(GONE)
            if stop.asked is not None:
                return


def _trained(task: MemberTask, stop: StopRequests, data: list[Splits]) -> Iterator[Event | MemberFailed]:
    """The events of a member. `data` is what the members before it have read."""
    try:
        loaded = load(task.source, task.overrides, given=task.given).with_seed(task.seed)
        if loaded.hash != task.config_hash:
            message = f"a file that {task.source} extends was changed while its group was training"
            raise NotFoundError(message, fix="put it back and run the same command again, or train a new group")
        opened = open_session(loaded, task.request, *data)
        if isinstance(opened, Answered):
            yield Ended(opened.run.path, opened.run.status)
        else:
            data[:] = [opened.splits]
            from tuner.train import train

            yield from train(opened, stop)
    except TunerError as error:
        yield MemberFailed(task.seed, error.message, error.fix, error.exit_code)
    except Exception as error:  # a bug: told as the program itself tells one, and the next member has its turn
        yield MemberFailed(task.seed, report(error), "", BUG)


if __name__ == "__main__":
    work()
