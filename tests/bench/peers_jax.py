"""The peers that stand on JAX: Keras, and an epoch written as one scan."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
from peers_work import CHUNK, PRODUCTS, SIDE, Turn, Work, rate

os.environ["KERAS_BACKEND"] = "jax"

import jax
from jax import lax, nn, random
from jax import numpy as jnp

Weights = dict[str, Any]
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def keras(work: Work, turn: Turn) -> None:
    """Keras' own `fit` over arrays."""
    import keras
    from keras import layers

    model, (channels, height, width) = work.model, work.loaded.plan.inputs
    made: list[Any] = [keras.Input((height, width, channels))]
    if "cell" in model:
        (units,) = model["units"]
        cell = getattr(layers, {"gru": "GRU", "lstm": "LSTM", "rnn": "SimpleRNN"}[model["cell"]])
        made += [layers.Reshape((height, width)), cell(units, kernel_initializer="orthogonal")]
    else:
        for units in model.get("channels", []):
            made += [layers.Conv2D(units, 3, padding="same", activation="relu", kernel_initializer="he_normal")]
            made += [layers.MaxPooling2D(2)]
        made += [layers.Flatten()]
    made += [layers.Dense(units, activation="relu", kernel_initializer="he_normal") for units in model["hidden"]]
    net = keras.Sequential([*made, layers.Dense(work.loaded.units)])
    net.compile(
        optimizer=keras.optimizers.Adam(work.lr, BETA1, BETA2, EPSILON, global_clipnorm=work.clip),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )

    class Pause(keras.callbacks.Callback):
        accuracy = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            turn(self.accuracy)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.accuracy = logs["val_accuracy"]

    (x, y), (held_x, held_y) = ((np.moveaxis(x, 1, -1), y) for x, y in (work.train, work.validation))
    net.fit(
        np.ascontiguousarray(x),
        y,
        batch_size=work.batch_size,
        epochs=100_000,
        verbose=0,
        callbacks=[Pause()],
        validation_data=(np.ascontiguousarray(held_x), held_y),
        validation_batch_size=CHUNK,
    )


def first_weights(work: Work) -> Weights:
    """By layer: he_normal, orthogonal for a recurrent cell; biases 0."""
    draws, found = np.random.default_rng(work.seed), Weights()

    def add(name: str, shape: tuple[int, ...]) -> None:
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        found[name] = {"w": draws.normal(0, scale, shape).astype(np.float32), "b": np.zeros(shape[-1], np.float32)}

    model, (size, side, width) = work.model, work.loaded.plan.inputs
    if "cell" in model:
        assert model["cell"] == "gru"
        (units,) = model["units"]
        square = [np.linalg.qr(draws.normal(size=(units, units)))[0] for _ in range(3)]
        found["cell"] = {
            "w": np.concatenate([each[:width] for each in square], 1).astype(np.float32),
            "u": np.concatenate(square, 1).astype(np.float32),
            "b": np.zeros(3 * units, np.float32),
            "c": np.zeros(3 * units, np.float32),
        }
        size, side, width = units, 1, 1
    for index, channels in enumerate(model.get("channels", [])):
        add(f"conv.{index}", (3, 3, size, channels))
        size, side, width = channels, side // 2, width // 2
    size *= side * width
    for index, units in enumerate([*model["hidden"], work.loaded.units]):
        add(f"dense.{index}", (size, units))
        size = units
    return found


def forward(weights: Weights, x: Any) -> Any:
    """The network's outputs for pictures (N, H, W, C)."""
    if "cell" in weights:
        x = last_state(weights["cell"], x[..., 0])
    for layer in (weights[name] for name in weights if name.startswith("conv.")):
        layout = ("NHWC", "HWIO", "NHWC")
        x = nn.relu(lax.conv_general_dilated(x, layer["w"], (1, 1), "SAME", dimension_numbers=layout) + layer["b"])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    x = x.reshape(len(x), -1)
    *hidden, output = (weights[name] for name in weights if name.startswith("dense."))
    for layer in hidden:
        x = nn.relu(x @ layer["w"] + layer["b"])
    return x @ output["w"] + output["b"]


def last_state(cell: Weights, x: Any) -> Any:
    """A GRU as torch and Keras have it, over the rows of pictures (N, H, W)."""
    inputs = jnp.swapaxes(x @ cell["w"] + cell["b"], 0, 1)

    def step(state: Any, row: Any) -> Any:
        ours = state @ cell["u"] + cell["c"]
        (reset, keep, new), (own_reset, own_keep, own_new) = (jnp.split(each, 3, axis=1) for each in (row, ours))
        reset, keep = nn.sigmoid(reset + own_reset), nn.sigmoid(keep + own_keep)
        new = jnp.tanh(new + reset * own_new)
        return (1 - keep) * new + keep * state, None

    return lax.scan(step, jnp.zeros((len(x), cell["u"].shape[0])), inputs)[0]


def loss_of(weights: Weights, x: Any, y: Any) -> Any:
    return -jnp.take_along_axis(nn.log_softmax(forward(weights, x)), y[:, None], 1).mean()


def scan(work: Work, turn: Turn) -> None:
    """An epoch as one compiled scan over batches, Adam written out; no Python between the steps."""
    (x, y), (held_x, held_y) = ((jnp.moveaxis(x, 1, -1), jnp.asarray(y)) for x, y in (work.train, work.validation))
    clip = work.clip

    def step(carry: Any, batch: tuple[Any, Any]) -> Any:
        weights, means, squares, count = carry
        gradient = jax.grad(loss_of)(weights, *batch)
        if clip is not None:
            norm = jnp.sqrt(sum((each**2).sum() for each in jax.tree.leaves(gradient)))
            gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, clip / (norm + 1e-6)), gradient)
        count += 1
        means = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, means, gradient)
        squares = jax.tree.map(lambda s, g: BETA2 * s + (1 - BETA2) * g * g, squares, gradient)
        one, two = 1 - BETA1**count, 1 - BETA2**count
        weights = jax.tree.map(
            lambda w, m, s: w - work.lr * (m / one) / (jnp.sqrt(s / two) + EPSILON), weights, means, squares
        )
        return (weights, means, squares, count), None

    def epoch(carry: Any, key: Any, x: Any, y: Any) -> Any:
        order = random.permutation(key, len(x))
        whole = len(x) // work.batch_size * work.batch_size
        batches = order[:whole].reshape(-1, work.batch_size)
        carry, _ = lax.scan(lambda carry, rows: step(carry, (x[rows], y[rows])), carry, batches)
        rest = order[whole:]
        return step(carry, (x[rest], y[rest]))[0] if len(rest) else carry

    @jax.jit
    def right(weights: Weights, x: Any, y: Any) -> Any:
        return (forward(weights, x).argmax(1) == y).sum(), loss_of(weights, x, y)

    compiled = jax.jit(epoch, donate_argnums=0)
    weights = jax.tree.map(jnp.asarray, first_weights(work))
    carry: Any = (weights, *(jax.tree.map(jnp.zeros_like, weights) for _ in range(2)), jnp.zeros(()))
    key, accuracy = random.key(work.seed), 0.0
    while True:
        turn(accuracy)
        key, drawn = random.split(key)
        carry = compiled(carry, drawn, x, y)
        starts = range(0, len(held_x), CHUNK)
        seen = [right(carry[0], held_x[start : start + CHUNK], held_y[start : start + CHUNK])[0] for start in starts]
        accuracy = float(sum(seen)) / len(held_x)


def limit(work: Work, turn: Turn) -> None:
    """How fast JAX multiplies large matrices."""
    one, other = (random.normal(random.key(index), (SIDE, SIDE)) for index in range(2))
    product, best = jax.jit(jnp.matmul), 0.0
    while True:
        turn(best)
        best = 0.0
        for _ in range(PRODUCTS):
            began = time.perf_counter()
            product(one, other).block_until_ready()
            best = max(best, rate(time.perf_counter() - began))
