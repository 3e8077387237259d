"""`tuner remove` and `tuner rename`: what goes and what stays, and whoever holds what."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import program
import pytest
from typer.testing import CliRunner

from tuner.cli.commands import COMMANDS, OTHER_WORDS, app, unlisted
from tuner.errors import NotFoundError, UsageError
from tuner.runs import moving
from tuner.runs.find import resolve, results_in
from tuner.runs.folder import GROUP
from tuner.runs.lock import Lock

Write = Callable[..., Path]
ROW = {"epoch": 1, "val_loss": 0.5}


@pytest.fixture
def place(tmp_path: Path, write_run: Write) -> Path:
    """`runs` with the run a-1 and the group g of two."""
    write_run(tmp_path / "runs/a-1", [ROW])
    for seed in (0, 1):
        write_run(tmp_path / f"runs/g/seed-{seed}", [ROW], f"seed={seed}")
    (tmp_path / "runs/g" / GROUP).write_text("{}")
    return tmp_path


def tuner(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return program.run(*words, cwd=cwd)


def there(place: Path) -> list[str]:
    return sorted(str(each.relative_to(place / "runs")) for each in place.glob("runs/**/run.json"))


ALL = ["a-1/run.json", "g/seed-0/run.json", "g/seed-1/run.json"]


# ---- remove


def test_without_a_terminal_nothing_goes_unasked(place: Path) -> None:
    done = tuner("remove", "a-1", "g", cwd=place)
    assert (done.returncode, done.stdout) == (2, "")
    assert "runs/a-1: run, " in done.stderr
    assert "runs/g: group of 2 runs, " in done.stderr
    assert "--yes" in done.stderr
    assert there(place) == ALL


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["a-1"], ALL[1:]),
        (["g"], ALL[:1]),
        (["g/seed-1", "a-1"], ALL[1:2]),
        (["g", "g/seed-0", "runs/g"], ALL[:1]),
        (["@1", "@2"], []),
    ],
)
def test_what_is_named_goes_and_nothing_else(place: Path, words: list[str], left: list[str]) -> None:
    done = tuner("remove", "--yes", *words, cwd=place)
    assert done.returncode == 0, done.stderr
    assert there(place) == left
    assert not list(place.glob("runs/**/.*"))
    for line in done.stdout.splitlines():
        assert not (place / line).exists()


def test_as_json_each_byte_is_counted_once(place: Path) -> None:
    run = place / "runs/a-1"
    (run / "checkpoints").mkdir()
    (run / "best.safetensors").write_bytes(bytes(5000))
    (run / "checkpoints/best.safetensors").hardlink_to(run / "best.safetensors")
    expected = 5000 + sum(path.stat().st_size for path in run.iterdir() if path.is_file() and path.name[0] != "b")
    done = tuner("remove", "-y", "a-1", "--json", cwd=place)
    assert json.loads(done.stdout) == {"removed": ["runs/a-1"], "bytes": expected}


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, ALL[1:]), ("\n", 1, ALL), ("n\n", 1, ALL)])
def test_on_a_terminal_it_asks(place: Path, answer: str, code: int, left: list[str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tuner", "remove", "a-1"], cwd=place, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1000)
        assert there(place) == ALL
        os.write(ours, answer.encode())
        assert process.wait(60) == code
    os.close(ours)
    assert b"runs/a-1: run, " in said
    assert there(place) == left


@pytest.mark.parametrize("held", ["a-1", "g", "g/seed-0"])
@pytest.mark.parametrize("words", [["remove", "-y", "g/seed-1", "g/seed-0", "a-1"], ["remove", "-y", "g", "a-1"]])
def test_a_run_that_is_held_keeps_all_where_they_are(place: Path, held: str, words: list[str]) -> None:
    with Lock(place / "runs" / held):
        done = tuner(*words, cwd=place)
    assert (done.returncode, done.stdout) == (73, "")
    assert f"runs/{held} is held by process {os.getpid()}" in done.stderr
    assert there(place) == ALL


def test_links_are_not_followed(place: Path, write_run: Write) -> None:
    elsewhere = write_run(place / "elsewhere/b-1", [ROW])
    (place / "runs/link").symlink_to(elsewhere)
    (place / "runs/g/seed-2").symlink_to(elsewhere)
    (place / "runs/all").symlink_to(elsewhere.parent)
    before = sorted(elsewhere.iterdir())
    done = tuner("remove", "-y", "all/b-1", cwd=place)
    assert done.returncode == 2
    assert "runs/all is a link" in done.stderr
    (place / "runs/further").symlink_to(place / "deep")
    write_run(place / "deep/g/seed-0", [ROW])
    assert tuner("remove", "-y", "runs/further/g/seed-0", cwd=place).returncode == 2
    (place / "runs/further").unlink()
    assert tuner("remove", "-y", "link", "g", cwd=place).returncode == 0
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["a-1", "all"]
    assert sorted(elsewhere.iterdir()) == before


def test_a_linked_runs_folder_is_the_users_own(place: Path) -> None:
    (place / "mine").symlink_to("runs")
    assert tuner("remove", "-y", "a-1", "--runs-dir", "mine", cwd=place).returncode == 0
    assert there(place) == ALL[1:]


@pytest.mark.parametrize("name", ["runs", "lab", "runs/../runs", "."])
def test_a_folder_of_runs_is_not_removed(place: Path, name: str, write_run: Write) -> None:
    write_run(place / "lab/a-1", [ROW])
    done = tuner("remove", "-y", name, cwd=place)
    assert done.returncode in (2, 4)
    assert there(place) == ALL


def test_what_a_killed_removal_left_is_no_run_and_goes_with_the_next(place: Path) -> None:
    half = (place / "runs/a-1").rename(place / "runs/.trash-0123")
    (half / "metrics.csv").unlink()
    member = (place / "runs/g/seed-0").rename(place / "runs/g/.trash-4567")
    assert [path.name for path, _ in results_in(place / "runs")] == ["g"]
    assert tuner("remove", "-y", "g/seed-1", cwd=place).returncode == 0
    assert half.exists()
    assert not member.exists()
    assert tuner("remove", "-y", "g", cwd=place).returncode == 0
    assert not list((place / "runs").iterdir())


# ---- rename


def test_a_renamed_run_is_the_same_run(place: Path) -> None:
    config = (place / "runs/a-1/config.yaml").read_bytes()
    done = tuner("rename", "a-1", "best", cwd=place)
    assert (done.returncode, done.stdout) == (0, "runs/best\n")
    assert (place / "runs/best/config.yaml").read_bytes() == config
    assert resolve("best", place / "runs") == place / "runs/best"
    assert json.loads(tuner("rename", "g", "h", "--json", cwd=place).stdout) == {"path": "runs/h"}
    assert there(place) == ["best/run.json", "h/seed-0/run.json", "h/seed-1/run.json"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a-1", "g"], 4, "runs/g is already there"),
        (["a-1", "a-1"], 4, "runs/a-1 is already there"),
        (["a-1", "../out"], 2, "cannot name a run"),
        (["a-1", ".hidden"], 2, "cannot name a run"),
        (["g/seed-0", "x"], 2, "is a member of a group"),
        (["b-1", "x"], 4, "there is no run b-1"),
        (["runs", "x"], 2, "is a folder of runs"),
    ],
)
def test_names_that_cannot_be(place: Path, words: list[str], code: int, said: str) -> None:
    done = tuner("rename", *words, cwd=place)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert there(place) == ALL


@pytest.mark.parametrize("held", ["g", "g/seed-0"])
def test_a_group_that_is_held_is_not_renamed(place: Path, held: str) -> None:
    with Lock(place / "runs" / held):
        assert tuner("rename", "g", "h", cwd=place).returncode == 73
    assert there(place) == ALL


def test_a_name_in_another_unicode_form_is_taken(place: Path) -> None:
    (place / "runs/Ma\u0308rz").mkdir()
    with pytest.raises(NotFoundError, match="already there"):
        moving.rename(place / "runs/a-1", "M\u00e4rz")
    assert moving.rename(place / "runs/a-1", "Ju\u0308li").name == "J\u00fcli"


def test_a_member_of_a_link_stays(place: Path) -> None:
    (place / "runs/link").symlink_to(place / "runs/g")
    with pytest.raises(UsageError, match="is a link"):
        moving.movable([place / "runs/link/seed-0"], place / "runs")


# ---- the words that people bring along


@pytest.mark.parametrize(
    "word", ["fit", "plot", "rm", "delete", "del", "mv", "resume", "ls", "cp", "validate", "evaluate"]
)
def test_other_words_name_the_command_meant(word: str) -> None:
    with pytest.raises(UsageError, match=f"no command {word}: it is called {OTHER_WORDS[word]}") as refused:
        CliRunner().invoke(app, [word, "x"], catch_exceptions=False)
    assert refused.value.exit_code == 2


def test_other_words_are_no_commands_and_what_they_mean_are() -> None:
    commands = {*COMMANDS, *unlisted()}
    assert {*OTHER_WORDS.values()} <= commands
    assert not commands & {*OTHER_WORDS}
