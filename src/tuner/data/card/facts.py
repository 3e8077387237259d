"""What a card tells of data. Numbers are rounded to six digits; None stands for what the data cannot tell."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")


@dataclass(frozen=True)
class Prior:
    """The training targets: the share of each class (() for numbers), or the numbers' mean and standard deviation."""

    shares: tuple[float, ...]
    mean: float | None
    std: float | None


@dataclass(frozen=True)
class Inputs:
    """The training inputs as stored, before they are normalised: how many `features` a sample has; of those that are
    numbers (of a picture its channels, of a sequence its features) the lowest and the highest number, the largest
    |mean|, the smallest standard deviation but 0 and the largest; how many features are `constant`, and how many of
    the table's columns have `missing` values."""

    features: int
    low: float | None
    high: float | None
    mean: float | None
    least_std: float | None
    most_std: float | None
    constant: int
    missing: int


@dataclass(frozen=True)
class Shift:
    """How far a part is from the training part, before `data.shift`: the largest `difference` of the means of a
    `column`, in standard deviations of both parts together; the same in standard errors, `z`; and about how large the
    largest `z` of so many columns is by chance. `brightness` is that difference, signed, of the mean number of a
    picture, `spread` the part's overall standard deviation by the training part's, `classes` the largest difference
    of a class's shares.

    A column is called by its name in the table, else by its index in the sample: ``3``, of a picture ``0,12,7``.
    """

    column: str | None
    difference: float | None
    z: float | None
    chance: float | None
    brightness: float | None
    spread: float | None
    classes: float | None


@dataclass(frozen=True)
class Equal:
    """How many samples of `validation` and `test` have the very inputs of a training sample, how many of `train` repeat
    an earlier one's, and how many training samples share theirs with one of another target (`conflicting`)."""

    train: int
    validation: int
    test: int
    conflicting: int


@dataclass(frozen=True)
class Given:
    """A column that alone tells the target: its balanced accuracy on samples held out, or |correlation|."""

    column: str
    score: float


@dataclass(frozen=True)
class Score:
    """What a model gets on the samples it was fitted on, and on samples it was not."""

    train: float | None
    validation: float | None


@dataclass(frozen=True)
class Scores:
    """How far simple models get by `metric`, fitted on so many training `samples`: `chance` always answers the most
    frequent class or the mean, `linear` is a ridge regression, `kernel` one on smooth functions of the inputs.
    """

    metric: Literal["accuracy", "r2"]
    samples: int
    chance: Score
    linear: Score
    kernel: Score


@dataclass(frozen=True)
class Spread:
    """The mean and standard deviation of a metric over runs."""

    mean: float
    std: float


@dataclass(frozen=True)
class Reference:
    """What the ready `config` gets on these data by `metric`: over so many `runs`, each with its own split and seed,
    in their best epochs."""

    config: str
    metric: Literal["accuracy", "r2"]
    runs: int
    train: Spread
    validation: Spread


@dataclass(frozen=True)
class Card:
    """What the data of a run looks like. `shift` is of validation and test, where there are any; `gives_away` is None
    where no column of a table alone tells the target, `reference` where the data do not come with tuner, or are
    changed."""

    prior: Prior
    inputs: Inputs
    shift: dict[str, Shift]
    equal: Equal
    gives_away: Given | None
    scores: Scores
    reference: Reference | None = None


METRICS = ("accuracy", "r2")
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "float": (int, float),
    "str | None": (str, type(None)),
    "float | None": (int, float, type(None)),
}


def card_of(told: dict[str, Any]) -> Card:
    """A card of what JSON holds. Raises KeyError, TypeError or ValueError for what is none."""
    prior, shift, scores, given = told["prior"], told["shift"], told["scores"], told["gives_away"]
    reference = told.get("reference")  # an older tuner knew none
    shares = tuple(prior["shares"])
    if not all(type(share) in (int, float) for share in shares) or not isinstance(shift, dict):
        raise ValueError("prior, shift")
    if scores["metric"] not in METRICS:
        raise ValueError("scores")
    models = {name: _read(Score, scores[name]) for name in ("chance", "linear", "kernel")}
    return Card(
        _read(Prior, prior, shares=shares),
        _read(Inputs, told["inputs"]),
        {str(part): _read(Shift, each) for part, each in shift.items()},
        _read(Equal, told["equal"]),
        None if given is None else _read(Given, given),
        _read(Scores, scores, metric=scores["metric"], **models),
        None if reference is None else reference_from(reference),
    )


def reference_from(told: dict[str, Any]) -> Reference:
    """A reference of what JSON holds. Raises KeyError, TypeError or ValueError for what is none."""
    if told["metric"] not in METRICS:
        raise ValueError("reference")
    parts = {part: _read(Spread, told[part]) for part in ("train", "validation")}
    return _read(Reference, told, metric=told["metric"], **parts)


def _read(kind: type[Kind], told: dict[str, Any], **known: Any) -> Kind:
    """One part of a card; keys that it does not know are let be. Raises KeyError, TypeError or ValueError."""
    for each in fields(kind):
        if each.name not in known:
            known[each.name] = told[each.name]
            if type(told[each.name]) not in _TYPES[str(each.type)]:
                raise ValueError(f"{each.name} is no {each.type}")
    return kind(**known)
