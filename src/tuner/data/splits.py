"""From a source to what a run trains on: test, validation and training part, their order, labels and statistics.

Everything random here is a function of `split_seed`, so that `seed` never moves a sample from one part to another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tuner.data.cache import cached, place_of
from tuner.data.card.facts import Card, Reference, card_of
from tuner.data.card.making import make
from tuner.data.card.reference import reference_of
from tuner.data.drawing import draw, random_bits, shuffled_indices
from tuner.data.encoding import encode, fitted
from tuner.data.source import (
    Array,
    Dataset,
    Description,
    DrawnTest,
    Fold,
    NumericTarget,
    Raw,
    faults,
)
from tuner.data.statistics import Statistics, measure
from tuner.errors import ConfigError, Fault, NotFoundError, ResourceError

EVALUATED_AT_LEAST = 1000
MADE_ANEW = 10_000
"""Up to so many training numbers a card is made as fast as one is remembered."""


@dataclass(frozen=True, eq=False)
class Part:
    """Samples as stored: `x` uint8 or float32 (N, *shape), `y` int64 class indices or float32 numbers (N,)."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.y)

    def counts(self, classes: int) -> list[int]:
        """Samples of each class."""
        found: list[int] = np.bincount(self.y, minlength=classes).tolist()
        return found


@dataclass(frozen=True, eq=False)
class Splits:
    """What a run trains, validates and tests on.

    `train` stands in the order that `shuffle: false` shows, with the labels it is trained on (label noise included).
    `train_evaluated` are the positions in `train` that `train_*` metrics are measured on, ascending.
    A numeric target is seen by the loss as (y - target_mean) / target_scale.
    `fingerprint` is a SHA-256 of the data as read, of how it was split and of the training labels.
    """

    description: Description
    train: Part
    validation: Part
    test: Part
    train_evaluated: Array
    statistics: Statistics
    target_mean: float
    target_scale: float
    fingerprint: str
    overlap: int = 0
    """Samples that are in two of the parts, which none may be."""
    reference: Reference | None = None
    """What a ready config gets on the same data, where that is known."""

    @property
    def sizes(self) -> dict[str, int]:
        """Samples in each part that has any: train, validation, test."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(part) for name, part in parts.items() if len(part)}

    @cached_property
    def card(self) -> Card:
        """What it looks like; of more than a little data it is remembered for the next run."""
        is_much = self.train.x.size > MADE_ANEW
        place = place_of("cards", [self.fingerprint, repr(self.description)]) if is_much else None
        return replace(cached(place, lambda: make(self), card_of), reference=self.reference)


def load(dataset: Dataset) -> Splits:
    """Reads the samples of a source and splits them.

    Raises ConfigError for a split that cannot be, NotFoundError for data that is missing, damaged or not what the
    source says it is, ResourceError where it does not fit into memory.
    """
    wrong, name = faults(dataset), dataset.source.name
    if wrong:
        raise ConfigError([Fault(f"data.{key}: {message}", key=f"data.{key}") for key, message in wrong])
    try:
        raw = dataset.read()
        check(raw, dataset.description, name)
        return split(dataset, raw)
    except MemoryError as error:
        raise ResourceError(f"{name} does not fit into this machine's memory", fix="take fewer samples") from error


def check(raw: Raw, known: Description, name: str) -> None:
    """Raises NotFoundError unless what was read is what the source described."""
    parts = [("data", raw.x, raw.y, known.train_samples + known.test_samples)]
    if raw.test_x is not None and raw.test_y is not None:
        training = "training data", raw.x, raw.y, known.train_samples
        parts = [training, ("test data", raw.test_x, raw.test_y, known.test_samples)]
    if raw.validation_x is not None and raw.validation_y is not None:
        parts.append(("validation data", raw.validation_x, raw.validation_y, known.validation_samples))
    may_miss = np.array([column.missing > 0 for column in known.columns] or [False])
    for what, x, y, samples in parts:
        said = f"{name}: the {what}"
        if x.shape != (samples, *known.stored) or y.shape != (samples,):
            wanted = f"{samples:,} samples of shape {known.stored}"
            raise NotFoundError(f"{said} should be {wanted}, but the arrays are {x.shape} and {y.shape}")
        if known.target == "class" and samples and not 0 <= y.min() <= y.max() < len(known.classes):
            raise NotFoundError(f"{said} has labels outside 0 to {len(known.classes) - 1}")
        if x.dtype != np.uint8 and not (np.isfinite(x) | (np.isnan(x) & may_miss)).all():
            raise NotFoundError(f"{said} holds numbers that are not finite")
        if known.target == "number" and not np.isfinite(y).all():
            raise NotFoundError(f"{said} has targets that are not finite")
    if known.target == "class":
        counts = np.bincount(raw.y, minlength=len(known.classes))
        if not counts.all():
            raise NotFoundError(f"{name} has no sample of class {known.classes[int(counts.argmin())]}")


@dataclass(frozen=True, eq=False)
class Indices:
    """Which samples are in which part, ascending; `validation` is empty and `test` None where a source has its own."""

    train: Array
    validation: Array
    test: Array | None
    evaluated: Array


def choose(dataset: Dataset, raw: Raw) -> Indices:
    """Test, validation and training samples, drawn in this order, and the training samples that are evaluated.

    All are drawn by the source's own labels, so that label noise and order move no sample.
    """
    source, known = dataset.source, dataset.description
    fold = source.fold if isinstance(source, DrawnTest) else None
    by_class = known.target == "class"

    def drawn(pool: Array, count: int | Fold, purpose: str) -> tuple[Array, Array]:
        if raw.times is not None and purpose in ("test", "validation") and not isinstance(count, Fold):
            chosen = np.sort(pool[np.argsort(raw.times[pool], kind="stable")[len(pool) - count :]])
            return chosen, np.setdiff1d(pool, chosen, assume_unique=True)
        bits = random_bits(source.split_seed, purpose)
        groups = raw.groups if purpose in ("fold", "test", "validation") else None
        part, rest = draw(pool, raw.y, count, bits, by_class=by_class, groups=groups)
        if groups is not None and count and not len(part):
            few = f"{len(np.unique(groups[pool])):,} groups of samples that stay together are too few for this part"
            raise ConfigError([Fault(f"data.{purpose}: {few}", key=f"data.{purpose}")])
        return part, rest

    train, test = np.arange(len(raw.y)), None
    if raw.repeated is not None:
        train = train[~raw.repeated]
    if fold:
        check_fold(known, raw.y[train], fold)
        test, train = drawn(train, fold, "fold")
    elif raw.test_x is None and isinstance(source, DrawnTest):
        test, train = drawn(train, round((source.test or 0) * len(train)), "test")
        check_classes(known, raw.y, train, "test")
    validation, train = drawn(train, round(source.validation * len(train)), "validation")
    check_classes(known, raw.y, train, "validation")
    train, _ = drawn(train, len(train) if source.limit is None else min(source.limit, len(train)), "limit")
    check_classes(known, raw.y, train, "limit")
    at_least = max(len(validation) + known.validation_samples, EVALUATED_AT_LEAST)
    evaluated, _ = drawn(train, min(len(train), at_least), "train_evaluated")
    return Indices(train, validation, test, evaluated)


def split(dataset: Dataset, raw: Raw) -> Splits:
    """The parts of what was read."""
    source, known = dataset.source, dataset.description
    chosen = choose(dataset, raw)
    train = chosen.train
    y = raw.y[train]
    if source.label_noise > 0:
        y = with_noise(y, source.label_noise, len(known.classes), random_bits(source.split_seed, "label_noise"))
    if source.order == "by_class":
        order = np.argsort(y, kind="stable")
        train, y = train[order], y[order]
    columns = fitted(known.columns, raw.x[train])
    known = replace(known, columns=columns)
    x = encode(columns, raw.x[train])

    def held_out(own_x: Array | None, own_y: Array | None, indices: Array | None) -> Part:
        if own_x is None or own_y is None:
            assert indices is not None  # noqa: S101 - one of the two is there
            own_x, own_y = raw.x[indices], raw.y[indices]
        return Part(encode(columns, own_x), own_y)

    target_mean, target_scale = 0.0, 1.0
    if isinstance(source, NumericTarget) and source.standardize_target and known.target == "number":
        target_mean = float(y.mean(dtype=np.float64))
        target_scale = float(y.std(dtype=np.float64)) if y.min() != y.max() else 1.0
    return Splits(
        description=known,
        train=Part(x, y),
        validation=held_out(raw.validation_x, raw.validation_y, chosen.validation),
        test=held_out(raw.test_x, raw.test_y, chosen.test),
        train_evaluated=np.flatnonzero(np.isin(train, chosen.evaluated)),
        statistics=measure(x, source.normalize, known.features),
        target_mean=target_mean,
        target_scale=target_scale,
        overlap=overlap(*(part for part in (train, chosen.validation, chosen.test) if part is not None)),
        reference=reference_of(source, len(train)),
        fingerprint=fingerprint(raw, (train, chosen.validation, chosen.test), y, source.reads_to_open and known),
    )


def overlap(*parts: Array) -> int:
    """How many indices stand in more than one of `parts`."""
    together = np.concatenate(parts)
    return len(together) - len(np.unique(together))


def with_noise(y: Array, share: float, classes: int, bits: np.random.PCG64) -> Array:
    """The labels with round(share * N) of them replaced, each by one of the other classes with equal chance.

    A lower share with the same bits replaces a part of the same labels by the same classes.
    """
    chosen = shuffled_indices(len(y), bits)[: round(share * len(y))]
    step = 1 + (bits.random_raw(len(y)) % (classes - 1)).astype(np.int64)
    noisy = y.copy()
    noisy[chosen] = (y[chosen] + step[chosen]) % classes
    return noisy


def check_classes(known: Description, y: Array, train: Array, key: str) -> None:
    """Raises ConfigError where the split leaves a class without training samples; `key` is the setting that did it."""
    if known.target == "number":
        return
    left = np.bincount(y[train], minlength=len(known.classes))
    if not left.all():
        index = int(left.argmin())
        held = int((y == index).sum())
        message = f"leaves no training sample of class {known.classes[index]}, which has {held} in all"
        raise ConfigError([Fault(f"data.{key}: {message}", key=f"data.{key}")])


def check_fold(known: Description, y: Array, fold: Fold) -> None:
    """Raises ConfigError where a class has fewer samples than there are folds: some would be without it."""
    counts = np.bincount(y) if known.target == "class" else np.array([fold.of])
    if counts.min() < fold.of:
        message = f"more folds than the {counts.min():,} samples of class {known.classes[int(counts.argmin())]}"
        raise ConfigError([Fault(f"data.fold.of: {message}", key="data.fold.of")])


def fingerprint(raw: Raw, indices: tuple[Array | None, ...], labels: Array, told: Description | bool = False) -> str:
    """SHA-256 of the data as read, of the samples in each part and of the labels trained on; and of what their columns
    and classes are called, where that was `told` by the data."""
    digest = hashlib.sha256()
    if isinstance(told, Description):
        names = [(column.name, column.kind, column.categories) for column in told.columns]
        digest.update(repr((names, told.classes)).encode())
    own = () if raw.validation_x is None else (raw.validation_x, raw.validation_y)  # none at all keeps older ones
    for array in (raw.x, raw.y, raw.test_x, raw.test_y, *own, *indices, labels):
        if array is None:
            digest.update(b"none\n")
        else:
            digest.update(f"{array.dtype.str} {array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
