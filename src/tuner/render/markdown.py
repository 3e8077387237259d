"""Tables of the README, made from the code, so that a test can tell when one is stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import TYPE_CHECKING

from tuner.render.tables import table

if TYPE_CHECKING:
    from tuner.choice import Choice


def choices_table(kind: str, members: Mapping[str, type[Choice]]) -> str:
    """The choices of a kind: name, what it is, its settings with their defaults, other names for it."""
    rows = [
        (f"`{name}`", first_line(choice), ", ".join(settings(choice)), ", ".join(_quoted(choice.aliases)))
        for name, choice in members.items()
    ]
    used = [column for column in range(4) if column < 2 or any(row[column] for row in rows)]
    headers = (kind, "what it is", "settings", "also called")
    return table(
        [headers[column] for column in used], [[row[column] for column in used] for row in rows], markdown=True
    )


def exit_codes_table(codes: Mapping[int, tuple[str, str]]) -> str:
    """What each exit code means, and whether the same command should be run again."""
    rows = [(code, meaning, again) for code, (meaning, again) in codes.items()]
    return table(("exit", "meaning", "run the same again?"), rows, "rll", markdown=True)


def first_line(choice: type[Choice]) -> str:
    """The first line of a choice's docstring: what it is."""
    return cleandoc(choice.__doc__ or "").partition("\n")[0]


def settings(choice: type[Choice]) -> list[str]:
    """A choice's own settings as the config spells them: ``slope: 0.01``; a required one without a value.

    Those that every choice of the kind has are not among them.
    """
    from tuner.explain.language import default_text

    shared = choice.base.fields
    own = {key: field for key, field in choice.fields.items() if key not in shared}
    return [f"`{key}`" if field.required else f"`{key}: {default_text(field)}`" for key, field in own.items()]


def _quoted(words: Iterable[str]) -> list[str]:
    return [f"`{word}`" for word in words]
