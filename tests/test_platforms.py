"""Systems without file locks and POSIX signals (Windows): what only reads works, training says in one line why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tuner.config.load import load
from tuner.errors import ConfigError

CASES = Path(__file__).parent / "cases" / "format-1"
HIDDEN = """
import _signal, os, sys
sys.modules["fcntl"] = None
for name in ("SIGHUP", "SIGUSR1", "SIGPIPE", "pthread_sigmask"):
    delattr(_signal, name)
for name in ("O_DIRECTORY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "sched_getaffinity", "pread"):
    delattr(os, name)
from tuner.__main__ import main
sys.argv[0] = "tuner"
main()
"""

Said = subprocess.CompletedProcess[str]


@pytest.fixture
def tuner(tmp_path: Path) -> Callable[..., Said]:
    """The command, where the system has none of these."""
    shutil.copytree(CASES, tmp_path / "runs")
    env = {key: value for key, value in os.environ.items() if key not in ("TUNER_RUNS", "COLUMNS")}

    def run(*words: str) -> Said:
        command = [sys.executable, "-c", HIDDEN, *words]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)

    return run


READING = [
    ("--help",),
    ("show", "finished"),
    ("runs",),
    ("curves", "finished"),
    ("diff", "finished", "group/seed-1"),
    ("compare", "finished", "group"),
    ("early-stop", "group"),
    ("check", "finished"),
    ("check", "digits", "--resolved"),
    ("explain", "dropout"),
    ("explain", "exit 129"),
    ("list", "optimizers"),
    ("schema",),
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_what_only_reads_works(tuner: Callable[..., Said], words: tuple[str, ...]) -> None:
    done = tuner(*words)
    unknown = words == ("explain", "exit 129")  # there is no such signal there
    assert done.returncode == (2 if unknown else 0), done.stderr
    assert (done.stderr if unknown else done.stdout) and "Error:" not in done.stderr


@pytest.mark.parametrize("words", [(), ("--seeds", "2"), ("--again",), ("--run", "finished")], ids=" ".join)
def test_training_says_where_it_works(tuner: Callable[..., Said], tmp_path: Path, words: tuple[str, ...]) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = tuner("train", "digits", *words)
    assert done.returncode == 5
    assert done.stderr.startswith("error: tuner does not train on this system, which has no file locks")
    assert "Train on Linux or macOS (on Windows: in WSL)." in " ".join(done.stderr.split())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_device_without_equal_bytes_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("training: {device: mps}")
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "c.yaml"))
    (fault,) = caught.value.faults
    assert fault.message == (
        "expected one of auto, cpu, cuda, cuda:N, got the text mps: no equal bytes can be promised "
        "there, and a run is one that can be repeated byte by byte"
    )
    assert (fault.key, fault.suggestion) == ("training.device", "cpu")
