"""What a name means: a technique, a kind, a choice, a setting, another tool's word, a column, an exit code.

What is known of choices and settings is read from their classes, so that it cannot be out of date.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from inspect import cleandoc

from tuner.bounds import label, plural
from tuner.choice import Choice, Field, fold
from tuner.config import advice, words
from tuner.config.comparison import NOT_MEANING
from tuner.config.schema import EXTENDS
from tuner.document.writing import to_yaml
from tuner.errors import EXIT_CODES, UsageError
from tuner.explain.glossary import Word, glossary
from tuner.explain.language import (
    Setting,
    default_text,
    example_of_choice,
    example_of_setting,
    find_kind,
    first_line,
    kinds,
    overrides,
    plain,
    settings,
)
from tuner.explain.nearness import near
from tuner.explain.numbers import column_text, columns
from tuner.explain.recipes import proofs, recipe_names, recipe_text
from tuner.explain.topics import Topic, topics


@dataclass(frozen=True)
class Meaning:
    """One thing that a name means. `columns` and `rows` are a table; `yaml` and `overrides` show how to set it."""

    title: str
    what: str
    text: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    also: tuple[str, ...] = ()
    yaml: str = ""
    overrides: tuple[str, ...] = ()


def explain(name: str) -> list[Meaning]:
    """Everything that a name means, most general first. Raises UsageError naming the nearest where it is nothing."""
    found = meanings(name)
    if not found:
        meant = nearest_names(name)
        hint = f"did you mean {' or '.join(meant)}?" if meant else "`tuner list` shows the kinds of choices"
        raise UsageError(f"nothing is called {name}", fix=hint)
    return found


def meanings(name: str) -> list[Meaning]:
    """Everything that a name means; an empty list where it is nothing."""
    if not plain(name):
        return []
    kind = find_kind(name)
    found = [of_topic(topic) for topic in topics() if plain(name) in map(plain, (topic.title, *topic.also))]
    found += [of_kind(kind)] if kind else []
    found += [of_choice(choice) for choice in choices(name)]
    found += [of_word(word) for word in glossary() if plain(name) in map(plain, (word.title, *word.also))]
    keys = of_keys(name)
    found += keys or of_other_tool(name)
    found += of_column(name)
    found += of_exit_code(name)
    recipe = recipe_text(name)
    found += [Meaning(recipe[0], "recipe", recipe[1])] if recipe else []
    return found or of_other_name(name)


def nearest_names(name: str, count: int = 3) -> list[str]:
    """The names that were probably meant, best first; none where that is anyone's guess."""
    return near(name, names(), count)


def names() -> Iterator[str]:
    """Every name that has a meaning, but for other tools' words."""
    for topic in topics():
        yield from (topic.title, *topic.also)
    for word in glossary():
        yield from (word.title, *word.also)
    for kind in kinds().values():
        yield kind.kind
        for member in kind.members.values():
            yield from (member.name, *member.aliases)
    yield "extends"
    for setting in settings():
        yield from (setting.key, setting.path)
    yield from columns()
    yield from map(str, EXIT_CODES)
    yield from recipe_names()


# ---- techniques and choices ------------------------------------------------------------------------------------------


def of_topic(topic: Topic) -> Meaning:
    """A technique."""
    also = tuple(word for word in topic.also if plain(word) != plain(topic.title) and word.isascii())
    return Meaning(
        topic.title,
        "technique",
        "\n".join([topic.text, f"Settings: {', '.join(topic.keys)}.", *proofs([topic.title, *topic.also])]),
        also=also,
        yaml=topic.example,
    )


def of_word(word: Word) -> Meaning:
    """A word of tuner's output, or of the field."""
    also = tuple(other for other in word.also if plain(other) != plain(word.title))
    return Meaning(word.title, word.kind, word.text, also=also)


def of_kind(kind: type[Choice]) -> Meaning:
    """A kind of choice with its members."""
    rows = tuple((member.name, first_line(member)) for member in kind.members.values())
    text = f"{cleandoc(kind.__doc__ or '')}\n{places(kind)}"
    return Meaning(kind.kind, "kind of choice", text, ("name", "what it is"), rows)


def choices(name: str) -> list[type[Choice]]:
    """The choices that a name or alias stands for; ``kind.name`` asks for one kind."""
    start, dot, rest = name.partition(".")
    asked = find_kind(start) if dot else None
    found = [asked.find(rest)] if asked else [kind.find(name) for kind in kinds().values()]
    return [choice for choice in found if choice is not None]


def of_choice(choice: type[Choice]) -> Meaning:
    """A choice: its docstring, its settings, how to write it."""
    kind = kinds()[choice.kind]
    rows = tuple(row(key, field) for key, field in choice.fields.items())
    values = example_of_choice(choice, kind)
    origin = [f"From the package {choice.package}."] if choice.package else []
    proven = proofs([choice.name]) or proofs(paths_of(kind), "Recipe on its kind")
    return Meaning(
        choice.name,
        choice.kind,
        "\n".join([cleandoc(choice.__doc__ or ""), places(kind), *origin, *proven]),
        ("setting", "allowed", "default", "what it is"),
        rows,
        choice.aliases,
        to_yaml(values),
        tuple(overrides(values)),
    )


def places(kind: type[Choice]) -> str:
    """Where a config names a choice of this kind."""
    return f"Stands at: {', '.join(paths_of(kind))}."


def paths_of(kind: type[Choice]) -> list[str]:
    """The settings whose value is a choice of this kind; ``[]``: a list of them."""
    found = (f"{setting.path}{'[]' if setting.listed else ''}" for setting in settings() if setting.kind is kind)
    return list(dict.fromkeys(found))


def row(key: str, field: Field) -> tuple[str, str, str, str]:
    """A setting as a row of a table."""
    return key, field.bound.words, default_text(field), field.help


# ---- settings --------------------------------------------------------------------------------------------------------


def of_keys(name: str) -> list[Meaning]:
    """The settings at a path; for a last word, those at all its places, like ones together."""
    asked = plain(name.removesuffix(".name"))
    every = list(settings())
    found = [setting for setting in every if plain(setting.path) == asked]
    if not found:
        found = [setting for setting in every if plain(setting.key) == asked and not setting.is_layers_name]
    by_path: dict[str, list[Setting]] = {}
    for setting in found:
        by_path.setdefault(setting.path, []).append(setting)
    alike: dict[tuple[type, ...], list[list[Setting]]] = {}
    for group in by_path.values():
        alike.setdefault(tuple(dict.fromkeys(setting.owner for setting in group)), []).append(group)
    told = [of_setting(groups[0], [group[0].path for group in groups]) for groups in alike.values()]
    return [*told, *([EXTENDING] if asked == "extends" else [])]


def of_setting(group: Sequence[Setting], paths: Sequence[str]) -> Meaning:
    """A setting that several choices may have, at one path or at several."""
    first = next((setting for setting in group if setting.is_by_default), group[0])
    told = {row(setting.key, setting.field)[1:]: "" for setting in group}
    if len(told) == 1:
        lines = [
            f"{sentence(first.field.help)}.",
            f"Allowed: {first.field.bound.words}.",
            default_line(first.field),
        ]
    else:
        lines = []
    values = example_of_setting(first)
    lines += [*belongs_to(group), *remarks(first, paths), *proofs(paths)]
    headers, rows = variants(group) if len(told) > 1 else below(first)
    return Meaning(
        ", ".join(paths),
        "setting",
        "\n".join(line for line in lines if line),
        headers,
        rows,
        yaml=to_yaml(values),
        overrides=tuple(overrides(values)),
    )


def default_line(field: Field) -> str:
    """The default in a sentence; nothing for a section, whose settings have their own."""
    if field.required:
        return "It has to be given."
    return "" if field.bound.section and field.default is not None else f"Default: {default_text(field)}."


def belongs_to(group: Sequence[Setting]) -> list[str]:
    """Which choices have a setting."""
    owners = list(dict.fromkeys(setting.owner for setting in group if issubclass(setting.owner, Choice)))
    if not owners:
        return []
    kind = kinds()[owners[0].kind]
    if len(owners) == len(kind.members):
        return [f"Every {label(kind)} has it."]
    return [f"Only these {plural(label(kind))} have it: {', '.join(owner.name for owner in owners)}."]


def remarks(setting: Setting, paths: Sequence[str]) -> list[str]:
    """Where to read on, and whether the setting counts when configs are compared."""
    lines = []
    if setting.kind:
        lines.append(f"`tuner list {plural(setting.kind.kind)}` shows what there is.")
    if any(path == name or path.startswith(f"{name}.") for path in paths for name in NOT_MEANING):
        lines.append("It does not count when two configs are compared: it names, places or saves a run.")
    return lines


def variants(group: Sequence[Setting]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """A setting that is not the same in every choice, as a table."""
    told: dict[tuple[str, ...], list[str]] = {}
    for setting in group:
        owner = setting.owner.name if issubclass(setting.owner, Choice) else setting.owner.__name__
        told.setdefault(row(setting.key, setting.field)[1:], []).append(owner)
    rows = tuple((", ".join(dict.fromkeys(owners)), *cells) for cells, owners in told.items())
    return ("in", "allowed", "default", "what it is"), rows


def below(setting: Setting) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """The settings of a section, as a table."""
    part = setting.field.bound.section
    if part is None:
        return (), ()
    return ("setting", "allowed", "default", "what it is"), tuple(row(*item) for item in part.fields.items())


EXTENDING = Meaning(
    "extends",
    "setting",
    f"{EXTENDS['description']}.\nMaps are merged, lists and single values replaced; what extends wins.",
    yaml="extends: base.yaml\noptimizer: {lr: 0.01}\n",
)


def of_other_tool(name: str) -> list[Meaning]:
    """The setting that another tool calls so."""
    key = words.OTHER_TOOLS.get(fold(name))
    return [replace(meaning, what=f"setting; elsewhere called {name}") for meaning in of_keys(key)] if key else []


def of_other_name(name: str) -> list[Meaning]:
    """The choices that another tool calls so, or what to write instead."""
    found = []
    for kind in kinds().values():
        meant = advice.OTHER_NAMES.get(kind.kind, {}).get(fold(name))
        choice = kind.find(meant) if isinstance(meant, str) else None
        what = f"{kind.kind}; elsewhere called {name}"
        if choice is not None:
            found.append(replace(of_choice(choice), what=what))
        elif meant:
            found.append(Meaning(name, f"{label(kind)}, elsewhere", f"Here: {meant}."))
    return found


def sentence(text: str) -> str:
    """The text with a capital letter first."""
    return text[:1].upper() + text[1:]


# ---- numbers ---------------------------------------------------------------------------------------------------------


def of_column(name: str) -> list[Meaning]:
    """A column of metrics.csv or timing.csv."""
    text = column_text(name.lower())
    return [Meaning(name.lower(), "measured by a run", text)] if text is not None else []


def of_exit_code(name: str) -> list[Meaning]:
    """What it means when a command ends with this number."""
    found = re.fullmatch(r"(?:exit(?:[ _-]?code)?[ _-]?)?([0-9]{1,3})", name.strip().lower())
    if found is None:
        return []
    code = int(found[1])
    if code in EXIT_CODES:
        meaning, again = EXIT_CODES[code]
        text = f"{sentence(meaning)}.\nRun the same again? {again}."
        return [Meaning(f"exit {code}", "exit code", text)]
    try:
        died = signal.Signals(code - 128).name
    except ValueError:
        return []
    text = f"The process died of {died}.\nRun the same again? A training run goes on from its last checkpoint."
    return [Meaning(f"exit {code}", "exit code", text)]
