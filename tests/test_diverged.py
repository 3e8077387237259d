"""Runs that stop being finite: where it happened, what stands."""

from __future__ import annotations

import math
import re
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load

from tuner.durable.writing import read_folder
from tuner.errors import ResourceError
from tuner.opening import Answered
from tuner.runs.folder import read
from tuner.stopping import Stop, StopRequests

LINEAR = """
data: {name: diabetes, limit: 64}
model: {name: mlp, hidden: []}
loss: mse
optimizer: {name: sgd, lr: 2}
training: {batch_size: 8, epochs: 20}
"""

HUGE_OUTPUT = "output: {initializer: {name: uniform, scale: 1.6e38}}"


def status_of(run: Path) -> dict[str, Any]:
    return read(run).status


def diverged_in(run: Path) -> tuple[str, int, int]:
    """(what, epoch, step) of the reason."""
    status = status_of(run)
    assert (status["state"], status["exit_code"]) == ("diverged", 3)
    found = re.fullmatch(r"(.+) was not finite in epoch (\d+), step (\d+)", status["reason"])
    assert found is not None, status["reason"]
    assert status["step"] == int(found[3])
    return found[1], int(found[2]), int(found[3])


class TestNamed:
    def test_an_overflow_in_the_first_layer(self, workplace: Any) -> None:
        text = "data: {name: digits, limit: 40}\nmodel: {hidden: [8], initializer: {name: uniform, scale: 1.6e38}}\n"
        run = workplace.train(text).run
        assert diverged_in(run) == ("the output of hidden.0", 1, 1)

    def test_an_overflow_in_a_later_layer(self, workplace: Any) -> None:
        text = f"data: {{name: digits, limit: 40}}\nmodel: {{hidden: [8, 9], {HUGE_OUTPUT}}}\n"
        assert diverged_in(workplace.train(text).run) == ("the network's output", 1, 1)

    def test_a_gradient_that_overflows_under_a_finite_loss(self, workplace: Any) -> None:
        """Zero weights give zero activations; what comes back through the output's huge weights does not fit."""
        model = f"{{hidden: [4], activation: linear, initializer: zeros, {HUGE_OUTPUT}}}"
        text = f"data: {{name: digits, limit: 40, normalize: none}}\nmodel: {model}\ntraining: {{batch_size: 1}}\n"
        assert diverged_in(workplace.train(text).run) == ("the gradient of hidden.0.weight", 1, 1)

    def test_weights_that_overflow_in_the_last_step_of_an_epoch(self, workplace: Any) -> None:
        text = "data: {name: digits, limit: 40, normalize: none}\nmodel: {hidden: []}\ntraining: {batch_size: full}\n"
        run = workplace.train(text, "optimizer={name: sgd, lr: 3e38}").run
        assert diverged_in(run) == ("output.weight", 1, 1)

    @pytest.mark.parametrize("every", [1, 3, 50])
    def test_the_step_is_that_of_a_loop_written_by_hand(self, workplace: Any, every: int) -> None:
        """In a later epoch than the last checkpoint's, too."""
        run = workplace.train(LINEAR, "data.shuffle=false", f"checkpoint.every={every}").run
        what, epoch, step = diverged_in(run)
        setup = workplace.setup(LINEAR)
        weight, bias = (parameter.detach().clone() for parameter in setup.state.network.parameters())
        x, y = setup.task.train.x, setup.task.train.y
        for taken in range(160):
            rows = slice(taken % 8 * 8, taken % 8 * 8 + 8)
            error = x[rows] @ weight.T + bias - y[rows]
            gradient = 2 * error.T @ x[rows] / 8
            if not math.isfinite(float(error.square().mean())) or not math.isfinite(float(gradient.norm())):
                break
            weight, bias = weight - 2 * gradient, bias - 2 * 2 * error.mean()
            if taken % 8 == 7 and not math.isfinite(float((x @ weight.T + bias - y).square().mean())):
                break  # the weights are finite, but the loss they give at the end of the epoch is not
        assert epoch == taken // 8 + 1 > 1
        assert abs(step - taken - 1) <= 1  # a sum in another order may overflow a step sooner
        assert what in ("the loss", "the network's output", "the gradient of output.weight", "the norm of the gradient")


class TestStands:
    @pytest.fixture
    def run(self, workplace: Any) -> Any:
        return workplace.train(LINEAR, "checkpoint.keep=20").run

    def test_the_earlier_epochs_and_the_last_finite_checkpoint(self, run: Path) -> None:
        _, epoch, _ = diverged_in(run)
        status, rows = status_of(run), read(run).rows
        assert epoch > 2
        assert status["epoch"] == len(rows) == epoch - 1
        last = read_folder(run / "checkpoints" / f"epoch-{epoch - 1:04d}")
        assert all(np.isfinite(tensor.numpy()).all() for tensor in load(last["model.safetensors"]).values())
        best = read_folder(run / "checkpoints/epoch-0001")
        assert status["best_epoch"] == 1  # it only grew worse
        assert (run / "best.safetensors").read_bytes() == best["model.safetensors"] != last["model.safetensors"]

    def test_the_status_is_whole(self, run: Path) -> None:
        status = status_of(run)
        keys = ["state", "reason", "epoch", "step", "best_epoch", "best", "last", "test", "exit_code", "next"]
        assert list(status) == keys
        assert status["test"] == {}
        assert status["next"].startswith("tuner train ")
        assert status["next"].endswith(" optimizer.lr=0.01")
        assert (run / "log.txt").read_text().splitlines()[-1].endswith(f"diverged: {status['reason']}")

    def test_asked_again_it_stays_diverged(self, workplace: Any, run: Path) -> None:
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        for _ in range(2):
            answer = workplace.open(LINEAR)
            assert isinstance(answer, Answered)
            assert (answer.run.path, answer.run.state) == (run, "diverged")
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before

    def test_trained_again_it_diverges_at_the_same_place(self, workplace: Any, run: Path) -> None:
        again = workplace.train(LINEAR, again=True).run
        assert diverged_in(again) == diverged_in(run)
        assert (again / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()


class TestStopped:
    TEXT = LINEAR.replace("lr: 2", "lr: 1e30").replace("batch_size: 8", "batch_size: 1")

    def test_a_state_that_is_not_finite_is_never_saved(self, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """A signal can come between the first number that is not finite and the look that would notice it."""
        monkeypatch.setattr(import_module("tuner.train"), "PROGRESS_EVERY", 0)
        for wait in (3, 6, 20):
            stop = StopRequests()
            events = workplace.begin(self.TEXT, stop=stop, again=True)
            for _ in range(wait):
                next(events)
            stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
            run = list(events)[-1].run
            assert diverged_in(run)[1:] == diverged_in(workplace.train(self.TEXT, again=True).run)[1:]
            assert not (run / "checkpoints").exists()

    def test_a_resumed_run_diverges_where_the_other_did(self, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(import_module("tuner.train"), "PROGRESS_EVERY", 0)
        whole = workplace.train(LINEAR).run
        step = diverged_in(whole)[2]
        for steps in (1, step // 2, step - 3):
            stop = StopRequests()
            events = workplace.begin(LINEAR, stop=stop, again=True)
            for event in events:
                if getattr(event, "epoch", 0) and (event.epoch - 1) * 8 + event.step >= steps:
                    stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
            assert status_of(event.run)["state"] == "stopped"
            resumed = workplace.train(LINEAR).run
            assert resumed == event.run
            assert diverged_in(resumed) == diverged_in(whole)
            assert (resumed / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_a_disk_that_refuses_stops_the_run_and_the_same_command_goes_on(workplace: Any) -> None:
    text = LINEAR.replace("lr: 2", "lr: 0.01").replace("epochs: 20", "epochs: 5")
    whole = workplace.train(text, again=True).run
    events = workplace.begin(text, again=True)
    run = next(events).run
    (run / "checkpoints").write_text("a file stands where the folder should be")
    with pytest.raises(ResourceError):
        list(events)
    status = status_of(run)
    assert (status["state"], status["exit_code"]) == ("stopped", 5)
    assert "checkpoints" in status["reason"]
    assert read(run).state == "stopped"
    (run / "checkpoints").unlink()
    assert workplace.train(text).run == run
    for name in ("metrics.csv", "best.safetensors", "checkpoints/epoch-0005/state.json"):
        assert (run / name).read_bytes() == (whole / name).read_bytes()
    assert torch.get_num_threads() == 1
