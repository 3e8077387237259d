"""A recipe: configs that differ in one thing, trained with paired seeds, and a claim about what that thing does."""

from __future__ import annotations

from tuner.recipe.reading import Claim, ClaimFile, Curves, Recipe, find_recipes, read_recipe, read_recipes
from tuner.recipe.results import Outcome, groups_of, outcomes, shipped_outcomes

__all__ = [
    "Claim",
    "ClaimFile",
    "Curves",
    "Outcome",
    "Recipe",
    "find_recipes",
    "groups_of",
    "outcomes",
    "read_recipe",
    "read_recipes",
    "shipped_outcomes",
]
