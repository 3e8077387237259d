"""All that changes during a run. A checkpoint is exactly this: capture and restore."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.numpy import save as save_arrays
from safetensors.torch import load as load_tensors
from torch import Tensor

from tuner.durable.reading import Checksum, checksums_told, parse_checksums
from tuner.errors import NotFoundError
from tuner.network import Network
from tuner.options.optimizers.base import Optimizer
from tuner.runs.files import STATE, checkpoint_name

MODEL, OPTIMIZER = "model.safetensors", "optimizer.safetensors"


class Updater:
    """Applies an optimizer to the parameters of a network, in groups: those that decay, those that do not, by lr."""

    def __init__(self, optimizer: Optimizer, network: Network) -> None:
        self.optimizer = optimizer
        named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters: list[Tensor] = [parameter for _, parameter in named]
        kinds = [(bool(optimizer.weight_decay) and optimizer.decays(parameter.shape),
                  optimizer.lr_factors.of(name, parameter.shape)) for name, parameter in named]  # fmt: skip
        states = [optimizer.state(parameter.detach()) for parameter in self.parameters]
        self.groups: list[tuple[list[int], list[Tensor], dict[str, list[Tensor]], float, float]] = []
        for decays, factor in sorted(set(kinds), reverse=True):
            rows = [row for row, kind in enumerate(kinds) if kind == (decays, factor)]
            slots = {slot: [states[row][slot] for row in rows] for slot in states[rows[0]]}
            chosen = [self.parameters[row] for row in rows]
            self.groups.append((rows, chosen, slots, optimizer.weight_decay if decays else 0.0, factor))

    @torch.no_grad()
    def step(self, gradients: list[Tensor], lr: float) -> None:
        """One step in place; `gradients` stand in the order of `parameters` and may be overwritten."""
        for rows, parameters, slots, weight_decay, factor in self.groups:
            self.optimizer.update(parameters, [gradients[row] for row in rows], slots, lr * factor, weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        """The optimizer's state by name: ``exp_avg/hidden.0.weight``."""
        return {
            f"{slot}/{self.names[row]}": tensor
            for rows, _, slots, _, _ in self.groups
            for slot, tensors in slots.items()
            for row, tensor in zip(rows, tensors, strict=True)
        }


class Watch:
    """What the steps of an epoch really did, to be held against what was promised: how many samples they saw, the
    learning rate of the last, and in the first epoch the norms of each parameter's gradients (P,), added up."""

    def __init__(self) -> None:
        self.samples, self.lr = 0, math.nan
        self.norms: Tensor | None = None

    def step(self, samples: int, lr: float, norms: Tensor) -> None:
        """A step was taken with so many samples, this learning rate and these norms of the gradients."""
        self.samples, self.lr = self.samples + samples, lr
        if self.norms is not None:
            self.norms += norms


class State:
    """A run at one moment: weights, the optimizer's state, and how far it is.

    `epoch` counts from 1, `batch` is the next batch in it, `step` the number of steps taken; `sums` holds what the
    epoch adds up so far: the loss weighted by samples and the gradient's norm.
    """

    def __init__(self, network: Network, optimizer: Optimizer) -> None:
        self.network = network
        self.updater = Updater(optimizer, network)
        self.epoch, self.batch, self.step = 1, 0, 0
        device = self.updater.parameters[0].device
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)
        self.watch = Watch()
        tensors = [*network.parameters(), *network.buffers()]
        self.watched = [tensor.detach() for tensor in tensors if tensor.is_floating_point()]

    def next_epoch(self) -> None:
        """The epoch is over: its sums are read."""
        self.epoch, self.batch = self.epoch + 1, 0
        self.sums.zero_()

    def capture(self, beside: Mapping[str, Checksum]) -> dict[str, bytes]:
        """The files of a checkpoint. `beside` says how far the run folder's own files are that belong to it."""
        position = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "sums": self.sums.tolist(),
            "beside": checksums_told(beside),
        }
        return {
            MODEL: weights(self.network),
            OPTIMIZER: tensor_bytes(self.updater.tensors()),
            STATE: json.dumps(position, indent=1, sort_keys=True).encode() + b"\n",
        }

    def restore(self, files: Mapping[str, bytes]) -> dict[str, Checksum]:
        """Takes over a checkpoint; returns what `capture` was told. Raises NotFoundError if it does not fit."""
        position, beside = _position(files)
        load_weights(self.network, files.get(MODEL, b""), MODEL)
        _copy_into(self.updater.tensors(), files.get(OPTIMIZER, b""), OPTIMIZER)
        self.epoch, self.batch, self.step = position["epoch"], position["batch"], position["step"]
        self.sums.copy_(torch.tensor(position["sums"], dtype=torch.float64))
        return beside

    def take_up(self, name: str, files: Mapping[str, bytes], steps: int, epochs: int) -> dict[str, Checksum]:
        """`restore` of the checkpoint `name` of a run of so many `epochs` of so many `steps`. Raises NotFoundError also
        where it contradicts itself."""
        beside = self.restore(files)
        whole = self.epoch - 1
        fits = name == checkpoint_name(whole, self.batch) and whole <= epochs and self.batch < steps
        if not self.finite():
            raise NotFoundError(f"{name} is damaged: it holds numbers that are not finite")
        if not fits or self.step != whole * steps + self.batch or (not self.batch and bool(self.sums.any())):
            said = f"epoch {self.epoch}, batch {self.batch}, step {self.step}"
            raise NotFoundError(f"{name}/{STATE} is damaged: {said} is not the moment in this run that its name says")
        return beside

    def finite(self) -> bool:
        """Whether every weight, every statistic of batch norm and both sums are finite numbers."""
        largest = torch._foreach_norm(self.watched, ord=math.inf)
        return bool(torch.stack(largest).isfinite().all()) and all(map(math.isfinite, self.sums.tolist()))


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """safetensors bytes, the same for the same tensors."""
    return save_arrays({name: tensor.numpy(force=True) for name, tensor in tensors.items()})


def weights(network: Network) -> bytes:
    """The weights and batch norm statistics of a network as safetensors bytes."""
    return tensor_bytes(network.state_dict())


def load_weights(network: Network, data: bytes, what: str) -> None:
    """Copies weights into a network. Raises NotFoundError if they are damaged or do not fit."""
    _copy_into(network.state_dict(), data, what)


def _copy_into(own: Mapping[str, Tensor], data: bytes, what: str) -> None:
    try:
        given = load_tensors(data)
    except (SafetensorError, ValueError) as error:
        raise NotFoundError(f"{what} is damaged: {error}") from None
    kinds, found = ({name: (one.dtype, one.shape) for name, one in tensors.items()} for tensors in (own, given))
    if kinds != found:
        odd = sorted(set(kinds) ^ set(found)) or [name for name in kinds if kinds[name] != found[name]]
        raise NotFoundError(f"{what} does not fit the network: {', '.join(odd[:3])}")
    with torch.no_grad():
        for name, tensor in given.items():
            own[name].copy_(tensor)


def _position(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, Checksum]]:
    """The moment that state.json tells, and what it counts on beside the checkpoint. Raises NotFoundError."""
    try:
        position = json.loads(files[STATE])
        beside = parse_checksums(position["beside"])
        counts = [position["epoch"], position["batch"], position["step"]]
        sums = [float(each) for each in position["sums"]]
        whole = all(type(count) is int and count >= 0 for count in counts)
        if whole and len(sums) == 2 and all(map(math.isfinite, sums)):
            return {**position, "sums": sums}, beside
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    raise NotFoundError(f"{STATE} is damaged")
