"""The settings that turn one config into another, as overrides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tuner.choice import Field, Section
from tuner.config.comparison import ABSENT, NOT_MEANING, PLACES, name_of
from tuner.document.writing import word

Argument = tuple[str, Any]
"""A key and its value."""


def arguments(a: dict[str, Any], b: dict[str, Any], *, places: bool = False) -> list[Argument]:
    """What to override in a config with the settings `a`, so that it means the same as one with the settings `b`;
    with `places` also where their data lie.

    What they are put on is a config that means `a`, and not how it says so: any setting may stand there or be left at
    its default. Once an override switches a choice, what was set below stays and what was a default goes, so that a
    setting of the new choice is given wherever either of the two could differ from what is wanted.
    """
    from tuner.config.settings import Config

    found = list(_section(Config, [a], b, ""))
    return found if places else [each for each in found if each[0] not in PLACES]


def as_text(argument: Argument) -> str:
    """``optimizer.lr=0.1``: no white space and no quoting needed."""
    return f"{argument[0]}={word(argument[1])}"


def _section(cls: type[Section], starts: Sequence[Any], wanted: dict[str, Any], path: str) -> Iterator[Argument]:
    """For the settings of a section or choice. `starts` are the values that it may have before: maps, or ``none``."""
    for key, field in cls.fields.items():
        below = f"{path}.{key}".lstrip(".")
        if below not in NOT_MEANING or below in PLACES:
            default = ABSENT if field.required else field.plain(field.default)
            before = [start.get(key, default) if isinstance(start, dict) else default for start in starts]
            yield from _setting(field, before, wanted.get(key, default), below)


def _setting(field: Field, starts: Sequence[Any], wanted: Any, path: str) -> Iterator[Argument]:
    kind, part = field.bound.kind, field.bound.section
    if kind is not None:  # the name of a choice where it may have been another, then the settings that may be others
        name = name_of(wanted)
        maps = [start if isinstance(start, dict) else {"name": start} for start in starts]
        if any(start["name"] != name for start in maps):
            yield path, name
            maps.append({"name": name})  # defaults of the old choice go, those of the new one come
        if name in kind.members:  # and not none, where that is no choice of its own
            yield from _section(kind.members[name], maps, wanted if isinstance(wanted, dict) else {}, path)
    elif part is not None and isinstance(wanted, dict):
        found = list(_section(part, starts, wanted, path))
        if not found and not all(isinstance(start, dict) for start in starts):  # defaults alone, and it was none
            found = [(f"{path}.{key}", value) for key, value in list(wanted.items())[:1]]
        yield from found
    elif any(start is ABSENT or start != wanted for start in starts):
        yield path, wanted
