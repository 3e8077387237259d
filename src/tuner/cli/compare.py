"""`tuner compare`: whether groups of runs are better or worse than another one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tuner.cli.options import RUNS, Json, Quiet, RunsArgument, RunsDir
from tuner.cli.reading import say_error
from tuner.errors import UsageError

if TYPE_CHECKING:
    from tuner.compare import Comparison
    from tuner.runs.family import Group

METRICS = "val_accuracy, test_loss, val_loss@last, val_loss@7, epochs(val_accuracy>=0.9), parameters, seconds_per_epoch"


def compare(
    groups: RunsArgument,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="M", help=f"{METRICS}; default: training.monitor.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="A", help="What the others are compared with; default: the first."),
    ] = None,
    least_effect: Annotated[
        float | None,
        typer.Option(
            "--least-effect", metavar="D", help="Equivalent if the 95 % interval lies within plus and minus D."
        ),
    ] = None,
    direction: Annotated[
        str | None, typer.Option("--direction", metavar="up|down", help="Which way is better, where that is not known.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option("--fail-on", metavar="VERDICT", help="Exit with 1 on better, worse, equivalent or undecided."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare groups of runs, paired by seed.

    Each verdict is better, worse, equivalent or undecided.

    \b
    tuner compare base dropout                  two groups (train each with --seeds 6 or more)
    tuner compare base a b --metric test_accuracy
    tuner compare base a --least-effect 0.005   close enough counts as equivalent
    tuner compare base a --fail-on worse -q     a gate for scripts: exit 1 if worse
    tuner compare base a --metric 'epochs(val_accuracy>=0.9)' --md

    Better and worse follow an exact sign-flip test of the differences, corrected for the number of comparisons: p is at
    most 0.05. That takes 6 pairs, more with several groups. Settle on the number of seeds before you look: seeds added
    until p is small enough find differences that are not there.
    """
    from tuner.compare import compare as compare_groups
    from tuner.runs.values import parse_metric

    if markdown and as_json:
        raise UsageError("--md and --json are two forms of the output: give one of the two")
    failing = verdicts(fail_on or [])
    found, first = find_all(groups, baseline, runs_dir)
    wanted = parse_metric(metric) if metric is not None else None
    comparison = compare_groups(found, wanted, first, least_effect, direction)
    say(comparison, quiet, as_json, markdown)
    met = [each for each in comparison.differences if each.verdict in failing]
    if met:
        if not quiet and not as_json:
            sys.stdout.flush()
            said = ", ".join(f"{each.side.name} is {each.verdict}" for each in met)
            say_error(f"--fail-on {','.join(failing)}: {said}")
        raise typer.Exit(1)


def verdicts(given: list[str]) -> list[str]:
    """The words of --fail-on, repeated or with commas. Raises UsageError."""
    from tuner.compare import VERDICTS

    words = [word.strip().lower() for each in given for word in each.split(",")]
    for word in words:
        if word not in VERDICTS:
            raise UsageError(f"--fail-on {word or repr(word)} is no verdict", fix=f"These are: {', '.join(VERDICTS)}.")
    return words


def find_all(references: list[str], baseline: str | None, runs_dir: Path) -> tuple[list[Group], Group | None]:
    """The groups, and the one of them that is the baseline. One that --baseline alone names is added."""
    from tuner.runs.family import find_group

    found = [find_group(reference, runs_dir) for reference in references]
    if baseline is None:
        return found, None
    base = find_group(baseline, runs_dir)
    same = [group for group in found if os.path.realpath(group.path) == os.path.realpath(base.path)]
    return found, same[0] if same else base


def say(comparison: Comparison, quiet: bool, as_json: bool, markdown: bool) -> None:
    """The answer on stdout, the notes on stderr where the answer does not hold them."""
    from tuner.render.compare import comparison_markdown, comparison_text
    from tuner.render.text import is_colored, is_terminal, terminal_width

    if as_json:
        typer.echo(json.dumps(comparison.as_json()))
        return
    if quiet:
        typer.echo("\n".join(f"{each.side.name} {each.verdict}" for each in comparison.differences))
        return
    if markdown:
        typer.echo(comparison_markdown(comparison))
        return
    for note in comparison.notes:
        say_error(f"note: {note}")
    width = terminal_width(sys.stdout) if is_terminal(sys.stdout) else None
    typer.echo(comparison_text(comparison, width=width, color=is_colored(sys.stdout)))
