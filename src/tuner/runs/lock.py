"""Who holds a run: a lock of the kernel's, so that a killed holder holds nothing."""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tuner.durable.reading import CAREFUL, is_at, shown, unreadable
from tuner.durable.writing import make_folder, writing
from tuner.errors import HeldError, NotFoundError, ResourceError

try:
    import fcntl
except ImportError:
    CAN_LOCK = False
else:
    CAN_LOCK = True

NAME = "lock"
_LIMIT = 1 << 16
_TOLD = {"pid": (int, "process "), "host": (str, " on "), "start": (str, " since "), "command": (str, ": ")}
"""What a holder writes of itself, its type, and the word before it in a message."""
MOVE = "Move it away, then run the same command again."
_TURN = 10.0  # seconds to wait for another maker: it takes a fraction of one, unless it was halted
_ABSENT = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
# struct flock of 64-bit systems. Linux: type, whence, start, length, pid. Elsewhere: start, length, pid, type, whence.
_FLOCK, _TYPE, _PID = ("hhqqi4x", 0, 4) if sys.platform == "linux" else ("qqihh", 3, 2)

# The content of the locks that are held, by the process and the file's device and inode (a fork takes the table along,
# and no lock). Closing *any* descriptor of a file drops the locks a process has on it, so the holder's own process must
# never open the file of a held lock.
_held: dict[tuple[int, int, int], dict[str, Any]] = {}


def check_platform() -> None:
    """Raises ResourceError on a system without locks that end with their process: two could train one run there."""
    if not CAN_LOCK:
        message = "tuner does not train on this system, which has no file locks of the kind that end with their process"
        reading = "What only reads works here: show, runs, curves, diff, compare, early-stop, check, explain, list."
        raise ResourceError(message, fix=f"Train on Linux or macOS (on Windows: in WSL). {reading}")


class Lock:
    """Holds the run folder `path` from `with` (or `acquire`) to its end, or to the death of the process.

    `wait` is how many seconds to wait for another holder. `acquire` raises HeldError naming the holder, ResourceError
    when the file cannot be made. A child of the holder that forks does not hold it.
    """

    def __init__(self, path: Path, wait: float = 0) -> None:
        self.path = path
        self.wait = wait
        self._descriptor = -1

    def acquire(self) -> None:
        deadline = time.monotonic() + self.wait
        while not self._take(self.path / NAME):
            left = deadline - time.monotonic()
            if left <= 0:
                raise held(self.path, describe_holder(self.path) or "another process")
            time.sleep(min(0.1, left))

    def _take(self, file: Path) -> bool:
        """False: another process has it. Not flock: children that outlive a killed holder would keep that."""
        if _mine(file) is not None:
            return False
        with writing(file), ExitStack() as opened:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | CAREFUL, 0o666)
            opened.callback(os.close, descriptor)
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.EACCES):
                    return False
                if error.errno in _ABSENT:
                    fix = "This file system keeps no locks: put the runs on a local disk (--runs-dir)."
                    raise ResourceError(f"cannot lock {shown(file)}: {error.strerror}", fix=fix) from error
                raise
            opened.pop_all()
        command = shlex.join([os.path.basename(sys.argv[0]) or "python", *sys.argv[1:]])  # noqa: PTH119 - it is text
        start = datetime.now(UTC).isoformat(timespec="seconds")
        content = {"host": socket.gethostname(), "pid": os.getpid(), "start": start, "command": command[:1000]}
        self._descriptor = descriptor
        _held[_key(os.fstat(descriptor))] = content
        with suppress(OSError):  # for the message only: a full disk must not keep anyone from the lock
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(content).encode())
        return True

    def check_place(self) -> None:
        """Raises ResourceError when the file that is locked is no longer the one at its path: others can take it."""
        file = self.path / NAME
        with writing(file):
            if is_at(file, self._descriptor):
                return
        gone = "is gone: it was deleted or moved while this process trained, and another may have the run"
        fix = "Run the same command again: it goes on with the run once nobody else does."
        raise ResourceError(f"{shown(file)} {gone}", fix=fix)

    def release(self) -> None:
        """Gives the run free. The file stays: taking it away would let two holders lock two files of one name."""
        if self._descriptor >= 0:
            _held.pop(_key(os.fstat(self._descriptor)), None)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def held(path: Path, by: str) -> HeldError:
    """The error for a run folder that `by` (as `describe_holder` says it) holds."""
    fix = "Wait for it (--wait 30m), or train beside it in a new run (--again)."
    return HeldError(f"{shown(path)} is held by {by}", fix=fix)


@contextmanager
def making(runs_dir: Path) -> Iterator[None]:
    """Within it no other process makes a run in `runs_dir`, where the file system can see to that. The lock is the
    folder's own, not a file in it. It is held for the moments of making one, so a maker that keeps it for longer was
    halted, and is not waited for."""
    make_folder(runs_dir)
    with writing(runs_dir):
        descriptor = os.open(runs_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + _TURN
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # another process is at it
                time.sleep(0.005)
            except OSError:  # a file system without such locks keeps nobody out
                break
        yield
    finally:
        os.close(descriptor)


def holder(path: Path) -> dict[str, Any] | None:
    """What is known of the live process that holds the run folder `path`: host, pid, start, command; None if none does.
    Asks the kernel; takes nothing and writes nothing. Raises NotFoundError or ResourceError when it cannot be asked."""
    file = path / NAME
    mine = _mine(file)
    if mine is not None or not CAN_LOCK:
        return mine
    try:
        with ExitStack() as opened:
            descriptor = os.open(file, os.O_RDONLY | CAREFUL)
            opened.callback(os.close, descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise NotFoundError(f"{shown(file)} is not a regular file", fix=MOVE)
            asked = [0] * 5
            asked[_TYPE] = fcntl.F_RDLCK
            answer = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(_FLOCK, *asked)))
            if answer[_TYPE] == fcntl.F_UNLCK:
                return None
            about = {"pid": max(int(answer[_PID]), 0)}  # 0 or less: it is locked, by whom is not seen from here
            with suppress(OSError, ValueError, RecursionError):  # its holder has not written yet, or it is damaged
                told = json.loads(os.pread(descriptor, _LIMIT, 0))
                known = told if isinstance(told, dict) else {}
                about |= {key: known[key] for key, (kind, _) in _TOLD.items() if type(known.get(key)) is kind}
            return about
    except FileNotFoundError:
        return None
    except OSError as error:
        failed = unreadable(file, error)
        raise (failed if failed.fix else NotFoundError(failed.message, fix=MOVE)) from error


def is_seen_by_others(path: Path) -> bool:
    """Whether another process, a child that is made for it, sees that this one holds `path`: on some file systems
    everybody gets every lock."""
    child = os.fork()
    if child == 0:
        seen = False
        with suppress(BaseException):
            seen = holder(path) is not None
        os._exit(0 if seen else 1)
    return os.waitpid(child, 0)[1] == 0


def describe_holder(path: Path) -> str | None:
    """The holder of the run folder `path` in words for a message; None if nobody holds it."""
    known = holder(path)
    if known is None:
        return None
    return shown("".join(f"{word}{known[key]}" for key, (_, word) in _TOLD.items() if known.get(key) or key == "pid"))


def _mine(file: Path) -> dict[str, Any] | None:
    """The content of a lock that this very process holds."""
    try:
        return _held.get(_key(os.lstat(file)))
    except OSError:
        return None


def _key(file: os.stat_result) -> tuple[int, int, int]:
    return os.getpid(), file.st_dev, file.st_ino
