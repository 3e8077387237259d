"""`tuner recipe run` and `tuner recipe verify`: a recipe's claims, trained and judged anew; what --update writes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from tuner.answer import Answer, Chart, Column, Table
from tuner.asks.curves import chart_of, metrics_on
from tuner.asks.curves.tracks import View, tracks_of
from tuner.choice import Section
from tuner.cli.members import Members, parse_members
from tuner.cli.shared import EMPTY, Manner, offers, training
from tuner.config.load import load
from tuner.data.files import locate
from tuner.durable.reading import JSON_LIMIT, json_bytes, read_bytes
from tuner.durable.writing import write_file
from tuner.errors import HeldError, NotFoundError, UsageError
from tuner.events import Ended
from tuner.explain.language import default_text
from tuner.members import train_whole
from tuner.members.opening import GroupSession, open_group
from tuner.opening import Request, command_line
from tuner.options.metrics import Column as Measured
from tuner.options.metrics import column as column_of
from tuner.recipe.reading import Claim, ClaimFile, Curves, Recipe, find_recipes, hindrance, read_recipes
from tuner.recipe.results import (
    COLUMNS,
    RESULT,
    Groups,
    judged,
    least_of,
    result_row,
    run_table,
    shipped_outcomes,
)
from tuner.render.chart.image import keep
from tuner.render.forms.md import table_text
from tuner.render.talk import Talk
from tuner.render.terminal import show
from tuner.render.text import say_error
from tuner.render.training import GroupView
from tuner.runs.family import Group, read_group
from tuner.runs.values import parse_metric
from tuner.shipped import folder, recipes
from tuner.stopping import StopRequests

recipe = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
ALL = "A recipe's name or folder; default: all."
SEEDS = "Pairs, or their seeds: 10-15; default: the recipe's own number."
SPLITS = "The same of claims over splits."
UPDATE = "Rewrite result.json, curves.svg and the tables of the README files."
Names = Annotated[list[str], Argument(metavar="NAME...", help=ALL, autocompletion=offers("recipes"))]
Seeds = Annotated[str | None, Option(metavar="N|LIST", help=SEEDS)]
Splits = Annotated[str | None, Option(metavar="N|LIST", help=SPLITS)]
START, END = "<!-- result -->", "<!-- /result -->"
_MARKED = re.compile(rf"^{START}[ \t]*\r?$.*?^{END}(?=[ \t]*\r?$)", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^\|.*(?:\n\|.*)*", re.MULTILINE)
SHEET = ("what you see", "what to turn", "recipe")
KEYS = ("key", "allowed", "default", "what it is")


@recipe.command()
@training
def run(
    names: Names = EMPTY,
    seeds: Seeds = None,
    splits: Splits = None,
    update: Annotated[bool, Option("--update", help=UPDATE)] = False,
    *,
    manner: Manner,
) -> None:
    """Train recipes and print what is found beside what is shipped.

    \b
    tuner recipe run dropout
    tuner recipe run                            all of them
    tuner recipe run my-recipe/ --seeds 8       a folder of your own
    tuner recipe run dropout --seeds 10-15      on seeds that nobody has looked at
    """
    judge(names, Asked({"seeds": seeds, "splits": splits}, update, manner))


@recipe.command()
@training
def verify(
    names: Names = EMPTY,
    seeds: Seeds = None,
    splits: Splits = None,
    *,
    manner: Manner,
) -> None:
    """Train recipes and say whether their claims still hold.

    Exit 1 if one does not. A claim that is shipped as one that does not hold is no reason for that.

    \b
    tuner recipe verify dropout momentum
    tuner recipe verify -q || echo "a claim fell"
    """
    if not judge(names, Asked({"seeds": seeds, "splits": splits}, False, manner), verifies=True):
        raise typer.Exit(1)


@dataclass(frozen=True)
class Asked:
    """What was asked for on the command line; `pairs` are its --seeds and --splits."""

    pairs: Mapping[str, str | None]
    update: bool
    manner: Manner

    @property
    def silent(self) -> bool:
        return self.manner.quiet or self.manner.as_json

    def families(self, recipe: Recipe) -> dict[str, Members]:
        """What is trained of its configs, by what its claims are over. Raises UsageError."""
        found: dict[str, Members] = {}
        for over in dict.fromkeys(claim.over for claim in recipe.claims):
            given = self.pairs[over]
            number = str(getattr(recipe.about, over)) if given is None else given
            if family := parse_members(*((number, None) if over == "seeds" else (None, number))):
                found[over] = family
        return found

    def check(self, recipes: Sequence[Recipe], verifies: bool) -> None:
        """Raises UsageError for pairs that no claim has and, where it `verifies`, for fewer than a verdict takes."""
        for over, given in self.pairs.items():
            claims = [(recipe, claim) for recipe in recipes for claim in recipe.claims if claim.over == over]
            if given is not None and not claims:
                raise UsageError(f"--{over} {given}: no claim is over {over}", fix=f"Leave --{over} out.")
            least = max((least_of(recipe, claim) for recipe, claim in claims), default=0)
            for recipe, _ in claims if given is not None else ():
                if (count := len(self.families(recipe)[over].keys)) < least and verifies:
                    what = "pairs" if over == "seeds" else over
                    message = f"a verdict takes {least} {what}, and --{over} names {count}"
                    raise UsageError(message, fix=f"--{over} {least}")


def judge(names: Sequence[str], asked: Asked, verifies: bool = False) -> bool:
    """Trains what is missing and reports; whether no claim fell."""
    found = [each for each in read_recipes(find_recipes(names)) if is_possible(each, named=bool(names))]
    asked.check(found, verifies)
    for recipe in found:  # what is missing or damaged is told before hours of training
        for loaded in recipe.configs.values():
            locate(loaded.config.data)
        shipped_outcomes(recipe)
        if asked.update:
            readme_of(recipe)
    told: list[dict[str, Any]] = []
    with StopRequests() as stop:
        for number, recipe in enumerate(found, 1):
            if not asked.silent:
                is_namesake = recipe.name in recipes() and not is_shipped(recipe)
                own = f" in {recipe.path}, not the one that comes with tuner" if is_namesake else ""
                say_error(f"recipe {number} of {len(found)}: {recipe.name}{own}, {recipe.about.title}")
            groups = train(recipe, asked, stop)
            if stop.asked is not None:
                break
            told.append(report(recipe, groups, asked))
    if stop.asked is not None:
        raise typer.Exit(stop.asked.exit_code)
    if asked.manner.as_json:
        typer.echo(json.dumps({"recipes": told}))
    if asked.update and any(is_shipped(recipe) for recipe in found):
        write_page()
    return not any(each["fallen"] for each in told)


def is_possible(recipe: Recipe, named: bool) -> bool:
    """Whether this machine can train it. Raises ResourceError where it cannot, and the recipe was asked for by name."""
    error = hindrance(recipe)
    if error is not None and named:
        raise error
    if error is not None:
        say_error(f"note: {recipe.name} is left out: {error.message}")
    return error is None


def report(recipe: Recipe, groups: Groups, asked: Asked) -> dict[str, Any]:
    """Judges a recipe whose groups are trained, prints and writes what is found; what --json says of it."""
    (data, notes), shipped = judged(recipe, groups), shipped_outcomes(recipe)
    before = shipped or [None] * len(data["claims"])  # a claim that was shipped as one that does not hold cannot fall
    fallen = sum(
        not claim["holds"] and (not was or was["holds"]) for claim, was in zip(data["claims"], before, strict=True)
    )
    if asked.update:
        update_files(recipe, data, groups)
    for note in notes:
        say_error(f"note: {note}")
    if not asked.manner.as_json:
        if asked.manner.quiet:
            typer.echo(f"{recipe.name} {'fails' if fallen else 'holds'}")
        else:
            show(Answer([run_table(recipe, data["claims"], shipped)], data))
    return {"name": recipe.name, "path": str(recipe.path), **data, "shipped": shipped, "fallen": fallen}


def train(recipe: Recipe, asked: Asked, stop: StopRequests) -> Groups:
    """Trains the members of the recipe's groups that are missing; the groups with the members that were asked for.

    Raises TunerError where one could not be trained.
    """
    found: dict[tuple[str, str], Group] = {}
    request = Request(asked.manner.runs_dir, wait=asked.manner.wait, argv=command_line())
    families = asked.families(recipe)
    for stem, over in recipe.groups:
        file, family = str(recipe.path / f"{stem}.yaml"), families[over]
        loaded = load(file, default_name=recipe.configs[stem].config.name, options=family.options)
        session = open_group(file, (), loaded, family.varies, family.keys, request, family.options)
        path = session.path
        if path is None or len(session.trained()) < len(session.members):
            if stop.asked is not None:
                break
            try:
                path = follow(session, stop, asked.silent)
            except HeldError as error:
                raise HeldError(error.message, fix="Wait for it: --wait 30m.") from None
        if stop.asked is None:
            found[stem, over] = read_group(path).only(family.keys)
    return found


def follow(session: GroupSession, stop: StopRequests, silent: bool) -> Path:
    """Trains one group. Raises ResourceError or NotFoundError where a member could not be trained."""
    with Talk(None if silent else sys.stderr) as talk:
        view = GroupView(talk)
        for event in train_whole(session, stop):
            view.show(event)
            if isinstance(event, Ended):
                path = event.run
                view.end([])
                talk.line("")
    return path


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


def update_files(recipe: Recipe, data: dict[str, Any], groups: Groups) -> None:
    """Writes what was found; everything is made before anything is written. Raises ResourceError, UsageError."""
    readme, drawing = readme_of(recipe), draw(recipe, groups)
    if drawing is not None:
        keep(replace(drawing, file=recipe.path / "curves.svg"))
    if readme is not None:
        write_file(readme[0], (readme_with(readme[1], data["claims"]) or readme[1]).encode())
    write_file(recipe.path / RESULT, json_bytes(data))  # last: what the others show is judged by it


def draw(recipe: Recipe, groups: Groups) -> Chart | None:
    """The picture of all the groups that have an epoch to show, with the curves that belong to the claims' metrics
    unless the recipe names others; None where none has."""
    axis = recipe.about.curves.x
    metrics = metrics_on(axis, recipe.about.curves.metrics)
    try:
        tracks, _ = tracks_of(list(groups.values()), axis, metrics)
    except NotFoundError:  # all of them diverged at once
        return None
    stems = {str(group.path): stem for (stem, _), group in groups.items()}
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


def page_with(text: str, results: Sequence[tuple[Recipe, Sequence[Mapping[str, Any]]]]) -> str:
    """recipes/README.md with its three tables made anew: the cheat sheet that follows from all claims, those with what
    was found, the keys of a claim.yaml."""
    links = {recipe.name: f"({recipe.name}/README.md)" for recipe, _ in results}
    claims = [
        [f"[{recipe.name}]{links[recipe.name]}", *result_row(claim)] for recipe, found in results for claim in found
    ]
    abouts = [(recipe.about, f"[{recipe.about.title}]{links[recipe.name]}") for recipe, _ in results]
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
