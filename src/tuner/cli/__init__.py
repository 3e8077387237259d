"""Commands: parse, call one function, render, exit code."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import typer

from tuner.cli.commands import app, begin_of_error, message_of, usage
from tuner.cli.reading import say_error
from tuner.crash import report as write_report
from tuner.durable.reading import json_line
from tuner.errors import BUG, NotFoundError, ResourceError, TunerError
from tuner.render.errors import error_text
from tuner.render.text import is_colored, prepare, silence, terminal_size


def main() -> None:
    """The program: every way out has its documented exit code and no traceback."""
    open_closed_streams()
    if not sys.warnoptions:  # what libraries warn of is for who writes programs with them
        warnings.simplefilter("ignore")
    prepare(sys.stdout)
    prepare(sys.stderr)
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe went away: silence, and the exit code that shells expect
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + getattr(signal, "SIGPIPE", 13)
    except OSError as error:  # what a command prints could not be written
        silence(sys.stdout)
        code = report(ResourceError(f"cannot write to standard output: {error.strerror}"))
    gc.freeze()  # the process ends: looking through all it holds for garbage would take 20 ms
    raise SystemExit(code or 0)


def run() -> int:
    """Runs the command that was asked for; its exit code."""
    try:
        os.getcwd()  # noqa: PTH109 - the call itself is the question: torch cannot even be imported where it fails
    except OSError:
        return report(NotFoundError("the working directory is gone", fix="cd to a folder that is there"))
    try:
        return int(app(standalone_mode=False) or 0)
    except TunerError as error:
        return report(error, begin_of_error())
    except typer.TyperException as error:
        if message_of(error).startswith("Usage:"):  # `tuner` or `tuner recipe` alone: its help
            say_error(message_of(error))
            return 2
        return report(usage(error), begin_of_error())
    except typer.Exit as ended:
        return ended.exit_code
    except SystemExit as left:  # the parser makes exit code 1 of a pipe without a reader
        if isinstance(left.__context__, BrokenPipeError):
            raise left.__context__ from None
        raise
    except MemoryError:
        return report(ResourceError("this machine's memory ran out", fix="make room and run the same command again"))
    except OSError as error:
        if error.filename is None and error.errno in (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF):
            raise
        return _bug(error)
    except Exception as error:  # a bug: told in one line, with the details in a file
        return _bug(error)


def open_closed_streams() -> None:
    """Standard streams that were closed lead nowhere; else the next file opened would take their place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for the process's life


def report(error: TunerError, json: Mapping[str, Any] | None = None) -> int:
    """Says what is wrong, on stderr, or as JSON that begins with `json`; the exit code."""
    if json is None:
        width, _ = terminal_size(sys.stderr)
        say_error(error_text(error, width=width, color=is_colored(sys.stderr), encoding=sys.stderr.encoding))
    else:
        typer.echo(json_line({**json, "exit_code": error.exit_code, **error.as_json()}))
    return error.exit_code


def _bug(error: Exception) -> int:
    say_error(f"tuner: {write_report(error)}")
    return BUG
