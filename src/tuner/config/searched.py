"""What may be searched: the settings of a space and their values, as nodes with their places, read as the config
language reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from tuner.choice import key_paths, keys_meant, nearest, settings_below
from tuner.config.comparison import NOT_MEANING, SWEEP, moves_the_measure
from tuner.config.reader import Reader
from tuner.config.settings import Config
from tuner.config.space import is_range, range_in
from tuner.document.nodes import Items, Map, Node, Place, Scalar, shown, to_plain
from tuner.document.parsing import parse_value
from tuner.options.metrics import column

SPACE = f"{SWEEP}.space"
RANGE_KEYS = ("low", "high", "log", "points")
MOST_VALUES = 1000
"""Of one setting; a range has as many as one likes."""


Meant = Callable[[str, Place, Node], str | None]
"""The setting that was probably meant by one that there is not, from its key, its place and its values."""


def entries(layers: Sequence[Node], reader: Reader, meant: Meant) -> Iterator[tuple[str, Node]]:
    """(dotted key, what it may be) of the spaces of all layers; an upper one comes later."""
    for layer in layers:
        space = layer.entries.get("space") if isinstance(layer, Map) else None
        if space is not None and isinstance(space[1], Map):
            yield from _below(space[1], "", reader, meant)


def _below(node: Map, prefix: str, reader: Reader, like: Meant) -> Iterator[tuple[str, Node]]:
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
            yield from _below(value, f"{path}.", reader, like)
        elif not meant or meant[0] not in known:
            reader.fault(place, f"{SPACE}.{path}", f"there is no setting {path}", given=path,
                         suggestion=like(path, place, value) or nearest(path, known))  # fmt: skip
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
        given = (range_in(node.text) or f"[{shown(node)}, ...]") if isinstance(node, Scalar) else None
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
        if isinstance(plain, dict) and list(plain) == ["name"]:
            plain = plain["name"]  # the same choice
        if any(plain == other and type(plain) is type(other) for other in seen):
            reader.fault(item.place, path, f"{shown(item)} is there twice", given=shown(item))
        seen.append(plain)
        _check_lists(key, item, reader)
        for inner, found in ranges(item, key):
            _check_range(inner, f"{SPACE}.{inner}", found, reader)


def _check_lists(key: str, item: Node, reader: Reader) -> None:
    """Faults a list of values where one value has a setting: there a range alone is searched."""
    for name, (_, node) in item.entries.items() if isinstance(item, Map) and not is_range(item.entries) else ():
        path = f"{key}.{name}"
        if not isinstance(node, Items):
            _check_lists(path, node, reader)
        elif node.nodes and _is_values(path, node):
            ends = [each for each in map(to_plain, node.nodes) if isinstance(each, int | float)]
            is_range_too = len(set(ends)) == len(node.nodes) > 1 and not any(isinstance(each, bool) for each in ends)
            fix = f"{{low: {min(ends):g}, high: {max(ends):g}}}" if is_range_too else None
            told = f"inside a value only {{low: ..., high: ...}} is searched, and {path} takes no {shown(node)}"
            allowed = f"a range, or one entry of {key} for each value"
            reader.fault(node.place, f"{SPACE}.{path}", told, given=shown(node), allowed=allowed, suggestion=fix)


def _is_values(key: str, node: Items) -> bool:
    """Whether a list can only be meant as several values of a setting."""
    is_listed = all(isinstance(each, Items) for each in node.nodes)
    return bool(_types(key)) and (is_listed or "array" not in _types(key))


def as_listed(key: str, text: str) -> str:
    """The values of a setting on a command line, ``0.1,0.01``, ``[0.1, 0.01]`` or one range, in the language."""
    only = _only(text)
    return text if only is not None and is_several(key, text) else f"[{text}]"


def is_several(key: str, text: str) -> bool:
    """Whether what a command line gives to a setting can only be meant as several values, or a range of them."""
    node, only = parse_value(f"[{text}]", Place(""))[0], _only(text)
    path = (keys_meant(key, key_paths(Config)) or [key])[0]
    if isinstance(only, Map):
        return is_range(only.entries)
    listed = only if only is not None else node
    return isinstance(listed, Items) and bool(listed.nodes) and _is_values(path, listed)


def _only(text: str) -> Map | Items | None:
    """The one list or map that a text is; None of everything else."""
    node, _ = parse_value(f"[{text}]", Place(""))
    only = node.nodes[0] if isinstance(node, Items) and len(node.nodes) == 1 else None
    return only if isinstance(only, Map | Items) else None


def ranges(node: Node, key: str) -> Iterator[tuple[str, Map]]:
    """(dotted key, range) of the ranges in a value."""
    if isinstance(node, Map) and is_range(node.entries):
        yield key, node
    elif isinstance(node, Map):
        for name, (_, value) in node.entries.items():
            yield from ranges(value, f"{key}.{name}")


def _check_range(key: str, path: str, node: Map, reader: Reader) -> None:
    """Faults a range that is none."""
    entries = {name: value for name, (_, value) in node.entries.items()}
    for name, (place, _) in node.entries.items():
        if name not in RANGE_KEYS:
            reader.fault(place, f"{path}.{name}", f"a range has no {name}", given=name, allowed=", ".join(RANGE_KEYS),
                         suggestion=nearest(name, RANGE_KEYS))  # fmt: skip
    log, points = (to_plain(entries[name]) if name in entries else None for name in ("log", "points"))
    if log not in (None, True, False):
        reader.fault(entries["log"].place, f"{path}.log", "expected true or false", given=shown(entries["log"]))
    if points is not None and (type(points) is not int or not 2 <= points <= MOST_VALUES):
        told = f"expected an integer from 2 to {MOST_VALUES}, got {shown(entries['points'])}"
        reader.fault(entries["points"].place, f"{path}.points", told)
    ends = [_end_of(name, key, path, node, reader) for name in ("low", "high")]
    if _types(key) and not takes_numbers(key):
        reader.fault(node.place, path, f"{key} takes no numbers", allowed="a list of values")
    elif None not in ends:
        low, high = ends
        if not low < high:
            told = f"low is {low} and high is {high}: low has to be below high"
            reader.fault(node.place, path, told, given=shown(node))
        elif log is True and not low > 0:
            reader.fault(entries["low"].place, f"{path}.low", f"a range in logarithms begins above 0, not at {low}")


def _end_of(name: str, key: str, path: str, node: Map, reader: Reader) -> Any:
    """The low or high of a range; None where it is none, which is then a fault."""
    if name not in node.entries:
        reader.fault(node.place, path, f"{name} is missing", given=shown(node), allowed="{low: ..., high: ...}")
        return None
    end = node.entries[name][1]
    value = to_plain(end)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e300:
        reader.fault(end.place, f"{path}.{name}", f"expected a number, got {shown(end)}")
    elif takes_whole(key) and not isinstance(value, int):
        reader.fault(end.place, f"{path}.{name}", f"{key} takes whole numbers, not {shown(end)}")
    else:
        return value
    return None


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
