"""What several commands share: arguments and options, and how an answer is printed."""

from __future__ import annotations

import functools
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer import Argument, Option

from tuner import asks
from tuner.answer import Answer, Chart, Note
from tuner.durable.reading import shown
from tuner.errors import TunerError, UsageError
from tuner.paths import path_of
from tuner.render import forms
from tuner.render.chart.image import keep, kind_of
from tuner.render.text import say_error

MOST = 200
"""More candidates than that help nobody."""


def offers(*names: str) -> Callable[[Any, str], list[str]]:
    """What a shell offers on Tab: functions of `completion`, which is imported when a shell asks."""

    def candidates(ctx: Any, incomplete: str) -> list[str]:
        found: list[str] = []
        for name in names:
            with suppress(TunerError, OSError):
                found += getattr(import_module("tuner.cli.completion"), name)(ctx, incomplete)
        return [each for each in found if each.startswith(incomplete)][:MOST]

    return candidates


A_RUN = "folder, name, unique prefix, a config's name, or @1 (newest)."
SETTINGS = "Settings that win over the file's."
RUNS = Path("runs")
EMPTY: list[str] = []

RunsDir = Annotated[Path, Option(parser=path_of, envvar="TUNER_RUNS", metavar="DIR", help="Folder of the runs.")]
Quiet = Annotated[bool, Option("-q", "--quiet", help="Leave only the result on stdout.")]
Json = Annotated[bool, Option("--json", help="Print JSON on stdout.")]
Overrides = Annotated[list[str], Argument(metavar="KEY=VALUE...", help=SETTINGS, autocompletion=offers("settings"))]
RunArgument = Annotated[str, Argument(metavar="RUN", help=f"A run: its {A_RUN}", autocompletion=offers("runs"))]
RunsArgument = Annotated[
    list[str], Argument(metavar="RUN...", help=f"Runs or groups: a {A_RUN}", autocompletion=offers("runs"))
]
Wait = Annotated[str, Option(metavar="TIME", help="Wait this long for another process to release the run: 30m, 90s.")]


def seconds(text: str, option: str) -> float:
    """A length of time that an option was given, in seconds: ``90``, ``90s``, ``30m``, ``1h30m``, ``2d``. Raises
    UsageError."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?|([0-9]+(\.[0-9]+)?[smhd])+", text) is None:
        raise UsageError(f"{option} {shown(text)} is no length of time", fix="90s, 30m, 2h and 1h30m are some")
    return sum(float(amount) * units[unit] for amount, unit in re.findall(r"([0-9.]+)([smhd]?)", text))


def picture_of(text: str) -> Path:
    """The file of a picture. Raises UsageError where none can be kept in it."""
    output = path_of(text)
    kind_of(output)
    if not output.parent.is_dir():
        raise UsageError(f"cannot draw {output}: there is no folder {output.parent}")
    return output


def ask(question: str, *given: Any, **named: Any) -> Answer:
    """Imports the question and puts it."""
    answer: Answer = import_module(f"{asks.__name__}.{question}").ask(*given, **named)
    return answer


def reading(command: Callable[..., Answer]) -> Callable[..., Any]:
    """A command that prints the answer that the function returns: -q, --json, --md and the like say in which form. The
    function is told where it has a parameter `form`: ``quiet``, ``json``, ..., or "" for the terminal's."""
    own = inspect.signature(command, eval_str=True).parameters
    flags: dict[str, tuple[Any, Any]] = {"quiet": (Quiet, False)}
    found = (module.name for module in pkgutil.iter_modules(forms.__path__))
    for name in sorted(found, key="json md html csv latex".find):
        flags[name] = Annotated[bool, Option(f"--{name}", help=_form(name).__doc__.partition("\n")[0])], False

    @functools.wraps(command)
    def shown(**given: Any) -> None:
        form = _chosen([name for name in flags if given.pop(name)])
        given |= {"form": form} if "form" in own else {}
        raise typer.Exit(present(command(**given), form))

    return _with_options(shown, flags, instead="form")


@dataclass(frozen=True)
class Manner:
    """How a command that trains goes about it: how long it waits for another process, where, and how it talks."""

    wait: float
    runs_dir: Path
    quiet: bool
    as_json: bool


def training(command: Callable[..., None]) -> Callable[..., Any]:
    """A command that trains: it has --wait, --runs-dir, -q and --json, too, and is told them as its `manner`."""
    flags = {"wait": (Wait, "0"), "runs_dir": (RunsDir, RUNS), "quiet": (Quiet, False), "as_json": (Json, False)}

    @functools.wraps(command)
    def shown(**given: Any) -> None:
        wait, *others = (given.pop(name) for name in flags)
        command(**given, manner=Manner(seconds(wait, "--wait"), *others))

    return _with_options(shown, flags, instead="manner")


def given_as(kind: type, instead: str) -> Callable[[Callable[..., None]], Callable[..., Any]]:
    """A command that has an option for each field of the dataclass `kind`, and is told them as one, its parameter
    `instead`."""
    hints = get_type_hints(kind, include_extras=True)
    plain = kind()
    flags = {field.name: (hints[field.name], getattr(plain, field.name)) for field in fields(kind)}

    def taking(command: Callable[..., None]) -> Callable[..., Any]:
        @functools.wraps(command)
        def shown(**given: Any) -> None:
            command(**{instead: kind(**{name: given.pop(name) for name in flags})}, **given)

        return _with_options(shown, flags, instead=instead)

    return taking


def _with_options(command: Callable[..., Any], added: dict[str, tuple[Any, Any]], instead: str) -> Callable[..., Any]:
    """The command with more options (name -> what typer reads it by, default) instead of one parameter."""
    own = inspect.signature(command, eval_str=True).parameters
    kept = [each for each in own.values() if each.name != instead]
    kind = inspect.Parameter.KEYWORD_ONLY
    more = [inspect.Parameter(name, kind, default=default, annotation=flag) for name, (flag, default) in added.items()]
    command.__signature__ = inspect.Signature([*kept, *more])  # type: ignore[attr-defined]
    return command


def _form(name: str) -> Any:
    return import_module(f"{forms.__name__}.{name}")


def _chosen(asked: Sequence[str]) -> str:
    """The form of those that were asked for, "" for the terminal's; -q beside another one changes nothing. Raises
    UsageError for several."""
    given = [name for name in asked if name != "quiet"]
    if len(given) > 1:
        named = " and ".join(f"--{name}" for name in given)
        raise UsageError(f"{named} are different forms of the output", fix="Give one of them.")
    return [*given, *asked, ""][0]


def present(answer: Answer, form: str) -> int:
    """Prints an answer in a form, and keeps its pictures in their files; its exit code."""
    pictures = [block for block in answer.blocks if isinstance(block, Chart) and block.file]
    if not form:
        from tuner.render.terminal import show

        show(answer)
    for chart in pictures:
        keep(chart)
        if form != "quiet":
            say_error(str(chart.file))
    if form:
        written = answer.result if form == "quiet" else _form(form).show(answer)
        sys.stdout.write(written)
        sys.stdout.flush()  # before anything goes to stderr
    if form in ("quiet", "json", "csv"):
        for block in answer.blocks:
            if isinstance(block, Note) and block.problem:
                say_error(block.text)
    return answer.exit_code
