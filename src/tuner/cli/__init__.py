"""Commands: parse, call one function, render, exit code."""

from __future__ import annotations

import errno
import gc
import os
import re
import signal
import sys
import warnings
from importlib import import_module
from typing import TextIO

import typer

from tuner.cli.app import app, say_error
from tuner.errors import NotFoundError, ResourceError, TunerError, UsageError

__all__ = ["app", "main"]


COMMANDS = ("train", "check", "runs", "show", "curves", "diff", "compare", "early_stop", "recipe", "info", "fetching")
"""The modules that register the commands, in the order of `--help`."""


def main() -> None:
    """The program: every way out has its documented exit code and no traceback."""
    open_closed_streams()
    if not sys.warnoptions:  # what libraries warn of is for who writes programs with them
        warnings.simplefilter("ignore")
    from tuner.render.text import prepare

    prepare(sys.stdout)
    prepare(sys.stderr)
    try:
        code = run()
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_left()
    except OSError as error:  # what a command prints could not be written
        _silence(sys.stdout)
        code = report(ResourceError(f"cannot write to standard output: {error.strerror}"))
    gc.freeze()  # the process ends: looking through all it holds for garbage would take 20 ms
    raise SystemExit(code or 0)


def run() -> int:
    """Runs the command that was asked for; its exit code."""
    try:
        here()
        for name in modules():
            import_module(f"tuner.cli.{name}")
        return int(app(standalone_mode=False) or 0)
    except TunerError as error:
        return report(error)
    except typer.TyperException as error:
        if message_of(error).startswith("Usage:"):  # `tuner` or `tuner recipe` alone: its help
            say_error(message_of(error))
            return 2
        return report(_usage(error))
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


def modules() -> tuple[str, ...]:
    """The modules to import: all, or only that of the command asked for, where it is called like the command."""
    word = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else ""
    return (word,) if word in COMMANDS and word != "info" else COMMANDS


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


def here() -> None:
    """Raises NotFoundError where the working directory is gone: torch cannot even be imported there."""
    try:
        os.getcwd()  # noqa: PTH109 - the call itself is the question
    except OSError:
        raise NotFoundError("the working directory is gone", fix="cd to a folder that is there") from None


def _silence(stream: TextIO) -> None:
    from tuner.render.text import silence

    silence(stream)


def report(error: TunerError) -> int:
    """Says what is wrong, on stderr, or on stdout as JSON where the command asked for that."""
    from tuner.render.errors import error_text
    from tuner.render.text import is_colored, terminal_width

    if "--json" in sys.argv:
        import json

        command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        event = {"ok": False} if command == "check" else {"event": "error"} if command == "train" else {}
        typer.echo(json.dumps({**event, "exit_code": error.exit_code, **error.as_json()}))
        return error.exit_code
    color, width = is_colored(sys.stderr), terminal_width(sys.stderr)
    say_error(error_text(error, width=width, color=color, encoding=sys.stderr.encoding), color)
    return error.exit_code


INSTEAD = {
    "resume": "the same command again goes on where it was",
    "force": "--again trains it again, in a new run folder",
    "overwrite": "--again trains it again, in a new run folder",
    "config": "the config is the first argument: tuner train my.yaml",
    "output": "--run NAME names the run folder, --runs-dir DIR says where it is made",
    "output-dir": "--run NAME names the run folder, --runs-dir DIR says where it is made",
    "cpu": "settings are given as key=value: training.device=cpu",
    "gpu": "settings are given as key=value: training.device=cuda",
}
"""Options of other tools that are no settings, and what to do here."""


def message_of(error: typer.TyperException) -> str:
    """What the command line's parser has to say."""
    written = getattr(error, "format_message", None)
    return str(written() if written is not None else error)


def _usage(error: typer.TyperException) -> UsageError:
    """The command line's own errors, with the override where an unknown option is a key of the language."""
    text = message_of(error).rstrip(".")
    option = re.match(r"No such option: --?([\w.-]+)", text)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tuner"
    fix = f"`{path} --help` shows what it takes"
    if option is not None:
        from tuner.choice import fold
        from tuner.config import Config
        from tuner.config.words import OTHER_TOOLS, key_paths

        word = option[1].replace("-", "_")
        paths = key_paths(Config)
        own = [key for key in paths if word in (key, key.rpartition(".")[2])]
        key = own[0] if own else OTHER_TOOLS.get(fold(word))
        if option[1] in INSTEAD:
            fix = INSTEAD[option[1]]
        elif key is not None:
            text, fix = f"No such option: --{option[1]}", f"settings are given as key=value: {key}=VALUE"
    return UsageError(text, fix=fix)


def _reader_left() -> int:
    """The reader of a pipe went away: silence, and the exit code that shells expect."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _bug(error: Exception) -> int:
    from tuner.crash import report as write_report

    say_error(f"tuner: {write_report(error)}")
    return 70
