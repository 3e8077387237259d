"""`tuner recipe run` and `tuner recipe verify`: a recipe's claims, trained and judged anew."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from tuner.answer import Answer
from tuner.asks.compare.statistics import least_pairs
from tuner.cli.options import EMPTY, RUNS, Json, Quiet, RunsDir, Wait, offers, seconds
from tuner.cli.reading import say_error
from tuner.cli.recipe_files import is_shipped, readme_of, write, write_page
from tuner.cli.train import parse_seeds
from tuner.data.files import locate
from tuner.errors import HeldError, NotFoundError, ResourceError, UsageError
from tuner.events import GroupEnded, MemberFailed
from tuner.group.opening import GroupSession, open_group
from tuner.group.pool import train_group
from tuner.recipe.reading import Recipe, find_recipes, read_recipes
from tuner.recipe.results import judged, run_table, shipped_outcomes
from tuner.render.talk import Talk
from tuner.render.terminal import show
from tuner.render.training import GroupView
from tuner.runs.family import read_group
from tuner.session import Request, command_line, device_for
from tuner.shipped import recipes as shipped_recipes
from tuner.stopping import StopRequests

recipe = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train the recipes that prove each technique, and judge them."
)

ALL = "A recipe's name or folder; default: all."
PAIRS = "Pairs, or their seeds: 10-15; default: the recipe's own number."
UPDATE = "Rewrite result.json, curves.svg and the tables of the README files."
Names = Annotated[list[str], Argument(metavar="NAME...", help=ALL, autocompletion=offers("recipes"))]
Seeds = Annotated[str | None, Option(metavar="N|LIST", help=PAIRS)]
PASSED_OVER = (0, 3)
"""Exit codes of a group with which its recipe goes on: a member that diverged is a result."""


@recipe.command()
def run(
    names: Names = EMPTY,
    seeds: Seeds = None,
    update: Annotated[bool, Option("--update", help=UPDATE)] = False,
    wait: Wait = "0",
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train recipes and print what is found beside what is shipped.

    \b
    tuner recipe run dropout
    tuner recipe run                            all of them
    tuner recipe run my-recipe/ --seeds 8       a folder of your own
    tuner recipe run dropout --seeds 10-15      on seeds that nobody has looked at
    """
    judge(names, Asked(seeds, update, seconds(wait), runs_dir, quiet, as_json))


@recipe.command()
def verify(
    names: Names = EMPTY,
    seeds: Seeds = None,
    wait: Wait = "0",
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train recipes and say whether their claims still hold.

    Exit 1 if one does not. A claim that is shipped as one that does not hold is no reason for that.

    \b
    tuner recipe verify dropout momentum
    tuner recipe verify -q || echo "a claim fell"
    """
    if not judge(names, Asked(seeds, False, seconds(wait), runs_dir, quiet, as_json), verifies=True):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line."""

    seeds: str | None
    update: bool
    wait: float  # seconds
    runs_dir: Path
    quiet: bool
    as_json: bool

    @property
    def silent(self) -> bool:
        return self.quiet or self.as_json


def judge(names: Sequence[str], asked: Asked, verifies: bool = False) -> bool:
    """Trains what is missing and reports; whether no claim fell."""
    chosen = None if asked.seeds is None else parse_seeds(asked.seeds)
    least = least_pairs(1)
    if verifies and chosen is not None and len(chosen) < least:
        raise UsageError(f"a verdict takes {least} pairs, and --seeds names {len(chosen)}", fix=f"--seeds {least}")
    recipes = read_recipes(find_recipes(names))
    for recipe in recipes:  # what is missing or damaged is told before hours of training
        for loaded in recipe.configs.values():
            locate(loaded.config.data)
            device_for(loaded.config.training.device)
        shipped_outcomes(recipe)
        if asked.update:
            readme_of(recipe)
    told: list[dict[str, Any]] = []
    with StopRequests() as stop:
        for number, recipe in enumerate(recipes, 1):
            if not asked.silent:
                is_namesake = recipe.name in shipped_recipes() and not is_shipped(recipe)
                own = f" in {recipe.path}, not the one that comes with tuner" if is_namesake else ""
                say_error(f"recipe {number} of {len(recipes)}: {recipe.name}{own}, {recipe.about.title}")
            pairs = chosen or range(recipe.about.seeds)
            paths = train(recipe, pairs, asked, stop)
            if stop.asked is not None:
                break
            told.append(report(recipe, pairs, paths, asked))
    if stop.asked is not None:
        raise typer.Exit(stop.asked.exit_code)
    if asked.as_json:
        typer.echo(json.dumps({"recipes": told}))
    if asked.update and any(is_shipped(recipe) for recipe in recipes):
        write_page()
    return not any(each["fallen"] for each in told)


def report(recipe: Recipe, pairs: Sequence[int], paths: dict[str, Path], asked: Asked) -> dict[str, Any]:
    """Judges a recipe whose groups are trained, prints and writes what is found; what --json says of it."""
    groups = {stem: read_group(path).only(pairs) for stem, path in paths.items()}
    (data, notes), shipped = judged(recipe, groups), shipped_outcomes(recipe)
    before = shipped or [None] * len(data["claims"])  # a claim that was shipped as one that does not hold cannot fall
    fallen = sum(
        not claim["holds"] and (not was or was["holds"]) for claim, was in zip(data["claims"], before, strict=True)
    )
    if asked.update:
        write(recipe, data, groups)
    for note in notes:
        say_error(f"note: {note}")
    if not asked.as_json:
        if asked.quiet:
            typer.echo(f"{recipe.name} {'fails' if fallen else 'holds'}")
        else:
            show(Answer([run_table(recipe, data["claims"], shipped)], data))
    return {"name": recipe.name, "path": str(recipe.path), **data, "shipped": shipped, "fallen": fallen}


def train(recipe: Recipe, seeds: Sequence[int], asked: Asked, stop: StopRequests) -> dict[str, Path]:
    """Trains the members of the recipe's groups that are missing; the groups' folders.

    Raises TunerError where one could not be trained.
    """
    paths: dict[str, Path] = {}
    for stem, loaded in recipe.configs.items():
        request = Request(asked.runs_dir, argv=command_line(), wait=asked.wait)
        session = open_group(str(recipe.path / f"{stem}.yaml"), (), loaded, seeds, request)
        if len(session.trained()) == len(session.seeds) and session.path is not None:
            paths[stem] = session.path
            continue
        if stop.asked is not None:
            break
        try:
            paths[stem] = follow(session, stop, asked.silent)
        except HeldError as error:
            raise HeldError(error.message, fix="Wait for it: --wait 30m.") from None
    return paths


def follow(session: GroupSession, stop: StopRequests, silent: bool) -> Path:
    """Trains one group. Raises ResourceError or NotFoundError where a member could not be trained."""
    failed: MemberFailed | None = None
    with Talk(None if silent else sys.stderr) as talk:
        view = GroupView(talk)
        for event in train_group(session, stop):
            view.show(event)
            if isinstance(event, MemberFailed):
                failed = failed or event
            if isinstance(event, GroupEnded):
                path, code = event.group, event.exit_code
        view.end([])
        talk.line("")
    if failed is not None and stop.asked is None and code not in PASSED_OVER:
        kind = ResourceError if code == ResourceError.exit_code else NotFoundError
        raise kind(f"{path}: seed {failed.seed} could not be trained: {failed.message}", fix=failed.fix)
    return path
