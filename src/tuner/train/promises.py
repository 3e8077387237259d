"""What the loop promises, held against what it does, in every run and at no cost that can be measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch

from tuner.layer_stats import Movement
from tuner.loop import Task
from tuner.network import Network
from tuner.state import State, Watch

LEAST_MOVE = 1e-5
"""A step that would take a parameter so far, as a share of its norm, must be seen in it: far above float32's 6e-8."""


class Promises:
    """Of a run: no sample is in two parts; every sample of the training part is seen once an epoch; the learning rate
    is the schedule's; evaluation changes nothing; and every parameter that had a gradient in the first epoch moved.

    Each breach is told in a sentence, and the run is not to be trusted: `tuner diagnose` calls it invalid.
    """

    def __init__(self, movement: Movement, overlap: int) -> None:
        self.movement, self.overlap = movement, overlap
        self.is_whole = False
        self.changed = False

    def epoch_begins(self, state: State) -> None:
        """An epoch begins, or the rest of one that was interrupted: of that the samples are not counted."""
        state.watch, self.is_whole = Watch(), state.batch == 0
        if state.epoch == 1 and self.is_whole:
            parameters = state.updater.parameters
            state.watch.norms = torch.zeros(len(parameters), device=parameters[0].device)

    @contextmanager
    def of_evaluation(self, network: Network) -> Iterator[None]:
        """Within it nothing of the network may be written to."""
        before = _writes(network)
        yield
        self.changed = _writes(network) != before

    def broken(self, state: State, task: Task, lr: float | int | None) -> list[str]:
        """The breaches of the epoch that was just trained, `lr` being what the schedule says of its last step."""
        watch, epoch, found = state.watch, state.epoch, []
        if epoch == 1 and self.overlap:
            found.append(f"{self.overlap:,} samples are in two of the parts train, validation and test")
        if self.is_whole and watch.samples != len(task.train):
            found.append(f"epoch {epoch} saw {watch.samples:,} samples, the training part has {len(task.train):,}")
        if watch.lr != lr:
            found.append(f"the last step of epoch {epoch} had the learning rate {watch.lr!r}, the schedule says {lr!r}")
        if self.changed:
            found.append(f"evaluation after epoch {epoch} changed the network")
        return [*found, *(f"{name} had a gradient in epoch 1, and did not move" for name in self._still(state, task))]

    def _still(self, state: State, task: Task) -> Iterator[str]:
        """The parameters that did not move in the first epoch although their gradients say that they should have."""
        updater, norms = state.updater, state.watch.norms
        if norms is None:
            return
        initial = chain.from_iterable(self.movement.initial.values())
        begun = dict(zip(chain.from_iterable(self.movement.now.values()), initial, strict=True))
        clip = task.config.training.gradient_clip or math.inf
        factors = {row: factor for rows, _, _, _, factor in updater.groups for row in rows}
        for row, norm in enumerate(norms.tolist()):
            name, parameter = updater.names[row], updater.parameters[row]
            if not torch.equal(parameter.detach(), begun[parameter]):
                continue
            most = min(clip, math.sqrt(parameter.numel())) * len(task.batches)  # what an adaptive step comes to at 1
            step = state.watch.lr * factors[row] * min(norm, most)
            if step > LEAST_MOVE * max(float(parameter.detach().norm()), LEAST_MOVE):
                yield name


def _writes(network: Network) -> int:
    """How often anything was written into the network's parameters and buffers."""
    return sum(tensor._version for tensor in chain(network.parameters(), network.buffers()))
