"""The commands: a table of their names, so that nothing but the one asked for is imported."""

from __future__ import annotations

import pkgutil
import re
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from tuner import asks
from tuner.choice import fold
from tuner.cli.reading import reading
from tuner.config.words import OTHER_TOOLS, key_paths
from tuner.errors import UsageError
from tuner.machine import versions

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Entry(NamedTuple):
    """Where a command is (``module:function`` below tuner.cli), its help in a line, and how the JSON of its errors
    begins; None: they are told as text."""

    place: str
    help: str
    error: Mapping[str, Any] | None = {}


COMMANDS = {
    "train": Entry("train:train", "Train a config.", {"event": "error"}),
    "check": Entry("questions:check", "Check a config, or the files of a run, without training.", {"ok": False}),
    "runs": Entry("questions:runs", "List runs, newest first."),
    "show": Entry("questions:show", "Show a run or group: its result, or one part of its folder."),
    "curves": Entry("questions:curves", "Draw the curves of runs, in the terminal and as a picture."),
    "diff": Entry("questions:diff", "Show in what runs, groups and configs differ."),
    "compare": Entry("questions:compare", "Compare groups of runs, paired by seed."),
    "early-stop": Entry("questions:early_stop", "Tell where early stopping would have ended a run."),
    "doctor": Entry("questions:doctor", "Check the installation and the machine."),
    "list": Entry("questions:list_", "List what there is to choose from."),
    "explain": Entry("questions:explain", "Explain what a name means."),
    "schema": Entry("fetching:schema", "Print the JSON Schema of configs, for editors."),
    "copy": Entry("fetching:copy", "Copy a config or recipe that comes with tuner."),
    "download": Entry("fetching:download", "Download a data set and check it."),
    "recipe": Entry("recipe:recipe", "Train the recipes that prove each technique, and judge them.", None),
}

OTHER_WORDS = {"fit": "train", "resume": "train", "plot": "curves", "ls": "runs", "cp": "copy", "validate": "check"}
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


def begin_of_error() -> Mapping[str, Any] | None:
    """How the JSON of an error begins; None where none was asked for."""
    name, *words = sys.argv[1:] or [""]
    if "--json" in words and (name in COMMANDS or name in unlisted()):
        return COMMANDS[name].error if name in COMMANDS else {}
    return None


def unlisted() -> list[str]:
    """The questions that stand in no table: a file in `tuner.asks` with an `ask` is a command of its own."""
    found = [module.name.replace("_", "-") for module in pkgutil.iter_modules(asks.__path__)]
    return [name for name in found if name not in COMMANDS]


def message_of(error: typer.TyperException) -> str:
    """What the command line's parser has to say."""
    written = getattr(error, "format_message", None)
    return str(written() if written is not None else error)


def usage(error: typer.TyperException) -> UsageError:
    """The command line's own errors, with the override where an unknown option is a key of the language."""
    text = message_of(error).rstrip(".")
    option = re.match(r"No such option: --?([\w.-]+)", text)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tuner"
    fix = f"`{path} --help` shows what it takes"
    if option is not None:
        from tuner.config.settings import Config  # the whole language is needed for this alone

        word = option[1].replace("-", "_")
        paths = key_paths(Config)
        own = [key for key in paths if word in (key, key.rpartition(".")[2])]
        key = own[0] if own else OTHER_TOOLS.get(fold(word))
        if option[1] in INSTEAD:
            fix = INSTEAD[option[1]]
        elif key is not None:
            text, fix = f"No such option: --{option[1]}", f"settings are given as key=value: {key}=VALUE"
    return UsageError(text, fix=fix)


class Commands(TyperGroup):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return [*COMMANDS, *unlisted()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name in COMMANDS:
            module, _, function = COMMANDS[cmd_name].place.partition(":")
            found = getattr(import_module(f"tuner.cli.{module}"), function)
        elif cmd_name in unlisted():
            found = reading(import_module(f"{asks.__name__}.{cmd_name.replace('-', '_')}").ask)
        elif cmd_name in OTHER_WORDS:
            meant = OTHER_WORDS[cmd_name]
            raise UsageError(f"there is no command {cmd_name}: it is called {meant}", fix=f"tuner {meant} --help")
        else:
            return None
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        info = typer.models.CommandInfo(cmd_name, callback=found, context_settings=SETTINGS)
        return typer.main.get_command_from_info(info, pretty_exceptions_short=False, rich_markup_mode=None)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, COMMANDS[name].help if name in COMMANDS else "") for name in self.list_commands(ctx)]
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
    """Prints the version and ends."""
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
