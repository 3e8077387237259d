"""The keys and choices of the config language, walked as its classes declare them, and how each is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from typing import Any

from pydantic.fields import FieldInfo

from tuner.choice import Choice, Section
from tuner.config import Config, words
from tuner.config.schema import leaf, plain_default
from tuner.data.source import NumericTarget
from tuner.document import flow


@dataclass(frozen=True)
class Setting:
    """One key of one class: its path, and the choices and sections it lies in, outermost first.

    A level of `levels` is a key, the class its value has, whether that is one of a list, and whether the class is what
    the key has by default.
    """

    path: str
    key: str
    owner: type[Section]
    info: FieldInfo
    levels: tuple[tuple[str, type[Section], bool, bool], ...] = ()

    @property
    def listed(self) -> bool:
        """Whether it takes a list of choices."""
        return words.listed_family(self.info.annotation) is not None

    @property
    def kind(self) -> type[Choice] | None:
        """The kind of choice that it takes, alone or in a list."""
        return words.family(self.info.annotation) or words.listed_family(self.info.annotation)

    @property
    def is_layers_name(self) -> bool:
        """Whether it is the key that a layer is known by."""
        return issubclass(self.owner, Choice) and self.owner.kind == "layer" and self.owner.name == self.key

    @property
    def is_by_default(self) -> bool:
        """Whether it is there without another choice being named."""
        return all(default for _, _, _, default in self.levels)


@cache
def settings() -> tuple[Setting, ...]:
    """Every setting of the language, of every choice: one path several times where several choices have it."""
    return tuple(_below(Config, None))


def _below(cls: type[Section], above: Setting | None) -> Iterator[Setting]:
    start = ""
    levels: tuple[tuple[str, type[Section], bool, bool], ...] = ()
    if above is not None:
        start = f"{above.path}{'[]' if above.listed else ''}."
        default = above.kind is None or isinstance(above.info.default, cls)
        levels = (*above.levels, (above.key, cls, above.listed, default))
    for key, info in cls.model_fields.items():
        setting = Setting(f"{start}{key}", key, cls, info, levels)
        yield setting
        part = words.section(info.annotation)
        for below in setting.kind.members.values() if setting.kind else [part] if part else []:
            yield from _below(below, setting)


@cache
def kinds() -> dict[str, type[Choice]]:
    """The kinds of choice by name, in the order of the language."""
    found = (setting.kind for setting in settings())
    return {kind.kind: kind for kind in found if kind is not None}


def find_kind(name: str) -> type[Choice] | None:
    """The kind that a word names, singular or plural."""
    return next((kind for word, kind in kinds().items() if plain(name) in (plain(word), plain(plural(word)))), None)


def plural(kind: str) -> str:
    """``optimizers``, ``losses``, ``data``."""
    return kind if kind == "data" else f"{kind}es" if kind.endswith("s") else f"{kind}s"


def label(kind: type[Choice]) -> str:
    """A kind in running text."""
    return "data source" if kind.kind == "data" else kind.kind


def plain(name: str) -> str:
    """A name without case and separators; letters of every script stay."""
    return re.sub(r"[\W_]+", "", name.casefold())


def first_line(choice: type[Choice]) -> str:
    """What a choice is, in a line."""
    return cleandoc(choice.__doc__ or "").partition("\n")[0]


# ---- what a setting takes --------------------------------------------------------------------------------------------


def allowed(info: FieldInfo) -> str:
    """What a setting takes, in words."""
    kind, listed = words.family(info.annotation), words.listed_family(info.annotation)
    if listed is not None:
        return f"a list of {plural(listed.kind)}"
    if kind is not None:
        return f"the name of {words.a(label(kind))}, or a map with it" + ", or null" * words.optional(info.annotation)
    if words.section(info.annotation) is not None:
        return "a map" + " or none" * words.optional(info.annotation)
    return words.allowed(info)


def default_text(info: FieldInfo) -> str:
    """A setting's default as YAML; a word where it has to be given."""
    if info.is_required():
        return "(required)"
    default = plain_default(info)
    return flow(default["name"] if words.family(info.annotation) and isinstance(default, dict) else default)


# ---- examples --------------------------------------------------------------------------------------------------------


def example_of_choice(choice: type[Choice], kind: type[Choice]) -> dict[str, Any]:
    """A config that chooses `choice`, with one or two of its settings at their defaults."""
    places = [setting for setting in settings() if setting.kind is kind]
    place = next((setting for setting in places if setting.is_by_default), places[0])
    shown = list(_telling(choice, kind))[:2]
    value = with_name(choice, {key: plain_default(choice.model_fields[key]) for key in shown})
    bare = value["name"] if list(value) == ["name"] else value
    return _learnable(example(place, [value] if place.listed else bare), [choice])


def _telling(choice: type[Choice], kind: type[Choice]) -> Iterator[str]:
    """The settings that say most about a choice; required ones are left to `with_name`."""
    optional = [key for key, info in choice.model_fields.items() if not info.is_required()]
    telling = [key for key in optional if plain_default(choice.model_fields[key]) is not None]
    shared = [key for key in optional[:1] if key in telling and key in kind.model_fields]
    yield from (*shared, *(key for key in telling if key not in kind.model_fields))


def example_of_setting(setting: Setting) -> dict[str, Any]:
    """A config that gives the setting a value: its default, where it has one that shows how to write it."""
    info, part = setting.info, words.section(setting.info.annotation)
    value = sample(info) if info.is_required() or setting.listed else plain_default(info)
    if part is not None:
        value = {key: plain_default(below) for key, below in part.model_fields.items()}
    elif words.family(info.annotation) and isinstance(value, dict):
        value = value["name"]
    return _learnable(example(setting, value), [cls for _, cls, _, _ in setting.levels])


def example(setting: Setting, value: Any) -> dict[str, Any]:
    """The config that gives `setting` this value and names the choices it belongs to."""
    inner = {setting.key: value}
    for key, cls, listed, default in reversed(setting.levels):
        inner = inner if default or not issubclass(cls, Choice) else with_name(cls, inner)
        inner = {key: [inner] if listed else inner}
    return inner


def with_name(choice: type[Choice], given: dict[str, Any]) -> dict[str, Any]:
    """A choice as a map: its name (a layer has none), what it requires, what is given."""
    name = {} if choice.kind == "layer" else {"name": choice.name}
    required = {key: sample(info) for key, info in choice.model_fields.items() if info.is_required()}
    return {**name, **required, **given}


def _learnable(values: dict[str, Any], choices: list[type[Section]]) -> dict[str, Any]:
    """The config with a loss for numbers where its data has them."""
    return {**values, "loss": "mse"} if any(issubclass(cls, NumericTarget) for cls in choices) else values


def sample(info: FieldInfo) -> Any:
    """A usual value for a setting without a default: something within its bounds."""
    if kind := words.listed_family(info.annotation):
        first = next(iter(kind.members.values()))
        return [with_name(first, {})]
    bounds = leaf(info)
    low: Any = bounds.get("minimum", bounds.get("exclusiveMinimum", 0))
    high: Any = bounds.get("maximum", bounds.get("exclusiveMaximum", 1 << 30))
    if bounds.get("type") == "integer":
        return 32 if high > 10_000 else low  # a width is many, a side is small
    return (low + high) / 2 if bounds.get("type") == "number" else "file"


def overrides(values: dict[str, Any], path: str = "") -> list[str]:
    """The same settings as ``key=value``, quoted where a shell would read something else."""
    found = []
    for key, value in values.items():
        below = f"{path}.{key}" if path else key
        if not isinstance(value, dict):
            found.append(shlex.quote(f"{below}={flow(value)}"))
            continue
        rest = dict(value)
        name = rest.pop("name", None)
        found += [f"{below}={name}"] if name else []
        found += overrides(rest, below)
    return found
