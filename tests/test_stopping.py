"""Signals: a request while training, the end at once before it; the process dies of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tuner.runs.folder import read
from tuner.stopping import ASKED, DEADLY, Stop, StopRequests

TEXT = """
data: {name: digits, limit: 300}
model: {hidden: [64], dropout: 0.2}
training: {epochs: 60, batch_size: 16, threads: 1}
checkpoint: {every: 10}
"""
LONG_STEP = """
data: {name: digits}
model: {hidden: [3000, 3000, 3000, 3000]}
training: {epochs: 9, batch_size: full, threads: 1}
"""


@pytest.fixture
def restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ASKED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("restored")
class TestRequests:
    @pytest.mark.parametrize("number", ASKED)
    def test_a_signal_is_noted(self, number: signal.Signals) -> None:
        with StopRequests() as stop:
            stop.listen()
            os.kill(os.getpid(), number)
            assert stop.asked == Stop(number.name, number if number in DEADLY else None)

    def test_before_there_is_something_to_save_it_ends_the_process(self) -> None:
        with StopRequests():
            assert [signal.getsignal(number) for number in DEADLY] == [signal.SIG_DFL] * 3

    def test_time_that_is_up_is_a_request(self) -> None:
        assert StopRequests(0.0).asked == Stop("--max-time")
        assert StopRequests(3600.0).asked is None
        assert Stop("--max-time").exit_code == 75

    def test_afterwards_signals_mean_what_they_did(self) -> None:
        before = [signal.getsignal(number) for number in ASKED]
        with StopRequests() as stop:
            stop.listen()
            assert all(callable(signal.getsignal(number)) for number in ASKED)
        assert [signal.getsignal(number) for number in ASKED] == before

    def test_once_all_is_saved_it_ends_the_process_again_and_a_request_is_only_noted(self) -> None:
        with StopRequests() as stop:
            with stop.listening():
                assert all(callable(signal.getsignal(number)) for number in ASKED)
            assert [signal.getsignal(number) for number in DEADLY] == [signal.SIG_DFL] * 3
            os.kill(os.getpid(), signal.SIGUSR1)
            assert stop.asked == Stop("SIGUSR1")

    def test_what_is_saved_inside_of_something_leaves_that_to_be_saved(self) -> None:
        with StopRequests() as stop, stop.listening():
            with stop.listening():
                pass
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.asked == Stop("SIGTERM", signal.SIGTERM)

    @pytest.mark.parametrize("first", [signal.SIGUSR1, signal.SIGHUP])
    def test_the_first_deadly_one_is_what_the_process_dies_of(self, first: signal.Signals) -> None:
        with StopRequests() as stop:
            stop.listen()
            for number in (first, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
                os.kill(os.getpid(), number)
            died_of = first if first in DEADLY else signal.SIGTERM
            assert stop.asked == Stop(died_of.name, died_of)

    def test_a_second_term_does_not(self) -> None:
        """Schedulers send it to the group and to the process."""
        with StopRequests() as stop:
            stop.listen()
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.asked == Stop("SIGTERM", signal.SIGTERM)

    @pytest.mark.parametrize("number", ASKED)
    def test_what_the_starter_has_us_ignore_stays_ignored(self, number: signal.Signals) -> None:
        """nohup, or a job in the background of a script."""
        signal.signal(number, signal.SIG_IGN)
        with StopRequests() as stop:
            stop.listen()
            os.kill(os.getpid(), number)
            assert stop.asked is None
        assert signal.getsignal(number) is signal.SIG_IGN

    def test_outside_the_main_thread_signals_are_left_alone(self) -> None:
        before = [signal.getsignal(number) for number in ASKED]
        seen: list[Any] = []

        def enter() -> None:
            with StopRequests() as stop:
                stop.listen()
                seen.extend(signal.getsignal(number) for number in ASKED)

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert seen == before

    def test_unentered_it_leaves_signals_alone(self) -> None:
        before = [signal.getsignal(number) for number in ASKED]
        StopRequests().listen()
        assert [signal.getsignal(number) for number in ASKED] == before


@pytest.fixture
def start(workplace: Any) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `tuner train` in a process of its own; its run folder is NAME/runs/mine in the workplace."""
    with ExitStack() as processes:

        def started(name: str, text: str) -> subprocess.Popen[str]:
            place = workplace.folder / name
            place.mkdir(exist_ok=True)
            (place / "c.yaml").write_text(text)
            process = subprocess.Popen(
                [sys.executable, "-m", "tuner", "train", "c.yaml", "--run", "mine", "-q"],
                cwd=place,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield started


def when(*awaited: tuple[subprocess.Popen[str], Callable[[], bool], signal.Signals]) -> None:
    """Sends each process its signal as soon as something is so."""
    waiting, deadline = list(awaited), time.monotonic() + 60
    while waiting:
        for process, condition, number in list(waiting):
            if condition():
                process.send_signal(number)
                waiting.remove((process, condition, number))
            assert process.poll() is None or number == signal.SIGKILL, process.communicate()
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def has_rows(run: Path, count: int) -> Callable[[], bool]:
    return lambda: (run / "metrics.csv").exists() and (run / "metrics.csv").read_bytes().count(b"\n") > count


def result(run: Path) -> list[bytes]:
    names = ("metrics.csv", "best.safetensors", "checkpoints/epoch-0060/state.json",
             "checkpoints/epoch-0060/model.safetensors", "checkpoints/epoch-0060/optimizer.safetensors")  # fmt: skip
    return [(run / name).read_bytes() for name in names]


def test_a_signal_saves_and_the_same_command_goes_on(workplace: Any, start: Any) -> None:
    """Every way of stopping ends with the bytes of the run that was not stopped."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL]
    codes = {number: -number for number in numbers} | {signal.SIGUSR1: 75}
    runs = {number: workplace.folder / number.name / "runs" / "mine" for number in numbers}
    processes = {number: start(number.name, TEXT) for number in numbers}
    when(*((processes[number], has_rows(runs[number], 11), number) for number in numbers))
    for number, process in processes.items():
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (codes[number], "")
        if number == signal.SIGKILL:
            assert read(runs[number]).state == "crashed"
            continue
        status = json.loads((runs[number] / "status.json").read_text())
        assert (status["state"], status["exit_code"]) == ("stopped", 75 if codes[number] == 75 else 128 + number)
        assert number.name in status["reason"]
        assert status["next"] == "tuner train c.yaml --run mine -q"
        assert 11 <= status["epoch"] < 60
    again = start("SIGINT", TEXT)
    whole = workplace.train(TEXT).run
    for number in numbers[1:]:
        workplace.runs = runs[number].parent
        assert workplace.train(TEXT, run_name="mine").run == runs[number]
    said, errors = again.communicate(timeout=60)
    assert (again.returncode, said, errors) == (0, "runs/mine\n", "")
    for run in runs.values():
        assert read(run).state == "finished"
        assert result(run) == result(whole)


def test_ctrl_c_during_start_up_and_the_second_one_end_at_once_and_silently(workplace: Any, start: Any) -> None:
    importing, training = start("importing", LONG_STEP), start("training", LONG_STEP)
    maps = Path(f"/proc/{importing.pid}/maps")
    when((importing, lambda: "libtorch_cpu" in maps.read_text(), signal.SIGINT))  # it has begun to import torch
    _, errors = importing.communicate(timeout=60)
    assert (importing.returncode, errors) == (-signal.SIGINT, "")
    assert not (workplace.folder / "importing" / "runs").exists()

    run = workplace.folder / "training" / "runs" / "mine"
    assert training.stdout.readline() == "runs/mine\n"  # the first step is next, and takes seconds
    training.send_signal(signal.SIGINT)
    time.sleep(0.2)
    training.send_signal(signal.SIGINT)
    _, errors = training.communicate(timeout=60)
    assert (training.returncode, errors) == (-signal.SIGINT, "")
    assert read(run).state == "crashed"  # nothing was saved
    assert not (run / "checkpoints").exists()
