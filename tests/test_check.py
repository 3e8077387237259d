"""`tuner check --resolved`, and configs that a shell hands over."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tuner.config.load import load
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


def test_a_name_of_an_open_file_as_zsh_gives_it(tmp_path: Path) -> None:
    done = shell("echo 'data: digits' | $T check /proc/self/fd/0", tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_run_from_a_command_goes_on_by_its_folder(tmp_path: Path) -> None:
    """The config that the shell handed over is gone by then."""
    config = "data: {name: digits, limit: 200}\\nmodel: {hidden: [8]}\\ntraining: {epochs: 1000000}"
    done = shell(f"$T train <(printf '{config}') --max-time 0.1s -q", tmp_path)
    assert done.returncode == 75, done.stderr
    assert json.loads((tmp_path / "runs/stdin-1/status.json").read_text())["next"] == "tuner train runs/stdin-1"


def test_settings_of_runs_and_groups(tmp_path: Path) -> None:
    small = "'model.hidden=[4]' training.epochs=1 data.limit=200"
    assert shell(f"$T train digits {small} --seeds 2 -q", tmp_path).returncode == 0
    for reference in ("runs/digits-1", "runs/digits-1/", "digits-1", "runs/digits-1/seed-0"):
        assert "all checksums agree" in shell(f"$T check {reference}", tmp_path).stdout
        assert shell(f"$T check {reference} --resolved > full.yaml", tmp_path).returncode == 0
        assert load(str(tmp_path / "full.yaml")).config.model.hidden == [4]  # type: ignore[attr-defined]
        assert shell(f"$T check {reference} no.such=key", tmp_path).returncode == 2
    (tmp_path / "digits").mkdir()
    assert shell("$T check digits -q", tmp_path).returncode == 0
    assert "is a folder, but not of a run" in shell("$T check runs", tmp_path).stderr


def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may enter every folder, and there is no setpriv to do without that")
    bound = "-dac_override,-dac_read_search"
    without = f"setpriv --inh-caps={bound} --bounding-set={bound} " if os.geteuid() == 0 else ""
    (tmp_path / "locked").mkdir(mode=0)
    for words in ("train locked/a.yaml", "check locked", "recipe run locked", "diff locked digits", "runs locked"):
        done = shell(f"{without}$T {words}", tmp_path)
        assert done.returncode in (2, 4), (words, done.stderr)


def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path) -> None:
    """Opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    for command in ("$T check pipe", "$T diff pipe digits"):
        done = shell(command, tmp_path)
        assert done.returncode == 2
        assert "it is a pipe" in done.stderr
