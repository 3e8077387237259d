"""What a look into an .npz file told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tuner.data.tabular.facts import Seen, seen_of

Layout = Literal["rows", "sequences", "one_channel", "channels_first", "channels_last"]
"""What the axes of x are."""


@dataclass(frozen=True)
class Held:
    """An array of the file, as its header tells."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Pair:
    """The samples of a part, their targets and what these are."""

    x: Held
    y: Held
    seen: Seen


@dataclass(frozen=True)
class Facts:
    """What a look into the file told: its parts, of train, test and validation, and arrays that are none of theirs."""

    pairs: dict[str, Pair]
    others: tuple[str, ...]


def facts_of(told: dict[str, Any]) -> Facts:
    """What JSON holds. Raises KeyError or TypeError for what is none."""

    def held(told: dict[str, Any]) -> Held:
        return Held(told["name"], tuple(told["shape"]), told["dtype"])

    pairs = {
        part: Pair(held(each["x"]), held(each["y"]), seen_of(each["seen"])) for part, each in told["pairs"].items()
    }
    return Facts(pairs, tuple(told["others"]))
