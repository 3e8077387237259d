"""Training on a GPU: the same bytes each time, nothing in a step that waits for the device."""

from __future__ import annotations

import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from tuner.durable.writing import read_folder
from tuner.loop import GUARD_EVERY, NonFinite, train_epoch
from tuner.runs.folder import read
from tuner.stopping import Stop, StopRequests

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch finds none"),
]
CNN = """
data: {name: digits, limit: 200, augment: [{name: shift, pixels: 1}]}
model: {name: cnn, channels: [8, 8], hidden: [32], batch_norm: true, dropout: 0.3}
optimizer: {name: adam, lr: 0.01}
scheduler: {name: plateau, patience: 1}
training: {batch_size: 16, epochs: 4, device: cuda, gradient_clip: 1}
early_stopping: {patience: 3}
"""
RNN = """
data: {name: digits, limit: 200}
model: {name: rnn, units: [16], cell: lstm, dropout: 0.2, hidden: [16]}
training: {batch_size: 32, epochs: 3, device: cuda}
"""


def result(run: Path) -> dict[str, bytes]:
    last = max((run / "checkpoints").iterdir())
    kept = {name: (run / name).read_bytes() for name in ("metrics.csv", "best.safetensors")}
    return kept | {f"{last.name}/{name}": data for name, data in read_folder(last).items()}


@pytest.mark.parametrize("text", [CNN, RNN], ids=["cnn", "rnn"])
def test_the_same_run_gives_the_same_bytes(workplace: Any, text: str) -> None:
    first, second = (workplace.train(text, again=True).run for _ in range(2))
    assert result(first) == result(second)
    assert read(first).identity.device.startswith("cuda:")
    assert read(first).identity.device_model == torch.cuda.get_device_name(0)


def test_a_run_goes_on_with_the_same_bytes(workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("tuner.train"), "PROGRESS_EVERY", 0)
    expected = result(workplace.train(CNN, again=True).run)
    for number in (0, 5, 14, 20, 33):
        stop = StopRequests()
        events = workplace.begin(CNN, stop=stop, again=True)
        run = next(events).run
        for index, _ in enumerate(events):
            if index == number:
                stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
        assert read(run).state == "stopped"
        assert workplace.train(CNN).run == run
        assert result(run) == expected, number


def test_a_gpu_learns_what_a_cpu_learns(workplace: Any) -> None:
    """From the same weights and in the same order; sums are added up differently."""
    text = RNN.replace("dropout: 0.2, ", "")
    gpu, cpu = (read(workplace.train(text, f"training.device={device}").run).rows for device in ("cuda", "cpu"))
    for one, other in zip(gpu, cpu, strict=True):
        assert one["val_loss"] == pytest.approx(other["val_loss"], rel=1e-3)
        assert one["batch_loss"] == pytest.approx(other["batch_loss"], rel=1e-3)


@pytest.mark.parametrize("text", [CNN, RNN], ids=["cnn", "rnn"])
def test_no_step_waits_for_the_device(workplace: Any, text: str) -> None:
    setup = workplace.setup(text, "training.batch_size=2")
    steps = train_epoch(setup.task, setup.state)
    for _ in range(GUARD_EVERY + 1):  # the first ones compile kernels and pin memory
        next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(2 * GUARD_EVERY):
            next(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert setup.state.step == 3 * GUARD_EVERY + 1


def test_what_is_not_finite_is_noticed_and_named(workplace: Any) -> None:
    text = "data: {name: digits, limit: 300}\ntraining: {device: cuda, batch_size: 1}\n"
    text += "optimizer: {name: sgd, lr: 1e30}\n"
    setup = workplace.setup(text)
    with pytest.raises(NonFinite):
        for _ in train_epoch(setup.task, setup.state):
            torch.cuda.synchronize()
    assert setup.state.step <= 3 * GUARD_EVERY
    ended = workplace.train(text)
    assert ended.status["state"] == "diverged"
    assert " was not finite in epoch 1, step " in ended.status["reason"]
