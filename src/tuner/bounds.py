"""What a setting takes: each bound checks a value, says itself in words and as JSON Schema."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.choice import Choice, Section

Schema = dict[str, Any]


class RefusedError(ValueError):
    """A value is outside its bound; `indices` are those of the items that are, () where it is the value itself."""

    def __init__(self, bound: Bound, indices: Sequence[int] = ()) -> None:
        super().__init__(f"expected {bound.words}")
        self.indices = tuple(indices)


class Bound(ABC):
    """What a setting takes."""

    options: tuple[str, ...] = ()
    """The words that it may be."""
    kind: type[Choice] | None = None
    """The kind of choice that it is one of."""
    listed: type[Choice] | None = None
    """The kind of choice that it is a list of."""
    section: type[Section] | None = None
    optional = False
    """Whether it may be null."""
    is_path = False
    most = math.inf
    """How many items its list may have."""
    or_null = " or null"
    """How `words` end where null is allowed, too."""

    @abstractmethod
    def check(self, value: object) -> Any:
        """The value as it is kept. Raises RefusedError."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What is allowed: ``a number in [0, 1)``, ``an integer >= 1 or full``, ``one of max, mean``."""

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """The same as JSON Schema; a choice or a section by reference."""

    @property
    def plural(self) -> str:
        """What is allowed in each place of a list."""
        return self.words

    @property
    def item(self) -> Bound:
        """The bound of an item, where it is a list."""
        return self


class Integer(Bound):
    """A whole number."""

    def __init__(self, *, ge: int | None = None, le: int | None = None) -> None:
        self.ge, self.le = ge, le

    def check(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise RefusedError(self)
        if (self.ge is not None and value < self.ge) or (self.le is not None and value > self.le):
            raise RefusedError(self)
        return value

    @property
    def words(self) -> str:
        return f"an integer {_range(ge=self.ge, le=self.le)}".strip()

    @property
    def plural(self) -> str:
        return f"integers {_range(ge=self.ge, le=self.le)}".strip()

    @property
    def schema(self) -> Schema:
        return {**_limits(maximum=self.le, minimum=self.ge), "type": "integer"}


class Number(Bound):
    """A finite number, kept as a float."""

    def __init__(
        self,
        *,
        ge: float | None = None,
        gt: float | None = None,
        le: float | None = None,
        lt: float | None = None,
    ) -> None:
        self.ge, self.gt, self.le, self.lt = ge, gt, le, lt

    def check(self, value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise RefusedError(self)
        try:
            number = float(value)
        except OverflowError:
            raise RefusedError(self) from None
        above = (self.ge is None or number >= self.ge) and (self.gt is None or number > self.gt)
        below = (self.le is None or number <= self.le) and (self.lt is None or number < self.lt)
        if not (above and below and math.isfinite(number)):
            raise RefusedError(self)
        return number

    @property
    def words(self) -> str:
        return f"a number {_range(ge=self.ge, gt=self.gt, le=self.le, lt=self.lt)}".strip()

    @property
    def plural(self) -> str:
        return f"numbers {_range(ge=self.ge, gt=self.gt, le=self.le, lt=self.lt)}".strip()

    @property
    def schema(self) -> Schema:
        limits = _limits(exclusiveMaximum=self.lt, exclusiveMinimum=self.gt, maximum=self.le, minimum=self.ge)
        return {**limits, "type": "number"}


class Flag(Bound):
    """True or false."""

    words = "true or false"
    schema: Schema = {"type": "boolean"}

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise RefusedError(self)
        return value


class Text(Bound):
    """Text of at least `least` characters, or that fits a pattern as a whole; `words` say what that means."""

    words = "text"

    def __init__(self, *, least: int = 0, pattern: str = "", words: str = "", options: tuple[str, ...] = ()) -> None:
        self.least, self.pattern, self.options = least, pattern, options
        if words:
            self.words = words

    def check(self, value: object) -> str:
        if not isinstance(value, str) or len(value) < self.least:
            raise RefusedError(self)
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise RefusedError(self)
        return value

    @property
    def schema(self) -> Schema:
        return {**_limits(minLength=self.least or None, pattern=self.pattern or None), "type": "string"}


class PathText(Bound):
    """A path; the config language reads it relative to the file that says it."""

    words = "a path"
    plural = "paths"
    schema: Schema = {"minLength": 1, "type": "string"}
    is_path = True

    def check(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise RefusedError(self)
        return value


class OneOf(Bound):
    """One of some words; null is accepted for none."""

    def __init__(self, *options: str) -> None:
        self.options = options

    def check(self, value: object) -> str:
        if value is None and "none" in self.options:
            return "none"
        if not isinstance(value, str) or value not in self.options:
            raise RefusedError(self)
        return value

    @property
    def words(self) -> str:
        return self.options[0] if len(self.options) == 1 else f"one of {', '.join(self.options)}"

    @property
    def plural(self) -> str:
        return f"ones of {', '.join(self.options)}"

    @property
    def schema(self) -> Schema:
        if "none" in self.options:
            return {"enum": [*self.options, None]}
        if len(self.options) == 1:
            return {"const": self.options[0], "type": "string"}
        return {"enum": [*self.options], "type": "string"}


class ListOf(Bound):
    """A list of `least` to `most` items."""

    def __init__(self, item: Bound, *, least: int = 0, most: float = math.inf) -> None:
        self._item, self.least, self.most = item, least, most
        self.listed = item.kind

    def check(self, value: object) -> list[Any]:
        if not isinstance(value, list) or len(value) > self.most:
            raise RefusedError(self)
        kept, wrong = [], []
        for index, each in enumerate(value):
            try:
                kept.append(self.item.check(each))
            except RefusedError:
                wrong.append(index)
        if wrong or len(value) < self.least:
            raise RefusedError(self, wrong)
        return kept

    @property
    def words(self) -> str:
        if self.least and self.least == self.most:
            return f"a list of {self.least} {self.item.plural}"
        least = f", at least {self.least} of them" if self.least > 1 else ", not empty" if self.least else ""
        return f"a list of {self.item.plural}{least}"

    @property
    def schema(self) -> Schema:
        most = None if self.most == math.inf else self.most
        return {"items": self.item.schema, **_limits(maxItems=most, minItems=self.least or None), "type": "array"}

    @property
    def item(self) -> Bound:
        return self._item


class Null(Bound):
    """What another bound takes, or null; none is accepted for null."""

    optional = True

    def __init__(self, inner: Bound) -> None:
        self.inner, self.options, self.most, self.is_path = inner, inner.options, inner.most, inner.is_path
        self.kind, self.listed, self.section = inner.kind, inner.listed, inner.section

    def check(self, value: object) -> Any:
        return None if value is None or value == "none" else self.inner.check(value)

    @property
    def words(self) -> str:
        return f"{self.inner.words}{self.inner.or_null}"

    @property
    def schema(self) -> Schema:
        return {"anyOf": [self.inner.schema, {"enum": [None, "none"]}]}

    @property
    def item(self) -> Bound:
        return self.inner.item


class Either(Bound):
    """What the first or the second of two bounds takes."""

    def __init__(self, first: Bound, second: Bound) -> None:
        self.first, self.second, self.options = first, second, (*first.options, *second.options)

    def check(self, value: object) -> Any:
        for bound in (self.first, self.second):
            try:
                return bound.check(value)
            except RefusedError:
                continue
        raise RefusedError(self)

    @property
    def words(self) -> str:
        return f"{self.first.words} or {self.second.words}"

    @property
    def schema(self) -> Schema:
        return {"anyOf": [self.first.schema, self.second.schema]}


class Of(Bound):
    """A choice of a kind."""

    or_null = ", or null"

    def __init__(self, kind: type[Choice]) -> None:
        self.kind: type[Choice] = kind

    def check(self, value: object) -> Choice:
        if not isinstance(value, self.kind):
            raise RefusedError(self)
        return value

    @property
    def words(self) -> str:
        return f"the name of {a(label(self.kind))}, or a map with it"

    @property
    def plural(self) -> str:
        return plural(self.kind.kind)

    @property
    def schema(self) -> Schema:
        return {"$ref": f"#/$defs/{self.kind.kind}"}


class Part(Bound):
    """A section: a map of settings of its own."""

    words = "a map"
    or_null = " or none"

    def __init__(self, section: type[Section]) -> None:
        self.section: type[Section] = section

    def check(self, value: object) -> Section:
        if not isinstance(value, self.section):
            raise RefusedError(self)
        return value

    @property
    def schema(self) -> Schema:
        return self.section.schema()


def a(word: str) -> str:
    """The word with its article."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def label(kind: type[Choice]) -> str:
    """A kind in running text."""
    return "data source" if kind.kind == "data" else kind.kind


def plural(word: str) -> str:
    """``optimizers``, ``losses``, ``data``."""
    return word if word == "data" else f"{word}es" if word.endswith("s") else f"{word}s"


def _limits(**given: Any) -> Schema:
    return {key: value for key, value in given.items() if value is not None}


def _range(
    *, ge: float | None = None, gt: float | None = None, le: float | None = None, lt: float | None = None
) -> str:
    """``from 1 to 1,000``, ``in (0, 1]``, ``>= 0``; nothing where there are no limits."""
    if ge is not None and le is not None:
        return f"from {ge} to {_power(le)}"
    left = f"> {gt}" if gt is not None else f">= {ge}" if ge is not None else ""
    right = f"< {lt}" if lt is not None else f"<= {le}" if le is not None else ""
    if not left or not right:
        return left or right
    opening = f"({gt}" if gt is not None else f"[{ge}"
    closing = f"{lt})" if lt is not None else f"{le}]"
    return f"in {opening}, {closing}"


def _power(bound: float) -> str:
    """A bound in words: 9223372036854775807 is 2^63 - 1."""
    if isinstance(bound, int) and bound > 10**15 and (bound + 1).bit_count() == 1:
        return f"2^{bound.bit_length()} - 1"
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
