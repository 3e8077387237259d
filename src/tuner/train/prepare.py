"""Session -> what the loop needs: data on the device, the network built."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tuner import network
from tuner.data.splits import Part, Splits
from tuner.loop import Measure, Normalizer, Samples, Task, batch_bounds
from tuner.opening import Session
from tuner.options.augmentations import Augmentation
from tuner.seeding import derive
from tuner.state import State

RESIDENT_BYTES = 2 << 30
"""Up to this size normalised float32 training data is kept; above, batches are normalised as they come."""

SHIFT_CHUNK = 1024


@dataclass(frozen=True)
class Setup:
    """Everything of a run that is in memory. `evaluated` are samples of ``train``, and of ``val`` where there are any,
    that are measured every epoch; they are normalised already, unless the task has a normalizer. `test` is measured
    once: it stays as stored, and `normalizer` makes of it what the network sees."""

    state: State
    task: Task
    measure: Measure
    evaluated: dict[str, Samples]
    test: Samples | None
    normalizer: Normalizer


def prepare(session: Session) -> Setup:
    """Builds the network and puts the data on the device. Raises ResourceError when memory runs out."""
    config, splits = session.loaded.config, session.splits
    device = torch.device(session.identity.device)
    description = splits.description
    classes = len(description.classes) if description.target == "class" else None
    built = network.build(session.loaded.plan, config.seed, config.training.precision).to(device)
    told = vars(splits.statistics).items()
    normalizer = Normalizer(**{key: torch.from_numpy(array).to(device) for key, array in told if array is not None})
    train = _samples(splits.train, splits, device)
    kept = not config.data.augment and 4 * train.x.numel() <= RESIDENT_BYTES
    rows = torch.from_numpy(splits.train_evaluated).to(device)
    if kept:
        train = Samples(normalizer(train.x), train.y)
    if config.model.embeddings:
        built.fit(train.x if kept else normalizer(train.x))
    batch = len(train) if config.training.batch_size == "full" else config.training.batch_size
    task = Task(
        config,
        train,
        config.loss.build(classes, splits.train.counts(classes) if classes else ()),
        batch_bounds(len(train), batch, any(block.batch_norm for block in session.loaded.plan.blocks)),
        None if kept else normalizer,
    )
    evaluated = {"train": Samples(train.x.index_select(0, rows), train.y.index_select(0, rows))}
    if len(splits.validation):
        evaluated["val"] = _held_out(session, splits.validation, "validation", normalizer, kept)
    is_tested = len(splits.test) and config.training.test == "end"
    return Setup(
        state=State(built, config.optimizer),
        task=task,
        measure=Measure(
            config.loss,
            config.loss.build_reported(classes),
            description.target,
            splits.target_scale,
            config.model.output.activation.name,
            description.positive,
        ),
        evaluated=evaluated,
        test=_held_out(session, splits.test, "test", normalizer, False) if is_tested else None,
        normalizer=normalizer,
    )


def _samples(part: Part, splits: Splits, device: torch.device) -> Samples:
    x = torch.from_numpy(part.x).to(device)
    y = torch.from_numpy(part.y).to(device)
    if splits.description.target == "number":
        y = ((y - splits.target_mean) / splits.target_scale).to(torch.float32).unsqueeze(1)
    return Samples(x, y)


def _held_out(session: Session, part: Part, name: str, normalizer: Normalizer, kept: bool) -> Samples:
    """Validation or test samples, moved to another distribution where `data.shift` says so."""
    samples = _samples(part, session.splits, normalizer.mean.device)
    source = session.loaded.config.data
    x = shifted(samples.x, source.shift, source.split_seed, name, normalizer) if source.shift else samples.x
    return Samples(normalizer(x) if kept else x, samples.y)


def shifted(x: Tensor, shift: list[Augmentation], split_seed: int, name: str, normalizer: Normalizer) -> Tensor:
    """The samples under `data.shift`, the same ones for the same split_seed whatever `seed` says."""
    parts = []
    for start in range(0, len(x), SHIFT_CHUNK):
        part = x[start : start + SHIFT_CHUNK].to(torch.float32)
        for index, augmentation in enumerate(shift):
            generator = torch.Generator(x.device).manual_seed(derive(split_seed, "shift", name, index, start))
            part = augmentation.apply(part, generator, normalizer.low, normalizer.high)
        parts.append(part)
    return torch.cat(parts)
