"""`tuner check --resolved`, and configs that a shell hands over."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tuner.config import load
from tuner.shipped import configs

PROGRAM = f"{shlex.quote(sys.executable)} -m tuner"


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `$T` is tuner."""
    kept = {key: value for key, value in os.environ.items() if key != "TUNER_RUNS"}
    return subprocess.run(
        ["bash", "-c", command.replace("$T", PROGRAM)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**kept, "NO_COLOR": "1", "COLUMNS": "100"},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("words", ["--resolved", "--resolved -q", "--resolved --origin"])
@pytest.mark.parametrize("name", ["digits-cnn", "diabetes"])
def test_what_resolved_prints_is_the_same_config(name: str, words: str, tmp_path: Path) -> None:
    done = shell(f"$T check {name} {words} > full.yaml", tmp_path)
    assert done.returncode == 0, done.stderr
    again, first = load(str(tmp_path / "full.yaml")), load(str(configs()[name]))
    assert again.config == first.config
    text = (tmp_path / "full.yaml").read_text()
    assert ("is good" in text) == ("-q" not in words)


def test_a_config_from_a_command(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("model: {hidden: [16]}\n")
    done = shell("$T diff base.yaml <(echo 'extends: base.yaml'; echo 'seed: 3') --as-args", tmp_path)
    assert (done.returncode, done.stdout) == (0, "seed=3\n"), done.stderr
    trained = shell("$T train <(echo 'training: {epochs: 1}') -q", tmp_path)
    assert (trained.returncode, trained.stdout) == (0, "runs/stdin-1\n"), trained.stderr
    wrong = shell("$T check <(echo 'data: digts')", tmp_path)
    assert wrong.returncode == 2
    assert "did you mean digits?" in wrong.stderr


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path) -> None:
    """Opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    for command in ("$T check pipe", "$T diff pipe digits"):
        done = shell(command, tmp_path)
        assert done.returncode == 2
        assert "it is a pipe" in done.stderr
