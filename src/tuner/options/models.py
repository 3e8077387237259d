"""Models: the network's shape as settings. A model stands for a list of layers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from tuner.bounds import Flag, Integer, ListOf, Null, Of, Part
from tuner.choice import Choice, Section, Shared, setting
from tuner.options.activations import Activation, Linear, ReLU
from tuner.options.embeddings import Embedding
from tuner.options.initializers import Default, HeNormal, Initializer
from tuner.options.layers.base import SHARE, WIDTH, Layer
from tuner.options.layers.of_torch import CELL, Conv, Dense, Dropout, Pool, Recurrent

AFTER_DENSE = Shared("after each dense layer")
HIDDEN, BEFORE_OUTPUT = ListOf(WIDTH, most=1_000), Shared("dense layers before the output")


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
    input_scale: bool = setting(
        Flag(),
        "a learned factor, 1 at first, for each number that the first layer is given; for rows of numbers only",
        default=False,
    )
    embeddings: Embedding | None = setting(
        Null(Of(Embedding), empty="none"),
        "what each number of a row becomes before the first layer; or none: it stays one number",
        default=None,
    )
    output: Output = setting(Part(Output), "the last layer", default=Output())

    @abstractmethod
    def expand(self) -> Iterator[tuple[str, Layer]]:
        """The layers that it stands for, without the output layer, each with the config key it comes from."""


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

    def expand(self) -> Iterator[tuple[str, Layer]]:
        return dense_part(self.hidden, self.dropout)


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

    def expand(self) -> Iterator[tuple[str, Layer]]:
        for index, channels in enumerate(self.channels):
            yield f"model.channels[{index}]", Conv(conv=channels, kernel_size=self.kernel_size)
            yield f"model.channels[{index}]", Pool(pool=2)
        yield from dense_part(self.hidden, self.dropout)


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

    def expand(self) -> Iterator[tuple[str, Layer]]:
        for index, size in enumerate(self.units):
            yield f"model.units[{index}]", Recurrent(rnn=size, cell=self.cell)
        yield from dense_part(self.hidden, self.dropout)


class Layers(Model, name="layers", aliases=("sequential",)):
    """The general form: any order of conv, pool, dense, dropout and rnn layers; the output layer follows by itself.

    Formula: the composition of the layers as listed.
    Choose it when: mlp, cnn and rnn do not describe the network, or one layer needs settings of its own.
    Source: `tuner check --resolved CONFIG` shows the layers that any model stands for.
    """

    layers: list[Layer] = setting(ListOf(Of(Layer), most=1_000), "the layers, first to last")

    def expand(self) -> Iterator[tuple[str, Layer]]:
        for index, layer in enumerate(self.layers):
            yield f"model.layers[{index}]", layer


def dense_part(hidden: list[int], dropout: float) -> Iterator[tuple[str, Layer]]:
    """The dense layers before the output, each followed by dropout where there is any."""
    for index, units in enumerate(hidden):
        yield f"model.hidden[{index}]", Dense(dense=units)
        if dropout:
            yield f"model.hidden[{index}]", Dropout(dropout=dropout)
