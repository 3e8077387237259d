"""The settings that a YAML file may have under `sweep`, as classes; how they are read is told in `config.sweep`."""

from __future__ import annotations

from typing import Any, Literal

from tuner.bounds import Bound, Integer, Null, Of, OneOf, Part, Schema, Text, kept
from tuner.choice import Section, setting
from tuner.options.pruners import NoPruner, Pruner


class Anything(Bound):
    """The map of a space, which is read with its places."""

    words = plural = "a map of settings, each with a list of values or a range {low: ..., high: ...}"
    schema: Schema = {"type": "object"}
    is_map = True

    def check(self, value: Any) -> Any:
        return kept(value, isinstance(value, dict))


class Confirm(Section):
    """The best trials and the config without any change are trained with other seeds, and compared on test data."""

    top: int = setting(Integer(ge=1, le=19), "how many of the best trials", default=3)
    seeds: int = setting(
        Integer(ge=1, le=1000),
        "seeds each, more where an extended search takes them: the first of 0, 1, 2 ... but the config's",
        default=8,
    )


class Sweep(Section):
    """A search among configs."""

    planner: Literal["auto", "grid", "random", "tpe"] = setting(
        OneOf("auto", "grid", "random", "tpe"),
        "grid: every combination; random: points drawn evenly; tpe: points near the good ones (Bergstra et al. 2011); "
        "auto: grid where trials is null and every setting has values or points, else tpe",
        default="auto",
    )
    seed: int = setting(Integer(ge=0, le=2**32 - 1), "what random and tpe draw by", default=0)
    trials: int | None = setting(
        Null(Integer(ge=1, le=100_000)), "how many configs are trained; not with grid", default=None
    )
    generation: int | None = setting(
        Null(Integer(ge=1, le=10_000)),
        "trials that are planned, and pruned, together, however many are trained at once; null: 8",
        default=None,
    )
    metric: str | None = setting(Null(Text()), "what is searched for; null: training.monitor", default=None)
    space: dict[str, Any] = setting(Anything(), "the settings that are searched, and what each may be", default={})
    prune: Pruner = setting(Of(Pruner), "which trials are given up early; or none", default=NoPruner())
    keep: int = setting(Integer(ge=0), "how many of the best trials keep their weights", default=3)
    confirm: Confirm | None = setting(
        Null(Part(Confirm), empty="none"), "what is made of the best; or none", default=Confirm()
    )
