"""Networks: their first weights, their shapes, what they compute."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tuner import network
from tuner.options.activations import Linear, PReLU, Tanh
from tuner.options.initializers import Default, Initializer, LecunNormal, Orthogonal, Uniform, Zeros
from tuner.options.layers.base import Layer
from tuner.options.layers.of_torch import Conv, Dense, Dropout, Pool, Recurrent
from tuner.options.models import CNN, MLP, RNN, Layers, Model, Output
from tuner.plan import Plan, plan

Formula = Callable[[int, int], float]  # of fan_in and fan_out
BOUNDS: dict[str, Formula] = {
    "uniform": lambda *_: 0.3,
    "glorot_uniform": lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
    "he_uniform": lambda fan_in, *_: math.sqrt(6 / fan_in),
    "lecun_uniform": lambda fan_in, *_: math.sqrt(3 / fan_in),
}
DEVIATIONS: dict[str, Formula] = {
    "normal": lambda *_: 0.3,
    "glorot_normal": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    "he_normal": lambda fan_in, *_: math.sqrt(2 / fan_in),
    "gaussian": lambda fan_in, *_: 1 / math.sqrt(fan_in),
}
SETTINGS: dict[str, dict[str, Any]] = {"uniform": {"scale": 0.3}, "normal": {"std": 0.3}}


def initializer(name: str) -> Initializer:
    found = Initializer.find(name)
    assert found is not None
    return found(**SETTINGS.get(name, {}))


def weights_and_fans(name: str) -> list[tuple[str, Tensor, int, int]]:
    """(what, weight, fan_in, fan_out) of a dense layer, a convolution and each gate of a recurrent layer."""
    chosen = initializer(name)
    dense = network.build(plan(MLP(hidden=[300], initializer=chosen), (150,), 4), 0)
    conv = network.build(plan(CNN(channels=[16, 50], initializer=chosen), (3, 8, 8), 4), 0)
    found: list[tuple[str, Tensor, int, int]] = [
        ("dense", dense.get_parameter("hidden.0.weight"), 150, 300),
        ("conv", conv.get_parameter("conv.1.weight"), 16 * 9, 50 * 9),
    ]
    for cell, gates in (("rnn", 1), ("gru", 3), ("lstm", 4)):
        model = RNN(units=[120], cell=cell, initializer=chosen)
        built = network.build(plan(model, (5, 90), 4), 0)
        for gate in range(gates):
            rows = slice(gate * 120, (gate + 1) * 120)
            found.append((f"{cell} input {gate}", built.get_parameter("rnn.0.cell.weight_ih_l0")[rows], 90, 120))
            found.append((f"{cell} state {gate}", built.get_parameter("rnn.0.cell.weight_hh_l0")[rows], 120, 120))
    return [(what, weight.detach(), fan_in, fan_out) for what, weight, fan_in, fan_out in found]


@pytest.mark.parametrize("name", BOUNDS)
def test_uniform_initializers_fill_their_range(name: str) -> None:
    for what, weight, fan_in, fan_out in weights_and_fans(name):
        bound = BOUNDS[name](fan_in, fan_out)
        assert 0.995 * bound < float(weight.abs().max()) <= bound * (1 + 1e-6), what
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.03), what
        assert abs(float(weight.mean())) < 0.03 * bound, what


@pytest.mark.parametrize("name", DEVIATIONS)
def test_normal_initializers_have_their_deviation_and_are_not_truncated(name: str) -> None:
    for what, weight, fan_in, fan_out in weights_and_fans(name):
        std = DEVIATIONS[name](fan_in, fan_out)
        assert float(weight.std()) == pytest.approx(std, rel=0.03), what
        assert abs(float(weight.mean())) < 0.04 * std, what
        assert float((weight.abs() > 2 * std).float().mean()) == pytest.approx(0.0455, abs=0.01), what
        assert float(weight.abs().max()) > 3 * std, what


def test_orthogonal_layers_are_orthogonal_gate_by_gate() -> None:
    for what, weight, _, _ in weights_and_fans("svd"):
        matrix = weight.flatten(1)
        matrix = matrix if len(matrix) <= matrix.shape[1] else matrix.T
        assert torch.allclose(matrix @ matrix.T, torch.eye(len(matrix)), atol=1e-5), what


def test_gates_differ_from_one_another() -> None:
    built = network.build(plan(RNN(units=[8], cell="lstm"), (5, 6), 4), 0)
    gates = built.get_parameter("rnn.0.cell.weight_hh_l0").detach().chunk(4)
    assert all(not torch.equal(one, other) for one, other in pairwise(gates))


@pytest.mark.parametrize("name", ["zeros", "ones", "constant"])
def test_constant_initializers(name: str) -> None:
    for what, weight, _, _ in weights_and_fans(name):
        assert float(weight.min()) == float(weight.max()) == pytest.approx({"zeros": 0, "ones": 1}.get(name, 0.1)), what


def test_biases_start_at_zero_and_batch_norm_at_one_and_zero() -> None:
    models: list[tuple[Model, tuple[int, ...]]] = [
        (MLP(hidden=[5, 4], output=Output(initializer=LecunNormal())), (7,)),
        (CNN(channels=[3], hidden=[4], batch_norm=True, output=Output(initializer=Zeros())), (1, 8, 8)),
        (RNN(units=[4], cell="gru", output=Output(initializer=LecunNormal())), (5, 3)),
    ]
    for model, shape in models:
        built = network.build(plan(model, shape, 3), 0)
        for name, value in [*built.named_parameters(), *built.named_buffers()]:
            if name.endswith(("norm.weight", "running_var")):
                assert bool((value == 1).all()), name
            elif "bias" in name or name.endswith(("running_mean", "num_batches_tracked")):
                assert bool((value == 0).all()), name


@pytest.mark.parametrize("what", ["dense", "conv", "lstm"])
def test_default_has_the_distribution_of_torchs_own_layers(what: str) -> None:
    shapes: dict[str, tuple[Model, tuple[int, ...], nn.Module, str]] = {
        "dense": (MLP(hidden=[600], initializer=Default()), (100,), nn.Linear(100, 600), "hidden.0."),
        "conv": (CNN(channels=[600], initializer=Default()), (8, 8, 8), nn.Conv2d(8, 600, 3), "conv.0."),
        "lstm": (RNN(units=[200], cell="lstm", initializer=Default()), (5, 30), nn.LSTM(30, 200), "rnn.0.cell."),
    }
    model, shape, theirs, prefix = shapes[what]
    ours = network.build(plan(model, shape, 3), 0)
    for name, other in theirs.named_parameters():
        own, reference = ours.get_parameter(prefix + name).detach(), other.detach()
        bound = 1 / math.sqrt({"dense": 100, "conv": 72, "lstm": 200}[what])
        for tensor in (own, reference):  # the reference is held to the same, so that the test knows torch's rule
            assert 0.98 * bound < float(tensor.abs().max()) <= bound * (1 + 1e-6), name
            assert float(tensor.std()) == pytest.approx(bound / math.sqrt(3), rel=0.06), name


def test_configs_share_every_weight_whose_name_and_shape_agree() -> None:
    def first_values(model: Model, seed: int) -> dict[str, Tensor]:
        return dict(network.build(plan(model, (1, 8, 8), 3), seed).named_parameters())

    one = first_values(CNN(channels=[4, 6], hidden=[10, 5]), 7)
    model = CNN(channels=[4, 6], hidden=[12, 5], activation=Tanh(), dropout=0.5, batch_norm=True)
    other, another_seed = first_values(model, 7), first_values(model, 8)
    shared = [name for name in one if name in other and one[name].shape == other[name].shape]
    assert shared == ["conv.0.weight", "conv.1.weight", "output.weight", "output.bias"]
    for name in shared:
        assert torch.equal(one[name], other[name])
        assert not torch.equal(one[name], another_seed[name])


def kinds() -> dict[str, tuple[Model, tuple[int, ...]]]:
    layers = Layers(
        layers=[
            Conv(conv=4, kernel_size=2, batch_norm=True),
            Pool(pool=2, mode="mean"),
            Conv(conv=3, kernel_size=3, padding="valid", activation=PReLU()),
            Dense(dense=6, activation=Tanh(), initializer=Orthogonal()),
            Dropout(dropout=0.4),
            Dense(dense=5, batch_norm=True, activation=Linear()),
        ]
    )
    stacked = Layers(layers=[Recurrent(rnn=6, cell="gru"), Dropout(dropout=0.2), Recurrent(rnn=4, cell="lstm")])
    return {
        "mlp": (MLP(hidden=[6, 5], batch_norm=True, dropout=0.1, activation=PReLU()), (1, 8, 8)),
        "linear": (MLP(hidden=[]), (9,)),
        "cnn": (CNN(channels=[3, 4], hidden=[5], batch_norm=True, dropout=0.2), (2, 8, 9)),
        "rnn": (RNN(units=[4, 3], cell="rnn", hidden=[6]), (2, 5, 3)),
        "gru": (RNN(units=[4], cell="gru"), (6, 3)),
        "lstm": (RNN(units=[4, 3], cell="lstm", hidden=[6], batch_norm=True), (6, 3)),
        "layers": (layers, (3, 10, 11)),
        "stacked": (stacked, (7, 2)),
    }


def built_kind(kind: str) -> tuple[Plan, network.Network, Tensor]:
    model, shape = kinds()[kind]
    made = plan(model, shape, 3)
    x = torch.randn(6, *shape, generator=torch.Generator().manual_seed(1))
    return made, network.build(made, 5), x


@pytest.mark.parametrize("kind", kinds())
def test_the_plan_says_what_is_built(kind: str) -> None:
    made, built, x = built_kind(kind)
    real = {name: tuple(parameter.shape) for name, parameter in built.named_parameters()}
    assert real == {f"{block.name}.{key}": shape for block in made.blocks for key, shape in block.parameters.items()}
    assert made.parameters == sum(parameter.numel() for parameter in built.parameters())
    for block, (name, module) in zip(made.blocks, built.blocks, strict=True):
        x = module(x)
        assert name == block.name
        assert tuple(x.shape[1:]) == block.outputs


def test_there_is_no_bias_before_batch_norm() -> None:
    made = plan(CNN(channels=[3], hidden=[5], batch_norm=True), (1, 8, 8), 3)
    names = [name for name, _ in network.build(made, 0).named_parameters() if name.endswith("bias")]
    assert names == ["conv.0.norm.bias", "hidden.0.norm.bias", "output.bias"]


@pytest.mark.parametrize("side", range(1, 9))
def test_same_keeps_the_size_for_odd_and_even_kernels(side: int) -> None:
    built = network.build(plan(CNN(channels=[2], kernel_size=side, activation=Linear()), (2, 8, 11), 3), 0)
    x = torch.randn(3, 2, 8, 11, generator=torch.Generator().manual_seed(0))
    conv = built.get_submodule("conv.0")
    given = conv(x)
    assert given.shape == (3, 2, 8, 11)
    before, after = (side - 1) // 2, side // 2
    padded = F.pad(x, (before, after, before, after))
    weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
    windows = padded.unfold(2, side, 1).unfold(3, side, 1)
    assert torch.allclose(given, torch.einsum("nchwij,ocij->nohw", windows, weight) + bias[:, None, None], atol=1e-5)


def by_hand(kind: str, own: dict[str, Tensor], x: Tensor) -> Tensor:
    """The forward pass of `built_kind(kind)` in eval mode, written again with torch's functions."""

    def dense(x: Tensor, name: str, norm: bool = False) -> Tensor:
        x = F.linear(x, own[f"{name}.weight"], None if norm else own[f"{name}.bias"])
        return normed(x, name) if norm else x

    def normed(x: Tensor, name: str) -> Tensor:
        keys = ("running_mean", "running_var", "weight", "bias")
        mean, var, scale, shift = (own[f"{name}.norm.{key}"] for key in keys)
        shape = (1, -1, 1, 1)[: x.ndim]
        return (x - mean.view(shape)) / torch.sqrt(var.view(shape) + 1e-5) * scale.view(shape) + shift.view(shape)

    def prelu(x: Tensor, name: str) -> Tensor:
        return torch.where(x > 0, x, own[f"{name}.activation.weight"] * x)

    if kind == "mlp":
        for name in ("hidden.0", "hidden.1"):
            x = prelu(dense(x.flatten(1), name, norm=True), name)
    if kind == "cnn":
        for name in ("conv.0", "conv.1"):
            x = F.max_pool2d(normed(F.conv2d(x, own[f"{name}.weight"], padding=1), name).relu(), 2)
        x = dense(x.flatten(1), "hidden.0", norm=True).relu()
    if kind == "layers":
        x = normed(F.conv2d(F.pad(x, (0, 1, 0, 1)), own["conv.0.weight"]), "conv.0").relu()
        x = prelu(F.conv2d(F.avg_pool2d(x, 2), own["conv.1.weight"], own["conv.1.bias"]), "conv.1")
        x = dense(dense(x.flatten(1), "hidden.0").tanh(), "hidden.1", norm=True)
    if kind == "rnn":  # pictures, row by row
        x = torch.stack([torch.cat([x[:, 0, row], x[:, 1, row]], dim=1) for row in range(5)], dim=1)
        for layer in ("rnn.0", "rnn.1"):
            w, u, b, c = (own[f"{layer}.cell.{key}_l0"] for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            state, states = torch.zeros(len(x), len(u)), []
            for step in range(x.shape[1]):
                state = torch.tanh(x[:, step] @ w.T + b + state @ u.T + c)
                states.append(state)
            x = torch.stack(states, dim=1)
        x = dense(x[:, -1], "hidden.0").relu()
    return dense(x, "output")


@pytest.mark.parametrize("kind", ["mlp", "linear", "cnn", "rnn", "layers"])
def test_forward_is_what_the_config_says(kind: str) -> None:
    _, built, x = built_kind(kind)
    with torch.no_grad():  # batch norm and PReLU away from what they start at
        values = torch.Generator().manual_seed(3)
        for name, tensor in built.state_dict().items():
            if "norm" in name or "activation" in name:
                tensor.copy_(torch.rand(tensor.shape, generator=values) + 0.5)
    built.eval()
    assert torch.allclose(built(x), by_hand(kind, dict(built.state_dict()), x), atol=1e-5)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_recurrent_layers_are_torchs(cell: str) -> None:
    built = network.build(plan(RNN(units=[4, 3], cell=cell), (6, 5), 2), 1)
    theirs = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](5, 4, batch_first=True)
    above = {"gru": nn.GRU, "lstm": nn.LSTM}[cell](4, 3, batch_first=True)
    for ours, other in (("rnn.0.cell", theirs), ("rnn.1.cell", above)):
        other.load_state_dict(built.get_submodule(ours).state_dict())
    x = torch.randn(7, 6, 5, generator=torch.Generator().manual_seed(2))
    last = above(theirs(x)[0])[0][:, -1]
    assert torch.allclose(built(x), built.get_submodule("output")(last), atol=1e-6)


def test_dropout_is_a_function_of_seed_step_and_layer() -> None:
    made = plan(MLP(hidden=[400, 400], dropout=0.25), (10,), 3)
    one, again, other = (network.build(made, seed) for seed in (1, 1, 2))
    ones = torch.ones(50, 400)

    def mask(built: network.Network, layer: int, step: int) -> Tensor:
        built.at(step)
        dropped: Tensor = built.get_submodule(f"dropout.{layer}")(ones)
        return dropped

    assert torch.equal(mask(one, 0, 3), mask(again, 0, 3))
    _ = mask(again, 0, 99)
    assert torch.equal(mask(one, 0, 3), mask(again, 0, 3))  # nothing carries over from step to step
    keys = list(product((one, other), (0, 1), (3, 4)))
    masks = [mask(*key) for key in keys]
    assert all(not torch.equal(a, b) for index, a in enumerate(masks) for b in masks[:index])
    for found in masks:
        assert sorted(set(found.flatten().tolist())) == pytest.approx([0, 1 / 0.75], abs=1e-4)
        assert float((found == 0).float().mean()) == pytest.approx(0.25, abs=0.012)
        assert float(found.mean()) == pytest.approx(1, abs=0.02)
    one.eval()
    assert mask(one, 0, 3) is ones


def test_building_leaves_the_global_generators_alone() -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tolist()
    for kind, name in product(kinds(), ("default", "he_normal", "orthogonal")):
        model, shape = kinds()[kind]
        network.build(plan(model.replace(initializer=initializer(name)), shape, 3), 0)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.random.get_state(legacy=False)["state"]["key"].tolist() == before[2]


def test_a_layers_own_settings_win() -> None:
    listed: list[Layer] = [Dense(dense=50, initializer=Zeros()), Dense(dense=60)]
    model = Layers(layers=listed, initializer=Uniform(scale=0.5), batch_norm=True)
    built = network.build(plan(model, (40,), 3), 0)
    assert float(built.get_parameter("hidden.0.weight").detach().abs().max()) == 0
    assert float(built.get_parameter("hidden.1.weight").detach().abs().max()) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_relu_after_pooling_changes_no_bit(channels: int, norm: bool) -> None:
    """Looked at, each layer hands on what it is said to, so that the two orders can be set beside each other."""
    planned = plan(CNN(channels=[5, 6], hidden=[9], batch_norm=norm), (channels, 12, 12), 4)
    x = torch.randn(16, channels, 12, 12, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    seen: dict[str, Tensor] = {}
    found = []
    for looks in (False, True):
        built = network.build(planned, 0)
        with built.watched(seen.__setitem__) if looks else nullcontext():
            outputs = built(x)
        outputs.square().sum().backward()
        found.append([outputs.detach(), *(parameter.grad for parameter in built.parameters())])
    assert float(seen["conv.0"].detach().min()) == 0
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("strides", ["as stored", "by index", "channels last"])
def test_bits_do_not_depend_on_how_pictures_lie_in_memory(channels: int, strides: str) -> None:
    built = network.build(plan(CNN(channels=[5, 6], hidden=[9]), (channels, 12, 12), 4), 0)
    x = torch.randn(16, channels, 12, 12, generator=torch.Generator().manual_seed(0))
    seen: dict[str, Tensor] = {}
    with built.watched(seen.__setitem__):
        expected = built(x)
    assert seen["conv.0"].is_contiguous(memory_format=torch.channels_last)
    assert not seen["conv.0"].is_contiguous()
    lies = {"as stored": x, "by index": x[torch.arange(16)], "channels last": x.to(memory_format=torch.channels_last)}
    assert torch.equal(built(lies[strides]), expected)
