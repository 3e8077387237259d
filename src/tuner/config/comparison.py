"""What makes two configs the same, and in what configs differ.

Works on resolved settings, as config.yaml holds them: plain values, without the classes of the language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuner.document.writing import flow

NOT_MEANING = ("name", "tags", "data.root", "data.path", "data.test_path", "checkpoint", "layer_stats",
               "training.test", "training.device", "training.threads")  # fmt: skip
"""Keys that do not count when two configs are compared (they name, place or save a run, but do not change it)."""

PLACES = ("data.path", "data.test_path")
"""Of these the keys that say where data lie: what lies there counts instead."""

NEUTRAL: dict[str, Any] = {
    "training.test": "end",
    "training.precision": "float32",
    "training.stop_after": None,
    "data.fold": None,
    "data.weights": None,
    "optimizer.lr_factors": {"weights": 1.0, "bias": 1.0, "input_scale": 1.0},
    "model.input_scale": False,
    "model.embeddings": "none",
}
"""Keys that came into the language later, each with the value that says what was done before: absent reads as that,
and it does not count when two configs are compared."""

OF_TRAINING_DATA = ("normalize", "standardize_target", "shuffle", "order", "augment", "label_noise")
"""Settings of data that leave alone which samples validation data are, and what they are to be called."""

STAYED = "; set for "
"""Stands in the origin of a setting that was set for another choice and stayed, before the name of that one."""

SWEEP = "sweep"
"""The key of what `tuner sweep` alone reads: no setting of a run."""

ABSENT: Any = object()
"""Stands for the value of a setting in a config that has no such setting."""


def meaning_hash(resolved: dict[str, Any]) -> str:
    """sha256 of what makes two configs the same: every setting but those that name, place or save a run."""
    text = json.dumps(meaning(resolved), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def meaning(resolved: dict[str, Any], *, places: bool = False) -> dict[str, Any]:
    """The settings that count when two configs are compared; with `places` those that say where data lie, too: for
    configs of which it is not known that the same data lie there."""
    kept = {key: value for key, value in resolved.items() if key not in NOT_MEANING}
    for path in (*(each for each in NOT_MEANING if not (places and each in PLACES)), *NEUTRAL):
        section, _, key = path.partition(".")
        inner = kept.get(section)
        if key and isinstance(inner, dict) and (path in NOT_MEANING or inner.get(key, ABSENT) == NEUTRAL[path]):
            kept[section] = {name: value for name, value in inner.items() if name != key}
    return kept


def leaves(values: Any, path: str = "") -> list[tuple[str, Any]]:
    """(key, value) of every setting; a list is one value."""
    if isinstance(values, dict):
        return [leaf for key, value in values.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))]
    return [(path, values)]


@dataclass(frozen=True)
class Setting:
    """A setting of several configs, with one value a config; a list is one value.

    A choice that not all configs have alike is one setting, too, as is a section that is ``none`` in some of them: the
    values are then whole choices, as config.yaml holds them, and `inside` has the settings of each. The name of a
    choice that all have alike is a setting of its own (``optimizer.name``).
    """

    key: str
    values: tuple[Any, ...]
    inside: tuple[Setting, ...] = ()

    @property
    def differs(self) -> bool:
        return any(value is ABSENT or value != self.values[0] for value in self.values)

    def changes(self, one: int = 0, other: int = 1) -> list[Setting]:
        """What changes from one of the configs to another: this setting, unless both have the same choice, and of what
        is inside that which both have; what comes and goes with a switched choice is part of the switch."""
        pair = self.values[one], self.values[other]
        maps = [value for value in pair if isinstance(value, dict) and self.inside]
        is_same = pair[0] == pair[1] or (len(maps) == 2 and maps[0].get("name") == maps[1].get("name"))
        shared = [each for each in self.inside if ABSENT not in (each.values[one], each.values[other])]
        return [*([] if is_same else [self]), *(change for each in shared for change in each.changes(one, other))]


def side_by_side(configs: Sequence[Any], path: str = "") -> list[Setting]:
    """The settings of several configs, in the order of the first one; those that `differs` says are what changed.

    With `path`: those of what stands there; what is no map (a bare name, ``none``, ABSENT) has none.
    """
    entries = [value if isinstance(value, dict) else {} for value in configs]
    found: list[Setting] = []
    for key in dict.fromkeys(key for entry in entries for key in entry if key != "name" or not path):
        below = f"{path}.{key}".lstrip(".")
        values = tuple(entry.get(key, NEUTRAL.get(below, ABSENT)) for entry in entries)
        maps = [value for value in values if isinstance(value, dict)]
        inside = side_by_side(values, below) if maps else []
        names = tuple(name_of(value) for value in values)
        is_choice = any("name" in value for value in maps)
        if is_choice and all(name == names[0] for name in names):
            found += [Setting(f"{below}.name", names), *inside]
        elif len(maps) == len(values) and not is_choice:  # a section
            found += inside
        else:
            found.append(Setting(below, values, tuple(inside)))
    return found


def name_of(value: Any) -> Any:
    """The name of a choice, which is a map with its name or the bare name; any other value as it is."""
    return value.get("name", value) if isinstance(value, dict) else value


def brief(value: Any) -> str:
    """A value of a setting on one line; of a choice its name."""
    return "nothing" if value is ABSENT else flow(name_of(value))


def moves_the_measure(key: str) -> bool:
    """Whether a setting changes which samples are measured, or what is right for them."""
    section, _, inner = key.partition(".")
    return section == "data" and inner.partition(".")[0] not in OF_TRAINING_DATA
