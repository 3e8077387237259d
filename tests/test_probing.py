"""Probes: what they find where the truth is known, what they cost, and that a run is the same bytes after them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tuner.durable.reading import json_line
from tuner.loop import batch_bounds, train_epoch
from tuner.options.optimizers.base import Optimizer
from tuner.options.optimizers.of_torch import SGD, Adadelta, Adam
from tuner.probing import PROBES, announced, planned, probes
from tuner.probing.controls import Controls, controls
from tuner.probing.initializers import initializers
from tuner.probing.one_batch import one_batch
from tuner.probing.range_test import found, range_test, rates_between, usual_range
from tuner.probing.trial import LEAST, SHARE, batches_of, steps_within, trial_of
from tuner.state import weights
from tuner.stopping import StoppedError

MLP = "{data: {name: digits, limit: 300}, model: {hidden: [16]}, training: {batch_size: 32}}"
CNN = """
data: {name: digits, limit: 200, augment: [{name: shift, pixels: 1}]}
model: {name: cnn, channels: [4], hidden: [8], batch_norm: true, dropout: 0.3, activation: prelu}
training: {epochs: 2, batch_size: 50}
"""
NUMBERS = "{data: {name: diabetes}, model: {hidden: [16]}, loss: mse, training: {batch_size: full, epochs: 3}}"
RNN = "{data: {name: digits, limit: 100}, model: {name: rnn, units: [6], cell: gru}, training: {epochs: 2}}"
EMBEDDED = "{data: {name: iris}, model: {hidden: [8], embeddings: piecewise_linear}}"
DEEP = "{data: {name: digits, limit: 300}, model: {hidden: [30, 30, 30, 30, 30], initializer: orthogonal}}"


@pytest.fixture(autouse=True)
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known from another test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("text", [MLP, CNN, NUMBERS, RNN, EMBEDDED])
def test_training_after_all_probes_gives_the_same_bytes(workplace: Any, text: str) -> None:
    plain, probed = workplace.setup(text), workplace.setup(text)
    random = torch.get_rng_state()
    for name, probe in PROBES.items():
        before = weights(probed.state.network)
        assert probe(probed).reading, name
        assert weights(probed.state.network) == before, name
    assert torch.equal(torch.get_rng_state(), random)
    for setup in (plain, probed):
        for _ in train_epoch(setup.task, setup.state):
            pass
    assert plain.state.capture({}) == probed.state.capture({})


def test_a_probe_is_repeatable_also_in_the_middle_of_a_run(workplace: Any) -> None:
    setup = workplace.setup(CNN)
    for _ in train_epoch(setup.task, setup.state):
        pass
    for probe in PROBES.values():
        assert probe(setup) == probe(setup)


def test_a_trial_trains_as_the_run_does(workplace: Any) -> None:
    """The same batches, augmentation and dropout: with the run's rate the losses and the weights are the run's."""
    setup = workplace.setup(CNN)
    state = trial_of(setup)
    test = range_test(setup, steps=len(setup.task.batches), low=1e-3, high=1e-3)
    for (x, y), (start, stop) in zip(batches_of(setup.task), setup.task.batches, strict=False):
        assert len(x) == len(y) == stop - start
    for _ in train_epoch(setup.task, setup.state):
        pass
    sizes = [stop - start for start, stop in setup.task.batches]
    summed = sum(loss * size for loss, size in zip(test.raw, sizes, strict=True))
    assert summed == pytest.approx(setup.state.sums.tolist()[0], rel=1e-6)
    assert weights(state.network) != weights(setup.state.network)


# ---- the learning-rate range test ------------------------------------------------------------------------------------


def test_where_the_loss_falls_fastest() -> None:
    lrs = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert found(lrs, [2.0, 1.9, 1.0, 0.5, 0.9, math.inf]) == (3.0, 4.0)
    assert found(lrs, [2.0, 1.995, 2.0, 3.0, 5.0, 9.0]) == (None, None)
    assert found(lrs, [2.0, 2.5, 9.0]) == (None, None)
    assert found(lrs, [math.nan]) == (None, None)
    assert found(lrs[:2], [2.0, 1.0]) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("optimizer", "low", "high"), [(Adam(), 1e-7, 10), (SGD(), 1e-6, 100), (Adadelta(), 1e-4, 1e4)]
)
def test_rates_go_around_what_is_usual_for_the_optimizer(optimizer: Optimizer, low: float, high: float) -> None:
    assert usual_range(optimizer) == pytest.approx((low, high))
    assert usual_range(optimizer, 25) == pytest.approx((low * 100, high / 100))


def test_rates_grow_by_the_same_factor() -> None:
    assert rates_between(1e-3, 10, 5) == pytest.approx([1e-3, 1e-2, 0.1, 1, 10])


def test_the_curve_is_flat_falls_and_ends_where_training_falls_apart(workplace: Any) -> None:
    test = range_test(workplace.setup(MLP), steps=100)
    first = [loss for lr, loss in zip(test.lrs, test.losses, strict=True) if lr < 1e-5]
    assert len(first) > 20 and max(first) - min(first) < 1e-3 * first[0]
    assert test.fell_apart and test.losses[-1] > 4 * min(test.losses[:-1])
    assert test.steepest is not None and test.largest_stable is not None and test.suggestion is not None
    assert test.suggestion < test.largest_stable < test.lrs[-1]
    assert test.losses[test.lrs.index(test.largest_stable)] == min(test.losses)
    assert (test.lr, test.factor) == (1e-3, 1e-3 / test.suggestion)


def test_the_configs_rate_is_judged(workplace: Any) -> None:
    readings = [range_test(workplace.setup(MLP, f"optimizer.lr={lr}"), 100).reading for lr in (1e-5, 0.01, 5)]
    assert [reading.partition("the config's ")[2] for reading in readings[1:]] == [
        "0.01 is close to that",
        "5 is beyond what is stable",
    ]
    assert "the config's 1e-5 is " in readings[0] and readings[0].endswith(" times less")


def test_a_loss_that_cannot_fall(workplace: Any) -> None:
    test = range_test(
        workplace.setup(MLP, "model.initializer={name: constant, value: 0}", "optimizer=sgd"), 30, 1e-9, 1e-7
    )
    assert (test.suggestion, test.largest_stable, test.factor, test.is_finite) == (None, None, None, True)
    assert test.reading == "the loss does not fall at any learning rate from 1e-9 to 1e-7"


def test_a_loss_that_is_not_finite_to_begin_with(workplace: Any) -> None:
    wild = "model={activation: exponential, initializer: {name: constant, value: 1000}}"
    test = range_test(workplace.setup(NUMBERS, wild))
    assert (len(test.raw), test.is_finite, test.suggestion) == (1, False, None)
    assert "not finite before the first step" in test.reading


# ---- one batch -------------------------------------------------------------------------------------------------------


def test_a_batch_is_fitted(workplace: Any) -> None:
    for text in (MLP, CNN, NUMBERS.replace("epochs: 3", "epochs: 100")):
        result = one_batch(workplace.setup(text, "optimizer.lr=0.01"))
        assert result.fitted_after == result.steps
        assert result.last_loss < result.first_loss and result.samples == 16
    assert one_batch(workplace.setup(MLP, "optimizer.lr=0.01")).accuracy == 1.0
    assert result.accuracy is None


def test_a_batch_that_cannot_be_fitted(workplace: Any) -> None:
    """With relu and all weights zero no gradient passes: the outputs' biases alone learn."""
    result = one_batch(workplace.setup(MLP, "model.initializer=zeros", "model.output.initializer=zeros"))
    assert (result.fitted_after, result.steps) == (None, planned(workplace.setup(MLP))["one_batch"][0])
    assert result.accuracy is not None and result.accuracy < 0.6
    assert "is not fitted in" in result.reading
    wild = one_batch(workplace.setup(NUMBERS, "optimizer={name: sgd, lr: 1e30}"))
    assert not math.isfinite(wild.last_loss) and "is not finite" in wild.reading


# ---- controls --------------------------------------------------------------------------------------------------------


def test_a_network_that_uses_its_inputs(workplace: Any) -> None:
    for text in (MLP, CNN, NUMBERS):
        found = controls(workplace.setup(text, "optimizer.lr=0.01"))
        assert found.real_loss < min(found.zero_loss, found.shuffled_loss), (text, found)
        assert found.reading.endswith("the network uses its inputs")


def test_labels_that_have_nothing_to_do_with_the_inputs(workplace: Any) -> None:
    """The frequencies of the classes are all there is to learn, and all three learn them."""
    settings = "data.label_noise=0.99", "data.limit=1000", "optimizer.lr=0.003"
    found = controls(workplace.setup("{data: {name: digits}, model: {hidden: [8]}}", *settings))
    assert max(abs(found.zero_loss - found.real_loss), abs(found.shuffled_loss - found.real_loss)) < 0.1
    assert not found.reading.endswith("the network uses its inputs")


def test_nothing_is_told_where_nothing_is_learned(workplace: Any) -> None:
    for lr in (1e-12, 1e35):
        found = controls(workplace.setup(MLP, f"optimizer={{name: sgd, lr: {lr}}}"))
        assert "nothing can be told of the inputs" in found.reading, found


@pytest.mark.parametrize(
    ("zero", "shuffled", "fall", "told"),
    [
        (2.0, 2.0, 1.0, "the network uses its inputs"),
        (2.0, 2.0, 0.0, "the network uses its inputs"),
        (2.0, 1.0, 1.0, "it learns any labels as fast, so that these may not belong to their samples"),
        (1.0, 2.0, 1.0, "the inputs are not used yet"),
        (1.0, 1.0, 1.0, "the inputs are not used yet"),
        (1.0, 2.0, 0.0, "it does not fall, so that nothing can be told of the inputs"),
        (1.0, 1.0, 0.0, "it does not fall, so that nothing can be told of the inputs"),
    ],
)
def test_both_controls_have_one_reading(zero: float, shuffled: float, fall: float, told: str) -> None:
    found = Controls(100, 1.0, zero, 0.1, shuffled, 0.1, fall, 0.1)
    assert found.reading.endswith(f": {told}") and found.reading.count(": ") == 1


# ---- initializers ----------------------------------------------------------------------------------------------------


def test_signals_by_initializer(workplace: Any) -> None:
    """Under relu he_normal keeps their size, the others lose a factor of sqrt(2) a layer."""
    found = initializers(workplace.setup(DEEP))
    starts = {start.initializer: start for start in found.starts}
    assert list(starts) == ["orthogonal", "he_normal", "glorot_uniform", "lecun_normal", "default"]
    growth = {name: start.growth or 0.0 for name, start in starts.items()}
    assert growth["he_normal"] == pytest.approx(1, abs=0.15)
    assert growth["glorot_uniform"] == pytest.approx(math.sqrt(1 / 2), abs=0.15)
    assert growth["lecun_normal"] == pytest.approx(math.sqrt(1 / 2), abs=0.15)
    assert 0.5 < growth["orthogonal"] < 1 and found.reading.endswith("they keep their size")
    narrow = initializers(workplace.setup(DEEP, "model.initializer={name: uniform, scale: 0.05}"))
    assert "; he_normal keeps their size best (" in narrow.reading
    for start in found.starts:
        assert len(start.layers) == len(start.activation_std) == len(start.gradient_norm) == 6
        assert 2 < start.loss < 4


def test_the_configs_own_start_is_that_of_the_run(workplace: Any) -> None:
    run = workplace.train(CNN).run
    rows = [json.loads(line) for line in (run / "layer_stats.jsonl").read_text().splitlines()]
    own = initializers(workplace.setup(CNN)).starts[0]
    first = [row for row in rows if row["epoch"] == 0]
    assert own.activation_std == tuple(row["activation_std"] for row in first)
    assert own.gradient_norm == tuple(row["gradient_norm"] for row in first)


def test_what_a_layer_sets_for_itself_stays(workplace: Any) -> None:
    layers = "model={name: layers, layers: [{dense: 8, initializer: zeros}, {dense: 8}]}"
    starts = initializers(workplace.setup(MLP, layers)).starts
    assert {start.activation_std[0] for start in starts} == {0.0}


# ---- what they cost --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epochs", [1, 40, 10_000])
def test_a_probe_stays_within_its_budget(workplace: Any, epochs: int) -> None:
    setup = workplace.setup(MLP, f"training.epochs={epochs}")
    assert setup.task.batches == batch_bounds(300, 32, False)
    own = 300 / len(setup.task.batches)
    allowed = max(LEAST * own, SHARE * epochs * 300)
    for name in ("range_test", "one_batch"):
        steps, size = planned(setup)[name]
        assert steps * size <= allowed
    assert planned(setup)["range_test"][0] == {1: 20, 40: 20, 10_000: 100}[epochs]
    assert steps_within(setup.task, 7) == 7
    assert len(range_test(setup).lrs) <= planned(setup)["range_test"][0]


def test_steps_do_not_exceed_what_is_asked_for(workplace: Any) -> None:
    setup = workplace.setup(MLP, "training.epochs=4")
    assert steps_within(setup.task, 100, share=1.0) == 40
    assert steps_within(setup.task, 25, share=1.0) == 25


def test_all_probes_of_a_config(workplace: Any) -> None:
    told: list[str] = []
    results = probes(workplace.loaded(MLP), told.append, epoch_seconds=0.5)
    assert list(results) == ["range_test", "one_batch", "controls", "initializers"]
    assert all(result["reading"] for result in results.values())
    assert results["initializers"]["starts"][0]["initializer"] == "he_normal"
    assert len(told) == 1 and told[0].startswith("4 probes: ") and "about" in told[0]
    assert "about" not in announced(workplace.setup(MLP), None)
    assert not workplace.runs.exists()


def test_what_was_probed_is_not_probed_again(workplace: Any) -> None:
    """The same command goes on after the probe at which it was stopped; another config has its own."""

    def stopping(name: str) -> None:
        if name == "controls":
            raise StoppedError

    with pytest.raises(StoppedError):
        probes(workplace.loaded(MLP), before=stopping)
    told: list[str] = []
    found = probes(workplace.loaded(MLP), told.append, before=told.append)
    assert told[0].startswith("2 probes: ") and told[1:] == ["controls", "initializers"]
    told.clear()
    again = probes(workplace.loaded(MLP), told.append, before=told.append)
    assert told == ["probes: all are known from before"]
    assert json_line(again) == json_line(found)
    assert [each["reading"] for each in again.values()] == [each["reading"] for each in found.values()]
    assert announced(workplace.setup(MLP), None).startswith("4 probes: ")
    told.clear()
    probes(workplace.loaded(MLP, "seed=1"), told.append)
    assert told[0].startswith("4 probes: ")
