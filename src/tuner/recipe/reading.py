"""A recipe's folder -> its claims and configs, checked: every mistake at once, with its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.bounds import Integer, ListOf, Null, Number, OneOf, Part, Text
from tuner.choice import Section, nearest, nearest_of, setting
from tuner.config.comparison import side_by_side
from tuner.config.load import load
from tuner.config.loaded import Loaded
from tuner.config.reader import Reader
from tuner.config.varied import SEEDS, SPLITS, shared
from tuner.document.files import read_text
from tuner.document.nodes import Items, Map, Node, Place
from tuner.document.parsing import parse
from tuner.durable.reading import shown
from tuner.errors import ConfigError, Fault, Faults, ResourceError, UsageError
from tuner.machine import device_for
from tuner.options.metrics import column as column_of
from tuner.paths import expanded
from tuner.quantities import LAYER, WHOLE_RUN
from tuner.runs.values import Metric, layer_metrics, measured_loss, parse_metric, possible_metrics
from tuner.shipped import CLAIM, recipes

OVER = {"seeds": SEEDS, "splits": SPLITS}
"""What the runs of a claim's pairs differ in, as claim.yaml says it."""
Places = Mapping[str, Place]
"""Where a claim's values stand: key -> place."""


class Claim(Section):
    """What the treatment does to a metric, against a baseline that differs from it in `keys` alone."""

    baseline: str = setting(Text(least=1), "a config of the recipe: its file without .yaml")
    treatment: str = setting(Text(least=1), "another one")
    keys: list[str] = setting(ListOf(Text(), least=1, most=100), "the settings in which the two differ, and no others")
    metric: str = setting(Text(least=1), "what is compared, e.g. test_accuracy or val_loss@last")
    direction: str = setting(OneOf("up", "down"), "which way is better")
    least_effect: float | None = setting(Null(Number(gt=0)), "the least difference worth having", default=None)
    over: str = setting(
        OneOf(*OVER), "what the runs of the pairs differ in: seeds on one split, or splits, each a seed, too",
        default="seeds",
    )  # fmt: skip
    expect: list[str] = setting(
        ListOf(OneOf("better", "worse", "equivalent", "undecided"), least=1, most=10),
        "the verdicts under which the claim holds",
    )


class Curves(Section):
    """What curves.svg shows; no metrics: those of the claims."""

    metrics: list[str] = setting(
        ListOf(Text(), most=100), "columns of metrics.csv, or activation_std@0 and the like over layer", default=[]
    )
    x: str = setting(OneOf("epoch", "step", "time", "layer"), "the x axis", default="epoch")


class ClaimFile(Section):
    """claim.yaml but for its claims, which are read one by one."""

    title: str = setting(Text(least=1), "the claim in one line")
    symptom: str = setting(Text(), "what someone sees who needs it", default="")
    knob: str = setting(Text(), "which setting to turn", default="")
    proves: list[str] = setting(ListOf(Text(), most=1000), "the names whose explanation links here", default=[])
    seeds: int = setting(Integer(ge=1, le=1000), "how many pairs a claim over seeds has", default=6)
    splits: int = setting(Integer(ge=1, le=1000), "how many a claim over splits has", default=8)
    minutes: float = setting(Number(gt=0), "what it takes on 2 cores")
    curves: Curves = setting(Part(Curves), "what is drawn", default=Curves())


@dataclass(frozen=True)
class Recipe:
    """A recipe whose claims and configs passed every check; `configs` stand in the order of the claims."""

    path: Path
    about: ClaimFile
    claims: tuple[Claim, ...]
    configs: dict[str, Loaded]

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def groups(self) -> list[tuple[str, str]]:
        """What its claims compare: a config, and what its runs are over; each once, seeds first."""
        needed = {(stem, claim.over) for claim in self.claims for stem in (claim.baseline, claim.treatment)}
        return [each for over in OVER for stem in self.configs if (each := (stem, over)) in needed]


def find_recipes(names: Sequence[str]) -> list[Path]:
    """The folders that names of shipped recipes, or paths, mean; all shipped ones where none is named.

    Raises UsageError naming the nearest.
    """
    known = recipes()
    if not names:
        return list(known.values())
    found = []
    for name in map(expanded, names):
        path = Path(name).parent if os.path.basename(name) == CLAIM else Path(name)  # noqa: PTH119
        if os.path.isfile(path / CLAIM):  # noqa: PTH113 - Path's own raises for what cannot be read
            found.append(path)
        elif name in known:
            found.append(known[name])
        elif os.path.isdir(name):  # noqa: PTH112
            raise UsageError(f"{shown(name)} is no recipe: it has no {CLAIM} that can be read",
                             fix="`tuner copy dropout` brings a recipe to start from.")  # fmt: skip
        else:
            raise UsageError(f"there is no recipe {shown(name)}", fix=nearest_of(name, known))
    return found


def hindrance(recipe: Recipe) -> ResourceError | None:
    """Why this machine cannot train it, if it cannot."""
    for loaded in recipe.configs.values():
        try:
            device_for(loaded.config.training.device, loaded.config.training.precision)
        except ResourceError as error:
            return error
    return None


def read_recipes(paths: Sequence[Path]) -> list[Recipe]:
    """Raises ConfigError with the mistakes of all of them, and NotFoundError."""
    found: list[Recipe] = []
    faults = Faults()
    for path in paths:
        try:
            found.append(read_recipe(path))
        except ConfigError as error:
            faults += error.found
    if faults:
        raise ConfigError(faults)
    return found


def read_recipe(path: Path) -> Recipe:
    """Raises ConfigError with every mistake in claim.yaml, in its configs and between the two; NotFoundError."""
    top, file = _parse(path / CLAIM)
    listed = file.entries.pop("claims", None)
    reader = Reader(ClaimFile, top, also=("claims",))
    about = reader.section(ClaimFile, [file], "")
    claims = list(_claims(reader, top, listed))
    configs = _configs(path, claims, reader.faults)
    faults = reader.faults
    holders: dict[str, str] = {}
    for stem, loaded in configs.items():
        holder = holders.setdefault(loaded.config.name, stem)
        if holder != stem:
            message = f"{stem} is called {loaded.config.name}, and so is {holder}: their runs could not be told apart"
            hint = f"name: {path.resolve().name}-{stem}"
            faults.append(Fault(message, str(path.resolve() / f"{stem}.yaml"), 1, 1, key="name", suggestion=hint))
    for claim, places in claims:
        if claim.baseline in configs and claim.treatment in configs:
            faults += _differences(claim, places, configs)
        faults += _measured(claim, places, configs)
    unused = {*OVER} - {claim.over for claim, _ in claims}
    for key in unused & reader.origins.keys() if not faults else ():
        reader.fault(reader.origins[key], key, f"no claim is over {key}", suggestion=f"over: {key} in a claim")
    if isinstance(about, ClaimFile):
        faults += _drawn(about.curves, reader.origins.get("curves.metrics", top), configs)
    if faults:
        raise ConfigError(faults)
    return Recipe(path, about, tuple(claim for claim, _ in claims), configs)


def _configs(path: Path, claims: Sequence[tuple[Claim, Places]], faults: Faults) -> dict[str, Loaded]:
    """The configs that the claims name; what is wrong with the others is added to `faults`."""
    found: dict[str, Loaded] = {}
    named = {getattr(claim, key): (key, places[key]) for claim, places in claims for key in ("treatment", "baseline")}
    for stem in dict.fromkeys(stem for claim, _ in claims for stem in (claim.baseline, claim.treatment)):
        key, place = named[stem]
        if not os.path.lexists(path / f"{stem}.yaml"):
            there = ", ".join(sorted(file.stem for file in path.glob("*.yaml") if file.name != CLAIM))
            faults.append(place.fault(f"there is no {stem}.yaml in this recipe", key=key, given=stem, allowed=there))
            continue
        try:
            found[stem] = load(str(path / f"{stem}.yaml"), default_name=f"{path.resolve().name}-{stem}")
        except ConfigError as error:
            faults += error.found
    return found


def _parse(file: Path) -> tuple[Place, Map]:
    top = Place(str(file), 1, 1, base=file.parent)
    node, faults = parse(read_text(file), top)
    if faults:
        raise ConfigError(faults)
    if not isinstance(node, Map):
        raise ConfigError([top.fault("a claim.yaml is a map", allowed="title, minutes, claims and more")])
    return top, node


def _claims(reader: Reader, top: Place, listed: tuple[Place, Node] | None) -> Iterator[tuple[Claim, Places]]:
    """The claims without mistakes of their own, each with the places of its values."""
    nodes: Sequence[Any] = listed[1].nodes if listed and isinstance(listed[1], Items) else ()
    if not nodes:
        reader.fault(listed[0] if listed else top, "claims", "claims are missing", allowed="a list of claims")
    for index, node in enumerate(nodes):
        before = reader.faults.count
        reader.origins[f"claims[{index}]"] = node.place
        claim = reader.section(Claim, [node], f"claims[{index}]")
        if reader.faults.count == before and isinstance(claim, Claim):
            yield claim, {key: value.place for key, (_, value) in node.entries.items()}


# ---- what has to hold between the claims and the configs -------------------------------------------------------------


def _differences(claim: Claim, places: Places, configs: Mapping[str, Loaded]) -> Iterator[Fault]:
    """The claim's two configs differ in its keys, in all of them and in nothing else but what all its pairs vary."""
    both = [shared(configs[stem].resolved, OVER[claim.over]) for stem in (claim.baseline, claim.treatment)]
    differing = [setting.key for setting in side_by_side(both) if setting.differs]
    pair = f"{claim.baseline} and {claim.treatment}"
    more = [key for key in differing if not any(_covers(said, key) for said in claim.keys)]
    same = [said for said in claim.keys if not any(_covers(said, key) or _covers(key, said) for key in differing)]
    if more:
        message = f"{pair} differ in more than the claim says: {', '.join(more)}"
        kept = [said for said in claim.keys if said not in same]
        yield places["keys"].fault(message, key="keys", suggestion=f"[{', '.join([*kept, *more])}]")
    if same:
        allowed = ", ".join(differing) or "two configs that differ in something"
        yield places["keys"].fault(f"{pair} do not differ in {', '.join(same)}", key="keys", allowed=allowed)


def _covers(said: str, key: str) -> bool:
    return key == said or key.startswith(f"{said}.")


def _measured(claim: Claim, places: Places, configs: Mapping[str, Loaded]) -> Iterator[Fault]:
    """Runs of both configs have the claim's metric, it means the same in both, and better is where it should be."""
    place = places["metric"]
    try:
        metric = parse_metric(claim.metric)
    except UsageError as error:
        yield place.fault(error.message, key="metric", given=claim.metric, suggestion=error.fix)
        return
    if metric.direction not in (None, claim.direction):
        message = f"of {metric} {metric.direction} is better, not {claim.direction}"
        yield places["direction"].fault(
            message, key="direction", given=claim.direction, suggestion=f"direction: {metric.direction}"
        )
    for stem in dict.fromkeys((claim.baseline, claim.treatment)):
        if stem in configs:
            yield from _has(configs[stem], stem, metric, place)
    both = [configs[stem].resolved for stem in (claim.baseline, claim.treatment) if stem in configs]
    if metric.column.endswith("_loss") and len(both) == 2:
        one, other = (measured_loss(config, metric.column) for config in both)
        if one != other:
            message = f"{metric.column} is not the same loss in {claim.baseline} and {claim.treatment}"
            yield place.fault(message, key="metric", allowed="a metric that both measure alike, such as an accuracy")


def _has(loaded: Loaded, stem: str, metric: Metric, place: Place) -> Iterator[Fault]:
    """A fault where runs of a config have no such metric."""
    config, column = loaded.config, metric.column
    there, inside = possible_metrics(loaded), layer_metrics(loaded)
    if column in (*there, *inside):
        return
    is_of_layer = column.startswith(tuple(LAYER))
    message = f"runs of {stem} have no metric {column}"
    if is_of_layer and config.layer_stats == "none":
        message += ": its layer_stats is none"
    if column_of(column).part == "test" and config.training.test == "ask":
        message += ": its training.test is ask"
    near = nearest(column, inside if is_of_layer else there)
    yield place.fault(message, key="metric", given=column, allowed=", ".join(inside if is_of_layer else there),
                      suggestion=near)  # fmt: skip


def _drawn(curves: Curves, place: Place, configs: Mapping[str, Loaded]) -> Iterator[Fault]:
    """Faults where a run of no config has one of the metrics that curves.svg is to show."""
    if curves.x == "layer":
        for metric in curves.metrics:
            if metric.partition("@")[0] not in LAYER:
                message = f"{metric} is nothing that a layer has"
                yield place.fault(message, key="curves.metrics", given=metric, allowed=", ".join(LAYER))
        return
    columns = [column_of(each) for loaded in configs.values() for each in possible_metrics(loaded)]
    kept = [each for each in columns if each.part != "test" and each.name not in WHOLE_RUN]
    known = dict.fromkeys([*map(str, kept), *(each.name for each in kept if each.part)])
    for metric in curves.metrics:
        if known and metric not in known:
            message = f"there are no curves of {metric}"
            yield place.fault(message, key="curves.metrics", given=metric, allowed=", ".join(known))
