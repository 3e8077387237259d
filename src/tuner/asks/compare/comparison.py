"""Whether one thing was better than another: groups of runs that pair by their seed, each against a baseline.

A verdict needs seeds: "better" and "worse" follow an exact sign-flip test of the paired differences, corrected for the
number of comparisons, and nothing else. Here is plain data; printing is left to others.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.asks.compare.checks import check_groups, check_losses, direction_for, metric_for, names_of
from tuner.asks.compare.differences import Difference, differences_of
from tuner.asks.compare.notes import notes_on
from tuner.asks.compare.pairs import WITHOUT_VALUE, Side, check_shared, sides_of
from tuner.errors import UsageError
from tuner.runs.family import Group
from tuner.runs.folder import GROUP
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

    @property
    def seeds(self) -> list[int]:
        """Every seed that a group has."""
        return sorted({seed for side in self.sides for seed in side.group.runs})

    def as_data(self) -> dict[str, Any]:
        """What ``compare --json`` tells."""
        return {
            "metric": str(self.metric),
            "baseline": self.baseline.name,
            "direction": self.direction,
            "least_effect": self.least_effect,
            "groups": {side.name: _side(side) for side in self.sides},
            "differences": [_difference(each) for each in self.differences],
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
    sides = sides_of(groups, names, metric)
    direction = direction_for(metric, direction)
    for side in sides[1:]:
        check_shared(sides[0], side)
    differences = differences_of(sides, direction, least_effect)
    notes = notes_on(sides, metric)
    commands = training_commands(differences)
    return Comparison(metric, direction, least_effect, tuple(sides), tuple(differences), tuple(notes), tuple(commands))


def _side(side: Side) -> dict[str, Any]:
    seeds = {str(seed): side.values.get(seed) for seed in side.group.runs}
    left_out = {str(seed): why for seed, why in side.left_out.items()}
    return {"seeds": seeds, "mean": side.mean, "sd": side.deviation, "left_out": left_out, "path": str(side.path)}


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "group": difference.side.name,
        "pairs": difference.pairs,
        "mean": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "verdict": difference.verdict,
        "p_uncorrected": difference.p_alone,
        "sd": difference.deviation,
        "seeds": {str(seed): value for seed, value in difference.values.items()},
        "reason": difference.reason or None,
        "least_pairs": difference.least,
        "missing_pairs": difference.missing,
        "pairs_needed": difference.needed,
    }


# ---- more pairs ------------------------------------------------------------------------------------------------------


def training_commands(differences: Sequence[Difference]) -> list[str]:
    """One shell command for each group that has to grow before there are pairs enough for every verdict."""
    wanted: dict[str, int] = {}
    sides: dict[str, Side] = {}
    for difference in differences:
        for side in (difference.base, difference.side) if _is_worth_it(difference) else ():
            sides[side.name] = side
            wanted[side.name] = max(difference.seeds, wanted.get(side.name, 0))
    commands = [_command(side, wanted[name]) for name, side in sides.items()]
    return [command for command in commands if command]


def _is_worth_it(difference: Difference) -> bool:
    """Whether more pairs are needed and can be had: not where runs ended and none of one side has a value."""
    sides = (difference.base, difference.side)
    return difference.missing > 0 and not any(side.why(*WITHOUT_VALUE) and not side.values for side in sides)


def _command(side: Side, count: int) -> str:
    """Trains the seeds below `count` that `side` lacks; "" where it lacks none."""
    config = str(side.group.first.path / "config.yaml")
    if side.group.is_single and (side.path.parent / GROUP).is_file():
        return ""  # one of several seeds: its group is what has more pairs
    if side.group.is_single:
        return shlex.join(["tuner", "train", config, "--seeds", str(count), *_runs_dir(side.path.parent)])
    lacking = [seed for seed in range(count) if _is_lacking(side, seed)]
    if not lacking:
        return ""
    if (side.path / GROUP).is_file():
        named = ["--run", side.path.name, "--seeds", str(count)]
        return shlex.join(["tuner", "train", config, *named, *_runs_dir(side.path.parent)])
    folder = shlex.quote(str(side.path))
    one = f"tuner train {shlex.quote(config)} seed=$seed --run seed-$seed --runs-dir {folder}"
    return f"for seed in {' '.join(map(str, lacking))}; do {one}; done"


def _is_lacking(side: Side, seed: int) -> bool:
    """Whether the run of that seed is not there, or not trained to its end in the folder it would be looked for."""
    run = side.group.runs.get(seed)
    return run is None or (run.state in ("stopped", "crashed") and run.path.name == f"seed-{seed}")


def _runs_dir(folder: Path) -> list[str]:
    """The option, where it is not the default."""
    return [] if folder == Path("runs") else ["--runs-dir", str(folder)]
