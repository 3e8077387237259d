"""Suggestions that hold: each candidate of `advice` is put in place and read as the config is; the first that is good
is told, or none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuner.bounds import label
from tuner.choice import Choice, Section, Setting, fold, key_paths, settings_below
from tuner.config import advice
from tuner.data.source import DrawnTest, Source
from tuner.document.files import located
from tuner.document.nodes import Items, Map, Node, Place, Scalar
from tuner.document.parsing import parse

if TYPE_CHECKING:
    from tuner.config.reader import Given, Reader

Read = Callable[["Reader", Node], Any]
"""Reads a node at its path with the reader it is handed."""

LONGEST_LIST = 50
"""Items of a list in which one is looked for anew: all of it is read each time, and all its faults have to be seen."""


def is_good(reader: Reader, path: str, node: Node, read: Read, inside: str = "") -> bool:
    """Whether `node` can stand at `path`: what is wrong `inside` a map there (a pattern) counts, too."""
    probe = reader.probe()
    read(probe, node)
    own = re.compile(rf"{re.escape(path)}((\.name)?(\[\d+\])?{inside})")
    return not any(own.fullmatch(fault.key) for fault in probe.faults) and not _contradicts(reader, path, node)


def _contradicts(reader: Reader, path: str, node: Node) -> bool:
    """Whether `node` at `path` cannot stand beside the choices of this document."""
    if reader.contradicted is None or "[" in path or not path:
        return False
    place, kinds = node.place, {key for key, field in reader.root.fields.items() if field.bound.kind}
    said: dict[str, Given] = {
        key: (place, Scalar(place, name, name)) for key, name in reader.said.items() if name and key in kinds
    }
    for part in reversed(path.split(".")):
        node = Map(place, {part: (place, node)})
    probe = reader.probe()
    found = reader.contradicted(probe.section(reader.root, [Map(place, said), node], ""), probe.bad)
    return found is None or not found.isdisjoint((path, f"{path}.name"))


def first(reader: Reader, path: str, candidates: Iterable[str], read: Read) -> str | None:
    """The first of the candidates, YAML on one line, that can stand at `path`; advice in words needs no trial."""
    place = Place("suggestion", 1, 1, base=reader.top.base)
    for text in dict.fromkeys(candidates):
        if isinstance(text, advice.Words):
            return text
        if len(text) <= advice.LONGEST:
            node, faults = parse(text, place)
            if node is not None and not faults and is_good(reader, path, node, read, inside=".*"):
                return text
    return None


def value(reader: Reader, cls: type[Section], key: str, node: Node, path: str, index: int | None = None) -> str | None:
    """What to write for a value, or for the item `index` of the list that it is."""
    whole, target, at = node, node, path
    if index is not None and isinstance(node, Items):
        target, at = node.nodes[index], f"{path}[{index}]"
        if len(node.nodes) > LONGEST_LIST:
            return None

    def read(probe: Reader, found: Node) -> None:
        if index is not None and isinstance(whole, Items):
            found = Items(whole.place, (*whole.nodes[:index], found, *whole.nodes[index + 1 :]))
        probe.build(cls, {key: [(node.place, found)]}, path.rpartition(".")[0])

    text = first(reader, at, advice.values(target, cls.fields[key].bound.options), read)
    quoted = isinstance(target, Scalar) and target.quoted and target.text == text
    return advice.Words(f"{text} without quotes") if quoted else text


def name(reader: Reader, kind: type[Choice], default: Any, node: Scalar, path: str, bare: bool) -> str | None:
    """What to write for a name that no choice of a kind has; where it is `bare`, a map can take its place."""
    given = node.text
    if given == "none" and default is not None and bare:
        return advice.Words("leave it out for the default")
    if re.match(r"\w+:\S", given):
        return spaced(reader, given, path, lambda probe, found: probe.choice(kind, default, [found], path))

    def read(probe: Reader, found: Node) -> None:
        if bare:
            probe.choice(kind, None, [found], path)
        else:
            probe.named(kind, None, (node.place, found), path)

    return first(reader, path, advice.names(kind, given), read)


def spaced(reader: Reader, text: str, path: str, read: Read) -> str | None:
    """``lr:0.1`` as it was meant."""
    key, _, rest = text.split(maxsplit=1)[0].partition(":")
    good = first(reader, f"{path}.{key}".lstrip("."), [f"{{{key}: {rest}}}"], read)
    return good and f"{key}: {rest}, with a space after the colon"


def section(reader: Reader, cls: type[Section], node: Node, path: str, nothing: str) -> str | None:
    """What to write for a value where the map of a section is expected."""
    hints = advice.sections(cls, node, nothing)
    return first(reader, path, hints, lambda probe, found: probe.section(cls, [found], path, nothing))


def choice(reader: Reader, kind: type[Choice], node: Node, path: str) -> str | None:
    """What to write for what is neither the name of a choice nor a map with its name, or in `model.layers` no layer."""
    hints = advice.layers(kind, node) if kind.kind == "layer" else advice.choices(kind, node)
    return first(reader, path, hints, lambda probe, found: probe.choice(kind, None, [found], path))


def listed(reader: Reader, kind: type[Choice], node: Node, path: str) -> str | None:
    """What to write for what is no list of choices."""
    return first(reader, path, advice.lists(node), lambda probe, found: probe.choices(kind, found, path))


# ---- unknown keys ----------------------------------------------------------------------------------------------------


def key(
    reader: Reader, cls: type[Section], path: str, given: str, entries: Mapping[str, Given], known: Sequence[str]
) -> str | None:
    """What to write for a key that is none of the `known` ones; `entries` are those of its map."""
    node = entries[given][1]
    if len(given) > advice.LONGEST:
        return None
    if re.match(r"[\w.]+:\S", given):
        return spaced(reader, given, path, lambda probe, found: probe.section(cls, [found], path))
    if "[" in given:
        return "give the whole list: an override replaces it"
    if fold(given) in advice.NOT_NEEDED:
        return f"leave it out: {advice.NOT_NEEDED[fold(given)]}"
    if given in key_paths(reader.root) and "." in given:  # the maps that it stands for
        text = f"{given.replace('.', ': {')}: {advice.written(node)}{'}' * given.count('.')}"
        good = first(reader, given, [f"{{{text}}}"], lambda probe, found: probe.section(probe.root, [found], ""))
        return good and text
    if issubclass(cls, Choice) and cls.kind == "layer" and fold(given) == fold(cls.name):
        return _renamed(reader, cls, path, cls.name, node)
    if issubclass(cls, Choice) and cls.kind == "layer":
        other = choice(reader, cls.base, Map(node.place, {given: entries[given]}), path)
        if other is not None:
            return other if isinstance(other, advice.Words) else f"a layer of its own: {other}"
    elif issubclass(cls, Choice) and (owners := advice.owners(cls, given)):
        for owner in owners if cls.kind != "data" else []:  # other data is no way to set one
            if is_good(reader, f"{path}.{given}", node, _into(cls.members[owner], given, path)):
                return f"leave it out, or name: {owner}"
        if issubclass(cls, Source) and given in DrawnTest.fields:
            return f"leave it out: {cls.name} has a test part of its own; --splits 8 or --seeds 6 trains several runs"
        return None if isinstance(node, Items) else "leave it out"  # a network of many layers is not left out lightly
    for candidate in dict.fromkeys(advice.keys(given, known, reader.root)):
        here = candidate in known
        if here and candidate in entries:
            return f"leave it out: {candidate} is there, too" if isinstance(node, Scalar) else None
        found = _renamed(reader, cls, path, candidate, node) if here else _moved(reader, candidate, node)
        if found:
            return f"{found}, at the top" if path and not here and "." not in candidate else found
    return None if path else _named(reader, given, node, entries)


def _renamed(reader: Reader, cls: type[Section], path: str, new: str, node: Node) -> str | None:
    """A key of the same map, with another value where this one cannot stand there."""
    below = f"{path}.{new}".lstrip(".")
    if new not in cls.fields:
        if new == "name" and issubclass(cls, Choice) and isinstance(node, Scalar):
            if cls.find(node.text):
                return new
            meant = name(reader, cls.base, None, node, path, bare=False)
            return meant and f"{new}: {meant}"
        is_file = new == "extends" and isinstance(node, Scalar) and os.path.isfile(located(node.text, node.place.base))  # noqa: PTH113
        return new if is_file or new not in ("name", "extends") else None
    if is_good(reader, below, node, _into(cls, new, path)):
        return new
    meant = _instead(reader, cls, new, node, below)
    return meant and f"{new}: {meant}"


def _into(cls: type[Section], key: str, path: str) -> Read:
    return lambda probe, found: probe.build(cls, {key: [(found.place, found)]}, path)


def _instead(reader: Reader, cls: type[Section], key: str, node: Node, path: str) -> str | None:
    """A value for the setting `key` that is like `node`."""
    field = cls.fields[key]
    kind, part = field.bound.kind, field.bound.section
    if kind is not None and isinstance(node, Scalar):
        found = name(reader, kind, type(field.default), node, path, bare=True)
    elif kind is not None:
        found = choice(reader, kind, node, path)
    elif part is not None:
        found = section(reader, part, node, path, field.bound.nothing)
    elif field.bound.listed:
        return None
    else:
        found = value(reader, cls, key, node, path)
    return None if isinstance(found, advice.Words) else found


def _moved(reader: Reader, target: str, node: Node) -> str | None:
    """A path from the top, with another value where this one cannot stand there."""
    for setting in settings_below(reader.root):
        if setting.path == target and _is_here(reader, setting):
            above = target.rpartition(".")[0]
            found = _renamed(reader, setting.owner, above, setting.key, node)
            return found and f"{above}.{found}".lstrip(".")
    top, _, field = target.partition(".")
    kind = reader.root.fields[top].bound.kind if top in reader.root.fields else None
    owners = advice.owners(kind, field) if kind else []
    if kind is None or not owners:
        return None
    if top in reader.said:
        return f"leave it out: {field} is a key of {label(kind)} {owners[0]}"
    text = f"{{name: {owners[0]}, {field}: {advice.written(node)}}}"
    good = first(reader, f"{top}.{field}", [text], lambda probe, found: probe.choice(kind, None, [found], top))
    return good and f"{top}: {text}"


def _is_here(reader: Reader, setting: Setting) -> bool:
    """Whether the choices that it belongs to are the ones that this document names, or has by default."""
    above = setting.above
    if above is None:
        return True
    named = above.kind and above.kind.find(reader.said.get(above.path, ""))
    is_chosen = above.kind is None or setting.owner is (named or type(above.field.default))
    return is_chosen and _is_here(reader, above)


def _named(reader: Reader, given: str, node: Node, entries: Mapping[str, Any]) -> str | None:
    """For the name of a choice as a key of the top: ``adam: {lr: 0.1}``."""
    for top, info in reader.root.fields.items():
        kind = info.bound.kind
        if kind is not None and top not in entries and kind.find(given):
            whole = Map(node.place, {given: entries[given]})
            if found := choice(reader, kind, whole, top):
                return f"{top}: {found}"
    return None
