"""The keys and choices of the config language, walked as its classes declare them, and how each is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import cleandoc
from typing import Any

from tuner.bounds import Integer, Number, plural
from tuner.choice import Choice, Field, Section
from tuner.config.settings import Config
from tuner.data.source import NumericTarget
from tuner.document.writing import flow


@dataclass(frozen=True)
class Setting:
    """One key of one class: its path, and the choices and sections it lies in, outermost first.

    A level of `levels` is a key, the class its value has, whether that is one of a list, and whether the class is what
    the key has by default.
    """

    path: str
    key: str
    owner: type[Section]
    field: Field
    levels: tuple[tuple[str, type[Section], bool, bool], ...] = ()

    @property
    def listed(self) -> bool:
        """Whether it takes a list of choices."""
        return self.field.bound.listed is not None

    @property
    def kind(self) -> type[Choice] | None:
        """The kind of choice that it takes, alone or in a list."""
        return self.field.bound.kind or self.field.bound.listed

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
        default = above.kind is None or isinstance(above.field.default, cls)
        levels = (*above.levels, (above.key, cls, above.listed, default))
    for key, field in cls.fields.items():
        setting = Setting(f"{start}{key}", key, cls, field, levels)
        yield setting
        part = field.bound.section
        for below in setting.kind.members.values() if setting.kind else [part] if part else []:
            yield from _below(below, setting)


@cache
def kinds() -> dict[str, type[Choice]]:
    """The kinds of choice by name, in the order of the language."""
    return {kind.kind: kind for kind in (setting.kind for setting in settings()) if kind is not None}


def find_kind(name: str) -> type[Choice] | None:
    """The kind that a word names, singular or plural."""
    return next((kind for word, kind in kinds().items() if plain(name) in (plain(word), plain(plural(word)))), None)


def plain(name: str) -> str:
    """A name without case and separators; letters of every script stay."""
    return re.sub(r"[\W_]+", "", name.casefold())


def first_line(choice: type[Choice]) -> str:
    """What a choice is, in a line."""
    return cleandoc(choice.__doc__ or "").partition("\n")[0]


# ---- what a setting takes --------------------------------------------------------------------------------------------


def default_text(field: Field) -> str:
    """A setting's default as YAML; a word where it has to be given."""
    if field.required:
        return "(required)"
    default = field.plain(field.default)
    return flow(default["name"] if field.bound.kind and isinstance(default, dict) else default)


# ---- examples --------------------------------------------------------------------------------------------------------


def example_of_choice(choice: type[Choice], kind: type[Choice]) -> dict[str, Any]:
    """A config that chooses `choice`, with one or two of its settings at their defaults."""
    places = [setting for setting in settings() if setting.kind is kind]
    place = next((setting for setting in places if setting.is_by_default), places[0])
    shown = list(_telling(choice, kind))[:2]
    value = with_name(choice, {key: choice.fields[key].plain(choice.fields[key].default) for key in shown})
    bare = value["name"] if list(value) == ["name"] else value
    return _learnable(example(place, [value] if place.listed else bare), [choice])


def _telling(choice: type[Choice], kind: type[Choice]) -> Iterator[str]:
    """The settings that say most about a choice; required ones are left to `with_name`."""
    optional = [key for key, field in choice.fields.items() if not field.required]
    telling = [key for key in optional if choice.fields[key].default is not None]
    shared = [key for key in optional[:1] if key in telling and key in kind.fields]
    yield from (*shared, *(key for key in telling if key not in kind.fields))


def example_of_setting(setting: Setting) -> dict[str, Any]:
    """A config that gives the setting a value: its default, where it has one that shows how to write it."""
    field, part = setting.field, setting.field.bound.section
    value = sample(field) if field.required or setting.listed else field.plain(field.default)
    if part is not None:
        value = part().plain()
    elif field.bound.kind and isinstance(value, dict):
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
    required = {key: sample(field) for key, field in choice.fields.items() if field.required}
    return {**name, **required, **given}


def _learnable(values: dict[str, Any], choices: list[type[Section]]) -> dict[str, Any]:
    """The config with a loss for numbers where its data has them."""
    return {**values, "loss": "mse"} if any(issubclass(cls, NumericTarget) for cls in choices) else values


def sample(field: Field) -> Any:
    """A usual value for a setting without a default: something within its bounds."""
    bound = field.bound
    if bound.listed:
        return [with_name(next(iter(bound.listed.members.values())), {})]
    if isinstance(bound, Integer):
        return 32 if bound.le is None or bound.le > 10_000 else bound.ge  # a width is many, a side is small
    if isinstance(bound, Number):
        return ((bound.ge or bound.gt or 0) + (bound.le or bound.lt or 1)) / 2
    return "file"


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
