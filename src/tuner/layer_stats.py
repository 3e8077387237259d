"""What happens inside a network, layer by layer: signals forward, gradients backward, on a fixed probe of samples, and
how far the weights have moved.

Measuring changes nothing: it works in evaluation mode, but batch norm uses the probe's own statistics, as it does while
training; gradients are computed aside, no running mean is touched, no random number drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tuner.loop import Normalizer, Samples
from tuner.network import Network
from tuner.plan import Plan
from tuner.quantities import LAYER
from tuner.runs.files import LayerRow

PROBE = 256
"""Training samples that are looked at."""

SHARE = 0.01
"""Of an epoch's work, how much measuring may take on average."""

FREE = 2e8
"""Operations of a whole run that measuring may take however short the run is: some 20 ms."""

LAYER_WORK = 4_000_000
"""Operations that a processor makes in the time that it takes to look at a layer, however small it is."""

SATURATED, MOSTLY = 0.01, 0.9
"""How near to an end of its range an output is at the end, as a share of the range; and the share of the samples on
which a saturated unit is."""


def probe_of(samples: Samples, normalizer: Normalizer | None) -> Samples:
    """`PROBE` of the training samples that are evaluated every epoch, at even distances, normalised."""
    count = min(PROBE, len(samples))
    rows = torch.arange(count, device=samples.x.device) * len(samples) // count
    x = samples.x.index_select(0, rows)
    return Samples(x if normalizer is None else normalizer(x), samples.y.index_select(0, rows))


def epochs_measured(epochs: int, samples: int, plan: Plan) -> frozenset[int]:
    """The epochs after which it is measured: 0 (before the first step) and the last, for two probes are nothing beside
    the time of a start; 1, 2, 5, 10, 20, ... as far as that stays within `FREE`, or within `SHARE` of the training
    samples that have been worked through by then."""
    work = plan.train_flops * min(PROBE, samples) + LAYER_WORK * len(plan.blocks)
    chosen, spent = {0, epochs}, 0
    round_numbers = (factor * 10**power for power in range(len(str(epochs))) for factor in (1, 2, 5))
    for epoch in round_numbers:
        is_share = (spent + 1) * min(PROBE, samples) <= SHARE * samples * epoch
        if epoch <= epochs and (is_share or (spent + 1) * work <= FREE):
            chosen.add(epoch)
            spent += 1
    return frozenset(chosen)


class Movement:
    """Where the weights of each layer with any were: when this was made of the new network, and before a step."""

    def __init__(self, network: Network) -> None:
        self.now = _owned(network)
        self.initial = self._copies()
        self.before: dict[str, list[Tensor]] = {}

    def _copies(self) -> dict[str, list[Tensor]]:
        return {name: [each.detach().clone() for each in own] for name, own in self.now.items()}

    def step_comes(self) -> None:
        """Remembers where the weights are before a step."""
        self.before = self.before or self._copies()
        for name, own in self.now.items():
            torch._foreach_copy_(self.before[name], [each.detach() for each in own])

    def of(self, layer: str) -> dict[str, Tensor]:
        """The norm of a layer's weights, how far they are from where they began, and how far the last step took them,
        as shares of the norm; the last only once a step was taken."""
        now = self.now[layer]
        norm, first = _norm(now), _norm(self.initial[layer])
        moved = {"weight_change": (self.initial, first), "update_ratio": (self.before, norm)}
        return {"weight_norm": norm} | {
            key: _norm([one.detach() - other for one, other in zip(now, then[layer], strict=True)]) / size
            for key, (then, size) in moved.items()
            if then
        }


def measure(
    network: Network,
    probe: Samples,
    objective: Callable[[Tensor, Tensor], Tensor],
    epoch: int,
    step: int,
    movement: Movement | None = None,
) -> list[LayerRow]:
    """A row for each layer with weights, first to last; one transfer from the device. What the numbers are says
    `quantities.LAYER`; None stands for what is not known or not finite."""
    seen: dict[str, Tensor] = {}
    owned = _owned(network)
    with network.watched(seen.__setitem__), as_in_training(network), torch.enable_grad():
        loss = objective(network(probe.x), probe.y)
    flat = [parameter for parameters in owned.values() for parameter in parameters]
    gradients = iter(torch.autograd.grad(loss, flat, materialize_grads=True))
    limits = {block.name: block.activation.limits if block.activation else None for block in network.plan.blocks}
    told = []
    for name, parameters in owned.items():
        numbers = _signals(seen[name], limits[name])
        numbers["gradient_norm"] = _norm([next(gradients) for _ in parameters])
        told.append(numbers | (movement.of(name) if movement is not None else {}))
    told[-1]["probe_loss"] = loss.detach()
    flat_numbers = torch.stack([number.to(torch.float64) for numbers in told for number in numbers.values()]).tolist()
    found = iter(flat_numbers)
    rows: list[LayerRow] = []
    for name, numbers in zip(owned, told, strict=True):
        known = {key: next(found) for key in numbers}
        finite = {key: value if math.isfinite(value := known.get(key, math.nan)) else None for key in LAYER}
        rows.append({"epoch": epoch, "step": step, "layer": name, **finite})
    return rows


def _owned(network: Network) -> dict[str, list[Tensor]]:
    """The parameters of each layer that has any, first to last."""
    found: Mapping[str, list[Tensor]] = {name: list(module.parameters()) for name, module in network.blocks}
    return {name: parameters for name, parameters in found.items() if parameters}


def _norm(tensors: list[Tensor]) -> Tensor:
    """The norm of all their numbers together, float64."""
    norm = torch.zeros((), dtype=torch.float64, device=tensors[0].device)
    for tensor in tensors:
        norm = torch.hypot(norm, torch.linalg.vector_norm(tensor.detach()).to(torch.float64))
    return norm


def _signals(output: Tensor, limits: tuple[float, float] | None) -> dict[str, Tensor]:
    """What a layer hands on, (N, units), (N, C, H, W) or (N, T, units), in numbers; `limits` are the ends of the range
    of its activation, if it has any."""
    output = output.detach()
    units = output.movedim(1, -1) if output.ndim == 4 else output
    rows = units.reshape(-1, units.shape[-1])
    is_saturated = rows.new_zeros(1)
    if limits is not None:
        low, high = limits
        room = SATURATED * (high - low)
        is_saturated = ((rows <= low + room) | (rows >= high - room)).float().mean(dim=0) >= MOSTLY
    numbers = output.to(torch.float64)
    return {
        "activation_mean": numbers.mean(),
        "activation_std": numbers.std(correction=0),
        "zero_units": ((rows.amin(dim=0) == 0) & (rows.amax(dim=0) == 0)).double().mean(),
        "saturated_units": is_saturated.double().mean(),
        "unit_std": _spread(rows, -1),
        "sample_std": _spread(output, 0),
    }


def _spread(numbers: Tensor, dim: int) -> Tensor:
    """The root of the mean of the variances along `dim`; several times quicker than torch's own `var`."""
    return (numbers - numbers.mean(dim=dim, keepdim=True)).square_().mean().sqrt()


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
