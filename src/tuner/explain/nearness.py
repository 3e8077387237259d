"""Which names a word that has no meaning may have stood for: a slip of the fingers, or the beginning of a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from tuner.explain.language import plain

CUTOFF = 0.8
"""How much of two words has to agree (twice the common letters by all letters): a slip or two in a word of ten. The
first letter is seldom missed: it agrees, or has changed places with the second."""
LEAST = 4
"""Letters from which on a beginning says something."""


def near(word: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """The candidates that were probably meant, best first; each spelling once."""
    by_letters: dict[str, str] = {}
    for candidate in candidates:
        by_letters.setdefault(plain(candidate), candidate)
    letters = plain(word)
    if not letters:
        return []
    alike = [name for name in by_letters if name[:1] == letters[0] or sorted(name[:2]) == sorted(letters[:2])]
    slips = get_close_matches(letters, alike, n=count, cutoff=CUTOFF)
    longer = sorted((name for name in by_letters if name.startswith(letters)), key=len) if len(letters) >= LEAST else []
    return [by_letters[name] for name in dict.fromkeys([*slips, *longer])][:count]
