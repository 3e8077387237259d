"""What every reading command shares: it returns an `Answer`, and one decorator gives it the forms of the output."""

from __future__ import annotations

import functools
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer

from tuner.answer import Answer, Chart, Note
from tuner.errors import UsageError
from tuner.render import forms
from tuner.render.chart.image import keep
from tuner.render.text import write

QUIET = "Leave only the result on stdout."


def reading(command: Callable[..., Answer]) -> Callable[..., Any]:
    """A command that prints the answer that the function returns: -q, --json, --md and the like say in which form. The
    function is told where it has a parameter `form`: ``quiet``, ``json``, ..., or "" for the terminal's."""
    own = inspect.signature(command, eval_str=True)
    told = "form" in own.parameters
    own = own.replace(parameters=[each for each in own.parameters.values() if each.name != "form"])

    @functools.wraps(command)
    def shown(**given: Any) -> None:
        form = _chosen({name: given.pop(name) for name in ("quiet", *_names())})
        given |= {"form": form} if told else {}
        raise typer.Exit(present(command(**given), form))

    options = {"quiet": typer.Option("-q", "--quiet", help=QUIET)}
    options |= {name: typer.Option(f"--{name}", help=_form(name).__doc__.partition("\n")[0]) for name in _names()}
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option])
        for name, option in options.items()
    ]
    shown.__signature__ = own.replace(parameters=[*own.parameters.values(), *added])  # type: ignore[attr-defined]
    shown.__annotations__ = {each.name: each.annotation for each in shown.__signature__.parameters.values()}  # type: ignore[attr-defined]
    return shown


def _names() -> list[str]:
    """The forms there are: one a file."""
    return sorted((module.name for module in pkgutil.iter_modules(forms.__path__)), key=("json md html csv").find)


def _form(name: str) -> Any:
    return import_module(f"{forms.__name__}.{name}")


def _chosen(asked: Mapping[str, bool]) -> str:
    """The form that was asked for, "" for the terminal's; -q beside another form changes nothing. Raises UsageError for
    several."""
    given = [name for name, is_asked in asked.items() if is_asked and name != "quiet"]
    if len(given) > 1:
        named = " and ".join(f"--{name}" for name in given)
        raise UsageError(f"{named} are different forms of the output", fix="Give one of them.")
    return given[0] if given else "quiet" if asked["quiet"] else ""


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
    write(sys.stderr, f"{text}\n")
