"""YAML text -> nodes. What the language refuses becomes a fault with its place; nothing is guessed or dropped."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Any

import yaml

from tuner.document.nodes import Items, Map, Node, Place, Scalar, core_value, shown
from tuner.errors import Fault, Faults

MAX_DEPTH = 32
MAX_NODES = 50_000

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
MARKED = tuple("[{'\"&*!")
"""What begins a list, a map or a text in quotes in an argument, and what is refused in a file, too."""
_BLANKS = " \t\r\n"
_NO_CHARACTER = yaml.reader.Reader.NON_PRINTABLE


class _Composer:
    """Builds nodes from the parser's events and collects what is refused on the way."""

    def __init__(self, text: str, start: Place) -> None:
        self.text = text
        self.start = start
        self.starts = array("L", (0,))
        self.starts.extend(found.end() for found in BREAK.finditer(text))
        self.faults = Faults()
        self.line, self.excerpt = -1, ""
        self.count = 0

    def at(self, begin: int, end: int) -> Place:
        """The place of text[begin:end]; of a token of several lines it is the part on the first."""
        if self.start.argument:
            column, excerpt = self.start.column + begin, self.start.excerpt
            return Place(self.start.file, self.start.line, column, excerpt, max(1, end - begin), self.start.base, True)
        line = bisect_right(self.starts, begin) - 1
        first, last = self.starts[line], self.starts[line + 1] if line + 1 < len(self.starts) else len(self.text)
        if line != self.line:  # the nodes of a line share its text
            self.line, self.excerpt = line, self.text[first:last].rstrip("\r\n\x85\u2028\u2029")
        width = max(1, min(end - first, len(self.excerpt)) - (begin - first))
        return Place(self.start.file, self.start.line + line, begin - first + 1, self.excerpt, width, self.start.base)

    def place(self, event: Any) -> Place:
        return self.at(event.start_mark.index, event.end_mark.index)

    def refuse(self, event: Any, message: str, **details: Any) -> None:
        self.faults.append(self.place(event).fault(message, **details))

    def document(self) -> Node | None:
        node: Node | None = None
        seen = 0
        self.loader = yaml.SafeLoader(self.text)
        self.stream = iter(self.loader.get_event, None)
        for event in self.stream:
            if isinstance(event, yaml.DocumentStartEvent):
                seen += 1
                if seen > 1:
                    self.refuse(event, "a second document starts here", allowed="one document a file")
                    break
                if event.tags or event.version not in (None, (1, 2)):
                    self.refuse(event, "directives are not part of the language", suggestion="leave out lines with %")
            elif isinstance(event, yaml.NodeEvent):
                node = self.node(event, 1)
        return node

    def node(self, event: Any, depth: int) -> Node:
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH:
            what = f"deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_NODES:,} values"
            self.refuse(event, f"the document is {what}")
            raise _TooMuch
        is_alias = isinstance(event, yaml.AliasEvent)
        if event.anchor is not None:
            message = f"YAML's {'alias' if is_alias else 'anchor'} is not part of the language"
            self.refuse(event, message, suggestion="write the value out; extends shares settings")
        if not is_alias and event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.refuse(event, f"the tag {tag} is not part of the language", suggestion="leave the tag out")
        place = self.place(event)
        if is_alias:
            return Scalar(place, None, "", refused=True)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(place, tuple(self.node(item, depth + 1) for item in self.until(yaml.SequenceEndEvent)))
        return self.map(place, depth)

    def scalar(self, event: Any, place: Place) -> Scalar:
        text: str = event.value
        if any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in text):
            self.refuse(event, "the text holds a character that cannot be stored")
            return Scalar(place, None, "", refused=True)
        plain = event.style is None
        return Scalar(place, core_value(text) if plain else text, text, not plain)

    def until(self, end: type[Any]) -> Iterator[Any]:
        return takewhile(lambda event: not isinstance(event, end), self.stream)

    def map(self, place: Place, depth: int) -> Map:
        entries: dict[str, tuple[Place, Node]] = {}
        for event in self.until(yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self.stream), depth + 1)
            if not isinstance(key, Scalar) or not isinstance(key.value, str):
                hint = "no comma in a number" if isinstance(key, Scalar) and key.text.isdigit() else None
                self.faults.append(key.place.fault("a key is a word", given=shown(key), suggestion=hint))
            elif key.value == "<<" and not key.quoted:
                hint = "write the keys out, or share them between files with extends"
                self.faults.append(key.place.fault("merge keys are not part of the language", suggestion=hint))
            elif key.value in entries:
                first = entries[key.value][0]
                message = f"the key {key.value[:60]!r} stands here a second time; first on line {first.line}"
                self.faults.append(key.place.fault(message, suggestion="keep one of the two"))
            else:
                entries[key.value] = (key.place, value)
        return Map(place, entries)


class _TooMuch(Exception):  # noqa: N818 - never leaves this module
    """A bound was passed; the fault is already noted."""


def parse(text: str, start: Place) -> tuple[Node | None, Faults]:
    """The node that `text` holds (None: nothing) and everything in it that is refused.

    `start` is where the text begins: line 1 of a file, or a column of an argument, which is then its excerpt.
    """
    composer = _Composer(text, start)
    try:
        return composer.document(), composer.faults
    except _TooMuch:
        pass
    except yaml.reader.ReaderError as error:
        message = f"not YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        composer.faults.append(composer.at(error.position, error.position + 1).fault(message))
    except yaml.MarkedYAMLError as error:
        composer.faults.append(_syntax_fault(error, composer))
    except (ValueError, OverflowError):  # an escape beyond the last character: "\UFFFFFFFF"
        index = composer.loader.get_mark().index
        composer.faults.append(composer.at(max(0, index - 2), index + 8).fault("not YAML: there is no such character"))
    return None, composer.faults


_SYNTAX: tuple[tuple[str, str, str | None, bool], ...] = (
    ("could not find expected ':'", "no colon follows this key", "`key: value`, with a space after the colon", True),
    ("found unexpected end of stream", "this quote is never closed", "add the closing quote", True),
    ("but got '<stream end>'", "this bracket is never closed", "add the closing bracket", True),
    ("expected ',' or ']'", "a comma or ] is missing before this", None, False),
    ("expected ',' or '}'", "a comma or } is missing before this", None, False),
    ("expected <block end>", "this does not line up with what stands above it",
     "the keys of a map in the same column, quotes around the whole of a text", False),
    ("sequence entries are not allowed", "a list cannot begin here", "[a, b], or the list on lines of its own", False),
    ("unknown escape character", "a \\ in double quotes begins an escape, and there is none of this name",
     "single quotes, or \\\\ for one \\", False),
    ("character '\\t'", "a tab where only spaces can be", "use spaces, not tabs, to indent", False),
    ("while scanning a directive", "no value can begin with %", "quotes around the text", True),
    ("expected '<document start>'", "nothing can follow here: the document is complete", None, False),
    ("that cannot start any token", "no value can begin with this character", "quotes around the text", False),
    ("expected alphabetic or numeric", "no text can begin with & or *", "quotes around the text", True),
    ("while parsing a flow node", "a value or a closing bracket is missing before this", None, False),
    ("expected the node content", "a value is missing before this", None, False),
)  # fmt: skip
"""What the parser says -> what it means, what to do, whether to point at where the trouble began."""


def _syntax_fault(error: yaml.MarkedYAMLError, composer: _Composer) -> Fault:
    said = " ".join(part for part in (error.context, error.problem) if part)
    known = (entry for entry in _SYNTAX if entry[0] in said)
    _, message, hint, begins = next(known, ("", said, None, False))
    mark = (begins and error.context_mark) or error.problem_mark or error.context_mark
    index = mark.index if mark is not None else 0
    place = composer.at(index, index + 1)
    if "mapping values are not allowed" in said:  # behind another one, or in a line that stands below a value
        message, hint = "a second colon in one line", "one `key: value` a line, or quotes around a text with a colon"
        if ": " not in place.excerpt[: place.column - 1]:
            message = "a key is indented here, but what stands above it has a value already"
            hint = "the same column as the keys above, or {name: cnn, hidden: [64]} for a choice with settings"
    opened = error.context_mark
    if "is missing before this" in message and opened is not None and mark is not None and opened.line < mark.line:
        message += f"; the bracket on line {opened.line + 1} is still open"
    return place.fault(f"not YAML: {message}", suggestion=hint)


# ---- arguments of the command line -----------------------------------------------------------------------------------


def parse_value(text: str, start: Place) -> tuple[Node | None, Faults]:
    """The node that `text` holds, and everything in it that is refused; `start` is where it begins in its argument.

    A list, a map or a text in quotes is read as in a file. Anything else is one scalar: all of the text without the
    blanks around it, whatever a ``#``, a ``: `` or a line break would mean in a file.
    """
    value = text.strip(_BLANKS)
    begin = text.index(value)
    if not value.startswith(MARKED) and not _NO_CHARACTER.search(value):
        place = _part(start, begin, len(value))
        return Scalar(place, core_value(value), value), Faults()
    node, faults = parse(text, start)
    if not faults and node is not None:
        faults += _beside(text, start)
    return (None if faults else node), faults


def _beside(text: str, start: Place) -> list[Fault]:
    """The fault of a comment, or of the mark of a document, which YAML would pass over."""
    end = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        gap, begin = text[end : token.start_mark.index], end
        if not gap.strip(_BLANKS) and isinstance(token, yaml.DocumentStartToken | yaml.DocumentEndToken):
            gap, begin = text[token.start_mark.index :], token.start_mark.index
        if gap.strip(_BLANKS):
            begin += len(gap) - len(gap.lstrip(_BLANKS))
            place = _part(start, begin, len(gap.strip(_BLANKS)))
            message = f"the value has ended before {next(iter(place.token.split()), ascii(gap))}"
            return [place.fault(message, suggestion="leave the rest out, or quotes around all of the text")]
        end = token.end_mark.index
    return []


def _part(start: Place, begin: int, width: int) -> Place:
    return replace(start, column=start.column + begin, width=max(1, width))
