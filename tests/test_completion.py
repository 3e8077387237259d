"""What the shells offer on Tab, asked as their own scripts ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from making import create

from tuner.durable.reading import json_bytes

PROGRAM = Path(sys.executable).with_name("tuner")
CHECK = (
    "import sys; sys.argv = ['tuner']; from tuner.cli import main\ntry: main()\nfinally: print('torch' in sys.modules)"
)


def offered(shell: str, line: str, folder: Path) -> list[str]:
    """The candidates for the last word of `line`, as `shell` asks for them."""
    words = line.split(" ")
    asked = {
        "bash": {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environment = {**os.environ, **asked, "_TUNER_COMPLETE": f"complete_{shell}"}
    said = subprocess.run([PROGRAM], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert said.stderr == ""
    if shell == "zsh":
        return [part for part in said.stdout.split('"')[1::2] if part]
    return [text.partition("\t")[0] for text in said.stdout.splitlines() if text]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, two runs and a group."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "mine.yaml").write_text("data: digits\n")
    about = {"format": 1, "name": "mine", "created": "2026-01-01T00:00:00+00:00", "seed": 0}
    for runs, name in (("runs", "mine-1"), ("runs", "mine-2"), ("runs/group-1", "seed-0"), ("runs/group-1", "seed-1")):
        create(folder / runs, "mine", name, {"run.json": json_bytes(about)})
    return folder


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_runs_configs_and_keys(place: Path, shell: str) -> None:
    assert set(offered(shell, "tuner show mi", place)) == {"mine-1", "mine-2"}
    assert set(offered(shell, "tuner show group-1/", place)) == {"group-1/seed-0", "group-1/seed-1"}
    assert "mine.yaml" in offered(shell, "tuner train mi", place)
    assert "optimizer.lr=0.001" in offered(shell, "tuner train mine.yaml optimizer.l", place)


def test_values_of_a_setting(place: Path) -> None:
    """bash takes a word apart at the =."""
    assert "adamw" in offered("bash", "tuner train mine.yaml optimizer = ada", place)
    assert set(offered("bash", "tuner train mine.yaml data.shuffle =", place)) == {"true", "false"}
    assert "optimizer=adamw" in offered("fish", "tuner train mine.yaml optimizer=ada", place)
    assert offered("bash", "tuner train mine.yaml seed = 1 model.activation = leaky", place) == ["leaky_relu"]
    assert offered("bash", "tuner train mine.yaml nonsense = x", place) == []


def test_other_arguments(place: Path) -> None:
    assert offered("bash", "tuner list optim", place) == ["optimizers"]
    assert "leaky_relu" in offered("bash", "tuner explain leaky", place)
    assert "--seeds" in offered("bash", "tuner train mine.yaml --se", place)


def test_nothing_to_offer_is_silent(tmp_path: Path) -> None:
    assert offered("bash", "tuner show x", tmp_path) == []
    assert offered("bash", "tuner show x/y/", tmp_path) == []
    assert offered("bash", "tuner train no/such/folder/", tmp_path) == []


def test_completion_does_not_import_torch(place: Path) -> None:
    asked = {"COMP_WORDS": "tuner train mine.yaml opti", "COMP_CWORD": "3", "_TUNER_COMPLETE": "complete_bash"}
    said = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=place, env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert said.stdout.splitlines()[-1] == "False"
    assert "optimizer=" in said.stdout.splitlines()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_script_for_bash_is_good_bash() -> None:
    said = subprocess.run(
        [PROGRAM], env={**os.environ, "_TUNER_COMPLETE": "source_bash"}, capture_output=True, text=True, timeout=60
    )
    checked = subprocess.run(["bash", "-n"], input=said.stdout, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "complete -o default -F" in said.stdout
