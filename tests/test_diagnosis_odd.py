"""The diagnosis stands whatever a run folder holds: files, columns, layers and numbers that are missing or odd, and any
config."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import FIRED, RUNS, called, changed, recorded

from tuner.answer import Verdict
from tuner.asks.diagnose import ask
from tuner.config.load import settings_of
from tuner.config.settings import Config
from tuner.diagnosis import diagnose
from tuner.durable.reading import parse_json
from tuner.errors import ConfigError, TunerError
from tuner.rules import Rule
from tuner.runs.evidence import Evidence
from tuner.runs.files import CARD, CONFIG, DATA, IDENTITY, LAYERS, METRICS, STATUS

EXTREMES = (0, -1, 1e300, None, math.nan, math.inf)


def variants(evidence: Evidence) -> Iterator[Evidence]:
    """The run without one thing after the other, and with extreme numbers: of a column, in all epochs and in the last;
    of the layers."""
    rows, layers = evidence.run.rows, evidence.run.layers
    for column in [key for key in (rows[0] if rows else ()) if key != "epoch"]:
        yield changed(evidence, rows=[{key: value for key, value in row.items() if key != column} for row in rows])
        for value in EXTREMES:
            yield changed(evidence, rows=[{**row, column: value} for row in rows])
            yield changed(evidence, rows=[*rows[:-1], {**rows[-1], column: value}])
    for place in range(len(layers)):
        yield changed(evidence, layers=layers[:place] + layers[place + 1 :])
    for key in [key for key in (layers[0] if layers else ()) if key not in ("epoch", "layer")]:
        for value in EXTREMES[:4]:
            yield changed(evidence, layers=[{**row, key: value} for row in layers])
            yield changed(evidence, layers=[*layers[:1], *({**row, key: value} for row in layers[1:])])
    yield from (replace(evidence, data=None), replace(evidence, card=None))


@pytest.mark.parametrize("path", FIRED, ids=called)
def test_no_number_breaks_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[tuple[str, ...], tuple[Config, set[str]]] = {}  # the same few changes of one config, hundreds of times

    def once(source: str, overrides: Sequence[str], given: bytes) -> tuple[Config, set[str]]:
        return read.get((*overrides,)) or read.setdefault((*overrides,), settings_of(source, overrides, given))

    monkeypatch.setattr("tuner.diagnosis.settings_of", once)
    for each in variants(recorded(path)):
        told = diagnose(each)
        assert told.outcome.words
        assert all(0 <= found.confidence <= 1 for found in (*told.findings, *told.risks))


@pytest.mark.parametrize("path", FIRED, ids=called)
def test_without_a_file_there_is_an_answer_or_an_error(path: Path, tmp_path: Path) -> None:
    for name in (CONFIG, IDENTITY, STATUS, METRICS, LAYERS, CARD, DATA):
        for content in (None, b"", b"\0", b"{}\n", b"[1]\n", b"epoch\n", b"epoch\n1\n"):
            folder = tmp_path / "run"
            shutil.copytree(path, folder)
            if content is None:
                (folder / name).unlink(missing_ok=True)
            else:
                (folder / name).write_bytes(content)
            try:
                answer = ask([str(folder)], tmp_path)
            except TunerError as error:
                assert str(error)
            else:
                assert any(isinstance(block, Verdict) for block in answer.blocks)
            shutil.rmtree(folder)


LISTED = "model={name: layers, layers: "
ODD = (
    "model.hidden=[]", "model.batch_norm=true", "model.dropout=0.99", "model.input_scale=true",
    "model.embeddings=piecewise_linear", "model.output.activation=softmax", "model.initializer=zeros",
    "model.initializer={name: normal, std: 3}", "model.initializer={name: constant, value: 0.5}",
    *(f"model.activation={name}" for name in ("prelu", "sigmoid", "exponential", "softmax", "linear")),
    f"{LISTED}[]}}", f"{LISTED}[{{dropout: 0.5}}]}}", f"{LISTED}[{{rnn: 4}}, {{dense: 5}}]}}",
    f"{LISTED}[{{dense: 8, activation: tanh, initializer: zeros}}, {{dense: 4, batch_norm: true}}]}}",
    f"{LISTED}[{{conv: 4}}, {{pool: 2}}, {{dense: 5}}]}}", "model={name: rnn, units: [6, 6], cell: lstm}",
    "model={name: cnn, channels: [4], hidden: []}", "optimizer={name: sgd, lr: 1, momentum: 0.999}",
    "optimizer={name: sgd, lr: 1e-300}", "optimizer.lr=1e300", "optimizer=adadelta", "optimizer.weight_decay=1e9",
    "loss=mse", "loss=hinge", "loss={name: cross_entropy, label_smoothing: 0.9}", "scheduler=cosine_log",
    "scheduler={name: exponential, gamma: 0.1}", "training.batch_size=1", "training.batch_size=full",
    "training.epochs=10000000", "data.normalize=none", "data.shuffle=false", "data.label_noise=0.9",
    "data.augment=[{name: noise, std: 2}]", "data.shift=[{name: noise, std: 2}]",
    "early_stopping={patience: 1, min_delta: 9}", "data.validation=0",
)  # fmt: skip


@given(st.sampled_from(RUNS), st.lists(st.sampled_from(ODD), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_no_config_breaks_it(path: Path, overrides: list[str]) -> None:
    """The rows of a run under the config of another one."""
    try:
        config, _ = settings_of(str(path / CONFIG), overrides, (path / CONFIG).read_bytes())
    except ConfigError:
        return
    other = changed(recorded(path))
    other.run.__dict__["config"] = config.plain()
    assert diagnose(replace(other, config=config)).outcome.words


TRAINED = "{data: {name: digits, limit: 150}, training: {epochs: 2, batch_size: 32}}"


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.hidden=[]"],
        [f"{LISTED}[]}}"],
        [f"{LISTED}[{{rnn: 4}}, {{dropout: 0.5}}, {{dense: 5, activation: exponential}}]}}"],
        [f"{LISTED}[{{conv: 2}}, {{pool: 2}}, {{dense: 8, activation: tanh, initializer: zeros}}]}}"],
        ["model={name: rnn, units: [6, 6], initializer: {name: normal, std: 5}}"],
        ["data={name: iris, limit: null}", "model.embeddings=piecewise_linear"],
        ["data.validation=0", "training.monitor=train_loss", "training.batch_size=1", "layer_stats=none"],
        ["loss=binary_cross_entropy", "data.limit=20", "training.epochs=1", "training.batch_size=full"],
    ],
    ids=" ".join,
)
def test_a_run_of_an_odd_network_has_a_diagnosis(workplace: Any, overrides: list[str]) -> None:
    run = workplace.train(TRAINED, *overrides).run
    answer = ask([str(run)], run.parent)
    assert answer.data["stage"] in ("training", "generalization", "healthy", "unknown", "invalid")
    assert parse_json(json.dumps(answer.data).encode(), run)


def test_a_choice_of_a_package_has_a_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(Path(__file__).parent / "example_package", tmp_path / "site")
    told = tmp_path / "site" / "tuner_cube.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: tuner-cube\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[tuner.choices]\ncube = tuner_cube\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "c.yaml").write_text(
        "{data: iris, model: {hidden: [4, 4], activation: {name: cube, scale: 0.2}}, training: {epochs: 2, threads: 1}}"
    )
    for words in (("train", "c.yaml", "-q"), ("diagnose", "c", "-q")):
        command = [sys.executable, "-m", "tuner", *words]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
    stage, rule, _ = ended.stdout.split()
    assert stage == "training"
    assert rule in Rule.members
