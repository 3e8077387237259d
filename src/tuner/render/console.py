"""rich's console, told what a stream can show."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console


class SteadyConsole(Console):
    """A console that leaves the cursor visible, for a process that is killed could not bring it back, and lets its user
    see that the reader of a pipe has gone: rich would close stdout and end the process."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002
        return False

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console_on(stream: TextIO, width: int, height: int, *, is_terminal: bool, color: bool) -> Console:
    """A console that writes to `stream` as it is told, and takes nothing for markup."""
    return SteadyConsole(
        file=stream,
        force_terminal=is_terminal,
        color_system="standard" if color else None,
        width=width,
        height=height,
        highlight=False,
        markup=False,
        emoji=False,
    )
