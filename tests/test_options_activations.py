"""Activations against formulas written again in numpy, values and slopes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tuner.options.activations import ELU, Activation, LeakyReLU, PReLU, Softplus

Array = Any  # of numpy, float64

# Both sides of every bend (0; -3 and 3), none on one.
POINTS = np.array([[-6.3, -3.7, -2.9, -1.1], [-0.6, -0.04, 0.03, 0.5], [1.2, 2.8, 3.3, 6.1]])
erf = np.vectorize(math.erf)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

FORMULAS: list[tuple[Activation, Callable[[Array], Array]]] = [
    (Activation.members["relu"](), lambda x: np.maximum(x, 0)),
    (LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (LeakyReLU(slope=0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    (PReLU(), lambda x: np.where(x > 0, x, 0.25 * x)),
    (PReLU(initial=0.5), lambda x: np.where(x > 0, x, 0.5 * x)),
    (ELU(), lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    (ELU(alpha=0.4), lambda x: np.where(x > 0, x, 0.4 * (np.exp(x) - 1))),
    (Activation.members["selu"](), lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * (np.exp(x) - 1))),
    (Activation.members["gelu"](), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
    (Activation.members["silu"](), lambda x: x * sigmoid(x)),
    (Activation.members["mish"](), lambda x: x * np.tanh(np.log(1 + np.exp(x)))),
    (Activation.members["sigmoid"](), sigmoid),
    (Activation.members["hard_sigmoid"](), lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    (Activation.members["tanh"](), np.tanh),
    (Softplus(), lambda x: np.log(1 + np.exp(x))),
    (Softplus(beta=2.5), lambda x: np.log(1 + np.exp(2.5 * x)) / 2.5),
    (Activation.members["softsign"](), lambda x: x / (1 + np.abs(x))),
    (Activation.members["exponential"](), np.exp),
    (Activation.members["softmax"](), softmax),
    (Activation.members["linear"](), lambda x: x),
]


def slopes(f: Callable[[Array], Array], x: Array, weights: Array) -> Array:
    """The gradient of sum(weights * f(x)) by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[place] = 1e-5
        gradient[place] = (weights * (f(x + nudge) - f(x - nudge))).sum() / 2e-5
    return gradient


def test_every_activation_of_the_catalogue_has_its_formula_here() -> None:
    assert {activation.name for activation, _ in FORMULAS} == {
        *("relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "hard_sigmoid", "tanh"),
        *("softplus", "softsign", "exponential", "softmax", "linear"),
    }


@pytest.mark.parametrize(("activation", "formula"), FORMULAS, ids=[repr(activation) for activation, _ in FORMULAS])
def test_values_and_slopes_follow_the_formula(activation: Activation, formula: Callable[[Array], Array]) -> None:
    weights = np.linspace(-1, 2, POINTS.size).reshape(POINTS.shape)
    x = torch.tensor(POINTS, requires_grad=True)
    y = activation.build().double()(x)
    np.testing.assert_allclose(y.detach().numpy(), formula(POINTS), rtol=1e-12, atol=1e-14)
    (y * torch.tensor(weights)).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), slopes(formula, POINTS, weights), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("member", Activation.members.values(), ids=lambda member: member.name)
class TestEveryActivation:
    @pytest.mark.parametrize("shape", [(5, 7), (4, 3, 6, 2), (1, 1)])
    def test_keeps_shape_and_type_and_leaves_its_input_alone(
        self, member: type[Activation], shape: tuple[int, ...]
    ) -> None:
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        kept = x.clone()
        y = member().build()(x)
        assert y.shape == x.shape
        assert y.dtype == x.dtype
        assert torch.equal(x, kept)

    def test_gradient_is_finite_far_out_and_at_zero(self, member: type[Activation]) -> None:
        x = torch.tensor([[-80.0, -20.5, -3.0, 0.0, 3.0, 20.5, 80.0]], requires_grad=True)
        y = member().build()(x)
        y.sum().backward()
        assert x.grad is not None
        assert torch.isfinite(y).all()
        assert torch.isfinite(x.grad).all()

    def test_gradient_agrees_with_differences_of_its_own_values(self, member: type[Activation]) -> None:
        module = member().build().double().requires_grad_(False)
        weights = np.linspace(-1, 2, POINTS.size).reshape(POINTS.shape)
        x = torch.tensor(POINTS, requires_grad=True)
        (module(x) * torch.tensor(weights)).sum().backward()
        assert x.grad is not None
        differences = slopes(lambda points: module(torch.tensor(points)).numpy(), POINTS, weights)
        np.testing.assert_allclose(x.grad.numpy(), differences, rtol=1e-6, atol=1e-8)

    def test_declares_its_learned_parameters(self, member: type[Activation]) -> None:
        activation = member()
        built = {name: tuple(parameter.shape) for name, parameter in activation.build().named_parameters()}
        assert activation.parameters() == built

    def test_builds_independent_modules_without_random_numbers(self, member: type[Activation]) -> None:
        before = torch.random.get_rng_state()
        first, second = member().build(), member().build()
        assert first is not second
        assert torch.equal(before, torch.random.get_rng_state())
        assert member.flops >= 0


def test_the_slope_of_prelu_is_learned() -> None:
    module = PReLU().build()
    module(torch.tensor([[-2.0, 3.0]])).sum().backward()
    (weight,) = module.parameters()
    assert weight.grad is not None
    assert weight.grad.item() == -2.0


def test_softmax_sums_to_one_over_channels() -> None:
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    shares = Activation.members["softmax"]().build()(x).sum(dim=1)
    np.testing.assert_allclose(shares, np.ones((2, 4, 5)), rtol=1e-6)
