"""What a look into an .npz file told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tuner.data.tabular.facts import Seen, seen_of

Layout = Literal["rows", "sequences", "one_channel", "channels_first", "channels_last"]
"""What the axes of x are."""

LAYOUTS: dict[int, tuple[Layout, ...]] = {
    2: ("rows",),
    3: ("one_channel", "sequences"),
    4: ("channels_first", "channels_last"),
}
"""What an array of so many axes can be."""


def shape_of(layout: Layout, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of one sample of an array (N, ...), as a network is given it."""
    own = shape[1:]
    return (1, *own) if layout == "one_channel" else (own[2], *own[:2]) if layout == "channels_last" else own


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
