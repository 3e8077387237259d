"""What a name means: a technique, a kind, a choice, a setting, another tool's word, a column, an exit code.

What is known of choices and settings is read from their classes, so that it cannot be out of date.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from inspect import cleandoc

from tuner.bounds import label, plural
from tuner.choice import Choice, Field, Setting, fold
from tuner.config import advice
from tuner.config.comparison import NOT_MEANING
from tuner.config.schema import EXTENDS
from tuner.document.writing import to_yaml
from tuner.errors import EXIT_CODES, UsageError
from tuner.explain.language import (
    default_text,
    everything,
    example_of_choice,
    example_of_setting,
    find_kind,
    first_line,
    kinds,
    listed,
    near,
    overrides,
    plain,
)
from tuner.explain.texts import Meaning, Topic, claims, column_text, columns, glossary, proofs, recipe_text, topics
from tuner.rules import Rule

TABLE = ("setting", "allowed", "default", "what it is")


def explain(name: str) -> list[Meaning]:
    """Everything that a name means, most general first. Raises UsageError naming the nearest where it is nothing."""
    found = meanings(name)
    if not found:
        meant = near(name, names())
        hint = f"did you mean {' or '.join(meant)}?" if meant else "`tuner list` shows the kinds of choices"
        raise UsageError(f"nothing is called {name}", fix=hint)
    return found


def meanings(name: str) -> list[Meaning]:
    """Everything that a name means; an empty list where it is nothing."""
    asked = plain(name)
    if not asked:
        return []
    found = [of_topic(topic) for topic in topics() if asked in map(plain, (topic.title, *topic.also))]
    if kind := find_kind(name):
        rows = tuple((member.name, first_line(member)) for member in kind.members.values())
        text = "\n".join([cleandoc(kind.__doc__ or ""), *places(kind)])
        found.append(Meaning(kind.kind, "kind of choice", text, ("name", "what it is"), rows))
    found += [of_choice(choice) for choice in choices(name)]
    found += [of_choice(rule) for rule in Rule.members.values() if asked in map(plain, rule.chinese)]
    found += [word for word in glossary() if asked in map(plain, (word.title, *word.also))]
    elsewhere = advice.OTHER_TOOLS.get(fold(name))
    found += of_keys(name) or [
        replace(meaning, what=f"setting; elsewhere called {name}") for meaning in of_keys(elsewhere or "")
    ]
    if column := column_text(name.lower()):
        found.append(Meaning(name.lower(), "measured by a run", column))
    found += of_exit_code(name)
    found += [Meaning(recipe, "recipe", recipe_text(recipe)) for recipe in claims() if plain(recipe) == asked]
    return [*found, *of_value(name)] or of_other_name(name)


def names() -> Iterator[str]:
    """Every name that has a meaning, but for other tools' words."""
    texts: list[Topic | Meaning] = [*topics(), *glossary()]
    for told in texts:
        yield from (told.title, *told.also)
    for kind in listed().values():
        yield kind.kind
        for member in kind.members.values():
            yield from (member.name, *member.aliases)
    for rule in Rule.members.values():
        yield from rule.chinese
    yield "extends"
    for setting in everything():
        yield from (setting.key, setting.path, *values_of(setting))
    yield from columns()
    yield from map(str, EXIT_CODES)
    yield from claims()


def of_topic(topic: Topic) -> Meaning:
    also = tuple(word for word in topic.also if plain(word) != plain(topic.title) and word.isascii())
    lines = [topic.text, f"Settings: {', '.join(topic.keys)}.", *proofs([topic.title, *topic.also])]
    return Meaning(topic.title, "technique", "\n".join(lines), also=also, yaml=topic.example)


# ---- choices ---------------------------------------------------------------------------------------------------------


def choices(name: str) -> list[type[Choice]]:
    """The choices that a name or alias stands for; ``kind.name`` asks for one kind."""
    start, dot, rest = name.partition(".")
    asked = find_kind(start) if dot else None
    found = [asked.find(rest)] if asked else [kind.find(name) for kind in listed().values()]
    return [choice for choice in found if choice is not None]


def of_choice(choice: type[Choice]) -> Meaning:
    """A choice: its docstring, its settings, how to write it. A rule of the diagnosis stands in no config."""
    kind = listed()[choice.kind]
    rows = tuple(row(key, field) for key, field in choice.fields.items())
    values = example_of_choice(choice, kind) if paths_of(kind) else {}
    origin = [f"From the package {choice.package}."] if choice.package else []
    proven = proofs([choice.name]) or proofs(paths_of(kind), "Recipe on its kind")
    if issubclass(choice, Rule) and choice.proof:
        proven = [f"Recipe: {choice.proof} ({claims().get(choice.proof, {}).get('title', '')})."]
    text = "\n".join([cleandoc(choice.__doc__ or ""), *places(kind), *origin, *proven])
    written = to_yaml(values) if values else ""
    head = TABLE if rows else ()
    return Meaning(choice.name, choice.kind, text, head, rows, choice.aliases, written, overrides(values))


def of_other_name(name: str) -> list[Meaning]:
    """The choices that another tool calls so, or what to write instead."""
    found = []
    for kind in kinds().values():
        meant = advice.OTHER_NAMES.get(kind.kind, {}).get(fold(name))
        choice = kind.find(meant) if isinstance(meant, str) else None
        if choice is not None:
            found.append(replace(of_choice(choice), what=f"{kind.kind}; elsewhere called {name}"))
        elif meant:
            found.append(Meaning(name, f"{label(kind)}, elsewhere", f"Here: {meant}."))
    return found


def places(kind: type[Choice]) -> list[str]:
    """Where a config names a choice of this kind, in a line."""
    return [f"Stands at: {', '.join(paths_of(kind))}."] if paths_of(kind) else []


def paths_of(kind: type[Choice]) -> list[str]:
    """The settings whose value is a choice of this kind; ``[]``: a list of them."""
    found = (f"{setting.path}{'[]' if setting.listed else ''}" for setting in everything() if setting.kind is kind)
    return list(dict.fromkeys(found))


def row(key: str, field: Field) -> tuple[str, str, str, str]:
    """A setting as a row of TABLE."""
    return key, field.bound.words, default_text(field), field.help


# ---- settings --------------------------------------------------------------------------------------------------------


def of_keys(name: str) -> list[Meaning]:
    """The settings at a path; for a last word, those at all its places, like ones together."""
    asked = plain(name.removesuffix(".name"))
    found = [setting for setting in everything() if plain(setting.path) == asked]
    if not found:  # the key that a layer is known by is its name
        layers = {(layer, layer.name) for layer in kinds()["layer"].members.values()}
        alike = (setting for setting in everything() if plain(setting.key) == asked)
        found = [setting for setting in alike if (setting.owner, setting.key) not in layers]
    by_path: dict[str, list[Setting]] = {}
    for setting in found:
        by_path.setdefault(setting.path, []).append(setting)
    by_owners: dict[tuple[type, ...], list[list[Setting]]] = {}
    for group in by_path.values():
        by_owners.setdefault(tuple(dict.fromkeys(setting.owner for setting in group)), []).append(group)
    told = [of_setting(groups[0], [group[0].path for group in groups]) for groups in by_owners.values()]
    return [*told, *([EXTENDING] if asked == "extends" else [])]


def of_value(name: str) -> list[Meaning]:
    """The settings of which that is one of the values."""
    asked = plain(name)
    places = [setting.path for setting in everything() if asked in map(plain, values_of(setting))]
    told = [meaning for path in dict.fromkeys(places) for meaning in of_keys(path)]
    return [replace(meaning, what=f"setting; {name} is one of its values") for meaning in told]


def values_of(setting: Setting) -> list[str]:
    """The words that a setting, or an item of it, may be, where it is no choice of a kind."""
    bound = setting.field.bound
    words = () if setting.kind else (*bound.options, *(bound.item.options if bound.item else ()))
    return [word for word in words if plain(word) not in ("", "auto", "none")]


def of_setting(group: Sequence[Setting], paths: Sequence[str]) -> Meaning:
    """A setting that several choices may have, at one path or at several. What a section holds, or what differs between
    the choices, is a table."""
    first = next((setting for setting in group if setting.is_by_default), group[0])
    field, part = first.field, first.field.bound.section
    told: dict[tuple[str, ...], list[str]] = {}
    for setting in group:
        owner = setting.owner.name if issubclass(setting.owner, Choice) else setting.owner.__name__
        told.setdefault(row(setting.key, setting.field)[1:], []).append(owner)
    lines, headers = [], TABLE
    rows: tuple[tuple[str, ...], ...] = tuple(row(*item) for item in part.fields.items()) if part else ()
    if len(told) > 1:
        headers = ("in", *TABLE[1:])
        rows = tuple((", ".join(dict.fromkeys(owners)), *cells) for cells, owners in told.items())
    else:
        lines = [f"{sentence(field.help)}.", f"Allowed: {field.bound.words}."]
        if field.required:
            lines.append("It has to be given.")
        elif not part or field.default is None:  # a section's settings have defaults of their own
            lines.append(f"Default: {default_text(field)}.")
    lines += [*remarks(group, paths), *proofs(paths)]
    values = example_of_setting(first)
    return Meaning(", ".join(paths), "setting", "\n".join(lines), headers if rows else (), rows,
                   yaml=to_yaml(values), overrides=overrides(values))  # fmt: skip


def remarks(group: Sequence[Setting], paths: Sequence[str]) -> Iterator[str]:
    """Which choices have a setting, where to read on, and whether it counts when configs are compared."""
    owners = list(dict.fromkeys(setting.owner for setting in group if issubclass(setting.owner, Choice)))
    if owners and len(owners) == len(owners[0].members):
        yield f"Every {label(owners[0])} has it."
    elif owners:
        yield f"Only these {plural(label(owners[0]))} have it: {', '.join(owner.name for owner in owners)}."
    if kind := group[0].kind:
        yield f"`tuner list {plural(kind.kind)}` shows what there is."
    if any(path == name or path.startswith(f"{name}.") for path in paths for name in NOT_MEANING):
        yield "It does not count when two configs are compared: it names, places or saves a run."


EXTENDING = Meaning(
    "extends",
    "setting",
    f"{EXTENDS['description']}.\nMaps are merged, lists and single values replaced; what extends wins.",
    yaml="extends: base.yaml\noptimizer: {lr: 0.01}\n",
)


def sentence(text: str) -> str:
    """The text with a capital letter first."""
    return text[:1].upper() + text[1:]


def of_exit_code(name: str) -> list[Meaning]:
    """What it means when a command ends with this number."""
    found = re.fullmatch(r"(?:exit(?:[ _-]?code)?[ _-]?)?([0-9]{1,3})", name.strip().lower())
    if found is None:
        return []
    code = int(found[1])
    if code in EXIT_CODES:
        text, again = EXIT_CODES[code]
    else:
        try:
            text = f"the process died of {signal.Signals(code - 128).name}"
        except ValueError:
            return []
        again = "A training run goes on from its last checkpoint"
    return [Meaning(f"exit {code}", "exit code", f"{sentence(text)}.\nRun the same again? {again}.")]
