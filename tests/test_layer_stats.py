"""Layer statistics: right numbers, taken at a few epochs, without touching the run."""

from __future__ import annotations

import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tuner.asks.runs.columns import find_column
from tuner.asks.runs.entries import entries
from tuner.errors import NotFoundError, UsageError
from tuner.events import EpochDone
from tuner.layer_stats import PROBE, Movement, epochs_measured, measure, probe_of
from tuner.options import models
from tuner.plan import plan
from tuner.quantities import LAYER
from tuner.runs.folder import read
from tuner.runs.values import judge, parse_metric, parse_requirements, value

MLP = "{data: {name: digits}, model: {hidden: [12, 8]}, training: {epochs: 6}}"
CNN = """
data: {name: digits, limit: 300, augment: [{name: shift, pixels: 1}]}
model: {name: cnn, channels: [4], hidden: [8], batch_norm: true, dropout: 0.3, activation: prelu}
training: {epochs: 5, batch_size: 64}
"""
RNN = "{data: {name: digits, limit: 300}, model: {name: rnn, units: [6, 5], cell: gru}, training: {epochs: 3}}"


def test_numbers_by_hand(workplace: Any) -> None:
    """An independent forward and backward pass in float64."""
    setup = workplace.setup(MLP)
    probe = probe_of(setup.evaluated["train"], setup.task.normalizer)
    assert len(probe) == PROBE
    rows = measure(setup.state.network, probe, setup.task.objective, 0, 0)
    weights = {name: p.detach().double().numpy() for name, p in setup.state.network.named_parameters()}
    signal = probe.x.flatten(1).double().numpy()
    layers, signals = ("hidden.0", "hidden.1", "output"), [signal]
    for layer in layers:
        signal = signal @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        signals.append(np.maximum(signal, 0) if layer != "output" else signal)
        signal = signals[-1]
    shares = np.exp(signal - signal.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    error = (shares - np.eye(10)[probe.y.numpy()]) / len(signal)
    norms = {}
    for place in (2, 1, 0):
        layer = layers[place]
        by_weight, by_bias = error.T @ signals[place], error.sum(0)
        norms[layer] = math.sqrt((by_weight**2).sum() + (by_bias**2).sum())
        error = (error @ weights[f"{layer}.weight"]) * (signals[place] > 0)
    assert [row["layer"] for row in rows] == list(layers)
    for place, row in enumerate(rows, 1):
        assert row["activation_mean"] == pytest.approx(signals[place].mean(), rel=1e-4)
        assert row["activation_std"] == pytest.approx(signals[place].std(), rel=1e-4)
        assert row["zero_units"] == (signals[place] == 0).all(0).mean()
        assert row["gradient_norm"] == pytest.approx(norms[layers[place - 1]], rel=1e-4)
        assert row["unit_std"] == pytest.approx(math.sqrt(signals[place].var(axis=1).mean()), rel=1e-4)
        assert row["sample_std"] == pytest.approx(math.sqrt(signals[place].var(axis=0).mean()), rel=1e-4)
        assert row["saturated_units"] == 0
    assert rows[-1]["probe_loss"] == pytest.approx(-np.log(shares[range(PROBE), probe.y.numpy()]).mean(), rel=1e-4)


def test_units_at_the_ends_of_their_range(workplace: Any) -> None:
    """A bias that is far from 0 takes one of twelve tanh units there; one whose weights are next to 0 stays inside."""
    setup = workplace.setup(MLP, "model.activation=tanh")
    probe = probe_of(setup.evaluated["train"], setup.task.normalizer)
    with torch.no_grad():
        first = setup.state.network.get_submodule("hidden.0")
        first.bias[3] = 40.0
        first.weight[7] = 0.0
        first.weight[7, probe.x.flatten(1).std(0).argmax()] = 1e-3
    row = measure(setup.state.network, probe, setup.task.objective, 0, 0)[0]
    assert row["saturated_units"] == pytest.approx(1 / 12)


def test_how_far_the_weights_moved(workplace: Any) -> None:
    run = read(workplace.train(MLP, "optimizer={name: sgd, lr: 0.1}", "training={epochs: 1, batch_size: full}").run)
    before, after = ([row for row in run.layers if row["epoch"] == epoch] for epoch in (0, 1))
    for start, end in zip(before, after, strict=True):
        assert start["weight_change"] == 0
        assert start["update_ratio"] is None  # no step was taken yet
        moved = end["weight_change"] * start["weight_norm"]
        assert moved == pytest.approx(end["update_ratio"] * end["weight_norm"], rel=1e-4)  # its one step
        assert moved > 0


def test_a_silent_channel_counts_on_every_place_and_sample(workplace: Any) -> None:
    setup = workplace.setup(CNN.replace("prelu", "relu"))
    network = setup.state.network
    probe = probe_of(setup.evaluated["train"], setup.task.normalizer)
    first = network.get_submodule("conv.0")
    with torch.no_grad():
        first.norm.weight[1] = 0.0
        first.norm.bias[1] = -1.0
    rows = measure(network, probe, setup.task.objective, 0, 0)
    assert (rows[0]["layer"], rows[0]["zero_units"]) == ("conv.0", 0.25)


@pytest.mark.parametrize("text", [MLP, CNN, RNN])
def test_measuring_changes_nothing(workplace: Any, text: str) -> None:
    """Neither the network, nor its gradients, nor any random number; and a run gives the same bytes with it or not."""
    setup = workplace.setup(text)
    network = setup.state.network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    torch.manual_seed(3)
    state = torch.get_rng_state()
    movement = Movement(network)
    movement.step_comes()
    probe = probe_of(setup.evaluated["train"], setup.task.normalizer)
    rows = measure(network, probe, setup.task.objective, 0, 0, movement)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(math.isfinite(row[number]) for row in rows for number in LAYER if number != "probe_loss")
    assert [row["probe_loss"] is None for row in rows] == [row["layer"] != "output" for row in rows]
    assert [row["layer"] for row in rows] == [block.name for block in network.plan.blocks if block.parameters]

    on = workplace.train(text).run
    off = workplace.train(text, "layer_stats=none", again=True).run
    for name in ("metrics.csv", "best.safetensors"):
        assert (on / name).read_bytes() == (off / name).read_bytes()
    assert read(on).layers
    assert read(off).layers == []
    assert not (off / "layer_stats.jsonl").exists()
    assert read(on).identity.config_hash == read(off).identity.config_hash


def test_when_it_is_measured() -> None:
    large = plan(models.MLP(hidden=[2000, 2000]), (3072,), 10)
    assert epochs_measured(1, 50_000, large) == {0, 1}
    assert epochs_measured(20, 54_000, large) == {0, 1, 2, 5, 10, 20}
    assert epochs_measured(100, 1294, large) == {0, 20, 50, 100}
    assert epochs_measured(3, 200, large) == {0, 3}
    small = plan(models.MLP(hidden=[128]), (64,), 10)
    assert epochs_measured(20, 1294, small) == {0, 1, 2, 5, 10, 20}
    assert epochs_measured(1000, 1294, small) == {0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}
    for epochs, samples in ((1000, 1294), (37, 54_000), (400, 120)):
        chosen = sorted(epochs_measured(epochs, samples, large))
        assert (chosen[0], chosen[-1]) == (0, epochs)
        between = [epoch for epoch in chosen if 0 < epoch < epochs]
        for count, epoch in enumerate(between, 1):
            assert count * min(PROBE, samples) <= 0.01 * samples * epoch


def test_the_file_and_its_metrics(workplace: Any) -> None:
    run = read(workplace.train(MLP).run)
    assert [(row["epoch"], row["step"], row["layer"]) for row in run.layers] == [
        (epoch, 11 * epoch, layer) for epoch in (0, 1, 2, 5, 6) for layer in ("hidden.0", "hidden.1", "output")
    ]
    std = [row["activation_std"] for row in run.layers if row["layer"] == "hidden.1"]
    assert value(run, parse_metric("activation_std(hidden.1)@0")) == std[0]
    assert value(run, parse_metric("activation_std(hidden.1)@last")) == std[4]
    assert value(run, parse_metric("activation_std(hidden.1)@6")) == std[4]
    with pytest.raises(UsageError, match="not measured after epoch 3"):
        value(run, parse_metric("activation_std(hidden.1)@3"))
    assert value(run, parse_metric("activation_std(hidden.1)@7")) is None
    best = run.status["best_epoch"]
    at = max(place for place, epoch in enumerate((0, 1, 2, 5, 6)) if epoch <= best)
    assert value(run, parse_metric("activation_std(hidden.1)")) == std[at]
    assert parse_metric("activation_std(hidden.1)").direction is None
    with pytest.raises(UsageError, match=r"Its layers are hidden\.0, hidden\.1, output"):
        value(run, parse_metric("zero_units(hidden.9)"))
    everything = entries(run.path.parent)
    assert find_column("zero_units(output)@0", everything).of(everything[0], {}) == 0
    with pytest.raises(UsageError, match="no run here has"):
        find_column("zero_units(hidden.9)@0", everything)
    loaded = workplace.loaded(MLP)
    assert judge(parse_requirements(["gradient_norm(output)@0<100"], loaded)[0], {(0,): run})["holds"]
    with pytest.raises(UsageError, match="no metric"):
        parse_requirements(["gradient_norm(conv.0)@0<100"], loaded)


def test_early_stopping_and_interruptions_leave_the_same_lines(workplace: Any) -> None:
    text = CNN.replace("epochs: 5", "epochs: 9, monitor: train_loss") + "early_stopping: {patience: 1, min_delta: 0.3}"
    whole = workplace.train(text, again=True).run
    last = len(read(whole).rows)
    assert last < 9
    assert {row["epoch"] for row in read(whole).layers} == {0, 1, 2, 5, last} & set(range(last + 1))
    events = workplace.begin(text, again=True)
    run = next(events).run
    list(islice((event for event in events if isinstance(event, EpochDone)), 2))
    events.close()  # nothing more is written, as when the process is killed
    assert workplace.train(text).run == run
    assert (run / "layer_stats.jsonl").read_bytes() == (whole / "layer_stats.jsonl").read_bytes()


def test_a_torn_last_line_of_an_unfinished_run_is_no_damage(workplace: Any) -> None:
    events = workplace.begin(MLP)
    run = next(events).run
    next(event for event in events if isinstance(event, EpochDone))
    events.close()
    lines = (run / "layer_stats.jsonl").read_text()
    (run / "layer_stats.jsonl").write_text(lines + '{"epoch": 7')
    assert len(read(run).layers) == lines.count("\n")


def test_damage_is_named(workplace: Any) -> None:
    run: Path = workplace.train(MLP).run
    lines = (run / "layer_stats.jsonl").read_text()
    number = lines.partition('"activation_std": ')[2].partition(",")[0]
    for damage in (
        "",
        "not json\n",
        "[1]\n",
        "[" * 100_000 + "\n",
        json.dumps({"epoch": "x", "layer": "a"}) + "\n",
        lines.partition("\n")[2].partition("\n")[2].partition("\n")[2],
        *(lines.replace(number, other, 1) for other in ('"x"', "[1]", "true", "9" * 400, "NaN")),
    ):
        (run / "layer_stats.jsonl").write_text(damage)
        with pytest.raises(NotFoundError, match=r"layer_stats\.jsonl is damaged"):
            _ = read(run).layers
