"""`tuner diagnose`: what is wrong with runs; with --verify, whether the change that it proposes helps."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from tuner.answer import Answer, Block, Command
from tuner.asks.diagnose import of_group
from tuner.asks.diagnose.writing import WRITTEN
from tuner.cli.shared import EMPTY, RUNS, RunsArgument, RunsDir, ask, picture_of, reading, seconds
from tuner.errors import STOPPED, UsageError
from tuner.paths import path_of
from tuner.render.text import say_error
from tuner.runs.family import find_group
from tuner.shipped import check_target
from tuner.stopping import StoppedError, StopRequests

FOUND = "Exit with 1 where there is a finding; with risk also where there is a risk alone."
NEXT = "Write the config to try next: the run's own, changed as its findings say; with --verify by what helped."
EVIDENCE = "Draw the evidence: curves, gradients and units layer by layer."
VERIFY = "Train the changes that it proposes, and judge the best of them with 8 seeds."
ROUNDS = "With --verify: diagnose what helped anew, up to N times in all (1 to 4)."
PROBE = "Train the network for some steps: on one batch, on worthless inputs, at growing learning rates."
MAX_TIME = "Stop after this long with exit 75; the same command goes on."


@reading
def diagnose(
    references: RunsArgument,
    fail_on: Annotated[list[str], Option(metavar="finding|risk", help=FOUND)] = EMPTY,
    write: Annotated[Path | None, Option(parser=path_of, metavar="FILE", help=NEXT)] = None,
    png: Annotated[Path | None, Option(parser=picture_of, metavar="FILE", help=EVIDENCE)] = None,
    verify: Annotated[bool, Option("--verify", help=VERIFY)] = False,
    rounds: Annotated[int, Option(metavar="N", min=1, max=4, help=ROUNDS)] = 1,
    probe: Annotated[bool, Option("--probe", help=PROBE)] = False,
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
    tuner diagnose digits-1 --probe             and what short trainings say of the network
    tuner diagnose digits-1 --verify --rounds 4 --max-time 1h --write better.yaml

    First it is asked whether the run is good on its training data; only then whether it is good on others. What is told
    is a finding where the outcome is bad, and a risk where it is not. -q prints the stage, the first finding and the
    run.

    --verify chooses among up to four changes by a quarter of the epochs, and trains the run's config without and with
    the best of them: with 3 seeds, after which it may only give up, then with 8, which is the one verdict. It is
    `compare`'s, on validation data; test data is left alone. -q prints the verdict, the rule and the change.
    """
    check_options(references, verify, probe, rounds, max_time, write)
    to = None if verify else write
    as_table = form in ("csv", "latex")
    found = ask("diagnose", references, runs_dir, fail_on=fail_on, write=to, png=png, as_table=as_table)
    talks = form not in ("quiet", "json")
    with StopRequests(None if max_time is None else seconds(max_time, "--max-time")) as stop:
        try:
            found = with_tests(found, references[0], runs_dir, stop, talks) if probe else found
            return with_verdict(found, references[0], runs_dir, rounds, stop, write, talks) if verify else found
        except StoppedError:
            if talks:
                say_error(f"stopped: what was trained is kept, and the same command goes on with {found.data['run']}")
            raise typer.Exit(stop.asked.exit_code if stop.asked else STOPPED) from None


def check_options(
    references: list[str], verify: bool, probe: bool, rounds: int, max_time: str | None, write: Path | None
) -> None:
    """Raises UsageError for options that need others, or one run, and for a file that is there already."""
    if rounds > 1 and not verify:
        raise UsageError("--rounds goes together with --verify", fix="Add --verify, or leave it out.")
    if max_time is not None and not (verify or probe):
        raise UsageError("--max-time goes together with --verify or --probe", fix="Add one, or leave it out.")
    if len(references) > 1 and (verify or probe):
        raise UsageError(f"{'--verify' if verify else '--probe'} is of one run", fix="Name one run or group.")
    if verify and write is not None:
        check_target(write, "another name, or remove it first", own=WRITTEN)


def with_tests(found: Answer, reference: str, runs_dir: Path, stop: StopRequests, talks: bool) -> Answer:
    """The answer with the active tests, before the command to type. Raises StoppedError, TunerError."""
    run, *_ = of_group(find_group(reference, runs_dir))
    tell = say_error if talks else len

    def before(name: str) -> None:
        stop.check()
        tell(f"probe: {name}")

    stop.check()
    table, data = import_module("tuner.asks.diagnose.active").active_tests(run, tell, before)
    blocks: list[Block] = [block for block in found.blocks if not isinstance(block, Command)]
    blocks += [table, *(block for block in found.blocks if isinstance(block, Command))]
    return replace(found, blocks=blocks, data={**found.data, "probes": data})


def with_verdict(
    found: Answer, reference: str, runs_dir: Path, rounds: int, stop: StopRequests, write: Path | None, talks: bool
) -> Answer:
    """The answer with the verdict on its change. Raises StoppedError, TunerError."""
    told = import_module("tuner.cli.verifying").verified(reference, runs_dir, rounds, stop, write, talks)
    kept = [block for block in found.blocks if not isinstance(block, Command)]
    result = told.result if told.data["rounds"] else found.result
    data, code = {**found.data, "verify": told.data}, told.exit_code or found.exit_code
    return replace(found, blocks=[*kept, *told.blocks], data=data, result=result, exit_code=code)
