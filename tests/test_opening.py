"""Whether a run is new, goes on, or was made before."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tuner import machine
from tuner.durable.reading import checksum
from tuner.errors import HeldError, NotFoundError, ResourceError, TunerError, UsageError
from tuner.events import EpochDone, Started
from tuner.machine import threads_for, versions
from tuner.opening import Answered, Session
from tuner.options.models import MLP
from tuner.plan import plan
from tuner.runs.files import write_status
from tuner.runs.folder import glance, read
from tuner.runs.identity import NAMES
from tuner.runs.lock import Lock
from tuner.stopping import Stop, StopRequests
from tuner.train import hardware
from tuner.train.hardware import set_up_torch

IRIS = "data: iris\ntraining: {epochs: 2, batch_size: 64}\n"


@pytest.fixture
def on_intel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor on which products are made by MKL."""
    facts = machine.cpu_facts() | {"vendor_id": "GenuineIntel"}
    monkeypatch.setattr(machine, "cpu_facts", lambda: facts)


def stopped(workplace: Any, *overrides: str, **request: Any) -> Path:
    stop = StopRequests()
    stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
    run: Path = list(workplace.begin(IRIS, *overrides, stop=stop, **request))[-1].run
    assert read(run).state == "stopped"
    return run


def edit_identity(run: Path, **changes: Any) -> None:
    about = json.loads((run / "run.json").read_text())
    about["identity"] |= changes
    write_about(run, about)


def write_about(run: Path, about: dict[str, Any]) -> None:
    """run.json anew, and the status.json that tells its checksum."""
    found, data = glance(run), json.dumps(about).encode()
    (run / "run.json").write_bytes(data)
    write_status(run, found.status, {**found.told.files, "run.json": checksum(data)})


class TestAgain:
    def test_finished_is_answered_and_torch_is_not_imported(self, workplace: Any) -> None:
        run = workplace.train(IRIS).run
        code = (
            "import sys; from pathlib import Path; from tuner.config.load import load;"
            "from tuner.opening import Answered, Request, open_session;"
            f"found = open_session(load({str(workplace.folder / 'c.yaml')!r}, ['training.threads=1']),"
            f" Request(Path({str(workplace.runs)!r})));"
            "assert isinstance(found, Answered); assert 'torch' not in sys.modules; print(found.run.path)"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert ran.stdout.strip() == str(run), ran.stderr

    def test_finished_changes_nothing(self, workplace: Any) -> None:
        run = workplace.train(IRIS).run
        before = {path: path.stat().st_mtime_ns for path in workplace.runs.rglob("*")}
        answer = workplace.open(IRIS)
        assert isinstance(answer, Answered)
        assert (answer.run.path, answer.run.state) == (run, "finished")
        assert {path: path.stat().st_mtime_ns for path in workplace.runs.rglob("*")} == before

    def test_unfinished_goes_on_and_holds_the_lock(self, workplace: Any) -> None:
        run = stopped(workplace)
        session = workplace.open(IRIS)
        assert isinstance(session, Session)
        assert session.held is not None
        assert session.held.path == run
        with pytest.raises(HeldError, match="is held by"):
            workplace.open(IRIS)
        session.held.release()
        assert workplace.train(IRIS).run == run

    def test_again_makes_the_next_number(self, workplace: Any) -> None:
        first = workplace.train(IRIS).run
        assert workplace.train(IRIS, again=True).run.name == "c-2"
        assert first.name == "c-1"

    def test_what_does_not_change_a_run_finds_it(self, workplace: Any) -> None:
        run = workplace.train(IRIS).run
        answer = workplace.open(IRIS, "tags=[x]", "checkpoint.every=7", "training.device=cpu")
        assert isinstance(answer, Answered)
        assert answer.run.path == run

    @pytest.mark.parametrize("change", ["seed=1", "name=other", "optimizer.lr=0.1", "data.split_seed=1"])
    def test_what_changes_a_run_starts_one(self, workplace: Any, change: str) -> None:
        first = workplace.train(IRIS).run
        session = workplace.open(IRIS, change)
        assert isinstance(session, Session)
        assert (session.held, session.notes) == (None, ())
        assert workplace.train(IRIS, change).run != first


class TestNamed:
    def test_makes_it_goes_on_and_answers(self, workplace: Any) -> None:
        run = stopped(workplace, run_name="mine")
        assert run.name == "mine"
        assert workplace.train(IRIS, run_name="mine").run == run
        assert isinstance(workplace.open(IRIS, run_name="mine"), Answered)

    @pytest.mark.parametrize("finish", [True, False])
    def test_of_another_config_is_refused_with_the_difference(self, workplace: Any, finish: bool) -> None:
        run = workplace.train(IRIS, run_name="mine").run if finish else stopped(workplace, run_name="mine")
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        with pytest.raises(NotFoundError) as refused:
            workplace.open(IRIS, "optimizer.lr=0.1", "model.hidden=[4]", run_name="mine")
        assert "optimizer.lr: 0.001 there, 0.1 here" in refused.value.message
        assert "model.hidden: [128] there, [4] here" in refused.value.message
        assert "--run" in refused.value.fix
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before

    def test_and_again_exclude_each_other(self, workplace: Any) -> None:
        with pytest.raises(UsageError, match="--again"):
            workplace.open(IRIS, run_name="mine", again=True)

    @pytest.mark.parametrize("name", ["", "../outside", "/outside", ".", "..", "a/b", "-x", "é é"])
    def test_a_bad_name_is_refused_before_anything_is_looked_up(self, workplace: Any, name: str) -> None:
        outside = stopped(workplace).rename(workplace.folder / "outside")
        before = {path: path.stat().st_mtime_ns for path in outside.rglob("*")}
        with pytest.raises(UsageError, match="cannot name a run"):
            workplace.open("data: {name: mnist, root: nowhere}\n", run_name=name)
        with pytest.raises(UsageError, match="cannot name a run"):
            workplace.open(IRIS, run_name=name)
        assert {path: path.stat().st_mtime_ns for path in outside.rglob("*")} == before

    def test_a_numbered_run_of_the_longest_name_goes_on_by_its_name(self, workplace: Any) -> None:
        longest = f"name={'n' * 64}"
        run = stopped(workplace, longest)
        assert workplace.train(IRIS, longest, run_name=run.name).run == run
        with pytest.raises(UsageError, match="cannot name a run"):
            workplace.open(IRIS, run_name="n" * 65)

    def test_a_folder_that_is_no_run_is_refused(self, workplace: Any) -> None:
        (workplace.runs / "mine").mkdir(parents=True)
        (workplace.runs / "mine" / "thesis.txt").write_text("dear reader")
        with pytest.raises(NotFoundError, match="is not a run folder"):
            workplace.train(IRIS, run_name="mine")
        assert (workplace.runs / "mine" / "thesis.txt").read_text() == "dear reader"
        assert len(list((workplace.runs / "mine").iterdir())) == 1


class TestIdentity:
    @pytest.mark.parametrize(
        ("what", "value"),
        [("torch", "1.0"), ("cpu_capability", "SSE2"), ("data_fingerprint", "0" * 64), ("device_model", "Pentium")],
    )
    def test_another_one_starts_a_new_run_and_says_why(self, workplace: Any, what: str, value: str) -> None:
        run = stopped(workplace)
        edit_identity(run, **{what: value})
        session = workplace.open(IRIS)
        assert session.held is None
        [note] = session.notes
        told = "with other data: iris has changed since"
        if what != "data_fingerprint":
            told = f"under another identity: {NAMES[what]} {value} there, {getattr(session.identity, what)} here"
        assert note == f"c-1 is unfinished, but was begun {told}; this is a new run"
        events = list(workplace.begin(IRIS))
        assert isinstance(events[0], Started)
        assert note in events[0].notes
        assert events[0].run.name == "c-2"
        assert read(run).state == "stopped"

    def test_is_refused_under_a_name(self, workplace: Any) -> None:
        edit_identity(stopped(workplace, run_name="mine"), torch="1.0")
        with pytest.raises(NotFoundError, match=re.escape(f"torch 1.0 there, {versions()['torch']} here")):
            workplace.open(IRIS, run_name="mine")

    def test_threads_auto_takes_the_recorded_number(self, workplace: Any) -> None:
        auto = "training.threads=auto"
        run = stopped(workplace, auto)
        recorded = read(run).identity.threads
        edit_identity(run, threads=recorded + 2)
        session = workplace.open(IRIS, auto)
        assert session.held.path == run
        assert session.identity.threads == recorded + 2
        session.held.release()
        training = workplace.begin(IRIS, auto)
        started = next(training)
        assert (started.run, started.threads) == (run, recorded + 2)
        assert torch.get_num_threads() == recorded + 2

    def test_a_number_of_threads_counts(self, workplace: Any) -> None:
        run = stopped(workplace, "training.threads=2")
        session = workplace.open(IRIS, "training.threads=1")
        assert session.held is None
        assert "threads 2 there, 1 here" in session.notes[0]
        assert workplace.open(IRIS, "training.threads=2").held.path == run

    def test_is_checked_against_torch(self, workplace: Any) -> None:
        session = workplace.open(IRIS)
        assert set_up_torch(session) == session
        wrong = replace(session, identity=replace(session.identity, torch="0.1"))
        assert set_up_torch(wrong).identity == session.identity
        stopped(workplace)
        held = workplace.open(IRIS)
        with pytest.raises(NotFoundError, match="torch is"):
            set_up_torch(replace(held, identity=wrong.identity))
        held.held.release()

    def test_other_products_are_another_identity(self, workplace: Any, on_intel: None) -> None:
        run = stopped(workplace)
        edit_identity(run, products="onednn")
        assert "products onednn there, mkl here" in workplace.open(IRIS).notes[0]
        with pytest.raises(NotFoundError, match="products onednn there, mkl here"):
            workplace.open(IRIS, run_name=run.name)

    def test_a_run_from_before_products_were_chosen_goes_on(self, workplace: Any, on_intel: None) -> None:
        run = stopped(workplace)
        about = json.loads((run / "run.json").read_text())
        del about["identity"]["products"]
        write_about(run, about)
        session = workplace.open(IRIS)
        assert session.held.path == run
        session.held.release()

    def test_products_that_are_wrong_are_made_by_the_blas(
        self, workplace: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Named in the identity of a new run; a run that was begun with them does not go on."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(workplace.folder))
        monkeypatch.setattr(hardware, "TOLERANCE", 0.0)
        session = workplace.open(IRIS)
        session = replace(session, identity=replace(session.identity, products="onednn"))
        assert set_up_torch(session).identity.products == "mkl"
        assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"  # type: ignore[attr-defined]
        stopped(workplace)
        held = workplace.open(IRIS)
        with pytest.raises(NotFoundError, match="products is mkl, and was onednn"):
            set_up_torch(replace(held, identity=replace(held.identity, products="onednn")))
        held.held.release()

    def test_more_work_is_worth_more_threads(self) -> None:
        counts = [threads_for(128 * plan(MLP(hidden=[hidden]), (64,), 10).train_flops) for hidden in (16, 20_000)]
        assert counts[0] == 1 <= counts[1]


class TestNothingOnDisk:
    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("data: {name: mnist, root: nowhere}\n", NotFoundError),
            ("data: {name: csv, path: nowhere.csv, target: y}\n", TunerError),
            (IRIS.replace("epochs: 2", "device: 'cuda:99'"), ResourceError),
        ],
    )
    def test_when_it_cannot_start(self, workplace: Any, text: str, kind: type[TunerError]) -> None:
        with pytest.raises(kind):
            workplace.open(text)
        assert not workplace.runs.exists()

    def test_before_training_begins(self, workplace: Any) -> None:
        workplace.open(IRIS)
        workplace.begin(IRIS).close()
        assert not workplace.runs.exists()


def test_a_run_in_training_is_held(workplace: Any) -> None:
    events = workplace.begin(IRIS)
    run = next(events).run
    assert read(run).state == "running"
    for request in ({}, {"run_name": run.name}):
        with pytest.raises(HeldError):
            workplace.open(IRIS, **request)
    events.close()
    assert read(run).state == "crashed"
    with Lock(run):
        pass


class TestAtOnce:
    """The same command started twice: both look before either has made its folder."""

    @pytest.mark.parametrize("run_name", [None, "mine"])
    def test_the_slower_one_is_refused_while_the_faster_one_trains(self, workplace: Any, run_name: str | None) -> None:
        fast, slow = (workplace.begin(IRIS, run_name=run_name) for _ in range(2))
        run = next(fast).run
        with pytest.raises(HeldError, match=rf"{run.name} is held by"):
            next(slow)
        assert [path.name for path in workplace.runs.iterdir()] == [run.name]
        assert list(fast)[-1].status["state"] == "finished"

    @pytest.mark.parametrize("run_name", [None, "mine"])
    def test_the_slower_one_is_sent_to_what_the_faster_one_made(self, workplace: Any, run_name: str | None) -> None:
        slow = workplace.begin(IRIS, run_name=run_name)
        run = workplace.train(IRIS, run_name=run_name).run
        with pytest.raises(HeldError, match=rf"{run.name} was made meanwhile") as refused:
            next(slow)
        assert "same command again" in refused.value.fix
        assert workplace.open(IRIS, run_name=run_name).run.path == run

    def test_others_are_not_in_the_way(self, workplace: Any) -> None:
        begun = [workplace.begin(IRIS, "seed=1"), workplace.begin(IRIS, again=True), workplace.begin(IRIS, again=True)]
        assert [next(events).run.name for events in begun] == ["c-1", "c-2", "c-3"]


class TestGone:
    """The run folder goes away during training."""

    @pytest.mark.parametrize("late", [False, True])
    @pytest.mark.parametrize("how", ["deleted", "moved", "made anew"])
    def test_it_is_said_and_nothing_is_brought_back(self, workplace: Any, how: str, late: bool) -> None:
        events = workplace.begin(IRIS)
        run = next(events).run
        while late and not isinstance(next(events), EpochDone):
            pass
        moved = run.rename(workplace.folder / "moved")
        if how == "deleted":
            shutil.rmtree(moved)
        if how == "made anew":
            shutil.copytree(moved, run)
        before = {path: path.read_bytes() for path in workplace.runs.rglob("*") if path.is_file()}
        with pytest.raises(ResourceError, match="is gone") as refused:
            list(events)
        assert "Put it back" in refused.value.fix
        assert {path: path.read_bytes() for path in workplace.runs.rglob("*") if path.is_file()} == before
        assert run.exists() == (how == "made anew")
        if how == "moved":
            moved.rename(run)
            assert workplace.train(IRIS).run == run


class TestInTheWay:
    @pytest.mark.parametrize("name", ["checkpoints", "best.safetensors", "log.txt", "timing.csv", "metrics.csv"])
    @pytest.mark.parametrize("how", ["link", "other kind"])
    def test_what_is_not_the_runs_own_is_refused(self, workplace: Any, name: str, how: str) -> None:
        run = stopped(workplace)
        elsewhere = workplace.folder / "elsewhere"
        (elsewhere / "epoch-0000").mkdir(parents=True)
        (elsewhere / ".tmp-mine").write_text("precious")
        if (run / name).is_dir():
            shutil.rmtree(run / name)
        else:
            (run / name).unlink(missing_ok=True)
        if how == "link":
            target = elsewhere if name == "checkpoints" else elsewhere / ".tmp-mine"
            (run / name).symlink_to(target)
        elif name == "checkpoints":
            (run / name).write_text("")
        else:
            (run / name).mkdir()
        with pytest.raises(NotFoundError, match=name.replace(".", r"\.")) as refused:
            list(workplace.begin(IRIS))
        assert "Move it away" in refused.value.fix
        assert (elsewhere / ".tmp-mine").read_text() == "precious"
        assert len(list(elsewhere.iterdir())) == 2

    def test_checkpoints_that_become_a_link_are_refused(self, workplace: Any) -> None:
        events = workplace.begin(IRIS)
        run = next(events).run
        (run / "checkpoints").symlink_to(workplace.folder)
        before = set(workplace.folder.iterdir())
        with pytest.raises(ResourceError, match="checkpoints is not a folder of this run's own"):
            list(events)
        assert read(run).state == "stopped"
        assert set(workplace.folder.iterdir()) == before

    @pytest.mark.parametrize("place", ["afile", "afile/b", "dangling"])
    def test_the_runs_dir(self, workplace: Any, place: str) -> None:
        (workplace.folder / "afile").write_text("")
        (workplace.folder / "dangling").symlink_to("nowhere")
        workplace.runs = workplace.folder / place
        with pytest.raises(NotFoundError, match=f"{place.removesuffix('/b')} is") as refused:
            workplace.train(IRIS)
        assert refused.value.fix


def test_the_small_files(workplace: Any) -> None:
    run = workplace.train(IRIS, "seed=4", "tags=[one]").run
    about = json.loads((run / "run.json").read_text())
    assert (about["format"], about["name"], about["seed"], about["tags"]) == (1, "c", 4, ["one"])
    assert about["argv"] == ["tuner", "train"]
    assert {"torch", "tuner", "python", "numpy"} <= set(about["versions"])
    assert (run / "source.yaml").read_text() == IRIS
    assert json.loads((run / "origins.json").read_text())["seed"] == "override: seed=4"
    assert read(run).config["optimizer"]["name"] == "adam"
    assert read(run).config["training"]["threads"] == 1
