"""What is known of a table's columns, and what a network is given of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["number", "category", "boolean", "date"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LEAST_ROWS = 20
"""Fewer rows say nothing about a column: they may differ, or agree, by chance."""
SAME = 0.999
"""The correlation with the target from which on a column tells it."""
DATE_PARTS = ("year", "month", "weekday", "days", "hour")


@dataclass(frozen=True)
class Feature:
    """One number that the network is given: a `number` is normalised and may be embedded, a `flag` is 0 or 1 or -1 and
    stays as it is, a `code` is the number of one of `codes` rows of an embedding of `width` numbers, of which row 0
    stands for what training did not see."""

    name: str
    kind: Literal["number", "flag", "code"] = "number"
    codes: int = 0
    width: int = 0


@dataclass(frozen=True)
class Column:
    """What is known of a column: `categories` are those of the whole table, of a boolean its two values; `missing` is
    how many rows have none. `embedding` is the size of an embedding, 0 where there is none and each category has an
    input of its own; `form` is how dates are written, as strftime takes it. `fills` are the training part's medians of
    what it is made into, `first` the training part's first day, `unseen` the categories that the training part lacks.
    `flagged` is whether a feature says where a value is missing.

    Stored is one float32 a row: a number as it is, the index of a category or of one of two values (-1: of none that
    is known), a date as days since 1970-01-01; NaN is a missing value.
    """

    name: str
    kind: Kind = "number"
    categories: tuple[str, ...] = ()
    missing: int = 0
    embedding: int = 0
    form: str = ""
    fills: tuple[float, ...] = ()
    first: float = 0.0
    unseen: tuple[int, ...] = ()
    flagged: bool = True

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the network is given of it, in order."""
        own = [Feature(self.name)]
        if self.kind == "boolean":
            own = [Feature(self.name, "flag")]
        elif self.kind == "date":
            own = [Feature(f"{self.name} {part}") for part in DATE_PARTS[: 5 if "%H" in self.form else 4]]
        elif self.kind == "category" and self.embedding:
            return (Feature(self.name, "code", len(self.categories) + 1 + bool(self.missing), self.embedding),)
        elif self.kind == "category":
            own = [Feature(f"{self.name} = {category}", "flag") for category in self.categories]
        return (*own, *([Feature(f"{self.name} missing", "flag")] if self.missing and self.flagged else []))


def features(columns: Iterable[Column]) -> tuple[Feature, ...]:
    """What the network is given of a row."""
    return tuple(feature for column in columns for feature in column.features)


def is_plain(columns: Iterable[Column]) -> bool:
    """Whether what is stored is what the network is given: numbers, none of them missing."""
    return all(column.kind == "number" and not column.missing for column in columns)


def is_number(text: str) -> bool:
    try:
        return float(text) == float(text)
    except ValueError:
        return False


def text_of(number: float) -> str:
    """A number as the name of a category or a class: ``1``, ``0.5``."""
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else repr(number)


def is_numeric(categories: Collection[str]) -> bool:
    """Whether all are numbers, written as `text_of` writes them, so that ``1.0`` means ``1``."""
    return bool(categories) and all(is_number(each) and text_of(float(each)) == each for each in categories)


def in_order(categories: Collection[str]) -> tuple[str, ...]:
    """Sorted, numbers by their value."""
    return tuple(sorted(categories, key=float if is_numeric(categories) else None))
