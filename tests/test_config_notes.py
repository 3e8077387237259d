"""Notes: what passes every check and yet cannot act is said, in `check` and in `train`, and nothing else is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.asks.check import data_of
from tuner.config.load import load
from tuner.config.loaded import Loaded
from tuner.config.notes import RULES, notes_on
from tuner.config.settings import Config, Training
from tuner.options.optimizers.of_torch import SGD
from tuner.options.schedulers import Plateau, Scheduler, learning_rate

LR, EPOCHS, STEPS = 0.4, 8, 8

NOTED = [
    # a config, and how its only note begins
    ("training: {batch_size: 1295}", "training.batch_size: 1295 is more than the 1,294 training samples"),
    ("data: iris", "training.batch_size: 128 is more than the 108 training samples"),
    ("data: {limit: 143}", "data.limit: 143 leaves 143 samples to train on, fewer than the 144"),
    ("data: {validation: 0.6}", "data.validation: 0.6 leaves 575 samples to train on, fewer than the 863"),
    ("data: {order: by_class}", "data.order: by_class cannot act"),
    (
        "data: {validation: 0, test: 0, shift: [noise]}\ntraining: {monitor: train_loss}",
        "data.shift: [noise] cannot act: there is neither",
    ),
    ("data: {augment: [noise, {name: flip, probability: 0}]}", "data.augment[1].probability: 0 cannot act"),
    ("data: {shift: [{name: flip, probability: 0}]}", "data.shift[0].probability: 0 cannot act"),
    ("model: {hidden: [], activation: tanh}", "model.activation: tanh cannot act"),
    ("model: {hidden: [], initializer: zeros}", "model.initializer: zeros cannot act"),
    ("model: {name: rnn, activation: tanh}", "model.activation: tanh cannot act"),
    (
        "model: {name: layers, activation: elu, layers: [{dense: 3, activation: relu}]}",
        "model.activation: elu cannot act",
    ),
    ("data: moons\nloss: {class_weights: [2, 2]}", "loss.class_weights: [2.0, 2.0] cannot act"),
    ("loss: huber", "loss.delta: 1.0 cannot act"),
    ("optimizer: {decay_bias_and_norm: true}", "optimizer.decay_bias_and_norm: true cannot act"),
    ("optimizer: {lr_factors: {input_scale: 6}}", "optimizer.lr_factors.input_scale: 6.0 cannot act"),
    ("optimizer: {name: radam, betas: [0.9, 0.5]}", "optimizer.betas: [0.9, 0.5] keeps radam"),
    ("scheduler: {name: step, gamma: 1}", "scheduler.gamma: 1.0 cannot act"),
    ("scheduler: {name: exponential, gamma: 1}", "scheduler.gamma: 1.0 cannot act"),
    ("scheduler: {name: inverse_time, decay: 0}", "scheduler.decay: 0.0 cannot act"),
    ("scheduler: {name: one_cycle, initial_division: 1}", "scheduler.initial_division: 1.0 cannot act"),
    ("scheduler: {name: cosine, min_lr: 0.001}", "scheduler.min_lr: 0.001 cannot act"),
    ("scheduler: {name: linear, end_lr: 0.001}", "scheduler.end_lr: 0.001 cannot act"),
    ("scheduler: {warmup_epochs: 0.09}", "scheduler.warmup_epochs: 0.09 cannot act: it is one step of the 11"),
    (
        "scheduler: cosine_log\ntraining: {epochs: 2}",
        "scheduler.name: cosine_log cannot make its four waves, the first of less than two steps: there are 22 in all",
    ),
    ("scheduler: {name: step, step_size: 20}", "scheduler.step_size: 20 cannot act: the run has 20 epochs; at most 19"),
    ("scheduler: {name: step, step_size: 18, warmup_epochs: 2}", "scheduler.step_size: 18 cannot act: the run has 20"),
    ("scheduler: {name: multistep, milestones: [5, 20, 30]}", "scheduler.milestones: [20, 30] cannot act"),
    ("scheduler: multistep\ntraining: {epochs: 10}", "scheduler.milestones: [10, 15] cannot act"),
    ("scheduler: {name: plateau, patience: 19}", "scheduler.patience: 19 cannot act: the run has 20 epochs"),
    ("early_stopping: {patience: 19}", "early_stopping.patience: 19 cannot act: the run has 20 epochs"),
    ("early_stopping: {}\ntraining: {epochs: 1}", "early_stopping.patience: 5 cannot act: the run has 1 epoch,"),
    ("scheduler: plateau\nearly_stopping: {patience: 5}", "scheduler.patience: 5 cannot act: early_stopping.patience"),
    ("scheduler: cosine\nearly_stopping: {}", "early_stopping.patience: 5 often ends the run before scheduler cosine"),
    ("scheduler: one_cycle\nearly_stopping: {}", "early_stopping.patience: 5 often ends the run before"),
    ("training: {monitor: val_accuracy}\nearly_stopping: {min_delta: 1}", "early_stopping.min_delta: 1.0 is more than"),
    ("training: {monitor: val_accuracy}\nscheduler: {name: plateau, threshold: 2}", "scheduler.threshold: 2.0 is more"),
    ("checkpoint: {every: 21}", "checkpoint.every: 21 cannot act"),
]

FINE = [
    "{}",
    "training: {batch_size: 1294}",
    "training: {batch_size: full}",
    "data: {limit: 144}",
    "data: {validation: 0.5}",
    "data: {order: by_class, shuffle: false}",
    "data: {validation: 0, shift: [noise]}\ntraining: {monitor: train_loss}",
    "data: {augment: [flip]}",
    "model: {hidden: []}",
    "model: {hidden: [], output: {activation: tanh, initializer: zeros}}",
    "model: {name: rnn, initializer: orthogonal}",
    "model: {name: cnn, hidden: [], activation: tanh}",
    "data: moons\nloss: {class_weights: [2, 3]}",
    "loss: {name: huber, delta: 0.9}",
    "loss: {name: huber, outputs: raw}",
    "data: diabetes\nloss: huber",
    "optimizer: {decay_bias_and_norm: true, weight_decay: 0.1}",
    "optimizer: {name: radam, betas: [0.9, 0.7]}",
    "optimizer: {lr_factors: {weights: inverse_sqrt_fan_in, bias: 0.1}}",
    "data: moons\nloss: {class_weights: balanced}",
    "scheduler: cosine_log\ntraining: {epochs: 3}",
    "scheduler: {name: step, step_size: 19}",
    "scheduler: {name: step, step_size: 17, warmup_epochs: 1.5}",
    "scheduler: multistep",
    "scheduler: {name: plateau, patience: 18}",
    "scheduler: {warmup_epochs: 0.1}",
    "scheduler: {name: one_cycle, final_division: 1}",
    "scheduler: plateau\nearly_stopping: {patience: 6}",
    "scheduler: cosine\nearly_stopping: {patience: 10}",
    "scheduler: exponential\nearly_stopping: {}",
    "early_stopping: {patience: 18}",
    "early_stopping: {min_delta: 3}",
    "checkpoint: {every: 20}",
]

Read = Callable[..., Loaded]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def loaded(text: str) -> Loaded:
        (tmp_path / "c.yaml").write_text(text)
        return load(str(tmp_path / "c.yaml"))

    return loaded


@pytest.mark.parametrize(("text", "begins"), NOTED)
def test_what_cannot_act_is_noted(read: Read, text: str, begins: str) -> None:
    (note,) = read(text).notes
    assert note.startswith(begins)
    assert len(note.split("; ")) == 2, "why, and what would act"


@pytest.mark.parametrize("text", FINE)
def test_what_can_act_is_not_noted(read: Read, text: str) -> None:
    assert read(text).notes == ()


def test_every_rule_has_a_case(read: Read) -> None:
    configs = [read(text) for text, _ in NOTED]
    assert [rule.__name__ for rule in RULES if not any(list(rule(config)) for config in configs)] == []


def test_check_and_train_show_them(read: Read, workplace: Any) -> None:
    text = "data: iris\ntraining: {epochs: 1, batch_size: 200}\nearly_stopping: {}"
    noted = list(read(text).notes)
    assert len(noted) == 2
    assert data_of(read(text))["notes"] == noted
    assert list(next(workplace.begin(text)).notes) == noted


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "warmup_epochs": st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.5, 6.0, 7.5]),
    "milestones": st.lists(st.integers(1, EPOCHS + 2), min_size=1, max_size=3, unique=True).map(sorted),
    "decay": st.sampled_from([0.0, 1e-3, 2.0]),
    **dict.fromkeys(("min_lr", "end_lr"), st.sampled_from([0.0, 0.1, LR])),
    "gamma": st.sampled_from([0.1, 0.9, 1.0]),
    **dict.fromkeys(("step_size", "patience"), st.integers(1, EPOCHS + 2)),
}
FALLING = [member for name, member in Scheduler.members.items() if name not in ("none", "one_cycle")]


@pytest.mark.parametrize("member", FALLING, ids=lambda member: member.name)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_schedule_is_noted_where_the_learning_rate_never_falls(member: type[Scheduler], data: st.DataObject) -> None:
    """Over the steps that a run takes, with the monitor that lowers it soonest; each milestone counts for itself."""
    values = {key: VALUES[key] for key in member.fields if key in VALUES}
    scheduler = member(**data.draw(st.fixed_dictionaries({}, optional=values)))
    training = Training(epochs=EPOCHS, batch_size=162)
    config = Config(scheduler=scheduler, optimizer=SGD(lr=LR), training=training)
    warm = range(round(scheduler.warmup_epochs * STEPS), EPOCHS * STEPS)
    soonest = [1.0] * EPOCHS if isinstance(scheduler, Plateau) else []
    rates = {learning_rate(scheduler, LR, step, STEPS, EPOCHS, soonest) for step in warm}
    noted = [
        note
        for note in notes_on(Loaded(config, config.data.open()))
        if note.startswith("scheduler.") and "warmup" not in note and " waves" not in note
    ]
    reached = [
        each for each in getattr(scheduler, "milestones", []) if each < EPOCHS - math.ceil(scheduler.warmup_epochs)
    ]
    late = [each for each in getattr(scheduler, "milestones", []) if each not in reached]
    assert bool(noted) == (len(rates) == 1 or bool(late))
    assert not late or f"scheduler.milestones: {late} cannot act" in " ".join(noted)
