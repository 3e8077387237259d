"""Results of a recipe as tables: what was found for each claim, beside what the recipe ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.answer import Cell, Column, Table
from tuner.figures import number
from tuner.recipe.reading import Recipe

COLUMNS = [
    Column("claim"),
    Column("metric"),
    Column("pairs", side="r"),
    *(Column(head, side="r") for head in ("difference", "95 % interval", "p")),
    Column("verdict"),
    Column("holds"),
]
SHIPPED = Column("shipped")


def result_table(claims: Sequence[Mapping[str, Any]]) -> Table:
    """What was found for each claim of a result.json."""
    return Table(COLUMNS, [result_row(claim) for claim in claims])


def result_row(claim: Mapping[str, Any]) -> list[Cell]:
    """``dropout against baseline``, and what was found."""
    holds = "yes" if claim["holds"] else f"no, expected {' or '.join(claim['expect'])}"
    return _row(claim, f"{claim['metric']} ({claim['direction']} is better)", holds)


def run_table(
    recipe: Recipe, found: Sequence[Mapping[str, Any]], shipped: Sequence[Mapping[str, Any] | None] | None
) -> Table:
    """What was found for each claim, beside what the recipe's own result.json says."""
    rows = []
    for claim, before in zip(found, shipped or [None] * len(found), strict=True):
        was = f"{signed(before['mean'])} {before['verdict']}" if before else "-"
        rows.append([*_row(claim, claim["metric"], "yes" if claim["holds"] else "NO"), was])
    return Table([*COLUMNS, SHIPPED], rows, title=f"{recipe.name}: {recipe.about.title}")


def _row(claim: Mapping[str, Any], metric: str, holds: str) -> list[Cell]:
    low, high = claim["low"], claim["high"]
    return [
        f"{claim['treatment']} against {claim['baseline']}",
        metric,
        claim["pairs"],
        signed(claim["mean"]),
        "-" if low is None or high is None else f"[{signed(low)}, {signed(high)}]",
        number(claim["p"]),
        claim["verdict"],
        holds,
    ]


def signed(value: float | None) -> str:
    """With a sign, also where it is above 0."""
    return "-" if value is None else f"{'+' if value > 0 else ''}{number(value)}"
