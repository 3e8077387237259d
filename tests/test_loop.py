"""The training epoch and the evaluation pass, step by step against torch and numpy."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tuner import loop
from tuner.loop import Measure, NonFinite, Normalizer, Samples, batch, batch_bounds, epoch_order, evaluate, train_epoch
from tuner.options.losses import MSE, CrossEntropy, Loss
from tuner.options.schedulers import Scheduler, learning_rate
from tuner.seeding import derive
from tuner.train.prepare import Setup, shifted

DIGITS = "data: {name: digits, limit: 100}\nmodel: {name: mlp, hidden: [16]}\ntraining: {batch_size: 32}\n"
STILL = "optimizer: {name: sgd, lr: 1e-40}\n"  # weights stay as they are, to the last bit


def run_epoch(setup: Setup) -> Any:
    for _ in train_epoch(setup.task, setup.state):
        pass
    return setup.state


class TestBatches:
    @pytest.mark.parametrize(
        ("samples", "size", "join", "expected"),
        [
            (6, 2, False, ((0, 2), (2, 4), (4, 6))),
            (7, 3, False, ((0, 3), (3, 6), (6, 7))),
            (7, 3, True, ((0, 3), (3, 7))),
            (8, 3, True, ((0, 3), (3, 6), (6, 8))),
            (3, 2, True, ((0, 3),)),
            (5, 9, True, ((0, 5),)),
            (1, 4, True, ((0, 1),)),
        ],
    )
    def test_the_last_batch(self, samples: int, size: int, join: bool, expected: tuple[tuple[int, int], ...]) -> None:
        assert batch_bounds(samples, size, join) == expected

    def test_a_lone_last_sample_joins_under_batch_norm_only(self, workplace: Any) -> None:
        plain = workplace.setup(DIGITS, "training.batch_size=33")
        normed = workplace.setup(DIGITS, "training.batch_size=33", "model.batch_norm=true")
        assert plain.task.batches[-1] == (99, 100)
        assert normed.task.batches[-1] == (66, 100)
        assert run_epoch(normed).step == 3

    def test_the_order_is_a_function_of_seed_and_epoch(self, workplace: Any) -> None:
        one, again, other = (workplace.setup(DIGITS, f"seed={seed}").task for seed in (3, 3, 4))
        first = epoch_order(one, 1)
        assert first is not None
        assert sorted(first.tolist()) == list(range(100))
        orders = [first, epoch_order(one, 2), epoch_order(other, 1), torch.arange(100)]
        assert all(not torch.equal(a, b) for index, a in enumerate(orders) for b in orders[:index])  # type: ignore[arg-type]
        assert torch.equal(epoch_order(again, 1), first)  # type: ignore[arg-type]

    def test_an_epoch_shows_every_sample_once_in_that_order(self, workplace: Any) -> None:
        task = workplace.setup(DIGITS).task
        order = epoch_order(task, 2)
        shown = [batch(task, order, start, stop, 0, []) for start, stop in task.batches]
        assert [len(x) for x, _ in shown] == [32, 32, 32, 4]
        assert torch.equal(torch.cat([x for x, _ in shown]), task.train.x[order])
        assert torch.equal(torch.cat([y for _, y in shown]), task.train.y[order])

    def test_without_shuffle_samples_come_as_they_lie(self, workplace: Any) -> None:
        task = workplace.setup(DIGITS, "data.shuffle=false", "data.order=by_class").task
        assert epoch_order(task, 1) is None
        labels = torch.cat([batch(task, None, start, stop, 0, [])[1] for start, stop in task.batches])
        assert labels.tolist() == sorted(labels.tolist())
        assert set(labels[:9].tolist()) == {0}

    def test_a_full_batch_is_one_step(self, workplace: Any) -> None:
        setup = workplace.setup(DIGITS, "training.batch_size=full")
        assert setup.task.batches == ((0, 100),)
        assert epoch_order(setup.task, 1) is None
        assert run_epoch(setup).step == 1


class TestSums:
    def test_batch_loss_is_the_mean_over_samples(self, workplace: Any) -> None:
        """With a smaller last batch; weights that do not move make it the loss on the training data."""
        setup = workplace.setup(DIGITS + STILL)
        state = run_epoch(setup)
        x, y = setup.task.train.x, setup.task.train.y
        assert state.sums[0].item() / 100 == pytest.approx(F.cross_entropy(state.network(x), y).item(), rel=1e-6)
        assert state.sums[0].item() / 100 == pytest.approx(
            evaluate(state.network, setup.task.train, setup.measure)["loss"], rel=1e-6
        )

    @pytest.mark.parametrize("clip", ["null", "0.01"])
    def test_grad_norm_is_the_mean_over_steps_before_clipping(self, workplace: Any, clip: str) -> None:
        setup = workplace.setup(DIGITS + STILL, f"training.gradient_clip={clip}")
        order, norms = epoch_order(setup.task, 1), []
        for start, stop in setup.task.batches:
            x, y = batch(setup.task, order, start, stop, 0, [])
            loss = F.cross_entropy(setup.state.network(x), y)
            gradients = torch.autograd.grad(loss, setup.state.updater.parameters)
            norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm().item())
        state = run_epoch(setup)
        assert state.sums[1].item() / len(norms) == pytest.approx(np.mean(norms), rel=1e-5)

    def test_a_large_finite_loss_is_not_taken_for_infinite(self, workplace: Any) -> None:
        setup = workplace.setup(DIGITS + STILL)
        task = setup.task
        object.__setattr__(task, "objective", lambda outputs, _: outputs.sum() * 0 + 1e37)
        assert run_epoch(setup).sums[0].item() == pytest.approx(1e39, rel=1e-6)

    @pytest.mark.parametrize("clip", [0.05, 1e6])
    def test_clipping_is_torchs(self, workplace: Any, clip: float) -> None:
        text = DIGITS + "optimizer: {name: sgd, lr: 1}\n"
        setup = workplace.setup(text, f"training.gradient_clip={clip}", "training.batch_size=full")
        other = copy.deepcopy(setup.state.network)
        F.cross_entropy(other(setup.task.train.x), setup.task.train.y).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(other.parameters(), clip)
        run_epoch(setup)
        for own, theirs in zip(setup.state.network.parameters(), other.parameters(), strict=True):
            assert theirs.grad is not None
            assert torch.allclose(own, theirs - theirs.grad, rtol=1e-6, atol=1e-8)


class TestRates:
    @pytest.mark.parametrize("name", Scheduler.members)
    @pytest.mark.parametrize("warmup", [0.0, 0.3, 1.0, 1.5, 3.0])
    def test_a_rate_for_a_whole_epoch_is_that_of_each_of_its_steps(
        self, workplace: Any, name: str, warmup: float
    ) -> None:
        scheduler = Scheduler.members[name](warmup_epochs=0.0 if name == "one_cycle" else warmup)  # its rise is one
        if name == "step":
            scheduler = scheduler.replace(step_size=1)
        if name == "multistep":
            scheduler = scheduler.replace(milestones=[1, 3])
        if name == "plateau":
            scheduler = scheduler.replace(patience=1)
        task = workplace.setup(DIGITS).task
        object.__setattr__(task, "config", task.config.replace(scheduler=scheduler))
        lr, epochs = task.config.optimizer.lr, task.config.training.epochs
        history = (1.0, 2.0, 0.5, 0.7, 0.6, 0.4)
        constant = 0
        for epoch in range(1, 7):
            seen = history[: epoch - 1]
            rate = loop.rate_of_epoch(task, epoch, seen)
            constant += rate is not None
            for step in range((epoch - 1) * 4, epoch * 4):
                assert rate in (None, learning_rate(scheduler, lr, step, 4, epochs, seen))
        by_epoch = name in ("none", "step", "multistep", "plateau")
        assert constant == (6 - math.ceil(warmup) if by_epoch else 0)


class TestAugmentation:
    TEXT = DIGITS.replace("limit: 100", "limit: 100, augment: [{name: shift, pixels: 1}, {name: noise, std: 0.1}]")

    def test_comes_before_normalisation_and_is_a_function_of_seed_and_step(self, workplace: Any) -> None:
        task = workplace.setup(self.TEXT, "seed=5").task
        draws = [torch.Generator(), torch.Generator()]
        normalizer = task.normalizer
        raw = task.train.x[32:64].to(torch.float32)
        expected = raw
        for index, augmentation in enumerate(task.config.data.augment):
            generator = torch.Generator().manual_seed(derive(5, "augment", index, 7))
            expected = augmentation.apply(expected, generator, normalizer.low, normalizer.high)
        expected = (expected - normalizer.mean) / normalizer.scale
        given = batch(task, None, 32, 64, 7, draws)[0]
        assert torch.allclose(given, expected, atol=1e-6)
        assert torch.equal(batch(task, None, 32, 64, 7, draws)[0], given)
        assert not torch.equal(batch(task, None, 32, 64, 8, draws)[0], given)
        assert not torch.equal(given, normalizer(raw))

    def test_evaluation_sees_samples_as_they_are(self, workplace: Any) -> None:
        augmented, plain = workplace.setup(self.TEXT), workplace.setup(DIGITS)
        parts = [{**setup.evaluated, "test": setup.test} for setup in (augmented, plain)]
        for part, normalizer in (("train", None), ("val", None), ("test", plain.normalizer)):
            seen = evaluate(augmented.state.network, parts[0][part], augmented.measure, augmented.normalizer)
            assert seen == evaluate(plain.state.network, parts[1][part], plain.measure, normalizer)

    def test_shift_moves_validation_and_test_by_split_seed_alone(self, workplace: Any) -> None:
        text = DIGITS.replace("limit: 100", "limit: 100, shift: [{name: brightness, amount: 0.5}, {name: noise}]")
        plain, moved, other_seed = workplace.setup(DIGITS), workplace.setup(text), workplace.setup(text, "seed=1")
        assert torch.equal(plain.task.train.x, moved.task.train.x)
        assert torch.equal(plain.evaluated["train"].x, moved.evaluated["train"].x)
        setups = (plain, moved, other_seed)
        seen = ((setup.evaluated["val"].x, setup.normalizer(setup.test.x)) for setup in setups)
        for raw, changed, again in zip(*seen, strict=True):
            assert not torch.isclose(raw, changed).all(dim=(1, 2, 3)).any()
            assert torch.equal(changed, again)
        assert torch.equal(plain.evaluated["val"].y, moved.evaluated["val"].y)
        assert torch.equal(plain.test.y, moved.test.y)

    def test_shift_draws_anew_for_another_split_seed_and_part(self, workplace: Any) -> None:
        config = workplace.loaded(DIGITS.replace("limit: 100", "shift: [{name: noise}]")).config
        one = torch.ones(1)
        identity = Normalizer(one * 0, one, one * 0, one * 16)
        x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        purposes = ((0, "test"), (1, "test"), (0, "validation"))
        given = [shifted(x, config.data.shift, seed, part, identity) for seed, part in purposes]
        assert all(not torch.equal(a, b) for index, a in enumerate(given) for b in given[:index])
        assert torch.equal(given[0], shifted(x, config.data.shift, 0, "test", identity))


class TestEvaluation:
    @pytest.mark.parametrize("chunk", [1, 10**9])
    def test_classes_against_numpy(self, workplace: Any, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
        monkeypatch.setattr(loop, "EVALUATION_NUMBERS", chunk)
        setup = workplace.setup(DIGITS, "model.batch_norm=true", "model.dropout=0.5")
        run_epoch(setup)
        found = evaluate(setup.state.network, setup.test, setup.measure, setup.normalizer)
        with torch.no_grad():
            outputs = setup.state.network(setup.normalizer(setup.test.x)).numpy().astype(np.float64)
        y = setup.test.y.numpy()
        logs = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        assert found["loss"] == pytest.approx(-logs[np.arange(len(y)), y].mean(), rel=1e-5)
        assert found["accuracy"] == (outputs.argmax(axis=1) == y).mean()
        assert list(found) == [metric.name for metric in setup.measure.metrics]

    @pytest.mark.parametrize("standardized", [True, False])
    def test_numbers_against_numpy(self, workplace: Any, monkeypatch: pytest.MonkeyPatch, standardized: bool) -> None:
        monkeypatch.setattr(loop, "EVALUATION_NUMBERS", 1)
        text = f"data: {{name: diabetes, standardize_target: {str(standardized).lower()}}}\nloss: mse\n"
        session = workplace.open(text, again=True)
        setup = workplace.setup(text)
        run_epoch(setup)
        found = evaluate(setup.state.network, setup.test, setup.measure, setup.normalizer)
        splits = session.splits
        scale, mean = (splits.target_scale, splits.target_mean) if standardized else (1.0, 0.0)
        assert standardized == (scale > 10)
        with torch.no_grad():
            outputs = setup.state.network(setup.normalizer(setup.test.x))[:, 0].numpy()
        predicted = outputs.astype(np.float64) * scale + mean
        y = splits.test.y.astype(np.float64)
        assert found["mae"] == pytest.approx(np.abs(predicted - y).mean(), rel=1e-4)
        assert found["rmse"] == pytest.approx(math.sqrt(((predicted - y) ** 2).mean()), rel=1e-4)
        assert found["r2"] == pytest.approx(1 - ((predicted - y) ** 2).sum() / ((y - y.mean()) ** 2).sum(), rel=1e-4)
        assert found["loss"] == pytest.approx((((predicted - y) / scale) ** 2).mean(), rel=1e-4)

    def test_r2_of_equal_targets_is_not_a_number(self, workplace: Any) -> None:
        network = workplace.setup("data: diabetes\nloss: mse\n").state.network
        samples = Samples(torch.zeros(5, 10), torch.ones(5, 1))
        assert math.isnan(evaluate(network, samples, Measure(MSE(), MSE().build_reported(None), "number"))["r2"])

    def test_what_is_reported_is_plain(self, workplace: Any) -> None:
        text = DIGITS + STILL + "loss: {name: cross_entropy, label_smoothing: 0.3}\n"
        smooth = workplace.setup(text)
        state = run_epoch(smooth)
        reported = evaluate(state.network, smooth.task.train, smooth.measure)["loss"]
        x, y = smooth.task.train.x, smooth.task.train.y
        assert reported == pytest.approx(F.cross_entropy(state.network(x), y).item(), rel=1e-6)
        expected = F.cross_entropy(state.network(x), y, label_smoothing=0.3).item()
        assert state.sums[0].item() / 100 == pytest.approx(expected, rel=1e-6)
        assert abs(expected - reported) > 1e-3

    def test_changes_nothing(self, workplace: Any) -> None:
        setup = workplace.setup(DIGITS, "model.batch_norm=true", "model.dropout=0.5")
        run_epoch(setup)
        before = copy.deepcopy(setup.state.network.state_dict())
        first = evaluate(setup.state.network, setup.evaluated["val"], setup.measure)
        assert evaluate(setup.state.network, setup.evaluated["val"], setup.measure) == first
        assert all(torch.equal(before[name], tensor) for name, tensor in setup.state.network.state_dict().items())


def test_an_epoch_that_is_not_finite_is_noticed_within_the_guards_stride(workplace: Any) -> None:
    setup = workplace.setup(DIGITS, "training.batch_size=1")
    calls = []

    def spoilt(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        calls.append(0)
        return outputs.sum() * (math.nan if len(calls) == 40 else 1e-6)

    object.__setattr__(setup.task, "objective", spoilt)
    with pytest.raises(NonFinite):
        run_epoch(setup)
    assert len(calls) == 64


def test_the_last_step_of_an_epoch_is_looked_at(workplace: Any) -> None:
    setup = workplace.setup(DIGITS, "training.batch_size=full")
    object.__setattr__(setup.task, "objective", lambda outputs, _: outputs.sum() * math.inf)
    with pytest.raises(NonFinite):
        run_epoch(setup)


@pytest.mark.parametrize("noise", [0, 0.2])
def test_balanced_weights_are_of_the_labels_that_are_trained_on(workplace: Any, noise: float) -> None:
    text = "data: breast_cancer\nloss: {class_weights: balanced, label_smoothing: 0.1}"
    setup = workplace.setup(text, f"data.label_noise={noise}")
    labels = setup.task.train.y.numpy()
    weight = torch.tensor(len(labels) / (2 * np.bincount(labels)), dtype=torch.float32)
    outputs = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 1, 0, 1, 1, 1, 1, 1])
    expected = F.cross_entropy(outputs, targets, weight, label_smoothing=0.1)
    torch.testing.assert_close(setup.task.objective(outputs, targets), expected)
    assert abs(float(weight[0] / weight[1]) - 1) > 0.1


def test_every_loss_trains_and_reports(workplace: Any) -> None:
    for name in Loss.members:
        setup = workplace.setup(DIGITS, f"loss={name}")
        run_epoch(setup)
        found = evaluate(setup.state.network, setup.evaluated["val"], setup.measure)
        assert math.isfinite(found["loss"])
        assert 0 <= found["accuracy"] <= 1
    assert CrossEntropy.name in Loss.members
