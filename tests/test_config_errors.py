"""What people get wrong, and what they are told: everything at once, each with its place and what to do.

``pytest tests/test_config_errors.py --update-golden`` writes the expected texts anew; read their difference.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tuner.bounds import Bound, Either, ListOf, Null
from tuner.choice import Section, kinds_below
from tuner.config.load import load
from tuner.config.settings import Config
from tuner.errors import ConfigError, Fault
from tuner.render.errors import error_text

CASES = Path(__file__).parent / "cases" / "config"
NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))
MARK = "# overrides: "
"""The first line of a case that has overrides; they are split at `` | ``."""


def overrides_of(text: str) -> list[str]:
    first = text.partition("\n")[0]
    return first.removeprefix(MARK).split(" | ") if first.startswith(MARK) else []


def error_of(source: str, overrides: Sequence[str] = ()) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        load(source, overrides)
    return raised.value


def faults_of(folder: Path, text: str, *overrides: str) -> list[Fault]:
    """The faults of a text; none if it is good."""
    (folder / "c.yaml").write_text(text)
    try:
        load(str(folder / "c.yaml"), overrides)
    except ConfigError as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    error = error_of(f"{name}.yaml", overrides_of((CASES / f"{name}.yaml").read_text()))
    text = error_text(error, width=120) + "\n"
    if update_golden:
        (CASES / f"{name}.txt").write_text(text)
    assert text == (CASES / f"{name}.txt").read_text()


def test_there_is_a_case_for_every_text_and_the_other_way_round() -> None:
    assert len(NAMES) >= 40
    assert sorted(path.stem for path in CASES.glob("*.txt")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_points_at_what_it_is_about(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    text = (CASES / f"{name}.yaml").read_text()
    overrides = overrides_of(text)
    for fault in error_of(f"{name}.yaml", overrides).faults:
        lines = overrides if fault.file == "override" else (CASES / fault.file).read_text().split("\n")
        line = lines[fault.line - 1]
        assert fault.excerpt == line
        token = line[fault.column - 1 : fault.column - 1 + fault.width]
        assert fault.column + fault.width - 1 <= max(len(line), fault.column)
        if fault.given and fault.given[0] not in "[{" and token[:1] not in ("'", '"', "", "&"):
            assert fault.given.startswith(token) or token.startswith(fault.given), fault


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("training: {learning_rate: 0.1}", "optimizer.lr"),
        ("lr0: 0.1", "optimizer.lr"),
        ("num_train_epochs: 3", "training.epochs"),
        ("max_epochs: 3", "training.epochs"),
        ("per_device_train_batch_size: 3", "training.batch_size"),
        ("wd: 3", "optimizer.weight_decay"),
        ("optimizer: {wd: 3}", "weight_decay"),
        ("optimizer: {learningRate: 3}", "lr"),
        ("momentum: 0.9", "optimizer: {name: sgd, momentum: 0.9}"),
        ("criterion: mse", "loss"),
        ("trainng: {}", "training"),
        ("model: {droput: 0}", "dropout"),
        ("model: {activation: reul}", "relu"),
        ("model: {initializer: xavier_unifrom}", "glorot_uniform"),
        ("model: {initializer: kaming_normal}", "he_normal"),
        ("loss: MSELoss", "mse"),
        ("loss: BCEWithLogitsLoss", "binary_cross_entropy"),
        ("scheduler: CosineAnnealingLR", "cosine"),
        ("scheduler: StepLR", "step"),
        ("data: FashionMNST", "fashion_mnist"),
        ("optimizer: {name: sgd, eps: 1}", "leave it out, or name: adam"),
        ("optimizer: {name: adam, momentum: 0.9}", "leave it out, or name: sgd"),
        ("scheduler: {gamma: 1}", "leave it out, or name: step"),
        ("loss: {outputs: raw}", "leave it out, or name: mse"),
        ("optimizer: {name: sgd, eps: true}", "leave it out"),
        ("loss: {class_weights: ['1', 1, 2, 3, 4, 5, 6, 7, 8, 9]}", "1 without quotes"),
        ("data: {limit: 10%}", None),
        ("training: {batch_size: 10%}", None),
        ("training: {batch_size: 50%}", None),
        ("data: {validation: 150%}", None),
        ("data: {validation: 15%}", "0.15"),
        ("optimizer: {lr: '0,001'}", "0.001"),
        ("training: {epochs: '1,000'}", "1000"),
        ("loss: {class_weights: sqrt}", None),
        ("loss: {class_weights: balance}", "balanced"),
        ("optimizer: {lr_factors: {weights: inverse_sqrt_fanin}}", "inverse_sqrt_fan_in"),
        ("optimizer: {lr_factors: {biases: 0.1}}", "bias"),
        ("data: {augment: [{rotate: 10}]}", None),
        ("data: {augment: [rotate]}", None),
        ("model: {name: layers, layers: [{maxpool: 2}]}", "{pool: 2}"),
        ("model: {name: layers, layers: [{linear: 64}]}", "{dense: 64}"),
        ("model: {name: layers, layers: [{linear: 64, activation: relu}]}", "{dense: 64, activation: relu}"),
        ("model: {name: layers, layers: [maxpool]}", "{pool: 2}"),
        ("model: {name: layers, layers: [softmax]}", "leave it out: activation is a key of dense and conv"),
        ("amp: true", "training.precision: bfloat16"),
        ("optimizer: {adam: {lr: 1e-3}}", "{name: adam, lr: 1e-3}"),
        ("optimizer: {adam: 1e-3}", None),
        ("adam: {lr: 1e-3}", "optimizer: {name: adam, lr: 1e-3}"),
        ("model: [{dense: 64}, {dropout: 0.5}]", "{name: layers, layers: [{dense: 64}, {dropout: 0.5}]}"),
        ("model: [64, 32]", "{name: mlp, hidden: [64, 32]}"),
        ("name: 2024", '"2024"'),
        ("training: {monitor: 5}", None),
        ("training: {epochs: true}", None),
        ("droput: 1.5", None),
        ("validation_split: 20%", "data.validation: 0.2"),
        ("momentum: 0.9\noptimizer: adam", "leave it out: momentum is a key of optimizer sgd"),
        (
            "early_stopping: {restore_best_weights: true}",
            "leave it out: the best weights and the last state are always kept",
        ),
        ("cv: 5", "data.fold.of"),
        ("data: {fold: 5}", "{of: 5}"),
        ("data: {fold: {kfold: 5}}", "of"),
        (
            "data: {name: mnist, fold: {of: 5}}",
            "leave it out: mnist has a test part of its own; --splits 8 or --seeds 6 trains several runs",
        ),
        ("early_stopping: {mode: min}", "leave it out: each metric knows which way is better"),
    ],
)
def test_suggestions(tmp_path: Path, wrong: str, right: str | None) -> None:
    (fault,) = faults_of(tmp_path, wrong)
    assert fault.suggestion == right


def parts_of(bound: Bound) -> list[Bound]:
    """The bounds of which a value fits one, null aside."""
    if isinstance(bound, Either):
        return [*parts_of(bound.first), *parts_of(bound.second)]
    return parts_of(bound.inner) if isinstance(bound, Null) else [bound]


def test_every_list_of_the_language_is_bounded(tmp_path: Path) -> None:
    """A list that may have any length would have as many faults, each of them with all that it says."""
    everything: list[type[Section]] = [
        Config,
        *(member for kind in kinds_below(Config).values() for member in kind.members.values()),
    ]
    bounds = {(cls.__name__, key): field.bound for cls in everything for key, field in cls.fields.items()}
    lists = {at: part for at, bound in bounds.items() for part in parts_of(bound) if isinstance(part, ListOf)}
    assert len(lists) > 40
    for at, bound in lists.items():
        assert bound.most <= 10_000, at
    (fault,) = faults_of(tmp_path, f"tags: [{'a, ' * 101}]")
    assert fault.message.startswith("expected a list of text, at most 100 of them, got [a, a")


def test_ten_mistakes_are_told_at_once_without_torch(tmp_path: Path) -> None:
    text = (CASES / "everything_at_once.yaml").read_text()
    (tmp_path / "c.yaml").write_text(text)
    program = (
        "import sys\nfrom tuner.cli import main\ncode = None\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "heavy = [name for name in ('torch', 'numpy', 'sklearn', 'torchvision') if name in sys.modules]\n"
        "print(heavy, file=sys.stderr)\nsys.exit(code)\n"
    )
    command = [sys.executable, "-c", program, "check", "c.yaml", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("[]")
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert len(told["errors"]) == 10
    assert {error["line"] for error in told["errors"]} == set(range(1, 8))
    for error in told["errors"]:
        assert list(error) == ["file", "line", "column", "key", "given", "message", "allowed", "suggestion"]
        assert (error["file"], bool(error["column"]), bool(error["message"])) == ("c.yaml", True, True)


# Settings that exclude each other: (a config, the key, where it points), and configs that come close and are fine


CONTRADICTIONS = [
    ("data: diabetes", "loss.name", "diabetes"),
    ("data: diabetes\nloss: hinge", "loss.name", "hinge"),
    ("data: diabetes\nloss: binary_cross_entropy", "loss.name", "binary_cross_entropy"),
    ("loss: {class_weights: [1, 2]}", "loss.class_weights", "["),
    ("data: diabetes\nloss: {name: mae, outputs: raw}", "loss.outputs", "raw"),
    ("model: {output: {activation: softmax}}", "model.output.activation", "softmax"),
    ("loss: mse\nmodel: {output: {activation: sigmoid}}", "model.output.activation", "sigmoid"),
    ("data: moons\nloss: bce\nmodel: {output: {activation: hard_sigmoid}}", "model.output.activation", "hard_sigmoid"),
    ("data: diabetes\nloss: mse\nmodel: {output: {activation: softmax}}", "model.output.activation", "softmax"),
    ("training: {monitor: val_acc}", "training.monitor", "val_acc"),
    ("training: {monitor: test_loss}", "training.monitor", "test_loss"),
    ("data: diabetes\nloss: mse\ntraining: {monitor: val_accuracy}", "training.monitor", "val_accuracy"),
    ("data: {validation: 0}", "training.monitor", "0"),
    ("data: {validation: 0}\ntraining: {monitor: val_loss}", "training.monitor", "val_loss"),
    ("data: {name: iris, augment: [flip]}", "data.augment[0]", "flip"),
    ("data: {name: blobs, shift: [noise, cutout]}", "data.shift[1]", "cutout"),
    ("data: {name: iris, limit: 500}", "data.limit", "500"),
    ("data: {name: iris, limit: 2}", "data.limit", "2"),
    ("data: {name: iris, validation: 0.99}", "data.validation", "0.99"),
    ("data: {name: iris, test: 0.001}", "data.test", "0.001"),
    ("data: {name: diabetes, label_noise: 0.1}\nloss: mse", "data.label_noise", "0.1"),
    ("data: {name: blobs, samples: 3, centers: 5}", "data.test", "3"),
    ("data: {name: iris, fold: {of: 51}}", "data.fold.of", "51"),
    ("data: {name: iris, test: 0.2, fold: {of: 5}}", "data.test", "0.2"),
    ("data: {test: null}", "data.test", "null"),
    ("data: {fold: {index: 5}}", "data.fold.index", "5"),
    ("data: {name: iris, limit: 102, fold: {of: 4, index: 1}}", "data.limit", "102"),
    ("data: iris\nmodel: cnn", "model.channels[0]", "cnn"),
    ("data: iris\nmodel: {name: cnn, channels: [8]}", "model.channels[0]", "8"),
    ("data: iris\nmodel: rnn", "model.units[0]", "rnn"),
    ("model: {name: cnn, channels: [1, 2, 3]}", "model.channels[2]", "3"),
    ("model: {name: cnn, kernel_size: 1, channels: [1, 2, 3, 4]}", "model.channels[3]", "4"),
    ("model: {name: layers, layers: [{dense: 3}, {conv: 3}]}", "model.layers[1]", "conv"),
    ("model: {name: layers, layers: [{pool: 9}]}", "model.layers[0]", "pool"),
    ("model: {hidden: [], dropout: 0.5}", "model.dropout", "0.5"),
    ("model: {hidden: [], batch_norm: true}", "model.batch_norm", "true"),
    ("model: {name: rnn, batch_norm: true}", "model.batch_norm", "true"),
    ("model: {name: layers, batch_norm: true, layers: [{rnn: 3}]}", "model.batch_norm", "true"),
    ("model: {batch_norm: true}\ntraining: {batch_size: 1}", "training.batch_size", "1"),
    ("scheduler: {warmup_epochs: 20}", "scheduler.warmup_epochs", "20"),
    ("training: {epochs: 1}\nscheduler: {name: cosine, warmup_epochs: 1.5}", "scheduler.warmup_epochs", "1.5"),
    ("scheduler: {name: one_cycle, warmup_epochs: 1}", "scheduler.warmup_epochs", "1"),
    ("scheduler: {name: cosine, min_lr: 0.002}", "scheduler.min_lr", "0.002"),
    ("scheduler: {name: linear, end_lr: 1}", "scheduler.end_lr", "1"),
    ("scheduler: {name: plateau, min_lr: 0.1}\noptimizer: {name: sgd, lr: 0.05}", "scheduler.min_lr", "0.1"),
    ("optimizer: {name: adamw, weight_decay: 1001}", "optimizer.weight_decay", "1001"),
    ("optimizer: {name: sgd, lr: 3, weight_decay: 0.5}", "optimizer.weight_decay", "0.5"),
    (
        "optimizer: {name: adamw, weight_decay: 501, lr_factors: {weights: 2, bias: 9}}",
        "optimizer.weight_decay",
        "501",
    ),
    (
        "optimizer: {name: sgd, lr: 1, weight_decay: 3, lr_factors: {weights: inverse_sqrt_fan_in}, "
        "decay_bias_and_norm: true}",
        "optimizer.weight_decay",
        "3",
    ),
    ("scheduler: {name: cosine_log, min_lr: 0.002}", "scheduler.min_lr", "0.002"),
    ("optimizer: {name: rmsprop, alpha: 0, centered: true}", "optimizer.centered", "true"),
    ("data: {augment: [{name: cutout, size: 15}]}", "data.augment[0]", "cutout"),
    ("data: {shift: [flip, {name: cutout, size: 99}]}", "data.shift[1]", "cutout"),
]

FINE = [
    "data: diabetes\nloss: huber\nmodel: {output: {activation: sigmoid}}",
    "loss: {class_weights: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}",
    "loss: {name: mse, outputs: raw}\nmodel: {output: {activation: softmax}}",
    "loss: hinge\nmodel: {output: {activation: softmax}}",
    "model: {output: {activation: tanh}}",
    "data: {validation: 0}\ntraining: {monitor: train_accuracy}",
    "data: diabetes\nloss: mse\ntraining: {monitor: val_r2}",
    "data: {name: iris, augment: [noise], shift: [noise]}",
    "data: {augment: [flip], shift: [crop]}",
    "data: {name: iris, limit: 108}",
    "data: {name: iris, test: 0}",
    "data: {name: iris, test: null, fold: {of: 50, index: 49}}",
    "data: {name: iris, limit: 101, fold: {of: 4, index: 1}}",
    "data: {name: diabetes, label_noise: 0}\nloss: mse",
    "model: {name: cnn, channels: [1, 2]}",
    "model: {name: cnn, channels: [1, 2, 3], kernel_size: 2}",
    "model: rnn",
    "model: {hidden: []}",
    "model: {name: cnn, hidden: [], batch_norm: true}",
    "model: {name: rnn, hidden: [3], batch_norm: true, dropout: 0.5}",
    "model: {name: layers, batch_norm: true, layers: [{rnn: 3}, {dense: 3}]}",
    "model: {name: layers, layers: []}",
    "model: {batch_norm: true}\ntraining: {batch_size: 2}",
    "training: {batch_size: 1}",
    "scheduler: {warmup_epochs: 19.5}",
    "scheduler: {name: one_cycle, warmup_epochs: 0}",
    "scheduler: {name: cosine, min_lr: 0.001}",
    "optimizer: {name: adamw, weight_decay: 1000}",
    "optimizer: {weight_decay: 1001}",
    "optimizer: {name: adamw, weight_decay: 499, lr_factors: {weights: 2, bias: 9}}",
    "optimizer: {name: sgd, lr: 1, weight_decay: 8, lr_factors: {weights: inverse_sqrt_fan_in}}",
    "loss: {class_weights: balanced, label_smoothing: 0.1}",
    "optimizer: {name: rmsprop, alpha: 0}",
    "data: {augment: [{name: cutout, size: 14}]}",
]


@pytest.mark.parametrize(("text", "key", "token"), CONTRADICTIONS)
def test_contradictions(tmp_path: Path, text: str, key: str, token: str) -> None:
    (fault,) = faults_of(tmp_path, text)
    assert fault.key == key
    assert fault.excerpt[fault.column - 1 :].startswith(token)
    told = fault.suggestion or fault.allowed or " needs a" in fault.message or " leave " in fault.message
    assert told or fault.key.startswith("data."), "what to do about it"


@pytest.mark.parametrize(("text", "key", "token"), CONTRADICTIONS)
def test_contradictions_stand_beside_other_mistakes(tmp_path: Path, text: str, key: str, token: str) -> None:
    found = faults_of(tmp_path, text, "seed=x", "tags=1", "optimiser=1")
    assert [fault.key for fault in found] == [key, "seed", "tags", "optimiser"]


@pytest.mark.parametrize("text", FINE)
def test_what_is_no_contradiction(tmp_path: Path, text: str) -> None:
    assert faults_of(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("data: diabets", ["data.name"]),
        ("data: diabetes\nloss: crossentropi", ["loss.name"]),
        ("data: {name: iris, validation: 2, limit: 1000}", ["data.validation"]),
        ("model: {name: cnn, channels: [1, 2, 3, x]}", ["model.channels[3]"]),
        ("model: {name: cnn, channels: [1, 2, 3], dropout: 2}", ["model.channels[2]", "model.dropout"]),
        ("data: {name: blobs, features: x}\nmodel: cnn", ["data.features"]),
        ("scheduler: {warmup_epochs: 30}\ntraining: {epochs: x}", ["training.epochs"]),
        ("model: {output: {activation: softmx}}", ["model.output.activation.name"]),
        ("model: {hidden: [], dropout: 1.5}", ["model.dropout"]),
        ("data: {name: iris, augment: [{name: flip, probability: 3}]}", ["data.augment[0].probability"]),
    ],
)
def test_checks_wait_for_what_they_need(tmp_path: Path, text: str, keys: list[str]) -> None:
    assert [fault.key for fault in faults_of(tmp_path, text)] == keys


def test_thousands_of_faults_are_told_in_seconds(tmp_path: Path) -> None:
    for text, count in [
        ("".join(f"learnin_rate{number}: 0.1\n" for number in range(5000)), 5000),
        (f"tags: [{'1, ' * 20000}]", 1),
        (f"loss: {{class_weights: [{'x, ' * 10000}]}}", 10000),
        (f"loss: {{class_weights: [{'x, ' * 10001}]}}", 1),
        (f"data: {{augment: [{'flipp, ' * 10000}]}}", 10000),
        ("a: 1\n" * 20000, 20000),
    ]:
        (tmp_path / "c.yaml").write_text(text)
        error = error_of(str(tmp_path / "c.yaml"))
        assert error.count == count
        assert error.faults == tuple(sorted(error.faults, key=lambda fault: (fault.line, fault.column)))
        assert len(error.faults) == min(count, 100)
        assert all(fault.suggestion for fault in error.faults) or count != 5000
        assert error.as_json().get("more", 0) == max(0, count - 100)
        last = error_text(error).split("\n")[-2:]
        assert last[-1] == (f"{count:,} errors" if count > 1 else "1 error")
        assert (last[0] == f"… and {count - 100:,} more") == (count > 100)
