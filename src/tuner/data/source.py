"""What a data source is: its settings, what opening it tells of its samples and parts, what reading them gives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from tuner.bounds import Flag, Integer, ListOf, Null, Number, Of, OneOf, Part, Text
from tuner.choice import Choice, Section, Shared, setting
from tuner.data.columns import Column, Feature, features
from tuner.options.augmentations import Augmentation

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
SHARE = Shared("a share, whatever the source")
Normalization = Literal["none", "standard", "minmax", "robust"]


@dataclass(frozen=True)
class Description:
    """What is known of a source's samples before they are read.

    `shape` is that of one sample as a network is given it: (C, H, W) for an image, (F,) for a row of a table, (T, F)
    for a sequence. A row with known `columns` is stored with one number a column, and given as their features.
    `classes` holds the names of the classes, () for a numeric target.
    `train_samples` counts before validation and limit are taken off, and after the test part of a source that has
    no test split of its own.
    """

    shape: tuple[int, ...]
    target: Literal["class", "number"]
    classes: tuple[str, ...]
    train_samples: int
    test_samples: int
    columns: tuple[Column, ...] = ()
    """A table's columns, where they are known."""
    target_name: str = ""
    """What a table's own column of the target is called."""
    positive: int | None = None
    """Of two classes the one that metrics about one of them mean; None: the second."""
    validation_samples: int = 0
    """Those of a source's own validation part, which `train_samples` does not count; 0 where it has none."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """What a network is given of a row of known columns."""
        return features(self.columns)

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of one sample as it is read."""
        return (len(self.columns),) if self.columns else self.shape


@dataclass(frozen=True, eq=False)
class Raw:
    """What reading a source gives: the numbers as stored, in the source's own order.

    `x` is uint8 or float32 of shape (N, *stored), `y` int64 class indices or float32 numbers of shape (N,).
    `test_x` and `test_y` are None where the source has no test split of its own, `validation_x` and `validation_y`
    where it has no such part. Samples of equal numbers in `groups` (N,) stay in one part; those of the largest `times`
    (N,) are the test part, the next ones the validation part; `repeated` ones, (N,) of truth, are in none.
    """

    x: Array
    y: Array
    test_x: Array | None = None
    test_y: Array | None = None
    groups: Array | None = None
    times: Array | None = None
    repeated: Array | None = None
    validation_x: Array | None = None
    validation_y: Array | None = None


@dataclass(frozen=True)
class Archive:
    """One file to download: where it lies, its published MD5, and the files under the data folder that it becomes.

    `mirrors` are the URL prefixes to try in turn; `folder` is where the file itself may be put by hand.
    `unpacks` lists each file, relative to the data folder, with its exact size in bytes. A `.tar.gz` holds its files
    under the same relative names, a `.gz` holds the one, anything else is the one.
    """

    file: str
    md5: str
    mirrors: tuple[str, ...]
    folder: str
    unpacks: tuple[tuple[str, int], ...]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A source that was opened: what is known of its samples, and how they are read.

    `read` raises NotFoundError where a file is missing, truncated or holds what it should not. `source` has what
    settings that were left to the data stand for.
    """

    source: Source
    description: Description
    read: Callable[[], Raw]
    notes: tuple[str, ...] = ()
    """What was told by the data and may surprise."""


class Source(Choice, kind="data"):
    """Where the samples come from, how they are split and in what form a network sees them."""

    reads_to_open: ClassVar[bool] = False
    """Whether opening it reads a file: what the language alone can tell of a config is told before."""
    archives: ClassVar[tuple[Archive, ...]] = ()
    """What `tuner download` fetches."""

    root: str | None = setting(
        Null(Text(least=1, words="a path", is_path=True)),
        "folder where data sets lie; null: $TUNER_DATA, else ./data, else the user's cache folder",
        default=None,
    )
    validation: float = setting(
        Number(ge=0, lt=1),
        "share of the training data kept for validation; stratified for classes",
        default=0.1,
        shared=SHARE,
    )
    split_seed: int = setting(
        Integer(ge=0),
        "the seed of everything random about the data: splits, limit, label noise, generated samples",
        default=0,
    )
    limit: int | None = setting(
        Null(Integer(ge=1)), "use this many training samples; stratified for classes; null: all of them", default=None
    )
    normalize: Normalization = setting(
        OneOf("none", "standard", "minmax", "robust"),
        "none: numbers as stored; standard: mean 0, standard deviation 1; minmax: 0 to 1; robust: median 0, "
        "interquartile range 1, and what lies far out is drawn in to within 3; "
        "per channel or per column, measured on the training part only; columns of two values and of categories stay",
        default="standard",
    )
    shuffle: bool = setting(Flag(), "show the training samples in a new order every epoch", default=True)
    order: str = setting(
        OneOf("source", "by_class"),
        "the order that `shuffle: false` shows: the source's own, or one class after the other",
        default="source",
    )
    label_noise: float = setting(
        Number(ge=0, le=1), "share of the training labels replaced by another class; for classes only", default=0.0
    )
    augment: list[Augmentation] = setting(
        ListOf(Of(Augmentation), most=100),
        "random changes to each training batch, in this order, before normalisation",
        default=[],
    )
    shift: list[Augmentation] = setting(
        ListOf(Of(Augmentation), most=100),
        "the same changes put on validation and test data instead, drawn once by split_seed: "
        "another distribution than the training data's",
        default=[],
    )

    @abstractmethod
    def open(self, root: Path | None = None) -> Dataset:
        """What is known of the samples (looked up, declared or read) and how to read them; once a command.

        `root`, where given, is the only folder looked in. Raises NotFoundError where what it reads is missing or
        damaged.
        """


class Fold(Section):
    """One of `of` equal parts of all samples is the test part: over every index, each sample is tested on once."""

    of: int = setting(Integer(ge=2), "parts that all samples are dealt out to, by split_seed", default=5)
    index: int = setting(Integer(ge=0), "which of them is the test part, counted from 0", default=0)

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "of" in values and values.get("index", 0) >= values["of"]:
            yield "index", f"{values['of']} folds are counted from 0 to {values['of'] - 1}"


class DrawnTest(Section):
    """The settings of sources that have no test split of their own; stands before Source among a source's bases.

    `test` is None where a fold is the test part, which it need not be told.
    """

    either: ClassVar[tuple[str, ...]] = ("test", "fold")
    test: float | None = setting(
        Null(Number(ge=0, lt=1)),
        "share of all samples kept for the test, drawn first; stratified for classes; null: data.fold is the test part",
        default=0.2,
        shared=SHARE,
    )
    fold: Fold | None = setting(
        Null(Part(Fold)),
        "cross-validation: the test part is one of several parts that differ by a sample at most, overall and in each "
        "class; validation and limit are taken from the others; null: data.test draws it",
        default=None,
    )

    def __init__(self, **given: Any) -> None:
        is_told = any(given.get(key) not in (None, "none") for key in self.either if key != "test")
        super().__init__(**({"test": None, **given} if is_told else given))

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        parts = [key for key in cls.either if values.get(key) is not None]
        if len(parts) > 1:
            yield parts[0], f"data.{parts[1]} is the test part: leave {parts[0]} out"
        if not parts and values.keys() >= set(cls.either):
            yield "test", "null goes only with data.fold, which then is the test part; give a share, 0 for no test"

    def describe(
        self, shape: tuple[int, ...], classes: tuple[str, ...], samples: int, columns: tuple[Column, ...] = ()
    ) -> Description:
        """The description of a source of `samples` samples from which the test part is drawn."""
        fold = self.fold
        drawn = len(range(fold.index, samples, fold.of)) if fold else round((self.test or 0) * samples)
        return Description(shape, "class" if classes else "number", classes, samples - drawn, drawn, columns)


class NumericTarget(Section):
    """The setting of sources whose target is a number; stands before Source among a source's bases."""

    standardize_target: bool = setting(
        Flag(),
        "the loss sees the target in standard deviations from its training mean; "
        "metrics and predictions keep its own units",
        default=True,
    )


@dataclass(frozen=True)
class Sizes:
    """Samples in each part, known before anything is read."""

    train: int
    validation: int
    test: int


def sizes(dataset: Dataset) -> Sizes:
    """The sizes of the parts; of use where `faults` finds nothing."""
    source, known = dataset.source, dataset.description
    drawn = round(source.validation * known.train_samples)
    rest = known.train_samples - drawn
    train = rest if source.limit is None else min(source.limit, rest)
    return Sizes(train, drawn + known.validation_samples, known.test_samples)


def faults(dataset: Dataset) -> list[tuple[str, str]]:
    """What is wrong with how the settings split the data, as (key within `data`, message); reads no sample."""
    source, known, counts = dataset.source, dataset.description, sizes(dataset)
    classes, samples = max(len(known.classes), 1), known.train_samples
    most = (samples + known.test_samples) // classes
    if isinstance(source, DrawnTest) and source.fold and source.fold.of > most:
        whose = f"that the smallest of {classes} classes can have" if classes > 1 else "there are"
        return [("fold.of", f"more folds than the {most:,} samples {whose}")]
    found = []
    is_none = f"of {samples:,} samples is none; 0 stands for no"
    if isinstance(source, DrawnTest) and source.test and known.test_samples == 0:
        found.append(("test", f"{source.test:g} {is_none} test"))
    if samples < classes:
        return [*found, ("test" if known.test_samples else "name", too_few(samples, classes))]
    if source.validation > 0 and counts.validation == 0:
        found.append(("validation", f"{source.validation:g} {is_none} validation"))
    rest = samples - (counts.validation - known.validation_samples)
    if rest < classes:
        found.append(("validation", too_few(rest, classes)))
    elif source.limit is not None and source.limit > rest:
        found.append(("limit", f"more than the {rest:,} training samples there are; null uses them all"))
    elif source.limit is not None and source.limit < classes:
        found.append(("limit", too_few(source.limit, classes)))
    if known.target == "number":
        only = f"{source.name} has numbers to predict, not classes: only"
        found += [("order", f"{only} `source` goes")] if source.order == "by_class" else []
        found += [("label_noise", f"{only} 0 goes")] if source.label_noise > 0 else []
    elif source.label_noise > 0 and classes < 2:
        found.append(("label_noise", "needs at least two classes"))
    elif source.label_noise > 0 and counts.train > 0 and round(source.label_noise * counts.train) == 0:
        found.append(("label_noise", f"{source.label_noise:g} of {counts.train:,} labels is none"))
    return found


def too_few(samples: int, classes: int) -> str:
    """The message for a training part that cannot hold a sample of every class."""
    if classes == 1:
        return "leaves no training samples"
    return f"leaves {samples:,} training sample{'s' if samples != 1 else ''} for {classes} classes"
