"""Whether one thing was better than another: groups of runs that pair by their seed, each against a baseline.

A verdict needs seeds: "better" and "worse" follow an exact sign-flip test of the paired differences, corrected for the
number of comparisons, and nothing else. Here is plain data; printing is left to others.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tuner.asks.compare.differences import Difference, differences_of
from tuner.asks.compare.pairs import (
    NEVER,
    WITHOUT_VALUE,
    Side,
    check_groups,
    check_losses,
    check_shared,
    direction_for,
    metric_for,
    names_of,
    side_of,
)
from tuner.config.comparison import side_by_side
from tuner.errors import UsageError
from tuner.figures import some
from tuner.runs.family import Group, without_seed
from tuner.runs.files import CONFIG
from tuner.runs.folder import GROUP
from tuner.runs.identity import NAMES, Identity
from tuner.runs.values import Metric


@dataclass(frozen=True)
class Comparison:
    """The answer. `sides` begins with the baseline; `differences` holds one for each of the others, in their order.

    `notes` are for people; `train` are shell commands that train the pairs which are missing.
    """

    metric: Metric
    direction: str
    least_effect: float | None
    sides: tuple[Side, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    train: tuple[str, ...]

    @property
    def baseline(self) -> Side:
        return self.sides[0]

    def as_data(self) -> dict[str, Any]:
        """What ``compare --json`` tells."""
        return {
            "metric": str(self.metric),
            "baseline": self.baseline.name,
            "direction": self.direction,
            "least_effect": self.least_effect,
            "groups": {side.name: side.as_data() for side in self.sides},
            "differences": [each.as_data() for each in self.differences],
            "notes": list(self.notes),
            "train": list(self.train),
        }


def compare(
    groups: Sequence[Group],
    metric: Metric | None = None,
    baseline: Group | None = None,
    least_effect: float | None = None,
    direction: str | None = None,
) -> Comparison:
    """Compares 2 to 20 groups, each with `baseline` (by default the first; it need not be among them).

    `metric` is the monitor where it is None. `direction` (``up``, ``down``: which way is better) is needed only where
    the metric has none of its own. Raises UsageError (a metric, direction or loss that does not fit) and NotFoundError
    (no common seed, a damaged run).
    """
    if baseline is not None:
        groups = [baseline, *(group for group in groups if group is not baseline)]
    check_groups(groups)
    if least_effect is not None and not (0 < least_effect < math.inf):
        raise UsageError(f"the least effect is a number above 0, not {least_effect}")
    names = names_of(groups)
    metric = metric or metric_for(groups, names)
    check_losses(groups, names, metric)
    seeds = sorted({seed for group in groups for seed in group.runs})
    sides = tuple(side_of(group, name, metric, seeds) for group, name in zip(groups, names, strict=True))
    direction = direction_for(metric, direction)
    check_shared(sides)
    differences = tuple(differences_of(sides, direction, least_effect))
    notes, commands = tuple(_notes(sides, metric)), tuple(_training(differences))
    return Comparison(metric, direction, least_effect, sides, differences, notes, commands)


# ---- more pairs ------------------------------------------------------------------------------------------------------


def _training(differences: Sequence[Difference]) -> list[str]:
    """One shell command for each group that has to grow before there are pairs enough for every verdict: not where runs
    ended and none of one side has a value."""
    wanted: dict[str, tuple[Side, int]] = {}
    for difference in differences:
        sides = (difference.base, difference.side)
        if difference.missing and not any(side.why(*WITHOUT_VALUE) and not side.values for side in sides):
            for side in sides:
                wanted[side.name] = side, max(difference.seeds, wanted.get(side.name, (side, 0))[1])
    commands = [_command(side, count) for side, count in wanted.values()]
    return [command for command in commands if command]


def _command(side: Side, count: int) -> str:
    """Trains the seeds below `count` that `side` lacks, or that did not come to their end in the folder they would be
    looked for; "" where it lacks none."""
    config = str(side.group.first.path / CONFIG)
    is_single, parent = side.group.is_single, side.path.parent
    if is_single and (parent / GROUP).is_file():
        return ""  # one of several seeds: its group is what has more pairs
    runs = [(seed, side.group.runs.get(seed)) for seed in range(count)]
    lacking = [
        str(seed)
        for seed, run in runs
        if run is None or (run.state in ("stopped", "crashed") and run.path.name == f"seed-{seed}")
    ]
    if is_single or (lacking and (side.path / GROUP).is_file()):
        named = [] if is_single else ["--run", side.path.name]
        place = [] if parent == Path("runs") else ["--runs-dir", str(parent)]
        return shlex.join(["tuner", "train", config, *named, "--seeds", str(count), *place])
    if not lacking:
        return ""
    folder = shlex.quote(str(side.path))
    one = f"tuner train {shlex.quote(config)} seed=$seed --run seed-$seed --runs-dir {folder}"
    return f"for seed in {' '.join(lacking)}; do {one}; done"


# ---- what a reader has to know beside the figures --------------------------------------------------------------------


def _notes(sides: Sequence[Side], metric: Metric) -> Iterator[str]:
    """What makes a difference between groups hard to put down to one thing."""
    base, others = sides[0], sides[1:]
    yield from (f"left out of {side.name}: {each}" for side in sides for each in side.damaged)
    if unequal := _conditions(sides):
        yield f"not everything else is equal: {'; '.join(unequal)}"
    for side in others:
        yield from _settings(base, side)
    for side in others:
        if base.diverged != side.diverged:
            here, there = (f"{each.diverged} of {len(each.group.runs)}" for each in (side, base))
            yield f"not equally stable: {side.name} diverged with {here} seeds, {base.name} with {there}"
    for side in others if metric.reached is not None else ():
        if base.why(NEVER) != side.why(NEVER):
            here, there = (f"{len(each.values)} of {each.why(NEVER) + len(each.values)}" for each in (side, base))
            said = f"{side.name} got there with {here} seeds, {base.name} with {there}"
            yield f"not equally far: {said}; only pairs in which both did are compared"


def _conditions(sides: Sequence[Side]) -> list[str]:
    """Devices, versions and data that are not the same everywhere."""
    found = []
    identities = {side.name: [run.identity for run in side.group.runs.values()] for side in sides}
    for part in (field.name for field in fields(Identity) if field.name not in ("config_hash", "data_fingerprint")):
        by_side = {name: {getattr(each, part) for each in known} for name, known in identities.items()}
        values = sorted({value for each in by_side.values() for value in each})
        if len(values) > 1:
            holders = {value: [name for name, each in by_side.items() if value in each] for value in values}
            told = ", ".join(f"{value or 'none'} ({some(names, 3)})" for value, names in holders.items())
            found.append(f"{NAMES[part]} {told}")
    if len({each.data_fingerprint for known in identities.values() for each in known}) > 1:
        found.append("the data (another fingerprint)")
    return found


def _settings(base: Side, side: Side) -> Iterator[str]:
    """Whether the two differ in one setting; another choice, with all its own settings, is one."""
    configs = [without_seed(each.group.first.config) for each in (base, side)]
    keys = [setting.key for setting in side_by_side(configs) if setting.differs]
    if not keys:
        yield f"{side.name} has the same settings as {base.name}"
    elif len(keys) > 1:
        command = shlex.join(["tuner", "diff", str(base.path), str(side.path)])
        yield (
            f"{side.name} differs from {base.name} in {len(keys)} settings ({some(keys, 6)}), so that "
            f"a difference cannot be put down to one of them; `{command}` shows them"
        )
