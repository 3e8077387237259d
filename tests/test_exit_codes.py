"""Every row of the table of exit codes, through real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import program
import pytest

from tuner.errors import EXIT_CODES

SMALL = "{data: {name: digits, limit: 200}, model: {hidden: [8]}, training: {epochs: 2, threads: 1}}"
LONG = "{data: {name: digits}, model: {hidden: [32]}, training: {epochs: 100000, threads: 1}}"
BROKEN = """
import sys, types
from tuner.cli import main
from tuner.cli.commands import COMMANDS, Entry

def broken() -> None:
    raise KeyError("nobody thought of this")

sys.modules["tuner.cli.broken"] = types.ModuleType("tuner.cli.broken")
sys.modules["tuner.cli.broken"].broken = broken
COMMANDS["broken"] = Entry("broken:broken", "")
sys.argv = ["tuner", "broken"]
main()
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("codes")
    (folder / "small.yaml").write_text(SMALL)
    (folder / "long.yaml").write_text(LONG)
    return folder


def begin(place: Path, *words: str) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if key != "TUNER_RUNS"}
    return subprocess.Popen(
        [sys.executable, "-m", "tuner", *words],
        cwd=place,
        env={**kept, "CUDA_VISIBLE_DEVICES": "", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """(exit code as a shell sees it, stdout, stderr)."""
    said, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return code, said, errors


def run(place: Path, *words: str) -> tuple[int, str, str]:
    """(exit code as a shell sees it, stdout, stderr)."""
    done = program.run(*words, cwd=place, given={"CUDA_VISIBLE_DEVICES": "", "NO_COLOR": "1"})
    assert "Traceback" not in done.stderr
    assert done.returncode >= 0
    return done.returncode, done.stdout, done.stderr


def test_0_and_1(place: Path) -> None:
    code, said, _ = run(place, "train", "small.yaml", "-q")
    assert (code, said) == (0, "runs/small-1\n")
    assert run(place, "train", "small.yaml", "-q") == (0, "runs/small-1\n", "")
    code, said, errors = run(place, "train", "small.yaml", "-q", "--require", "val_accuracy>2")
    assert (code, said, errors.startswith("required val_accuracy>2: it is ")) == (1, "runs/small-1\n", True)
    code, said, _ = run(place, "train", "small.yaml", "--json", "-q", "--require", "val_accuracy>2")
    end = json.loads(said)
    assert (code, end["exit_code"], end["state"]) == (1, 1, "finished")
    assert [(each["condition"], each["holds"]) for each in end["require"]] == [("val_accuracy>2", False)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "small.yaml", "optimizer.lr=-1"], "optimizer.lr"),
        (["train", "small.yaml", "--sneeds", "3"], "No such option"),
        (["train", "small.yaml", "--require", "val_accuracy"], "A shell takes > and < for itself"),
        (["train", "small.yaml", "--require", "val_r2>0"], "no metric val_r2"),
        (["train", "small.yaml", "--max-time", "soon"], "soon is no length of time"),
        (["train", "small.yaml", "--seeds", "none"], "--seeds none"),
        (["show"], "Missing argument"),
    ],
)
def test_2(place: Path, words: list[str], message: str) -> None:
    code, said, errors = run(place, *words)
    assert (code, said) == (2, "")
    assert message in errors


def test_3(place: Path) -> None:
    diverging = ("train", "small.yaml", "-q", "optimizer=sgd", "optimizer.lr=1e30")
    code, said, _ = run(place, *diverging)
    assert (code, said) == (3, "runs/small-2\n")
    assert run(place, *diverging, "--require", "val_accuracy>=0") == (3, "runs/small-2\n", "")


def test_4(place: Path) -> None:
    code, said, errors = run(place, "show", "smal-1")
    assert (code, said) == (4, "")
    assert "there is no run smal-1" in errors


def test_5(place: Path) -> None:
    code, said, errors = run(place, "train", "small.yaml", "training.device=cuda")
    assert (code, said) == (5, "")
    assert "tuner doctor" in errors


def test_70(place: Path) -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN], cwd=place, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (70, "", 1)
    report = Path(done.stderr.strip().rpartition("report ")[2])
    assert "nobody thought of this" in report.read_text()
    report.unlink()


def test_70_where_no_report_can_be_written(place: Path) -> None:
    command = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-c", BROKEN]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (70, "", 1)
    assert done.stderr.startswith("tuner: a bug in tuner: KeyError: 'nobody thought of this'; please report it (")


def test_73_75_130_143(place: Path) -> None:
    words = ("train", "long.yaml", "-q", "--run", "held")
    status = place / "runs" / "held" / "status.json"

    def running_process() -> subprocess.Popen[str]:
        process = begin(place, *words)
        assert process.stdout is not None
        assert process.stdout.readline() == "runs/held\n"
        deadline = time.monotonic() + 60
        while json.loads(status.read_text())["state"] != "running":
            assert time.monotonic() < deadline
        return process

    process = running_process()
    code, said, errors = run(place, *words)
    assert (code, said) == (73, "")
    assert f"process {process.pid}" in errors
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    code, said, _ = run(place, *words, "--max-time", "0.1s")
    assert (code, said) == (75, "runs/held\n")
    assert json.loads(status.read_text())["reason"].startswith(("--max-time in epoch", "--max-time after epoch"))
    process = running_process()
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 143


@pytest.mark.parametrize("words", [[], ["-q"], ["--json"]])
def test_a_group_stopped_before_its_first_member_began(place: Path, words: list[str]) -> None:
    """The time is up before a worker has even loaded torch."""
    code, said, errors = run(place, "train", "small.yaml", "--seeds", "2", "--max-time", "0s", *words)
    assert (code, "error" in errors) == (75, False)
    if words == ["--json"]:
        end = json.loads(said.splitlines()[-1])
        assert (end["event"], end["state"], end["members"], end["exit_code"]) == ("end", "stopped", [], 75)


def test_every_row_has_its_test() -> None:
    tested = {
        int(code) for name in globals() for code in name.split("_") if name.startswith("test_") and code.isdigit()
    }
    assert tested == set(EXIT_CODES)
