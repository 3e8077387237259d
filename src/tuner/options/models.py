"""Models: the network's shape as settings. `plan.py` turns them into layers, `network.py` into modules."""

from __future__ import annotations

from tuner.bounds import Flag, Integer, ListOf, Null, Number, Of, OneOf, Part
from tuner.choice import Choice, Section, Shared, setting
from tuner.options.activations import Activation, Linear, ReLU
from tuner.options.initializers import Default, HeNormal, Initializer

WIDTH = Integer(ge=1, le=1_000_000)
SHARE, AFTER_DENSE = Number(ge=0, lt=1), Shared("after each dense layer")
HIDDEN, BEFORE_OUTPUT = ListOf(WIDTH, most=1_000), Shared("dense layers before the output")
CELL = OneOf("rnn", "gru", "lstm")


class Layer(Choice, kind="layer"):
    """A layer of `model.layers`: a map whose first key names it, e.g. ``{conv: 32, kernel_size: 3}``."""


class Conv(Layer, name="conv"):
    """A convolution: convolution, then batch norm, then activation. Needs pictures (C, H, W).

    Formula: out[c] = sum over input channels k of (kernel[c, k] * in[k]) + bias[c]; no bias before batch norm.
    Choose it when: the same small pattern can stand anywhere in a picture.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    conv: int = setting(WIDTH, "number of output channels")
    kernel_size: int = setting(Integer(ge=1, le=1_000), "side of the square kernel, in pixels", default=3)
    padding: str = setting(
        OneOf("same", "valid"), "same: the picture keeps its size; valid: no padding", default="same"
    )
    activation: Activation | None = setting(Null(Of(Activation)), "null: the model's", default=None)
    initializer: Initializer | None = setting(Null(Of(Initializer)), "null: the model's", default=None)
    batch_norm: bool | None = setting(Null(Flag()), "null: the model's", default=None)


class Pool(Layer, name="pool"):
    """Pooling over squares that do not overlap; an incomplete square at the border is left out.

    Formula: out = max (or mean) of each pool x pool square.
    Choose it when: where exactly a pattern stands matters less than that it is there; a quarter of the numbers remain.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    pool: int = setting(Integer(ge=2, le=1_000), "side of the square, in pixels")
    mode: str = setting(OneOf("max", "mean"), "what is kept of a square", default="max")


class Dense(Layer, name="dense"):
    """A fully connected layer: dense, then batch norm, then activation. Whatever comes in is flattened.

    Formula: out = weight @ in + bias; no bias before batch norm.
    Choose it when: every input may matter to every unit: tables, and the end of a convolutional network.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.
    """

    dense: int = setting(WIDTH, "number of units")
    activation: Activation | None = setting(Null(Of(Activation)), "null: the model's", default=None)
    initializer: Initializer | None = setting(Null(Of(Initializer)), "null: the model's", default=None)
    batch_norm: bool | None = setting(Null(Flag()), "null: the model's", default=None)


class Dropout(Layer, name="dropout"):
    """Sets a random share of its inputs to zero while training and scales the others up; does nothing in evaluation.

    Formula: out = in * mask / (1 - dropout), mask ~ Bernoulli(1 - dropout).
    Choose it when: the model is good on its training data and clearly worse on validation data.
    Source: Srivastava et al. (2014), "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4.
    """

    dropout: float = setting(SHARE, "share of the inputs set to zero")


class Recurrent(Layer, name="rnn"):
    """A recurrent layer over a sequence (T, F); the last one of a network hands on its last state.

    Formula: rnn: h[t] = tanh(W x[t] + U h[t-1] + b); gru and lstm add gates (torch's definitions).
    Choose it when: the input is a sequence and what came earlier matters.
    Source: Elman (1990), "Finding Structure in Time"; Cho et al. (2014); Hochreiter, Schmidhuber (1997).
    """

    rnn: int = setting(WIDTH, "size of the state")
    cell: str = setting(CELL, "the kind of cell", default="rnn")
    initializer: Initializer | None = setting(Null(Of(Initializer)), "null: the model's", default=None)


class Output(Section):
    """The last layer: one unit a class (one for two classes under binary_cross_entropy), one number in regression."""

    initializer: Initializer = setting(Of(Initializer), "initial weights of the output layer", default=Default())
    activation: Activation = setting(Of(Activation), "what the output layer ends with", default=Linear())


class Model(Choice, kind="model"):
    """The network's shape."""

    activation: Activation = setting(
        Of(Activation), "after every hidden layer; an rnn's cell is not touched", default=ReLU()
    )
    initializer: Initializer = setting(
        Of(Initializer), "initial weights of every layer but the output", default=HeNormal()
    )
    batch_norm: bool = setting(Flag(), "batch norm between each layer and its activation", default=False)
    output: Output = setting(Part(Output), "the last layer", default=Output())


class MLP(Model, name="mlp", aliases=("dense", "fully_connected", "feedforward")):
    """A fully connected network (multilayer perceptron): per entry of `hidden` dense, batch norm, activation, dropout.

    Formula: x[l+1] = dropout(activation(norm(weight[l] @ x[l] + bias[l]))), pictures flattened first.
    Choose it when: the input is a table, or as the baseline that any other network has to beat.
    Source: Rumelhart, Hinton, Williams (1986), "Learning Representations by Back-Propagating Errors".
    """

    hidden: list[int] = setting(
        HIDDEN, "units of each hidden layer; [] is a linear model", default=[128], shared=BEFORE_OUTPUT
    )
    dropout: float = setting(SHARE, "share of units dropped after each hidden layer", default=0.0, shared=AFTER_DENSE)


class CNN(Model, name="cnn", aliases=("convnet", "conv")):
    """A convolutional network: per entry of `channels` convolution, batch norm, activation, pool 2; then as an mlp.

    Formula: x[l+1] = max_pool(activation(norm(kernel[l] * x[l] + bias[l])), 2), then the hidden layers of an mlp.
    Choose it when: the input is a picture; small shared kernels need far fewer weights than a dense layer.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    channels: list[int] = setting(ListOf(WIDTH, least=1, most=100), "channels of each convolution", default=[16, 32])
    kernel_size: int = setting(Integer(ge=1, le=1_000), "side of the square kernels, in pixels", default=3)
    hidden: list[int] = setting(
        HIDDEN, "units of each dense layer after the convolutions", default=[128], shared=BEFORE_OUTPUT
    )
    dropout: float = setting(SHARE, "share of units dropped after each dense layer", default=0.0, shared=AFTER_DENSE)


class RNN(Model, name="rnn", aliases=("recurrent",)):
    """A recurrent network: it reads a picture row by row (H steps of C*W numbers) or a sequence step by step.

    Formula: rnn: h[t] = tanh(W x[t] + U h[t-1] + b), gru and lstm with gates; the last state goes on to the mlp part.
    Choose it when: the input is a sequence. Start from orthogonal initial weights.
    Source: Elman (1990); Cho et al. (2014); Hochreiter, Schmidhuber (1997), "Long Short-Term Memory".
    """

    units: list[int] = setting(ListOf(WIDTH, least=1, most=100), "state size of each recurrent layer", default=[128])
    cell: str = setting(CELL, "the kind of cell", default="rnn")
    hidden: list[int] = setting(
        HIDDEN, "units of each dense layer after the last state", default=[], shared=BEFORE_OUTPUT
    )
    dropout: float = setting(SHARE, "share of units dropped after each dense layer", default=0.0, shared=AFTER_DENSE)


class Layers(Model, name="layers", aliases=("sequential",)):
    """The general form: any order of conv, pool, dense, dropout and rnn layers; the output layer follows by itself.

    Formula: the composition of the layers as listed.
    Choose it when: mlp, cnn and rnn do not describe the network, or one layer needs settings of its own.
    Source: `tuner check --resolved CONFIG` shows the layers that any model stands for.
    """

    layers: list[Layer] = setting(ListOf(Of(Layer), most=1_000), "the layers, first to last")
