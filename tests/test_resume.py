"""Interrupted anywhere and continued, a run ends with the bytes of one that was never interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tuner.durable.writing import read_folder
from tuner.errors import NotFoundError
from tuner.events import Ended, EpochDone, Started
from tuner.runs.files import parse_rows
from tuner.runs.folder import read
from tuner.stopping import Stop, StopRequests

CNN = """
data: {name: digits, limit: 60, augment: [{name: shift, pixels: 1}]}
model: {name: cnn, channels: [4], hidden: [8], batch_norm: true, dropout: 0.3}
optimizer: {name: adam, lr: 0.03}
scheduler: {name: plateau, patience: 1, factor: 0.5}
training: {batch_size: 17, epochs: 6, gradient_clip: 1}
early_stopping: {patience: 2}
"""
MLP = """
data: {name: iris}
model: {name: mlp, hidden: [8], dropout: 0.2, batch_norm: true}
loss: {class_weights: balanced}
optimizer: {name: sgd, lr: 0.3, momentum: 0.9, lr_factors: {weights: inverse_sqrt_fan_in, bias: 0.1}}
scheduler: {name: cosine_log, warmup_epochs: 1}
training: {batch_size: 32, epochs: 4}
checkpoint: {every: 3}
"""
TEXTS = {"cnn": CNN, "mlp": MLP}


@pytest.fixture(autouse=True)
def _an_event_for_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tuner.train"), "PROGRESS_EVERY", 0)


def result(run: Path) -> dict[str, Any]:
    """What has to agree: all but times, places and how many checkpoints are still there."""
    last = max(path.name for path in (run / "checkpoints").iterdir())
    kept: dict[str, Any] = {f"{last}/{name}": data for name, data in read_folder(run / "checkpoints" / last).items()}
    kept |= {name: (run / name).read_bytes() for name in ("metrics.csv", "best.safetensors")}
    status = dict(read(run).status)
    del status["next"]
    timing = parse_rows((run / "timing.csv").read_text(), "timing.csv")
    return kept | {"status": status, "timed": [row["epoch"] for row in timing]}


def whole(workplace: Any, text: str) -> tuple[dict[str, Any], int]:
    """The result of an uninterrupted run, and how many events it had."""
    events = list(workplace.begin(text, again=True))
    return result(events[-1].run), len(events)


def stop_at(number: int, events: Iterator[Any], stop: StopRequests) -> Any:
    """The last event of a run that is asked to stop when it has told `number` more than the first."""
    last = None
    for index, event in enumerate(events):
        last = event
        if index == number:
            stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
    return last


@pytest.mark.parametrize("name", TEXTS)
def test_stopped_at_every_event(workplace: Any, name: str) -> None:
    expected, count = whole(workplace, TEXTS[name])
    stopped = 0
    for number in range(count - 1):
        stop = StopRequests()
        event = stop_at(number, workplace.begin(TEXTS[name], stop=stop, again=True), stop)
        assert isinstance(event, Ended)
        if event.status["state"] == "stopped":
            stopped += 1
            assert event.status["exit_code"] == 143
            assert read(event.run).state == "stopped"
            resumed = list(workplace.begin(TEXTS[name]))
            assert isinstance(resumed[0], Started)
            assert (resumed[0].run, resumed[0].resumed) == (event.run, event.status["epoch"])
        assert result(event.run) == expected, number
    assert stopped >= count - 4  # the last events come too late for a stop


@pytest.mark.parametrize(("name", "between"), [("cnn", 0.0), ("mlp", 0.0), ("cnn", 1e9)])
def test_crashed_at_every_event(workplace: Any, name: str, between: float) -> None:
    expected, count = whole(workplace, TEXTS[name])
    for number in range(1, count):
        events = workplace.begin(TEXTS[name], again=True, between=between)
        run = next(events).run
        list(islice(events, number - 1))
        events.close()  # nothing more is written, as when the process is killed
        assert read(run).state == "crashed"
        assert workplace.train(TEXTS[name]).run == run
        assert result(run) == expected, number


def test_checkpoints_that_come_too_soon_are_left_out_and_one_stays(workplace: Any) -> None:
    expected, _ = whole(workplace, CNN)
    saved = []
    for event in workplace.begin(CNN, again=True, between=1e9):
        saved.append(len(list(event.run.glob("checkpoints/epoch-*"))) if isinstance(event, Started | Ended) else None)
        if isinstance(event, EpochDone):
            assert not list(workplace.runs.glob("*-2/checkpoints/*"))
    assert (saved[0], saved[-1]) == (0, 1)
    assert result(event.run) == expected


def test_a_chain_of_interruptions(workplace: Any) -> None:
    """One step at a time, and now and then a crash that loses two."""
    text = CNN.replace("epochs: 6", "epochs: 13").replace("early_stopping: {patience: 2}", "")
    expected, _ = whole(workplace, text)
    stop, links, state = StopRequests(), 0, "new"
    stop.ask(Stop(signal.SIGINT.name, signal.SIGINT))
    while state != "finished":
        if links % 5 == 4:
            events = workplace.begin(text)
            run = next(events).run
            list(islice(events, 2))
            events.close()
        else:
            run = list(workplace.begin(text, stop=stop, again=state == "new"))[-1].run
        links, state = links + 1, read(run).state
    assert links > 50
    assert result(run) == expected


class TestDamage:
    TEXT = CNN.replace("early_stopping: {patience: 2}", "checkpoint: {keep: 3}")

    @pytest.fixture
    def stopped(self, workplace: Any) -> Any:
        """A run stopped within epoch 5, with checkpoints of epochs 2 to 4 and one inside the fifth."""
        stop = StopRequests()
        for event in workplace.begin(self.TEXT, stop=stop, again=True):
            if getattr(event, "epoch", 0) == 5:
                stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
        names = sorted(path.name for path in (event.run / "checkpoints").iterdir())
        assert names == ["epoch-0002", "epoch-0003", "epoch-0004", "epoch-0004-batch-000002"]
        return event.run

    @staticmethod
    def flip(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(bytes(data))

    @pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
    @pytest.mark.parametrize("damaged", [1, 2, 3])
    def test_an_older_checkpoint_takes_over(self, workplace: Any, stopped: Path, file: str, damaged: int) -> None:
        names = sorted(path.name for path in (stopped / "checkpoints").iterdir())
        for name in names[-damaged:]:
            self.flip(stopped / "checkpoints" / name / file)
        assert workplace.train(self.TEXT).run == stopped
        log = (stopped / "log.txt").read_text()
        assert log.count("passed over") == damaged
        assert f"goes on from {names[-damaged - 1]}" in log
        assert result(stopped) == whole(workplace, self.TEXT)[0]

    def test_a_half_checkpoint_takes_over_nothing(self, workplace: Any, stopped: Path) -> None:
        (stopped / "checkpoints/epoch-0004-batch-000002/manifest.json").unlink()
        (stopped / "checkpoints/epoch-0004/optimizer.safetensors").unlink()
        (stopped / "checkpoints/.tmp-0123").mkdir()
        workplace.train(self.TEXT)
        assert result(stopped) == whole(workplace, self.TEXT)[0]
        assert not (stopped / "checkpoints/.tmp-0123").exists()

    def test_without_an_intact_one_it_is_refused_and_nothing_is_lost(self, workplace: Any, stopped: Path) -> None:
        for folder in (stopped / "checkpoints").iterdir():
            self.flip(folder / "model.safetensors")
        metrics = (stopped / "metrics.csv").read_bytes()
        for _ in range(2):
            with pytest.raises(NotFoundError, match="every checkpoint") as refused:
                workplace.train(self.TEXT)
            assert "--again" in refused.value.fix
        assert (stopped / "metrics.csv").read_bytes() == metrics
        assert read(stopped).state == "stopped"

    def test_changed_metrics_are_refused(self, workplace: Any, stopped: Path) -> None:
        text = (stopped / "metrics.csv").read_text().splitlines(keepends=True)
        (stopped / "metrics.csv").write_text("".join([text[0], text[1].replace("1", "2"), *text[2:]]))
        with pytest.raises(NotFoundError, match=r"metrics\.csv is damaged"):
            workplace.train(self.TEXT)

    def test_metrics_that_lost_their_end_go_back_to_an_older_checkpoint(self, workplace: Any, stopped: Path) -> None:
        text = (stopped / "metrics.csv").read_text().splitlines(keepends=True)
        (stopped / "metrics.csv").write_text("".join(text[:4]) + "4,")
        workplace.train(self.TEXT)
        assert "goes on from epoch-0003" in (stopped / "log.txt").read_text()
        assert result(stopped) == whole(workplace, self.TEXT)[0]

    def test_lines_that_no_checkpoint_counts_on_are_cut(self, workplace: Any, stopped: Path) -> None:
        for name in ("metrics.csv", "timing.csv"):
            with (stopped / name).open("a") as file:
                file.write((stopped / name).read_text().splitlines()[-1].replace("4,", "5,", 1) + "\n6,torn")
        workplace.train(self.TEXT)
        assert result(stopped) == whole(workplace, self.TEXT)[0]

    def test_a_damaged_timing_is_no_reason_not_to_train(self, workplace: Any, stopped: Path) -> None:
        with (stopped / "timing.csv").open("a") as file:
            file.write("what?\n")
        workplace.train(self.TEXT)
        expected = whole(workplace, self.TEXT)[0]
        assert {**result(stopped), "timed": []} == {**expected, "timed": []}

    @pytest.mark.parametrize("content", [b"epoch,minutes\n1,2\n", b"\0\xff\n", b"\n"])
    def test_a_timing_with_another_header_is_set_aside(self, workplace: Any, stopped: Path, content: bytes) -> None:
        (stopped / "timing.csv").write_bytes(content)
        assert workplace.train(self.TEXT).run == stopped
        assert (stopped / "timing.csv.damaged").read_bytes() == content
        assert "set aside as timing.csv.damaged" in (stopped / "log.txt").read_text()
        found, expected = result(stopped), whole(workplace, self.TEXT)[0]
        assert found["timed"] == [5, 6]
        assert {**found, "timed": []} == {**expected, "timed": []}

    BEST_FIRST = "data: iris\nscheduler: {name: multistep, milestones: [1], gamma: 1e-30}\ntraining: {epochs: 4}\n"
    """The first epoch is the best one: later ones change no weight."""

    def crashed(self, workplace: Any) -> Path:
        """A run of BEST_FIRST that died within its third epoch."""
        events = workplace.begin(self.BEST_FIRST, again=True)
        run: Path = next(events).run
        assert next(event for event in events if getattr(event, "epoch", 0) == 3)
        events.close()
        return run

    def test_damaged_best_weights_are_not_tested(self, workplace: Any) -> None:
        """Every checkpoint counts on them, and a flipped bit is in all of their names."""
        run = self.crashed(workplace)
        self.flip(run / "best.safetensors")
        for _ in range(2):
            with pytest.raises(NotFoundError, match=r"best\.safetensors is damaged"):
                workplace.train(self.BEST_FIRST)

    @pytest.mark.parametrize("there", [True, False])
    def test_best_weights_come_back_from_the_checkpoint(self, workplace: Any, there: bool) -> None:
        run = self.crashed(workplace)
        (run / "best.safetensors").unlink()
        if there:
            (run / "best.safetensors").write_bytes(b"of another run")
        assert workplace.train(self.BEST_FIRST).run == run
        assert result(run) == whole(workplace, self.BEST_FIRST)[0]


KILLER = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import Workplace
import torch
from tuner.durable.writing import read_folder
from tuner.runs.files import apart
from tuner.runs.folder import read
torch.set_num_threads(1)
place = Workplace(Path({folder!r}))
text = {text!r}
list(place.begin(text, run_name="whole"))
weights = {{}}
for event in place.begin(text, "checkpoint.keep=99", "checkpoint.every=1", run_name="kept"):
    pass
for folder in (place.runs / "kept/checkpoints").iterdir():
    weights[int(folder.name[-4:])] = read_folder(folder)["model.safetensors"]
list(place.begin(text, "seed=9", again=True))  # pays for what is imported late
started = time.monotonic()
list(place.begin(text, "seed=9", again=True))
takes = time.monotonic() - started
draw, kills = random.Random(4), 0

def finished():
    return (place.runs / "killed/run.json").exists() and read(place.runs / "killed").state == "finished"

def best_of(run):  # the epoch whose weights are kept
    file = run / "best.safetensors"
    return next(epoch for epoch, data in weights.items() if data == file.read_bytes()) if file.exists() else None

def tells_the_truth(run):  # the status names the best weights' epoch and rows that are there, or a reader says not
    found = read(run)
    rows = [row["epoch"] for row in found.rows]
    named, best = found.status.get("best_epoch"), found.status.get("best", {{}})
    agrees = named == best_of(run) and found.status.get("epoch", 0) <= len(rows)
    agrees = agrees and (named is None or (named in rows and found.rows[named - 1] == best))
    return agrees or bool(apart(run, found.told))

lies = told = 0
while kills < 40:
    child = os.fork()
    if child == 0:
        try:
            list(place.begin(text, run_name="killed"))
        finally:
            os._exit(0)
    time.sleep(draw.uniform(0, takes))
    os.kill(child, signal.SIGKILL)
    killed = os.waitpid(child, 0)[1] == signal.SIGKILL
    kills += killed
    run = place.runs / "killed"
    if (run / "run.json").exists():
        lies += not tells_the_truth(run)
        told += bool(apart(run, read(run).told))
    if finished():
        os.rename(place.runs / "killed", place.runs / f"done-{{kills}}-{{draw.random()}}")
if not finished():
    list(place.begin(text, run_name="killed"))
print(kills, lies, told)
"""


def test_killed_at_random_moments(workplace: Any) -> None:
    """SIGKILL, in children of a process that has imported torch once; between two calls or within one."""
    text = textwrap.dedent(KILLER).format(tests=str(Path(__file__).parent), folder=str(workplace.folder), text=CNN)
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    kills, lies, _ = map(int, ran.stdout.split()[-3:])
    assert kills >= 40
    assert lies == 0
    runs = [path for path in workplace.runs.iterdir() if path.name.startswith(("killed", "done"))]
    expected = result(workplace.runs / "whole")
    for run in runs:
        found = result(run)
        assert {**found, "timed": []} == {**expected, "timed": []}
        assert not list(run.rglob(".*"))
