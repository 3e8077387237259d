"""`tuner recipe run` and `tuner recipe verify`: a recipe's claims, trained and judged anew."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.cli import completion
from tuner.cli.app import RUNS, Json, Quiet, RunsDir, app, say_error

if TYPE_CHECKING:
    from tuner.group import GroupSession
    from tuner.recipe import Recipe
    from tuner.results import Group
    from tuner.stopping import StopRequests

recipe_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Train the recipes that prove each technique, and judge them."
)
app.add_typer(recipe_app, name="recipe")

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="A recipe's name or folder; default: all.", autocompletion=completion.recipes),
]
Seeds = Annotated[
    str | None,
    typer.Option("--seeds", metavar="N|LIST", help="Pairs, or their seeds: 10-15; default: the recipe's own number."),
]
PASSED_OVER = (0, 3)
"""Exit codes of a group with which its recipe goes on: a member that diverged is a result."""


@recipe_app.command()
def run(
    names: Names = None,
    seeds: Seeds = None,
    update: Annotated[
        bool, typer.Option("--update", help="Rewrite result.json, curves.svg and the tables of the README files.")
    ] = False,
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
    judge(names or [], seeds, update, runs_dir, quiet, as_json)


@recipe_app.command()
def verify(
    names: Names = None,
    seeds: Seeds = None,
    runs_dir: RunsDir = RUNS,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train recipes and say whether their claims still hold: exit 1 if one does not.

    A claim that is shipped as one that does not hold is no reason for that.

    \b
    tuner recipe verify dropout momentum
    tuner recipe verify -q || echo "a claim fell"
    """
    if not judge(names or [], seeds, False, runs_dir, quiet, as_json):
        raise typer.Exit(1)


def judge(names: Sequence[str], seeds: str | None, update: bool, runs_dir: Path, quiet: bool, as_json: bool) -> bool:
    """Trains what is missing and reports; whether no claim fell. Dies of a signal that asked to stop."""
    from tuner.cli.seeds import parse_seeds
    from tuner.recipe import find_recipes, outcomes, read_recipe, shipped_outcomes
    from tuner.recipe.results import result_data
    from tuner.render.recipe import run_text
    from tuner.results import read_group
    from tuner.stopping import StopRequests, die_of

    chosen = None if seeds is None else parse_seeds(seeds)
    recipes = [read_recipe(path) for path in find_recipes(names)]
    told: list[dict[str, Any]] = []
    with StopRequests() as stop:
        for number, recipe in enumerate(recipes, 1):
            if not quiet and not as_json:
                say_error(f"recipe {number} of {len(recipes)}: {recipe.name}, {recipe.about.title}")
            pairs = chosen or range(recipe.about.seeds)
            paths = train(recipe, pairs, runs_dir, stop, quiet or as_json)
            if stop.asked is not None:
                break
            groups = {stem: read_group(path).only(pairs) for stem, path in paths.items()}
            found, shipped = outcomes(recipe, groups), shipped_outcomes(recipe)
            data = result_data(recipe, found)
            fallen = fallen_claims(data["claims"], shipped)
            told.append(
                {"name": recipe.name, "path": str(recipe.path), **data, "shipped": shipped, "fallen": len(fallen)}
            )
            if update:
                write(recipe, data, groups)
            if not as_json:
                line = f"{recipe.name} {'fails' if fallen else 'holds'}"
                typer.echo(line if quiet else run_text(recipe, found, shipped) + "\n")
                sys.stdout.flush()
    if stop.asked is not None:
        if stop.asked.signal is not None:
            die_of(stop.asked.signal)
        raise typer.Exit(stop.asked.exit_code)
    if as_json:
        typer.echo(json.dumps({"recipes": told}))
    if update and any(is_shipped(recipe) for recipe in recipes):
        write_page()
    return not any(each["fallen"] for each in told)


def train(recipe: Recipe, seeds: Sequence[int], runs_dir: Path, stop: StopRequests, silent: bool) -> dict[str, Path]:
    """Trains the members of the recipe's groups that are missing; the groups' folders.

    Raises TunerError where one could not be trained.
    """
    from tuner.recipe import groups_of
    from tuner.session import command_line

    paths: dict[str, Path] = {}
    for stem, session in groups_of(recipe, seeds, runs_dir, command_line()):
        if len(session.trained()) == len(session.seeds) and session.path is not None:
            paths[stem] = session.path
            continue
        paths[stem] = follow(session, stop, silent)
        if stop.asked is not None:
            break
    return paths


def follow(session: GroupSession, stop: StopRequests, silent: bool) -> Path:
    """Trains one group. Raises ResourceError or NotFoundError where a member could not be trained."""
    from tuner.errors import NotFoundError, ResourceError
    from tuner.events import GroupEnded, MemberFailed
    from tuner.group import train_group
    from tuner.render.group import GroupDisplay

    failed: MemberFailed | None = None
    with GroupDisplay(quiet=silent) as display:
        for event in train_group(session, stop):
            display.show(event)
            if isinstance(event, MemberFailed):
                failed = failed or event
            if isinstance(event, GroupEnded):
                path, code = event.group, event.exit_code
        display.end([""])
    if failed is not None and stop.asked is None and code not in PASSED_OVER:
        kind = ResourceError if code == ResourceError.exit_code else NotFoundError
        raise kind(f"{path}: seed {failed.seed} could not be trained: {failed.message}", fix=failed.fix)
    return path


def fallen_claims(found: Sequence[dict[str, Any]], shipped: Sequence[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The claims that do not hold, but for those that are shipped as ones that do not."""
    return [
        claim for index, claim in enumerate(found) if not claim["holds"] and (not shipped or shipped[index]["holds"])
    ]


def write(recipe: Recipe, data: dict[str, Any], groups: dict[str, Group]) -> None:
    """result.json, curves.svg and the table in README.md. Raises ResourceError, UsageError."""
    from tuner.cli.curves import drawing_of
    from tuner.durable import json_bytes, write_file
    from tuner.errors import UsageError
    from tuner.recipe.results import RESULT
    from tuner.render.recipe import END, START, readme_with
    from tuner.render.series import View
    from tuner.render.tracks import tracks_of

    readme = recipe.path / "README.md"
    text = readme_with(readme.read_text(encoding="utf-8"), data["claims"]) if readme.is_file() else None
    if text is None:
        raise UsageError(f"{readme} has no place for the result", fix=f"Add the lines {START} and {END}.")
    curves = recipe.about.curves
    metrics = curves.metrics or list(dict.fromkeys(claim.metric.partition("@")[0] for claim in recipe.claims))
    tracks, _ = tracks_of(list(groups.values()), members=False, timed=curves.x == "time")
    tracks = [replace(track, name=stem) for stem, track in zip(groups, tracks, strict=True)]
    write_file(recipe.path / RESULT, json_bytes(data))
    drawing = drawing_of(tracks, metrics, View.of(tracks, curves.x))
    replace(drawing, title=recipe.about.title).save(recipe.path / "curves.svg")
    write_file(readme, text.encode())


def is_shipped(recipe: Recipe) -> bool:
    """Whether it stands on the page of all recipes."""
    from tuner.shipped import recipes

    return recipe.path.resolve() in [path.resolve() for path in recipes().values()]


def write_page() -> None:
    """recipes/README.md, from the result.json of every recipe that has one."""
    from tuner.durable import write_file
    from tuner.recipe import find_recipes, read_recipe, shipped_outcomes
    from tuner.render.recipe import page
    from tuner.shipped import folder

    known = [(recipe, shipped_outcomes(recipe)) for recipe in map(read_recipe, find_recipes([]))]
    write_file(folder("recipes") / "README.md", page([(recipe, found) for recipe, found in known if found]).encode())
