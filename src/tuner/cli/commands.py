"""The program and its commands: a table of their names, so that nothing but the one asked for is imported."""

from __future__ import annotations

import errno
import gc
import inspect
import os
import pkgutil
import re
import shutil
import signal
import sys
import textwrap
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from tuner import asks
from tuner.choice import fold, key_paths, keys_meant
from tuner.cli.shared import reading
from tuner.config.advice import OTHER_TOOLS
from tuner.crash import report as write_report
from tuner.durable.reading import json_line
from tuner.errors import BUG, NotFoundError, ResourceError, TunerError, UsageError
from tuner.machine import versions
from tuner.render.errors import error_text
from tuner.render.text import is_colored, prepare, say_error, silence, terminal_size

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Entry(NamedTuple):
    """Where a command is (``module:function`` below tuner.cli, whose docstring is the help below `help`), what it does,
    and how the JSON of its errors begins."""

    place: str
    help: str
    error: Mapping[str, Any] = {}

    @property
    def line(self) -> str:
        """The first sentence of its help."""
        return re.split(r"(?<=\.) ", self.help)[0]


COMMANDS = {
    "train": Entry(
        "train:train",
        "Train a config. The same command again goes on where it was, or tells the result.",
        {"event": "error"},
    ),
    "sweep": Entry(
        "sweep:sweep",
        "Search among configs, and confirm the best. The same command again goes on where it was.",
        {"event": "error"},
    ),
    "check": Entry("questions:check", "Check a config, or the files of a run, without training.", {"ok": False}),
    "init": Entry("questions:init", "Write a config for a table of your own."),
    "runs": Entry("questions:runs", "List runs, newest first."),
    "show": Entry("questions:show", "Show a run or group: its result, or one part of its folder."),
    "curves": Entry("questions:curves", "Draw the curves of runs, in the terminal and as a picture."),
    "diff": Entry("questions:diff", "Show in what runs, groups and configs differ."),
    "compare": Entry("questions:compare", "Compare groups of runs, paired by seed."),
    "diagnose": Entry("diagnose:diagnose", "Tell what is wrong with runs, on what evidence, and what to change."),
    "predict": Entry("predict:predict", "Predict the target of new rows with a trained run or group."),
    "early-stop": Entry("questions:early_stop", "Tell where early stopping would have ended a run."),
    "lr-find": Entry("lr_find:lr_find", "Find a learning rate for a config: a short test in which it grows."),
    "remove": Entry("folders:remove", "Remove runs, groups and members of groups. Asks first."),
    "rename": Entry("folders:rename", "Give the folder of a run or group another name."),
    "doctor": Entry(
        "questions:doctor", "Check the installation and the machine. Exits with 5 when something is missing."
    ),
    "list": Entry("questions:list_", "List what there is to choose from."),
    "explain": Entry("questions:explain", "Explain what a name means."),
    "schema": Entry("fetching:schema", "Print the JSON Schema of configs, for editors."),
    "copy": Entry("fetching:copy", "Copy a config or recipe that comes with tuner."),
    "download": Entry("fetching:download", "Download a data set and check it."),
    "recipe": Entry("recipe:recipe", "Train the recipes that prove each technique, and judge them."),
}

_WORDS = {
    "train": "fit resume run start begin continue",
    "check": "validate lint verify",
    "runs": "ls dir history experiments trials",
    "show": "evaluate eval test cat info status log logs results",
    "curves": "plot graph chart draw",
    "lr-find": "lr_find lrfind",
    "copy": "cp clone",
    "init": "new create",
    "remove": "rm rmdir del delete erase prune",
    "rename": "mv move ren",
    "download": "fetch get wget",
    "explain": "man describe",
}
OTHER_WORDS = {word: command for command, given in _WORDS.items() for word in given.split()}
"""What other tools call a command."""


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


def unlisted() -> list[str]:
    """The questions that stand in no table: a file in `tuner.asks` with an `ask` is a command of its own."""
    found = [module.name.replace("_", "-") for module in pkgutil.iter_modules(asks.__path__)]
    return [name for name in found if name not in COMMANDS]


def usage(error: typer.TyperException) -> UsageError:
    """The command line's own errors, with the override where an unknown option is a key of the language."""
    text = error.format_message().rstrip(".")
    option = re.match(r"No such option: --?([\w.-]+)", text)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tuner"
    fix = f"`{path} --help` shows what it takes"
    if option is not None:
        from tuner.config.settings import Config  # the whole language is needed for this alone

        word = option[1].replace("-", "_")
        keys = keys_meant(word, key_paths(Config)) or [
            OTHER_TOOLS[each] for each in [fold(word)] if each in OTHER_TOOLS
        ]
        if option[1] in INSTEAD:
            fix = INSTEAD[option[1]]
        elif keys:
            told = " or ".join(f"{key}=VALUE" for key in keys)
            text, fix = f"No such option: --{option[1]}", f"settings are given as key=value: {told}"
    return UsageError(text, fix=fix)


def with_room(text: str) -> str:
    """The help of a command, with what is said of an example below it where there is no room beside it."""
    widest: Any = SETTINGS["max_content_width"]
    room, lines = min(shutil.get_terminal_size().columns, widest) - 2, list[str]()
    for line in text.splitlines():
        example, *said = re.split(" {2,}", line, maxsplit=1)
        if len(line) > room and example.startswith("tuner ") and said:
            lines += [example, *textwrap.wrap(said[0], room, initial_indent=" " * 4, subsequent_indent=" " * 4)]
        else:
            lines.append(line)
    return "\n".join(lines)


class Commands(TyperGroup):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return [*COMMANDS, *unlisted()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        text = None
        if cmd_name in COMMANDS:
            module, _, function = COMMANDS[cmd_name].place.partition(":")
            found = getattr(import_module(f"tuner.cli.{module}"), function)
            text = f"{COMMANDS[cmd_name].help}\n\n{with_room(inspect.getdoc(found) or '')}"
        elif cmd_name in unlisted():
            found = reading(import_module(f"{asks.__name__}.{cmd_name.replace('-', '_')}").ask)
        elif cmd_name in OTHER_WORDS:
            meant = OTHER_WORDS[cmd_name]
            raise UsageError(f"there is no command {cmd_name}: it is called {meant}", fix=f"tuner {meant} --help")
        else:
            return None
        if isinstance(found, typer.Typer):
            found.info.help = COMMANDS[cmd_name].help
            return typer.main.get_group(found)
        info = typer.models.CommandInfo(cmd_name, callback=found, help=text, context_settings=SETTINGS)
        return typer.main.get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, COMMANDS[name].line if name in COMMANDS else "") for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = dict.fromkeys(self.list_commands(ctx))  # type: ignore[assignment]  # what comes near is among them
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="tuner",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings=SETTINGS,
)


def version(asked: bool) -> None:
    if asked:
        typer.echo(f"tuner {versions()['tuner']}")
        raise typer.Exit


@app.callback()
def tuner(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Training recipes for neural networks: one YAML file is one run.

    \b
    tuner train digits                          train a config that comes with tuner
    tuner train my.yaml optimizer.lr=3e-4       train your own, one setting changed
    tuner check my.yaml --resolved              see every setting, layer and cost first
    tuner curves my-1                           look at how it went
    tuner runs --sort -val_accuracy             what was trained, best first
    tuner diff my-1 my-2                        what differs, and where it was set
    tuner compare my-3 my-4                     did it matter? groups of seeds (train --seeds 6)
    tuner explain dropout                       what a choice, key or word means
    """


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
        return report(error, as_asked=True)
    except typer.TyperException as error:
        if error.format_message().startswith("Usage:"):  # `tuner` or `tuner recipe` alone: its help
            say_error(error.format_message())
            return 2
        return report(usage(error), as_asked=True)
    except typer.Exit as ended:
        return ended.exit_code
    except SystemExit as left:  # the parser makes exit code 1 of a pipe without a reader
        if isinstance(left.__context__, BrokenPipeError):
            raise left.__context__ from None
        raise
    except MemoryError:
        return report(ResourceError("this machine's memory ran out", fix="make room and run the same command again"))
    except Exception as error:  # a bug, unless standard output broke: told in one line, with the details in a file
        codes = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF)
        if isinstance(error, OSError) and error.filename is None and error.errno in codes:
            raise
        say_error(f"tuner: {write_report(error)}")
        return BUG


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


def report(error: TunerError, *, as_asked: bool = False) -> int:
    """Says what is wrong, on stderr, or `as_asked` as JSON on stdout; the exit code."""
    name, *words = sys.argv[1:] or [""]
    begin = COMMANDS[name].error if name in COMMANDS else {}
    if as_asked and "--json" in words:
        typer.echo(json_line({**begin, "exit_code": error.exit_code, **error.as_json()}))
    else:
        width, _ = terminal_size(sys.stderr)
        say_error(error_text(error, width=width, color=is_colored(sys.stderr), encoding=sys.stderr.encoding))
    return error.exit_code
