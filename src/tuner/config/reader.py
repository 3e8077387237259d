"""Nodes -> `Config`: layers of a document are merged with the language in hand, then checked, all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tuner.bounds import a, label
from tuner.choice import Choice, Field, InvalidError, Section, fold
from tuner.config import advice, trial
from tuner.config.comparison import STAYED
from tuner.document.files import absolute
from tuner.document.nodes import Items, Map, Node, Place, Scalar, merged, shown, to_plain
from tuner.document.writing import flow
from tuner.errors import FIRST, Faults
from tuner.packages import packages

Given = tuple[Place, Node]
"""A key's place and its value, in one layer of the document."""

Entries = dict[str, list[Given]]
"""What one layer says under each key: one value, or several arguments of the command line."""

BAD = object()
"""Stands for a value whose faults have been noted."""


@dataclass
class Reader:
    """What is found on the way through a document.

    `top` is the place to name where there is no better one, `also` the keys of the top that were read before.
    `origins` says where each key was set, `items` the same of each number or text in a list, `dropped` where a
    setting was set that fell away with its choice, and why, `stayed` what to tell of one that stayed.
    `bad` holds the keys with faults; the config has their defaults instead. `said` are the keys of the top and, of
    choices, their names; `advises` says whether to look for what was meant, and `contradicted` finds the keys that
    exclude each other in what was read, but for its bad ones (None: it cannot be).
    """

    root: type[Section]
    top: Place
    faults: Faults = field(default_factory=Faults)
    also: tuple[str, ...] = ("extends",)
    notes: list[str] = field(default_factory=list)
    origins: dict[str, Place] = field(default_factory=dict)
    items: dict[str, Place] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    stayed: dict[str, str] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    said: dict[str, str] = field(default_factory=dict)
    advises: bool = True
    contradicted: Callable[[Any, set[str]], set[str] | None] | None = None

    def probe(self) -> Reader:
        """A reader for what might stand in this document."""
        return Reader(self.root, self.top, also=self.also, advises=False)

    def fault(self, place: Place, path: str, message: str, **details: Any) -> None:
        self.faults.append(place.fault(message, key=path, **details))

    def section(self, cls: type[Section], layers: Sequence[Node], path: str, nothing: str = "") -> Any:
        """A section from its layers, lowest first; `nothing`: it may be this (``null``, ``none``)."""
        settings: Entries = {}
        if not path:
            self.said = said(layers)
        if nothing and not (layers := self.since_none(layers, path, nothing)):
            return None
        for layer in layers:
            if not isinstance(layer, Map):
                allowed = f"a map ({', '.join(cls.fields)})" + f" or {nothing}" * bool(nothing)
                self.expected(layer, path, allowed, partial(trial.section, self, cls, layer, path, nothing))
                continue
            for key, given in layer.entries.items():
                if key in cls.fields:
                    settings.setdefault(key, []).append(given)
                else:
                    self.unknown_key(cls, path, key, layer.entries)
        return self.build(cls, settings, path)

    def choice(self, kind: type[Choice], default: type[Choice] | None, layers: Sequence[Node], path: str) -> Any:
        """A choice from its layers: an upper layer may switch it, and then settings below that it lacks fall away."""
        member, settings = default, Entries()
        set_for: dict[str, type[Choice]] = {}
        listed = self.choice_layers(kind, layers, path)
        if default is None and not any("name" in entries for entries in listed):
            if path not in self.bad:
                allowed = f"{a(label(kind))} with its name: one of {', '.join(kind.members)}"
                self.expected(layers[-1], path, allowed, lambda: trial.choice(self, kind, layers[-1], path))
            return BAD
        for entries in listed:
            if "name" in entries:
                self.note_again([node for _, node in entries["name"]], f"{path}.name")
                found = self.named(kind, default, entries["name"][-1], path)
                if found is not None and found is not member:
                    settings = self.switched(found, settings, set_for, entries["name"][-1][0], path)
                member = found
            of = member or kind
            for key, given in entries.items():
                if key in of.fields:
                    settings.setdefault(key, []).extend(given)
                elif key != "name" and (of is not kind or not advice.owners(kind, key)):  # another may have it
                    self.unknown_key(of, path, key, {each: nodes[-1] for each, nodes in entries.items()})
            set_for |= dict.fromkeys(entries, member) if member else {}
        if member is not None:
            self.give_way(member, listed, settings, path)
            self.note_stayed(member, settings, set_for, path)
            return self.build(member, settings, path)
        common = {key: given for key, given in settings.items() if key in kind.fields}
        self.build(default or kind, common, path)
        return BAD

    def switched(
        self, member: type[Choice], settings: Entries, set_for: dict[str, type[Choice]], place: Place, path: str
    ) -> Entries:
        """The settings from lower layers that the new choice also has; the others are named in notes."""
        why = f"{path} is now {member.name} ({place})"
        kept = {key: given for key, given in settings.items() if key in member.fields}
        self.fall_away({key: given for key, given in settings.items() if key not in kept}, why, path)
        others = {
            key: given
            for key, given in kept.items()
            if member.fields[key].shared.meaning != set_for.get(key, member).fields[key].shared.meaning
        }
        self.fall_away(others, f"{why}, where {' and '.join(others)} would mean something else", path)
        return {key: given for key, given in kept.items() if key not in others}

    def give_way(self, cls: type[Section], listed: Sequence[Entries], settings: Entries, path: str) -> None:
        """Of `settings` of which one excludes another the one of the uppermost layer stays; a note names the others."""
        sets = [key for key in cls.either if key in settings and not _is_none(settings[key][-1][1])]
        last = {key: max(at for at, entries in enumerate(listed) if key in entries) for key in sets}
        upper = max(sets, key=last.__getitem__, default="")
        gone = {key: settings.pop(key) for key in sets if last[key] < last[upper]}
        self.fall_away(gone, f"{path}.{upper} takes its place ({settings[upper][-1][0]})" if gone else "", path)

    def fall_away(self, settings: Entries, why: str, path: str) -> None:
        """Notes settings that no longer count, with where they were set."""
        gone = {f"{path}.{key}": given[-1][0] for key, given in settings.items()}
        self.dropped |= {key: f"{place}; fell away: {why}" for key, place in gone.items()}
        if gone:
            told = ", ".join(f"{key} ({place})" for key, place in gone.items())
            self.notes.append(f"{told} {'falls' if len(gone) == 1 else 'fall'} away: {why}")

    def note_stayed(self, member: type[Choice], settings: Entries, set_for: dict[str, type[Choice]], path: str) -> None:
        """Notes settings that stay though they were tuned for another choice, where this one's defaults are others."""
        for key, given in settings.items():
            before, (place, node), default = set_for.get(key, member), given[-1], member.fields[key].default
            if before is not member and member.fields[key].shared.tuned and to_plain(node) != default:
                why = f"{before.name} and stays under {member.name}, whose default is {flow(default)}"
                self.stayed[f"{path}.{key}"] = f"{STAYED}{why}"
                self.notes.append(f"{path}.{key}: {shown(node)} ({place}) was set for {why}")

    def note_again(self, nodes: Sequence[Node], path: str) -> None:
        """Notes overrides of the command line that do not count, for another one further on says otherwise."""
        for node in nodes[:-1]:
            if node.place.argument and node.place.line and to_plain(node) != to_plain(nodes[-1]):
                told = f"{path}: {shown(node)} ({node.place}) does not count"
                self.notes.append(f"{told}: it is set again ({nodes[-1].place})")

    def choice_layers(self, kind: type[Choice], layers: Sequence[Node], path: str) -> list[Entries]:
        """The layers of a choice; all arguments of the command line together are one layer, in which the last wins."""
        found: list[Entries] = []
        for before, layer in zip((None, *layers), layers, strict=False):
            if before is None or not (before.place.argument and layer.place.argument):
                found.append({})
            for key, given in self.choice_entries(kind, layer, path).items():
                found[-1].setdefault(key, []).append(given)
        return found

    def choice_entries(self, kind: type[Choice], layer: Node, path: str) -> dict[str, Given]:
        """One layer of a choice as a map: a bare name is short for ``{name: it}``. Empty where it is neither."""
        allowed = f"the name of {a(label(kind))} or a map with its name"
        if kind.kind == "layer":
            *others, last = kind.members
            allowed = f"a map with the key {', '.join(others)} or {last}"
            first = next((key for key in layer.entries if kind.find(key)), None) if isinstance(layer, Map) else None
            if isinstance(layer, Map) and "name" in layer.entries:
                return layer.entries
            if isinstance(layer, Map) and first is not None:
                place = layer.entries[first][0]
                return {"name": (place, Scalar(place, first, first)), **layer.entries}
        elif isinstance(layer, Scalar):
            text = "none" if layer.value is None else layer.text
            return {"name": (layer.place, Scalar(layer.place, text, text, refused=layer.refused))}
        elif isinstance(layer, Map):
            alone = next(iter(layer.entries)) if len(layer.entries) == 1 else "name"
            if alone == "name" or kind.find(alone) is None or advice.owners(kind, alone):
                return layer.entries  # and not {adam: {lr: 0.1}}
        self.expected(layer, path, allowed, lambda: trial.choice(self, kind, layer, path))
        return {}

    def named(self, kind: type[Choice], default: type[Choice] | None, given: Given, path: str) -> type[Choice] | None:
        """The member that a name stands for; its fault is noted when there is none."""
        place, node = given
        name = "none" if isinstance(node, Scalar) and node.value is None else shown(node)
        found = kind.find(name) if isinstance(node, Scalar) and not node.refused else None
        if found is not None:
            self.origins[f"{path}.name"] = node.place
            return found
        self.bad.add(path)
        if not (isinstance(node, Scalar) and node.refused):
            meant = None
            if self.has_patience and isinstance(node, Scalar):
                meant = trial.name(self, kind, default, node, path, bare=place is node.place)
            message = "; ".join([f"there is no {label(kind)} called {name}", *packages()])
            self.fault(node.place, f"{path}.name", message, given=name, allowed=", ".join(kind.members),
                       suggestion=meant)  # fmt: skip
        return None

    def build(self, cls: type[Section], settings: Entries, path: str) -> Any:
        """The section or choice with these settings; those with faults are noted and left at their defaults. Of a kind
        whose choice is unknown any will do: they share what can be set."""
        if issubclass(cls, Choice) and cls is cls.base:
            cls = next(iter(cls.members.values()))
        values: dict[str, Any] = {}
        for key, given in settings.items():
            below = f"{path}.{key}" if path else key
            value = self.value(cls.fields[key], [node for _, node in given], below)
            if value is BAD:
                self.bad.add(below)
            else:
                values[key] = value
        try:
            return cls(**values)
        except InvalidError as error:
            self.note_invalid(cls, {key: settings[key] for key in values}, error, path)
            wrong = {*error.refused, *(key for key, _ in error.clashes)}
        try:
            return cls(**{key: value for key, value in values.items() if key not in wrong})
        except InvalidError:
            return BAD

    def note_invalid(self, cls: type[Section], settings: Entries, error: InvalidError, path: str) -> None:
        """Notes settings that are missing, outside their bounds, or clash with others."""
        above = self.origins.get(f"{path}.name") or self.origins.get(path) or self.top
        for key, indices in error.refused.items():
            below = f"{path}.{key}" if path else key
            if key in settings:
                for index in indices or (None,):
                    self.leaf_fault(cls, key, settings[key][-1][1], index, below)
            elif below not in self.bad and path not in self.bad:
                message = f"{key} is missing" + f"; {cls.remedy}" * bool(cls.remedy)
                self.fault(above, below, message, allowed=cls.fields[key].bound.words)
                self.bad.add(below)
        for key, message in error.clashes:
            below = f"{path}.{key}" if path else key
            node = settings[key][-1][1] if key in settings else None
            self.fault(node.place if node else above, below, message, given=shown(node) if node else "")
            self.bad.add(below)

    def value(self, field: Field, nodes: Sequence[Node], path: str) -> Any:
        """The value of one key from its layers, lowest first."""
        top, bound = nodes[-1], field.bound
        kind, part = bound.kind, bound.section
        self.origins[path] = top.place
        self.note_again(nodes if kind is None and part is None else (), path)
        none_is_a_choice = kind is not None and kind.find("none") is not None
        if part is not None:
            return self.section(part, nodes, path, bound.nothing)
        if bound.optional and _is_none(top) and not (none_is_a_choice and to_plain(top) is not None):
            return None
        if kind is not None:
            nodes = self.since_none(nodes, path, bound.nothing) if bound.optional and not none_is_a_choice else nodes
            return self.choice(kind, type(field.default) if isinstance(field.default, Choice) else None, nodes, path)
        if bound.listed is not None:
            return self.choices(bound.listed, top, path)
        if isinstance(top, Items):
            self.items |= {f"{path}[{index}]": item.place for index, item in enumerate(top.nodes)}
        value = merged(nodes) if bound.is_map else to_plain(top)
        return absolute(value, top.place.base) if bound.is_path else value

    def since_none(self, nodes: Sequence[Node], path: str, nothing: str) -> Sequence[Node]:
        """What stands above the last one that is `nothing`; the settings below it are named in a note."""
        last = max((index for index, node in enumerate(nodes) if _is_none(node)), default=None)
        if last is None:
            return nodes
        below = {key: [given] for node in nodes[:last] if isinstance(node, Map) for key, given in node.entries.items()}
        self.fall_away(below, f"{path} is now {nothing} ({nodes[last].place})", path)
        return nodes[last + 1 :]

    def choices(self, kind: type[Choice], node: Node, path: str) -> Any:
        """A list of choices; lists are replaced whole by an upper layer."""
        if not isinstance(node, Items):
            self.expected(node, path, f"a list of {kind.kind}s", lambda: trial.listed(self, kind, node, path))
            return BAD
        values = []
        for index, item in enumerate(node.nodes):
            self.origins[f"{path}[{index}]"] = item.place
            values.append(self.choice(kind, None, [item], f"{path}[{index}]"))
        return BAD if any(value is BAD for value in values) else values

    def leaf_fault(self, cls: type[Section], key: str, node: Node, index: int | None, path: str) -> None:
        """Says what is wrong with a value: its place, what is allowed, what was probably meant."""
        bound = cls.fields[key].bound
        self.bad.add(path)
        target, at, allowed = node, path, bound.words
        if index is not None and isinstance(node, Items) and bound.item is not None:
            target, at, allowed = node.nodes[index], f"{path}[{index}]", bound.item.words
        elif isinstance(node, Items) and len(node.nodes) > bound.most:
            allowed += f", at most {bound.most:,} of them"
        why = bound.refused.get(target.text, "") if isinstance(target, Scalar) else ""
        self.expected(target, at, allowed, lambda: trial.value(self, cls, key, node, path, index), why)

    def expected(self, node: Node, path: str, allowed: str, meant: Callable[[], str | None], why: str = "") -> None:
        """Notes that something else is `allowed`, and `why` where that is known; `meant` looks for what was meant."""
        self.bad.add(path)
        if isinstance(node, Scalar) and node.refused:
            return
        quoted = isinstance(node, Scalar) and isinstance(node.value, str)
        got = f"{'the text ' if quoted else ''}{shown(node)}" + (f": {why}" if why else "")
        self.fault(node.place, path, f"expected {allowed}, got {got}",
                   given=shown(node), allowed=allowed, suggestion=meant() if self.has_patience else None)  # fmt: skip

    def unknown_key(self, cls: type[Section], path: str, key: str, entries: Mapping[str, Given]) -> None:
        """Notes a key that the language does not have here, with the one that was probably meant."""
        name = key if len(key) <= 60 else f"{key[:57]}..."
        message = f"unknown key {name or repr(name)}" + (f" in {path}" if path else "")
        keys = [*cls.fields]
        if issubclass(cls, Choice):
            message += f" ({cls.name})" if cls.name else ""
            if cls.kind != "layer":
                keys = ["name", *keys]
                owners = advice.owners(cls, key)
                message += f"; it belongs to {', '.join(owners[:6])}" * bool(owners)
        if not path:
            keys += self.also
        meant = trial.key(self, cls, path, key, entries, keys) if self.has_patience else None
        if meant in keys and fold(meant or "") == fold(key):  # it is there: not missing, too
            self.bad.add(f"{path}.{meant}".lstrip("."))
        at, allowed = f"{path}.{key}".lstrip("."), ", ".join(keys)
        self.fault(entries[key][0], at, message, given=key, allowed=allowed, suggestion=meant)

    @property
    def has_patience(self) -> bool:
        """Whether to look for what was meant: that takes milliseconds, and a file may hold thousands of faults."""
        return self.advises and self.faults.count < 2 * FIRST


def said(layers: Sequence[Node]) -> dict[str, str]:
    """The keys that the layers of a document have at the top, each with the name of its choice, if it has one."""
    found: dict[str, str] = {}
    for key, (_, node) in (entry for layer in layers if isinstance(layer, Map) for entry in layer.entries.items()):
        named = node.entries["name"][1] if isinstance(node, Map) and "name" in node.entries else node
        found[key] = named.text if isinstance(named, Scalar) else found.get(key, "")
    return found


def _is_none(node: Node) -> bool:
    return isinstance(node, Scalar) and (node.value is None or node.value == "none")
