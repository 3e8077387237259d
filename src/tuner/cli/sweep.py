"""`tuner sweep`: a search among configs."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from tuner.choice import key_paths, keys_meant
from tuner.cli.shared import EMPTY, Manner, Overrides, given_as, offers, seconds, training
from tuner.config.loaded import Loaded
from tuner.config.searched import as_listed
from tuner.config.settings import Config
from tuner.config.space import range_in
from tuner.config.sweep import Search, load_search
from tuner.durable.reading import json_line, shown
from tuner.errors import ConfigError, UsageError
from tuner.opening import Request, command_line
from tuner.paths import expanded, normal, path_of, typed
from tuner.render.text import write
from tuner.runs.files import CONFIG as CONFIG_FILE
from tuner.runs.find import instead_of_config
from tuner.runs.folder import is_sweep
from tuner.runs.sweep import check_not_lost, read_sweep
from tuner.shipped import check_target, find_config
from tuner.stopping import StopRequests

CONFIG = "A YAML file, a shipped config's name, a sweep's folder, or - for stdin."
GRID = "Values of a setting; repeatable. Every combination is trained."
SPACE = "A range of a setting, 'optimizer.lr=1e-4..1e-1 log', or its values; repeatable."
TRIALS = "Train so many configs of the space."
PLANNER = "grid, random, tpe (points near the good ones); auto: grid, or tpe with --trials."
METRIC = "What is searched for; training.monitor by default."
BUDGET = "Search for so long, the confirmation inside; then the verdict."
MAX_TIME = "Stop after this long with exit 75; the same command goes on."
EXTEND = "Go on with another space than before; the trials stay."
RETRY = "failed: train the trials again that could not be trained."
WRITE = "Write the config of the best."
WRITTEN = "# tuner sweep: "
"""How a config begins that it wrote."""
MANY = 10_000
"""More trials than that are asked for twice."""


@dataclass(frozen=True)
class Options:
    """What the command line may say beside the config."""

    grid: Annotated[list[str], Option(metavar="KEY=V,V", help=GRID)] = field(default_factory=list)
    space: Annotated[list[str], Option(metavar="'KEY=A..B [log]'", help=SPACE)] = field(default_factory=list)
    trials: Annotated[int | None, Option(metavar="N", help=TRIALS)] = None
    planner: Annotated[str | None, Option(metavar="NAME", help=PLANNER)] = None
    metric: Annotated[str | None, Option(metavar="NAME", help=METRIC)] = None
    run: Annotated[str | None, Option(metavar="NAME", help="Name the sweep's folder yourself.")] = None
    again: Annotated[bool, Option("--again", help="Begin another sweep, in a new folder.")] = False
    extend: Annotated[bool, Option("--extend", help=EXTEND)] = False
    retry: Annotated[str | None, Option(metavar="failed", help=RETRY)] = None
    budget: Annotated[str | None, Option(metavar="TIME", help=BUDGET)] = None
    max_time: Annotated[str | None, Option(metavar="TIME", help=MAX_TIME)] = None
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would be trained, and train nothing.")] = False
    write: Annotated[Path | None, Option(parser=path_of, metavar="FILE", help=WRITE)] = None
    yes: Annotated[bool, Option("-y", "--yes", help="Do not ask, however many trials there are.")] = False

    def check(self) -> None:
        """Raises UsageError for values that no option takes."""
        if self.retry not in (None, "failed"):
            raise UsageError(f"--retry takes failed, not {shown(self.retry)}", fix="--retry failed")
        if self.write is not None:
            check_target(self.write, "another name, or remove it first", own=WRITTEN)

    @property
    def settings(self) -> dict[str, str]:
        """What they stand for in the language: overrides, each with its option. Raises UsageError."""
        given = [("--grid", *_listed(each, "--grid")) for each in self.grid]
        given += [("--space", *_ranged(each)) for each in self.space]
        keys = [(keys_meant(key, key_paths(Config)) or [key])[0] for _, key, _ in given]
        for key in keys:
            if keys.count(key) > 1:
                raise UsageError(f"{shown(key)} is searched twice on the command line", fix="Give it once.")
        found = {f"sweep.space.{key}={values}": f"{option} {key}" for option, key, values in given}
        more = {"trials": self.trials, "planner": self.planner, "metric": self.metric}
        return found | {f"sweep.{key}={value}": f"--{key}" for key, value in more.items() if value is not None}


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line, the config and the space read and checked. `overrides` are of the config,
    `settings` what the options stand for, `budget` is in seconds."""

    source: str
    overrides: tuple[str, ...]
    settings: Mapping[str, str]
    loaded: Loaded
    search: Search
    request: Request
    options: Options
    manner: Manner
    budget: float | None

    def tell(self, data: Mapping[str, Any]) -> None:
        """A line of --json."""
        if self.manner.as_json and not self.manner.quiet:
            write(sys.stdout, json_line(data))


@training
@given_as(Options, "options")
def sweep(
    config: Annotated[str, Argument(metavar="CONFIG", help=CONFIG, autocompletion=offers("configs"))],
    overrides: Overrides = EMPTY,
    *,
    options: Options,
    manner: Manner,
) -> None:
    """\b
    tuner sweep my.yaml --grid lr=1e-4,1e-3,1e-2 --grid model.dropout=0,0.3
    tuner sweep my.yaml --run wide --space 'lr=1e-4..1e-1 log' --trials 40
    tuner sweep my.yaml                         the file says what under `sweep:`
    tuner sweep my.yaml --budget 60h            as many trials as there is time for, and the verdict
    tuner sweep runs/wide                       goes on; several at once share its trials
    best=$(tuner sweep my.yaml -q) && tuner show "$best"

    The best of a search is better than it is: it and the config as it was are trained with other seeds, and compared on
    test data, which no trial has touched. The same command goes on where it was, up to as many trials, never more.
    -q prints the folder of what to take: the best, once it is confirmed, or the config's own where nothing beats it.
    """
    began = time.monotonic()
    options.check()
    source, runs_dir, run = found_source(expanded(config), manner.runs_dir, options)
    limit = None if options.max_time is None else seconds(options.max_time, "--max-time")
    budget = asked_budget(options, overrides, runs_dir / run if run and options.run is None else None)
    endless = budget is not None or limit is not None
    settings = options.settings
    loaded, search = load_search(source, overrides, settings, endless=endless)
    if search.trials is not None and search.trials > MANY and not (options.yes or options.dry_run):
        fix = "--yes trains them; --planner random --trials 40 some of them."
        raise UsageError(f"these are {search.trials:,} trials", fix=fix)
    by_folder = run is not None and options.run is None
    request = Request(runs_dir, run, options.again, manner.wait, command_line(), by_folder=by_folder)
    asked = Asked(source, tuple(overrides), settings, loaded, search, request, options, manner, budget)
    sweeping = import_module("tuner.cli.sweeping")  # what help and mistakes do not need
    if options.dry_run:
        raise typer.Exit(sweeping.dry(asked))
    with StopRequests(limit) as stop:
        raise typer.Exit(sweeping.searched(asked, stop, began))


def asked_budget(options: Options, overrides: Sequence[str], path: Path | None) -> float | None:
    """The time for a search in seconds: for the sweep that `path` names that of before, where nothing else says when it
    ends. Raises UsageError, NotFoundError."""
    if options.budget is not None:
        if not (budget := seconds(options.budget, "--budget")):
            raise UsageError(f"--budget {shown(options.budget)} leaves no time for a trial", fix="--budget 10m is one.")
        return budget
    is_counted = options.trials is not None or any(each.partition("=")[0] == "sweep.trials" for each in overrides)
    return None if path is None or is_counted else read_sweep(path).budget


def found_source(config: str, runs_dir: Path, options: Options) -> tuple[str, Path, str | None]:
    """The config file, the folder of the runs and the sweep's name: of a sweep's folder, or its name, its own, unless
    --again begins another. Raises UsageError for a folder with a name for another."""
    run = None if options.run is None else normal(options.run)
    is_file = Path(config).name == CONFIG_FILE
    for place in (Path(config).parent if is_file else Path(config), runs_dir / config):
        path = place if place.name not in ("", ".", "..") else place.resolve()
        check_not_lost(place)
        if is_sweep(place) and (run is None or not is_file):
            if run is not None:
                fix = f"tuner sweep {typed(path / CONFIG_FILE)} --run {typed(Path(run))} begins another of its config."
                raise UsageError(f"{shown(place)} is a sweep, which goes on as itself: --run names another", fix=fix)
            return str(path / CONFIG_FILE), path.parent, None if options.again else path.name
    try:
        return find_config(config), runs_dir, run
    except ConfigError as error:
        raise instead_of_config(config, runs_dir) or error from None


def _listed(text: str, option: str) -> tuple[str, str]:
    """``lr=0.1,0.01`` as key and list."""
    key, equals, values = text.partition("=")
    if not equals or not values.strip() or not all(key.strip().split(".")):
        fix = f"{option} optimizer.lr=0.1,0.01 is one."
        raise UsageError(f"{option} {shown(text)} is no setting with values", fix=fix)
    if range_in(values) is not None:
        fix = f"--space {shlex.quote(text)} draws from it, with --trials 40; points=5 behind it makes a grid of it."
        raise UsageError(f"{option} {shown(text)} is a range, and {option} takes values", fix=fix)
    return key.strip(), as_listed(key.strip(), values.strip())


def _ranged(text: str) -> tuple[str, str]:
    """``lr=1e-4..1e-1 log`` as key and range, or a list as --grid has it."""
    key, equals, values = text.partition("=")
    found = range_in(values)
    if key.strip() and found is not None:
        return key.strip(), found
    if ".." in text or not equals:
        fix = "--space 'optimizer.lr=1e-4..1e-1 log' is one; also 'model.dropout=0..0.6', '... points=5'."
        raise UsageError(f"--space {shown(text)} is no range", fix=fix)
    return _listed(text, "--space")
