"""Model + input shape -> layers: shapes, parameters and operations against figures worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tuner.options.activations import Activation, PReLU
from tuner.options.initializers import Zeros
from tuner.options.layers.base import PlanError, describe
from tuner.options.layers.of_torch import Conv, Dense, Dropout, Pool, Recurrent
from tuner.options.models import CNN, MLP, RNN, Layers, Model, Output
from tuner.plan import Plan, plan

MNIST = (1, 28, 28)


def shapes(found: Plan) -> list[tuple[str, tuple[int, ...]]]:
    return [(block.name, block.outputs) for block in found.blocks]


def sizes(found: Plan) -> dict[str, int]:
    return {block.name: block.size for block in found.blocks if block.parameters}


def test_mlp() -> None:
    found = plan(MLP(hidden=[500, 500]), MNIST, 10)
    assert shapes(found) == [("hidden.0", (500,)), ("hidden.1", (500,)), ("output", (10,))]
    assert sizes(found) == {"hidden.0": 784 * 500 + 500, "hidden.1": 500 * 500 + 500, "output": 500 * 10 + 10}
    assert found.parameters == 648_010
    assert found.flops == pytest.approx(2 * (784 * 500 + 500 * 500 + 500 * 10), rel=0.01)
    # forward once, backward twice as much, but for the gradient by the input: 3 * 1.294 - 0.784 million
    assert found.train_flops == pytest.approx(3.098e6, rel=0.01)
    assert found.blocks[0].parameters == {"weight": (500, 784), "bias": (500,)}


def test_a_linear_model() -> None:
    found = plan(MLP(hidden=[]), (4,), 3)
    assert (shapes(found), found.parameters) == ([("output", (3,))], 15)


def test_dropout_has_layers_of_its_own() -> None:
    found = plan(MLP(hidden=[8, 4], dropout=0.5), (4,), 3)
    assert [block.name for block in found.blocks] == ["hidden.0", "dropout.0", "hidden.1", "dropout.1", "output"]
    assert found.parameters == plan(MLP(hidden=[8, 4]), (4,), 3).parameters


def test_cnn() -> None:
    found = plan(CNN(channels=[32, 64], hidden=[128]), MNIST, 10)
    assert shapes(found) == [
        ("conv.0", (32, 28, 28)),
        ("pool.0", (32, 14, 14)),
        ("conv.1", (64, 14, 14)),
        ("pool.1", (64, 7, 7)),
        ("hidden.0", (128,)),
        ("output", (10,)),
    ]
    conv0, conv1 = 32 * 1 * 9 + 32, 64 * 32 * 9 + 64
    assert sizes(found) == {"conv.0": conv0, "conv.1": conv1, "hidden.0": 3136 * 128 + 128, "output": 1290}
    assert found.parameters == 421_642
    adds = 32 * 9 * 784 + 64 * 32 * 9 * 196 + 3136 * 128 + 1280
    assert found.flops == pytest.approx(2 * adds, rel=0.02)


def test_batch_norm_takes_the_place_of_the_bias() -> None:
    found = plan(CNN(channels=[8], hidden=[16], batch_norm=True), MNIST, 10)
    conv, _, hidden, output = found.blocks
    assert conv.parameters == {"weight": (8, 1, 3, 3), "norm.weight": (8,), "norm.bias": (8,)}
    assert hidden.parameters == {"weight": (16, 8 * 14 * 14), "norm.weight": (16,), "norm.bias": (16,)}
    assert output.parameters == {"weight": (10, 16), "bias": (10,)}
    assert (conv.batch_norm, hidden.batch_norm, output.batch_norm) == (True, True, False)


def test_parameters_of_the_activation_count() -> None:
    found = plan(MLP(hidden=[8], activation=PReLU()), (4,), 3)
    assert found.blocks[0].parameters["activation.weight"] == (1,)
    assert found.parameters == 4 * 8 + 8 + 1 + 8 * 3 + 3


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_rnn_reads_pictures_row_by_row(cell: Any, gates: int) -> None:
    found = plan(RNN(units=[32, 16], cell=cell, hidden=[8]), (3, 10, 20), 4)
    assert shapes(found) == [("rnn.0", (10, 32)), ("rnn.1", (16,)), ("hidden.0", (8,)), ("output", (4,))]
    first = gates * (32 * 60 + 32 * 32 + 32 + 32)
    second = gates * (16 * 32 + 16 * 16 + 16 + 16)
    assert sizes(found) == {"rnn.0": first, "rnn.1": second, "hidden.0": 16 * 8 + 8, "output": 8 * 4 + 4}
    assert [block.sequence for block in found.blocks] == [True, False, False, False]


def test_rnn_reads_sequences_step_by_step() -> None:
    found = plan(RNN(units=[7]), (12, 5), 2)
    assert found.blocks[0].parameters["cell.weight_ih_l0"] == (7, 5)
    assert found.blocks[0].flops == pytest.approx(12 * 2 * 7 * (5 + 7), rel=0.5)


def test_dropout_between_recurrent_layers_keeps_the_sequence() -> None:
    layers = Layers(
        layers=[Recurrent(rnn=4), Dropout(dropout=0.5), Recurrent(rnn=3), Dropout(dropout=0.5), Dense(dense=2)]
    )
    assert [outputs for _, outputs in shapes(plan(layers, (6, 2), 2))] == [(6, 4), (6, 4), (3,), (3,), (2,), (2,)]


SAME: list[tuple[Model, Model, tuple[int, ...]]] = [
    (
        CNN(channels=[4, 8], hidden=[16], dropout=0.25, batch_norm=True, kernel_size=5),
        Layers(
            layers=[
                Conv(conv=4, kernel_size=5),
                Pool(pool=2),
                Conv(conv=8, kernel_size=5),
                Pool(pool=2),
                Dense(dense=16),
                Dropout(dropout=0.25),
            ],
            batch_norm=True,
        ),
        MNIST,
    ),
    (MLP(hidden=[5, 6]), Layers(layers=[Dense(dense=5), Dense(dense=6)]), (3, 4)),
    (
        RNN(units=[5, 4], cell="gru", hidden=[3]),
        Layers(layers=[Recurrent(rnn=5, cell="gru"), Recurrent(rnn=4, cell="gru"), Dense(dense=3)]),
        (7, 2),
    ),
]


@pytest.mark.parametrize(("short", "general", "inputs"), SAME)
def test_layers_says_the_same_in_full(short: Model, general: Model, inputs: tuple[int, ...]) -> None:
    assert plan(short, inputs, 3) == plan(general, inputs, 3)
    assert [layer for _, layer in short.expand()] == [layer for _, layer in general.expand()]


def test_a_layers_own_settings_win() -> None:
    tanh = Activation.members["tanh"]()
    own = Dense(dense=3, activation=tanh, initializer=Zeros(), batch_norm=False)
    found = plan(Layers(layers=[own, Dense(dense=3)], batch_norm=True), (4,), 2)
    first, second, _ = found.blocks
    assert (first.activation, first.initializer, first.batch_norm) == (tanh, Zeros(), False)
    assert second.activation is not None and second.initializer is not None
    assert (second.activation.name, second.initializer.name, second.batch_norm) == ("relu", "he_normal", True)


def test_the_output_layer_has_its_own_settings() -> None:
    found = plan(MLP(output=Output(activation=Activation.members["softmax"](), initializer=Zeros())), (4,), 2)
    output = found.blocks[-1]
    assert output.activation is not None and output.initializer is not None
    assert (output.activation.name, output.initializer.name) == ("softmax", "zeros")


def test_valid_padding_shrinks_and_odd_sizes_are_cut() -> None:
    found = plan(Layers(layers=[Conv(conv=2, kernel_size=4, padding="valid"), Pool(pool=3)]), (1, 10, 8), 2)
    assert [block.outputs for block in found.blocks] == [(2, 7, 5), (2, 2, 1), (2,)]
    assert found.blocks[-1].parameters["weight"] == (2, 4)


@pytest.mark.parametrize(
    ("model", "inputs", "path", "message"),
    [
        (CNN(), (4,), "model.channels[0]", "a convolution takes pictures (C, H, W), and a row of 4 numbers comes in"),
        (CNN(), (6, 2), "model.channels[0]", "a sequence of 6 steps of 2 numbers comes in"),
        (RNN(), (4,), "model.units[0]", "a recurrent layer reads sequences or pictures, and a row of 4 numbers"),
        (
            CNN(channels=[1, 1], kernel_size=5),
            (1, 8, 8),
            "model.channels[1]",
            "a 5x5 kernel is larger than its picture of 4x4",
        ),
        (
            CNN(channels=[1] * 4, kernel_size=1),
            (1, 8, 8),
            "model.channels[3]",
            "pooling by 2 leaves nothing of a picture of 1x1",
        ),
        (
            Layers(layers=[Pool(pool=9)]),
            (1, 8, 9),
            "model.layers[0]",
            "pooling by 9 leaves nothing of a picture of 8x9",
        ),
        (Layers(layers=[Dense(dense=2), Conv(conv=2)]), MNIST, "model.layers[1]", "a row of 2 numbers comes in"),
        (Layers(layers=[Dense(dense=2), Pool(pool=2)]), MNIST, "model.layers[1]", "pooling takes pictures (C, H, W)"),
        (Layers(layers=[Dense(dense=2), Recurrent(rnn=2)]), MNIST, "model.layers[1]", "a row of 2 numbers comes in"),
        (Layers(layers=[Recurrent(rnn=2), Conv(conv=2)]), MNIST, "model.layers[1]", "a row of 2 numbers comes in"),
    ],
)
def test_layers_that_do_not_fit(model: Model, inputs: tuple[int, ...], path: str, message: str) -> None:
    with pytest.raises(PlanError) as raised:
        plan(model, inputs, 2)
    assert raised.value.path == path
    assert message in raised.value.message
    assert raised.value.suggestion


def test_shapes_in_words() -> None:
    assert describe((3,)) == "a row of 3 numbers"
    assert describe((2, 3)) == "a sequence of 2 steps of 3 numbers"
    assert describe((1, 2, 3)) == "a picture of 1 x 2 x 3"


def test_a_thousand_layers_are_planned_at_once() -> None:
    found = plan(MLP(hidden=[1_000_000] * 1000, dropout=0.1), (4,), 2)
    assert len(found.blocks) == 2001
    assert found.parameters == 5_000_000 + 999 * (10**12 + 10**6) + 2_000_002
