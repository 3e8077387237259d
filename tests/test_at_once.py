"""The same command started several times at the same moment, with --wait: one trains, the others wait and report."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tuner.runs.folder import read
from tuner.runs.lock import holder

CONFIG = "{name: c, data: iris, model: {hidden: [8]}, training: {epochs: 60, threads: 1}, checkpoint: {every: 60}}"


@pytest.fixture
def place(workplace: Any) -> Path:
    (workplace.folder / "c.yaml").write_text(CONFIG)
    workplace.runs.mkdir()
    return Path(workplace.folder)


@pytest.fixture
def start(place: Path) -> Iterator[Callable[..., list[subprocess.Popen[str]]]]:
    """Starts a command several times, so that all have looked for the run before one of them may make it."""
    with ExitStack() as processes:

        def started(count: int, *words: str) -> list[subprocess.Popen[str]]:
            runs = os.open(place / "runs", os.O_RDONLY)
            fcntl.flock(runs, fcntl.LOCK_EX)  # what a maker of a run waits for
            command = [sys.executable, "-m", "tuner", "train", "c.yaml", *words]
            begun = []
            for _ in range(count):
                process = subprocess.Popen(
                    command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
                processes.enter_context(process)
                processes.callback(process.kill)
                begun.append(process)
            until(lambda: all(opened(process, place / "runs") for process in begun))
            os.close(runs)
            return begun

        yield started


def opened(process: subprocess.Popen[str], folder: Path) -> bool:
    """Whether the process has the folder open."""
    assert process.poll() is None, process.communicate()
    found = []
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.path.realpath(entry))
    return os.path.realpath(folder) in found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def result(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    said, errors = process.communicate(timeout=120)
    return process.returncode, said, errors


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks /proc what a process has open")
class TestWaiting:
    def test_they_wait_for_the_run_and_go_on_where_its_maker_was_killed(self, place: Path, start: Any) -> None:
        begun = start(3, "--wait", "30m", "-q")
        run = place / "runs" / "c-1"
        until(lambda: run.is_dir() and holder(run) is not None)
        known = holder(run)
        assert known is not None
        os.kill(known["pid"], signal.SIGKILL)
        ended = {process.pid: result(process) for process in begun}
        assert ended.pop(known["pid"])[0] == -signal.SIGKILL
        assert list(ended.values()) == [(0, "runs/c-1\n", "")] * 2
        assert [path.name for path in (place / "runs").iterdir()] == ["c-1"]
        assert (read(run).state, len(read(run).rows)) == ("finished", 60)

    def test_the_same_for_a_group(self, place: Path, start: Any) -> None:
        ended = [result(process) for process in start(2, "--seeds", "1", "--wait", "30m", "-q")]
        assert ended == [(0, "runs/c-1\n", "")] * 2
        assert [path.name for path in (place / "runs").iterdir()] == ["c-1"]

    def test_without_wait_the_slower_one_is_refused_at_once(self, start: Any) -> None:
        begun = start(2, "-q", "training.epochs=1000000")
        until(lambda: any(process.poll() is not None for process in begun))
        slower, faster = sorted(begun, key=lambda process: process.poll() is None)
        code, said, errors = result(slower)
        assert (code, said) == (73, "")
        assert f"c-1 is held by process {faster.pid}" in errors
        faster.terminate()
        assert result(faster) == (-signal.SIGTERM, "runs/c-1\n", "")
