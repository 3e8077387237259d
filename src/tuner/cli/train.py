"""`tuner train`: a run, or with --seeds, --splits or --folds a family of runs."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer import Argument, Option

from tuner.asks.curves import chart_of_run
from tuner.cli.members import Members, parse_members
from tuner.cli.shared import EMPTY, Manner, Overrides, offers, seconds, training
from tuner.config import varied
from tuner.config.load import load
from tuner.config.loaded import Loaded
from tuner.config.varied import Key
from tuner.data.tabular.asked import check_config
from tuner.durable.reading import json_line
from tuner.errors import ConfigError, TunerError
from tuner.events import Ended, Event, Failed, GroupEvent, MemberTold, Started, as_data
from tuner.figures import number
from tuner.notebook import begin, find_settings, settle
from tuner.opening import Answered, Request, Session, command_line
from tuner.paths import expanded, normal
from tuner.refit import note as refit_note
from tuner.refit import settings as refit_settings
from tuner.render.chart.image import keep
from tuner.render.talk import Talk
from tuner.render.text import say_error, write
from tuner.render.training import GroupView, RunView, finding, with_finding
from tuner.runs.family import Group, read_group
from tuner.runs.files import CONFIG as CONFIG_FILE
from tuner.runs.files import ENDED, IDENTITY, apart
from tuner.runs.find import instead_of_config, resolve
from tuner.runs.folder import Run, glance, members, read
from tuner.runs.trials import trial_of
from tuner.runs.values import Condition, judge, parse_requirements
from tuner.stopping import StopRequests

CONFIG = "A YAML file, a run folder, a shipped config's name, or - for stdin."
REQUIRE = "Exit with 1 unless this holds at the end; repeatable."
REFIT = "Train the config of a finished run or group on all rows, for as many steps as its best epoch took."
MAX_TIME = "Stop after this long with exit 75; the same command goes on."
SEEDS = "Train a group: seeds 0 to N-1, or a list: 3,5,8; more of them are added."
SPLITS = "The same with splits of the data: split_seed and seed are N."
FOLDS = "Train on K folds, each tested once; with --seeds, each of them."

AnyEvent = TypeVar("AnyEvent", bound=Event | GroupEvent)


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line, the config read and checked."""

    source: str
    overrides: list[str]
    loaded: Loaded
    request: Request
    stop: StopRequests
    requirements: list[Condition]
    quiet: bool
    as_json: bool

    def talk(self) -> Talk:
        """stderr, for a person alone."""
        return Talk(None if self.quiet or self.as_json else sys.stderr)

    def say_path(self, path: Path) -> None:
        """The result of -q; without it, for whoever reads stdout by a program."""
        if not self.as_json and (self.quiet or not sys.stdout.isatty()):
            write(sys.stdout, str(path))


@training
def train(
    config: Annotated[str, Argument(metavar="CONFIG", help=CONFIG, autocompletion=offers("configs"))],
    overrides: Overrides = EMPTY,
    seeds: Annotated[str | None, Option(metavar="N|LIST", help=SEEDS)] = None,
    splits: Annotated[str | None, Option(metavar="N|LIST", help=SPLITS)] = None,
    folds: Annotated[int | None, Option(metavar="K", help=FOLDS)] = None,
    run: Annotated[str | None, Option(metavar="NAME", help="Name the run folder yourself.")] = None,
    again: Annotated[bool, Option("--again", help="Train it again, in a new run folder.")] = False,
    require: Annotated[list[str], Option(metavar="'METRIC>=N'", help=REQUIRE)] = EMPTY,
    max_time: Annotated[str | None, Option(metavar="TIME", help=MAX_TIME)] = None,
    refit: Annotated[bool, Option("--refit", help=REFIT)] = False,
    *,
    manner: Manner,
) -> None:
    """\b
    tuner train digits
    tuner train my.yaml optimizer.lr=3e-4 'model.hidden=[256, 128]'
    tuner train my.yaml --seeds 6               six seeds side by side: a group, to compare with another
    tuner train my.yaml --require 'val_accuracy>=0.97' --max-time 30m
    run=$(tuner train my.yaml -q) && tuner show "$run"
    """
    config, runs_dir = expanded(config), manner.runs_dir
    refitted = read_group(resolve(config, runs_dir), read) if refit else None
    config = str(refitted.first.path / CONFIG_FILE) if refitted else config
    by_folder = not (run or overrides or again) and os.path.isfile(Path(config, IDENTITY))  # noqa: PTH113 - never raises
    if run is not None:
        run = normal(run)
    elif by_folder:
        if trial_of(Path(config)) and (instead := instead_of_config(config, runs_dir)):
            raise instead
        run, runs_dir = Path(config).resolve().name, Path(config).parent  # a run folder: that very run goes on
    check_config(config)
    try:
        source = find_settings(config)
    except ConfigError as error:
        raise instead_of_config(config, runs_dir) or error from None
    family = parse_members(seeds, splits, folds)
    loaded = loaded_for(source, overrides, family, refitted)
    requirements = parse_requirements(require, loaded)
    request = Request(runs_dir, run, again, manner.wait, command_line(), by_folder=by_folder)
    with StopRequests(None if max_time is None else seconds(max_time, "--max-time")) as stop:
        asked = Asked(source, overrides, loaded, request, stop, requirements, manner.quiet, manner.as_json)
        raise typer.Exit(train_one(asked) if family is None else train_family(asked, family))


def loaded_for(source: str, overrides: list[str], family: Members | None, refitted: Group | None) -> Loaded:
    """The config under what the options of the command line stand for."""
    options = {**(refit_settings(refitted) if refitted else {}), **(family.options if family else {})}
    loaded = load(source, overrides, options=options).for_one_run()
    return replace(loaded, notes=(refit_note(refitted), *loaded.notes)) if refitted else loaded


def train_one(asked: Asked) -> int:
    """Trains one run, or reports one made before, with what was asked for that it does not have; the exit code."""

    def training(session: Session) -> Ended:
        with asked.talk() as talk:
            return follow(asked, begin(session, asked.stop), RunView(talk).show)

    opened, ended = settle(asked.loaded, asked.request, training)
    asked.stop.rest()
    if isinstance(opened, Answered):
        asked.say_path(ended.run)
        with asked.talk() as talk:
            talk.line(f"{ended.run} was trained before; --again trains it again")
            for each in opened.ignored:
                talk.line(f"note: {each}: nothing is trained, so it stays")
            say_damage([opened.run])
            RunView(talk).show(ended)
    code = int(ended.status["exit_code"] or 0)
    runs: dict[Key, Run] = {(asked.loaded.config.seed,): glance(ended.run)} if asked.requirements else {}
    draws = isinstance(opened, Session) and ended.status["state"] in ("finished", "diverged")
    is_over = ended.status["state"] in ENDED
    return finish(asked, ended.run, runs, code, ended.status, is_over=is_over, draws=draws)


def train_family(asked: Asked, family: Members) -> int:
    """Trains the members that are still to do, and reports the family; the exit code."""
    from tuner.members import group_code, train_group
    from tuner.members.opening import command_of, open_group  # numpy, which help and mistakes do not need

    about = family.varies, family.keys, asked.request, family.options
    session = open_group(asked.source, asked.overrides, asked.loaded, *about)
    session = replace(session, notes=(*session.notes, *family.notes))
    path, before = session.path, session.trained()
    with asked.talk() as talk:
        view = GroupView(talk)
        is_due = path is None or len(before) < len(session.members)
        if path is None or is_due:
            ended = follow(asked, train_group(session, asked.stop), view.show)
            path, code = ended.run, int(ended.status["exit_code"])
        else:
            asked.stop.rest()
            asked.say_path(path)
            code = group_code([run.status["exit_code"] for run in before.values()])
            statuses = {key: run.status for key, run in before.items()}
            say_damage(before.values())
            view.trained_before(path, family.varies, statuses, session.loaded.config.training.monitor)
        # without members where it was stopped before the first one began
        group = read_group(path).only(session.members) if members(path) else Group(path, {}, family.varies)
        state = group.state or "not begun"
        is_whole = len(session.members) == len(group.runs) and all(run.state in ENDED for run in group.runs.values())
        then = group.next if is_whole else shlex.join(command_of(session, path))
        ends = [("end", state), ("next", then)]
        view.end(with_finding(ends, talk, path) if is_whole else ends)
    draws = is_due and "finished" in [run.state for run in group.runs.values()]
    return finish(asked, path, group.runs, code, {**group.as_json(), "next": then}, is_over=is_whole, draws=draws)


def say_damage(runs: Iterable[Run]) -> None:
    """Says whose best weights are no longer what was saved; what else is shown of a run was checked."""
    for run in runs:
        for each in apart(run.path, run.told):
            say_error(each)


def follow(asked: Asked, events: Iterable[AnyEvent], show: Callable[[AnyEvent], None]) -> Ended:
    """Shows a training while it goes on; its last event. Whatever becomes of stdout, it goes on. Raises OSError, when
    all is done, where stdout had no room."""
    lost: OSError | None = None
    varies: tuple[str, ...] = ()
    for event in events:
        show(event)
        told: Event | Failed | GroupEvent = event
        member: dict[str, int] = {}
        if isinstance(event, MemberTold):
            told, member = event.event, varied.as_data(varies, event.key)
        try:
            if isinstance(event, Started):
                varies = event.varies
                asked.say_path(event.run)
            if asked.as_json and not asked.quiet and (data := as_data(told, member)):
                write(sys.stdout, json_line(data))
        except OSError as error:
            lost = error
    if lost is not None:
        raise lost
    assert isinstance(event, Ended)  # noqa: S101 - training ends with it or raises
    return event


def finish(
    asked: Asked, path: Path, runs: Mapping[Key, Run], code: int, end: Mapping[str, Any], *, is_over: bool, draws: bool
) -> int:
    """What comes after the end of a run or group: is it good enough, its picture, `end` as JSON, where it `is_over`
    with the next command that is said of it; the exit code."""
    judged = [judge(each, runs) for each in asked.requirements] if code == 0 else []
    missed = [each for each in judged if not each["holds"]]
    code = 1 if missed else code
    if asked.as_json:
        end = {**end, "next": (finding(path)[1] if is_over else "") or end["next"]}
        require = {"require": judged} if asked.requirements else {}
        write(sys.stdout, json_line({"event": "end", "run": str(path), **end, **require, "exit_code": code}))
        return code
    if draws and not asked.quiet and os.access(path, os.W_OK):
        try:  # once everything else is done; a failure to draw takes nothing away from the run
            if chart := chart_of_run(path):
                keep(chart)
        except TunerError as error:
            say_error(f"curves.png was not drawn: {error.message}")
    for each in missed:
        absent = each.get("reason", "there is no such value")
        found = absent if each["value"] is None else f"it is {number(each['value'])}"
        say_error(f"required {each['condition']}: {found}")
    return code
