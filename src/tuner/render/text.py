"""Streams and characters: what a stream can show, and text made safe for it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple, TextIO

USUAL_WIDTH = 100
USUAL_HEIGHT = 24

_STYLES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}


class Line(NamedTuple):
    """A line's parts, each a text and its style. One that is broken at words goes on below its column `indent`; None:
    it is never broken."""

    parts: Sequence[tuple[str, str]]
    indent: int | None = None


def prepare(stream: TextIO | None) -> None:
    """A character that `stream` cannot encode is written as an escape from now on, instead of raising an error."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def write(stream: TextIO | None, text: str) -> bool:
    """Writes `text` at once; where nobody can read it any more, that is no reason to fail: whether it was written."""
    if stream is None:
        return False
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        silence(stream)
        return False
    return True


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


def is_unicode(stream: TextIO | None) -> bool:
    """Whether `stream` can show blocks, braille and lines."""
    return can_draw(getattr(stream, "encoding", None) or "ascii")


def can_draw(encoding: str) -> bool:
    """Whether an encoding has blocks, braille and lines."""
    try:
        "▁⣿│".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def terminal_width(stream: TextIO | None) -> int:
    """Columns of `stream`'s terminal: $COLUMNS, else what the terminal says, else 100."""
    return _extent(stream, "COLUMNS", USUAL_WIDTH)


def terminal_height(stream: TextIO | None) -> int:
    """Lines of `stream`'s terminal: $LINES, else what the terminal says, else 24."""
    return _extent(stream, "LINES", USUAL_HEIGHT)


def _extent(stream: TextIO | None, name: str, usual: int) -> int:
    wanted = os.environ.get(name, "")
    if wanted.isascii() and wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    try:
        size = None if stream is None else os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return usual
    return getattr(size, name.lower(), 0) or usual


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
        f"{terminal_width(stream)} columns" if is_terminal(stream) else "none (output is redirected)",
        f"encoding {stream.encoding}",
        "Unicode" if is_unicode(stream) else "ASCII only",
        "colour" if is_colored(stream) else "no colour",
    ]
    locale = next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "not set")
    return ", ".join([*parts, f"locale {locale}"])
