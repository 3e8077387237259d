"""Whole runs: against loops written by hand, and what they leave on disk."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from tuner import network
from tuner.durable.writing import read_folder
from tuner.events import EpochDone, Started
from tuner.loop import epoch_order
from tuner.monitor import best_index, epochs_waited, oriented
from tuner.options.metrics import metrics_for
from tuner.options.schedulers import Plateau, learning_rate
from tuner.runs.files import parse_rows
from tuner.runs.folder import read

DIGITS = """
data: {name: digits, limit: 150}
model: {name: mlp, hidden: [16]}
training: {batch_size: 32, epochs: 4}
"""
CNN = """
data: {name: digits, limit: 120}
model: {name: cnn, channels: [4, 6], hidden: [12], batch_norm: true}
optimizer: {name: adam, lr: 0.01, weight_decay: 0.01}
training: {batch_size: 32, epochs: 3}
"""
STATUS = ["state", "reason", "epoch", "step", "best_epoch", "best", "last", "test", "exit_code", "next"]


def rows_of(run: Path) -> list[Any]:
    return parse_rows((run / "metrics.csv").read_text(), "metrics.csv")


def status_of(run: Path) -> dict[str, Any]:
    return read(run).status


def pieces(run: Path) -> dict[str, bytes]:
    """All of a run that does not depend on the clock or on where it is."""
    kept = {name: (run / name).read_bytes() for name in ("metrics.csv", "best.safetensors", "config.yaml")}
    for folder in sorted((run / "checkpoints").iterdir()):
        kept |= {f"{folder.name}/{name}": data for name, data in read_folder(folder).items()}
    return kept


def normalized(splits: Any, x: Any) -> Tensor:
    """Standardised by the training part's own mean and deviation, per channel, in float64."""
    train = splits.train.x.astype(np.float64)
    axes = (0, 2, 3)
    mean, std = train.mean(axis=axes, keepdims=True), train.std(axis=axes, keepdims=True)
    return torch.from_numpy((x - mean) / std).to(torch.float32)


def check_against(model: nn.Module, step: Any, workplace: Any, text: str, wd: float = 0.0) -> None:
    """Trains `model`, whose weights come from tuner, by hand: `step(parameter index, weight, gradient)` moves one."""
    session, setup = workplace.open(text, again=True), workplace.setup(text)
    first = network.build(session.loaded.plan, 0)
    with torch.no_grad():
        for own, theirs in zip(model.parameters(), first.parameters(), strict=True):
            own.copy_(theirs)
    splits, size = session.splits, session.loaded.config.training.batch_size
    parts = {
        name: (normalized(splits, getattr(splits, name).x), torch.from_numpy(getattr(splits, name).y))
        for name in ("train", "validation", "test")
    }
    x, y = parts["train"]
    expected = []
    for epoch in range(1, session.loaded.config.training.epochs + 1):
        model.train()
        order, losses, norms = epoch_order(setup.task, epoch), [], []
        assert order is not None
        for rows in torch.split(order, size):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            norms.append(math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients)))
            losses.append(loss.item() * len(rows))
            with torch.no_grad():
                for index, (weight, gradient) in enumerate(zip(model.parameters(), gradients, strict=True)):
                    step(index, weight, gradient + wd * weight if weight.ndim > 1 else gradient)
        model.eval()
        row = {"batch_loss": sum(losses) / len(x), "grad_norm": np.mean(norms)}
        for name, part in (("train", "train"), ("val", "validation")):
            outputs = model(parts[part][0]).detach()
            row[f"{name}_loss"] = F.cross_entropy(outputs, parts[part][1]).item()
            row[f"{name}_accuracy"] = (outputs.argmax(1) == parts[part][1]).float().mean().item()
        expected.append(row)
    run = workplace.train(text).run
    for own, other in zip(rows_of(run), expected, strict=True):
        for name, value in other.items():
            assert own[name] == pytest.approx(value, rel=2e-4), (own["epoch"], name)
    weights = load_file(sorted((run / "checkpoints").iterdir())[-1] / "model.safetensors")
    for (name, _), value in zip(first.named_parameters(), model.parameters(), strict=True):
        assert torch.allclose(weights[name], value, rtol=1e-3, atol=2e-5), name


def test_an_mlp_under_momentum_is_a_loop_written_by_hand(workplace: Any) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    velocity: dict[int, Tensor] = {}

    def step(index: int, weight: Tensor, gradient: Tensor) -> None:
        velocity[index] = 0.9 * velocity.get(index, torch.zeros(())) - 0.05 * gradient
        weight += velocity[index]

    check_against(model, step, workplace, DIGITS + "optimizer: {name: sgd, lr: 0.05, momentum: 0.9}\n")


def test_a_cnn_under_adam_is_a_loop_written_by_hand(workplace: Any) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(24, 12, bias=False), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 10),
    )  # fmt: skip
    memory: dict[int, tuple[Tensor, Tensor, int]] = {}

    def step(index: int, weight: Tensor, gradient: Tensor) -> None:
        mean, square, count = memory.get(index, (torch.zeros(()), torch.zeros(()), 0))
        mean, square, count = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2, count + 1
        memory[index] = mean, square, count
        weight -= 0.01 * (mean / (1 - 0.9**count)) / ((square / (1 - 0.999**count)).sqrt() + 1e-8)

    check_against(model, step, workplace, CNN, wd=0.01)


class TestBest:
    def test_the_best_weights_are_kept_and_tested(self, workplace: Any) -> None:
        text = DIGITS.replace("epochs: 4", "epochs: 12") + "optimizer: {name: adam, lr: 0.2}\ncheckpoint: {keep: 12}\n"
        run = workplace.train(text).run
        rows, status = rows_of(run), status_of(run)
        values = [row["val_loss"] for row in rows]
        best = values.index(min(values))
        assert 0 < best < 11  # or the test says nothing
        assert status["best_epoch"] == best + 1
        assert status["best"] == rows[best]
        assert status["last"] == rows[-1]
        kept = read_folder(run / "checkpoints" / f"epoch-{best + 1:04d}")
        assert (run / "best.safetensors").read_bytes() == kept["model.safetensors"]
        session = workplace.open(text, again=True)
        own = network.build(session.loaded.plan, 0).eval()
        own.load_state_dict(load_file(run / "best.safetensors"))
        outputs = own(normalized(session.splits, session.splits.test.x)).detach()
        y = torch.from_numpy(session.splits.test.y)
        assert status["test"]["loss"] == pytest.approx(F.cross_entropy(outputs, y).item(), rel=1e-4)
        assert status["test"]["accuracy"] == (outputs.argmax(1) == y).double().mean().item()

    def test_events_say_which_epoch_is_best(self, workplace: Any) -> None:
        events = list(workplace.begin(DIGITS, "optimizer.lr=0.1", "training.epochs=8"))
        done = [event for event in events if isinstance(event, EpochDone)]
        for index, event in enumerate(done):
            rows = [other.row for other in done[: index + 1]]
            assert event.best == (best_index(rows, "val_loss") == index)
        assert {event.best for event in done} == {True, False}

    def test_without_validation_the_monitor_chooses_too(self, workplace: Any) -> None:
        """A run that its learning rate throws off: the best epoch is far from the last one."""
        text = "data: {name: digits, limit: 150, validation: 0}\nmodel: {hidden: [16]}\n"
        text += "optimizer: {name: sgd, lr: 1.2, momentum: 0.9}\n"
        text += "training: {epochs: 11, monitor: train_loss}\nearly_stopping: {patience: 4}\n"
        events = list(workplace.begin(text))
        run = events[-1].run
        values = [row["train_loss"] for row in rows_of(run)]
        marked = [event.best for event in events if isinstance(event, EpochDone)]
        assert marked == [value == min(values[: index + 1]) for index, value in enumerate(values)]
        assert {True, False} == set(marked)
        assert status_of(run)["best_epoch"] == values.index(min(values)) + 1

    def test_without_validation_the_columns_are_those_of_the_training_part(self, workplace: Any) -> None:
        run = workplace.train(DIGITS, "data.validation=0", "training.monitor=train_loss", "optimizer.lr=0.2").run
        rows, status = rows_of(run), status_of(run)
        measured = [f"train_{metric.name}" for metric in metrics_for("class")]
        assert list(rows[0]) == ["epoch", "step", "lr", "batch_loss", *measured, "grad_norm"]
        assert status["best_epoch"] == 3
        last = read_folder(run / "checkpoints/epoch-0003")
        assert (run / "best.safetensors").read_bytes() == last["model.safetensors"]

    @pytest.mark.parametrize("monitor", ["val_accuracy", "train_loss"])
    def test_another_monitor_chooses(self, workplace: Any, monitor: str) -> None:
        run = workplace.train(DIGITS, "training.epochs=10", f"training.monitor={monitor}", "optimizer.lr=0.1").run
        values = [row[monitor] for row in rows_of(run)]
        wanted = max(values) if monitor == "val_accuracy" else min(values)
        assert status_of(run)["best_epoch"] == values.index(wanted) + 1

    def test_a_monitor_that_is_never_finite_is_divergence(self, workplace: Any) -> None:
        """Training goes on, for it may become finite; without any finite value there is no best epoch to test."""
        text = "data: {name: iris, shift: [{name: noise, std: 10}]}\nmodel: {hidden: [8, 8], activation: exponential}\n"
        small = "model.initializer={name: normal, std: 0.3}"
        run = workplace.train(text, small, "training.epochs=5", "optimizer.lr=1e-4", "early_stopping={patience: 3}").run
        rows, status = rows_of(run), status_of(run)
        assert [math.isfinite(row["val_loss"]) for row in rows] == [False] * 3
        assert all(math.isfinite(row["train_loss"]) for row in rows)
        assert (status["state"], status["exit_code"]) == ("diverged", 3)
        assert (status["best_epoch"], status["best"], status["test"]) == (None, {}, {})
        assert status["reason"] == "val_loss was not finite in any of its 3 epochs"
        assert not (run / "best.safetensors").exists()
        assert read(run).state == "diverged"


class TestEarlyStopping:
    TEXT = DIGITS.replace("epochs: 4", "epochs: 30") + "optimizer: {name: adam, lr: 0.1}\n"

    def test_stops_when_patience_ends_and_not_before(self, workplace: Any) -> None:
        run = workplace.train(self.TEXT, "early_stopping={patience: 3}").run
        rows = rows_of(run)
        values = oriented(rows, "val_loss")
        assert 4 < len(rows) < 30
        assert epochs_waited(values, 0) == 3
        assert max(epochs_waited(values[:n], 0) for n in range(len(values))) == 2
        assert status_of(run)["best_epoch"] == len(rows) - 3
        assert status_of(run)["reason"] == "early stopping: val_loss not better for 3 epochs"

    def test_changes_nothing_before(self, workplace: Any) -> None:
        stopped = workplace.train(self.TEXT, "early_stopping={patience: 3}").run
        free = workplace.train(self.TEXT).run
        assert len(rows_of(free)) == 30
        assert rows_of(free)[: len(rows_of(stopped))] == rows_of(stopped)

    def test_min_delta_feeds_patience_only(self, workplace: Any) -> None:
        run = workplace.train(self.TEXT, "early_stopping={patience: 3, min_delta: 10}").run
        rows = rows_of(run)
        assert len(rows) == 4
        assert status_of(run)["best_epoch"] == 1 + min(range(4), key=lambda index: rows[index]["val_loss"]) > 1
        assert "by more than 10" in status_of(run)["reason"]


class TestSchedules:
    def test_plateau_follows_the_monitor(self, workplace: Any) -> None:
        text = DIGITS.replace("epochs: 4", "epochs: 12") + "optimizer: {name: adam, lr: 0.1}\n"
        run = workplace.train(text, "scheduler={name: plateau, patience: 2, factor: 0.5}").run
        rows = rows_of(run)
        values = oriented(rows, "val_loss")
        scheduler = Plateau(patience=2, factor=0.5)
        expected = [learning_rate(scheduler, 0.1, epoch * 5, 5, 12, values[:epoch]) for epoch in range(12)]
        assert [row["lr"] for row in rows] == expected
        assert len(set(expected)) > 1

    def test_lr_is_that_of_the_epochs_last_step(self, workplace: Any) -> None:
        overrides = "scheduler={name: cosine, warmup_epochs: 1}", "optimizer={lr: 0.1, lr_factors: {weights: 0.5}}"
        run = workplace.train(DIGITS, *overrides).run
        expected = [0.1] + [0.05 * (1 + math.cos(math.pi * step / 15)) for step in (4, 9, 14)]
        assert [row["lr"] for row in rows_of(run)] == pytest.approx(expected)


class TestFolder:
    def test_what_a_finished_run_leaves(self, workplace: Any) -> None:
        events = list(workplace.begin(CNN))
        run = events[-1].run
        names = {
            "config.yaml",
            "card.json",
            "data.json",
            "source.yaml",
            "origins.json",
            "run.json",
            "metrics.csv",
            "timing.csv",
            "layer_stats.jsonl",
            "status.json",
            "best.safetensors",
            "checkpoints",
            "log.txt",
            "lock",
        }
        assert {path.name for path in run.iterdir()} == names
        assert [path.name for path in sorted((run / "checkpoints").iterdir())] == ["epoch-0002", "epoch-0003"]
        status = status_of(run)
        assert list(json.loads((run / "status.json").read_text())) == [*STATUS, "files", "sha256"]
        assert status == json.loads(json.dumps(events[-1].status))
        assert (status["state"], status["exit_code"], status["epoch"], status["step"]) == ("finished", 0, 3, 12)
        assert status["reason"] == "all 3 epochs done"
        timing = (run / "timing.csv").read_text().splitlines()
        assert timing[0] == "epoch,seconds,samples_per_second"
        assert [line.split(",")[0] for line in timing[1:]] == ["1", "2", "3"]
        assert all(float(cell) > 0 for line in timing[1:] for cell in line.split(",")[1:])
        log = (run / "log.txt").read_text().splitlines()
        assert len(log) == 3
        assert "started on" in log[0]
        assert "data.limit: 120 leaves 120 samples to train on" in log[1]
        assert log[2].endswith("finished: all 3 epochs done")
        assert read(run).rows == [event.row for event in events if isinstance(event, EpochDone)]

    def test_a_lone_last_sample_is_told(self, workplace: Any) -> None:
        started = next(iter(workplace.begin(CNN, "training.batch_size=17")))  # 120 = 7 * 17 + 1
        assert isinstance(started, Started)
        assert any("lone last sample" in note for note in started.notes)
        assert "lone last sample" in (started.run / "log.txt").read_text()
        told = next(iter(workplace.begin(CNN, "training.batch_size=16", again=True))).notes
        assert not any("lone last sample" in note for note in told)

    def test_checkpoints_follow_every_and_keep(self, workplace: Any) -> None:
        text = DIGITS.replace("epochs: 4", "epochs: 7")
        run = workplace.train(text, "checkpoint={every: 3, keep: 5}").run
        assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
            "epoch-0003", "epoch-0006", "epoch-0007"
        ]  # fmt: skip

    def test_a_users_own_folder_beside_the_checkpoints_stays(self, workplace: Any) -> None:
        events = workplace.begin(DIGITS)
        mine = next(events).run / "checkpoints" / "epoch-0001-mine"
        mine.mkdir(parents=True)
        list(events)
        assert mine.is_dir()

    @pytest.mark.parametrize("text", [DIGITS, CNN])
    def test_again_gives_the_same_bytes(self, workplace: Any, text: str) -> None:
        first, second, third = (workplace.train(text, again=True).run for _ in range(3))
        assert len({first, second, third}) == 3
        assert pieces(first) == pieces(second) == pieces(third)
        assert pieces(first) != pieces(workplace.train(text, "seed=1").run)

    def test_checkpointing_changes_no_number(self, workplace: Any) -> None:
        often, seldom = workplace.train(CNN).run, workplace.train(CNN, "checkpoint={every: 50}", again=True).run
        for name in ("metrics.csv", "best.safetensors"):
            assert (often / name).read_bytes() == (seldom / name).read_bytes()


def test_a_run_leaves_the_global_generators_alone(workplace: Any) -> None:
    overrides = ("model.dropout=0.5", "data.augment=[{name: shift, pixels: 1}, {name: noise}]", "data.shift=[noise]")
    before = torch.get_rng_state(), random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
    workplace.train(CNN, *overrides)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == before[2]
    workplace.train("data: {name: moons, samples: 60}\nmodel: {dropout: 0.2}\ntraining: {epochs: 2}\n")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == before[2]


def test_the_global_generators_do_not_matter(workplace: Any) -> None:
    runs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        runs.append(workplace.train(CNN, "model.dropout=0.5", "data.augment=[noise]", again=True).run)
    assert pieces(runs[0]) == pieces(runs[1])
