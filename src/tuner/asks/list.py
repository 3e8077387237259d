"""What is there to choose from?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tuner import shipped
from tuner.answer import Answer, Column, Note, Table, Text
from tuner.bounds import plural
from tuner.choice import Choice
from tuner.errors import UsageError
from tuner.explain.language import default_text, find_kind, first_line, listed, near, plain
from tuner.packages import packages

CONFIGS, RECIPES = "configs", "recipes"


def ask(kind: str | None) -> Answer:
    """The kinds and the names in them, or all of one kind. Raises UsageError for a kind that there is not."""
    if kind is None:
        found = {CONFIGS: list(shipped.configs()), RECIPES: list(shipped.recipes())}
        found |= {plural(name): list(each.members) for name, each in listed().items()}
        rows = [[name, ", ".join(names)] for name, names in found.items()]
        return Answer([Table([Column("kind"), Column("names")], rows)], found, _lines(found))
    for word, known, what in ((CONFIGS, shipped.configs, first_comment), (RECIPES, shipped.recipes, shipped.title_of)):
        if plain(kind) in (word, word.removesuffix("s")):
            about = {name: {"what": what(path), "path": str(path)} for name, path in known().items()}
            rows = [[name, each["what"]] for name, each in about.items()]
            data = {word: [{"name": name, **each} for name, each in about.items()]}
            return Answer([Table([Column("name"), Column("what it is")], rows)], data, _lines(about))
    if (chosen := find_kind(kind)) is None:
        raise no_kind(kind)
    return _choices(chosen)


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _choices(kind: type[Choice]) -> Answer:
    """The choices of a kind, each with its package where it is not tuner's own; the settings that all of them have
    stand below, once."""
    shared = settings_of(kind)
    rows, choices = [], []
    for name, member in kind.members.items():
        what = first_line(member) + (f" (from {member.package})" if member.package else "")
        rows.append([name, what, ", ".join(text for text in settings_of(member) if text not in shared)])
        settings = [
            {
                "key": key,
                "allowed": field.bound.words,
                "required": field.required,
                "help": field.help,
                "default": None if field.required else field.plain(field.default),
            }
            for key, field in member.fields.items()
        ]
        package = {"package": member.package} if member.package else {}
        told = {"name": name, "what": first_line(member), "aliases": list(member.aliases), **package}
        choices.append({**told, "settings": settings})
    table = Table([Column("name"), Column("what it is"), Column("settings")], rows)
    below = [Text(f"all of them: {', '.join(shared)}")] if shared else []
    notes = [*packages(), "tuner explain NAME says more"]
    return Answer([table, *below, *map(Note, notes)], {"kind": kind.kind, "choices": choices}, _lines(kind.members))


def no_kind(name: str) -> UsageError:
    known = [CONFIGS, RECIPES, *map(plural, listed())]
    meant = near(name, known, 1)
    if name in ("runs", "run"):
        return UsageError("runs are not among what comes with tuner", fix="tuner runs lists them")
    fix = f"did you mean {meant[0]}?" if meant else f"one of {', '.join(known)}"
    return UsageError(f"there is no kind {name}", fix=fix)


def first_comment(path: Path) -> str:
    """The first comment line of a config that is for people, not for editors."""
    comments = (line.lstrip("# ") for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    return next((line for line in comments if line and not line.startswith("yaml-language-server")), "")


def settings_of(choice: type[Choice]) -> list[str]:
    """``slope: 0.01``, for each setting."""
    return [f"{key}: {default_text(field)}" for key, field in choice.fields.items()]
