"""What the command line sets is not searched: settings there win over the file's, and over what its space says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tuner.choice import Section
from tuner.config.load import Documents
from tuner.config.reader import Reader
from tuner.config.searched import SPACE
from tuner.config.settings import Config
from tuner.document.nodes import Items, Map, Node, Place, to_plain


@dataclass(frozen=True)
class Settled:
    """What is left of a space, what fell away, and notes on why."""

    found: Mapping[str, Node]
    gone: tuple[str, ...]
    notes: tuple[str, ...]


def settled(found: Mapping[str, Node], documents: Documents, config: Config, reader: Reader) -> Settled:
    """The settings of a space that the command line leaves open. Of the files' space falls away what it sets, in the
    values of a choice, too, and what the choice that it names has not; of a space on the command line that is a
    contradiction, and a fault."""
    layers = [layer for layer in documents.nodes if isinstance(layer, Map) and layer.place.argument]
    given = {path: place for layer in layers for path, place in _leaves(layer, "")}
    left: dict[str, Node] = {}
    notes: list[str] = []
    for key, node in found.items():
        gone: dict[str, tuple[Place, str]] = {}
        for path, place in given.items():
            if path == key:
                gone[key] = (node.place, f"the command line sets it ({place})")
            elif key.startswith(f"{path}.") and not _has(config, key):
                gone[key] = (node.place, f"the command line sets {path}, which then has no such setting ({place})")
            elif path.startswith(f"{key}.") and (inner := _inside(node, path[len(key) + 1 :].split("."))):
                gone[path] = (inner, f"the command line sets it ({place})")
        gone = {key: gone[key]} if key in gone else gone
        if node.place.argument:
            for path, (place, why) in gone.items():
                reader.fault(place, f"{SPACE}.{path}", f"{path} cannot be searched: {why}", suggestion="leave one out")
        else:
            notes += [f"{SPACE}.{path} ({place}) falls away: {why}" for path, (place, why) in gone.items()]
            node = _without(node, [path[len(key) + 1 :].split(".") for path in gone if path != key])
        left |= {} if key in gone else {key: node}
    return Settled(left, tuple(key for key in found if key not in left), tuple(notes))


def _leaves(node: Map, prefix: str) -> Iterator[tuple[str, Place]]:
    """The settings that a map has, each with its place; the name of a choice is the choice."""
    for key, (place, value) in node.entries.items():
        if isinstance(value, Map):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}".removesuffix(".name"), place


def _has(config: Config, key: str) -> bool:
    """Whether there is such a setting under the choices of a config."""
    *above, last = key.split(".")
    section: object = config
    for part in above:
        section = getattr(section, part, None)
    return isinstance(section, Section) and last in section.fields


def _inside(node: Node, keys: list[str]) -> Place | None:
    """Where a value, or one of several, has the setting that these keys lead to."""
    if isinstance(node, Items):
        return next(filter(None, (_inside(each, keys) for each in node.nodes)), None)
    if not isinstance(node, Map) or keys[0] not in node.entries:
        return None
    place, value = node.entries[keys[0]]
    return place if len(keys) == 1 else _inside(value, keys[1:])


def _without(node: Node, gone: list[list[str]]) -> Node:
    """The values of a setting without what these keys lead to, each once."""
    if not gone or not isinstance(node, Items):
        return node
    left: dict[str, Node] = {}
    for each in node.nodes:
        for keys in gone:
            each = _cut(each, keys)
        plain = to_plain(each)
        only_name = isinstance(plain, dict) and list(plain) == ["name"]
        left.setdefault(repr(plain["name"] if only_name else plain), each)  # type: ignore[index,call-overload]
    return Items(node.place, tuple(left.values()))


def _cut(node: Node, keys: list[str]) -> Node:
    if not isinstance(node, Map) or keys[0] not in node.entries:
        return node
    kept = {key: entry for key, entry in node.entries.items() if key != keys[0]}
    if len(keys) > 1:
        place, value = node.entries[keys[0]]
        kept = {**node.entries, keys[0]: (place, _cut(value, keys[1:]))}
    return Map(node.place, kept)
