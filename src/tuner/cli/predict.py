"""`tuner predict`: what a trained run says of new rows."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tuner.asks.sweep.verdict import taken
from tuner.cli.shared import EMPTY, RUNS, Quiet, RunArgument, RunsDir
from tuner.data.tabular.facts import missing
from tuner.durable.reading import shown
from tuner.durable.writing import written_whole
from tuner.errors import UsageError
from tuner.figures import plural
from tuner.paths import path_of
from tuner.render.text import say_error
from tuner.runs.family import read_group
from tuner.runs.find import resolve
from tuner.runs.folder import kind_of

INPUTS = "Tables with the run's columns, or - for standard input. Without: folds answer for their own rows."


def predict(
    run: RunArgument,
    inputs: Annotated[list[str], Argument(metavar="[INPUT]...", help=INPUTS)] = EMPTY,
    output: Annotated[
        Path | None, Option("-o", "--output", parser=path_of, metavar="FILE", help="Write there.")
    ] = None,
    keep: Annotated[list[str], Option(metavar="COLUMN", help="Hand a column on; repeatable.")] = EMPTY,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Annotated[bool, Option("--json", help="Write a JSON object a row instead of csv.")] = False,
) -> None:
    """\b
    tuner predict flowers-1 new.csv -o answers.csv
    tuner predict flowers-1 new.csv --keep name | head
    tuner predict flowers-2 new.csv              a group answers with the mean of its members
    tuner predict flowers-3 new.csv              a sweep with what it found best, once that is confirmed by the group
    zcat new.csv.gz | tuner predict flowers-1 -
    """
    path = resolve(run, runs_dir)
    group = read_group(taken(path) if kind_of(path) == "sweep" else path)
    check_files([Path(each) for each in inputs], output)
    from tuner.predicting import PREDICTION, Strange, predictor, write_rows

    made, strange, rows, is_headed = predictor(group, own_rows=not inputs), Strange(), 0, False
    paths = [Path(each) for each in inputs] or made.own_files
    with nullcontext(sys.stdout.buffer) if output is None else written_whole(output) as stream:
        for path in paths:
            for columns in made.predict(path, keep, strange, rows):
                write_rows(stream, columns, header=not is_headed, as_json=as_json)
                rows, is_headed = rows + len(columns[PREDICTION]), True
    if not quiet:
        for note in strange.notes:
            say_error(note)
        members = f" by the mean of {len(made.models)} members" if len(made.models) > 1 else ""
        members = ", each by the fold that was not trained on it" if made.folds else members
        if not made.folds and any(made.is_own(path) for path in paths):
            say_error(f"it was trained on most of these rows; tuner show {shown(run)} says how good it is on others")
        what = made.first.data.target or "the target"
        where = f": {shown(output)}" if output else ""
        say_error(f"predicted {what} of {plural(rows, 'row')} with {shown(group.path)}{members}{where}")


def check_files(inputs: Sequence[Path], output: Path | None) -> None:
    """Before torch is loaded, which takes seconds: raises NotFoundError for a file that is missing, UsageError where
    one would be replaced by the answers."""
    for path in inputs:
        if path != Path("-") and not os.path.lexists(path):
            raise missing(path)
        if output is not None and output.exists() and path.exists() and output.samefile(path):
            raise UsageError(
                f"{shown(path)} is an input, and the answers would take its place", fix="Choose another -o."
            )
