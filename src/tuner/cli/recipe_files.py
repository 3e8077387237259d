"""What `tuner recipe run --update` writes: result.json, curves.svg, the tables in the README files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.answer import Chart
from tuner.asks.curves.ask import chart_of, metrics_on
from tuner.asks.curves.series import View
from tuner.asks.curves.tracks import tracks_of
from tuner.durable import JSON_LIMIT, json_bytes, read_bytes, write_file
from tuner.errors import NotFoundError, UsageError
from tuner.options.metrics import Column
from tuner.options.metrics import column as column_of
from tuner.recipe import Recipe, find_recipes, read_recipes, shipped_outcomes
from tuner.recipe.results import RESULT
from tuner.render.chart.image import keep
from tuner.render.recipe import END, START, page, readme_with
from tuner.runs.family import Group
from tuner.runs.values import parse_metric
from tuner.shipped import folder, recipes


def readme_of(recipe: Recipe) -> tuple[Path, str] | None:
    """README.md, a link followed, and its text; None where the recipe has none.

    Raises UsageError where it has no place for the result, NotFoundError where it cannot be read.
    """
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
    readme, drawing = readme_of(recipe), draw(recipe, groups)
    if drawing is not None:
        keep(replace(drawing, file=recipe.path / "curves.svg"))
    if readme is not None:
        write_file(readme[0], (readme_with(readme[1], data["claims"]) or readme[1]).encode())
    write_file(recipe.path / RESULT, json_bytes(data))  # last: what the others show is judged by it


def draw(recipe: Recipe, groups: dict[str, Group]) -> Chart | None:
    """The picture of all the groups that have an epoch to show; None where none has."""
    axis = recipe.about.curves.x
    metrics = metrics_on(axis, recipe.about.curves.metrics)
    try:
        tracks, _ = tracks_of(list(groups.values()), axis, metrics)
    except NotFoundError:  # all of them diverged at once
        return None
    stems = {str(group.path): stem for stem, group in groups.items()}
    tracks = [replace(track, name=stems[track.family]) for track in tracks]
    metrics = metrics or curves_of(recipe, {name for track in tracks for name in track.columns()})
    return replace(chart_of(tracks, metrics, View.of(tracks, axis)), title=recipe.about.title)


def curves_of(recipe: Recipe, columns: set[str]) -> list[str]:
    """The curves that belong to the claims' metrics, of a test metric those of validation; []: the usual ones."""
    found: dict[str, None] = {}
    for claim in recipe.claims:
        column = column_of(parse_metric(claim.metric).column)
        parts = ("test", "val", "train") if column.part == "test" else (column.part,)
        same = [str(Column(part, column.name)) for part in parts]
        found |= dict.fromkeys([each for each in same if each in columns][:1])
    return list(found)


def is_shipped(recipe: Recipe) -> bool:
    """Whether it stands on the page of all recipes."""
    return recipe.path.resolve() in [path.resolve() for path in recipes().values()]


def write_page() -> None:
    """recipes/README.md, from the result.json of every recipe that has one."""
    known = [(recipe, shipped_outcomes(recipe) or []) for recipe in read_recipes(find_recipes([]))]
    rows = [(recipe, [one for one in found if one is not None]) for recipe, found in known]
    write_file(folder("recipes") / "README.md", page([each for each in rows if each[1]]).encode())
