"""Results of recipes: the table in a terminal and in Markdown, and the page of all recipes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.choice import Section
from tuner.explain import default_text
from tuner.figures import number
from tuner.recipe import Claim, ClaimFile, Curves, Outcome, Recipe
from tuner.render.tables import table

START, END = "<!-- result -->", "<!-- /result -->"
PAGE_OWN = """## A recipe of your own

A folder with configs and a `claim.yaml` is a recipe; `tuner recipe run FOLDER` trains it and judges its claims, and
`tuner copy dropout` brings one to start from. The configs may extend one another; each needs a name of its own.

```yaml
title: Dropout helps on little data
minutes: 1
seeds: 10
claims:
  - baseline: baseline             # baseline.yaml
    treatment: dropout             # dropout.yaml
    keys: [model.dropout]          # in which they differ, and in nothing else
    metric: test_accuracy          # also val_loss@last, epochs(val_accuracy>=0.9), activation_std(hidden.0)@0
    direction: up
    least_effect: 0.005
    expect: [better]
```

`--update` writes `result.json` and `curves.svg` beside it and, in a `README.md`, the table of results between the lines
`<!-- result -->` and `<!-- /result -->`.
"""
_MARKED = re.compile(rf"^{START}[ \t]*\r?$.*?^{END}(?=[ \t]*\r?$)", re.MULTILINE | re.DOTALL)
HEADERS = ("claim", "metric", "pairs", "difference", "95 % interval", "p", "verdict", "holds")
ALIGN = "llrrrrll"
PAGE_HEAD = """# Recipes

Each folder proves one technique on real data: configs that differ in one thing, or in the two that a claim names,
paired seeds, the effect with its interval. `tuner recipe run NAME` trains one again and prints what it finds beside
what is written here; `tuner recipe verify` says by its exit code whether the claims still hold. This page is written by
`tuner recipe run --update`: every number in it was measured, none typed.

A difference is that of the first-named from the second. Seeds change the first weights, the order of the samples and
dropout; the split, the part of a data set that is used and its wrong labels are the same in all pairs, so that an
interval does not cover other data. p is that of one claim alone, not corrected for the number of claims. A claim holds
where the verdict is one that its claim.yaml expects; one that does not hold is kept. All recipes first ran with six
pairs; four were added to each of them after those had been seen.
"""


def claim_text(claim: Mapping[str, Any]) -> str:
    """``dropout against baseline``."""
    return f"{claim['treatment']} against {claim['baseline']}"


def result_rows(claims: Sequence[Mapping[str, Any]]) -> list[list[str | int | None]]:
    """A row for each claim of a result.json."""
    return [
        [
            claim_text(claim),
            f"{claim['metric']} ({claim['direction']} is better)",
            claim["pairs"],
            signed(claim["mean"]),
            interval(claim),
            number(claim["p"]) if claim["p"] is not None else None,
            claim["verdict"],
            "yes" if claim["holds"] else f"no, expected {' or '.join(claim['expect'])}",
        ]
        for claim in claims
    ]


def result_table(claims: Sequence[Mapping[str, Any]]) -> str:
    """What was found for each claim, in Markdown."""
    return table(HEADERS, result_rows(claims), ALIGN, markdown=True)


def readme_with(text: str, claims: Sequence[Mapping[str, Any]]) -> str | None:
    """A recipe's README with its result table between the marks, each on a line of its own; None where they are
    missing."""
    found = _MARKED.search(text)
    if found is None:
        return None
    line_end = "\r\n" if "\r\n" in text else "\n"
    table_text = line_end.join([START, *result_table(claims).split("\n"), END])
    return text[: found.start()] + table_text + text[found.end() :]


def run_text(recipe: Recipe, found: Sequence[Outcome], shipped: Sequence[Mapping[str, Any] | None] | None) -> str:
    """What was found for each claim, beside what the recipe's own result.json says."""
    rows: list[list[str | int | None]] = []
    for index, (claim, one) in enumerate(zip(recipe.claims, found, strict=True)):
        before = shipped[index] if shipped else None
        rows.append(
            [
                f"{claim.treatment} against {claim.baseline}",
                claim.metric,
                one.pairs,
                signed(one.mean),
                interval(one.__dict__),
                number(one.p) if one.p is not None else None,
                one.verdict,
                "yes" if one.holds else "NO",
                f"{signed(before['mean'])} {before['verdict']}" if before else "-",
            ]
        )
    head = f"{recipe.name}: {recipe.about.title}"
    return f"{head}\n{table([*HEADERS, 'shipped'], rows, ALIGN + 'l')}"


def page(recipes: Sequence[tuple[Recipe, Sequence[Mapping[str, Any]]]]) -> str:
    """recipes/README.md: all claims with what was found, and the cheat sheet that follows from them."""
    claims = [
        [f"[{recipe.name}]({recipe.name}/README.md)", *row[:1], *row[1:]]
        for recipe, found in recipes
        for row in result_rows(found)
    ]
    sheet = [
        [
            recipe.about.symptom,
            f"`{recipe.about.knob}`" if recipe.about.knob else "",
            f"[{recipe.about.title}]({recipe.name}/README.md)",
        ]
        for recipe, _ in recipes
        if recipe.about.symptom
    ]
    parts = [
        PAGE_HEAD,
        "## Cheat sheet\n",
        table(["what you see", "what to turn", "recipe"], sheet, "lll", markdown=True) + "\n",
        "## All claims\n",
        table(["recipe", *HEADERS], claims, "l" + ALIGN, markdown=True) + "\n",
        PAGE_OWN,
        table(["key", "allowed", "default", "what it is"], key_rows(), "llll", markdown=True) + "\n",
    ]
    return "\n".join(parts)


def key_rows() -> list[list[str]]:
    """A row for each key of a claim.yaml."""
    parts: dict[str, type[Section]] = {"": ClaimFile, "curves.": Curves, "claims[].": Claim}
    return [
        [f"`{start}{key}`", field.bound.words, default_text(field), field.help]
        for start, part in parts.items()
        for key, field in part.fields.items()
        if key != "curves"
    ]


def signed(value: float | None) -> str:
    return "-" if value is None else f"{'+' if value > 0 else ''}{number(value)}"


def interval(found: Mapping[str, Any]) -> str:
    low, high = found["low"], found["high"]
    return "-" if low is None or high is None else f"[{signed(low)}, {signed(high)}]"
