"""What the groups of a recipe say of its claims, beside what the recipe's own result.json says; both as tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.answer import Cell, Column, Table
from tuner.asks.compare.comparison import compare
from tuner.asks.compare.pairs import MISSING, uses_signs
from tuner.asks.compare.statistics import least_units
from tuner.config.varied import counted, named
from tuner.durable.reading import read_json, shown
from tuner.errors import NotFoundError
from tuner.figures import number, plural
from tuner.recipe.reading import OVER, Claim, Recipe
from tuner.runs.family import Group
from tuner.runs.values import parse_metric

RESULT = "result.json"
Groups = Mapping[tuple[str, str], Group]
"""A recipe's groups, each by its config and what it is over."""
FOUND = ("pairs", "mean", "low", "high", "p", "verdict")
"""What is kept of a difference, as `compare` says it."""

COLUMNS = [
    Column("claim"),
    Column("metric"),
    *(Column(head, side="r") for head in ("pairs", "difference", "95 % interval", "p")),
    Column("verdict"),
    Column("holds"),
]


def judged(recipe: Recipe, groups: Groups) -> tuple[dict[str, Any], list[str]]:
    """result.json, and for people why claims have fewer pairs than a verdict takes, with which none holds.

    Raises TunerError as `compare` does.
    """
    claims, notes = [], []
    for claim in recipe.claims:
        stems = (claim.baseline, claim.treatment)
        pair = [groups[stem, claim.over] for stem in stems]
        compared = compare(pair, parse_metric(claim.metric), claim.least_effect, claim.direction)
        found = compared.differences[0]
        holds = found.verdict in claim.expect and not found.missing
        claims.append({**claim.__dict__, **{key: getattr(found, key) for key in FOUND}, "holds": holds})
        if found.missing:
            out = [
                f"{stem} {named(side.group.varies, key)}: {why}"
                for stem, side in zip(stems, compared.sides, strict=True)
                for key, why in side.left_out.items()
                if why != MISSING
            ]
            more = f" ({', '.join(out[:4])}{', ...' * (len(out) > 4)})" if out else ""
            what = f"{claim.treatment} against {claim.baseline}, {claim.metric}"
            notes.append(f"{what}: {plural(found.pairs, compared.unit)}{more}, and a verdict takes {found.least}")
    return {"claims": claims}, notes


def least_of(recipe: Recipe, claim: Claim) -> int:
    """How many pairs a verdict on a claim takes."""
    signs = uses_signs(OVER[claim.over], recipe.configs[claim.baseline].resolved, parse_metric(claim.metric))
    return least_units(signs)


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
    known = [(one, {key: one.get(key, field.default) for key, field in Claim.fields.items()}) for one in claims]
    return [next((one | said for one, said in known if said == claim.__dict__), None) for claim in recipe.claims]


def _is_result(one: Any) -> bool:
    """Whether it holds what `judged` writes."""
    if not isinstance(one, dict):
        return False
    numbers = all(one.get(key) is None or type(one[key]) in (int, float) for key in ("mean", "low", "high", "p"))
    return numbers and isinstance(one.get("verdict"), str) and type(one.get("holds")) is bool


def result_row(claim: Mapping[str, Any]) -> list[Cell]:
    """``dropout against baseline``, and what was found, in COLUMNS."""
    holds = "yes" if claim["holds"] else f"no, expected {' or '.join(claim['expect'])}"
    return _row(claim, f"{claim['metric']} ({claim['direction']} is better)", holds)


def run_table(
    recipe: Recipe, found: Sequence[Mapping[str, Any]], shipped: Sequence[Mapping[str, Any] | None] | None
) -> Table:
    """What was found for each claim, beside what the recipe's own result.json says."""
    rows = []
    for claim, before in zip(found, shipped or [None] * len(found), strict=True):
        was = f"{_signed(before['mean'])} {before['verdict']}" if before else "-"
        rows.append([*_row(claim, claim["metric"], "yes" if claim["holds"] else "NO"), was])
    return Table([*COLUMNS, Column("shipped")], rows, title=f"{recipe.name}: {recipe.about.title}")


def _row(claim: Mapping[str, Any], metric: str, holds: str) -> list[Cell]:
    low, high = claim["low"], claim["high"]
    interval = "-" if low is None or high is None else f"[{_signed(low)}, {_signed(high)}]"
    pairs = claim["pairs"] if claim["over"] == "seeds" else counted(OVER[claim["over"]], claim["pairs"])
    return [f"{claim['treatment']} against {claim['baseline']}", metric, pairs,
            _signed(claim["mean"]), interval, number(claim["p"]), claim["verdict"], holds]  # fmt: skip


def _signed(value: float | None) -> str:
    """With a sign, also where it is above 0."""
    return "-" if value is None else f"{'+' if value > 0 else ''}{number(value)}"
