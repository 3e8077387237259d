"""Initializers: the distribution each one draws from, against the papers' formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tuner.options.initializers import (
    Constant,
    Default,
    Initializer,
    Normal,
    Orthogonal,
    Uniform,
    fans,
)

Fans = Callable[[int, int], float]

LINEAR, CONV = (400, 700), (96, 64, 5, 7)
SHAPES = {LINEAR: (700, 400), CONV: (64 * 35, 96 * 35)}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(initializer: Initializer, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return initializer.draw(shape, *fans(shape), seeded(seed))


def distance(sample: Tensor, distribution: torch.distributions.Distribution) -> float:
    """The largest gap between the sample's and the distribution's cumulative shares (Kolmogorov-Smirnov)."""
    ordered = sample.double().flatten().sort().values
    shares = torch.arange(1, len(ordered) + 1) / len(ordered)
    return float((distribution.cdf(ordered) - shares).abs().max())


@pytest.mark.parametrize(("shape", "expected"), [((3, 5), (5, 3)), (CONV, SHAPES[CONV]), ((8, 4, 3), (12, 24))])
def test_fans_count_the_receptive_field(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert fans(shape) == expected


@pytest.mark.parametrize("shape", [(), (7,)])
def test_a_vector_has_no_fans(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two or more dimensions"):
        fans(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("glorot_uniform", lambda i, o: np.sqrt(6.0 / (i + o))),
        ("he_uniform", lambda i, _: np.sqrt(6.0 / i)),
        ("lecun_uniform", lambda i, _: np.sqrt(3.0 / i)),
        ("default", lambda i, _: 1.0 / np.sqrt(i)),
        ("uniform", lambda *_: 0.05),
    ],
)
def test_uniform_weights_fill_their_range_evenly(name: str, bound: Fans, shape: tuple[int, ...]) -> None:
    b = float(bound(*SHAPES[shape]))
    weight = drawn(Initializer.members[name](), shape)
    assert float(weight.abs().max()) <= np.float32(b)
    assert float(weight.min()) < -0.9999 * b
    assert float(weight.max()) > 0.9999 * b
    assert float(weight.double().std()) == pytest.approx(b / math.sqrt(3), rel=3e-3)
    limits = torch.tensor(-b, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    spread = torch.distributions.Uniform(*limits, validate_args=False)
    assert distance(weight.clamp(-b, b), spread) < 1.6 / math.sqrt(weight.numel())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("name", "std"),
    [
        ("glorot_normal", lambda i, o: np.sqrt(2.0 / (i + o))),
        ("he_normal", lambda i, _: np.sqrt(2.0 / i)),
        ("lecun_normal", lambda i, _: 1.0 / np.sqrt(i)),
        ("neural_tangent", lambda i, _: 1.0 / np.sqrt(i)),
        ("normal", lambda *_: 0.05),
    ],
)
def test_normal_weights_are_normal_to_the_tails(name: str, std: Fans, shape: tuple[int, ...]) -> None:
    s = float(std(*SHAPES[shape]))
    weight = drawn(Initializer.members[name](), shape)
    assert float(weight.double().mean()) == pytest.approx(0, abs=4 * s / math.sqrt(weight.numel()))
    assert float(weight.double().std()) == pytest.approx(s, rel=4e-3)
    assert float(weight.abs().max()) > 4 * s  # not truncated
    bell = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(s, dtype=torch.float64))
    assert distance(weight, bell) < 1.6 / math.sqrt(weight.numel())


def test_settings_set_range_deviation_and_value() -> None:
    assert 0.2999 < float(drawn(Uniform(scale=0.3), LINEAR).abs().max()) <= np.float32(0.3)
    assert float(drawn(Normal(std=0.7), LINEAR).std()) == pytest.approx(0.7, rel=4e-3)
    assert torch.equal(drawn(Constant(value=-0.25), (3, 2)), torch.full((3, 2), -0.25))
    assert torch.equal(drawn(Initializer.members["zeros"](), (3, 2)), torch.zeros(3, 2))
    assert torch.equal(drawn(Initializer.members["ones"](), (3, 2)), torch.ones(3, 2))


@pytest.mark.parametrize("shape", [(40, 40), (30, 50), (50, 30), (16, 3, 3, 3), (3, 16, 5, 5), (1, 9), (9, 1)])
def test_orthogonal_weights_do_not_stretch(shape: tuple[int, ...]) -> None:
    weight = drawn(Orthogonal(), shape)
    assert weight.is_contiguous()
    matrix = weight.double().reshape(shape[0], -1)
    square = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(square, np.eye(len(square)), rtol=0, atol=1e-6)


def test_orthogonal_weights_are_uniform_over_all_such_matrices() -> None:
    generator = seeded()
    traces = torch.stack([Orthogonal().draw((3, 3), 3, 3, generator).trace() for _ in range(1500)])
    # Under the uniform distribution on O(n), n >= 2, the trace has mean 0 and variance 1; without the sign fix the
    # diagonal of Q leans to one side.
    assert float(traces.mean()) == pytest.approx(0, abs=0.08)
    assert float(traces.var()) == pytest.approx(1, abs=0.12)


def test_biases_of_the_neural_tangent_are_normal() -> None:
    bias = Initializer.members["neural_tangent"]().draw_bias((100_000,), 7, seeded())
    bell = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), torch.tensor(1.0, dtype=torch.float64))
    assert distance(bias, bell) < 1.6 / math.sqrt(bias.numel())


def test_default_is_what_torch_does() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = torch.nn.Linear(300, 500).weight.detach()
    weight, bias = drawn(Default(), (500, 300)), Default().draw_bias((500,), 300, seeded())
    assert float(weight.std()) == pytest.approx(float(theirs.std()), rel=0.01)
    assert float(weight.abs().max()) == pytest.approx(float(theirs.abs().max()), rel=1e-3)
    assert float(bias.abs().max()) == pytest.approx(1 / math.sqrt(300), rel=0.02)
    assert float(bias.abs().max()) <= 1 / math.sqrt(300)


@pytest.mark.parametrize("member", Initializer.members.values(), ids=lambda member: member.name)
class TestEveryInitializer:
    @pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3, 3), (1, 1)])
    def test_shape_type_place(self, member: type[Initializer], shape: tuple[int, ...]) -> None:
        weight, bias = drawn(member(), shape), member().draw_bias((shape[0],), fans(shape)[0], seeded())
        assert weight.shape == shape
        assert bias.shape == (shape[0],)
        for tensor in (weight, bias):
            assert tensor.dtype == torch.float32
            assert tensor.device.type == "cpu"
            assert tensor.is_contiguous()
            assert not tensor.requires_grad
            assert torch.isfinite(tensor).all()

    def test_is_a_function_of_the_generator_alone(self, member: type[Initializer]) -> None:
        before = torch.random.get_rng_state()
        first, again, other = (drawn(member(), (20, 30), seed) for seed in (1, 1, 2))
        assert torch.equal(first, again)
        assert torch.equal(first, other) == (member.name in ("zeros", "ones", "constant"))
        member().draw_bias((5,), 3, seeded())
        assert torch.equal(before, torch.random.get_rng_state())

    def test_biases_start_at_zero_unless_it_says_otherwise(self, member: type[Initializer]) -> None:
        bias = member().draw_bias((50,), 10, seeded())
        assert bool(bias.any()) == (member.name in ("default", "neural_tangent"))
