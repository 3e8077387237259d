"""A choice: one named option of a kind (an activation, an optimizer, a data source, ...), declared by one class."""

from __future__ import annotations

import pkgutil
import re
from abc import ABC
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from inspect import cleandoc
from typing import Any, ClassVar, Self, dataclass_transform

from tuner.bounds import Bound, RefusedError, Schema

REQUIRED: Any = object()
"""The default of a setting that has none."""

LONGEST_WORD = 64
"""Letters of a word that can be a slip for another."""


@dataclass(frozen=True)
class Shared:
    """Marks a setting that several choices of a kind have, each for itself: what becomes of it when a layer above names
    another choice.

    It falls away where the other choice's setting of that key has another `meaning`, and stays otherwise. `tuned`: what
    is a good value depends on the choice, so that a note tells when it stays.
    """

    meaning: str
    tuned: bool = False


@dataclass(frozen=True)
class Field:
    """What a section's class says of one of its settings."""

    bound: Bound
    help: str
    default: Any
    shared: Shared
    example: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def schema(self) -> Schema:
        """What it takes, its help and its default, as JSON Schema."""
        described: Schema = {"description": self.help} if self.help else {}
        # a layer's: the model's holds
        is_inherited = self.default is None and self.bound.kind is not None and self.bound.empty is None
        if not self.required and not is_inherited:
            described["default"] = self.plain(self.default)
        taken = self.bound.schema
        # Draft 7 reads nothing beside a $ref, so that one stands in a list of its own.
        return {**described, **({"allOf": [taken]} if "$ref" in taken else taken)}

    def plain(self, value: Any) -> Any:
        """A value of this setting as config.yaml holds it."""
        if isinstance(value, list):
            return [item.plain() if isinstance(item, Section) else item for item in value]
        if value is None:
            return self.bound.empty
        return value.plain() if isinstance(value, Section) else value


def setting(
    bound: Bound,
    help: str,  # noqa: A002
    *,
    default: Any = REQUIRED,
    shared: Shared = Shared(""),
    example: str = "",
) -> Any:
    """Declares a setting: what it takes, what it is for; without a mark it means the same under every choice of its
    kind. `example` is a usual value of one without a default."""
    return Field(bound, help, default, shared, example)


class InvalidError(ValueError):
    """Settings that a section cannot have: those that are unknown, missing or outside their bounds (with the indices of
    the items that are), and those that clash with others (with a sentence that says so)."""

    def __init__(
        self, cls: type[Section], refused: dict[str, tuple[int, ...]], clashes: Sequence[tuple[str, str]]
    ) -> None:
        words = {key: cls.fields[key].bound.words if key in cls.fields else "no such setting" for key in refused}
        told = [f"{key}: {text}" for key, text in (*words.items(), *clashes)]
        super().__init__(f"{cls.__name__}: {'; '.join(told)}")
        self.refused, self.clashes = refused, tuple(clashes)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
class Section(ABC):  # noqa: B024 - its choices have them
    """A group of settings: its fields are the YAML keys, with their bounds and help. Equal by type and values.

    The constructor raises InvalidError.
    """

    fields: ClassVar[dict[str, Field]] = {}
    either: ClassVar[tuple[str, ...]] = ()
    """Keys of which one has a value: that of an upper layer takes the place of another below."""
    remedy: ClassVar[str] = ""
    """What to do where a setting that has to be given is not."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declared = (item for base in reversed(cls.__mro__) for item in vars(base).items())
        cls.fields = {key: value for key, value in declared if isinstance(value, Field)}

    def __init__(self, **given: Any) -> None:
        refused: dict[str, tuple[int, ...]] = {key: () for key in given if key not in self.fields}
        kept: dict[str, Any] = {}
        for key, field in self.fields.items():
            try:
                kept[key] = field.bound.check(given[key]) if key in given else field.default
            except RefusedError as error:
                refused[key] = error.indices
            if kept.get(key) is REQUIRED:
                refused[key] = ()
                del kept[key]
        clashes = list(self.clashes(kept))
        if refused or clashes:
            raise InvalidError(type(self), refused, clashes)
        self.__dict__.update(kept)

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ARG003
        """Settings that cannot stand beside others, each with a sentence; `values` lacks those outside their bounds."""
        return iter(())

    def __setattr__(self, key: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: `replace` makes another one")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.__dict__.items())})"

    def replace(self, **changes: Any) -> Self:
        """The same section with other values of these settings. Raises InvalidError."""
        return type(self)(**{**self.__dict__, **changes})

    @classmethod
    def schema(cls) -> Schema:
        """A map of its settings as JSON Schema; none is required, since a file it extends may hold them."""
        return {
            "description": cleandoc(cls.__doc__ or ""),
            "type": "object",
            "properties": {key: field.schema for key, field in cls.fields.items()},
            "additionalProperties": False,
        }

    def plain(self) -> Any:
        """The settings as plain values, every one of them; an empty section is ``none``."""
        return {key: field.plain(self.__dict__[key]) for key, field in self.fields.items()}


class Choice(Section):
    """One named choice of a kind.

    The abstract class of a kind is declared with `kind`, each choice of it with `name`::

        class Activation(Choice, kind="activation"): ...
        class LeakyReLU(Activation, name="leaky_relu", aliases=("lrelu",)): ...

    The docstring of a choice is what `tuner explain NAME` prints; its fields are its settings.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()
    members: ClassVar[dict[str, type[Any]]] = {}
    package: ClassVar[str] = ""
    """The installed package that adds it, and its version; empty for tuner's own."""
    base: ClassVar[type[Any]]
    """The abstract class of the kind: its fields are the settings that all its choices share."""

    def __init_subclass__(cls, *, kind: str = "", name: str = "", aliases: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind:
            cls.kind, cls.members, cls.base = kind, {}, cls
        elif name:
            cls.name, cls.aliases = name, aliases
            cls.members[name] = cls
        else:
            raise TypeError(f"{cls.__name__}: a choice is declared with kind= (the kind itself) or name= (one of it)")

    @classmethod
    def find(cls, spelling: str) -> type[Self] | None:
        """The member of this kind that `spelling` names: its name or an alias, whatever its case and separators."""
        wanted = fold(spelling)
        for member in cls.members.values():
            if wanted in (fold(member.name), *(fold(alias) for alias in member.aliases)):
                found: type[Self] = member
                return found
        return None

    def plain(self) -> Any:
        """As a section's, with its name; without settings it is its bare name.

        A layer is known by its first setting, and its null (the model's value holds) is left out.
        """
        values = super().plain()
        if self.kind == "layer":
            return {key: value for key, value in values.items() if self.__dict__[key] is not None}
        return {"name": self.name, **values} if values else self.name


def import_all(package: str, folder: Iterable[str], *, but: Collection[str] = ()) -> None:
    """Imports the modules of a package, so that the choices they declare are known."""
    for module in pkgutil.iter_modules(folder):
        if module.name not in but:
            import_module(f"{package}.{module.name}")


@dataclass(frozen=True)
class Setting:
    """One key of one class: its path (``model.layers[].units``), and the setting whose value is of that class."""

    path: str
    key: str
    owner: type[Section]
    field: Field
    above: Setting | None = None

    @property
    def listed(self) -> bool:
        """Whether it takes a list of choices."""
        return self.field.bound.listed is not None

    @property
    def kind(self) -> type[Choice] | None:
        """The kind of choice that it takes, alone or in a list."""
        return self.field.bound.kind or self.field.bound.listed

    @property
    def is_by_default(self) -> bool:
        """Whether it is there without another choice being named."""
        return self.above is None or (
            (self.above.kind is None or isinstance(self.above.field.default, self.owner)) and self.above.is_by_default
        )


@cache
def settings_below(cls: type[Section]) -> tuple[Setting, ...]:
    """Every setting of a section and of what it holds: one path several times where several choices have it."""
    return tuple(_walk(cls, None))


def _walk(cls: type[Section], above: Setting | None) -> Iterator[Setting]:
    start = f"{above.path}{'[]' * above.listed}." if above else ""
    for key, field in cls.fields.items():
        setting = Setting(f"{start}{key}", key, cls, field, above)
        yield setting
        part = field.bound.section
        for inner in setting.kind.members.values() if setting.kind else [part] if part else []:
            yield from _walk(inner, setting)


@cache
def key_paths(cls: type[Section]) -> tuple[str, ...]:
    """Every key of the language below `cls`, e.g. ``optimizer.lr``, over all choices, each once."""
    return tuple(dict.fromkeys(setting.path for setting in settings_below(cls) if "[]" not in setting.path))


def keys_meant(text: str, keys: Iterable[str]) -> list[str]:
    """The keys that a command line means by `text`: itself, or those of which it is the last part, as ``lr`` is of
    ``optimizer.lr``. Several: it is not clear which; none: it is no key."""
    known = dict.fromkeys(keys)
    return [text] if text in known else [key for key in known if key.endswith(f".{text}")]


def kinds_below(cls: type[Section]) -> dict[str, type[Choice]]:
    """The kinds of choice that a section's settings take, and those that their choices take, by name."""
    return {setting.kind.kind: setting.kind for setting in settings_below(cls) if setting.kind}


def fold(spelling: str) -> str:
    """`LeakyReLU`, `leaky-relu` and `leaky_relu` are one name."""
    return re.sub(r"[^a-z0-9]", "", spelling.lower())


def nearest(word: str, candidates: Iterable[str], cutoff: float = 0.7) -> str | None:
    """The candidate that was probably meant, or None."""
    if len(word) > LONGEST_WORD:
        return None
    by_fold, letters = {fold(candidate): candidate for candidate in candidates}, fold(word)
    close = get_close_matches(letters, by_fold, n=1, cutoff=cutoff)
    close = close or [each for each in by_fold if sorted(each) == sorted(letters)]  # sdg: two of three letters
    return by_fold[close[0]] if close else None


def nearest_of(name: str, known: Iterable[str]) -> str:
    """The fix for a name that there is not: those that end in it, as ``val_loss`` does in ``loss``, or the nearest one,
    or all there are."""
    known = list(dict.fromkeys(known))
    if meant := [each for each in known if each.endswith((f"_{name}", f".{name}"))][:6] or nearest(name, known):
        return f"Did you mean {meant if isinstance(meant, str) else ' or '.join(meant)}?"
    dotted = [each for each in known if "." in each]
    like = f", and others like {dotted[0]}" if dotted else ""
    return f"There are {', '.join(each for each in known if each not in dotted)}{like}."
