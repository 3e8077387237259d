"""What `tuner recipe run --update` writes: result.json, curves.svg, the tables in the README files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.answer import Chart, Column, Table
from tuner.asks.curves import chart_of, metrics_on
from tuner.asks.curves.series import View
from tuner.asks.curves.tracks import tracks_of
from tuner.choice import Section
from tuner.durable.reading import JSON_LIMIT, json_bytes, read_bytes
from tuner.durable.writing import write_file
from tuner.errors import NotFoundError, UsageError
from tuner.explain.language import default_text
from tuner.options.metrics import Column as Measured
from tuner.options.metrics import column as column_of
from tuner.recipe.reading import Claim, ClaimFile, Curves, Recipe, find_recipes, read_recipes
from tuner.recipe.results import COLUMNS, RESULT, result_row, shipped_outcomes
from tuner.render.chart.image import keep
from tuner.render.forms.md import table_text
from tuner.runs.family import Group
from tuner.runs.values import parse_metric
from tuner.shipped import folder, recipes

START, END = "<!-- result -->", "<!-- /result -->"
_MARKED = re.compile(rf"^{START}[ \t]*\r?$.*?^{END}(?=[ \t]*\r?$)", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^\|.*(?:\n\|.*)*", re.MULTILINE)
SHEET = ("what you see", "what to turn", "recipe")
KEYS = ("key", "allowed", "default", "what it is")


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
    """The picture of all the groups that have an epoch to show, with the curves that belong to the claims' metrics
    unless the recipe names others; None where none has."""
    axis = recipe.about.curves.x
    metrics = metrics_on(axis, recipe.about.curves.metrics)
    try:
        tracks, _ = tracks_of(list(groups.values()), axis, metrics)
    except NotFoundError:  # all of them diverged at once
        return None
    stems = {str(group.path): stem for stem, group in groups.items()}
    tracks = [replace(track, name=stems[track.family]) for track in tracks]
    columns, found = {name for track in tracks for name in track.columns()}, list(metrics)
    for claim in [] if metrics else recipe.claims:  # of a test metric the curve of validation
        column = column_of(parse_metric(claim.metric).column)
        parts = ("test", "val", "train") if column.part == "test" else (column.part,)
        found += [each for part in parts if (each := str(Measured(part, column.name))) in columns][:1]
    return replace(chart_of(tracks, list(dict.fromkeys(found)), View.of(tracks, axis)), title=recipe.about.title)


def is_shipped(recipe: Recipe) -> bool:
    """Whether it stands on the page of all recipes."""
    return recipe.path.resolve() in [path.resolve() for path in recipes().values()]


def write_page() -> None:
    """The tables of recipes/README.md, from the result.json of every recipe that has one."""
    known = [(recipe, shipped_outcomes(recipe) or []) for recipe in read_recipes(find_recipes([]))]
    rows = [(recipe, [one for one in found if one is not None]) for recipe, found in known]
    file = folder("recipes") / "README.md"
    text = read_bytes(file, JSON_LIMIT).decode("utf-8")
    write_file(file, page_with(text, [each for each in rows if each[1]]).encode())


def readme_with(text: str, claims: Sequence[Mapping[str, Any]]) -> str | None:
    """A recipe's README with its result table between the marks, each on a line of its own; None where they are
    missing."""
    found = _MARKED.search(text)
    if found is None:
        return None
    line_end = "\r\n" if "\r\n" in text else "\n"
    table = Table(COLUMNS, [result_row(claim) for claim in claims])
    lines = line_end.join([START, *table_text(table).split("\n"), END])
    return text[: found.start()] + lines + text[found.end() :]


def page_with(text: str, recipes: Sequence[tuple[Recipe, Sequence[Mapping[str, Any]]]]) -> str:
    """recipes/README.md with its three tables made anew: the cheat sheet that follows from all claims, those with what
    was found, the keys of a claim.yaml."""
    links = {recipe.name: f"({recipe.name}/README.md)" for recipe, _ in recipes}
    claims = [
        [f"[{recipe.name}]{links[recipe.name]}", *result_row(claim)] for recipe, found in recipes for claim in found
    ]
    abouts = [(recipe.about, f"[{recipe.about.title}]{links[recipe.name]}") for recipe, _ in recipes]
    sheet = [[about.symptom, f"`{about.knob}`" * bool(about.knob), link] for about, link in abouts if about.symptom]
    parts: dict[str, type[Section]] = {"": ClaimFile, "curves.": Curves, "claims[].": Claim}
    keys = [
        [f"`{start}{key}`", field.bound.words, default_text(field), field.help]
        for start, part in parts.items()
        for key, field in part.fields.items()
        if key != "curves"
    ]
    sheet_table, key_table = ([Column(head) for head in line] for line in (SHEET, KEYS))
    claim_table = [Column("recipe"), *COLUMNS]
    tables = map(table_text, (Table(sheet_table, sheet), Table(claim_table, claims), Table(key_table, keys)))
    return _TABLE.sub(lambda _: next(tables), text)
