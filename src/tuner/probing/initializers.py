"""What each initializer makes of the network before its first step: signals forward, gradients backward, the loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from tuner.figures import number
from tuner.layer_stats import as_in_training, measure, probe_of
from tuner.loop import Samples
from tuner.network import Network, build
from tuner.options.initializers import Default, GlorotUniform, HeNormal, Initializer, LecunNormal, Orthogonal
from tuner.options.layers.base import Layer
from tuner.probing.trial import device_of
from tuner.runs.files import LayerRow

if TYPE_CHECKING:
    from tuner.train.prepare import Setup

CANDIDATES: tuple[type[Initializer], ...] = (HeNormal, GlorotUniform, LecunNormal, Orthogonal, Default)
EVEN = 2.0
"""Signals that grow or shrink by less than this factor a layer, on average, keep their size."""


@dataclass(frozen=True)
class Start:
    """One initializer: what is measured of each layer with weights, first to last, as in layer_stats.jsonl, and the
    `loss` that would be minimised, both on the same training samples without dropout."""

    initializer: str
    loss: float
    layers: tuple[str, ...]
    activation_std: tuple[float, ...]
    gradient_norm: tuple[float, ...]

    @property
    def growth(self) -> float | None:
        """The factor by which signals grow from the first hidden layer to the last, a layer; below 1 they shrink. None
        where there are fewer than two, or one of the two is silent or not finite."""
        hidden = self.activation_std[:-1]
        if len(hidden) < 2 or not all(0 < std < math.inf for std in (hidden[0], hidden[-1])):
            return None
        return float((hidden[-1] / hidden[0]) ** (1 / (len(hidden) - 1)))


@dataclass(frozen=True)
class Initializers:
    """The config's own first, then the candidates beside it."""

    starts: tuple[Start, ...]

    @property
    def reading(self) -> str:
        """The comparison in a sentence."""
        own = self.starts[0]
        if not math.isfinite(own.loss):
            return f"under {own.initializer} the loss is not finite before the first step"
        told = f"under {own.initializer} the loss starts at {number(own.loss)}"
        known = [start for start in self.starts if start.growth]
        if own.growth is None or not known:
            return told
        even = min(known, key=lambda start: abs(math.log(start.growth or 1.0)))
        told = f"{told} and signals change by a factor of {number(own.growth)} a layer"
        if 1 / EVEN < own.growth < EVEN or even is own:
            return f"{told}: they keep their size"
        return f"{told}; {even.initializer} keeps their size best ({number(even.growth)})"


def initializers(setup: Setup) -> Initializers:
    """Builds the network anew for each candidate: where the model's initializer counts, the candidate takes its place;
    what a layer sets for itself stays. Everything else, the seed too, is the config's."""
    own = setup.task.config.model.initializer
    chosen = [own, *(made() for made in CANDIDATES if made() != own)]
    probe = probe_of(setup.evaluated["train"], setup.task.normalizer)
    return Initializers(tuple(start_of(setup, each, probe) for each in chosen))


def start_of(setup: Setup, initializer: Initializer, probe: Samples) -> Start:
    """What is measured with one initializer."""
    network = built_with(setup, initializer)
    rows: Sequence[LayerRow] = measure(network, probe, setup.task.objective, 0, 0)
    with as_in_training(network), torch.no_grad():
        loss = float(setup.task.objective(network(probe.x), probe.y))
    stds, norms = (tuple(float(row[key]) for row in rows) for key in ("activation_std", "gradient_norm"))
    return Start(initializer.name, loss, tuple(str(row["layer"]) for row in rows), stds, norms)


def built_with(setup: Setup, initializer: Initializer) -> Network:
    """The setup's network as before its first step, with another initializer."""
    now = setup.state.network
    blocks = tuple(
        replace(block, initializer=initializer)
        if isinstance(block.layer, Layer) and block.layer.takes_models("initializer")
        else block
        for block in now.plan.blocks
    )
    network = build(replace(now.plan, blocks=blocks), setup.task.config.seed, now.precision)
    measured = dict(now.named_buffers())
    for name, buffer in network.named_buffers():
        if name.startswith("input."):  # what was measured on the training part before the first step
            buffer.copy_(measured[name].to(buffer.device))
    return network.to(device_of(now))
