"""The right side of a ``key=value`` on the command line -> a node: one value, to its very end."""

from __future__ import annotations

from dataclasses import replace

import yaml

from tuner.document.nodes import Node, Place, Scalar
from tuner.document.parsing import parse
from tuner.document.scalars import core_value
from tuner.errors import Fault, Faults

MARKED = tuple("[{'\"&*!")
"""What begins a list, a map or a text in quotes, and what is refused in a file, too."""

_BLANKS = " \t\r\n"
_NO_CHARACTER = yaml.reader.Reader.NON_PRINTABLE


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
