"""A recipe's folder -> its claims and configs, checked: every mistake at once, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tuner.choice import Section
from tuner.config import Loaded, load, meaning, side_by_side
from tuner.config.reader import Reader
from tuner.document import Items, Map, Node, Place, Scalar, decode, parse, read_bytes
from tuner.errors import ConfigError, Fault, NotFoundError, UsageError
from tuner.results import parse_metric
from tuner.shipped import nearest_of, recipes

CLAIM = "claim.yaml"


class Claim(Section):
    """What the treatment does to a metric, against a baseline that differs from it in `keys` alone."""

    baseline: str = Field(min_length=1, description="a config of the recipe: its file without .yaml")
    treatment: str = Field(min_length=1, description="another one")
    keys: list[str] = Field(min_length=1, description="the settings in which the two differ, and no others")
    metric: str = Field(min_length=1, description="what is compared, e.g. test_accuracy or val_loss@last")
    direction: Literal["up", "down"] = Field(description="which way is better")
    least_effect: float | None = Field(None, gt=0, description="the least difference worth having")
    expect: list[Literal["better", "worse", "equivalent", "undecided"]] = Field(
        min_length=1, description="the verdicts under which the claim holds"
    )


class Curves(Section):
    """What curves.svg shows; no metrics: those of the claims."""

    metrics: list[str] = Field([], description="columns of metrics.csv")
    x: Literal["epoch", "step", "time"] = Field("epoch", description="the x axis")


class ClaimFile(Section):
    """claim.yaml but for its claims, which are read one by one."""

    title: str = Field(min_length=1, description="the claim in one line")
    symptom: str = Field("", description="what someone sees who needs it")
    knob: str = Field("", description="which setting to turn")
    proves: list[str] = Field([], description="the names whose explanation links here")
    seeds: int = Field(6, ge=1, le=1000, description="how many pairs")
    minutes: float = Field(gt=0, description="what it takes on 2 cores")
    curves: Curves = Field(Curves(), description="what is drawn")


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

    def source(self, stem: str) -> str:
        return str(self.path / f"{stem}.yaml")


def find_recipes(names: Sequence[str]) -> list[Path]:
    """The folders that names of shipped recipes, or paths, mean; all shipped ones where none is named.

    Raises UsageError naming the nearest.
    """
    known = recipes()
    if not names:
        return list(known.values())
    found = []
    for name in names:
        if Path(name, CLAIM).is_file():
            found.append(Path(name))
        elif name in known:
            found.append(known[name])
        else:
            raise UsageError(f"there is no recipe {name}", fix=nearest_of(name, known))
    return found


def read_recipe(path: Path) -> Recipe:
    """Raises ConfigError with every mistake in claim.yaml, in its configs and between the two; NotFoundError."""
    top, file = _parse(path / CLAIM)
    listed = file.entries.pop("claims", None)
    reader = Reader(ClaimFile, top, [])
    about: ClaimFile = reader.section(ClaimFile, [file], "")
    claims = list(_claims(reader, top, listed))
    if reader.faults:
        raise ConfigError(reader.faults)
    configs: dict[str, Loaded] = {}
    faults: list[Fault] = []
    for stem in dict.fromkeys(stem for claim, _ in claims for stem in (claim.baseline, claim.treatment)):
        try:
            configs[stem] = load(str(path / f"{stem}.yaml"))
            faults += _name_faults(path, stem, configs[stem])
        except ConfigError as error:
            faults += error.faults
    for claim, place in claims:
        if claim.baseline in configs and claim.treatment in configs:
            faults += _differences(claim, place, configs)
    if faults:
        raise ConfigError(faults)
    return Recipe(path, about, tuple(claim for claim, _ in claims), configs)


def _parse(file: Path) -> tuple[Place, Map]:
    try:
        text = decode(read_bytes(file), str(file))
    except OSError as error:
        raise NotFoundError(f"cannot read {file}: {error.strerror or error}") from None
    top = Place(str(file), 1, 1, base=file.parent)
    node, faults = parse(text, top)
    if faults:
        raise ConfigError(faults)
    if not isinstance(node, Map):
        raise ConfigError([top.fault("a claim.yaml is a map", allowed="title, minutes, claims and more")])
    return top, node


def _claims(reader: Reader, top: Place, listed: tuple[Place, Node] | None) -> Iterator[tuple[Claim, Place]]:
    nodes: Sequence[Any] = listed[1].nodes if listed and isinstance(listed[1], Items) else ()
    if not nodes:
        reader.fault(listed[0] if listed else top, "claims", "claims are missing", allowed="a list of claims")
    for index, node in enumerate(nodes):
        before = len(reader.faults)
        claim = reader.section(Claim, [node], f"claims[{index}]")
        if len(reader.faults) > before or not isinstance(claim, Claim):
            continue
        place = node.entries["keys"][1].place
        try:
            parse_metric(claim.metric)
        except UsageError as error:
            metric = node.entries["metric"][1]
            reader.fault(metric.place, f"claims[{index}].metric", error.message, suggestion=error.fix,
                         given=metric.text if isinstance(metric, Scalar) else "")  # fmt: skip
        yield claim, place


def _name_faults(path: Path, stem: str, loaded: Loaded) -> Iterator[Fault]:
    wanted = f"{path.resolve().name}-{stem}"
    if loaded.config.name != wanted:
        message = f"its name is {loaded.config.name}; the runs of a recipe are told apart by RECIPE-CONFIG"
        yield Fault(message, str(path / f"{stem}.yaml"), 1, 1, key="name", suggestion=f"name: {wanted}")


def _differences(claim: Claim, place: Place, configs: dict[str, Loaded]) -> Iterator[Fault]:
    """The claim's two configs differ in its keys, in all of them and in nothing else."""
    both = [meaning(configs[stem].resolved) for stem in (claim.baseline, claim.treatment)]
    differing = [setting.key for setting in side_by_side(both) if setting.differs]
    pair = f"{claim.baseline} and {claim.treatment}"
    more = [key for key in differing if not any(_covers(said, key) for said in claim.keys)]
    if more:
        message = f"{pair} differ in more than the claim says: {', '.join(more)}"
        yield place.fault(message, key="keys", suggestion=f"[{', '.join([*claim.keys, *more])}]")
    same = [said for said in claim.keys if not any(_covers(said, key) or _covers(key, said) for key in differing)]
    if same:
        yield place.fault(f"{pair} do not differ in {', '.join(same)}", key="keys", allowed=", ".join(differing))


def _covers(said: str, key: str) -> bool:
    return key == said or key.startswith(f"{said}.")
