"""Models: the network's shape as settings. `plan.py` turns them into layers, `network.py` into modules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tuner.choice import Choice, Section, Shared
from tuner.options.activations import Activation, Linear, ReLU
from tuner.options.initializers import Default, HeNormal, Initializer

Width = Annotated[int, Field(ge=1, le=1_000_000)]
Share = Annotated[float, Field(ge=0, lt=1)]
Hidden = Annotated[list[Width], Shared("dense layers before the output")]
Dropped = Annotated[Share, Shared("after each dense layer")]
Cell = Literal["rnn", "gru", "lstm"]


class Layer(Choice, kind="layer"):
    """A layer of `model.layers`: a map whose first key names it, e.g. ``{conv: 32, kernel_size: 3}``."""


class Conv(Layer, name="conv"):
    """A convolution: convolution, then batch norm, then activation. Needs pictures (C, H, W).

    Formula: out[c] = sum over input channels k of (kernel[c, k] * in[k]) + bias[c]; no bias before batch norm.
    Choose it when: the same small pattern can stand anywhere in a picture.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    conv: Width = Field(description="number of output channels")
    kernel_size: int = Field(3, ge=1, le=1_000, description="side of the square kernel, in pixels")
    padding: Literal["same", "valid"] = Field("same", description="same: the picture keeps its size; valid: no padding")
    activation: Activation | None = Field(None, description="null: the model's")
    initializer: Initializer | None = Field(None, description="null: the model's")
    batch_norm: bool | None = Field(None, description="null: the model's")


class Pool(Layer, name="pool"):
    """Pooling over squares that do not overlap; an incomplete square at the border is left out.

    Formula: out = max (or mean) of each pool x pool square.
    Choose it when: where exactly a pattern stands matters less than that it is there; a quarter of the numbers remain.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    pool: int = Field(ge=2, le=1_000, description="side of the square, in pixels")
    mode: Literal["max", "mean"] = Field("max", description="what is kept of a square")


class Dense(Layer, name="dense"):
    """A fully connected layer: dense, then batch norm, then activation. Whatever comes in is flattened.

    Formula: out = weight @ in + bias; no bias before batch norm.
    Choose it when: every input may matter to every unit: tables, and the end of a convolutional network.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.
    """

    dense: Width = Field(description="number of units")
    activation: Activation | None = Field(None, description="null: the model's")
    initializer: Initializer | None = Field(None, description="null: the model's")
    batch_norm: bool | None = Field(None, description="null: the model's")


class Dropout(Layer, name="dropout"):
    """Sets a random share of its inputs to zero while training and scales the others up; does nothing in evaluation.

    Formula: out = in * mask / (1 - dropout), mask ~ Bernoulli(1 - dropout).
    Choose it when: the model is good on its training data and clearly worse on validation data.
    Source: Srivastava et al. (2014), "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 4.
    """

    dropout: Share = Field(description="share of the inputs set to zero")


class Recurrent(Layer, name="rnn"):
    """A recurrent layer over a sequence (T, F); the last one of a network hands on its last state.

    Formula: rnn: h[t] = tanh(W x[t] + U h[t-1] + b); gru and lstm add gates (torch's definitions).
    Choose it when: the input is a sequence and what came earlier matters.
    Source: Elman (1990), "Finding Structure in Time"; Cho et al. (2014); Hochreiter, Schmidhuber (1997).
    """

    rnn: Width = Field(description="size of the state")
    cell: Cell = Field("rnn", description="the kind of cell")
    initializer: Initializer | None = Field(None, description="null: the model's")


class Output(Section):
    """The last layer: one unit a class (one for two classes under binary_cross_entropy), one number in regression."""

    initializer: Initializer = Field(Default(), description="initial weights of the output layer")
    activation: Activation = Field(Linear(), description="what the output layer ends with")


class Model(Choice, kind="model"):
    """The network's shape."""

    activation: Activation = Field(ReLU(), description="after every hidden layer; an rnn's cell is not touched")
    initializer: Initializer = Field(HeNormal(), description="initial weights of every layer but the output")
    batch_norm: bool = Field(False, description="batch norm between each layer and its activation")
    output: Output = Field(Output(), description="the last layer")


class MLP(Model, name="mlp", aliases=("dense", "fully_connected", "feedforward")):
    """A fully connected network (multilayer perceptron): per entry of `hidden` dense, batch norm, activation, dropout.

    Formula: x[l+1] = dropout(activation(norm(weight[l] @ x[l] + bias[l]))), pictures flattened first.
    Choose it when: the input is a table, or as the baseline that any other network has to beat.
    Source: Rumelhart, Hinton, Williams (1986), "Learning Representations by Back-Propagating Errors".
    """

    hidden: Hidden = Field([128], max_length=1_000, description="units of each hidden layer; [] is a linear model")
    dropout: Dropped = Field(0.0, description="share of units dropped after each hidden layer")


class CNN(Model, name="cnn", aliases=("convnet", "conv")):
    """A convolutional network: per entry of `channels` convolution, batch norm, activation, pool 2; then as an mlp.

    Formula: x[l+1] = max_pool(activation(norm(kernel[l] * x[l] + bias[l])), 2), then the hidden layers of an mlp.
    Choose it when: the input is a picture; small shared kernels need far fewer weights than a dense layer.
    Source: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition", section II.
    """

    channels: list[Width] = Field([16, 32], min_length=1, max_length=100, description="channels of each convolution")
    kernel_size: int = Field(3, ge=1, le=1_000, description="side of the square kernels, in pixels")
    hidden: Hidden = Field([128], max_length=1_000, description="units of each dense layer after the convolutions")
    dropout: Dropped = Field(0.0, description="share of units dropped after each dense layer")


class RNN(Model, name="rnn", aliases=("recurrent",)):
    """A recurrent network: it reads a picture row by row (H steps of C*W numbers) or a sequence step by step.

    Formula: rnn: h[t] = tanh(W x[t] + U h[t-1] + b), gru and lstm with gates; the last state goes on to the mlp part.
    Choose it when: the input is a sequence. Start from orthogonal initial weights.
    Source: Elman (1990); Cho et al. (2014); Hochreiter, Schmidhuber (1997), "Long Short-Term Memory".
    """

    units: list[Width] = Field([128], min_length=1, max_length=100, description="state size of each recurrent layer")
    cell: Cell = Field("rnn", description="the kind of cell")
    hidden: Hidden = Field([], max_length=1_000, description="units of each dense layer after the last state")
    dropout: Dropped = Field(0.0, description="share of units dropped after each dense layer")


class Layers(Model, name="layers", aliases=("sequential",)):
    """The general form: any order of conv, pool, dense, dropout and rnn layers; the output layer follows by itself.

    Formula: the composition of the layers as listed.
    Choose it when: mlp, cnn and rnn do not describe the network, or one layer needs settings of its own.
    Source: `tuner check --resolved CONFIG` shows the layers that any model stands for.
    """

    layers: list[Layer] = Field(max_length=1_000, description="the layers, first to last")
