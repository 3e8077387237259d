"""The documents of a config, lowest first: what its file extends, the file, the overrides of the command line."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tuner.config.words import nearest
from tuner.document.files import decode, folder_of, located, read_bytes
from tuner.document.nodes import Items, Map, Node, Place, Scalar, shown
from tuner.document.parsing import parse, parse_value
from tuner.errors import OVERRIDE, ConfigError, Fault, Faults

STDIN = "-"
MAX_FILES = 100
MAX_CHAIN = 16
LONGEST_PATH = 4096
_KEY = re.compile(r"(?!.*\.ya?ml$)[a-z_]+(\.[a-z_]+)*=?")


@dataclass
class Documents:
    """The maps found, lowest first, and the faults on the way; `unread` if something could not be read at all."""

    nodes: list[Map] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    unread: bool = False
    files: int = 0

    def add_text(self, text: str, start: Place, chain: tuple[Path, ...]) -> None:
        """Adds what a file extends and then the file; `chain` holds the files that led here, itself the last."""
        node, found = parse(text, start)
        self.faults += found
        if found and node is None:
            self.unread = True
            return
        if node is None or (isinstance(node, Scalar) and node.value is None and not node.refused):
            message = f"{start.file} is empty: whatever was to write it may have failed"
            self.unreadable(start.fault(message, allowed="a map of settings; {} asks for all defaults"))
            return
        if not isinstance(node, Map):
            hint = "a space after the colon" if isinstance(node, Scalar) and ":" in node.text else None
            self.unreadable(node.place.fault("a config is a map of settings", allowed="key: value", given=shown(node),
                                             suggestion=hint))  # fmt: skip
            return
        if "extends" in node.entries:
            self.add_parents(node.entries["extends"][1], chain)
        self.nodes.append(Map(node.place, {key: given for key, given in node.entries.items() if key != "extends"}))

    def add_parents(self, extends: Node, chain: tuple[Path, ...]) -> None:
        for node in extends.nodes if isinstance(extends, Items) else (extends,):
            if isinstance(node, Scalar) and isinstance(node.value, str) and node.value:
                self.add_parent(node, chain)
            else:
                message = f"expected a file, got {shown(node)}"
                self.unreadable(node.place.fault(message, key="extends", allowed="a path or a list of paths"))

    def add_parent(self, node: Scalar, chain: tuple[Path, ...]) -> None:
        path = located(node.text[:LONGEST_PATH], node.place.base)
        self.files += 1
        problem = None
        if len(node.text) > LONGEST_PATH:
            problem = f"cannot read {shown(node)}: File name too long"
        elif os.path.realpath(path) in map(os.path.realpath, chain):
            problem = f"{node.text} leads back to itself"
        elif len(chain) >= MAX_CHAIN or self.files > MAX_FILES:
            problem = f"more than {MAX_CHAIN} files one after the other, or {MAX_FILES} in all"
        else:
            try:
                data = read_bytes(path)
            except OSError as error:
                problem = f"cannot read {node.text}: {error.strerror or error}"
        if problem:
            allowed, hint = "a path relative to the file that says it", _neighbour(node.text, path)
            self.unreadable(node.place.fault(problem, key="extends", allowed=allowed, suggestion=hint))
            return
        real, here = Path(os.path.realpath(path)), Path.cwd()
        shown_as = str(real.relative_to(here)) if real.is_relative_to(here) else str(real)
        try:
            self.add_text(decode(data, shown_as), Place(shown_as, 1, 1, base=folder_of(path)), (*chain, path))
        except ConfigError as error:
            self.faults += error.found
            self.unread = True

    def add_overrides(self, overrides: Sequence[str]) -> None:
        """Adds the arguments ``key=value``; together they are one layer, in which the last one wins."""
        for number, text, meant in _arguments(overrides):
            key, equals, value = text.partition("=")
            whole = Place(OVERRIDE, number, 1, text, max(1, len(text)), Path.cwd(), argument=True)
            if meant is not None:
                message = "an override is one argument: no spaces around the =, quotes around brackets with spaces"
                self.faults.append(whole.fault(message, given=text, suggestion=f"tuner train ... {shlex.quote(meant)}"))
            elif text.endswith((".yaml", ".yml")) and not equals:
                message = f"one config is read, and {text} is a second one; `extends:` builds on another file"
                self.faults.append(whole.fault(message, given=text))
            elif not equals or not all(key.split(".")):
                message = f"an override is key=value, got {text or repr(text)}"
                self.faults.append(whole.fault(message, given=text, allowed="key=value, as in optimizer.lr=0.01"))
            elif key == "extends":
                self.faults.append(whole.fault("it is for files; an override sets a value", key=key))
            elif not value.strip():
                place = replace(whole, column=len(key) + 2, width=1)
                allowed = "a value; null for none, '' for an empty text"
                self.faults.append(place.fault("nothing stands after the =", key=key, allowed=allowed))
            else:
                self.add_override(key.split("."), value, whole)

    def add_override(self, parts: Sequence[str], value: str, whole: Place) -> None:
        end = len(".".join(parts))
        start = replace(whole, column=end + 2, width=1)
        node, found = parse_value(value, start)
        self.faults += found
        if node is None:
            return
        for part in reversed(parts):
            place = replace(whole, column=end - len(part) + 1, width=len(part))
            node = Map(place, {part: (place, node)})
            end -= len(part) + 1
        assert isinstance(node, Map)  # noqa: S101 - a key has at least one part
        self.nodes.append(node)

    def unreadable(self, fault: Fault) -> None:
        """Notes a fault that hides what else stands there."""
        self.faults.append(fault)
        self.unread = True


def _arguments(overrides: Sequence[str]) -> Iterator[tuple[int, str, str | None]]:
    """(number, argument, None), or what several arguments were meant to be where a shell took one apart."""
    number = 0
    while number < len(overrides):
        text, after = overrides[number], list(overrides[number + 1 :])
        taken = 1
        is_open = text.partition("=")[2].startswith(("[", "{"))
        while is_open and text.count("[") + text.count("{") > text.count("]") + text.count("}") and after:
            text, taken = f"{text} {after.pop(0)}", taken + 1
        if text.count("[") + text.count("{") > text.count("]") + text.count("}"):  # it is never closed
            text, after, taken = overrides[number], list(overrides[number + 1 :]), 1
        if taken == 1 and after and _KEY.fullmatch(text) and ("=" not in after[0] or after[0].startswith("=")):
            taken = 3 if after[0] == "=" and len(after) > 1 else 2
            text = f"{text.rstrip('=')}={overrides[number + taken - 1].lstrip('=')}"
        yield number + 1, overrides[number], text if taken > 1 else None
        number += taken


def _neighbour(text: str, path: Path) -> str | None:
    """The file beside `path`, which is missing, that `text` was probably meant to name."""
    try:
        names = [] if path.exists() else [other.name for other in path.parent.glob("*.y*ml") if other.is_file()]
    except OSError:
        return None
    near = nearest(path.name, sorted(names))
    return f"{text.removesuffix(path.name)}{near}" if near else None
