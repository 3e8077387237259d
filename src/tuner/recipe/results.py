"""What the groups of a recipe say of its claims, and what the recipe's own result.json says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuner.compare import compare
from tuner.durable import read_json
from tuner.errors import NotFoundError
from tuner.group import GroupSession, open_group
from tuner.recipe.reading import Claim, Recipe
from tuner.results import Group, parse_metric
from tuner.session import Request

RESULT = "result.json"


@dataclass(frozen=True)
class Outcome:
    """What was found for a claim, as `compare` says it."""

    pairs: int
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    verdict: str
    holds: bool


def groups_of(
    recipe: Recipe, seeds: Sequence[int], runs_dir: Path, argv: tuple[str, ...]
) -> Iterator[tuple[str, GroupSession]]:
    """The groups that the recipe's claims compare, each ready to be trained or found trained."""
    for stem, loaded in recipe.configs.items():
        request = Request(runs_dir, argv=argv)
        yield stem, open_group(recipe.source(stem), (), loaded, seeds, request)


def outcomes(recipe: Recipe, groups: Mapping[str, Group]) -> list[Outcome]:
    """One for each claim, in their order. Raises TunerError as `compare` does."""
    return [_outcome(claim, groups[claim.baseline], groups[claim.treatment]) for claim in recipe.claims]


def _outcome(claim: Claim, baseline: Group, treatment: Group) -> Outcome:
    metric = parse_metric(claim.metric)
    found = compare([baseline, treatment], metric, None, claim.least_effect, claim.direction).differences[0]
    return Outcome(
        found.pairs, found.mean, found.low, found.high, found.p, found.verdict, found.verdict in claim.expect
    )


def result_data(recipe: Recipe, found: list[Outcome]) -> dict[str, Any]:
    """result.json."""
    return {"claims": [{**claim.__dict__, **asdict(one)} for claim, one in zip(recipe.claims, found, strict=True)]}


def shipped_outcomes(recipe: Recipe) -> list[dict[str, Any]] | None:
    """The claims of the recipe's result.json; None where there is none, or it is of other claims."""
    try:
        claims = read_json(recipe.path / RESULT).get("claims")
    except NotFoundError:
        return None
    if not isinstance(claims, list) or len(claims) != len(recipe.claims):
        return None
    said = [{key: one.get(key) for key in Claim.model_fields} for one in claims if isinstance(one, dict)]
    return claims if said == [claim.__dict__ for claim in recipe.claims] else None
