"""Streams and characters: what a stream can show, and text made safe for it."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple, TextIO

USUAL_SIZE = (100, 24)
GAP = 2
"""Between two columns."""

_STYLES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}
_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Line(NamedTuple):
    """A line's parts, each a text and its style. One that is broken at words goes on below its column `indent`; None:
    it is never broken."""

    parts: Sequence[tuple[str, str]]
    indent: int | None = None


def prepare(stream: TextIO | None) -> None:
    """A character that `stream` cannot encode is written as an escape from now on, instead of raising an error."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def write(stream: TextIO | None, line: str) -> None:
    """Writes `line` at once; where nobody can read it any more, that is no reason to fail. Raises OSError where stdout,
    the result, has no room for it."""
    try:
        if stream is not None:
            stream.write(f"{line}\n")
            stream.flush()
    except (OSError, ValueError) as error:
        if stream is sys.stdout and not isinstance(error, BrokenPipeError | ValueError):
            raise
        silence(stream)


def say_error(text: str) -> None:
    """Talk for stderr, on a terminal broken at words; where nobody can read it, that is no reason to fail."""
    write(sys.stderr, wrapped(text, terminal_size(sys.stderr)[0]) if is_terminal(sys.stderr) else text)


def silence(stream: TextIO | None) -> None:
    """Send what is left in a broken standard stream to nowhere.

    Python flushes stdout and stderr when it ends and exits with 120 if that fails, which would hide the command's own
    exit code.
    """
    if stream is None or stream not in (sys.stdout, sys.stderr):
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def is_terminal(stream: TextIO | None) -> bool:
    """Whether someone looks at `stream` on a terminal that understands control codes."""
    try:
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:
        return False


def is_colored(stream: TextIO | None) -> bool:
    """Whether colour may be written to `stream` (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def can_draw(encoding: str | None) -> bool:
    """Whether an encoding has blocks, braille and lines; that of a stream which says none has not."""
    try:
        "▁⣿│".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def terminal_size(stream: TextIO | None) -> tuple[int, int]:
    """Columns and lines of `stream`'s terminal: $COLUMNS and $LINES, else what the terminal says, else 100 and 24."""
    try:
        there = (0, 0) if stream is None else os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        there = (0, 0)
    wanted = [os.environ.get(name, "") for name in ("COLUMNS", "LINES")]
    set_to = [int(text) if text.isascii() and text.isdigit() else 0 for text in wanted]
    width, height = (first or second or third for first, second, third in zip(set_to, there, USUAL_SIZE, strict=True))
    return width, height


def fitting(weights: Sequence[int | None], least: Sequence[int], room: int) -> list[int]:
    """Which columns there is room for, each with as many characters as it takes at least: those of a lower weight fall
    away first, of equal ones the last."""
    kept = list(range(len(least)))
    for _, place in sorted((weight, -at) for at, weight in enumerate(weights) if weight is not None):
        if sum(least[at] + GAP for at in kept) - GAP <= room:
            break
        kept.remove(-place)
    return kept


def paint(text: str, style: str, on: bool = True) -> str:
    """`text` in a style such as ``bold red``; unchanged when colour is not `on`."""
    if not on or not text:
        return text
    codes = ";".join(str(_STYLES[word]) for word in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def escape(text: str, encoding: str = "utf-8") -> str:
    """`text` with every invisible character, control code and line break written out, so that it is safe on a terminal.

    The same for what `encoding` cannot express: the result's width is known before it is written.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(visible(char, encoding) for char in text)


def escape_lines(text: str, encoding: str = "utf-8", indent: int = 0) -> str:
    """`text` made safe line by line; the further lines begin with so many spaces."""
    return ("\n" + " " * indent).join(escape(line, encoding) for line in text.split("\n"))


def visible(char: str, encoding: str = "utf-8") -> str:
    """One character as it is, or as its escape (``\\x1b``, ``\\u202e``)."""
    if char.isprintable() or char == "\u3000":
        try:
            char.encode(encoding)
        except UnicodeEncodeError:
            pass
        else:
            return char
    return char.encode("ascii", "backslashreplace").decode() if not char.isascii() else repr(char)[1:-1]


def cells(text: str) -> int:
    """Columns that `text` takes on a terminal: East Asian wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int) -> str:
    """`text` broken at words, but not inside `` ` ``, where a line has more than `width` columns; it goes on as far in
    as it began. Colours take no column."""
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines.append("")
        for word in re.findall(r"\s*(?:`[^`]*`|\S)+", line):
            if lines[-1] and cells(_COLOR.sub("", lines[-1] + word)) > width:
                lines.append(indent + word.lstrip())
            else:
                lines[-1] += word
    return "\n".join(lines)


def shorten(text: str, width: int) -> str:
    """`text` cut to `width` columns, with three dots where something is missing."""
    if cells(text) <= width:
        return text
    kept, used = "", min(3, width)
    for char in text:
        used += cells(char)
        if used > width:
            break
        kept += char
    return kept + "..."[:width]


def shorten_middle(text: str, width: int) -> str:
    """`text` cut to `width` columns with three dots in its middle: names often differ at their end alone."""
    if cells(text) <= width or width < 9:
        return shorten(text, width)
    end = ""
    for char in reversed(text):
        if cells(char + end) > (width - 3) // 2:
            break
        end = char + end
    return shorten(text, width - cells(end)) + end


def described(stream: TextIO) -> str:
    """What `stream` can show, in a line."""
    parts = [
        f"{terminal_size(stream)[0]} columns" if is_terminal(stream) else "none (output is redirected)",
        f"encoding {stream.encoding}",
        "Unicode" if can_draw(stream.encoding) else "ASCII only",
        "colour" if is_colored(stream) else "no colour",
    ]
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "not set")
    return ", ".join([*parts, f"locale {locale}"])
