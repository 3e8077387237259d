"""The keys and choices of the config language, walked as its classes declare them, and how each is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from inspect import cleandoc
from typing import Any

from tuner.bounds import Integer, Number, plural
from tuner.choice import Choice, Field, Setting, kinds_below, settings_below
from tuner.config.comparison import leaves, name_of
from tuner.config.schema import Beside
from tuner.config.settings import Config
from tuner.data.source import NumericTarget
from tuner.document.writing import flow
from tuner.rules import Rule

CUTOFF = 0.8
"""How much of two words has to agree (twice the common letters by all letters): a slip or two in a word of ten. The
first letter is seldom missed: it agrees, or has changed places with the second."""
SPACE = {"optimizer.lr": {"low": 1e-4, "high": 0.1, "log": True}, "model.dropout": [0, 0.3]}
LEAST = 4
"""Letters from which on a beginning says something."""


def settings() -> tuple[Setting, ...]:
    """Every setting of a run, of every choice."""
    return settings_below(Config)


@cache
def everything() -> tuple[Setting, ...]:
    """The same with those of a sweep."""
    return (*settings(), *settings_below(Beside))


@cache
def kinds() -> dict[str, type[Choice]]:
    """The kinds of choice by name, in the order of the language."""
    return kinds_below(Config)


def listed() -> dict[str, type[Choice]]:
    """The same with those of a sweep, and the rules of the diagnosis, which no config names."""
    return {**kinds(), **kinds_below(Beside), Rule.kind: Rule}


def find_kind(name: str) -> type[Choice] | None:
    """The kind that a word names, singular or plural."""
    return next((kind for word, kind in listed().items() if plain(name) in (plain(word), plain(plural(word)))), None)


def plain(name: str) -> str:
    """A name without case and separators; letters of every script stay."""
    return re.sub(r"[\W_]+", "", name.casefold())


def near(word: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """The candidates that were probably meant, best first; each spelling once."""
    by_letters: dict[str, str] = {}
    for candidate in candidates:
        by_letters.setdefault(plain(candidate), candidate)
    letters = plain(word)
    if not letters:
        return []
    alike = [name for name in by_letters if name[:1] == letters[0] or sorted(name[:2]) == sorted(letters[:2])]
    slips = get_close_matches(letters, alike, n=count, cutoff=CUTOFF)
    longer = sorted((name for name in by_letters if name.startswith(letters)), key=len) if len(letters) >= LEAST else []
    return [by_letters[name] for name in dict.fromkeys([*slips, *longer])][:count]


def first_line(choice: type[Choice]) -> str:
    """What a choice is, in a line."""
    return cleandoc(choice.__doc__ or "").partition("\n")[0]


def default_text(field: Field) -> str:
    """A setting's default as YAML; a word where it has to be given."""
    if field.required:
        return "(required)"
    default = field.plain(field.default)
    return flow(default["name"] if field.bound.kind and isinstance(default, dict) else default)


# ---- examples --------------------------------------------------------------------------------------------------------


def example_of_choice(choice: type[Choice], kind: type[Choice]) -> dict[str, Any]:
    """A config that chooses `choice`, with one or two of its settings at their defaults."""
    places = [setting for setting in everything() if setting.kind is kind]
    place = next((setting for setting in places if setting.is_by_default), places[0])
    optional = [key for key, field in choice.fields.items() if not field.required]
    telling = [key for key in optional if choice.fields[key].default is not None]
    shared = [key for key in optional[:1] if key in telling and key in kind.fields]
    most = [*shared, *(key for key in telling if key not in kind.fields)][:2]  # says most about it
    value = with_name(choice, {key: choice.fields[key].plain(choice.fields[key].default) for key in most})
    bare = value["name"] if list(value) == ["name"] else value
    return example(place, [value] if place.listed else bare)


def example_of_setting(setting: Setting) -> dict[str, Any]:
    """A config that gives the setting a value: its default, where it has one that shows how to write it."""
    field, part = setting.field, setting.field.bound.section
    value = sample(field) if field.required or setting.listed else field.plain(field.default)
    if part is not None:
        value = part().plain()
    elif setting.path == "sweep.space":
        value = SPACE
    elif field.bound.kind and isinstance(value, dict):
        value = value["name"]
    return example(setting, value)


def example(setting: Setting, value: Any) -> dict[str, Any]:
    """The config that gives `setting` this value, names the choices it belongs to, and has data and a loss that fit."""
    inner, above = {setting.key: value}, setting.above
    if above is not None and setting.kind is kinds()["embedding"] and value != "none":
        return {"data": "iris", **example(above, inner)}
    if above is None:
        data = kinds()["data"].find(str(name_of(inner.get("data"))))
        is_number = data is not None and issubclass(data, NumericTarget) and "task" not in data.fields
        return {**inner, "loss": "mse"} if is_number else inner
    if issubclass(setting.owner, Choice) and not isinstance(above.field.default, setting.owner):
        inner = with_name(setting.owner, inner)
    return example(above, [inner] if above.listed else inner)


def with_name(choice: type[Choice], given: dict[str, Any]) -> dict[str, Any]:
    """A choice as a map: its name (a layer has none), what it requires, what is given."""
    name = {} if choice.kind == "layer" else {"name": choice.name}
    required = {key: sample(field) for key, field in choice.fields.items() if field.required}
    return {**name, **required, **given}


def sample(field: Field) -> Any:
    """A usual value for a setting without a default: something within its bounds."""
    bound = field.bound
    if bound.listed:
        return [with_name(next(iter(bound.listed.members.values())), {})]
    if isinstance(bound, Integer):
        return 32 if bound.le is None or bound.le > 10_000 else bound.ge  # a width is many, a side is small
    if isinstance(bound, Number):
        return ((bound.ge or bound.gt or 0) + (bound.le or bound.lt or 1)) / 2
    return field.example or ("my.csv" if bound.is_path else "y")


def overrides(values: dict[str, Any]) -> tuple[str, ...]:
    """The same settings as ``key=value``, quoted where a shell would read something else."""
    return tuple(shlex.quote(f"{key.removesuffix('.name')}={flow(value)}") for key, value in leaves(values))
