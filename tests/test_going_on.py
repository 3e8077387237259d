"""What is said of a run that is not over: where it stands, what was saved of it, which command goes on with it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import program
import pytest

from tuner.answer import Command
from tuner.asks.show import run_data, summary, told_next
from tuner.durable import journal as durable_journal
from tuner.durable import writing as durable_writing
from tuner.errors import ResourceError
from tuner.events import EpochDone
from tuner.render.training import ended_pairs, started_pairs
from tuner.runs.folder import glance
from tuner.stopping import Stop, StopRequests

TEXT = "{data: {name: digits, limit: 150}, training: {epochs: 3, batch_size: 64}, model: {name: mlp, hidden: [4]}}"
Write = Callable[..., Path]


def next_of(path: Path) -> str:
    """The command that `show` names."""
    run = glance(path)
    said = dict(summary(run, *told_next(run)).pairs)["next"]
    assert isinstance(said, Command) and run_data(run, told_next(run)[1])["next"] == said.text
    return said.text


def asked() -> StopRequests:
    """A stop that is asked for before the first step."""
    stop = StopRequests()
    stop.ask(Stop("--max-time"))
    return stop


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("finished", "tuner curves source-1"),
        ("stopped", "tuner train runs/source-1"),
        ("running", "tuner train runs/source-1"),  # nobody holds it: it crashed
        ("diverged", "tuner train runs/source-1 optimizer.lr=0.0001"),  # there is nothing to diagnose it by
    ],
)
def test_next_follows_from_the_state_and_the_place_of_a_folder(
    state: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: Write
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/source-1"), [{"epoch": 1, "val_loss": 1.0}], state=state, best_epoch=1, next="tuner curves x")
    assert shlex.split(next_of(Path("runs/source-1"))) == shlex.split(command)
    Path("runs/source-1").rename("runs/a b")
    moved = command.replace("runs/source-1", "'runs/a b'").replace("source-1", "'a b'")
    assert shlex.split(next_of(Path("runs/a b"))) == shlex.split(moved)
    Path("runs/a b").rename("-elsewhere")
    assert next_of(Path("-elsewhere")).split()[2] == "./-elsewhere"


def test_the_next_command_of_a_run_that_crashed_goes_on_with_it(workplace: Any) -> None:
    events = workplace.begin(TEXT)
    run = next(events).run
    events.close()
    assert glance(run).state == "crashed"
    assert glance(run).status["next"].startswith("tuner train"), "for who reads status.json itself"
    moved = run.rename(run.with_name("moved"))
    first, *words = shlex.split(next_of(moved))
    assert first == "tuner"
    done = program.run(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(moved)]
    assert glance(moved).state == "finished"
    assert "begun before, and nothing of it was saved" in done.stderr
    assert [path.name for path in workplace.runs.iterdir()] == ["moved"]


def test_a_stop_inside_the_first_epoch_says_what_was_saved_and_the_resume_where_it_is(workplace: Any) -> None:
    ended = list(workplace.begin(TEXT, stop=asked()))[-1]
    said = dict(ended_pairs(ended.status))
    assert "in epoch 1, batch 1 of 3" in said["end"]
    assert said["saved"] == "its state: the next command goes on from it; no best weights before epoch 1 is over"
    assert said["next"].startswith("tuner train")
    stop = StopRequests()
    events = workplace.begin(TEXT, stop=stop)
    assert started_pairs(next(events))[0] == ("run", f"{ended.run}, goes on in epoch 1, after batch 1 of 3")
    for event in events:
        if isinstance(event, EpochDone):
            stop.ask(Stop("--max-time"))
    assert "goes on after epoch 1" in started_pairs(next(workplace.begin(TEXT)))[0][1]


@pytest.mark.parametrize(
    ("overrides", "note"),
    [
        (["training.epochs=5"], "c-1 (finished) has training.epochs 3, not 5: this is a new run, from the start"),
        (
            ["training.epochs=5", "seed=1"],
            "c-1 (finished) has seed 0, not 1, training.epochs 3, not 5: this is a new run",
        ),
        (["optimizer.lr=0.5"], ""),  # one setting after the other is how people work
        (["training.epochs=5", "seed=1", "optimizer.lr=0.5"], ""),
        (["training.epochs=5", "name=other"], ""),
    ],
)
def test_another_number_of_epochs_is_said_to_be_a_new_run(workplace: Any, overrides: list[str], note: str) -> None:
    workplace.train(TEXT)
    said = "\n".join(workplace.open(TEXT, *overrides).notes)
    assert said.startswith(note) and bool(said) == bool(note)


def test_a_changed_setting_leaves_an_unfinished_run_with_a_word(workplace: Any) -> None:
    list(workplace.begin(TEXT, stop=asked()))
    (note,) = workplace.open(TEXT, "optimizer.lr=0.5").notes
    assert note == "c-1 (stopped) has optimizer.lr 0.001, not 0.5: this is a new run, from the start"
    assert workplace.open(TEXT, "optimizer.lr=0.5", again=True).notes == ()


@pytest.mark.parametrize("there", [False, True])
def test_only_what_was_saved_is_said_to_be_still_in_place(there: bool, tmp_path: Path) -> None:
    """Files, a journal, a folder that is committed: where nothing can be written, and something was before, or not."""
    writes: dict[str, Callable[[], object]] = {
        "file": lambda: durable_writing.write_file(tmp_path / "file", b"12345678"),
        "files": lambda: durable_writing.write_files(tmp_path, {"one": b"12345678", "two": b"2"}),
        "journal": lambda: durable_journal.Journal(tmp_path / "journal", "a" if there else "a,b,c").append("1"),
        "folder": lambda: durable_writing.commit_folder(tmp_path / "checkpoints", "second", {"a": b"12345678"}),
    }
    if there:
        durable_writing.write_file(tmp_path / "file", b"old")
        durable_writing.write_file(tmp_path / "two", b"old")
        durable_writing.commit_folder(tmp_path / "checkpoints", "first", {"a": b"1"})
        (tmp_path / "journal").write_text("a\n")
    for name, write in writes.items():
        said = fix_without_room(write)
        assert ("still in place" in said) is there, name
        assert "aise the limit on file sizes (ulimit -f), then run the same command again." in said


def fix_without_room(write: Callable[[], object]) -> str:
    """What to do according to the error of a write in a process that may make no file longer than 3 bytes."""
    import resource

    out, into = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3, 3))
        try:
            write()
        except ResourceError as error:
            os.write(into, str(error.fix).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out, encoding="utf-8") as said:
        return said.read()
