"""What `tuner recipe run --update` writes: result.json, curves.svg, the tables in the README files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tuner.cli.curves import Drawing
    from tuner.recipe import Recipe
    from tuner.runs.family import Group


def readme_of(recipe: Recipe) -> tuple[Path, str] | None:
    """README.md, a link followed, and its text; None where the recipe has none.

    Raises UsageError where it has no place for the result, NotFoundError where it cannot be read.
    """
    from tuner.durable import JSON_LIMIT, read_bytes
    from tuner.errors import NotFoundError, UsageError
    from tuner.render.recipe import END, START, readme_with

    path = (recipe.path / "README.md").resolve()
    try:
        text = read_bytes(path, JSON_LIMIT).decode("utf-8")
    except NotFoundError:
        if path.exists():
            raise
        return None
    except UnicodeDecodeError:
        raise NotFoundError(f"{path} is not UTF-8", fix="Save it as UTF-8.") from None
    if readme_with(text, []) is None:
        message = f"{path} has no place for the result"
        raise UsageError(message, fix=f"Add the lines {START} and {END}, each on a line of its own.")
    return path, text


def write(recipe: Recipe, data: dict[str, Any], groups: dict[str, Group]) -> None:
    """Writes what was found; everything is made before anything is written. Raises ResourceError, UsageError."""
    from tuner.durable import json_bytes, write_file
    from tuner.recipe.results import RESULT
    from tuner.render.recipe import readme_with

    readme, drawing = readme_of(recipe), draw(recipe, groups)
    if drawing is not None:
        drawing.save(recipe.path / "curves.svg")
    if readme is not None:
        write_file(readme[0], (readme_with(readme[1], data["claims"]) or readme[1]).encode())
    write_file(recipe.path / RESULT, json_bytes(data))  # last: what the others show is judged by it


def draw(recipe: Recipe, groups: dict[str, Group]) -> Drawing | None:
    """The picture of all the groups that have an epoch to show; None where none has."""
    from tuner.cli.curves import drawing_of, metrics_on, tracks_on, view_of
    from tuner.errors import NotFoundError

    axis = recipe.about.curves.x
    metrics = metrics_on(axis, recipe.about.curves.metrics or None)
    try:
        tracks, _ = tracks_on(axis, metrics, list(groups.values()))
    except NotFoundError:  # all of them diverged at once
        return None
    stems = {str(group.path): stem for stem, group in groups.items()}
    tracks = [replace(track, name=stems[track.family]) for track in tracks]
    metrics = metrics or curves_of(recipe, {name for track in tracks for name in track.columns()})
    return replace(drawing_of(tracks, metrics, view_of(axis, tracks, list(groups.values()))), title=recipe.about.title)


def curves_of(recipe: Recipe, columns: set[str]) -> list[str] | None:
    """The curves that belong to the claims' metrics, of a test metric those of validation; None: the usual ones."""
    from tuner.runs.values import parse_metric

    found: dict[str, None] = {}
    for claim in recipe.claims:
        column = parse_metric(claim.metric).column
        name = column.partition("_")[2] if column.startswith("test_") else ""
        same = [column, f"val_{name}", f"train_{name}"] if name else [column]
        found |= dict.fromkeys([each for each in same if each in columns][:1])
    return list(found) or None


def is_shipped(recipe: Recipe) -> bool:
    """Whether it stands on the page of all recipes."""
    from tuner.shipped import recipes

    return recipe.path.resolve() in [path.resolve() for path in recipes().values()]


def write_page() -> None:
    """recipes/README.md, from the result.json of every recipe that has one."""
    from tuner.durable import write_file
    from tuner.recipe import find_recipes, read_recipes, shipped_outcomes
    from tuner.render.recipe import page
    from tuner.shipped import folder

    known = [(recipe, shipped_outcomes(recipe) or []) for recipe in read_recipes(find_recipes([]))]
    rows = [(recipe, [one for one in found if one is not None]) for recipe, found in known]
    write_file(folder("recipes") / "README.md", page([each for each in rows if each[1]]).encode())
