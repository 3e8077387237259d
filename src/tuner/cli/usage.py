"""What is wrong with a command line, and what to type instead."""

from __future__ import annotations

import re

import typer

from tuner.errors import UsageError

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


def usage(error: typer.TyperException) -> UsageError:
    """The command line's own errors, with the override where an unknown option is a key of the language."""
    text = message_of(error).rstrip(".")
    option = re.match(r"No such option: --?([\w.-]+)", text)
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tuner"
    fix = f"`{path} --help` shows what it takes"
    if option is not None:
        from tuner.choice import fold  # the whole language is needed for this alone
        from tuner.config.settings import Config
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
