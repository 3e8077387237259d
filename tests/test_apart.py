"""In what a run, group or sweep that is there is another than the one asked for: the same is told of all three."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from sweeping import searching

from tuner.config.load import load
from tuner.config.varied import SEEDS
from tuner.errors import NotFoundError
from tuner.members.opening import hold, open_group
from tuner.opening import Request, Session, make, open_session

TEXT = """
data: {name: table, path: rows.csv, target: y, task: numbers, drop: []}
loss: mse
model: {name: mlp, hidden: [4]}
training: {epochs: 2, threads: 1}
"""
SPACE = "sweep: {space: {optimizer.lr: [0.1, 0.01]}, confirm: none}"
KINDS = {"run": "run.json", "group": "group.json", "sweep": "sweep.json"}


@pytest.fixture
def here(workplace: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(workplace.folder)
    for name in ("rows.csv", "more.csv"):
        rows(workplace.folder / name, 3)
    return workplace


def rows(file: Path, first: int) -> None:
    file.write_text("x,y\n" + "".join(f"{number},{first + number * 2}\n" for number in range(40)))


def opened(kind: str, here: Any, *overrides: str, **request: Any) -> Any:
    """The run, group or sweep `mine`, made where it is not there."""
    file, asked = here.folder / "c.yaml", {"run_name": "mine", **request}
    file.write_text(TEXT + (SPACE if kind == "sweep" else ""))
    if kind == "sweep":
        return searching(file, here.runs, *overrides, **asked)
    loaded, about = load(str(file), overrides), Request(here.runs, **asked)
    if kind == "group":
        group = open_group(str(file), overrides, loaded, SEEDS, ((0,), (1,)), about)
        hold(group).release()
        return group
    session = open_session(loaded, about)
    assert isinstance(session, Session)
    lock = session.held or make(session)
    assert not isinstance(lock, Path)
    lock.release()
    return session


def refused(kind: str, here: Any, *overrides: str, **request: Any) -> tuple[str, str]:
    with pytest.raises(NotFoundError) as raised:
        opened(kind, here, *overrides, **request)
    return raised.value.message.removeprefix(f"{here.runs}/mine "), raised.value.fix


def member(here: Any) -> None:
    """A group has its config in its members."""
    place = here.runs / "mine" / "seed-0"
    lock = make(open_session(load("c.yaml", ["seed=0"]), Request(here.runs / "mine", place.name)))  # type: ignore[arg-type]
    assert not isinstance(lock, Path)
    lock.release()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_told_which_settings_differ_which_file_has_changed_and_what_to_do(here: Any, kind: str) -> None:
    opened(kind, here)
    if kind == "group":
        assert refused(kind, here, "training.epochs=3")[0] == "holds a group of another config"
        member(here)
    name_it = "Choose another name with --run, or leave --run out."
    several = [f"optimizer.{key}" for key in ("lr=0.3", "eps=1e-3", "weight_decay=0.1", "decay_bias_and_norm=true")]
    assert refused(kind, here, "training.epochs=3") == (
        f"holds a {kind} of another config: training.epochs: 2 there, 3 here", name_it,
    )  # fmt: skip
    assert refused(kind, here, "optimizer=sgd", "epochs=3")[0].endswith("training.epochs: 2 there, 3 here")
    told, _ = refused(kind, here, "model.hidden=[5]", "epochs=3", "batch_size=8", "model.dropout=0.1", *several[1:])
    assert (told.count(" there, "), told.endswith("; 2 more")) == (5, True), told

    back = "Put the data back as they were, choose another name with --run, or leave --run out."
    assert refused(kind, here, "data.path=more.csv", "data.test=0.3")[0].startswith(f"holds a {kind} of another config")
    rows(here.folder / "more.csv", 4)
    moved = "was begun with other data: data.path is rows.csv there, more.csv here"
    assert refused(kind, here, "data.path=more.csv") == (moved, back)
    rows(here.folder / "rows.csv", 4)
    changed = "was begun with other data: rows.csv has changed since"
    assert refused(kind, here) == (changed, back)
    if kind != "group":
        command = "sweep" if kind == "sweep" else "train"
        told, fix = refused(kind, here, by_folder=True)
        again = f"tuner {command} {here.runs}/mine --again begins another {kind}."
        assert (told, fix) == (changed, f"Put the data back as they were; {again}")
    rows(here.folder / "rows.csv", 3)
    opened(kind, here)

    file = here.runs / "mine" / KINDS[kind]
    about = json.loads(file.read_text())
    about["identity"] |= {"torch": "1.0", "threads": 7}
    file.write_text(json.dumps(about))
    told, fix = refused(kind, here)
    assert told.startswith("was begun under another identity: threads 7 there, 1 here; torch 1.0 there, "), told
    assert fix == back.replace("Put the data back as they were", "Go on where it was begun")
    rows(here.folder / "rows.csv", 4)
    assert refused(kind, here)[0].startswith(f"{changed}, and under another identity: threads 7 there, 1 here; torch")


def test_of_several_files_those_that_are_newer_are_named(here: Any) -> None:
    both = "data.path=[rows.csv, more.csv]"
    opened("run", here, both)
    rows(here.folder / "more.csv", 4)
    later = (here.runs / "mine" / "config.yaml").stat().st_mtime_ns + 10**9
    os.utime(here.folder / "more.csv", ns=(later, later))
    assert refused("run", here, both)[0] == "was begun with other data: more.csv has changed since"
    os.utime(here.folder / "rows.csv", ns=(later, later))
    assert refused("run", here, both)[0] == "was begun with other data: one of rows.csv, more.csv has changed since"


def test_a_sweep_without_a_name_says_why_it_is_a_new_one(here: Any) -> None:
    opened("sweep", here, run_name=None)
    assert opened("sweep", here, "training.epochs=3", run_name=None).session.notes == (
        "c-1 holds a sweep of another config: training.epochs: 2 there, 3 here; this is a new sweep",
    )
    rows(here.folder / "rows.csv", 4)
    [note] = opened("sweep", here, "training.epochs=3", run_name=None).session.notes
    assert note == "c-2 was begun with other data: rows.csv has changed since; this is a new sweep"
