"""Where the talk goes: lines that scroll, and on a terminal a bar below them. Nothing here can end a training.

The bar is written by hand, a carriage return and one line. rich's own would cost 0.2 s of import, redraw itself from a
thread beside the training, and answer a broken stderr by closing stdout and raising SystemExit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from tuner.render.text import is_colored, is_terminal, is_unicode, prepare, silence, terminal_width

SECONDS_BETWEEN_DRAWS = 0.1
ERASE = "\r\x1b[2K"


class Screen:
    """Lines to a stream; with a terminal, drawn together with the bar at most ten times a second."""

    def __init__(self, stream: TextIO | None) -> None:
        prepare(stream)
        self.live = is_terminal(stream)
        self.color = is_colored(stream)
        self.unicode = is_unicode(stream)
        self._stream = stream
        self._waiting: list[str] = []
        self._bar: Callable[[int], str] | None = None
        self._has_bar = False
        self._drawn = float("-inf")

    @property
    def encoding(self) -> str:
        """How the text will be written."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def width(self) -> int:
        """Columns, asked anew each time: a terminal's window can change."""
        return terminal_width(self._stream) if self.live else terminal_width(None)

    def line(self, text: str) -> None:
        """One line; on a terminal it may wait up to a tenth of a second for the next call."""
        self._waiting.append(text)
        self._draw_if_due()

    def bar(self, text: Callable[[int], str] | None) -> None:
        """What stands below the lines from now on, as a function of the columns there are; None for nothing."""
        self._bar = text if self.live else None
        self._draw_if_due()

    def flush(self) -> None:
        """Write what waits."""
        self._draw()

    def close(self) -> None:
        """Write what waits and take the bar away."""
        self._bar = None
        self._draw()

    def _draw_if_due(self) -> None:
        if not self.live or time.monotonic() - self._drawn >= SECONDS_BETWEEN_DRAWS:
            self._draw()

    def _draw(self) -> None:
        out = [ERASE] if self._has_bar else []
        out += [line + "\n" for line in self._waiting]
        self._waiting.clear()
        if self._bar is not None:
            out.append(self._bar(self.width - 1))
        if out:
            self._write("".join(out))
        self._has_bar = self._bar is not None
        self._drawn = time.monotonic()

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal or the reader of the pipe is gone: training goes on without them
            silence(self._stream)
            self._stream = None
            self.live = False
            self._bar = None
