"""Whether one thing was better than another: groups of runs that pair by their seed, each against a baseline.

A verdict needs seeds: "better" and "worse" follow an exact sign-flip test of the paired differences, corrected for the
number of comparisons, and nothing else. Here is plain data; printing is left to others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tuner.asks.compare.checks import check_groups, check_losses, direction_for, metric_for, names_of
from tuner.asks.compare.differences import Difference, differences_of
from tuner.asks.compare.notes import notes_on
from tuner.asks.compare.pairs import Side, check_shared, sides_of
from tuner.asks.compare.training import training_commands
from tuner.errors import UsageError
from tuner.runs.family import Group
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
