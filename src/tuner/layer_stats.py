"""What happens inside a network, layer by layer: signals forward, gradients backward, on a fixed probe of samples.

Measuring changes nothing: it works in evaluation mode, but batch norm uses the probe's own statistics, as it does while
training; gradients are computed aside, no running mean is touched, no random number drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tuner.loop import Normalizer, Samples
from tuner.network import Network
from tuner.quantities import LAYER
from tuner.runs.files import LayerRow

PROBE = 256
"""Training samples that are looked at."""

SHARE = 0.01
"""Of an epoch's work, how much measuring may take on average."""


def probe_of(samples: Samples, normalizer: Normalizer | None) -> Samples:
    """`PROBE` of the training samples that are evaluated every epoch, at even distances, normalised."""
    count = min(PROBE, len(samples))
    rows = torch.arange(count, device=samples.x.device) * len(samples) // count
    x = samples.x.index_select(0, rows)
    return Samples(x if normalizer is None else normalizer(x), samples.y.index_select(0, rows))


def epochs_measured(epochs: int, samples: int) -> frozenset[int]:
    """The epochs after which it is measured: 0 (before the first step) and the last, for two probes are nothing beside
    the time of a start; 1, 2, 5, 10, 20, ... as far as that stays within `SHARE` of the training samples that have been
    worked through by then."""
    chosen, spent = {0, epochs}, 0
    round_numbers = (factor * 10**power for power in range(len(str(epochs))) for factor in (1, 2, 5))
    for epoch in round_numbers:
        if epoch <= epochs and (spent + 1) * min(PROBE, samples) <= SHARE * samples * epoch:
            chosen.add(epoch)
            spent += 1
    return frozenset(chosen)


def measure(
    network: Network, probe: Samples, objective: Callable[[Tensor, Tensor], Tensor], epoch: int, step: int
) -> list[LayerRow]:
    """A row for each layer with weights, first to last; one transfer from the device.

    `activation_mean` and `activation_std` are over all the numbers that the layer hands on for the probe,
    `zero_units` the share of its units (a convolution's channels) that are zero on every sample, `gradient_norm` the
    norm of the gradient of `objective` (the mean over the probe) by all the layer's parameters.
    """
    seen: dict[str, Tensor] = {}
    owned = {name: parameters for name, module in network.blocks if (parameters := list(module.parameters()))}
    with network.watched(seen.__setitem__), as_in_training(network), torch.enable_grad():
        loss = objective(network(probe.x), probe.y)
    flat = [parameter for parameters in owned.values() for parameter in parameters]
    gradients = iter(torch.autograd.grad(loss, flat, materialize_grads=True))
    numbers = []
    for name, parameters in owned.items():
        norm = torch.zeros((), dtype=torch.float64, device=probe.x.device)
        for _ in parameters:
            norm = torch.hypot(norm, torch.linalg.vector_norm(next(gradients)).to(torch.float64))
        numbers.append(torch.stack([*_signals(seen[name]), norm]))
    table = zip(owned, torch.stack(numbers).tolist(), strict=True)
    return [{"epoch": epoch, "step": step, "layer": name, **dict(zip(LAYER, row, strict=True))} for name, row in table]


def _signals(output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, standard deviation and the share of silent units of (N, units), (N, C, H, W) or (N, T, units)."""
    output = output.detach()
    units = output.movedim(1, -1) if output.ndim == 4 else output
    silent = (units.reshape(-1, units.shape[-1]) == 0).all(dim=0)
    numbers = output.to(torch.float64)
    return numbers.mean(), numbers.std(correction=0), silent.to(torch.float64).mean()


@contextmanager
def as_in_training(network: Network) -> Iterator[None]:
    """Dropout off; batch norm by the batch at hand, its running statistics left alone."""
    was_training = network.training
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    network.eval()
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        network.train(was_training)
