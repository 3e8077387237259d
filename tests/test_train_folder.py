"""What stands in a run folder after any history: the files agree, and are those of a run that nothing disturbed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from tuner.asks.check import faults_of_run
from tuner.durable.writing import commit_folder, read_folder
from tuner.errors import ResourceError
from tuner.events import Ended, EpochDone, Started
from tuner.runs.files import apart
from tuner.runs.folder import read
from tuner.stopping import Stop, StopRequests

TEXT = """
seed: 2
data: {name: iris}
model: {hidden: [8]}
optimizer: {name: sgd, lr: 0.9, momentum: 0.9}
training: {batch_size: 40, epochs: 8}
"""
CLOCKED = ("timing.csv", "log.txt", "lock", "run.json", "status.json", "origins.json")


def stopped_at(events: Iterator[Any], stop: StopRequests, rows: int) -> Path:
    """Trains until so many epochs are over, asks for a stop, and lets the run come to its end."""
    for event in events:
        if isinstance(event, EpochDone) and event.row["epoch"] == rows:
            stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
    assert isinstance(event, Ended)
    return event.run


def crashed_at(events: Iterator[Any], count: int) -> Path:
    """The run, after `count` events more than the first: nothing is written any more, as after SIGKILL."""
    run: Path = next(events).run
    list(islice(events, count))
    events.close()  # type: ignore[attr-defined]
    return run


def content(run: Path) -> dict[str, bytes]:
    """Every file of a run, and what it holds where that does not depend on the clock."""
    files = (path for path in sorted(run.rglob("*")) if path.is_file())
    names = ((str(path.relative_to(run)), path) for path in files)
    return {name: b"" if name in CLOCKED else path.read_bytes() for name, path in names}


@pytest.fixture
def weights(workplace: Any) -> dict[int, bytes]:
    """The weights after each epoch of TEXT."""
    run = workplace.train(TEXT, "checkpoint.keep=99", again=True).run
    losses = [row["val_loss"] or 0 for row in read(run).rows]
    best = [epoch for epoch in range(1, 9) if losses[epoch - 1] == min(losses[:epoch])]
    assert best == [1, 2, 3, 5, 7]  # so that a new best epoch comes before a checkpoint, and one that is not after it
    return {
        int(folder.name[-4:]): read_folder(folder)["model.safetensors"] for folder in (run / "checkpoints").iterdir()
    }


def agree(run: Path, weights: dict[int, bytes]) -> bool:
    """Whether the best weights are those of the epoch that the status names, and metrics.csv has that epoch."""
    status, rows = read(run).status, read(run).rows
    best = status["best_epoch"]
    return (
        status["epoch"] == len(rows)
        and status["best"] == (rows[best - 1] if best else {})
        and (run / "best.safetensors").exists() == bool(best)
        and (not best or (run / "best.safetensors").read_bytes() == weights[best])
    )


@pytest.mark.parametrize("every", [3, 5])
def test_the_best_weights_go_back_with_the_rest(workplace: Any, weights: dict[int, bytes], every: int) -> None:
    """A crash after any epoch, then a stop after any: whatever was lost in between, the files agree."""
    overrides = [f"checkpoint.every={every}"]
    for crash in range(1, 8):
        for rows in range(1 + every * ((crash - 1) // every), 8):  # from the checkpoint on
            run = crashed_at(workplace.begin(TEXT, *overrides, again=True), crash)
            stop = StopRequests()
            assert stopped_at(workplace.begin(TEXT, *overrides, stop=stop), stop, rows) == run
            assert agree(run, weights), (crash, rows)


def test_a_row_whose_weights_cannot_be_saved_leaves_no_trace(workplace: Any, weights: dict[int, bytes]) -> None:
    """A folder in the place of best.safetensors stops the run as a full disk does."""
    events = workplace.begin(TEXT, "checkpoint.every=8", again=True)
    best = next(events).run / "best.safetensors"
    for event in islice(events, 2):
        assert isinstance(event, EpochDone)
    best.rename(best.with_name("aside"))
    best.mkdir()
    with pytest.raises(ResourceError, match="best"):
        list(events)
    best.rmdir()
    best.with_name("aside").rename(best)
    assert read(best.parent).state == "stopped"
    assert 2 <= read(best.parent).status["epoch"] < 8
    assert agree(best.parent, weights)
    resumed = workplace.train(TEXT, "checkpoint.every=8").run
    assert resumed == best.parent
    assert content(resumed) == content(workplace.train(TEXT, "checkpoint.every=8", again=True).run)


@pytest.mark.parametrize("there", [True, False])
def test_a_checkpoint_of_an_older_tuner_does_not_hold_the_best_weights(workplace: Any, there: bool) -> None:
    """Those of a later epoch were written over them, or they are gone; epoch 5 becomes the best again."""
    expected = content(workplace.train(TEXT, "checkpoint.every=3", "checkpoint.keep=1", again=True).run)
    run = crashed_at(workplace.begin(TEXT, "checkpoint.every=3", "checkpoint.keep=1", again=True), 5)
    files = read_folder(run / "checkpoints/epoch-0003")
    del files["best.safetensors"]
    commit_folder(run / "checkpoints", "epoch-0003", files)
    if not there:
        (run / "best.safetensors").unlink()
    stop = StopRequests()
    events = workplace.begin(TEXT, "checkpoint.every=3", "checkpoint.keep=1", stop=stop)
    assert stopped_at(events, stop, 4) == run  # its checkpoint cannot hold what is lost
    assert workplace.train(TEXT, "checkpoint.every=3", "checkpoint.keep=1").run == run
    assert content(run) == expected


@pytest.mark.parametrize("every", [1, 3])
def test_stops_and_crashes_leave_the_files_of_an_undisturbed_run(workplace: Any, every: int) -> None:
    """Also a stop that falls on an epoch's end off schedule: its checkpoint takes nobody's place."""
    overrides = [f"checkpoint.every={every}"]
    expected = content(workplace.train(TEXT, *overrides, again=True).run)
    assert sum(name.endswith("state.json") for name in expected) == 2
    for first in range(1, 8):
        stop = StopRequests()
        run = stopped_at(workplace.begin(TEXT, *overrides, stop=stop, again=True), stop, first)
        assert crashed_at(workplace.begin(TEXT, *overrides), first % 3) == run
        while read(run).state != "finished":
            stop = StopRequests()
            stopped_at(workplace.begin(TEXT, *overrides, stop=stop), stop, len(read(run).rows) + 2)
        assert content(run) == expected, first


class TestLeftovers:
    """Each was left by a death, or by a deletion that failed, at another moment."""

    @pytest.fixture
    def expected(self, workplace: Any) -> dict[str, bytes]:
        return content(workplace.train(TEXT, again=True).run)

    JUNK = ("epoch-9999", "epoch-9998-batch-000001", ".trash-0123", ".tmp-0123", ".old-epoch-0001")

    @pytest.mark.parametrize("name", JUNK)
    def test_junk_among_the_checkpoints(self, workplace: Any, expected: dict[str, bytes], name: str) -> None:
        run = crashed_at(workplace.begin(TEXT, again=True), 4)
        (run / "checkpoints" / name).mkdir()
        (run / "checkpoints" / name / "state.json").write_text("{}")
        assert workplace.train(TEXT).run == run
        assert content(run) == expected

    @pytest.mark.parametrize("place", ["checkpoints/.trash-0123", "checkpoints/.tmp-0123"])
    def test_what_could_not_be_deleted_at_once(self, workplace: Any, expected: dict[str, bytes], place: str) -> None:
        events = workplace.begin(TEXT, again=True)
        run = next(events).run
        list(islice(events, 3))
        (run / place).write_bytes(b"half")
        list(events)
        assert content(run) == expected

    def test_what_a_reader_is_writing_into_the_run_folder_stays(self, workplace: Any) -> None:
        events = workplace.begin(TEXT)
        drawn = next(events).run / ".tmp-0123"
        drawn.write_bytes(b"half a picture")
        list(events)
        assert drawn.exists()

    def test_a_death_between_the_last_checkpoint_and_the_end(self, workplace: Any, expected: dict[str, bytes]) -> None:
        run = workplace.train(TEXT, "checkpoint.keep=99", again=True).run
        (run / "status.json").unlink()
        assert read(run).state == "crashed"
        assert workplace.train(TEXT).run == run
        assert content(run) == expected


def test_an_ended_run_without_its_best_weights_is_told(workplace: Any) -> None:
    run = workplace.train(TEXT).run
    best = (run / "best.safetensors").read_bytes()
    assert apart(run, read(run).told) == []
    (run / "best.safetensors").unlink()
    assert "best.safetensors is missing" in apart(run, read(run).told)[0]
    (run / "best.safetensors").write_bytes(best[:-1])
    assert "best.safetensors is damaged" in apart(run, read(run).told)[0]


def test_a_deleted_lock_lets_nobody_write_beside_another(workplace: Any) -> None:
    expected = content(workplace.train(TEXT, again=True).run)
    first = workplace.begin(TEXT, again=True)
    run = next(first).run
    list(islice(first, 3))
    (run / "lock").unlink()
    second = workplace.begin(TEXT)
    assert next(second).run == run
    with pytest.raises(ResourceError, match="lock is gone"):
        list(first)
    list(second)
    assert read(run).state == "finished"
    assert content(run) == expected


def forged(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """The files of a checkpoint with another state.json."""

    def forge(files: dict[str, bytes]) -> dict[str, bytes]:
        position = json.loads(files["state.json"])
        change(position)
        return {**files, "state.json": json.dumps(position).encode()}

    return forge


def of_another_kind(name: str, kind: torch.dtype) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def forge(files: dict[str, bytes]) -> dict[str, bytes]:
        return {**files, name: save({key: tensor.to(kind) for key, tensor in load(files[name]).items()})}

    return forge


FORGED: dict[str, Callable[[dict[str, bytes]], dict[str, bytes]]] = {
    "deep": lambda files: {**files, "state.json": b"[" * 100_000},
    "a later epoch": forged(lambda position: position.update(epoch=7)),
    "the last epoch": forged(lambda position: position.update(epoch=9, step=24)),
    "an earlier epoch": forged(lambda position: position.update(epoch=4, step=9)),
    "no epoch": forged(lambda position: position.update(epoch=0)),
    "another step": forged(lambda position: position.update(step=position["step"] + 1)),
    "inside an epoch": forged(lambda position: position.update(batch=1, step=position["step"] + 1)),
    "beyond an epoch": forged(lambda position: position.update(batch=3, step=position["step"] + 3)),
    "sums of nothing": forged(lambda position: position.update(sums=[1.0, 1.0])),
    "huge sums": forged(lambda position: position.update(sums=[10**400, 0])),
    "no sums": forged(lambda position: position.update(sums=["", None])),
    "no rows": forged(lambda position: position["beside"].pop("metrics.csv")),
    "other best weights": forged(lambda position: position["beside"]["best.safetensors"].update(sha256="0" * 64)),
    "doubles": of_another_kind("model.safetensors", torch.float64),
    "halves": of_another_kind("optimizer.safetensors", torch.float16),
    "no numbers": lambda files: {
        **files,
        "model.safetensors": save({key: each * torch.nan for key, each in load(files["model.safetensors"]).items()}),
    },
}
SEEN_BY_CHECK = ("deep", "a later epoch", "the last epoch", "an earlier epoch", "no epoch", "inside an epoch")
"""What `tuner check` tells without torch."""


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_checkpoint_is_passed_over(workplace: Any, name: str) -> None:
    """Its manifest is right, its content is not: an older checkpoint takes over."""
    expected = content(workplace.train(TEXT, again=True).run)
    run = crashed_at(workplace.begin(TEXT, again=True), 6)
    newest = run / "checkpoints/epoch-0005"
    commit_folder(newest.parent, newest.name, FORGED[name](read_folder(newest)))
    if name in SEEN_BY_CHECK:
        assert "epoch-0005/state.json is damaged" in " ".join(fault.message for fault in faults_of_run(run))
    assert workplace.train(TEXT).run == run
    assert "passed over epoch-0005" in (run / "log.txt").read_text()
    assert content(run) == expected


class TestSettingsOutsideTheIdentity:
    def started(self, events: Iterator[Any]) -> Started:
        event = next(events)
        assert isinstance(event, Started)
        return event

    def test_a_change_is_told_and_recorded(self, workplace: Any) -> None:
        crashed_at(workplace.begin(TEXT, "tags=[old]"), 3)
        events = workplace.begin(TEXT, "layer_stats=none", "checkpoint.keep=5", "tags=[old, new]")
        told = self.started(events)
        assert [note for note in told.notes if "before" in note] == [
            "tags: [old] before, [old, new] from here on",
            "checkpoint.keep: 2 before, 5 from here on",
            "layer_stats: auto before, none from here on",
        ]
        measured = (told.run / "layer_stats.jsonl").read_bytes()
        list(events)
        run = read(told.run)
        assert (run.config["layer_stats"], run.config["checkpoint"]["keep"]) == ("none", 5)
        assert json.loads((run.path / "origins.json").read_text())["checkpoint.keep"] == "override: checkpoint.keep=5"
        assert (run.path / "layer_stats.jsonl").read_bytes() == measured

    def test_what_a_finished_run_does_not_have_is_told(self, workplace: Any) -> None:
        workplace.train(TEXT, "tags=[a]")
        assert workplace.open(TEXT, "tags=[a]").ignored == ()
        assert workplace.open(TEXT, "tags=[b]").ignored == ("tags: [a] there, [b] asked for",)

    def test_layer_stats_may_begin_late(self, workplace: Any) -> None:
        crashed_at(workplace.begin(TEXT, "layer_stats=none"), 3)
        run = read(workplace.train(TEXT).run)
        assert run.config["layer_stats"] == "auto"
        assert {row["epoch"] for row in run.layers} <= {4, 5, 6, 7, 8}
        assert run.layers[-1]["epoch"] == 8

    def test_the_same_settings_are_not_mentioned(self, workplace: Any) -> None:
        run = crashed_at(workplace.begin(TEXT), 3)
        before = {name: (run / name).stat().st_ino for name in ("config.yaml", "origins.json")}
        events = workplace.begin(TEXT)
        assert not [note for note in self.started(events).notes if "before" in note]
        events.close()
        assert before == {name: (run / name).stat().st_ino for name in before}


def test_statistics_of_batch_norm_are_weights_too(workplace: Any) -> None:
    """The network's outputs are finite, for batch norm divides by what is infinite; its weights are not."""
    text = "data: {name: iris}\nmodel: {hidden: [8], batch_norm: true, initializer: {name: normal, std: 1e20}}\n"
    run = read(workplace.train(text, "training.epochs=2").run)
    assert (run.state, run.status["exit_code"]) == ("diverged", 3)
    assert run.status["reason"] == "hidden.0.norm.running_var was not finite in epoch 1, step 1"
