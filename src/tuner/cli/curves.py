"""`tuner curves`: runs drawn in the terminal and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from tuner.answer import Answer
from tuner.asks.curves import ask
from tuner.cli.options import RUNS, RunsArgument, RunsDir
from tuner.cli.reading import reading
from tuner.errors import UsageError
from tuner.paths import path_of
from tuner.render.chart.image import kind_of
from tuner.runs.family import find_group
from tuner.runs.files import CURVES

OUTPUT = "PNG or SVG; one run's plain picture: its curves.png."
METRIC = "A metric, e.g. loss or val_accuracy; repeatable."
LOG = "The y axis; else logarithmic for a loss that falls far."


@reading
def curves(
    runs: RunsArgument,
    output: Annotated[Path | None, Option("-o", "--output", parser=path_of, metavar="FILE", help=OUTPUT)] = None,
    metric: Annotated[list[str] | None, Option(metavar="M", help=METRIC)] = None,
    axis: Annotated[str, Option("--x", metavar="epoch|step|time|layer", help="The axis that runs share.")] = "epoch",
    smooth: Annotated[float, Option(metavar="S", help="Moving average with weight S (0 to below 1).")] = 0.0,
    log: Annotated[bool | None, Option("--log/--linear", help=LOG)] = None,
    members: Annotated[bool, Option("--members", help="Draw the members of a group one by one.")] = False,
    runs_dir: RunsDir = RUNS,
    form: str = "",
) -> Answer:
    """Draw the curves of runs, in the terminal and as a picture.

    A group is its mean with a band.

    \b
    tuner curves digits-1
    tuner curves digits-1 digits-2 --metric val_loss -o both.svg
    tuner curves adam sgd --x time              two groups of seeds
    tuner curves adam --members --smooth 0.6
    tuner curves adam --x layer --metric activation_std@0   from layer to layer, before the first step
    """
    groups = [find_group(reference, runs_dir) for reference in runs]
    is_plain = not metric and axis == "epoch" and not smooth and log is None
    if output is None and is_plain and form in ("", "quiet") and len(groups) == 1 and groups[0].is_single:
        output = groups[0].path / CURVES
    if output is not None:
        kind_of(output)
        if not output.parent.is_dir():
            raise UsageError(f"cannot draw {output}: there is no folder {output.parent}")
    return ask(groups, metric or [], axis, smooth, log, members, output, drawn=form != "json" or output is not None)
