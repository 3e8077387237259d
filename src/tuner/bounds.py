"""What a setting takes: each bound checks a value, says itself in words and as JSON Schema."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.choice import Choice, Section

Schema = dict[str, Any]


class RefusedError(ValueError):
    """A value is outside its bound; `indices` are those of the items that are, () where it is the value itself."""

    def __init__(self, indices: Sequence[int] = ()) -> None:
        super().__init__("outside its bound")
        self.indices = tuple(indices)


class Bound(ABC):
    """What a setting takes."""

    words: str
    """What is allowed: ``a number in [0, 1)``, ``an integer >= 1 or full``, ``one of max, mean``."""
    plural: str
    """The same of each item of a list."""
    schema: Schema
    """The same as JSON Schema; a choice by reference."""
    options: tuple[str, ...] = ()
    """The words that it may be."""
    kind: type[Choice] | None = None
    """The kind of choice that it is one of."""
    listed: type[Choice] | None = None
    """The kind of choice that it is a list of."""
    section: type[Section] | None = None
    optional = False
    """Whether it may be null."""
    nothing = ""
    """How null is written then: ``none`` where that is a choice."""
    is_path = False
    """Whether the config language reads it relative to the file that says it."""
    is_map = False
    """Whether it may be a map of any names, whose layers are merged."""
    item: Bound | None = None
    """What its items take, where it is a list."""
    most = math.inf
    """How many items its list may have."""
    refused: Mapping[str, str] = MappingProxyType({})
    """Words that someone may well expect, each with the reason why it is none of `options`."""
    empty: str | None = None
    """What stands in config.yaml where there is no value: null, or ``none`` for what may be left empty."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """The value as it is kept. Raises RefusedError."""


def kept(value: Any, fits: bool) -> Any:
    """The value, if it fits. Raises RefusedError."""
    if not fits:
        raise RefusedError
    return value


class Integer(Bound):
    """A whole number."""

    def __init__(self, *, ge: int | None = None, le: int | None = None) -> None:
        self.ge, self.le = ge, le
        limits = _limits(ge, None, le, None)
        self.words, self.plural = f"an integer{limits}", f"integers{limits}"
        self.schema = _given(maximum=le, minimum=ge, type="integer")

    def check(self, value: Any) -> Any:
        fits = isinstance(value, int) and not isinstance(value, bool)
        return kept(value, fits and (self.ge is None or value >= self.ge) and (self.le is None or value <= self.le))


class Number(Bound):
    """A finite number, kept as a float."""

    def __init__(
        self, *, ge: float | None = None, gt: float | None = None, le: float | None = None, lt: float | None = None
    ) -> None:
        self.ge, self.gt, self.le, self.lt = ge, gt, le, lt
        limits = _limits(ge, gt, le, lt)
        self.words, self.plural = f"a number{limits}", f"numbers{limits}"
        self.schema = _given(exclusiveMaximum=lt, exclusiveMinimum=gt, maximum=le, minimum=ge, type="number")

    def check(self, value: Any) -> Any:
        try:
            number = float(kept(value, isinstance(value, int | float) and not isinstance(value, bool)))
        except OverflowError:
            raise RefusedError from None
        above = (self.ge is None or number >= self.ge) and (self.gt is None or number > self.gt)
        below = (self.le is None or number <= self.le) and (self.lt is None or number < self.lt)
        return kept(number, above and below and math.isfinite(number))


class Flag(Bound):
    """True or false."""

    words = plural = "true or false"
    schema: Schema = {"type": "boolean"}

    def check(self, value: Any) -> Any:
        return kept(value, isinstance(value, bool))


class Text(Bound):
    """Text of at least `least` characters, or that fits a pattern as a whole; `words` say what that means."""

    def __init__(
        self,
        *,
        least: int = 0,
        pattern: str = "",
        words: str = "text",
        options: tuple[str, ...] = (),
        refused: Mapping[str, str] = MappingProxyType({}),
        is_path: bool = False,
    ) -> None:
        self.least, self.pattern, self.options, self.refused, self.is_path = least, pattern, options, refused, is_path
        self.words = self.plural = words
        self.schema = _given(minLength=least or None, pattern=pattern or None, type="string")

    def check(self, value: Any) -> Any:
        fits = isinstance(value, str) and len(value) >= self.least
        return kept(value, fits and (not self.pattern or bool(re.fullmatch(self.pattern, value))))


class OneOf(Bound):
    """One of some words; null is accepted for none."""

    def __init__(self, *options: str) -> None:
        self.options, listed = options, ", ".join(options)
        self.words, self.plural = f"one of {listed}" if len(options) > 1 else listed, f"ones of {listed}"
        self.schema = {"enum": [*options], "type": "string"}
        if "none" in options:
            self.schema = {"enum": [*options, None]}
        elif len(options) == 1:
            self.schema = {"const": listed, "type": "string"}

    def check(self, value: Any) -> Any:
        word = "none" if value is None else value
        return kept(word, isinstance(word, str) and word in self.options)


class ListOf(Bound):
    """A list of `least` to `most` items."""

    def __init__(self, item: Bound, *, least: int = 0, most: float = math.inf) -> None:
        self.item: Bound = item
        self.least, self.most, self.listed = least, most, item.kind
        at_least = f", at least {least} of them" if least > 1 else ", not empty" if least else ""
        is_fixed = least and least == most
        self.words = self.plural = (
            f"a list of {least} {item.plural}" if is_fixed else f"a list of {item.plural}{at_least}"
        )
        limits = _given(maxItems=None if most == math.inf else most, minItems=least or None)
        self.schema = {"items": item.schema, **limits, "type": "array"}

    def check(self, value: Any) -> Any:
        if not isinstance(value, list) or len(value) > self.most:
            raise RefusedError
        kept, wrong = [], []
        for index, each in enumerate(value):
            try:
                kept.append(self.item.check(each))
            except RefusedError:
                wrong.append(index)
        if wrong or len(value) < self.least:
            raise RefusedError(wrong)
        return kept


class MapOf(Bound):
    """A map of any names to what another bound takes."""

    is_map = True

    def __init__(self, item: Bound) -> None:
        self.item: Bound = item
        self.words = self.plural = f"a map of names to {item.plural}"
        self.schema = {"additionalProperties": item.schema, "type": "object"}

    def check(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise RefusedError
        return {str(key): self.item.check(each) for key, each in value.items()}


class Null(Bound):
    """What another bound takes, or null; none is accepted for null."""

    optional = True

    def __init__(self, inner: Bound, *, empty: str | None = None) -> None:
        self.inner, self.empty, self.nothing = inner, empty, empty or "null"
        self.options, self.most, self.is_path = inner.options, inner.most, inner.is_path
        self.kind, self.listed, self.section, self.item = inner.kind, inner.listed, inner.section, inner.item
        self.words = self.plural = f"{inner.words}{',' * bool(inner.kind)} or {self.nothing}"
        self.schema = {"anyOf": [inner.schema, {"enum": [None, "none"]}]}

    def check(self, value: Any) -> Any:
        return None if value is None or value == "none" else self.inner.check(value)


class Either(Bound):
    """What the first or the second of two bounds takes."""

    def __init__(self, first: Bound, second: Bound) -> None:
        self.first, self.second, self.options = first, second, (*first.options, *second.options)
        self.is_path, self.is_map, self.item, self.most = first.is_path, second.is_map, second.item, second.most
        self.words = self.plural = f"{first.words} or {second.words}"
        self.schema = {"anyOf": [first.schema, second.schema]}

    def check(self, value: Any) -> Any:
        try:
            return self.first.check(value)
        except RefusedError:
            return self.second.check(value)


class Of(Bound):
    """A choice of a kind."""

    def __init__(self, kind: type[Choice]) -> None:
        self.kind: type[Choice] = kind
        self.words, self.plural = f"the name of {a(label(kind))}, or a map with it", plural(kind.kind)
        self.schema = {"$ref": f"#/$defs/{kind.kind}"}

    def check(self, value: Any) -> Any:
        return kept(value, isinstance(value, self.kind))


class Part(Bound):
    """A section: a map of settings of its own."""

    words = plural = "a map"

    def __init__(self, section: type[Section]) -> None:
        self.section: type[Section] = section
        self.schema = section.schema()

    def check(self, value: Any) -> Any:
        return kept(value, isinstance(value, self.section))


def a(word: str) -> str:
    """The word with its article."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def label(kind: type[Choice]) -> str:
    """A kind in running text."""
    return "data source" if kind.kind == "data" else kind.kind


def plural(word: str) -> str:
    """``optimizers``, ``losses``, ``data``."""
    return word if word == "data" else f"{word}es" if word.endswith("s") else f"{word}s"


def _given(**limits: Any) -> Schema:
    return {key: value for key, value in limits.items() if value is not None}


def _limits(ge: float | None, gt: float | None, le: float | None, lt: float | None) -> str:
    """`` from 1 to 1,000``, `` in (0, 1]``, `` >= 0``; nothing where there are no limits."""
    if ge is not None and le is not None:
        most = f"{le:,}" if isinstance(le, int) else f"{le:g}"
        if isinstance(le, int) and le > 10**15 and (le + 1).bit_count() == 1:
            most = f"2^{le.bit_length()} - 1"
        return f" from {ge} to {most}"
    left = f" > {gt}" if gt is not None else f" >= {ge}" if ge is not None else ""
    right = f" < {lt}" if lt is not None else f" <= {le}" if le is not None else ""
    if not left or not right:
        return left or right
    opening = f"({gt}" if gt is not None else f"[{ge}"
    closing = f"{lt})" if lt is not None else f"{le}]"
    return f" in {opening}, {closing}"
