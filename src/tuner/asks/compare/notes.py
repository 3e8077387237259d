"""What makes a difference between groups hard to put down to one thing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields

from tuner.asks.compare.pairs import NEVER, Side
from tuner.config.comparison import side_by_side
from tuner.figures import some
from tuner.runs.family import without_seed
from tuner.runs.folder import Run
from tuner.runs.identity import NAMES, Identity
from tuner.runs.values import Metric


def notes_on(sides: Sequence[Side], metric: Metric) -> list[str]:
    """What a reader has to know beside the figures; `sides` begins with the baseline."""
    base = sides[0]
    notes = [f"left out of {side.name}: {each}" for side in sides for each in side.damaged]
    notes += _conditions(sides)
    notes += [note for side in sides[1:] for note in _settings(base, side)]
    notes += [note for side in sides[1:] for note in _diverged(base, side)]
    if metric.reached is not None:
        notes += [note for side in sides[1:] for note in _reached(base, side)]
    return notes


def _conditions(sides: Sequence[Side]) -> list[str]:
    """Devices, versions and data that are not the same everywhere, in one line."""
    found = []
    for part in (field.name for field in fields(Identity) if field.name not in ("config_hash", "data_fingerprint")):
        by_side = {side.name: sorted({getattr(run.identity, part) for run in _runs(side)}) for side in sides}
        values = {value for each in by_side.values() for value in each}
        if len(values) > 1:
            holders = {value: [name for name, each in by_side.items() if value in each] for value in sorted(values)}
            told = ", ".join(f"{value or 'none'} ({some(names, 3)})" for value, names in holders.items())
            found.append(f"{NAMES[part]} {told}")
    if len({run.identity.data_fingerprint for side in sides for run in _runs(side)}) > 1:
        found.append("the data (another fingerprint)")
    return [f"not everything else is equal: {'; '.join(found)}"] if found else []


def _runs(side: Side) -> list[Run]:
    return list(side.group.runs.values())


def _settings(base: Side, side: Side) -> list[str]:
    """Whether the two differ in one setting; another choice, with all its own settings, is one."""
    configs = [without_seed(each.group.first.config) for each in (base, side)]
    keys = [setting.key for setting in side_by_side(configs) if setting.differs]
    if len(keys) == 1:
        return []
    if not keys:
        return [f"{side.name} has the same settings as {base.name}"]
    command = shlex.join(["tuner", "diff", str(base.path), str(side.path)])
    return [
        f"{side.name} differs from {base.name} in {len(keys)} settings ({some(keys, 6)}), so that "
        f"a difference cannot be put down to one of them; `{command}` shows them"
    ]


def _diverged(base: Side, side: Side) -> list[str]:
    """Where one side diverged more often."""
    if base.diverged == side.diverged:
        return []
    here, there = (f"{each.diverged} of {len(each.group.runs)}" for each in (side, base))
    return [f"not equally stable: {side.name} diverged with {here} seeds, {base.name} with {there}"]


def _reached(base: Side, side: Side) -> list[str]:
    """Where fewer runs of one side got there: what is compared are the runs that did."""
    if base.why(NEVER) == side.why(NEVER):
        return []
    here, there = (f"{len(each.values)} of {each.why(NEVER) + len(each.values)}" for each in (side, base))
    said = f"{side.name} got there with {here} seeds, {base.name} with {there}"
    return [f"not equally far: {said}; only pairs in which both did are compared"]
