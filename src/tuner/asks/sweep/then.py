"""What to type after a sweep, as it stands: what goes on, confirms, widens, or puts to use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuner.asks.sweep.axes import Edge
from tuner.paths import reference, typed
from tuner.runs.find import afterwards, calmer_command
from tuner.runs.folder import glance
from tuner.runs.sweep import FAILED, confirming_command, going_on
from tuner.runs.trials import Sweep

if TYPE_CHECKING:
    from tuner.asks.sweep.verdict import Confirmed

IS_BASE = "the best is the config as it is: there is nothing to confirm"


def is_base_alone(sweep: Sweep) -> bool:
    """Whether a sweep that was to confirm has found nothing but the config that it began with."""
    is_asked = isinstance(sweep.head.asked.get("confirm"), dict)
    return is_asked and bool(sweep.best) and all(each.trial.is_base for each in sweep.best)


def next_of(sweep: Sweep, edges: Sequence[Edge], verdict: Confirmed | None) -> str:
    """The command to type; `edges` are what its best trial has come to the end of."""
    done, wanted = sweep.confirming
    if not sweep.is_over or done < wanted:
        return going_on(sweep.head)
    if not sweep.best:
        return without_result(sweep)
    if edges:
        there, planner = sweep.wanted or len(sweep.outcomes), sweep.head.asked["planner"]
        more = f" --trials {there + max(planner['generation'], there // 2)}" * (planner["name"] != "grid")
        options = " ".join(edge.option for edge in edges)
        return f"tuner sweep {typed(sweep.path)} --extend {options}{more}"
    if (verdict is None and not isinstance(sweep.head.asked.get("confirm"), dict)) or (verdict and verdict.lacks):
        return confirming_command(sweep.head, verdict.lacks if verdict else 0)
    taken = afterwards(sweep.path, glance(sweep.best[0].trial.path).config)
    is_better = verdict is not None and verdict.winner is not None
    return (
        f"tuner sweep {typed(sweep.path)} --write best.yaml"
        if is_better and taken.startswith("tuner curves")
        else taken
    )


def without_result(sweep: Sweep) -> str:
    """The command for a sweep that is over, and no trial of it has finished: the same one would end as it did."""
    if sweep.head.enough is not None:
        return going_on(sweep.head)
    if sweep.head.time_is_up:
        return f"tuner sweep {typed(sweep.path)} --budget {math.ceil(2 * (sweep.head.budget or 1))}s"
    for each in sweep.outcomes.values():
        if each.state == "diverged":
            return calmer_command(each.trial.path, glance(each.trial.path).config.get("optimizer"))
    if any(each.state == FAILED for each in sweep.outcomes.values()):
        return f"{going_on(sweep.head)} --retry failed"
    return f"tuner show {reference(sweep.path)} trials"
