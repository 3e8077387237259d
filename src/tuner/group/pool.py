"""The worker processes of a group: members are handed out, and what they tell is passed on as it comes."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Generator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from tuner.document.files import is_handed_over
from tuner.errors import BUG, ResourceError
from tuner.events import Ended, GroupEvent, MemberFailed, MemberTold, Started
from tuner.group.messages import MemberTask, from_line, to_line
from tuner.group.opening import GroupSession, hold
from tuner.runs.files import CONFIG
from tuner.runs.folder import is_run
from tuner.signals import ignore_here_alone
from tuner.stopping import StopRequests

FIRST = (70, 143, 130, 75, 73, 5, 4, 3)
"""Which exit code of a member becomes the group's."""

LEFT_OVER = 15.0
"""Seconds to wait for a member that the worker of a killed group still holds: it is about to save and stop."""

LOOK = 0.1
"""Seconds between two looks at whether to stop."""


class Worker:
    """One process. `seed` is the member that it trains; None: it waits for one."""

    def __init__(self) -> None:
        self.seed: int | None = None
        ignore_here_alone(signal.SIGUSR1)  # what a worker is told at the end of --max-time
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        # -P: a file torch.py in the working directory is not imported. A session of its own: Ctrl-C reaches the group
        # alone, which passes it on once.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tuner.group.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            start_new_session=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: S101 - pipes
        self.tasks, self.answers = self.process.stdin, self.process.stdout
        self.rest = b""

    def give(self, task: MemberTask) -> None:
        self.seed = task.seed
        with suppress(BrokenPipeError):  # it died: the end of its answers tells
            self.tasks.write(to_line(task).encode())
            self.tasks.flush()

    def read(self) -> list[str] | None:
        """The whole lines that have come; None when it has gone."""
        data = os.read(self.answers.fileno(), 1 << 16)
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [line.decode() for line in lines] if data else None

    def close(self) -> None:
        """Ends it, at once if it still runs."""
        with suppress(BrokenPipeError):
            self.tasks.close()
        if self.seed is not None:
            self.process.kill()
        self.process.wait()
        self.answers.close()
        self.errors.close()


def train_group(session: GroupSession, stop: StopRequests) -> Generator[GroupEvent]:
    """Trains the members that have not come to an end yet; Started comes first and Ended last. A member that
    fails does not stop the others. Raises TunerError before the first member begins."""
    session, lock = hold(session)
    with ExitStack() as held:
        held.callback(lock.release)
        held.enter_context(stop.listening())
        before = session.trained()
        codes = {seed: int(run.status.get("exit_code") or 0) for seed, run in before.items()}
        waiting = [seed for seed in session.seeds if seed not in codes]
        assert session.path is not None  # noqa: S101 - `hold` made it
        config, identity = session.loaded.config, session.identity
        yield Started(
            run=session.path,
            resumed=None,
            steps_per_epoch=0,
            seeds=session.seeds,
            ended={seed: run.status for seed, run in before.items()},
            at_once=session.at_once,
            device=identity.device,
            device_model=identity.device_model,
            threads=identity.threads,
            parameters=session.loaded.plan.parameters,
            samples=session.splits.sizes,
            epochs=config.training.epochs,
            monitor=config.training.monitor,
            notes=session.loaded.notes,
        )
        yield from _Pool(session, stop, held, waiting, codes).run()
        if stop.asked is not None:  # what was not begun, or had nothing to save yet, is stopped as well
            codes |= {seed: stop.asked.exit_code for seed in session.seeds if seed not in codes}
        yield Ended(session.path, {"exit_code": group_code(codes.values())})


def group_code(codes: Collection[int]) -> int:
    """The exit code of a group from those of its members."""
    return next((code for code in FIRST if code in codes), max(codes, default=0))


class _Pool:
    """Members wait for workers; `codes` collects how each ended."""

    def __init__(
        self, session: GroupSession, stop: StopRequests, held: ExitStack, waiting: list[int], codes: dict[int, int]
    ) -> None:
        self.session, self.stop, self.held, self.waiting, self.codes = session, stop, held, waiting, codes
        self.selector = held.enter_context(selectors.DefaultSelector())
        self.workers: list[Worker] = []
        stop.before_dying = self.kill

    def run(self) -> Iterator[GroupEvent]:
        for _ in range(min(self.session.at_once, len(self.waiting))):
            self.start()
        told = False
        while self.workers:
            for key, _ in self.selector.select(LOOK):
                worker: Worker = key.data
                lines = worker.read()
                for line in lines or []:
                    yield from self.hear(worker, line)
                if lines is None:
                    yield from self.gone(worker)
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
        self.selector.register(worker.answers, selectors.EVENT_READ, worker)
        worker.give(self.task(self.waiting.pop(0)))

    def hear(self, worker: Worker, line: str) -> Iterator[GroupEvent]:
        """One line of a worker; at the end of its member it gets the next one."""
        message, seed = from_line(line), worker.seed
        assert seed is not None and not isinstance(message, MemberTask)  # noqa: S101 - a worker speaks of its member
        yield message if isinstance(message, MemberFailed) else MemberTold(seed, message)
        if isinstance(message, Ended | MemberFailed):
            code = message.status.get("exit_code") if isinstance(message, Ended) else message.exit_code
            self.codes[seed] = int(code or 0)
            worker.seed = None
            if self.waiting and self.stop.asked is None:
                worker.give(self.task(self.waiting.pop(0)))
            else:
                worker.tasks.close()

    def gone(self, worker: Worker) -> Iterator[GroupEvent]:
        """A worker ended: as it should, or in the middle of a member, which another one cannot help then."""
        self.selector.unregister(worker.answers)
        self.workers.remove(worker)
        worker.process.wait()
        if worker.seed is not None and self.stop.asked is None:
            failed = _death(worker, worker.seed)
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

    def task(self, seed: int) -> MemberTask:
        session = self.session
        assert session.path is not None  # noqa: S101 - `hold` made it
        return MemberTask(
            source=session.source,
            given=session.loaded.source.decode(),
            overrides=session.overrides,
            config_hash=session.loaded.with_seed(seed).hash,
            seed=seed,
            group=str(session.path),
            threads=1,
            wait=max(LEFT_OVER, session.request.wait),
            argv=command_of(session, session.path),
        )


def command_of(session: GroupSession, path: Path) -> tuple[str, ...]:
    """The command that goes on with this group: the same one, but after --again, which would begin another, and for a
    config that the shell handed over, which is gone."""
    words = session.request.argv
    begun = [path / f"seed-{seed}" for seed in session.seeds if is_run(path / f"seed-{seed}")]
    if is_handed_over(session.source) and begun:
        seeds = ",".join(map(str, session.seeds)) + "," * (len(session.seeds) == 1)
        where = [] if path.parent == Path("runs") else ["--runs-dir", str(path.parent)]
        return ("tuner", "train", str(begun[0] / CONFIG), "--run", path.name, "--seeds", seeds, *where)
    return (*(word for word in words if word != "--again"), "--run", path.name) if session.request.again else words


def _death(worker: Worker, seed: int) -> MemberFailed:
    """What to say of a worker that ended in the middle of the member `seed`."""
    code = worker.process.wait()
    worker.errors.seek(0)
    words = (worker.errors.read().decode(errors="replace").strip().splitlines() or [""])[-1]
    if code < 0:
        fix = "Too little memory is the usual cause. The same command goes on with it."
        return MemberFailed(
            seed, f"its process was killed ({signal.Signals(-code).name})", fix, ResourceError.exit_code
        )
    if words.startswith(("MemoryError", "OSError: [Errno 12]")):
        fix = "Make room and run the same command again."
        return MemberFailed(seed, "this machine's memory ran out", fix, ResourceError.exit_code)
    said = f"a bug in tuner ended its process: {words or f'exit code {code}'}"
    return MemberFailed(seed, said, "Please report it.", BUG)
