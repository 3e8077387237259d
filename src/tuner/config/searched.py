"""What may be searched: the settings of a space and their values, as nodes with their places, read as the config
language reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from tuner.choice import key_paths, keys_meant, nearest, settings_below
from tuner.config.comparison import NOT_MEANING, moves_the_measure
from tuner.config.load import SWEEP, Documents, read
from tuner.config.loaded import Loaded
from tuner.config.reader import Reader
from tuner.config.settings import Config
from tuner.config.space import is_range
from tuner.document.nodes import Items, Map, Node, Scalar, shown, to_plain
from tuner.errors import ConfigError
from tuner.options.metrics import column

SPACE = f"{SWEEP}.space"
RANGE_KEYS = ("low", "high", "log", "points")
MOST_VALUES = 1000
"""Of one setting; a range has as many as one likes."""


def entries(layers: Sequence[Node], reader: Reader) -> Iterator[tuple[str, Node]]:
    """(dotted key, what it may be) of the spaces of all layers; an upper one comes later."""
    for layer in layers:
        space = layer.entries.get("space") if isinstance(layer, Map) else None
        if space is not None and isinstance(space[1], Map):
            yield from _below(space[1], "", reader)


def _below(node: Map, prefix: str, reader: Reader) -> Iterator[tuple[str, Node]]:
    known = key_paths(Config)
    for key, (place, value) in node.entries.items():
        path = f"{prefix}{key}"
        meant = [path] if prefix else keys_meant(path, known)
        if len(meant) > 1:
            reader.fault(place, f"{SPACE}.{path}", f"it may be {' or '.join(meant)}", given=path)
        elif path.endswith(".name") and path.removesuffix(".name") in known:
            told = "a choice is searched under its own key"
            reader.fault(place, f"{SPACE}.{path}", told, given=path, suggestion=path.removesuffix(".name"))
        elif isinstance(value, Map) and not is_range(value.entries):
            yield from _below(value, f"{path}.", reader)
        elif not meant or meant[0] not in known:
            reader.fault(place, f"{SPACE}.{path}", f"there is no setting {path}", given=path,
                         suggestion=nearest(path, known))  # fmt: skip
        else:
            yield meant[0], value


def check_key(key: str, node: Node, metric: str, reader: Reader) -> None:
    """Faults a setting whose values cannot be held against each other, or that changes nothing."""
    why = ""
    if key in ("seed", "data.split_seed") or key.startswith("data.fold"):
        why = "the best of several is luck, and no better config: sweep.confirm trains the best with several seeds"
    elif key == "training.monitor":
        why = "it chooses the epoch by which trials are held against each other"
    elif any(key == each or key.startswith(f"{each}.") for each in NOT_MEANING):
        why = "it changes nothing of what is trained"
    elif moves_the_measure(key):
        why = f"it changes which samples {metric} is measured on, and values of different samples cannot be compared"
    elif column(metric).is_loss and (key == "loss" or key.startswith("loss.")):
        why = f"it changes what {metric} measures; sweep.metric names another metric, such as val_accuracy or val_r2"
    elif column(metric).is_loss and key == "data.standardize_target":
        why = f"it changes the unit of {metric}; sweep.metric=val_rmse keeps the target's own"
    if why:
        reader.fault(node.place, f"{SPACE}.{key}", f"{key} is not searched: {why}", given=shown(node))


def check_shape(key: str, node: Node, reader: Reader) -> None:
    """Faults what is neither a list of values nor a range."""
    path = f"{SPACE}.{key}"
    if isinstance(node, Map):
        _check_range(key, path, node, reader)
        return
    if not isinstance(node, Items) or not node.nodes:
        what = "an empty list" if isinstance(node, Items) else "one value"
        given = f"[{shown(node)}, ...]" if isinstance(node, Scalar) else None
        reader.fault(node.place, path, f"{what} is nothing to search in {key}", given=shown(node),
                     allowed="a list of values, or {low: ..., high: ...}", suggestion=given)  # fmt: skip
        return
    if len(node.nodes) > MOST_VALUES:
        reader.fault(
            node.place, path, f"{len(node.nodes):,} values", allowed=f"at most {MOST_VALUES:,} values; a range"
        )
    seen: list[Any] = []
    for item in node.nodes:
        plain = to_plain(item)
        if any(plain == other and type(plain) is type(other) for other in seen):
            reader.fault(item.place, path, f"{shown(item)} is there twice", given=shown(item))
        seen.append(plain)
        for inner, found in ranges(item, key):
            _check_range(inner, f"{SPACE}.{inner}", found, reader)


def ranges(node: Node, key: str) -> Iterator[tuple[str, Map]]:
    """(dotted key, range) of the ranges in a value."""
    if isinstance(node, Map) and is_range(node.entries):
        yield key, node
    elif isinstance(node, Map):
        for name, (_, value) in node.entries.items():
            yield from ranges(value, f"{key}.{name}")


def _check_range(key: str, path: str, node: Map, reader: Reader) -> None:
    """Faults a range that is none."""
    before = reader.faults.count
    entries = {name: value for name, (_, value) in node.entries.items()}
    for name, (place, _) in node.entries.items():
        if name not in RANGE_KEYS:
            reader.fault(place, f"{path}.{name}", f"a range has no {name}", given=name, allowed=", ".join(RANGE_KEYS),
                         suggestion=nearest(name, RANGE_KEYS))  # fmt: skip
    numbers: dict[str, Any] = {name: to_plain(entries[name]) for name in ("low", "high") if name in entries}
    for name in ("low", "high"):
        value = numbers.get(name)
        if name not in numbers:
            reader.fault(node.place, path, f"{name} is missing", given=shown(node), allowed="{low: ..., high: ...}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
            reader.fault(entries[name].place, f"{path}.{name}", f"expected a number, got {shown(entries[name])}")
        elif _types(key) and not takes_numbers(key):
            reader.fault(node.place, path, f"{key} takes no numbers", allowed="a list of values")
            break
        elif takes_whole(key) and not isinstance(value, int):
            reader.fault(
                entries[name].place, f"{path}.{name}", f"{key} takes whole numbers, not {shown(entries[name])}"
            )
    log, points = (to_plain(entries[name]) if name in entries else None for name in ("log", "points"))
    if log not in (None, True, False):
        reader.fault(entries["log"].place, f"{path}.log", "expected true or false", given=shown(entries["log"]))
    if points is not None and (type(points) is not int or not 2 <= points <= MOST_VALUES):
        told = f"expected an integer from 2 to {MOST_VALUES}, got {shown(entries['points'])}"
        reader.fault(entries["points"].place, f"{path}.points", told)
    if reader.faults.count > before:
        return
    low, high = numbers["low"], numbers["high"]
    if not low < high:
        reader.fault(node.place, path, f"low is {low} and high is {high}: low has to be below high", given=shown(node))
    elif log and not low > 0:
        reader.fault(entries["low"].place, f"{path}.low", f"a range in logarithms begins above 0, not at {low}")


def inside(node: Node, key: str) -> Iterator[tuple[str, Map]]:
    for item in node.nodes if isinstance(node, Items) else ():
        yield from ranges(item, key)


@cache
def _types(key: str) -> frozenset[str]:
    """The JSON types that a setting takes, of any choice that has it."""
    found: set[str] = set()
    for each in settings_below(Config):
        if each.path == key:
            schema = each.field.bound.schema
            found |= {str(one.get("type")) for one in (schema, *schema.get("anyOf", ()))}
    return frozenset(found)


def takes_numbers(key: str) -> bool:
    """Whether a setting takes numbers at all."""
    return not _types(key).isdisjoint(("number", "integer"))


def takes_whole(key: str) -> bool:
    """Whether a setting takes whole numbers alone."""
    return takes_numbers(key) and "number" not in _types(key)


# ---- every value, read as the config language reads it ---------------------------------------------------------------


def check_values(found: Mapping[str, Node], loaded: Loaded, documents: Documents, source: str, reader: Reader) -> None:
    """Reads the config with each value of each setting, with the ends of each range, and with each value of a setting
    under each of one above it; what it refuses, whatever another searched setting is, is told at the value's place
    in the space."""

    def refused(*layers: tuple[str, Node]) -> ConfigError | None:
        whole = Map(layers[-1][1].place, {})
        for at, each in layers:
            whole = _put(whole, at.split("."), each)
        opened = None if any(at.startswith("data.") for at, _ in layers) else loaded.dataset
        try:
            read(documents, source, above=whole, dataset=opened)
        except ConfigError as error:
            return error
        return None

    def look(*layers: tuple[str, Node]) -> None:
        key, node = layers[-1]
        error = refused(*layers)
        others = ((other, each) for other in found if other not in dict(layers) for each in _tried(found[other]))
        if error is None or not all(refused(other, *layers) for other in others):  # beside another one it is good
            return
        for fault in error.faults:
            is_here = (fault.file, fault.line) == (node.place.file, node.place.line)
            place = replace(node.place, column=fault.column, width=fault.width) if is_here else node.place
            said = fault.message if is_here else f"{key} cannot be {shown(node)} here: {fault.message}"
            told = {"given": fault.given, "allowed": fault.allowed, "suggestion": fault.suggestion}
            reader.fault(place, f"{SPACE}.{key}", said, **told)

    for key, values in found.items():
        above = [other for other in found if key.startswith(f"{other}.")]
        for node in _tried(values):
            if not above:
                look((key, node))
            for other in above:
                for outer in _tried(found[other]):
                    look((other, outer), (key, node))


def _tried(node: Node) -> list[Node]:
    """The values of a setting, with both ends of each range."""
    return [
        _end(item, which)
        for item in (node.nodes if isinstance(node, Items) else (node,))
        for which in (("low", "high") if any(True for _ in ranges(item, "")) else ("low",))
    ]


def _end(node: Node, which: str) -> Node:
    """The value with this end of each of its ranges."""
    if isinstance(node, Map) and is_range(node.entries):
        return node.entries[which][1]
    if isinstance(node, Map):
        return Map(node.place, {key: (place, _end(value, which)) for key, (place, value) in node.entries.items()})
    return node


def _put(whole: Map, keys: Sequence[str], node: Node) -> Map:
    """The map with a value at the end of these keys; what stands on the way as a bare name becomes its map."""
    key, *rest = keys
    if rest:
        there = whole.entries.get(key, (node.place, Map(node.place, {})))[1]
        if isinstance(there, Scalar):
            there = Map(there.place, {"name": (there.place, there)})
        node = _put(there if isinstance(there, Map) else Map(node.place, {}), rest, node)
    return Map(whole.place, {**whole.entries, key: (node.place, node)})
