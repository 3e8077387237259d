"""Errors as people read them: the line of the config, a caret under the token, what is allowed, what was meant."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from tuner.errors import ConfigError, Fault, TunerError
from tuner.figures import plural
from tuner.render.text import USUAL_SIZE, cells, escape, escape_lines, paint, visible

TAB = 4


def error_text(error: TunerError, *, width: int = USUAL_SIZE[0], color: bool = False, encoding: str = "utf-8") -> str:
    """What to print for `error`: the message and what to do about it; of a config, each fault with its place and its
    line, cut to `width` columns, and how many there are.

    `encoding` is that of the stream it will be written to: what it cannot express is written as an escape here, so that
    the caret stays under its token.
    """
    if not isinstance(error, ConfigError):
        told = escape_lines("\n".join(filter(None, [error.message, error.fix])), encoding)
        return f"{paint('error:', 'bold red', color)} {told}"
    parts = [_fault(fault, width, color, encoding) for fault in error.faults]
    if error.count > len(parts):
        dots = "…" if visible("…", encoding) == "…" else "..."
        parts.append(f"{dots} and {error.count - len(parts):,} more")
    return "\n".join([*parts, paint(plural(error.count, "error"), "bold red", color)])


def _fault(fault: Fault, width: int, color: bool, encoding: str) -> str:
    where = escape(fault.file, encoding) + (f":{fault.line}:{fault.column}" if fault.line else "")
    message = escape(fault.message, encoding)
    if fault.given and not _says(fault.message, fault.given) and fault.given not in fault.key.split("."):
        message += f", got {escape(fault.given, encoding)}"
    lines = [": ".join(filter(None, [paint(where, "bold", color), escape(fault.key, encoding), message]))]
    number = f"{fault.line:>5} | "
    if fault.excerpt:
        column = fault.column - fault.skipped
        text, start, run = point_at(fault.excerpt, column, fault.width, width - len(number), encoding)
        lines.append((number + text).rstrip())
        lines.append(" " * (len(number) + start) + paint("^" * run, "bold red", color))
    indent = " " * len(number)
    if fault.allowed and not _says(fault.message, fault.allowed):
        lines.append(f"{indent}allowed: {escape(fault.allowed, encoding)}")
    if fault.suggestion:
        meant = escape(fault.suggestion, encoding)
        advice = f"try: {meant}" if " " in meant else f"did you mean {meant}?"
        lines.append(indent + paint(advice, "green", color))
    return "\n".join(lines)


def _says(text: str, part: str) -> bool:
    """Whether `text` holds `part` as whole words: 1 is not in 1.5, nor in 10."""
    return re.search(rf"(?<![\w.-]){re.escape(part)}(?!\w|\.\w)", text) is not None


def point_at(line: str, column: int, width: int, room: int, encoding: str = "utf-8") -> tuple[str, int, int]:
    """A line made visible and cut to `room` columns, where the caret run starts below it, and how long it is.

    `column` counts characters from 1 and `width` is in characters, both in `line` as it stands in the file; what comes
    back is in terminal columns. Tabs become spaces. The token may lie behind the end of the line.
    """
    token = max(0, min(column - 1, len(line)))
    begin, end = max(0, token - 2 * room), token + 2 * room  # a line can be a mebibyte long
    pieces, used = [], 0  # what is shown for each character
    for char in line[begin:end]:
        pieces.append(" " * (TAB - used % TAB) if char == "\t" else visible(char, encoding))
        used += cells(pieces[-1])
    token -= begin
    first, last = 0, len(pieces)
    if begin or end < len(line) or used > room:
        first, last = _window([cells(piece) for piece in pieces], token, room)
    left = "..." if begin or first else ""
    right = "..." if begin + last < len(line) else ""
    start = len(left) + cells("".join(pieces[first:token]))
    run = cells("".join(pieces[token : min(token + max(1, width), last)]))
    return left + "".join(pieces[first:last]) + right, start, max(1, run)


def _window(sizes: Sequence[int], token: int, room: int) -> tuple[int, int]:
    """First and last + 1 of the pieces around `token` that fit into `room` columns beside the dots on either side."""
    room -= 6
    ends = [0, *accumulate(sizes)]
    before = max(room // 3, room - (ends[-1] - ends[token]))
    first = min(token, bisect_left(ends, ends[token] - before))
    last = bisect_right(ends, ends[first] + room) - 1
    return first, max(last, min(token + 1, len(sizes)))
