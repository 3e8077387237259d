"""`tuner diagnose`: what is wrong with runs; with --verify, whether the change that it proposes helps."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

from typer import Option

from tuner.answer import Answer, Command
from tuner.cli.shared import EMPTY, RUNS, RunsArgument, RunsDir, ask, reading, seconds
from tuner.errors import UsageError
from tuner.paths import path_of
from tuner.shipped import check_target

FOUND = "Exit with 1 where there is a finding, or a risk."
NEXT = "Write the config to try next, the run's own with one change; with --verify what helped."
EVIDENCE = "Draw the evidence: curves, gradients and units layer by layer."
VERIFY = "Train the changes that it proposes, and judge the best of them with 8 seeds."
ROUNDS = "With --verify: diagnose what helped anew, up to N times in all (1 to 4)."
MAX_TIME = "Stop after this long with exit 75; the same command goes on."


@reading
def diagnose(
    references: RunsArgument,
    fail_on: Annotated[list[str], Option(metavar="finding|risk", help=FOUND)] = EMPTY,
    write: Annotated[Path | None, Option(parser=path_of, metavar="FILE", help=NEXT)] = None,
    png: Annotated[Path | None, Option(parser=path_of, metavar="FILE", help=EVIDENCE)] = None,
    verify: Annotated[bool, Option("--verify", help=VERIFY)] = False,
    rounds: Annotated[int, Option(metavar="N", min=1, max=4, help=ROUNDS)] = 1,
    max_time: Annotated[str | None, Option(metavar="TIME", help=MAX_TIME)] = None,
    runs_dir: RunsDir = RUNS,
    form: str = "",
) -> Answer:
    """\b
    tuner diagnose digits-1
    tuner diagnose adam sgd                     groups: what most of their members have
    tuner diagnose digits-1 --write next.yaml   the config to try next
    tuner diagnose digits-1 --png why.png       the evidence as a picture
    tuner diagnose @1 --fail-on finding -q      for scripts: exit 1 where something is wrong
    tuner diagnose digits-1 --verify            does the change help? trains it with 8 seeds
    tuner diagnose digits-1 --verify --rounds 4 --max-time 1h --write better.yaml

    First it is asked whether the run is good on its training data; only then whether it is good on others. What is told
    is a finding where the outcome is bad, and a risk where it is not. -q prints the stage, the first finding and the
    run.

    --verify chooses among up to four changes by a quarter of the epochs, and trains the run's config without and with
    the best of them: with 3 seeds, after which it may only give up, then with 8, which is the one verdict. It is
    `compare`'s, on validation data; test data is left alone. -q prints the verdict, the rule and the change.
    """
    if not verify:
        for option, given in (("--rounds", rounds > 1), ("--max-time", max_time is not None)):
            if given:
                raise UsageError(f"{option} goes together with --verify", fix="Add --verify, or leave it out.")
        return ask("diagnose", references, runs_dir, fail_on=fail_on, write=write, png=png)
    if len(references) > 1:
        raise UsageError("--verify is of one run", fix="Name one run or group.")
    if write is not None:
        check_target(write, "another name, or remove it first")
    limit = None if max_time is None else seconds(max_time)
    found = ask("diagnose", references, runs_dir, fail_on=fail_on, png=png)
    told = import_module("tuner.cli.verifying").verified(references[0], runs_dir, rounds, limit, write, form)
    kept = [block for block in found.blocks if not isinstance(block, Command)]
    result = told.result if told.data["rounds"] else found.result
    return Answer([*kept, *told.blocks], {**found.data, "verify": told.data}, result, found.exit_code)
