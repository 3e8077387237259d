"""`tuner diff`: in what runs, groups and configs differ."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from tuner.answer import Answer
from tuner.asks.diff import ask
from tuner.cli.options import RUNS, RunsDir, offers
from tuner.cli.reading import reading

SIDES = "2 to 26 runs, groups or configs: a name, folder or @1; a YAML file, a shipped config or - for stdin."
ONLY = "Only this part; repeatable."
IGNORE = "Leave out settings: seed, 'data.*', '*dropout'; repeatable."
AS_ARGS = "Print the settings that turn A into B, one KEY=VALUE a line."
EXIT_CODE = "Exit with 1 if something differs, 0 if not, above 1 on trouble."


@reading
def diff(
    sides: Annotated[list[str], Argument(metavar="A B...", help=SIDES, autocompletion=offers("runs", "configs"))],
    everything: Annotated[bool, Option("--all", help="Show what is the same, too.")] = False,
    only: Annotated[list[str] | None, Option(metavar="config|result|identity", help=ONLY)] = None,
    ignore: Annotated[list[str] | None, Option(metavar="PATTERN", help=IGNORE)] = None,
    as_args: Annotated[bool, Option("--as-args", help=AS_ARGS)] = False,
    exit_code: Annotated[bool, Option("--exit-code", help=EXIT_CODE)] = False,
    runs_dir: RunsDir = RUNS,
    form: str = "",
) -> Answer:
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
    the same bits (code, data, device, threads), not at results, unless --only says what to look at. -q prints nothing
    and implies --exit-code.
    """
    return ask(
        sides,
        runs_dir,
        everything=everything,
        only=only or [],
        ignore=ignore or [],
        as_args=as_args,
        exit_code=exit_code or form == "quiet",
    )
