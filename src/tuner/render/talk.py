"""Where long work talks: lines that scroll and, on a terminal, a bar below them. Nothing here can end the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TextIO

from tuner.figures import ASCII_LEVELS, LEVELS
from tuner.render.text import Line, can_draw, escape, escape_lines, is_terminal, prepare, silence, terminal_size

if TYPE_CHECKING:
    from tuner.render.screen import Screen

SECONDS_BETWEEN_DRAWS = 0.1
LABEL = 8
"""Columns of a label."""

LONGEST_BAR = 40


class Talk:
    """Lines to `stream` (None: nowhere); on a terminal drawn with the bar by whoever calls, ten times a second at most.

    Leave its ``with`` block before anything else is printed: the bar is gone then.
    """

    def __init__(self, stream: TextIO | None) -> None:
        prepare(stream)
        self.is_live = is_terminal(stream)
        encoding = getattr(stream, "encoding", None)
        self.levels = LEVELS if can_draw(encoding) else ASCII_LEVELS
        self._encoding = encoding or "utf-8"
        self._stream = stream
        self._waiting: list[Line] = []
        self._bar: Callable[[], tuple[float | None, str]] | None = None
        self._drawn = float("-inf")
        self._screen: Screen | None = None
        if stream is not None and self.is_live:
            from tuner.render.screen import Screen  # rich, for a person's eyes alone

            self._screen = Screen(stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar = None
        self.draw()

    @property
    def is_heard(self) -> bool:
        """Whether there is anybody to talk to."""
        return self._stream is not None

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal, asked anew each time: its window can change."""
        return terminal_size(self._stream if self.is_live else None)

    def row(self, *parts: tuple[str, str]) -> None:
        """A line that is never broken: (text, style) one after the other."""
        self._add(Line([(escape(text, self._encoding), style) for text, style in parts]))

    def line(self, text: str, style: str = "", label: str | None = None, *, breaks: bool = True) -> None:
        """A text, on a terminal broken at words if it `breaks`; with a label it stands beside that."""
        indent = 0 if label is None else LABEL
        lines = escape_lines(text, self._encoding, indent)
        self._add(Line([(f"{label or '':<{indent}}{lines}", style)], indent if breaks else None))

    def bar(self, where: Callable[[], tuple[float | None, str]] | None) -> None:
        """What stands below the lines from now on, asked when it is drawn: the share that is done, and a text. None:
        no bar."""
        self._bar = where
        self._draw_if_due()

    def draw(self) -> None:
        """Write what waits. A stream that breaks is given up: the terminal or the reader of the pipe is gone."""
        lines, self._waiting = self._waiting, []
        self._drawn = time.monotonic()
        if self._stream is None:
            return
        bar, (width, height) = None, self.size
        if self._bar is not None and self._screen is not None:
            bar = bar_text(*self._bar(), width - 1, self.levels is LEVELS)
        try:
            if self._screen is not None:
                self._screen.draw(lines, bar, width, height)
            else:
                self._stream.write("".join("".join(text for text, _ in line.parts) + "\n" for line in lines))
                self._stream.flush()
        except (OSError, ValueError):
            silence(self._stream)
            self._stream = None

    def _add(self, line: Line) -> None:
        self._waiting.append(line)
        self._draw_if_due()

    def _draw_if_due(self) -> None:
        if not self.is_live or time.monotonic() - self._drawn >= SECONDS_BETWEEN_DRAWS:
            self.draw()


def bar_text(share: float | None, text: str, width: int, blocks: bool = True) -> str:
    """``━━━━━━━━━━━━──────── 45%  text`` in `width` columns: the bar gives way to the text, 40 columns at most.

    Where nobody knows how much there is (None) it is the text alone.
    """
    if share is None:
        return text[:width]
    share = min(1.0, max(0.0, share))
    tail = f" {share:>4.0%}  {text}"
    room = min(LONGEST_BAR, width - len(tail))
    if room < 8:
        return tail.strip()[:width]
    full, empty = "━─" if blocks else "#."
    return full * round(share * room) + empty * (room - round(share * room)) + tail
