"""`tuner check --resolved`, and configs that a shell hands over."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import program
import pytest

from tuner.config.load import load
from tuner.shipped import configs

PROGRAM = f"{shlex.quote(sys.executable)} -m tuner"
PLAIN = {"NO_COLOR": "1", "COLUMNS": "100"}


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `$T` is tuner."""
    line, environment = command.replace("$T", PROGRAM), {**os.environ, **PLAIN}
    return subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, text=True, env=environment, timeout=60)


def tuner(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return program.run(*shlex.split(line), cwd=cwd, given=PLAIN)


@pytest.mark.parametrize("words", ["--resolved", "--resolved -q", "--resolved --origin"])
@pytest.mark.parametrize("name", ["digits-cnn", "diabetes"])
def test_what_resolved_prints_is_the_same_config(name: str, words: str, tmp_path: Path) -> None:
    done = tuner(f"check {name} {words}", tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "full.yaml").write_text(done.stdout)
    again, first = load(str(tmp_path / "full.yaml")), load(str(configs()[name]))
    assert again.config == first.config
    assert ("is good" in done.stdout) == ("-q" not in words)


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
    assert tuner(f"train digits {small} --seeds 2 -q", tmp_path).returncode == 0
    for reference in ("runs/digits-1", "runs/digits-1/", "digits-1", "runs/digits-1/seed-0"):
        assert "all checksums agree" in tuner(f"check {reference}", tmp_path).stdout
        (tmp_path / "full.yaml").write_text(tuner(f"check {reference} --resolved", tmp_path).stdout)
        assert load(str(tmp_path / "full.yaml")).config.model.hidden == [4]  # type: ignore[attr-defined]
        assert tuner(f"check {reference} no.such=key", tmp_path).returncode == 2
    (tmp_path / "digits").mkdir()
    assert tuner("check digits -q", tmp_path).returncode == 0
    assert "is a folder, but not of a run" in tuner("check .", tmp_path).stderr


def test_all_that_is_damaged_in_a_folder_of_runs(tmp_path: Path) -> None:
    """Of runs and of groups, whose own file is looked at, too; not only the first file of each."""
    small = "'model.hidden=[4]' training.epochs=2 data.limit=200 -q"
    for words in ("--run g --seeds 2", "--run whole", "--run lost", "--run spoilt"):
        assert tuner(f"train digits {small} {words}", tmp_path).returncode == 0
    done = tuner("check runs", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    one = "finished, 2 epochs, 2 checkpoints, all checksums agree"
    whole = [f"runs/{name}: {one}" for name in ("lost", "spoilt", "whole")]
    group = ["runs/g/group.json: whole", *(f"runs/g/seed-{seed}: {one}" for seed in (0, 1))]
    assert done.stdout.splitlines() == [*whole, *group]
    shutil.move(tmp_path / "runs/g", tmp_path / "groups/g")
    assert tuner("check groups", tmp_path).stdout.splitlines() == [line.replace("runs/", "groups/") for line in group]
    shutil.move(tmp_path / "groups/g", tmp_path / "runs/g")

    (tmp_path / "runs/lost/status.json").unlink()
    names = ("data.json", "metrics.csv", "checkpoints/epoch-0001/state.json", "best.safetensors")
    spoilt = [*(f"runs/spoilt/{name}" for name in names), "runs/g/group.json", "runs/g/seed-1/timing.csv"]
    for name in spoilt:
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()  # the best weights are a checkpoint's, too
        (tmp_path / name).write_bytes(content + b"x")
    done = tuner("check runs --json", tmp_path)
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (4, False)
    said = [error["message"] for error in told["errors"]]
    assert len(said) == len(spoilt) + 1 == len(done.stderr.splitlines())
    assert all(any(each.startswith(f"{name} is damaged") for each in said) for name in spoilt)
    (lost,) = [error for error in told["errors"] if "runs/lost/status.json is missing" in error["message"]]
    assert tuner(lost["suggestion"].split("`")[1].removeprefix("tuner "), tmp_path).returncode == 0
    assert tuner("check lost", tmp_path).stdout == f"runs/lost: {one}\n"


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
    for line in ("check pipe", "diff pipe digits"):
        done = tuner(line, tmp_path)
        assert done.returncode == 2
        assert "it is a pipe" in done.stderr
