"""Optimizers: ten steps each against formulas written again in numpy, and what holds for every one of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tuner.choice import InvalidError
from tuner.options.optimizers.base import Optimizer
from tuner.options.optimizers.of_torch import SGD, Adadelta, Adagrad, Adam, AdamW, NAdam, RAdam, RMSprop

Array = Any  # of numpy, float64
Memory = dict[str, Any]
Rule = Callable[[Any, Array, Array, Memory, float, int], Array]

SHAPES = [(4, 3), (5,), (2, 3, 3, 3)]
RATES = [0.1, 0.1, 0.02, 0.05, 0.2, 0.2, 0.01, 0.003, 0.1, 0.07]


def sgd(o: SGD, w: Array, g: Array, m: Memory, lr: float, t: int) -> Array:
    m["v"] = o.momentum * m.get("v", 0) - lr * g
    return w + o.momentum * m["v"] - lr * g if o.nesterov else w + m["v"]


def adagrad(o: Adagrad, w: Array, g: Array, m: Memory, lr: float, t: int) -> Array:
    m["s"] = m.get("s", o.initial_accumulator) + g**2
    return w - lr * g / (np.sqrt(m["s"]) + o.eps)


def rmsprop(o: RMSprop, w: Array, g: Array, m: Memory, lr: float, t: int) -> Array:
    m["s"] = o.alpha * m.get("s", 0) + (1 - o.alpha) * g**2
    m["m"] = o.alpha * m.get("m", 0) + (1 - o.alpha) * g
    d = g / (np.sqrt(m["s"] - m["m"] ** 2 if o.centered else m["s"]) + o.eps)
    m["b"] = o.momentum * m.get("b", 0) + d
    return w - lr * m["b"]


def adadelta(o: Adadelta, w: Array, g: Array, m: Memory, lr: float, t: int) -> Array:
    m["s"] = o.rho * m.get("s", 0) + (1 - o.rho) * g**2
    d = g * np.sqrt(m.get("u", 0) + o.eps) / np.sqrt(m["s"] + o.eps)
    m["u"] = o.rho * m.get("u", 0) + (1 - o.rho) * d**2
    return w - lr * d


def moments(o: Any, g: Array, m: Memory) -> tuple[Array, Array]:
    b1, b2 = o.betas
    m["m"] = b1 * m.get("m", 0) + (1 - b1) * g
    m["s"] = b2 * m.get("s", 0) + (1 - b2) * g**2
    return m["m"], m["s"]


def adam(o: Any, w: Array, g: Array, m: Memory, lr: float, t: int) -> Array:
    b1, b2 = o.betas
    mean, square = moments(o, g, m)
    return w - lr * (mean / (1 - b1**t)) / (np.sqrt(square / (1 - b2**t)) + o.eps)


def nadam(o: NAdam, w: Array, g: Array, m: Memory, lr: float, t: int) -> Array:
    b1, b2 = o.betas
    mean, square = moments(o, g, m)
    k, following = (b1 * (1 - 0.96 ** (n * o.momentum_decay) / 2) for n in (t, t + 1))
    m["K"] = m.get("K", 1) * k
    ahead = following * mean / (1 - m["K"] * following) + (1 - k) * g / (1 - m["K"])
    return w - lr * ahead / (np.sqrt(square / (1 - b2**t)) + o.eps)


def radam(o: RAdam, w: Array, g: Array, m: Memory, lr: float, t: int) -> Array:
    b1, b2 = o.betas
    mean, square = moments(o, g, m)
    full = 2 / (1 - b2) - 1
    r = full - 2 * t * b2**t / (1 - b2**t)
    a = mean / (1 - b1**t)
    if r <= 5:
        return w - lr * a
    c = np.sqrt((r - 4) * (r - 2) * full / ((full - 4) * (full - 2) * r))
    return w - lr * a * c * np.sqrt(1 - b2**t) / (np.sqrt(square) + o.eps)


CASES: list[tuple[Optimizer, Rule]] = [
    (SGD(), sgd),
    (SGD(momentum=0.9), sgd),
    (SGD(momentum=0.8, nesterov=True), sgd),
    (Adagrad(), adagrad),
    (Adagrad(eps=1e-3, initial_accumulator=0.5), adagrad),
    (RMSprop(), rmsprop),
    (RMSprop(alpha=0.8, eps=1e-2, momentum=0.7), rmsprop),
    (RMSprop(alpha=0.9, eps=1e-2, centered=True), rmsprop),
    (RMSprop(alpha=0.9, eps=1e-2, centered=True, momentum=0.5), rmsprop),
    (Adadelta(), adadelta),
    (Adadelta(rho=0.7, eps=1e-2), adadelta),
    (Adam(), adam),
    (Adam(betas=[0.7, 0.9], eps=1e-2), adam),
    (AdamW(), adam),
    (AdamW(betas=[0.7, 0.9], eps=1e-2), adam),
    (NAdam(), nadam),
    (NAdam(betas=[0.7, 0.9], eps=1e-2, momentum_decay=0.1), nadam),
    (RAdam(), radam),
    (RAdam(betas=[0.7, 0.95], eps=1e-2), radam),
]


def start(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=dtype, requires_grad=True) for shape in SHAPES]


def slopes(step: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in SHAPES]


def fresh(optimizer: Optimizer, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
    states = [optimizer.state(parameter) for parameter in parameters]
    return {name: [state[name] for state in states] for name in states[0]}


def values(parameters: list[Tensor]) -> list[Array]:
    return [parameter.detach().numpy().copy() for parameter in parameters]


@pytest.mark.parametrize("decay", [0.0, 0.03])
@pytest.mark.parametrize(("optimizer", "rule"), CASES, ids=[repr(optimizer) for optimizer, _ in CASES])
def test_ten_steps_under_a_changing_rate_follow_the_formula(optimizer: Optimizer, rule: Rule, decay: float) -> None:
    parameters = start()
    state, expected = fresh(optimizer, parameters), values(parameters)
    memories: list[Memory] = [{} for _ in parameters]
    for t, lr in enumerate(RATES, start=1):
        for i, gradient in enumerate(values(slopes(t))):
            w, g = expected[i], gradient
            if optimizer.decoupled:
                w = w * (1 - lr * decay)
            else:
                g = g + decay * w
            expected[i] = rule(optimizer, w, g, memories[i], lr, t)
        optimizer.update(parameters, slopes(t), state, lr, decay)
        # nadam's product of momenta is a float32 number
        tolerance = 1e-5 if optimizer.name == "nadam" else 1e-10
        for actual, wanted in zip(values(parameters), expected, strict=True):
            np.testing.assert_allclose(actual, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_torchs_only_while_the_rate_is_constant(nesterov: bool) -> None:
    from torch.optim.sgd import sgd as theirs

    for rates, same in (([0.1] * 10, True), (RATES, False)):
        ours, others = start(), start()
        optimizer = SGD(momentum=0.9, nesterov=nesterov)
        state, buffers = fresh(optimizer, ours), [torch.zeros_like(parameter) for parameter in others]
        for step, lr in enumerate(rates):
            optimizer.update(ours, slopes(step), state, lr, 0.0)
            with torch.no_grad():
                theirs(
                    others,
                    slopes(step),
                    [*buffers],
                    weight_decay=0.0,
                    momentum=0.9,
                    lr=lr,
                    dampening=0.0,
                    nesterov=nesterov,
                    maximize=False,
                )
        assert np.allclose(values(ours)[0], values(others)[0], rtol=1e-10) == same


def test_sgd_needs_momentum_to_look_ahead() -> None:
    with pytest.raises(InvalidError, match="momentum above 0") as caught:
        SGD(nesterov=True)
    assert [key for key, _ in caught.value.clashes] == ["nesterov"]
    assert SGD(momentum=0.5, nesterov=True).nesterov


def test_sgd_without_momentum_remembers_nothing() -> None:
    assert SGD().state(torch.zeros(3)) == {}
    assert list(SGD(momentum=0.9).state(torch.zeros(3))) == ["momentum_buffer"]


def test_no_step_imports_torchs_compiler() -> None:
    script = """
import sys, torch
from tuner.options.optimizers.base import Optimizer
from tuner.choice import InvalidError
from tuner.options.optimizers.of_torch import SGD, RMSprop
extra = [SGD(momentum=0.9, nesterov=True), RMSprop(momentum=0.5, centered=True)]
for optimizer in [member() for member in Optimizer.members.values()] + extra:
    w = torch.ones(3, 2, requires_grad=True)
    (w ** 2).sum().backward()
    state = {name: [value] for name, value in optimizer.state(w).items()}
    optimizer.update([w], [w.grad], state, optimizer.lr, 0.1)
    assert (w < 1).all(), optimizer
print([name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("member", Optimizer.members.values(), ids=lambda member: member.name)
class TestEveryOptimizer:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_finds_the_bottom_of_a_bowl(self, member: type[Optimizer], dtype: torch.dtype) -> None:
        optimizer, parameters = member(), start(dtype)
        state = fresh(optimizer, parameters)

        def height() -> Tensor:
            return torch.stack([(parameter**2).sum() for parameter in parameters]).sum()

        heights = []
        for _ in range(60):
            gradients = list(torch.autograd.grad(height(), parameters))
            optimizer.update(parameters, gradients, state, optimizer.lr, optimizer.weight_decay)
            heights.append(height().item())
        assert heights == sorted(heights, reverse=True)
        assert len(set(heights)) == 60
        assert all(parameter.dtype == dtype and parameter.requires_grad for parameter in parameters)

    def test_state_can_be_put_away_and_taken_up_again(self, member: type[Optimizer]) -> None:
        optimizer = member()
        straight = start(torch.float32)
        state = fresh(optimizer, straight)
        for step in range(4):
            optimizer.update(straight, slopes(step, torch.float32), state, 0.1, 0.01)
        resumed = [parameter.detach().clone() for parameter in straight]
        taken_up = fresh(optimizer, resumed)
        assert taken_up.keys() == state.keys()
        for name, tensors in taken_up.items():
            for tensor, kept in zip(tensors, state[name], strict=True):
                assert (tensor.shape, tensor.dtype, tensor.device) == (kept.shape, kept.dtype, kept.device)
                tensor.copy_(kept)
        for step in range(4, 8):
            optimizer.update(straight, slopes(step, torch.float32), state, 0.1, 0.01)
            optimizer.update(resumed, slopes(step, torch.float32), taken_up, 0.1, 0.01)
        assert all(torch.equal(a, b) for a, b in zip(straight, resumed, strict=True))

    def test_zero_gradients_leave_the_weights_alone(self, member: type[Optimizer]) -> None:
        optimizer, parameters = member(), start(torch.float32)
        state = fresh(optimizer, parameters)
        for _ in range(8):
            optimizer.update(parameters, [torch.zeros(shape) for shape in SHAPES], state, 0.1, 0.0)
        assert all(torch.equal(a, b) for a, b in zip(parameters, start(torch.float32), strict=True))

    def test_says_truly_whether_weight_decay_is_decoupled(self, member: type[Optimizer]) -> None:
        settings: Memory = {"momentum": 0.9} if "momentum" in member.fields else {}
        optimizer, parameters = member(**settings), start()
        state = fresh(optimizer, parameters)
        for _ in range(5):
            optimizer.update(parameters, [torch.zeros_like(w) for w in parameters], state, lr=0.5, weight_decay=0.4)
        # Without gradients a decoupled decay is the only thing that acts; any other passes through the state first.
        shrunk = [w * (1 - 0.5 * 0.4) ** 5 for w in values(start())]
        close = [np.allclose(w, wanted, rtol=1e-6) for w, wanted in zip(values(parameters), shrunk, strict=True)]
        assert all(close) == any(close) == optimizer.decoupled
        text = " ".join((member.__doc__ or "").split())
        assert ("Weight decay is decoupled" in text) == optimizer.decoupled
        assert ("Weight decay is not decoupled" in text) == (not optimizer.decoupled)

    def test_gradients_may_lie_in_memory_in_any_way(self, member: type[Optimizer]) -> None:
        results = []
        for arrange in (torch.clone, lambda g: g.t().contiguous().t(), lambda g: g[:, :1].expand(6, 4)):
            parameter = torch.ones(6, 4)
            optimizer = member()
            state = fresh(optimizer, [parameter])
            for step in range(3):
                gradient = torch.full((6, 4), 1.0 + step) + torch.arange(6.0)[:, None]
                optimizer.update([parameter], [arrange(gradient)], state, 0.1, 0.01)
            results.append(parameter)
        assert torch.equal(results[0], results[1])
        assert torch.equal(results[0], results[2])

    def test_nothing_to_do_is_no_mistake(self, member: type[Optimizer]) -> None:
        member().update([], [], {name: [] for name in member().state(torch.zeros(1))}, 0.1, 0.0)

    def test_shares_the_settings_of_its_kind(self, member: type[Optimizer]) -> None:
        optimizer = member(lr=0.5, weight_decay=0.1, decay_bias_and_norm=True)
        assert (optimizer.lr, optimizer.weight_decay, optimizer.decay_bias_and_norm) == (0.5, 0.1, True)
        assert member().weight_decay == 0
        assert member().decay_bias_and_norm is False
