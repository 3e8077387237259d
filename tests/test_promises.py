"""What the loop promises is checked in every run: each promise is broken here, and shown to be noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tuner.asks.diagnose import ask
from tuner.data.splits import overlap
from tuner.layer_stats import Movement
from tuner.loop import train_epoch
from tuner.runs.folder import read
from tuner.train.prepare import Setup
from tuner.train.promises import Promises

NET = """
data: {name: digits, limit: 120}
model: {name: mlp, hidden: [8, 6], batch_norm: true}
training: {epochs: 2, batch_size: 32}
"""
SMALL_STEPS = [
    "optimizer.lr=1e-30",
    "optimizer={name: sgd, lr: 1e-12}",
    "optimizer={name: adadelta, lr: 1e-9}",
    "training.gradient_clip=1e-12",
    "optimizer.lr_factors={bias: 1e-12}",
    "model.initializer=zeros",
    "model={name: mlp, hidden: [8], activation: relu, initializer: {name: constant, value: -1}}",
]


def trained(setup: Setup, **changed: Any) -> Promises:
    """What is promised of a setup whose first epoch was just trained, under a task that was `changed`."""
    promises = Promises(Movement(setup.state.network), 0)
    promises.epoch_begins(setup.state)
    for _ in train_epoch(replace(setup.task, **changed), setup.state):
        pass
    return promises


@pytest.fixture
def setup(workplace: Any) -> Iterator[Setup]:
    yield workplace.setup(NET)


def broken(promises: Promises, setup: Setup, lr: float | None = None) -> list[str]:
    return promises.broken(setup.state, setup.task, setup.task.lr_of(3, ()) if lr is None else lr)


def test_a_healthy_epoch_breaks_nothing(setup: Setup) -> None:
    assert broken(trained(setup), setup) == []


def test_samples_that_were_left_out(setup: Setup) -> None:
    promises = trained(setup, batches=setup.task.batches[:-1])
    assert broken(promises, setup) == ["epoch 1 saw 96 samples, the training part has 120"]


def test_another_learning_rate_than_the_schedule_says(setup: Setup) -> None:
    (said,) = broken(trained(setup), setup, lr=0.5)
    assert said == "the last step of epoch 1 had the learning rate 0.001, the schedule says 0.5"


def test_a_weight_that_did_not_move(setup: Setup) -> None:
    promises = trained(setup)
    begun = promises.movement.initial["hidden.1"][0]
    with torch.no_grad():
        setup.state.network.get_parameter("hidden.1.weight").copy_(begun)
    assert broken(promises, setup) == ["hidden.1.weight had a gradient in epoch 1, and did not move"]


def test_evaluation_that_writes(setup: Setup) -> None:
    promises = trained(setup)
    with promises.of_evaluation(setup.state.network):
        setup.state.network.get_buffer("hidden.0.norm.running_mean").add_(0.1)
    assert broken(promises, setup) == ["evaluation after epoch 1 changed the network"]


def test_samples_in_two_parts(setup: Setup) -> None:
    promises = trained(setup)
    promises.overlap = 2
    assert broken(promises, setup) == ["2 samples are in two of the parts train, validation and test"]
    assert overlap(np.array([0, 1, 2]), np.array([3, 2]), np.array([1, 5])) == 2
    assert overlap(np.array([0, 1, 2]), np.array([], dtype=np.int64), np.array([3])) == 0


@pytest.mark.parametrize("change", SMALL_STEPS)
def test_steps_too_small_to_be_seen_are_no_breach(workplace: Any, change: str) -> None:
    run = workplace.train(NET, change).run
    assert "breaches" not in read(run).status


def test_a_breach_is_kept_and_the_run_is_not_valid(workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's own `eval` does nothing: so batch norm goes on measuring while it is evaluated."""
    monkeypatch.setattr(torch.nn.Module, "eval", lambda self: self)
    run = workplace.train(NET).run
    monkeypatch.undo()
    breaches = read(run).status["breaches"]
    assert breaches == [f"evaluation after epoch {epoch} changed the network" for epoch in (1, 2)]
    assert f"a promise was broken: {breaches[0]}" in (run / "log.txt").read_text()
    answer = ask([str(run)], run.parent)
    assert answer.data["stage"] == "invalid"
    assert answer.data["findings"][0]["rule"] == "invalid-run"
    assert answer.data["findings"][0]["evidence"][0]["source"] == "status.json"
    assert answer.data["findings"][0]["change"] == {}
