"""Losses against formulas written again in numpy: what is minimised, what is reported, what is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

from tuner.options.losses import MAE, MSE, BinaryCrossEntropy, CrossEntropy, Hinge, Huber, Loss

Array = Any  # of numpy, float64

RANDOM = np.random.default_rng(0)
OUTPUTS = RANDOM.normal(0, 3, (7, 4))
CLASSES = np.array([0, 3, 1, 1, 2, 0, 3])
ONE_HOT = np.eye(4)[CLASSES]
NUMBERS, PREDICTED = RANDOM.normal(0, 2, (7, 1)), RANDOM.normal(0, 2, (7, 1))


def softmax(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def huber(d: Array, delta: float) -> Array:
    return np.where(np.abs(d) <= delta, d**2 / 2, delta * (np.abs(d) - delta / 2))


def hinge(z: Array, margin: float) -> Array:
    right = z[np.arange(len(z)), CLASSES][:, None]
    return (np.maximum(0, margin - right + z) * (1 - ONE_HOT)).sum(axis=1) / z.shape[1]


def binary(z: Array, t: Array) -> Array:
    share = 1 / (1 + np.exp(-z))
    return (-t * np.log(share) - (1 - t) * np.log(1 - share)).mean(axis=1)


def run(loss: Loss, outputs: Array, targets: Array, classes: int | None) -> tuple[float, Array]:
    """What is minimised and what is reported."""
    z, t = torch.tensor(outputs), torch.tensor(targets)
    return float(loss.build(classes)(z, t)), loss.build_reported(classes)(z, t).numpy()


PLAIN: list[tuple[Loss, Array]] = [
    (CrossEntropy(), -np.log(softmax(OUTPUTS)[np.arange(7), CLASSES])),
    (MSE(), ((softmax(OUTPUTS) - ONE_HOT) ** 2).mean(axis=1)),
    (MSE(outputs="raw"), ((OUTPUTS - ONE_HOT) ** 2).mean(axis=1)),
    (MAE(), np.abs(softmax(OUTPUTS) - ONE_HOT).mean(axis=1)),
    (MAE(outputs="raw"), np.abs(OUTPUTS - ONE_HOT).mean(axis=1)),
    (Huber(delta=0.3), huber(softmax(OUTPUTS) - ONE_HOT, 0.3).mean(axis=1)),
    (Huber(delta=0.7, outputs="raw"), huber(OUTPUTS - ONE_HOT, 0.7).mean(axis=1)),
    (BinaryCrossEntropy(), binary(OUTPUTS, ONE_HOT)),
    (Hinge(), hinge(OUTPUTS, 1.0)),
    (Hinge(margin=2.5), hinge(OUTPUTS, 2.5)),
]


@pytest.mark.parametrize(("loss", "expected"), PLAIN, ids=[repr(loss) for loss, _ in PLAIN])
def test_class_losses_follow_their_formulas(loss: Loss, expected: Array) -> None:
    minimised, reported = run(loss, OUTPUTS, CLASSES, 4)
    np.testing.assert_allclose(reported, expected, rtol=1e-12)
    assert minimised == pytest.approx(expected.mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "of_difference"),
    [
        (MSE(), np.square),
        (MAE(outputs="softmax"), np.abs),
        (Huber(), lambda d: huber(d, 1.0)),
        (Huber(delta=0.2), lambda d: huber(d, 0.2)),
    ],
)
def test_number_losses_follow_their_formulas(loss: Loss, of_difference: Callable[[Array], Array]) -> None:
    expected = of_difference(PREDICTED - NUMBERS)[:, 0]
    minimised, reported = run(loss, PREDICTED, NUMBERS, None)
    np.testing.assert_allclose(reported, expected, rtol=1e-12)
    assert minimised == pytest.approx(expected.mean(), rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5, 3.0]])
def test_smoothing_and_weights_shape_only_what_is_minimised(smoothing: float, weights: list[float] | None) -> None:
    wanted = (1 - smoothing) * ONE_HOT + smoothing / 4
    c = np.array(weights or [1.0] * 4)
    expected = -(wanted * c * np.log(softmax(OUTPUTS))).sum() / c[CLASSES].sum()
    minimised, reported = run(CrossEntropy(label_smoothing=smoothing, class_weights=weights), OUTPUTS, CLASSES, 4)
    assert minimised == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(reported, -np.log(softmax(OUTPUTS)[np.arange(7), CLASSES]), rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("labels", [np.repeat([0, 1, 2, 3], [7, 1, 2, 30]), np.repeat([0, 1, 2, 3], 5)])
def test_balanced_weights_make_up_for_how_often_a_class_is_there(labels: Array, smoothing: float) -> None:
    weights = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    counts = np.bincount(labels).tolist()
    z, t = torch.tensor(OUTPUTS), torch.tensor(CLASSES)
    balanced = CrossEntropy(class_weights="balanced", label_smoothing=smoothing)
    told = CrossEntropy(class_weights=weights.tolist(), label_smoothing=smoothing)
    assert float(balanced.build(4, counts)(z, t)) == pytest.approx(float(told.build(4)(z, t)), rel=1e-12)
    assert torch.equal(balanced.build_reported(4)(z, t), CrossEntropy().build_reported(4)(z, t))


def test_balanced_weights_are_finite_where_label_noise_leaves_a_class_without_samples() -> None:
    loss = CrossEntropy(class_weights="balanced", label_smoothing=0.1).build(4, [6, 0, 3, 1])
    assert torch.isfinite(loss(torch.tensor(OUTPUTS), torch.tensor([0, 2, 3, 0, 0, 2, 0])))


def test_class_weights_follow_the_type_of_the_outputs() -> None:
    minimised = CrossEntropy(class_weights=[1.0, 2.0]).build(2)
    targets = torch.tensor([0, 1])
    for dtype in (torch.float32, torch.float64, torch.float32):
        assert minimised(torch.zeros(2, 2, dtype=dtype), targets).dtype == dtype


def test_two_classes_need_one_output_under_binary_cross_entropy() -> None:
    loss = BinaryCrossEntropy()
    assert [loss.units(classes) for classes in (2, 3, 10)] == [1, 3, 10]
    z, t = RANDOM.normal(0, 2, (6, 1)), np.array([0, 1, 1, 0, 1, 0])
    minimised, reported = run(loss, z, t, 2)
    np.testing.assert_allclose(reported, binary(z, t[:, None].astype(float)), rtol=1e-12)
    assert minimised == pytest.approx(reported.mean(), rel=1e-12)
    both = np.hstack([np.zeros_like(z), z])
    np.testing.assert_allclose(run(CrossEntropy(), both, t, 2)[1], reported, rtol=1e-12)
    assert loss.decide(torch.tensor([[-0.5], [0.5], [0.0]])).tolist() == [0, 1, 0]


def test_a_target_of_another_shape_is_refused_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\(5, 1\).*\(5,\)"):
        MSE().build(None)(torch.zeros(5, 1), torch.zeros(5))


def test_class_losses_that_apply_their_own_softmax_or_sigmoid_say_so() -> None:
    for name in ("mse", "mae", "huber"):
        assert Loss.members[name]().activates
        assert not Loss.members[name](outputs="raw").activates
    assert CrossEntropy().activates
    assert BinaryCrossEntropy().activates
    assert not Hinge().activates


def test_number_targets_are_for_mse_mae_and_huber() -> None:
    accepting = {name for name, member in Loss.members.items() if "number" in member.targets}
    assert {"mse", "mae", "huber"} <= accepting
    assert not accepting & {"cross_entropy", "binary_cross_entropy", "hinge"}


def batch(loss: Loss, kind: str, size: int = 6) -> tuple[Tensor, Tensor, int | None]:
    generator = torch.Generator().manual_seed(0)
    if kind == "number":
        return torch.randn(size, 1, generator=generator), torch.randn(size, 1, generator=generator), None
    outputs = torch.randn(size, loss.units(3), generator=generator)
    return outputs, torch.randint(0, 3, (size,), generator=generator), 3


@pytest.mark.parametrize(
    ("member", "kind"), [(member, kind) for member in Loss.members.values() for kind in sorted(member.targets)]
)
class TestEveryLoss:
    def test_the_mean_of_what_is_reported_is_minimised(self, member: type[Loss], kind: str) -> None:
        outputs, targets, classes = batch(member(), kind)
        minimised = member().build(classes)(outputs, targets)
        reported = member().build_reported(classes)(outputs, targets)
        assert minimised.shape == ()
        assert reported.shape == (6,)
        assert minimised.dtype == reported.dtype == torch.float32
        assert (reported >= 0).all()
        np.testing.assert_allclose(reported.mean(), minimised, rtol=1e-6)

    def test_each_sample_is_judged_on_its_own(self, member: type[Loss], kind: str) -> None:
        outputs, targets, classes = batch(member(), kind)
        together = member().build_reported(classes)
        alone = torch.cat([together(outputs[i : i + 1], targets[i : i + 1]) for i in range(6)])
        np.testing.assert_allclose(alone, together(outputs, targets), rtol=1e-6)

    @pytest.mark.parametrize("scale", [1.0, 1e4])
    def test_gradient_is_finite_and_points_away_from_the_target(
        self, member: type[Loss], kind: str, scale: float
    ) -> None:
        outputs, targets, classes = batch(member(), kind)
        outputs = (outputs * scale).requires_grad_()
        minimise = member().build(classes)
        loss = minimise(outputs, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        assert outputs.grad is not None
        assert torch.isfinite(loss)
        assert torch.isfinite(outputs.grad).all()
        if scale == 1:
            assert minimise(outputs.detach() - 0.01 * outputs.grad, targets) < loss

    def test_decides_for_the_class_it_rewards(self, member: type[Loss], kind: str) -> None:
        if kind != "class":
            return
        for classes in (2, 3, 5):
            targets = torch.arange(classes)
            units = member().units(classes)
            outputs = torch.full((classes, units), -4.0)
            outputs[targets, 0 if units == 1 else targets] = 4.0
            if units == 1:
                outputs[0] = -4.0
            decided = member().decide(outputs)
            assert decided.dtype == torch.int64
            assert decided.tolist() == targets.tolist()
            reported = member().build_reported(classes)
            assert (reported(outputs, decided) < reported(outputs, (decided + 1) % classes)).all()
