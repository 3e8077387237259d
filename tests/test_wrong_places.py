"""Names of runs and groups where a config, or one run, is asked for; links to what is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import program
import pytest

import tuner
from tuner.config.load import load
from tuner.errors import ConfigError, NotFoundError
from tuner.runs.find import instead_of_config, resolve_run
from tuner.shipped import find_config


@pytest.fixture
def runs(tmp_path: Path, write_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """One run, and a group of two."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs/one-1", [])
    for seed in (0, 1):
        write_run(tmp_path / f"runs/two/seed-{seed}", [], f"seed={seed}")
    return Path("runs")


def train(*arguments: str) -> tuple[int, str]:
    done = program.run("train", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_a_run_is_no_config(runs: Path) -> None:
    code, said = train("one-1")
    assert code == 2
    assert "one-1 is a run, and a config is asked for" in said
    assert f"`tuner train {runs / 'one-1'}` goes on with that run" in said
    assert find_config(str(runs / "one-1")), "what is suggested is read"


@pytest.mark.parametrize("reference", ["two", "runs/two"])
def test_a_group_is_no_config(runs: Path, reference: str) -> None:
    error = instead_of_config(reference, runs)
    assert error is not None
    assert f"{reference} is a group" in error.message
    suggested = error.fix.split("`")[1].removeprefix("tuner train ")
    assert find_config(suggested).endswith("seed-0/config.yaml")
    assert instead_of_config("on", runs) is None, "the beginning of a run's name is none"
    assert instead_of_config("a\0b", runs) is None


def test_a_group_is_not_one_run(runs: Path) -> None:
    (Path("c.yaml")).write_text("{}")
    code, said = train("c.yaml", "--run", "two")
    assert code == 4
    assert "runs/two is already there and is a group of runs" in said
    with pytest.raises(NotFoundError, match="runs/two is a group of runs, and one run is asked for") as raised:
        tuner.load("two")
    suggested = raised.value.fix.removeprefix("Say which one: ").rstrip(".")
    assert resolve_run(suggested, runs) == Path(suggested)


def test_a_link_to_what_is_not_there_is_not_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").symlink_to("nowhere")
    with pytest.raises(ConfigError) as raised:
        find_config("config.yaml")
    (fault,) = raised.value.faults
    assert fault.message == "config.yaml is a link to what is not there"
    assert fault.suggestion is None
    with pytest.raises(ConfigError) as raised:
        find_config("confg.yaml")
    assert raised.value.faults[0].suggestion is None
    Path("child.yaml").write_text("extends: confg.yaml")
    with pytest.raises(ConfigError) as raised:
        load("child.yaml")
    assert raised.value.faults[0].suggestion is None
    Path("nowhere").write_text("{}")
    with pytest.raises(ConfigError) as raised:
        find_config("confg.yaml")
    assert raised.value.faults[0].suggestion == "config.yaml"


def test_a_folder_that_never_was_is_named(tmp_path: Path) -> None:
    done = program.run("schema", "-o", str(tmp_path / "absent/s.json"))
    assert (done.returncode, done.stdout) == (4, "")
    assert f"s.json: there is no folder {tmp_path / 'absent'}\nMake it" in done.stderr


@pytest.mark.parametrize("words", [["show", "one-1", "-o"], ["curves", "one-1", "-o"], ["diagnose", "one-1", "--png"],
                                   ["lr-find", "digits", "-o"]])  # fmt: skip
@pytest.mark.parametrize(("file", "why"), [("a.pdf", "its name has to end in .png or .svg"),
                                           ("gone/a.png", "there is no folder gone")])  # fmt: skip
def test_a_picture_is_refused_before_anything_is_printed(runs: Path, words: list[str], file: str, why: str) -> None:
    done = program.run(*words, file)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: cannot draw {file}: {why}\n")
