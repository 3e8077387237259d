"""Model + input shape -> layers with shapes, parameters and FLOPs, in plain Python: what `check` prints and what
`network` builds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from math import prod

from tuner.options.activations import Activation
from tuner.options.initializers import Initializer
from tuner.options.models import CNN, MLP, RNN, Conv, Dense, Dropout, Layer, Layers, Model, Pool, Recurrent

Shape = tuple[int, ...]
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


class PlanError(Exception):
    """A layer does not fit what comes into it; `path` is the config key that is to blame."""

    def __init__(self, path: str, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.path, self.message, self.suggestion = path, message, suggestion


@dataclass(frozen=True)
class Block:
    """One layer of the plan with everything that belongs to it.

    `name` is what weights and statistics go by (``conv.0``, ``hidden.1``, ``output``); shapes are those of one sample;
    `flops` are those of one sample's forward pass, a multiply-add counting as two.
    """

    name: str
    setting: Layer
    inputs: Shape
    outputs: Shape
    parameters: dict[str, Shape]
    flops: int
    activation: Activation | None = None
    initializer: Initializer | None = None
    batch_norm: bool = False
    sequence: bool = False

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(prod(shape) for shape in self.parameters.values())


@dataclass(frozen=True)
class Plan:
    """The layers of a network, first to last."""

    inputs: Shape
    blocks: tuple[Block, ...]

    @property
    def parameters(self) -> int:
        return sum(block.size for block in self.blocks)

    @property
    def flops(self) -> int:
        """Floating-point operations of one sample's forward pass."""
        return sum(block.flops for block in self.blocks)

    @property
    def train_flops(self) -> int:
        """Operations of one sample's training step: the backward pass costs twice the forward pass, but for the
        gradient by the input, which the first layer with weights does not need."""
        first = next((block.flops for block in self.blocks if block.parameters), 0)
        return 3 * self.flops - first


def expand(model: Model) -> list[tuple[str, Layer]]:
    """The layers that a model stands for, without the output layer, each with the config key it comes from."""
    if isinstance(model, Layers):
        return [(f"model.layers[{index}]", layer) for index, layer in enumerate(model.layers)]
    layers: list[tuple[str, Layer]] = []
    if isinstance(model, CNN):
        for index, channels in enumerate(model.channels):
            layers.append((f"model.channels[{index}]", Conv(conv=channels, kernel_size=model.kernel_size)))
            layers.append((f"model.channels[{index}]", Pool(pool=2)))
    if isinstance(model, RNN):
        layers += [(f"model.units[{i}]", Recurrent(rnn=size, cell=model.cell)) for i, size in enumerate(model.units)]
    if isinstance(model, MLP | CNN | RNN):
        for index, units in enumerate(model.hidden):
            layers.append((f"model.hidden[{index}]", Dense(dense=units)))
            if model.dropout:
                layers.append((f"model.hidden[{index}]", Dropout(dropout=model.dropout)))
    return layers


def plan(model: Model, inputs: Shape, units: int) -> Plan:
    """The plan of `model` for samples of shape `inputs` and `units` outputs. Raises PlanError."""
    layers = expand(model)
    counts: Counter[str] = Counter()
    blocks: list[Block] = []
    shape = inputs
    for index, (path, layer) in enumerate(layers):
        following = (other for _, other in islice(layers, index + 1, None) if not isinstance(other, Dropout))
        name = f"{_GROUPS[type(layer)]}.{counts[_GROUPS[type(layer)]]}"
        counts[_GROUPS[type(layer)]] += 1
        blocks.append(_block(name, path, layer, shape, model, isinstance(next(following, None), Recurrent)))
        shape = blocks[-1].outputs
    output = Dense(
        dense=units, activation=model.output.activation, initializer=model.output.initializer, batch_norm=False
    )
    blocks.append(_block("output", "model.output", output, shape, model, False))
    return Plan(inputs, tuple(blocks))


_GROUPS: dict[type[Layer], str] = {Conv: "conv", Pool: "pool", Dense: "hidden", Dropout: "dropout", Recurrent: "rnn"}


def _block(name: str, path: str, layer: Layer, inputs: Shape, model: Model, sequence: bool) -> Block:
    if isinstance(layer, Pool):
        return _pool(name, path, layer, inputs)
    if isinstance(layer, Dropout):
        return Block(name, layer, inputs, inputs, {}, prod(inputs))
    if isinstance(layer, Recurrent):
        return _recurrent(name, path, layer, inputs, model, sequence)
    if isinstance(layer, Conv):
        weight, outputs, flops = _conv(path, layer, inputs)
    else:
        assert isinstance(layer, Dense)  # noqa: S101 - the layers of the language are these five
        weight, outputs = (layer.dense, prod(inputs)), (layer.dense,)
        flops = 2 * prod(weight)
    batch_norm = model.batch_norm if layer.batch_norm is None else layer.batch_norm
    activation = layer.activation or model.activation
    parameters: dict[str, Shape] = {"weight": weight}
    if batch_norm:
        parameters |= {"norm.weight": weight[:1], "norm.bias": weight[:1]}
    else:
        parameters["bias"] = weight[:1]
    parameters |= {f"activation.{key}": shape for key, shape in activation.parameters().items()}
    flops += prod(outputs) * (activation.flops + (4 if batch_norm else 1))
    return Block(
        name, layer, inputs, outputs, parameters, flops, activation, layer.initializer or model.initializer, batch_norm
    )


def _conv(path: str, layer: Conv, inputs: Shape) -> tuple[Shape, Shape, int]:
    channels, height, width = _picture(path, "a convolution", inputs)
    side = layer.kernel_size
    if side > min(height, width):
        raise PlanError(
            path,
            f"a {side}x{side} kernel is larger than its picture of {height}x{width}",
            f"kernel_size at most {min(height, width)}, or fewer layers before it",
        )
    if layer.padding == "valid":
        height, width = height - side + 1, width - side + 1
    weight = (layer.conv, channels, side, side)
    return weight, (layer.conv, height, width), 2 * prod(weight) * height * width


def _pool(name: str, path: str, layer: Pool, inputs: Shape) -> Block:
    channels, height, width = _picture(path, "pooling", inputs)
    if layer.pool > min(height, width):
        raise PlanError(
            path,
            f"pooling by {layer.pool} leaves nothing of a picture of {height}x{width}",
            "fewer convolutions or pooling layers before it",
        )
    outputs = (channels, height // layer.pool, width // layer.pool)
    return Block(name, layer, inputs, outputs, {}, prod(outputs) * layer.pool**2)


def _recurrent(name: str, path: str, layer: Recurrent, inputs: Shape, model: Model, sequence: bool) -> Block:
    if len(inputs) == 1:
        raise PlanError(
            path, f"a recurrent layer reads sequences or pictures, and {describe(inputs)} comes in", _takes_any(path)
        )
    steps, features = (inputs[1], inputs[0] * inputs[2]) if len(inputs) == 3 else inputs
    gates = GATES[layer.cell]
    size = layer.rnn
    parameters: dict[str, Shape] = {
        "cell.weight_ih_l0": (gates * size, features),
        "cell.weight_hh_l0": (gates * size, size),
        "cell.bias_ih_l0": (gates * size,),
        "cell.bias_hh_l0": (gates * size,),
    }
    flops = steps * (2 * gates * size * (features + size) + 8 * gates * size)
    outputs = (steps, size) if sequence else (size,)
    return Block(
        name, layer, inputs, outputs, parameters, flops, None, layer.initializer or model.initializer, sequence=sequence
    )


def _picture(path: str, what: str, inputs: Shape) -> tuple[int, int, int]:
    if len(inputs) != 3:
        message = f"{what} takes pictures (C, H, W), and {describe(inputs)} comes in"
        raise PlanError(path, message, _takes_any(path))
    channels, height, width = inputs
    return channels, height, width


def _takes_any(path: str) -> str:
    """What takes samples of any shape, where the model (or a layer of `model.layers`) does not."""
    return "dense, which takes any shape" if path.startswith("model.layers") else "model: mlp"


def describe(shape: Shape) -> str:
    """A sample's shape in words."""
    if len(shape) == 1:
        return f"a row of {shape[0]} numbers"
    if len(shape) == 2:
        return f"a sequence of {shape[0]} steps of {shape[1]} numbers"
    return f"a picture of {shape[0]} x {shape[1]} x {shape[2]}"
