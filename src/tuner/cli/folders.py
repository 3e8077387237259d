"""`tuner remove` and `tuner rename`: what becomes of run folders once they are trained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from tuner.cli.fetching import say
from tuner.cli.shared import RUNS, Json, Quiet, RunArgument, RunsArgument, RunsDir
from tuner.durable.reading import json_line, shown
from tuner.errors import NO, UsageError
from tuner.figures import plural, scaled
from tuner.paths import reference
from tuner.render.text import say_error
from tuner.runs import moving
from tuner.runs.find import resolve
from tuner.runs.folder import is_sweep, kind_of, members
from tuner.runs.sweep import FAILED, PRUNED
from tuner.runs.trials import trial_of

YES = "Do not ask; needed where there is no terminal."


def remove(
    references: RunsArgument,
    yes: Annotated[bool, Option("-y", "--yes", help=YES)] = False,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """\b
    tuner remove digits-1
    tuner remove digits-2/seed-3                one member: the command that trained the group trains it again
    tuner remove digits-3                       a sweep with its trials, and what confirms the best of them
    tuner remove --yes $(tuner runs -q state=diverged)
    """
    paths = moving.movable((resolve(each, runs_dir) for each in references), runs_dir)
    sizes = [moving.size(path) for path in paths]
    what = [f"{shown(path)}: {_told(path, count)}" for path, count in zip(paths, sizes, strict=True)]
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("; ".join(what), fix="Nothing was removed: without a terminal to ask on it takes --yes.")
    with moving.holding(paths):
        if not yes:
            say_error("\n".join(what))
            sys.stderr.write(f"Remove {'it' if len(paths) == 1 else f'these {len(paths)}'} for good? [y/N] ")
            sys.stderr.flush()
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                say_error("nothing was removed")
                raise typer.Exit(NO)
        for path in paths:
            moving.remove(path)
            if not as_json:
                typer.echo(str(path))
    if as_json:
        typer.echo(json_line({"removed": list(map(str, paths)), "bytes": sum(sizes)}))
    elif not quiet:
        for path in paths:
            if told := _trained_again(path):
                say_error(f"note: {shown(path)}{told}")
        say_error(f"removed: {scaled(sum(sizes))}B")


def _told(path: Path, count: int) -> str:
    """What a folder is, and how much it is."""
    if path.is_symlink():
        return "a link; what it leads to stays"
    kind, inside = kind_of(path), len(members(path))
    what = {"group": f"group of {plural(inside, 'run')}", "sweep": f"sweep of {plural(inside, 'trial')}"}.get(
        kind, "run"
    )
    return f"{what}, {scaled(count)}B{_trained_again(path)}"


def _trained_again(path: Path) -> str:
    """What becomes of a part of a sweep that is taken away: it is due again, but for what sweep.json alone tells."""
    if not is_sweep(path.parent):
        return ""
    found = trial_of(path)
    if found and found[1].told in (PRUNED, FAILED):
        return f"; its sweep counts it as {found[1].told} all the same"
    return f"; its sweep trains it again, unless it is removed as a whole: tuner remove {reference(path.parent)}"


def rename(
    reference: RunArgument,
    name: Annotated[str, Argument(metavar="NAME", help="What its folder is called from now on.")],
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,  # noqa: ARG001 - with it and without, the result is all that is printed
    as_json: Json = False,
) -> None:
    """\b
    tuner rename digits-3 best
    tuner rename @1 wide-and-shallow

    The folder moves, within its runs folder. The config's name stays, and so do `train` with that config, which finds
    the run, and the reference by that name.
    """
    (path,) = moving.movable([resolve(reference, runs_dir)], runs_dir)
    say(moving.rename(path, name), as_json)
