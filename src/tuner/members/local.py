"""An executor: this machine's cores, a worker process for each member that is trained at once.

Nothing in the parent process imports torch: it hands the members to workers and passes on what they tell, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import IO

from tuner import machine
from tuner.errors import BUG, ResourceError
from tuner.events import Ended, Event, Failed, from_json, to_json
from tuner.members import Member
from tuner.members.training import Data, trained
from tuner.process import begin, end, ignore_here_alone
from tuner.runs.identity import Identity
from tuner.stopping import Stop, StopRequests

Told = tuple[str, Event | Failed]
"""The name of a member, and what it tells."""
LOOK = 0.1
"""Seconds between two looks at whether to stop."""
GONE = Stop("the command that trained the group is gone", signal.SIGTERM)


def at_once(identity: Identity) -> int:
    """As many members as there are cores for; on a GPU one."""
    return max(1, machine.cores() // identity.threads) if identity.device == "cpu" else 1


def run(members: Iterator[Member], at_once: int, stop: StopRequests) -> Generator[Told]:
    """Trains members in worker processes, each of which keeps what it imported and read for the next one."""
    with closing(Pool()) as pool:
        yield from pool.run(members, at_once, stop)


class Worker:
    """One process. `member` is the name of what it trains; None: nothing any more."""

    def __init__(self) -> None:
        self.member: str | None = None
        self.leaves = False  # it was asked to stop, and ends after what it trains
        ignore_here_alone(signal.SIGUSR1)  # what a worker is told at the end of --max-time
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.connection, theirs = Pipe()
        # -P: a file torch.py in the working directory is not imported. A session of its own: Ctrl-C reaches the group
        # alone, which passes it on once.
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", __spec__.name, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self.errors,  # what a library prints
                stderr=self.errors,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def give(self, member: Member | None) -> None:
        """Hands it a member; None: there are no more for now."""
        self.member = None if member is None else member.name
        if member is not None:
            with suppress(OSError):  # it died: the end of its answers tells
                self.connection.send_bytes(json.dumps(vars(member)).encode())

    def close(self) -> None:
        """Ends it, at once if it still runs."""
        self.connection.close()
        if self.member is not None:
            self.process.kill()
        self.process.wait()
        self.errors.close()

    def death(self) -> Failed:
        """What to say when it has ended in the middle of a member."""
        code = self.process.wait()
        self.errors.seek(0)
        words = (self.errors.read().decode(errors="replace").strip().splitlines() or [""])[-1]
        if code >= 0 and not words.startswith(("MemoryError", "OSError: [Errno 12]")):
            said = f"a bug in tuner ended its process: {words or f'exit code {code}'}"
            return Failed(said, "Please report it.", BUG)
        said, fix = "this machine's memory ran out", "Make room and run the same command again."
        if code < 0:
            said = f"its process was killed ({signal.Signals(-code).name})"
            fix = "Too little memory is the usual cause. The same command goes on with it."
        return Failed(said, fix, ResourceError.exit_code)


class Pool:
    """Members wait for workers. An executor, too: its workers stay from one family to the next, until it is closed."""

    at_once = staticmethod(at_once)

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.waiting: Iterator[Member] = iter(())
        self.stop = StopRequests()

    def run(self, members: Iterator[Member], at_once: int, stop: StopRequests) -> Generator[Told]:
        """As the executor's; nothing is being trained any more when it ends, however it ends."""
        self.waiting, self.stop = members, stop
        stop.before_dying = self.kill
        try:
            for worker in self.workers[:at_once]:
                worker.give(self.next_member())
            for _ in range(at_once - len(self.workers)):
                self.start()
            yield from self.listen()
        finally:
            for worker in self.busy():
                self.end(worker)

    def listen(self) -> Iterator[Told]:
        """What the workers tell, until all members have come to their end."""
        told = False
        while busy := self.busy():
            ready = wait([worker.connection for worker in busy], LOOK)
            for worker in [worker for worker in busy if worker.connection in ready]:
                try:
                    message = from_json(worker.connection.recv_bytes())
                except (EOFError, OSError):
                    yield from self.gone(worker)
                else:
                    yield from self.heard(worker, message)
            asked = self.stop.asked
            if asked is not None and not told:
                told = True
                for worker in self.busy():
                    worker.process.send_signal(asked.signal or signal.SIGUSR1)
                    worker.leaves = True

    def busy(self) -> list[Worker]:
        """The workers that train."""
        return [worker for worker in self.workers if worker.member is not None]

    def start(self) -> None:
        """A worker for the next member, if there is one."""
        member = self.next_member()
        if member is None:
            return
        try:
            worker = Worker()
        except OSError as error:
            message = f"cannot start a process: {error.strerror}"
            raise ResourceError(message, fix="make room, then run it again") from error
        self.workers.append(worker)
        worker.give(member)

    def heard(self, worker: Worker, message: Event | Failed) -> Iterator[Told]:
        """What a worker tells; at the end of its member it gets the next one."""
        assert worker.member is not None  # noqa: S101 - a worker speaks of its member
        told = worker.member, message
        if isinstance(message, Ended | Failed):
            worker.give(None if worker.leaves else self.next_member())
            if worker.leaves:
                self.end(worker)
        yield told

    def gone(self, worker: Worker) -> Iterator[Told]:
        """A worker ended: as it should, or in the middle of a member, which another one cannot help then."""
        worker.process.wait()
        if worker.member is not None and self.stop.asked is None:
            yield worker.member, worker.death()
        worker.member = None
        self.end(worker)
        self.start()

    def end(self, worker: Worker) -> None:
        """Ends a worker, at once if it trains."""
        self.workers.remove(worker)
        worker.close()

    def close(self) -> None:
        """Ends all of them."""
        for worker in [*self.workers]:
            self.end(worker)

    def kill(self) -> None:
        """Ends the workers at once."""
        for worker in self.workers:
            worker.process.kill()

    def next_member(self) -> Member | None:
        """The next member, unless there is none, or it is not to be begun."""
        return None if self.stop.asked is not None else next(self.waiting, None)


# ---- in a worker -----------------------------------------------------------------------------------------------------


def work() -> None:
    """A worker process: trains the members that come until there are no more, or until it is asked to stop."""
    begin()
    data = Data()
    with ExitStack() as last, Connection(int(sys.argv.pop())) as family, StopRequests() as stop:
        last.callback(end)
        last.enter_context(suppress(EOFError, OSError))  # the family has gone
        while (told := json.loads(family.recv_bytes())) is not None:
            for event in trained(Member(**told), stop, data):
                try:
                    family.send_bytes(to_json(event))
                except OSError:  # nobody listens any more: the member is to stop with its state saved
                    stop.ask(GONE)
            if stop.asked is not None:
                return


if __name__ == "__main__":
    work()
    os._exit(0)  # all is saved and told: to take torch apart takes a while
