"""`tuner diff`: in what runs, groups and configs differ."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli import completion
from tuner.cli.options import RUNS, Json, RunsDir
from tuner.cli.output import json_text, one_form, say
from tuner.cli.reading import say_error
from tuner.errors import UsageError

if TYPE_CHECKING:
    from tuner.diff import Diff
    from tuner.render.diff import Look


def candidates(ctx: Any, incomplete: str) -> list[str]:
    """What a shell offers: runs and groups, then configs."""
    return [*completion.runs(ctx, incomplete), *completion.configs(ctx, incomplete)]


def diff(
    sides: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...",
            help="2 to 26 runs, groups or configs: a name, folder or @1; a YAML file, a shipped config or - for stdin.",
            autocompletion=candidates,
        ),
    ],
    everything: Annotated[bool, typer.Option("--all", help="Show what is the same, too.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="config|result|identity", help="Only this part; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="PATTERN", help="Leave out settings: seed, 'data.*', '*dropout'; repeatable."),
    ] = None,
    as_args: Annotated[
        bool, typer.Option("--as-args", help="Print the settings that turn A into B, one KEY=VALUE a line.")
    ] = False,
    as_markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if something differs, 0 if not, above 1 on trouble.")
    ] = False,
    runs_dir: RunsDir = RUNS,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print nothing; implies --exit-code.")] = False,
    as_json: Json = False,
) -> None:
    """Show in what runs, groups and configs differ.

    \b
    tuner diff digits-1 digits-2
    tuner diff @2 @1 --only config              the last two runs, settings alone
    tuner diff my.yaml runs/digits-1            has the config changed since?
    git show HEAD:my.yaml | tuner diff - my.yaml --exit-code
    tuner diff base dropout wide                three groups
    tuner train a.yaml $(tuner diff a.yaml b.yaml --as-args)

    What counts is what settings mean: a setting that is left out is the same as its default, and another choice, with
    all settings that come and go with it, is one difference. `name`, `tags`, `data.root`, `checkpoint`, `layer_stats`,
    `training.device` and `training.threads` do not count. --exit-code looks at settings and at what has to agree for
    the same bits (code, data, device, threads), not at results, unless --only says what to look at.
    """
    from tuner.diff import PARTS, compare_sides, find_sides

    form = one_form({"-q": quiet, "--json": as_json, "--md": as_markdown, "--as-args": as_args})
    parts = chosen(only or [], PARTS)
    if as_args and len(sides) != 2:
        raise UsageError(f"--as-args turns one side into another: it takes 2 sides, {len(sides)} given")
    if as_args and "config" not in parts:
        raise UsageError("--as-args is about settings: leave --only out")
    found = compare_sides(find_sides(sides, runs_dir), ignore or [])
    if form != "-q":
        say(text_of(found, form, parts, everything, ignore or []))
        for note in notes_of(found):
            say_error(f"note: {note}")
    looked_at = [part for part in parts if only or part != "result"]
    if (exit_code or quiet) and not found.same(["config"] if as_args else looked_at):
        raise typer.Exit(1)


def chosen(only: list[str], parts: tuple[str, ...]) -> list[str]:
    """The parts asked for; all without --only. Raises UsageError."""
    for word in only:
        if word not in parts:
            raise UsageError(f"there is no part {word or repr(word)}", fix=f"--only takes {', '.join(parts)}")
    return [part for part in parts if part in only or not only]


def text_of(found: Diff, form: str, parts: list[str], everything: bool, ignore: list[str]) -> str:
    """What goes to stdout."""
    if form == "--as-args":
        from tuner.diff import is_ignored
        from tuner.diff.arguments import arguments, as_text

        seedless = any(side.kind == "group" for side in found.sides)
        given = arguments(*(side.config for side in found.sides))
        kept = [one for one in given if not is_ignored(one[0], ["seed", *ignore] if seedless else ignore)]
        return "".join(f"{as_text(one)}\n" for one in kept)
    if form == "--json":
        from tuner.diff import as_data

        return json_text(as_data(found, parts, everything))
    from tuner.render.diff import diff_markdown, diff_text, side_text, summary

    if form == "--md":
        return f"{diff_markdown(found, parts, everything, summary(found, parts), list(map(side_text, found.sides)))}\n"
    return f"{diff_text(found, parts, everything, look())}\n"


def notes_of(found: Diff) -> list[str]:
    """What has to be said beside the diff."""
    unused = [f"nothing fits --ignore {pattern}" for pattern in found.unused]
    return [*(note for side in found.sides for note in side.notes), *unused]


def look() -> Look:
    """As stdout can show it."""
    from tuner.figures import ASCII_LEVELS, LEVELS
    from tuner.render.diff import Look
    from tuner.render.text import is_colored, is_terminal, is_unicode, terminal_width

    unicode = is_unicode(sys.stdout)
    return Look(
        width=terminal_width(sys.stdout),
        is_cut=is_terminal(sys.stdout),
        color=is_colored(sys.stdout),
        arrow="→" if unicode else "->",
        plus_minus="±" if unicode else "+-",
        levels=LEVELS if unicode else ASCII_LEVELS,
    )
