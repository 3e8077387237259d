"""What early stopping would have done, as tables: one a run and metric, or one a group with the means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuner.early_stop import NEVER, STOPPED, Mean, Outcome, best_row, mean_of, others
from tuner.figures import figure, number, plural
from tuner.render.tables import Cell, table
from tuner.render.text import escape
from tuner.runs.rows import Row


@dataclass(frozen=True)
class Judged:
    """A run, and what each setting of one metric would have done with it."""

    path: str
    rows: Sequence[Row]
    planned: int
    outcomes: Sequence[Outcome]


def run_text(judged: Judged, monitor: str, markdown: bool, width: int | None) -> str:
    """A heading and a row a setting."""
    best = best_row(judged.rows, monitor)
    at = f"best {figure(best[monitor])} in epoch {best['epoch']}" if best else "never finite"
    heading = f"{escape(judged.path)}: {monitor}, {plural(len(judged.rows), 'epoch')} run, {at}"
    beside = list(others(judged.rows[-1], monitor))
    heads = ["patience", *_delta(judged.outcomes), "stops after", "saved", "best epoch", monitor, "worse by", *beside]
    rows = [_row(outcome, beside, len(judged.rows), len(heads)) for outcome in judged.outcomes]
    return _section(heading, heads, rows, markdown, width)


def group_text(path: str, members: Sequence[Judged], monitor: str, markdown: bool, width: int | None) -> str:
    """A heading and a row a setting: the means over the members."""
    means = [mean_of(outcomes) for outcomes in zip(*(member.outcomes for member in members), strict=True)]
    heading = f"{escape(path)}: {monitor}, mean over {plural(len(members), 'seed')}"
    beside = list(dict.fromkeys(key for mean in means for key in mean.others))
    delta = _delta(members[0].outcomes)
    heads = ["patience", *delta, "stops", "after", "saved", "best epoch", monitor, "worse by", *beside]
    rows = [_mean_row(mean, beside, bool(delta)) for mean in means]
    return _section(heading, heads, rows, markdown, width)


def plain_lines(judged: Judged) -> list[str]:
    """For scripts, a line a setting: patience, min_delta, the epoch of the stop (or never, unknown), the best epoch
    (or -), the metric, the run."""
    found = []
    for outcome in judged.outcomes:
        setting = outcome.setting
        stop = outcome.stop if outcome.verdict == STOPPED else outcome.verdict
        best = "-" if outcome.best_epoch is None else outcome.best_epoch
        found.append(
            f"{setting.patience} {setting.min_delta:.15g} {stop} {best} {setting.monitor} {escape(judged.path)}"
        )
    return found


def run_data(judged: Judged, monitor: str) -> dict[str, Any]:
    """For ``--json``."""
    best = best_row(judged.rows, monitor)
    return {
        "monitor": monitor,
        "epochs": len(judged.rows),
        "planned": judged.planned,
        "best_epoch": best["epoch"] if best else None,
        "best": best[monitor] if best else None,
        "settings": [
            {
                "patience": outcome.setting.patience,
                "min_delta": outcome.setting.min_delta,
                "verdict": outcome.verdict,
                "stop": outcome.stop,
                "saved": outcome.saved,
                "best_epoch": outcome.best_epoch,
                "value": outcome.value,
                "cost": outcome.cost,
                "others": others(outcome.best, monitor),
            }
            for outcome in judged.outcomes
        ],
    }


def group_data(members: Sequence[Judged], monitor: str) -> dict[str, Any]:
    """For ``--json``: the means over the members."""
    means = [asdict(mean_of(outcomes)) for outcomes in zip(*(member.outcomes for member in members), strict=True)]
    settings = [{**mean.pop("setting"), **mean} for mean in means]
    return {"monitor": monitor, "settings": [{k: v for k, v in each.items() if k != "monitor"} for each in settings]}


def _delta(outcomes: Sequence[Outcome]) -> list[str]:
    """The column is left out where nobody asked for it."""
    return ["min_delta"] if any(outcome.setting.min_delta for outcome in outcomes) else []


def _row(outcome: Outcome, beside: Sequence[str], epochs: int, width: int) -> list[Cell]:
    setting = outcome.setting
    first: list[Cell] = [str(setting.patience)]
    if width > len(beside) + 6:
        first.append(f"{setting.min_delta:g}")
    if outcome.verdict not in (STOPPED, NEVER):
        return [*first, f"unknown: ended at epoch {epochs}", *["-"] * (width - len(first) - 1)]
    stop = str(outcome.stop) if outcome.verdict == STOPPED else "never: ran to the end"
    kept = others(outcome.best, setting.monitor)
    figures = [figure(outcome.value), _cost(outcome.cost), *(figure(kept.get(name)) for name in beside)]
    return [*first, stop, str(outcome.saved), number(outcome.best_epoch), *figures]


def _mean_row(mean: Mean, beside: Sequence[str], delta: bool) -> list[Cell]:
    first: list[Cell] = [str(mean.setting.patience), *([f"{mean.setting.min_delta:g}"] if delta else [])]
    unknown = f", {mean.runs - mean.known} unknown" if mean.known < mean.runs else ""
    epochs = [_tenths(value) for value in (mean.stop, mean.saved, mean.best_epoch)]
    figures = [figure(mean.value), _cost(mean.cost), *(figure(mean.others.get(name)) for name in beside)]
    return [*first, f"{mean.stopped} of {mean.runs}{unknown}", *epochs, *figures]


def _tenths(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _cost(value: float | None) -> str:
    return "0" if value == 0 else figure(value)


def _section(
    heading: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]], markdown: bool, width: int | None
) -> str:
    align = "r" * len(heads)
    text = table(heads, rows, align, markdown=markdown, width=width)
    return f"**{heading}**\n\n{text}" if markdown else f"{heading}\n{text}"
