"""Commands: parse, call one function, render, exit code."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from types import TracebackType

import typer

from tuner.cli.app import app
from tuner.errors import TunerError, UsageError

__all__ = ["app", "main"]


def main() -> None:
    """The program: every way out has its documented exit code and no traceback."""
    from tuner.cli import check, info, runs, train  # noqa: F401 - importing registers the commands
    from tuner.render.text import prepare

    prepare(sys.stdout)
    prepare(sys.stderr)
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _die_of_interrupt()
    except BrokenPipeError:
        code = _reader_left()
    except TunerError as error:
        code = report(error)
    except typer.TyperException as error:
        code = report(_usage(error))
    except (typer.Exit, typer.Abort) as ended:
        code = ended.exit_code if isinstance(ended, typer.Exit) else 130
    except MemoryError:
        from tuner.errors import ResourceError

        code = report(ResourceError("this machine's memory ran out", fix="make room and run the same command again"))
    except Exception as error:  # a bug: told in one line, with the details in a file
        code = _bug(error)
    raise SystemExit(code or 0)


def report(error: TunerError) -> int:
    """Says what is wrong, on stderr, or on stdout as JSON where the command asked for that."""
    from tuner.render.errors import error_text
    from tuner.render.text import is_colored, terminal_width

    if "--json" in sys.argv:
        import json

        command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        event = {"ok": False} if command == "check" else {"event": "error"} if command == "train" else {}
        typer.echo(json.dumps({**event, "exit_code": error.exit_code, "errors": error.as_json()}))
        return error.exit_code
    color, width = is_colored(sys.stderr), terminal_width(sys.stderr)
    typer.echo(error_text(error, width=width, color=color, encoding=sys.stderr.encoding), err=True, color=color)
    return error.exit_code


def _usage(error: typer.TyperException) -> UsageError:
    """The command line's own errors, with the override where an unknown option is a key of the language."""
    text = str(getattr(error, "format_message", lambda: error)()).rstrip(".")
    option = re.match(r"No such option: --([\w.-]+)", text)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tuner"
    fix = f"`{path} --help` shows what it takes"
    if option is not None:
        from tuner.config import Config
        from tuner.config.words import elsewhere, key_paths

        word = option[1].replace("-", "_")
        key = word if word in key_paths(Config) else elsewhere(word, Config)
        if key is not None and ("did you mean" not in text.lower() or fold_equal(key, word)):
            text, fix = f"No such option: --{option[1]}", f"settings are given as key=value: {key}=VALUE"
    return UsageError(text, fix=fix)


def fold_equal(key: str, word: str) -> bool:
    """Whether an option is a key's own last word."""
    return key.rpartition(".")[2] == word


def _reader_left() -> int:
    """The reader of a pipe went away: silence, and the exit code that shells expect."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _die_of_interrupt() -> None:
    from tuner.stopping import die_of

    die_of(signal.SIGINT)


def _bug(error: Exception) -> int:
    """One line on stderr and the path of a report, which holds no values of variables and no environment."""
    import tempfile

    from tuner.machine import versions

    lines = [f"command: {' '.join(sys.argv)}", f"versions: {versions()}", "", *_frames(error, error.__traceback__)]
    with tempfile.NamedTemporaryFile("w", prefix="tuner-crash-", suffix=".txt", delete=False) as file:
        file.write("\n".join(lines) + "\n")
    typer.echo(f"tuner: a bug in tuner: {type(error).__name__}: {error}; please report {file.name}", err=True)
    return 70


def _frames(error: Exception, trace: TracebackType | None) -> list[str]:
    return [line.rstrip() for line in traceback.format_exception(type(error), error, trace)]
