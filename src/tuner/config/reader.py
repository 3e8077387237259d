"""Nodes -> `Config`: layers of a document are merged with the language in hand, then checked, all faults at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tuner.choice import Choice, Section
from tuner.config import words
from tuner.document import Items, Map, Node, Place, Scalar, shown, to_plain
from tuner.errors import Fault

Given = tuple[Place, Node]
"""A key's place and its value, in one layer of the document."""

BAD = object()
"""Stands for a value whose faults have been noted."""


@dataclass
class Reader:
    """What is found on the way through a document."""

    root: type[Section]
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    origins: dict[str, Place] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)

    def fault(self, place: Place, path: str, message: str, **details: Any) -> None:
        self.faults.append(place.fault(message, key=path, **details))

    def section(self, cls: type[Section], layers: Sequence[Node], path: str) -> Any:
        """A section from its layers, lowest first."""
        settings: dict[str, list[Given]] = {}
        for layer in layers:
            if not isinstance(layer, Map):
                keys = ", ".join(cls.model_fields)
                self.expected(layer.place, path, "a map", layer, suggestion=f"its keys are {keys}")
                continue
            for key, given in layer.entries.items():
                if key in cls.model_fields:
                    settings.setdefault(key, []).append(given)
                else:
                    self.unknown_key(cls, given[0], path, key)
        return self.build(cls, settings, path)

    def choice(self, kind: type[Choice], default: type[Choice] | None, layers: Sequence[Node], path: str) -> Any:
        """A choice from its layers: an upper layer may switch it, and then settings below that it lacks fall away."""
        member, named = default, True
        settings: dict[str, list[Given]] = {}
        for layer in layers:
            entries = self.choice_entries(kind, layer, path)
            if entries is None:
                return BAD
            if "name" in entries:
                found = self.named(kind, entries["name"], path)
                named = found is not None
                if found is not None and found is not member:
                    settings = self.switched(found, settings, entries["name"][0], path)
                member = found or member
            for key, given in entries.items():
                if key == "name":
                    continue
                if not named and key in kind.model_fields:
                    settings.setdefault(key, []).append(given)
                elif member is not None and named and key in member.model_fields:
                    settings.setdefault(key, []).append(given)
                elif named or not any(key in other.model_fields for other in kind.members.values()):
                    self.unknown_key(member if named and member else kind, given[0], path, key)
        if member is None or not named:
            if member is None and named:
                choices = ", ".join(kind.members)
                self.expected(layers[-1].place, path, f"the name of a {kind.kind}", layers[-1], suggestion=choices)
            self.bad.add(path)
            shared = {key: value for key, value in settings.items() if key in kind.model_fields}
            self.build(default or next(iter(kind.members.values())), shared, path)
            return BAD
        return self.build(member, settings, path)

    def choice_entries(self, kind: type[Choice], layer: Node, path: str) -> dict[str, Given] | None:
        """One layer of a choice as a map: a bare name is short for ``{name: it}``."""
        if isinstance(layer, Map):
            if kind.kind != "layer" or "name" in layer.entries:
                return layer.entries
            first = next((key for key in layer.entries if kind.find(key)), None)
            if first is not None:
                place = layer.entries[first][0]
                return {"name": (place, Scalar(place, first, first)), **layer.entries}
        if isinstance(layer, Scalar) and kind.kind != "layer":
            text = "none" if layer.value is None else layer.text
            return {"name": (layer.place, Scalar(layer.place, text, text))}
        what = f"a name or a map with a name (a {kind.kind})" if kind.kind != "layer" else "a map that starts with a layer"
        self.expected(layer.place, path, what, layer, suggestion=", ".join(kind.members))
        return None

    def named(self, kind: type[Choice], given: Given, path: str) -> type[Choice] | None:
        """The member that a name stands for; its fault is noted when there is none."""
        _, node = given
        name = "none" if isinstance(node, Scalar) and node.value is None else shown(node)
        found = kind.find(name) if isinstance(node, Scalar) else None
        if found is None:
            self.bad.add(path)
            spellings = [word for member in kind.members.values() for word in (member.name, *member.aliases)]
            close = words.nearest(name, spellings)
            suggestion = cast(type[Choice], kind.find(close)).name if close else None
            self.fault(node.place, f"{path}.name", f"there is no {kind.kind} called {name}", given=name,
                       allowed=", ".join(kind.members), suggestion=suggestion)
            return None
        self.origins[f"{path}.name"] = node.place
        return found

    def switched(self, member: type[Choice], settings: dict[str, list[Given]], place: Place, path: str,
                 ) -> dict[str, list[Given]]:
        """The settings from lower layers that the new choice also has; the others are named in a note."""
        for key in [key for key in settings if key not in member.model_fields]:
            origin = settings[key][-1][0]
            self.notes.append(f"{path}.{key} ({origin}) falls away: {path} is now {member.name} ({place})")
        return {key: value for key, value in settings.items() if key in member.model_fields}

    def build(self, cls: type[Section], settings: dict[str, list[Given]], path: str) -> Any:
        """The section or choice with these settings; those with faults are noted and left at their defaults."""
        values: dict[str, Any] = {}
        for key, given in settings.items():
            below = f"{path}.{key}" if path else key
            value = self.value(cls.model_fields[key], [node for _, node in given], below)
            if value is BAD:
                self.bad.add(below)
            else:
                values[key] = value
        try:
            return cls.model_validate(values)
        except ValidationError as errors:
            return self.build_without(cls, settings, values, errors, path)

    def build_without(self, cls: type[Section], settings: dict[str, list[Given]], values: dict[str, Any],
                      errors: ValidationError, path: str) -> Any:
        """Notes the faults that pydantic found, and builds with what remains."""
        noted: set[tuple[Any, ...]] = set()
        for error in errors.errors(include_url=False, include_context=False, include_input=False):
            if not error["loc"]:
                place = self.origins.get(path, Place("config", 0, 0))
                self.fault(place, path, error["msg"].removeprefix("Value error, "))
                self.bad.add(path)
                continue
            key, *rest = error["loc"]
            index = rest[0] if rest and isinstance(rest[0], int) else None
            below = f"{path}.{key}" if path else str(key)
            if (key, index) in noted or (key, None) in noted:
                continue
            noted.add((key, index))
            if key not in settings:
                place = self.origins.get(f"{path}.name") or self.origins.get(path) or Place("config", 0, 0)
                if below not in self.bad and path not in self.bad:
                    self.fault(place, below, "it is missing", allowed=words.allowed(cls.model_fields[str(key)]))
                    self.bad.add(below)
                continue
            self.leaf_fault(cls.model_fields[str(key)], settings[str(key)][-1][1], index, below)
        good = {key: value for key, value in values.items() if not any(key == wrong[0] for wrong in noted)}
        try:
            return cls.model_validate(good)
        except ValidationError:
            return BAD

    def value(self, info: FieldInfo, nodes: Sequence[Node], path: str) -> Any:
        """The value of one key from its layers, lowest first."""
        top = nodes[-1]
        kind, part, listed = words.family(info.annotation), words.section(info.annotation), None
        if kind is None and part is None:
            listed = words.listed_family(info.annotation)
        self.origins[path] = top.place
        if words.optional(info.annotation) and _is_none(top) and not (kind and kind.find("none")):
            return None
        if kind is not None:
            default = type(info.default) if isinstance(info.default, Choice) else None
            return self.choice(kind, default, nodes, path)
        if part is not None:
            since = max((n for n, node in enumerate(nodes) if _is_none(node)), default=-1)
            return self.section(part, nodes[since + 1 :] or nodes[-1:], path)
        if listed is not None:
            return self.items(listed, top, path)
        return self.leaf(info, top)

    def items(self, kind: type[Choice], node: Node, path: str) -> Any:
        """A list of choices; lists are replaced whole by an upper layer."""
        if not isinstance(node, Items):
            self.expected(node.place, path, f"a list of {kind.kind}s", node, suggestion=f"[{shown(node)}]")
            return BAD
        values = []
        for index, item in enumerate(node.nodes):
            self.origins[f"{path}[{index}]"] = item.place
            values.append(self.choice(kind, None, [item], f"{path}[{index}]"))
        return BAD if any(value is BAD for value in values) else values

    def leaf(self, info: FieldInfo, node: Node) -> Any:
        value = to_plain(node)
        if value is None and "none" in words.allowed(info).replace(",", " ").split():
            return "none"
        if words.holds_path(info.annotation) and isinstance(value, str) and value:
            return Path(node.place.base, Path(value).expanduser()).absolute()
        return value

    def leaf_fault(self, info: FieldInfo, node: Node, index: int | None, path: str) -> None:
        """Says what is wrong with a value: its place, what is allowed, what was probably meant."""
        self.bad.add(path)
        target, allowed = node, words.allowed(info)
        if index is not None and isinstance(node, Items) and index < len(node.nodes):
            target, path, allowed = node.nodes[index], f"{path}[{index}]", words.allowed_item(info)
        self.expected(target.place, path, allowed, target, suggestion=_suggestion(allowed, target))

    def expected(self, place: Place, path: str, allowed: str, node: Node, suggestion: str | None = None) -> None:
        given = shown(node)
        quoted = isinstance(node, Scalar) and isinstance(node.value, str)
        self.bad.add(path)
        self.fault(place, path, f"expected {allowed}, got {'the text ' if quoted else ''}{given}",
                   given=given, allowed=allowed, suggestion=suggestion)

    def unknown_key(self, cls: type[Section], place: Place, path: str, key: str) -> None:
        """Notes a key that the language does not have here, with the nearest one that it has."""
        own = ["name"] if isinstance(cls, type) and issubclass(cls, Choice) and cls.kind != "layer" else []
        keys = [*own, *cls.model_fields, *(["extends"] if not path else [])]
        where = f" in {path}" if path else ""
        message = f"unknown key {key}{where}"
        suggestion = words.nearest(key, keys)
        if issubclass(cls, Choice):
            who = [other.name for other in cls.members.values() if key in other.model_fields]
            if cls.name:
                message += f" ({cls.name})"
            if who and cls.kind != "layer":
                message, suggestion = f"{message}; it belongs to {', '.join(who[:6])}", suggestion or f"name: {who[0]}"
        suggestion = suggestion or words.elsewhere(key, self.root)
        self.fault(place, f"{path}.{key}".lstrip("."), message, given=key, allowed=", ".join(keys), suggestion=suggestion)


def _is_none(node: Node) -> bool:
    return isinstance(node, Scalar) and (node.value is None or node.value == "none")


def _suggestion(allowed: str, node: Node) -> str | None:
    """What was probably meant by a scalar of the wrong type."""
    if not isinstance(node, Scalar):
        return None
    if allowed.startswith("a list"):
        return f"[{shown(node)}]"
    if isinstance(node.value, float) and node.value.is_integer() and "integer" in allowed:
        return f"{node.value:.0f}"
    if isinstance(node.value, str):
        plain = node.value.lower()
        if "true or false" in allowed and plain in ("yes", "on", "y", "1", "true", "no", "off", "n", "0", "false"):
            return "true" if plain in ("yes", "on", "y", "1", "true") else "false"
        if plain.replace(".", "", 1).replace("-", "").replace("e", "", 1).isdigit():
            return f"{node.value} without quotes"
        if plain in ("no", "off", "none", "false") and "number" in allowed:
            return "0"
        return words.nearest(node.value, allowed.removeprefix("one of ").replace(" or ", ", ").split(", "))
    if isinstance(node.value, int | float) and "text" in allowed:
        return f'"{node.text}"'
    return None
