"""training.precision: bfloat16 in the forward and backward pass, float32 everywhere else, and only where the processor
has it; torch computes in it on every processor, slowly, so that what it does is tested everywhere."""

from __future__ import annotations

import signal
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tuner
from tuner import machine, network
from tuner.asks.check import ask
from tuner.cli.recipe import is_possible
from tuner.durable.writing import read_folder
from tuner.errors import ResourceError
from tuner.options.layers.of_torch import Dropout
from tuner.options.models import MLP, Layers
from tuner.plan import plan
from tuner.recipe.reading import read_recipes
from tuner.runs.folder import read
from tuner.shipped import recipes
from tuner.stopping import Stop, StopRequests

LOWER = "training.precision=bfloat16"
TEXTS = {
    "mlp": "{data: {name: digits, limit: 300}, model: {hidden: [32], dropout: 0.3, batch_norm: true}, "
    "training: {epochs: 2, batch_size: 64, gradient_clip: 1}}",
    "cnn": "{data: {name: digits, limit: 200}, model: {name: cnn, channels: [4, 8], hidden: [16]}, "
    "training: {epochs: 2, batch_size: 64}}",
    "gru": "{data: {name: digits, limit: 200}, model: {name: rnn, units: [12], cell: gru}, "
    "training: {epochs: 2, batch_size: 64}}",
    "numbers": "{data: {name: diabetes, limit: 200}, model: {hidden: [8]}, loss: mse, "
    "training: {epochs: 2, batch_size: 64}}",
}


def with_flags(monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    facts = machine.cpu_facts() | {"model name": "Some CPU", "flags": flags}
    monkeypatch.setattr(machine, "cpu_facts", lambda: facts)


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    with_flags(monkeypatch, " ".join(sorted(machine.cpu_flags() | {"avx512_bf16"})))


@pytest.mark.parametrize(
    ("flags", "has"), [("avx2 fma", "has avx2"), ("avx2 avx512f", "has avx2, avx512f"), ("sse", "neither AVX nor AMX")]
)
def test_a_processor_without_it_refuses(flags: str, has: str, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with_flags(monkeypatch, flags)
    with pytest.raises(ResourceError, match=f"Some CPU.*{has}") as caught:
        workplace.open(TEXTS["mlp"], LOWER)
    assert "training.precision=float32" in caught.value.fix
    assert not workplace.runs.exists()
    answer = ask(str(workplace.folder / "c.yaml"), [LOWER], False, False, workplace.runs)
    assert answer.exit_code == 0
    assert any("Some CPU" in getattr(block, "text", "") for block in answer.blocks)


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_a_processor_with_it_trains(flag: str, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with_flags(monkeypatch, flag)
    assert workplace.open(TEXTS["mlp"], LOWER).loaded.config.training.precision == "bfloat16"


@pytest.mark.parametrize("kind", TEXTS)
def test_only_the_passes_are_lower(kind: str, workplace: Any, able: None) -> None:
    whole, lower = (workplace.train(TEXTS[kind], *more).run for more in ([], [LOWER]))
    assert whole != lower
    for path in (lower / "best.safetensors", *(lower / "checkpoints").glob("*/*.safetensors")):
        assert {tensor.dtype for tensor in load_file(path).values() if tensor.is_floating_point()} <= {torch.float32}
    one, other = (read(run).rows[-1] for run in (whole, lower))
    assert one["train_loss"] != other["train_loss"]
    assert other["train_loss"] == pytest.approx(one["train_loss"], rel=0.05)


@pytest.mark.skipif(not machine.cpu_flags() & machine.BFLOAT16, reason="oneDNN's lstm needs the processor's bfloat16")
def test_an_lstm_trains(workplace: Any) -> None:
    ended = workplace.train(TEXTS["gru"].replace("gru", "lstm"), LOWER)
    assert ended.status["state"] == "finished"


def result(run: Path) -> dict[str, bytes]:
    last = max((run / "checkpoints").iterdir())
    kept = {name: (run / name).read_bytes() for name in ("metrics.csv", "best.safetensors", "layer_stats.jsonl")}
    return kept | read_folder(last)


@pytest.mark.parametrize("kind", ["mlp", "gru"])
def test_a_run_goes_on_with_the_same_bytes(
    kind: str, workplace: Any, able: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("tuner.train"), "PROGRESS_EVERY", 0)
    expected = result(workplace.train(TEXTS[kind], LOWER, again=True).run)
    stop = StopRequests()
    events = workplace.begin(TEXTS[kind], LOWER, stop=stop, again=True)
    run = next(events).run
    for index, _ in enumerate(events):
        if index == 1:
            stop.ask(Stop(signal.SIGTERM.name, signal.SIGTERM))
    assert read(run).state == "stopped"
    assert workplace.train(TEXTS[kind], LOWER).run == run
    assert result(run) == expected


def test_the_model_answers_as_it_was_measured(workplace: Any, able: None) -> None:
    run = workplace.train(TEXTS["numbers"], LOWER).run
    model, x = tuner.load(run), np.linspace(-1, 1, 50, dtype=np.float32).reshape(5, 10)
    assert model.module.precision == "bfloat16"
    assert model.predict(x).dtype == np.float64
    assert model.module(torch.from_numpy(x)).dtype == torch.float32


def test_float32_is_outside_the_hash_and_bfloat16_is_not(workplace: Any, able: None) -> None:
    plain, said, lower = (
        workplace.loaded(TEXTS["mlp"], *more).hash for more in ([], ["training.precision=float32"], [LOWER])
    )
    assert plain == said != lower


def test_dropout_scales_exactly(workplace: Any) -> None:
    """1 / (1 - 0.25) rounded to bfloat16 would be 0.2 % too large in every step."""
    net = network.build(plan(Layers(layers=[Dropout(dropout=0.25)]), (4000,), 2), 0)
    _, dropout = net.blocks[0]
    dropout.train()
    kept = dropout(torch.ones(8, 4000, dtype=torch.bfloat16)).unique().double()
    assert kept.tolist() == pytest.approx([0, 4 / 3], abs=1e-6)


def test_outputs_of_a_network_are_float32() -> None:
    x = torch.randn(16, 12, generator=torch.Generator().manual_seed(0))
    one, other = (network.build(plan(MLP(hidden=[32]), (12,), 3), 0, kind)(x) for kind in ("float32", "bfloat16"))
    assert other.dtype == torch.float32
    assert 1e-4 < float((one - other).detach().abs().max() / one.detach().abs().max()) < 2e-2


def test_a_recipe_of_it_is_left_out_where_it_cannot_be_trained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_flags(monkeypatch, "avx2 fma")
    every = read_recipes(list(recipes().values()))
    assert [each.name for each in every if not is_possible(each, named=False)] == ["precision"]
    assert "precision is left out: training.precision is bfloat16" in capsys.readouterr().err
