"""rich's console, told what a stream can show, and a person's terminal with lines and a bar below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tuner.render.text import USUAL_SIZE, Line, is_colored


class SteadyConsole(Console):
    """A console that leaves the cursor visible, for a process that is killed could not bring it back, and lets its user
    see that the reader of a pipe has gone: rich would close stdout and end the process."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002
        return False

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console_on(stream: TextIO, width: int, *, is_terminal: bool, color: bool) -> Console:
    """A console that writes to `stream` as it is told, and takes nothing for markup."""
    return SteadyConsole(
        file=stream,
        force_terminal=is_terminal,
        color_system="standard" if color else None,
        width=width,
        height=USUAL_SIZE[1],
        highlight=False,
        markup=False,
        emoji=False,
    )


class Screen:
    """A terminal; it is drawn when it is told to, by no thread."""

    def __init__(self, stream: TextIO) -> None:
        self._console = console = console_on(stream, 80, is_terminal=True, color=is_colored(stream))
        self._bar = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def draw(self, lines: Sequence[Line], bar: str | None, width: int, height: int) -> None:
        """`lines` above the bar; `bar` is what it is from now on, None for none. Raises OSError, ValueError."""
        self._console.size = (width, height)
        if bar is None:
            self._bar.stop()
        else:
            self._bar.start()
            self._bar.update(Text(bar, no_wrap=True, overflow="crop"), refresh=not lines)
        if lines:
            texts = [text for line in lines for text in self._texts(line, width)]
            self._console.print(*texts, sep="\n", soft_wrap=True)

    def _texts(self, line: Line, width: int) -> Iterator[Text]:
        """The line as lines of the terminal."""
        text, indent = Text.assemble(*line.parts), line.indent
        if indent is None:
            yield text
            return
        for part in text.split("\n", allow_blank=True):
            for piece in part[indent:].wrap(self._console, max(1, width - indent), overflow="fold") or [Text()]:
                yield Text.assemble(part[:indent], piece)
                part = Text(" " * indent)
