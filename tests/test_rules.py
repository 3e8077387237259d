"""Rules of the diagnosis, each on two recorded runs (tests/cases/rules): one in which it is the reason, and its healthy
twin. `--update-golden` trains them again."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tuner.config.load import load
from tuner.diagnosis import Diagnosis, diagnose, evidence_of, in_order
from tuner.document.writing import flow
from tuner.explain.language import plain as folded_word
from tuner.rules import Rule, overrides
from tuner.runs.evidence import Signal
from tuner.runs.files import CARD, CONFIG, DATA, IDENTITY, LAYERS, METRICS, write_status
from tuner.runs.folder import Run, read
from tuner.shipped import recipes

CASES = Path(__file__).parent / "cases" / "rules"
KEPT = (CONFIG, IDENTITY, METRICS, LAYERS, CARD, DATA)
"""What is recorded of a run, beside status.json."""

ROWS = "rows.csv"
"""A table whose column `answer` gives the target away."""


class Pair(NamedTuple):
    """A config, what makes the rule fire in it, and what it takes to be the healthy twin."""

    base: str
    fires: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()


DIGITS = """
data: {name: digits, limit: 400}
model: {hidden: [24]}
optimizer: {lr: 0.005}
training: {epochs: 8, batch_size: 32}
"""
DEEP = """
data: {name: digits, limit: 800}
model: {hidden: [24, 24, 24, 24]}
optimizer: {lr: 0.003}
training: {epochs: 8, batch_size: 32}
"""
WINE = "{data: wine, model: {hidden: [16]}, optimizer: {lr: 0.005}, training: {epochs: 12, batch_size: 16}}"
CLOUDS = """
data: {name: blobs, centers: 2, weights: [9, 1], noise: 5, samples: 1000}
model: {hidden: [16]}
optimizer: {lr: 0.005}
training: {epochs: 8, batch_size: 64}
"""
NARROW = """
seed: 1
data: {name: blobs, features: 4, centers: 3, samples: 300}
model: {hidden: [4, 4, 4, 4, 4, 4]}
optimizer: {lr: 0.005}
training: {epochs: 6, batch_size: 16}
"""
TABLE = f"""
data: {{name: table, path: {ROWS}, target: kind, test: 0.2}}
model: {{hidden: [16]}}
optimizer: {{lr: 0.005}}
training: {{epochs: 10, batch_size: 32}}
"""
CIRCLES = """
data: {name: circles, samples: 400}
model: {hidden: [16, 16]}
optimizer: {lr: 0.006}
training: {epochs: 8, batch_size: 16}
"""
MNIST = """
data: {name: mnist, limit: 100, validation: 0.02}
model: {name: cnn, channels: [4, 8], hidden: []}
optimizer: {lr: 0.005}
training: {epochs: 8, batch_size: 8}
"""
SLOW = "optimizer={name: sgd, lr: 0.1}"
LEARNED = ("training.epochs=20", "early_stopping.patience=30", "training.monitor=train_loss", "model.hidden=[64]")
"""Training to the end, whatever validation data say."""

PAIRS = {
    "batch-too-large": Pair(DIGITS, ("training.batch_size=full",)),
    "batch-too-small": Pair(DIGITS, ("training.batch_size=2", "model.batch_norm=true"), ("model.batch_norm=true",)),
    "capacity-too-small": Pair(DIGITS, ("model.hidden=[2]", "training.epochs=20")),
    "class-imbalance": Pair(CLOUDS, quiet=("data.weights=[1, 1]",)),
    "data-label-link": Pair(DIGITS, ("data.label_noise=0.99",)),
    "dead-units": Pair(NARROW, quiet=("model.activation=prelu",)),
    "distribution-shift": Pair(DIGITS, ("data.shift=[{name: noise, std: 0.5}]",)),
    "early-stop-too-soon": Pair(
        DIGITS, ("early_stopping={patience: 1, min_delta: 0.5}", "optimizer.lr=1e-3"), ("early_stopping.patience=5",)
    ),
    "exploding-gradient": Pair(DEEP, ("model.activation=exponential",)),
    "init-scale": Pair(DEEP, ("model.initializer={name: normal, std: 0.01}",)),
    "input-scale": Pair(WINE, ("data.normalize=none",)),
    "invalid-run": Pair(DIGITS, ("optimizer={name: sgd, lr: 1e12}",)),
    "leakage": Pair(TABLE, quiet=("data.drop=[answer]",)),
    "learning-rate-too-high": Pair(DIGITS, ("optimizer.lr=1",)),
    "learning-rate-too-low": Pair(DIGITS, ("optimizer.lr=1e-5",)),
    "loss-output-mismatch": Pair(DIGITS, ("model.output.activation=relu",)),
    "missing-batch-norm": Pair(
        DIGITS,
        ("model.hidden=[12, 12, 12, 12, 12, 12, 12]", "scheduler=cosine", "training.epochs=6"),
    ),
    "missing-nonlinearity": Pair(CIRCLES, ("model.activation=linear",)),
    "needs-early-stopping": Pair(
        DIGITS, ("data.limit=100", "data.label_noise=0.3", "training.epochs=40", "model.hidden=[64]")
    ),
    "not-shuffled": Pair(DIGITS, ("data.shuffle=false", "data.order=by_class")),
    "optimizer-mismatch": Pair(DIGITS, ("optimizer={name: sgd, lr: 0.05}", "scheduler=cosine")),
    "oscillation": Pair(
        DIGITS,
        (
            "optimizer={name: sgd, lr: 0.0049, momentum: 0.9}",
            "training={epochs: 10, batch_size: 8}",
            "model.hidden=[8, 8, 8, 8]",
        ),
    ),
    "over-regularised": Pair(DIGITS, ("model.dropout=0.9",)),
    "overfitting": Pair(
        DIGITS,
        (*LEARNED, "data.limit=200", "data.label_noise=0.4"),
        (*LEARNED, "data.limit=null", "training.epochs=15"),
    ),
    "saturated-units": Pair(DEEP, ("model={activation: tanh, initializer: glorot_normal}", "optimizer.lr=0.1")),
    "schedule-ends-too-soon": Pair(
        DIGITS,
        ("scheduler={name: exponential, gamma: 0.1}", "optimizer.lr=1e-3"),
        ("scheduler=cosine", "optimizer.lr=0.01"),
    ),
    "structure-mismatch": Pair(MNIST, ("model={name: mlp, hidden: [32]}",)),
    "symmetric-init": Pair(DIGITS, ("model.initializer=zeros",)),
    "too-few-epochs": Pair(DIGITS, ("training.epochs=1", "optimizer.lr=1e-3")),
    "vanishing-gradient": Pair(DEEP, ("model.activation=sigmoid",)),
    "wrong-loss-for-task": Pair(
        DIGITS,
        (
            "loss={name: mse, outputs: softmax}",
            "model.output.initializer={name: normal, std: 2}",
            SLOW,
        ),
        (SLOW,),
    ),
}

UNDER = {"invalid-run": "learning-rate-too-high"}
"""Rules whose signs are told under those of another, in their own pair."""

BESIDE: dict[str, list[str]] = {}
"""What else is told of a run in which a rule fires, after it."""

WORKED_OUT = re.compile(r"units of the narrowest layer|hidden layers without batch norm|data\.shift"
                        r"|samples of the largest class by the smallest|shape of a sample|model\.layers"
                        r"|largest spread of a column by the smallest|scores of simple models on held-out samples"
                        r"|equal samples in .*")  # fmt: skip
"""Signals that no file holds in so many digits: they follow from what it holds."""

RULES = sorted(Rule.members)
KINDS = ("fires", "quiet")


def test_every_rule_has_a_pair() -> None:
    assert sorted(PAIRS) == RULES
    assert sorted(path.name for path in CASES.iterdir()) == RULES


# ---- recording -------------------------------------------------------------------------------------------------------


def record(workplace: Any, text: str, settings: tuple[str, ...], folder: Path) -> None:
    """Trains a config and keeps what the diagnosis reads of the run, without the paths of this machine."""
    run = read(workplace.train(text, *settings).run)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in KEPT:
        if (run.path / name).exists():
            content = (run.path / name).read_bytes()
            (folder / name).write_bytes(content.replace(bytes(workplace.folder / ROWS), f"../{ROWS}".encode()))
    write_status(folder, {key: value for key, value in run.status.items() if key != "next"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_the_runs_are_those_of_the_table(workplace: Any, update_golden: bool, rule: str, kind: str) -> None:
    pair, folder = PAIRS[rule], CASES / rule / kind
    settings = (f"name={rule}", *(pair.fires if kind == "fires" else pair.quiet))
    if pair.base is TABLE:
        shutil.copy(CASES / rule / ROWS, workplace.folder)
    loaded = workplace.loaded(pair.base, *settings)
    if update_golden:
        record(workplace, pair.base, settings, folder)
    assert read(folder).identity.config_hash == loaded.hash
    assert load(str(folder / CONFIG)).hash == loaded.hash


def test_they_are_small_and_tell_no_place() -> None:
    sizes: dict[Path, int] = {}
    for file in (each for each in CASES.rglob("*") if each.is_file()):
        sizes[file.parent] = sizes.get(file.parent, 0) + file.stat().st_size
        places = re.findall(r"(?<![\w./])(?:/|[A-Z]:\\)(?=\w)[^\s\"',]*", file.read_text())
        assert not places, f"{file}: {places}"
    assert max(sizes.values()) < 25_000, max(sizes, key=sizes.__getitem__)
    assert sum(sizes.values()) < 900_000


# ---- what they tell --------------------------------------------------------------------------------------------------


def diagnosed(folder: Path) -> tuple[Run, Diagnosis]:
    run = read(folder)
    return run, diagnose(evidence_of(run))


@pytest.mark.parametrize("rule", RULES)
def test_it_fires(rule: str) -> None:
    _, told = diagnosed(CASES / rule / "fires")
    first = told.findings[0]
    assert first.rule == UNDER.get(rule, rule), told
    assert rule in (first.rule, *first.folds)
    assert [found.rule for found in told.findings[1:]] == BESIDE.get(rule, [])
    assert told.outcome.stage == {"invalid-run": "invalid", "exploding-gradient": "invalid"}.get(
        rule, Rule.members[rule].stage
    )


@pytest.mark.parametrize("rule", RULES)
def test_it_is_quiet_in_a_healthy_run(rule: str) -> None:
    run, told = diagnosed(CASES / rule / "quiet")
    assert Rule.members[rule]().check(evidence_of(run)) is None
    assert (told.outcome.stage, list(told.findings)) == ("healthy", [])


@pytest.mark.parametrize("rule", RULES)
def test_its_evidence_stands_where_it_says(rule: str) -> None:
    """Every number that a rule tells of a run is read back from the file and the line that it names."""
    run, told = diagnosed(CASES / rule / "fires")
    found = Rule.members[rule]().check(evidence_of(run))
    assert found is not None
    for signal in chain(found.evidence, told.outcome.evidence):
        assert is_held(run, signal), signal
    numbers = [each for each in chain(found.evidence, told.outcome.evidence) if is_number(each.value)]
    assert numbers or run.state == "diverged"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_held(run: Run, signal: Signal) -> bool:
    """Whether the place that a signal names holds its value."""
    name, _, line = signal.source.partition(":")
    if name == METRICS:
        row: dict[str, Any] = dict(run.rows[int(line) - 2])
        column, _, epoch = signal.signal.partition("@")
        return row["step" if column == "steps" else column] == signal.value and epoch in ("", str(row["epoch"]))
    if name == LAYERS:
        row = run.layers[int(line) - 1]
        key, layer, epoch = re.split(r"\(|\)@", signal.signal)
        is_there = (row["layer"], row["epoch"]) == (layer, int(epoch))
        return is_there and (key == "gain" or row[key] == signal.value)
    if WORKED_OUT.fullmatch(signal.signal):
        return (run.path / name).exists()
    if name == CONFIG:
        value = run.setting(signal.signal)
        return signal.value in (value, flow(value))
    return str(signal.value) in leaves(json.loads((run.path / name).read_bytes()))


def leaves(value: Any) -> list[str]:
    """Every value of a document, as text."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [str(value)] if inside is None else [leaf for each in inside for leaf in leaves(each)]


@pytest.mark.parametrize("rule", RULES)
def test_its_changes_are_configs_that_can_be_trained(rule: str) -> None:
    run, _ = diagnosed(CASES / rule / "fires")
    found = Rule.members[rule]().check(evidence_of(run))
    assert found is not None
    assert found.changes or rule in WITHOUT_CHANGE
    for change in found.changes:
        loaded = load(str(run.path / CONFIG), overrides(change))
        assert loaded.hash != run.identity.config_hash, change


WITHOUT_CHANGE = ("data-label-link",)


# ---- what they say of themselves -------------------------------------------------------------------------------------


def test_what_a_rule_says_is_complete() -> None:
    orders = [rule.order for rule in in_order()]
    assert len(set(orders)) == len(orders)
    known = set(recipes())
    for rule in Rule.members.values():
        assert rule.title
        assert rule.harm.endswith("."), rule.name
        assert rule.proof in known, rule.name
        assert rule.chinese, rule.name
        assert set(rule.folds) <= set(RULES) - {rule.name}, rule.name
        assert len(set(rule.folds)) == len(rule.folds), rule.name
        parts = re.findall(r"^ *(Seen by|Change|Not when|Source): ", rule.__doc__ or "", re.MULTILINE)
        assert parts == ["Seen by", "Change", "Not when", "Source"], rule.name
        assert all(field.help for field in rule.fields.values()), rule.name


def test_a_chinese_word_means_one_thing() -> None:
    words = [word for rule in Rule.members.values() for word in rule.chinese]
    assert [word for word, count in Counter(map(folded_word, words)).items() if count > 1] == []
