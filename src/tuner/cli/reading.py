"""What every reading command shares: it returns an `Answer`, and one decorator gives it the forms of the output."""

from __future__ import annotations

import functools
import inspect
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from tuner.answer import Answer, Chart, Note
from tuner.cli.options import Quiet
from tuner.errors import UsageError
from tuner.render import forms
from tuner.render.chart.image import keep
from tuner.render.text import write


def reading(command: Callable[..., Answer]) -> Callable[..., Any]:
    """A command that prints the answer that the function returns: -q, --json, --md and the like say in which form. The
    function is told where it has a parameter `form`: ``quiet``, ``json``, ..., or "" for the terminal's."""
    own = inspect.signature(command, eval_str=True).parameters
    flags: dict[str, Any] = {"quiet": Quiet}
    for name in sorted((module.name for module in pkgutil.iter_modules(forms.__path__)), key=("json md html csv").find):
        flags[name] = Annotated[bool, typer.Option(f"--{name}", help=_form(name).__doc__.partition("\n")[0])]

    @functools.wraps(command)
    def shown(**given: Any) -> None:
        form = _chosen([name for name in flags if given.pop(name)])
        given |= {"form": form} if "form" in own else {}
        raise typer.Exit(present(command(**given), form))

    kept = [each for each in own.values() if each.name != "form"]
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, kind, default=False, annotation=flag) for name, flag in flags.items()]
    shown.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    return shown


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


def say_error(text: str) -> None:
    """Talk for stderr; where nobody can read it, that is no reason to fail."""
    write(sys.stderr, text)
