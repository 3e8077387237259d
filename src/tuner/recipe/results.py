"""What the groups of a recipe say of its claims, and what the recipe's own result.json says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tuner.asks.compare.comparison import Comparison, compare
from tuner.asks.compare.pairs import MISSING
from tuner.durable.reading import read_json, shown
from tuner.errors import NotFoundError
from tuner.group.opening import GroupSession, open_group
from tuner.recipe.reading import Claim, Recipe
from tuner.runs.family import Group
from tuner.runs.values import parse_metric
from tuner.session import Request

RESULT = "result.json"


@dataclass(frozen=True)
class Outcome:
    """What was found for a claim, as `compare` says it. With fewer pairs than a verdict takes no claim holds."""

    pairs: int
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    verdict: str
    holds: bool
    note: str = ""  # for people: why there are too few pairs


def groups_of(
    recipe: Recipe, seeds: Sequence[int], runs_dir: Path, argv: tuple[str, ...], wait: float = 0.0
) -> Iterator[tuple[str, GroupSession]]:
    """The groups that the recipe's claims compare, each ready to be trained or found trained."""
    for stem, loaded in recipe.configs.items():
        request = Request(runs_dir, argv=argv, wait=wait)
        yield stem, open_group(recipe.source(stem), (), loaded, seeds, request)


def outcomes(recipe: Recipe, groups: Mapping[str, Group]) -> list[Outcome]:
    """One for each claim, in their order. Raises TunerError as `compare` does."""
    return [_outcome(claim, groups[claim.baseline], groups[claim.treatment]) for claim in recipe.claims]


def _outcome(claim: Claim, baseline: Group, treatment: Group) -> Outcome:
    metric = parse_metric(claim.metric)
    compared = compare([baseline, treatment], metric, None, claim.least_effect, claim.direction)
    for side in compared.sides:
        for complaint in side.damaged:
            fix = f"Remove the member's folder in {shown(side.path)}; the same command trains it again."
            raise NotFoundError(complaint, fix=fix)
    found = compared.differences[0]
    holds = found.verdict in claim.expect and not found.missing
    note = _too_few(claim, compared) if found.missing else ""
    return Outcome(found.pairs, found.mean, found.low, found.high, found.p, found.verdict, holds, note)


def _too_few(claim: Claim, compared: Comparison) -> str:
    """Why there are fewer pairs than a verdict takes, in a line."""
    found = compared.differences[0]
    left_out = [
        f"{stem} seed {seed}: {why}"
        for stem, side in zip((claim.baseline, claim.treatment), compared.sides, strict=True)
        for seed, why in side.left_out.items()
        if why != MISSING
    ]
    more = f" ({', '.join(left_out[:4])}{', ...' * (len(left_out) > 4)})" if left_out else ""
    what = f"{claim.treatment} against {claim.baseline}, {claim.metric}"
    return f"{what}: {found.pairs} pairs{more}, and a verdict takes {found.least}"


def result_data(recipe: Recipe, found: list[Outcome]) -> dict[str, Any]:
    """result.json."""
    results = [{key: value for key, value in asdict(one).items() if key != "note"} for one in found]
    return {"claims": [{**claim.__dict__, **one} for claim, one in zip(recipe.claims, results, strict=True)]}


def shipped_outcomes(recipe: Recipe) -> list[dict[str, Any] | None] | None:
    """What the recipe's result.json says of each claim, None of one that was changed since; None where there is none.

    Raises NotFoundError where it is damaged.
    """
    file = recipe.path / RESULT
    if not os.path.lexists(file):
        return None
    claims = read_json(file).get("claims")
    if not isinstance(claims, list) or not all(_is_result(one) for one in claims):
        raise NotFoundError(f"{shown(file)} is damaged: it does not hold a result for each claim",
                            fix="`tuner recipe run --update` writes it anew.")  # fmt: skip
    known = [(({key: one.get(key) for key in Claim.fields}), one) for one in claims]
    return [next((one for said, one in known if said == claim.__dict__), None) for claim in recipe.claims]


def _is_result(one: Any) -> bool:
    """Whether it holds what an Outcome holds."""
    if not isinstance(one, dict):
        return False
    numbers = [one.get(key) for key in ("mean", "low", "high", "p")]
    return (
        all(number is None or type(number) in (int, float) for number in numbers)
        and isinstance(one.get("verdict"), str)
        and type(one.get("holds")) is bool
    )
