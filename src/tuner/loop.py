"""One training epoch, one evaluation pass: the hot path. The data lies on the device as whole tensors and a batch is an
index into them. Nothing inside an epoch waits for the device: sums are kept there and read once at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from tuner.config.settings import Config
from tuner.measured import Batch, Part
from tuner.network import Network
from tuner.options.losses import Loss
from tuner.options.metrics import Metric, metrics_for
from tuner.options.schedulers import learning_rate
from tuner.seeding import derive
from tuner.state import State

GUARD_EVERY = 32
"""Steps between two looks at whether the numbers are still finite."""

EVALUATION_NUMBERS, ELSEWHERE = 1_000_000, 4
"""How many numbers the widest layer may hold at once during evaluation on a CPU, where more of them take memory and no
less time; how many times that on a device that is waited for chunk by chunk."""


class NonFinite(Exception):  # noqa: N818 - a message to train.py, which knows what to tell the user
    """A loss or gradient norm was not finite at or before this step."""


@dataclass(frozen=True)
class Samples:
    """Samples on the device: x (N, *shape), y (N,) int64 classes or (N, 1) float32 numbers in the loss's units."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Normalizer:
    """z = (x - mean) / scale, drawn in to z / sqrt(1 + (z / limit)^2) where there is a limit, and the value range that
    augmentations refer to; per channel or column."""

    mean: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    limit: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        z = x.to(torch.float32, copy=True).sub_(self.mean).div_(self.scale)
        return z if self.limit is None else z.div_((z / self.limit).square_().add_(1).sqrt_())


@dataclass(frozen=True)
class Task:
    """Everything a training epoch needs that does not change during the run. `batches` are the (start, stop) of those
    of an epoch; a `normalizer` is there where batches are normalised as they come."""

    config: Config
    train: Samples
    objective: Callable[[Tensor, Tensor], Tensor]
    batches: tuple[tuple[int, int], ...]
    normalizer: Normalizer | None

    def lr_of(self, step: int, history: tuple[float, ...]) -> float:
        """The learning rate of a step, counted from 0; `history` as in `train_epoch`."""
        scheduler, lr, epochs = self.config.scheduler, self.config.optimizer.lr, self.config.training.epochs
        return learning_rate(scheduler, lr, step, len(self.batches), epochs, history)


def batch_bounds(samples: int, size: int, join_last: bool) -> tuple[tuple[int, int], ...]:
    """(start, stop) of each batch of an epoch. The last one may be smaller; with `join_last` (batch norm) a lone last
    sample joins the batch before it."""
    bounds = [(start, min(start + size, samples)) for start in range(0, samples, size)]
    if join_last and len(bounds) > 1 and bounds[-1][1] - bounds[-1][0] == 1:
        bounds[-2:] = [(bounds[-2][0], samples)]
    return tuple(bounds)


def epoch_order(task: Task, epoch: int) -> Tensor | None:
    """The order of samples in an epoch, a function of (seed, epoch); None is the order in which they lie."""
    if not task.config.data.shuffle or len(task.batches) == 1:
        return None
    generator = torch.Generator().manual_seed(derive(task.config.seed, "order", epoch))
    return torch.randperm(len(task.train), generator=generator).to(task.train.x.device)


def train_epoch(task: Task, state: State, history: tuple[float, ...] = ()) -> Iterator[None]:
    """Trains from where `state` is to the end of its epoch; yields after each step. Raises NonFinite. `history` holds
    the monitor of the epochs so far, smaller being better: the plateau scheduler reads it."""
    state.network.train()
    order = epoch_order(task, state.epoch)
    draws = [torch.Generator(task.train.x.device) for _ in task.config.data.augment]
    loss_sum, norm_sum = state.sums.unbind()
    guard = Guard(state.sums)
    rate = rate_of_epoch(task, state.epoch, history)
    for start, stop in task.batches[state.batch :]:
        x, y = batch(task, order, start, stop, state.step, draws)
        loss, norm = train_step(task, state, x, y, task.lr_of(state.step, history) if rate is None else rate)
        loss_sum.add_(loss, alpha=stop - start)
        norm_sum.add_(norm)
        state.batch += 1
        if state.step % GUARD_EVERY == 0:
            guard.look()
        yield
    check_finite(state.sums)


def train_step(task: Task, state: State, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """One step on a batch, at this learning rate: the loss that was minimised, of the weights before it, and the
    gradient's norm before clipping. Both stay on the device."""
    network, parameters, clip = state.network, state.updater.parameters, task.config.training.gradient_clip
    network.at(state.step)
    loss = task.objective(network(x), y)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack(torch._foreach_norm(gradients))
    norm = torch.linalg.vector_norm(norms)
    if clip is not None:
        torch._foreach_mul_(gradients, torch.clamp(clip / (norm + 1e-6), max=1.0))
    state.updater.step(gradients, rate)
    state.watch.step(len(x), rate, norms)
    for parameter in parameters:
        parameter.grad = None
    state.step += 1
    return loss.detach(), norm


def rate_of_epoch(task: Task, epoch: int, history: tuple[float, ...]) -> float | None:
    """The learning rate of all steps of an epoch (counted from 1); None where it may change within the epoch."""
    if task.config.scheduler.every_step or epoch - 1 < task.config.scheduler.warmup_epochs:
        return None
    return task.lr_of((epoch - 1) * len(task.batches), history)


def batch(
    task: Task, order: Tensor | None, start: int, stop: int, step: int, draws: list[torch.Generator]
) -> tuple[Tensor, Tensor]:
    """The samples of one batch, augmented and normalised where that was not done beforehand. `draws` are generators on
    the device, one an augmentation; what they hold before does not count."""
    rows = slice(start, stop) if order is None else order[start:stop]
    x, y = task.train.x[rows], task.train.y[rows]  # index_select would leave a CNN's step slower
    if task.normalizer is None:
        return x, y
    if draws:
        x = x.to(torch.float32)
        for index, (augmentation, generator) in enumerate(zip(task.config.data.augment, draws, strict=True)):
            generator.manual_seed(derive(task.config.seed, "augment", index, step))
            x = augmentation.apply(x, generator, task.normalizer.low, task.normalizer.high)
    return task.normalizer(x), y


class Guard:
    """Notices sums that are not finite without waiting for the device. On CUDA a look starts a copy and reads the copy
    of the look before, if it has arrived."""

    def __init__(self, sums: Tensor) -> None:
        self.sums = sums
        self.copy: Tensor | None = None
        self.done: torch.cuda.Event | None = None

    def look(self) -> None:
        """Raises NonFinite if a sum was not finite (on CUDA: at the look before)."""
        if not self.sums.is_cuda:
            check_finite(self.sums)
            return
        if self.copy is None or self.done is None:
            self.copy = torch.empty(self.sums.shape, dtype=self.sums.dtype, pin_memory=True)
            self.done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        elif self.done.query():  # type: ignore[no-untyped-call]
            check_finite(self.copy)
        else:
            return
        self.copy.copy_(self.sums, non_blocking=True)
        self.done.record()


def check_finite(sums: Tensor) -> None:
    """Raises NonFinite."""
    if not all(map(math.isfinite, sums.tolist())):
        raise NonFinite


def locate(
    task: Task, state: State, files: dict[str, bytes], history: tuple[float, ...], last_epoch: int
) -> tuple[int, str]:
    """Where training stopped being finite: (step counted from 1, what was not finite first there).

    `files` hold an earlier state of the run, from which the steps up to the end of `last_epoch` are taken again:
    training is deterministic, so they lead to the same place. What is not finite spoils all that is computed from it,
    so the first thing seen, forward through the layers and then back, is the cause.
    """
    state.restore(files)
    found: list[str] = []

    def look(what: str, tensor: Tensor) -> None:
        if not found and not bool(tensor.isfinite().all()):
            found.append("the network's output" if what == "the output of output" else what)

    with suppress(NonFinite), ExitStack() as hooks:
        hooks.enter_context(state.network.watched(lambda name, output: look(f"the output of {name}", output)))
        for name, parameter in state.network.named_parameters():
            handle = parameter.register_hook(partial(look, f"the gradient of {name}"))  # type: ignore[no-untyped-call]
            hooks.callback(handle.remove)
        while True:
            for _ in train_epoch(task, state, history):
                if found or not state.finite():
                    raise NonFinite
            if state.epoch >= last_epoch:
                break
            state.next_epoch()
    return state.step, found[0] if found else _what(state)


def _what(state: State) -> str:
    """What is not finite although every output and every gradient is."""
    loss, norm = state.sums.tolist()
    if not math.isfinite(loss):
        return "the loss"
    if not math.isfinite(norm):
        return "the norm of the gradient"
    spoilt = (name for name, tensor in state.network.state_dict().items() if not bool(tensor.isfinite().all()))
    return next(spoilt, "the loss")


@dataclass(frozen=True)
class Measure:
    """What evaluation reports: the metrics of the target. `reported` is the loss's own `build_reported`; `target` is
    "class" or "number"; `target_scale` is what the targets were divided by; `activation` is that of the output, and
    `positive` the class that counts as such where there are two."""

    loss: Loss
    reported: Callable[[Tensor, Tensor], Tensor]
    target: str
    target_scale: float = 1.0
    activation: str = "linear"
    positive: int | None = None

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(metric() for metric in metrics_for(self.target))

    def scores(self, outputs: Tensor) -> Tensor:
        """The probability of each class (N, classes), or the outputs where these stand for none."""
        found = self.loss.probabilities(outputs, self.activation) if self.target == "class" else None
        return outputs if found is None else found


def chunk_size(network: Network) -> int:
    """How many samples are evaluated at once."""
    widest = max(max(block.inside, math.prod(block.outputs)) for block in network.plan.blocks)
    is_cpu = all(parameter.device.type == "cpu" for parameter in network.parameters())
    return max(32, min(4096, EVALUATION_NUMBERS * (1 if is_cpu else ELSEWHERE) // widest))


@torch.inference_mode()
def evaluate(
    network: Network, samples: Samples, measure: Measure, normalizer: Normalizer | None = None
) -> dict[str, float]:
    """The metrics of `samples` under the network in eval mode; nothing is read from the device before the end."""
    network.eval()
    totals = [samples.y.new_zeros((), dtype=torch.float64)] * len(measure.metrics)
    scores, size = [], chunk_size(network)
    for start in range(0, len(samples), size):
        x, y = samples.x[start : start + size], samples.y[start : start + size]
        outputs = network(x if normalizer is None else normalizer(x))
        scores.append(measure.scores(outputs))
        seen = Batch(measure.loss, outputs, y, measure.reported(outputs, y).double(), scores[-1])
        totals = [total + metric.add(seen) for total, metric in zip(totals, measure.metrics, strict=True)]
    part = Part(samples.y, torch.cat(scores), measure.target_scale, measure.positive)
    return {metric.name: metric.of(total.tolist(), part) for metric, total in zip(measure.metrics, totals, strict=True)}
