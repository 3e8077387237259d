"""The recipes that come with tuner: what each is, and which of them proves what a name stands for."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from tuner.document.files import plain as plain_map
from tuner.errors import ConfigError, NotFoundError
from tuner.explain.language import plain
from tuner.shipped import recipes


@cache
def _claims() -> dict[str, dict[str, Any]]:
    """name -> claim.yaml, of the recipes that can be read."""
    found: dict[str, dict[str, Any]] = {}
    with suppress(NotFoundError):  # an installation without recipes explains all the rest
        for name, path in recipes().items():
            with suppress(NotFoundError, ConfigError):  # one that is damaged hides no other
                found[name] = plain_map(path / "claim.yaml")
    return found


def proofs(names: Iterable[str], said: str = "Recipe") -> list[str]:
    """A line for each recipe that proves one of the names: ``Recipe: dropout (title)``."""
    asked = {plain(name) for name in names}
    found = []
    for recipe, claim in _claims().items():
        proven = claim.get("proves")
        if isinstance(proven, list) and asked & {plain(str(name)) for name in proven}:
            found.append(f"{said}: {recipe} ({claim.get('title', '')}).")
    return found


def recipe_names() -> list[str]:
    """The recipes that come with tuner."""
    return list(_claims())


def recipe_text(name: str) -> tuple[str, str] | None:
    """(name, its README) of the recipe called so; None where there is none."""
    for recipe in _claims():
        if plain(recipe) == plain(name):
            return recipe, _readme(recipes()[recipe]) or str(_claims()[recipe].get("title", ""))
    return None


def _readme(folder: Path) -> str:
    """Without its title, the picture and the marks of its generated part."""
    try:
        lines = (folder / "README.md").read_text(encoding="utf-8").strip().splitlines()
    except OSError:
        return ""
    kept = [line for line in lines if not line.startswith(("<!--", "![", "# "))]
    return "\n".join(kept).strip()
