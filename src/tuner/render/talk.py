"""Where long work talks: lines that scroll and, on a terminal, a bar below them. Nothing here can end the work."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from tuner.figures import ASCII_LEVELS, LEVELS
from tuner.render.text import Line, Patient, cells, escape, is_terminal, is_unicode, terminal_height, terminal_width

if TYPE_CHECKING:
    from tuner.render.live import Screen

SECONDS_BETWEEN_DRAWS = 0.1
LABEL = 8
"""Columns of a label."""

LONGEST_BAR = 40


class Talk:
    """Lines to `stream` (None: nowhere); on a terminal drawn with the bar by whoever calls, ten times a second at most.

    Close it, or leave its ``with`` block, before anything else is printed: the bar is gone then.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.is_live = is_terminal(stream)
        self.levels = LEVELS if is_unicode(stream) else ASCII_LEVELS
        self._out = Patient(stream)
        self._waiting: list[Line] = []
        self._bar: Callable[[], tuple[float | None, str]] | None = None
        self._drawn = float("-inf")
        self._screen: Screen | None = None
        if self.is_live:
            from tuner.render.live import Screen  # rich, for a person's eyes alone

            self._screen = Screen(self._out)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar(None)
        self.draw()

    @property
    def width(self) -> int:
        """Columns, asked anew each time: a terminal's window can change."""
        return terminal_width(self._out.stream if self.is_live else None)

    @property
    def height(self) -> int:
        """Lines of the terminal."""
        return terminal_height(self._out.stream)

    def row(self, *parts: tuple[str, str]) -> None:
        """A line that is never broken: (text, style) one after the other."""
        self._add(Line(tuple((escape(text, self._out.encoding), style) for text, style in parts)))

    def line(self, text: str, style: str = "", label: str | None = None, *, breaks: bool = True) -> None:
        """A text, on a terminal broken at words if it `breaks`; with a label it stands beside that."""
        indent = 0 if label is None else LABEL
        lines = [escape(line, self._out.encoding) for line in text.split("\n")]
        begin = f"{label or '':<{indent}}"
        self._add(Line(((begin + ("\n" + " " * indent).join(lines), style),), indent if breaks else None))

    def bar(self, where: Callable[[], tuple[float | None, str]] | None) -> None:
        """What stands below the lines from now on, asked when it is drawn: the share that is done, and a text. None:
        no bar."""
        self._bar = where
        self._draw_if_due()

    def draw(self) -> None:
        """Write what waits."""
        lines, self._waiting = self._waiting, []
        self._drawn = time.monotonic()
        if self._out.stream is None:
            return
        if self._screen is not None:
            width = self.width
            text = bar_text(*self._bar(), width - 1, self.levels is LEVELS) if self._bar is not None else None
            self._screen.draw(lines, text, width, self.height)
        elif lines:
            self._out.write("".join("".join(text for text, _ in line.parts) + "\n" for line in lines))

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
    share = None if share is None else min(1.0, max(0.0, share))
    tail = text if share is None else f" {share:>4.0%}  {text}"
    room = min(LONGEST_BAR, width - cells(tail))
    if share is None or room < 8:
        return tail.strip()[:width]
    full, empty = "━─" if blocks else "#."
    return full * round(share * room) + empty * (room - round(share * room)) + tail
