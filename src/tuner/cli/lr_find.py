"""`tuner lr-find`: which learning rate a config could be trained with."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from tuner.answer import Answer
from tuner.cli.shared import EMPTY, RUNS, Overrides, RunsDir, ask, offers, picture_of, reading
from tuner.config.load import load
from tuner.data.tabular.asked import check_config
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.notebook import find_settings
from tuner.paths import expanded
from tuner.runs.family import find_group

CONFIG = "A config as for `train`, or a run, whose config is tested."
STEPS = "Steps of the test; default: 100, or as many as the whole training has."
LOWEST, HIGHEST = "The first learning rate.", "The last one; default: both around the optimizer's default rate."


@reading
def lr_find(
    config: Annotated[str, Argument(metavar="CONFIG", help=CONFIG, autocompletion=offers("configs"))],
    overrides: Overrides = EMPTY,
    steps: Annotated[int | None, Option(metavar="N", min=2, max=1_000_000, help=STEPS)] = None,
    low: Annotated[float | None, Option("--from", metavar="LR", help=LOWEST)] = None,
    high: Annotated[float | None, Option("--to", metavar="LR", help=HIGHEST)] = None,
    output: Annotated[
        Path | None, Option("-o", "--output", parser=picture_of, metavar="FILE", help="Draw a PNG or SVG, too.")
    ] = None,
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """\b
    tuner lr-find digits
    tuner lr-find my.yaml optimizer=sgd optimizer.momentum=0.9
    tuner lr-find my.yaml --from 1e-5 --to 1 --steps 200 -o lr.png
    tuner train my.yaml optimizer.lr=$(tuner lr-find my.yaml -q)

    A copy of the network is trained, by the config's own optimizer, batches, augmentation and dropout, while the
    learning rate grows from step to step, until the loss is four times its best. The suggestion is where the loss falls
    fastest: a start, around which a few trainings tell more. Where the loss hardly falls, as in deep networks that are
    slow to begin, usual rates are held for as many steps each.
    """
    check_ends(low, high)
    named = named_config(expanded(config), runs_dir)
    return ask("lr_find", load(find_settings(named), overrides), [named, *overrides], steps, low, high, output)


def named_config(reference: str, runs_dir: Path) -> str:
    """What `find_settings` knows: the reference itself, or the folder of the run, or of the first one of the group,
    that it names. Raises ConfigError, UsageError for a table, NotFoundError."""
    check_config(reference)
    try:
        find_settings(reference)
    except ConfigError as error:
        try:
            return str(find_group(reference, runs_dir).first.path)
        except NotFoundError:
            raise error from None
    return reference


def check_ends(low: float | None, high: float | None) -> None:
    """Raises UsageError where a test could not go from `low` to `high`."""
    for option, value in (("--from", low), ("--to", high)):
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"{option} cannot be {value:g}", fix="it takes a learning rate: a number above 0")
    if low is not None and high is not None and low >= high:
        raise UsageError(f"--from {low:g} is not below --to {high:g}", fix="the rate grows from the one to the other")
