"""`tuner list`, `explain`, `copy`, `download` and `schema`: what tuner has and what its words mean."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli import (
    completion,
    doctor,  # noqa: F401 - importing registers the command
)
from tuner.cli.app import Json, Quiet, app
from tuner.errors import UsageError
from tuner.paths import path_of

if TYPE_CHECKING:
    from tuner.choice import Choice
    from tuner.explain import Meaning

CONFIGS, RECIPES = "configs", "recipes"


@app.command("list")
def list_(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help="A kind of choice, configs or recipes.", autocompletion=completion.lists),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """List what there is to choose from.

    \b
    tuner list                                  the kinds and the names in them
    tuner list optimizers                       what each is, with its settings and their defaults
    tuner list configs                          the configs that come with tuner
    tuner list recipes                          the recipes, each with what it shows
    tuner list activations -q                   the names alone, one a line
    """
    from tuner.bounds import plural
    from tuner.explain import find_kind, kinds, plain

    if kind is None:
        found = {
            CONFIGS: list(configs()),
            RECIPES: list(recipes()),
            **{plural(name): list(kind.members) for name, kind in kinds().items()},
        }
        say(found, list(found), kinds_table(found), quiet, as_json)
        return
    for word, rows_of in ((CONFIGS, configs), (RECIPES, recipes)):
        if plain(kind) in (word, word.removesuffix("s")):
            rows = rows_of()
            data = {word: [{"name": name, **about} for name, about in rows.items()]}
            say(data, list(rows), shipped_table(rows), quiet, as_json)
            return
    chosen = find_kind(kind)
    if chosen is None:
        raise no_kind(kind)
    about = {"kind": chosen.kind, "choices": [choice_data(choice) for choice in chosen.members.values()]}
    say(about, list(chosen.members), choices_table(chosen), quiet, as_json)
    if not quiet and not as_json:
        typer.echo("tuner explain NAME says more", err=True)


def say(data: Any, names: list[str], table: str, quiet: bool, as_json: bool) -> None:
    """The same on stdout as JSON, as bare names, or as a table."""
    typer.echo(json.dumps(data) if as_json else "\n".join(names) if quiet else table)


def no_kind(name: str) -> UsageError:
    """The error for a kind that there is not."""
    from tuner.bounds import plural
    from tuner.explain import kinds
    from tuner.explain.nearness import near

    known = [CONFIGS, RECIPES, *map(plural, kinds())]
    meant = near(name, known, 1)
    if name in ("runs", "run"):
        return UsageError("runs are not among what comes with tuner", fix="tuner runs lists them")
    return UsageError(
        f"there is no kind {name}", fix=f"did you mean {meant[0]}?" if meant else f"one of {', '.join(known)}"
    )


def configs() -> dict[str, dict[str, str]]:
    """The shipped configs: name -> what it is (its first comment) and where it lies."""
    from tuner import shipped

    return {name: {"what": first_comment(path), "path": str(path)} for name, path in shipped.configs().items()}


def recipes() -> dict[str, dict[str, str]]:
    """The shipped recipes: name -> what each shows and where it lies."""
    from tuner import shipped

    return {name: {"what": shipped.title_of(path), "path": str(path)} for name, path in shipped.recipes().items()}


def first_comment(path: Path) -> str:
    """The first comment line of a config that is for people, not for editors."""
    text = path.read_text(encoding="utf-8")
    comments = (line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    return next((line for line in comments if line and not line.startswith("yaml-language-server")), "")


def width() -> int | None:
    """The columns of the terminal that stdout is; None, and nothing is cut, where it is none."""
    from tuner.render.text import is_terminal, terminal_width

    return terminal_width(sys.stdout) if is_terminal(sys.stdout) else None


def kinds_table(found: dict[str, list[str]]) -> str:
    from tuner.render.tables import table

    return table(["kind", "names"], [[kind, ", ".join(names)] for kind, names in found.items()], "ll")


def shipped_table(rows: dict[str, dict[str, str]]) -> str:
    from tuner.render.tables import table

    return table(["name", "what it is"], [[name, about["what"]] for name, about in rows.items()], "ll", width=width())


def choices_table(kind: type[Choice]) -> str:
    """The choices of a kind; the settings that all of them have stand below, once."""
    from tuner.explain import first_line
    from tuner.render.tables import table

    shared = settings_of(kind)
    rows = [
        [name, first_line(member), ", ".join(text for text in settings_of(member) if text not in shared)]
        for name, member in kind.members.items()
    ]
    text = table(["name", "what it is", "settings"], rows, "lll", width=width())
    return f"{text}\n\nall of them: {', '.join(shared)}" if shared else text


def settings_of(choice: type[Choice]) -> list[str]:
    """``slope: 0.01``, for each setting."""
    from tuner.explain import default_text

    return [f"{key}: {default_text(field)}" for key, field in choice.fields.items()]


def choice_data(choice: type[Choice]) -> dict[str, Any]:
    """A choice for `list --json`."""
    from tuner.explain import first_line

    settings = [
        {
            "key": key,
            "allowed": field.bound.words,
            "required": field.required,
            "help": field.help,
            "default": None if field.required else field.plain(field.default),
        }
        for key, field in choice.fields.items()
    ]
    return {"name": choice.name, "what": first_line(choice), "aliases": list(choice.aliases), "settings": settings}


@app.command()
def explain(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="What to explain.", autocompletion=completion.names)
    ],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Explain what a name means.

    \b
    tuner explain dropout                       everything that is called so
    tuner explain initializer.normal            the one of a kind
    tuner explain optimizer.lr                  a setting: what it does, what it takes
    tuner explain early stopping                a technique: when, how, what to look at
    tuner explain val_accuracy                  a column of metrics.csv
    tuner explain undecided                     a word that a command printed
    tuner explain 3                             an exit code
    tuner explain -q relu                       in one line
    """
    from tuner.explain import explain as explained
    from tuner.explain import meanings

    together = " ".join(names)
    found = {together: meanings(together)} if len(names) > 1 else {}
    if not found.get(together):
        found = {name: [*meanings(name), *of_command(name)] or explained(name) for name in names}
    if as_json:
        data = [{"name": name, "meanings": list(map(meaning_data, told))} for name, told in found.items()]
        typer.echo(json.dumps(data))
        return
    if quiet:
        typer.echo("\n".join(meaning.text.partition("\n")[0] for told in found.values() for meaning in told))
        return
    typer.echo("\n\n".join(meaning_text(meaning) for told in found.values() for meaning in told))


def of_command(name: str) -> list[Meaning]:
    """The command that is called so, told by its help."""
    from importlib import import_module

    from tuner.cli import COMMANDS
    from tuner.explain import Meaning

    for module in COMMANDS:
        import_module(f"tuner.cli.{module}")
    commands = getattr(typer.main.get_command(app), "commands", {})
    told = commands[name].get_short_help_str(200) if name in commands else ""
    return [Meaning(f"tuner {name}", "command", f"{told}\n`tuner {name} --help` shows examples.")] if told else []


def meaning_data(meaning: Meaning) -> dict[str, Any]:
    """A meaning for `explain --json`; its table as a list of maps."""
    data = asdict(meaning)
    columns, rows = data.pop("columns"), data.pop("rows")
    return {**data, "table": [dict(zip(columns, row, strict=True)) for row in rows]}


def meaning_text(meaning: Meaning) -> str:
    """A meaning as people read it: a headline, the text, the settings, how to write it."""
    from tuner.render.tables import table
    from tuner.render.text import is_colored, paint

    head = paint(meaning.title, "bold", is_colored(sys.stdout)) + f" ({meaning.what})"
    parts = [f"{head}\n{fitted(meaning.text, width())}"]
    if meaning.rows:
        room = width()
        sides = "l" * len(meaning.columns)
        parts.append(indented(table(meaning.columns, meaning.rows, sides, width=room - 2 if room else None)))
    last = [fitted(f"Also called: {', '.join(meaning.also)}", width())] if meaning.also else []
    if meaning.yaml:
        last.append(f"In a config:\n{indented(meaning.yaml.rstrip())}")
    if meaning.overrides:
        last.append(f"On the command line: tuner train CONFIG {' '.join(meaning.overrides)}")
    return "\n\n".join([*parts, "\n".join(last)] if last else parts)


def indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.split("\n"))


def fitted(text: str, columns: int | None) -> str:
    """The text as it is, or with the lines of its paragraphs broken anew where `columns` do not hold them."""
    import re
    import textwrap

    if columns is None or max(map(len, text.split("\n"))) <= columns:
        return text
    paragraphs = re.split(r"\n(?=\n|[0-9]+\. |(?:Formula|Choose it when|Source|Look at|Settings|Stands at): )", text)
    wrapped = [textwrap.fill(" ".join(part.split()), max(20, columns)) for part in paragraphs]
    return "\n".join("\n" * part.startswith("\n") + lines for part, lines in zip(paragraphs, wrapped, strict=True))


@app.command()
def schema(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", parser=path_of, metavar="FILE", help="Write it to a file.")
    ] = None,
    quiet: Quiet = False,  # noqa: ARG001 - with it and without, the result is all that is printed
    as_json: Json = False,
) -> None:
    """Print the JSON Schema of configs, for editors.

    \b
    tuner schema -o tuner.schema.json
    # then, as the first line of a config:
    # yaml-language-server: $schema=tuner.schema.json
    """
    from tuner.config.schema import json_schema
    from tuner.durable import write_file

    text = json.dumps(json_schema(), indent=2)
    if output is None:
        typer.echo(text)
        return
    write_file(output, f"{text}\n".encode())
    typer.echo(json.dumps({"path": str(output)}) if as_json else str(output))
