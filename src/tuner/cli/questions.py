"""The commands that answer a question of `tuner.asks`, which is imported when it is put."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from tuner.answer import Answer, Note
from tuner.asks.show import OF_SWEEP, PARTS
from tuner.cli import commands
from tuner.cli.shared import (
    EMPTY,
    RUNS,
    Overrides,
    RunArgument,
    RunsArgument,
    RunsDir,
    ask,
    offers,
    picture_of,
    reading,
)
from tuner.paths import path_of
from tuner.render.text import described
from tuner.runs.family import Group, find_group
from tuner.runs.files import CURVES

RESOLVED = "Print every setting as YAML, the layers and the cost."
FILTER = "'val_accuracy>0.97', optimizer.name=adam, lr=0.01, state=finished, tag=T, name=N, seed=3; all must hold."
SORT = "Sort by a metric, setting or column; -COLUMN: downwards."
COLS = "Show these instead; +COLUMN,...: besides the usual ones."
PART = f"One of {', '.join(PARTS)}; of a sweep also {', '.join(OF_SWEEP)}."
EFFECTS = "PNG or SVG: each setting of a sweep against what is searched for."
CHANGED = "A column for each setting that differs between the runs listed."
MEMBERS = "List the runs of groups and the trials of sweeps, too; filters then ask each run."
MOST_TRIALS = 24
OUTPUT = "PNG or SVG; one run's plain picture: its curves.png."
LOG = "The y axis; else logarithmic for a loss that falls far."
SIDES = "2 to 26 runs, groups or configs: a name, folder or @1; a YAML file, a shipped config or - for stdin."
IGNORE = "Leave out settings: seed, 'data.*', '*dropout'; repeatable."
AS_ARGS = "Print the settings that turn A into B, one KEY=VALUE a line."
EXIT_CODE = "Exit with 1 if something differs, 0 if not, above 1 on trouble."
METRICS = "val_accuracy, test_loss, val_loss@last, val_loss@7, epochs(val_accuracy>=0.9), parameters, seconds_per_epoch"
BASELINE = "What the others are compared with; default: the first."
LEAST_EFFECT = "Equivalent: no difference found, and the 95 % interval lies within plus and minus D."
DIRECTION = "Which way is better, where that is not known."
FAIL_ON = "Exit with 1 on better, worse, equivalent or undecided."
BY = "Groups on several data sets: a table of ideas and data sets."
PATIENCE = "Epochs without improvement before the stop."
MONITOR = "Metrics to watch; default: each run's monitor."
OWN = "A .csv, .tsv or .parquet file, text also as .gz; .npz; none: the digits' config."
TARGET = "The column to predict."
LOOKED = "Settings of data under which the file is looked at."
TASK = "auto: texts and two values are classes, others numbers."
INTO = "The config's file, or - for stdout; default: called like the table, here."
KIND = "A kind of choice, configs or recipes."


def asking(command: Callable[..., None]) -> Callable[..., Any]:
    """A command that puts the question of its name: its parameters are those of the question."""

    @functools.wraps(command)
    def put(**given: Any) -> Answer:
        return ask(command.__name__.rstrip("_"), **given)

    return reading(put)


@asking
def check(
    reference: Annotated[str, Argument(metavar="CONFIG|RUN", help="A config as for `train`, or a run to verify.")],
    overrides: Overrides = EMPTY,
    resolved: Annotated[bool, Option("--resolved", help=RESOLVED)] = False,
    origin: Annotated[bool, Option("--origin", help="Print where each setting was set.")] = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """\b
    tuner check my.yaml                         all faults at once, or one line
    tuner check my.yaml --resolved              every setting, the layers, the cost of an epoch
    tuner check my.yaml --resolved > full.yaml  that is a config again
    tuner check my.yaml optimizer=sgd --origin  where each setting was set
    tuner check digits-1                        the checksums of a run's or a group's files
    tuner check digits-1 --resolved             the config of a run
    """


@asking
def init(
    path: Annotated[Path | None, Argument(parser=path_of, metavar="FILE", help=OWN)] = None,
    target: Annotated[str | None, Option(metavar="COLUMN", help=TARGET)] = None,
    task: Annotated[str, Option(metavar="auto|classes|numbers", help=TASK)] = "auto",
    output: Annotated[Path | None, Option("-o", "--output", parser=path_of, metavar="FILE", help=INTO)] = None,
    overrides: Annotated[list[str], Argument(metavar="[KEY=VALUE]...", help=LOOKED)] = EMPTY,
) -> None:
    """\b
    tuner init my.csv                           its columns, to choose the target from
    tuner init my.csv --target species          ./my.yaml, with what was found in the columns
    tuner init my.csv --target price -o configs/price.yaml
    tuner init my.csv --target price -o - | tuner check -
    tuner init my.csv --target price data.drop='[note]' 'data.missing=["", "?"]'
    tuner init my.npz                           arrays of numpy: x and y
    tuner init                                  ./digits.yaml, to begin with

    Columns that are no inputs (constant, twice there, ids, free text, what gives the target away) are left out, each
    with its reason as a comment. A file that is there is never replaced.
    """


@reading
def doctor(
    with_torch: Annotated[bool, Option("--torch", help="Import torch, too, and compare what it says.")] = False,
    runs_dir: RunsDir = RUNS,
) -> Answer:
    """\b
    tuner doctor
    tuner doctor --torch                        also import torch and check that it agrees
    """
    return ask("doctor", with_torch, runs_dir, described(sys.stdout))


@reading
def runs(
    filters: Annotated[list[str], Argument(metavar="FILTER...", help=FILTER)] = EMPTY,
    by: Annotated[str | None, Option("--sort", metavar="COLUMN", help=SORT)] = None,
    most: Annotated[int | None, Option("-n", "--limit", metavar="N", min=0, help="At most so many.")] = None,
    cols: Annotated[str | None, Option(metavar="COLUMN,...", help=COLS)] = None,
    only_changed: Annotated[bool, Option("--only-changed", help=CHANGED)] = False,
    opened: Annotated[bool, Option("--members", help=MEMBERS)] = False,
    runs_dir: RunsDir = RUNS,
    form: str = "",
) -> Answer:
    """\b
    tuner runs
    tuner runs --sort -val_accuracy -n 5        the best five
    tuner runs 'val_accuracy>0.97' optimizer=adam
    tuner runs --only-changed --members         a column a setting that differs; groups opened
    tuner runs --cols lr,val_loss@last,'epochs(val_accuracy>=0.9)',parameters
    tuner show $(tuner runs -q --sort -val_accuracy -n 1)

    A COLUMN is a setting (optimizer.lr, or lr), a metric (val_accuracy, test_loss, val_loss@last, val_loss@7,
    epochs(val_accuracy>=0.9), parameters, seconds_per_epoch) or one of run, name, when, state, seed, seeds, splits,
    folds, trials, changed, best (epoch), time, tags. What changed is what differs from the run before of the same
    config name. A group is one row with the means over its runs; a mean is missing where one of its runs has no value.
    A sweep is one row with its best trial: what is searched, as it has it, and its values. --members lists the runs of
    groups, and the trials of sweeps.
    """
    query = import_module("tuner.asks.runs").Query(filters, by, most, cols, only_changed, opened)
    return ask("runs", runs_dir, query, form)


@asking
def show(
    reference: RunArgument,
    part: Annotated[str, Argument(metavar="PART", help=PART)] = "summary",
    file: Annotated[Path | None, Option("-o", "--output", parser=picture_of, metavar="FILE", help=EFFECTS)] = None,
    runs_dir: RunsDir = RUNS,
    form: str = "",
) -> None:
    """\b
    tuner show digits-1
    tuner show digits-2                         a group: its members and their mean
    tuner show digits-2/seed-3
    tuner show @1 metrics
    tuner show digits-1 config
    tuner show digits-3                         a sweep: what is best, what matters, what lies at an end
    tuner show digits-3 trials --csv            all of its trials, best first
    tuner show digits-3 effects -o effects.svg  each of its settings against what is searched for
    """


@reading
def curves(
    runs: RunsArgument,
    output: Annotated[Path | None, Option("-o", "--output", parser=picture_of, metavar="FILE", help=OUTPUT)] = None,
    metric: Annotated[list[str], Option(metavar="M", help="A metric, e.g. loss or val_accuracy; repeatable.")] = EMPTY,
    axis: Annotated[str, Option("--x", metavar="epoch|step|time|layer", help="The axis that runs share.")] = "epoch",
    smooth: Annotated[float, Option(metavar="S", help="Moving average with weight S (0 to below 1).")] = 0.0,
    log: Annotated[bool | None, Option("--log/--linear", help=LOG)] = None,
    members: Annotated[bool, Option("--members", help="Draw the members of a group one by one.")] = False,
    runs_dir: RunsDir = RUNS,
    form: str = "",
) -> Answer:
    """A group is its mean with a band, a sweep its best trial before the next best ones.

    \b
    tuner curves digits-1
    tuner curves digits-1 digits-2 --metric val_loss -o both.svg
    tuner curves adam sgd --x time              two groups of seeds
    tuner curves adam --members --smooth 0.6
    tuner curves digits-3                       a sweep: what its trials were searched by
    tuner curves adam --x layer --metric activation_std@0   from layer to layer, before the first step
    """
    groups, behind, searched, left = shown_of(runs, runs_dir, all_of_them=form == "json" and output is None)
    is_plain = not metric and axis == "epoch" and not smooth and log is None and not searched
    metric = metric or searched if axis != "layer" else metric
    if output is None and is_plain and form in ("", "quiet") and len(groups) == 1 and groups[0].is_single:
        output = groups[0].path / CURVES
    drawn = form != "json" or output is not None
    found = ask("curves", groups, metric, axis, smooth, log, members, output, drawn, behind)
    return replace(found, blocks=[*map(Note, left), *found.blocks])


def shown_of(
    references: list[str], runs_dir: Path, all_of_them: bool
) -> tuple[list[Group], set[Path], list[str], list[str]]:
    """The runs and groups whose curves are drawn, of a sweep its best trials; those of them that stand behind its best
    one; the metrics that are searched for; what is left out."""
    groups, behind, searched, told = list[Group](), set[Path](), list[str](), list[str]()
    sweeps = import_module("tuner.asks.sweep.groups")
    for reference in references:
        path = sweeps.sweep_named(reference, runs_dir)
        if path is None:
            groups.append(find_group(reference, runs_dir))
            continue
        trials, metric, left = sweeps.drawn(path, None if all_of_them else MOST_TRIALS)
        groups += trials
        behind |= {trial.path for trial in trials[:-1]}
        searched.append(metric)
        told += [left] if left else []
    return groups, behind, list(dict.fromkeys(searched)), told


@asking
def diff(
    references: Annotated[list[str], Argument(metavar="A B...", help=SIDES, autocompletion=offers("runs", "configs"))],
    everything: Annotated[bool, Option("--all", help="Show what is the same, too.")] = False,
    only: Annotated[list[str], Option(metavar="config|result|identity", help="Only this part; repeatable.")] = EMPTY,
    ignore: Annotated[list[str], Option(metavar="PATTERN", help=IGNORE)] = EMPTY,
    as_args: Annotated[bool, Option("--as-args", help=AS_ARGS)] = False,
    exit_code: Annotated[bool, Option("--exit-code", help=EXIT_CODE)] = False,
    runs_dir: RunsDir = RUNS,
    form: str = "",
) -> None:
    """\b
    tuner diff digits-1 digits-2
    tuner diff @2 @1 --only config              the last two runs, settings alone
    tuner diff my.yaml runs/digits-1            has the config changed since?
    git show HEAD:my.yaml | tuner diff - my.yaml --exit-code
    tuner diff base dropout wide                three groups
    tuner diff digits-3                         a sweep: its config as it was, and what is best
    tuner diff digits-3/trial-3 digits-3/trial-7
    tuner train a.yaml $(tuner diff a.yaml b.yaml --as-args)

    What counts is what settings mean: a setting that is left out is the same as its default, and another choice, with
    the settings that it alone has, is one difference; one that both choices have counts for itself. `name`, `tags`,
    `data.root`, `checkpoint`, `layer_stats`, `training.device` and `training.threads` do not count. --exit-code looks
    at settings and at what has to agree for the same bits (code, data, device, threads), not at results, unless --only
    says what to look at. -q prints nothing and implies --exit-code.
    """


@asking
def compare(
    references: RunsArgument,
    metric: Annotated[str | None, Option(metavar="M", help=f"{METRICS}; default: training.monitor.")] = None,
    baseline: Annotated[str | None, Option(metavar="A", help=BASELINE)] = None,
    least_effect: Annotated[float | None, Option(metavar="D", help=LEAST_EFFECT)] = None,
    direction: Annotated[str | None, Option(metavar="up|down", help=DIRECTION)] = None,
    fail_on: Annotated[list[str], Option(metavar="VERDICT", help=FAIL_ON)] = EMPTY,
    by: Annotated[str | None, Option(metavar="data", help=BY)] = None,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Each verdict is better, worse, equivalent or undecided.

    \b
    tuner compare base dropout                  two groups (train each with --seeds 6 or more)
    tuner compare base a b --metric test_accuracy
    tuner compare base a --least-effect 0.005   close enough counts as equivalent
    tuner compare base a --fail-on worse -q     a gate for scripts: exit 1 if worse
    tuner compare base a --metric 'epochs(val_accuracy>=0.9)' --md
    tuner compare digits-3                      a sweep: what confirms its best trials
    tuner compare d1 a1 d2 a2 --by data --latex  ideas by data sets: d1, a1 on one, d2, a2 on another

    Better and worse follow an exact sign-flip test of the differences, corrected for the number of comparisons: p is at
    most 0.05. That takes 6 pairs, more with several groups. From seeds alone a verdict holds on their split; splits and
    folds are judged by the corrected resampled t-test. Settle on the number of seeds before you look: seeds added
    until p is small enough find differences that are not there.
    """


@asking
def early_stop(
    references: RunsArgument,
    patience: Annotated[str, Option(metavar="N,N...", help=PATIENCE)] = "2,3,5,10,20",
    min_delta: Annotated[str, Option(metavar="D,D...", help="An improvement has to be larger than this.")] = "0",
    monitor: Annotated[str | None, Option(metavar="M,M...", help=MONITOR)] = None,
    members: Annotated[bool, Option("--members", help="The members of a group one by one.")] = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """\b
    tuner early-stop digits-1 --patience 3,5,10
    tuner early-stop digits-1 --patience 5 --min-delta 0,0.001
    tuner early-stop digits-1 --monitor val_loss,val_accuracy
    tuner early-stop adam sgd                   groups: the mean over their seeds
    tuner early-stop digits-1 -q                for scripts: patience min_delta stop best monitor run

    Up to its stop a run with early stopping is the same as one without: what is told here is what training would do.
    In the mean of a group a run that would not have been stopped counts with its last epoch; one that ended before that
    could be told does not count.
    """


@asking
def list_(
    kind: Annotated[str | None, Argument(metavar="KIND", help=KIND, autocompletion=offers("lists"))] = None,
) -> None:
    """\b
    tuner list                                  the kinds and the names in them
    tuner list optimizers                       what each is, with its settings and their defaults
    tuner list configs                          the configs that come with tuner
    tuner list recipes                          the recipes, each with what it shows
    tuner list activations -q                   the names alone, one a line
    """


@reading
def explain(
    names: Annotated[list[str], Argument(metavar="NAME...", help="What to explain.", autocompletion=offers("names"))],
) -> Answer:
    """\b
    tuner explain dropout                       everything that is called so
    tuner explain initializer.normal            the one of a kind
    tuner explain optimizer.lr                  a setting: what it does, what it takes
    tuner explain early stopping                a technique: when, how, what to look at
    tuner explain val_accuracy                  a column of metrics.csv
    tuner explain undecided                     a word that a command printed
    tuner explain 3                             an exit code
    tuner explain -q relu                       in one line
    """
    return ask("explain", names, {name: entry.line for name, entry in commands.COMMANDS.items()})
