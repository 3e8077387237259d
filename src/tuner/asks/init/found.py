"""What a table tells before anything is trained: its target, columns that are no inputs, what a person should know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner.data.columns import is_numeric
from tuner.data.table import Table
from tuner.data.tabular import asked
from tuner.data.tabular.facts import Facts, Seen
from tuner.data.tabular.findings import nearly, sampled, to_drop
from tuner.figures import some

UNEQUAL = 0.2
"""Rows of the smallest class by those of the largest below which classes are very unequal."""


@dataclass(frozen=True)
class Found:
    """What was found in a table: `why` the target is predicted as classes or numbers, the settings of data that were
    `given`, the `dropped` columns with the reason of each, and what else there is to remark."""

    path: Path
    facts: Facts
    target: Seen
    task: str
    why: str
    given: Mapping[str, Any]
    dropped: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Those with a target."""
        return sum(self.facts.rows) - self.target.missing

    def as_json(self) -> dict[str, Any]:
        columns = [{"name": seen.name, "kind": seen.kind, "missing": seen.missing, "distinct": seen.distinct,
                    "dropped": self.dropped.get(seen.name)} for seen in self.facts.columns]  # fmt: skip
        target = {"name": self.target.name, "task": self.task, "why": self.why}
        return {"rows": sum(self.facts.rows), "written": self.facts.dialect, "target": target, "columns": columns,
                "remarks": list(self.remarks)}  # fmt: skip


def look(path: Path, target: str | None, task: str, source: Table, given: Mapping[str, Any]) -> Found:
    """What the table of this source tells. Raises UsageError where its target is not told, ConfigError for a setting
    that names no column, NotFoundError where it cannot be trained on."""
    facts = source.facts()
    seen = {each.name: each for each in facts.columns}
    if target is None or target not in seen:
        raise asked.no_target(path, facts, "--target COLUMN says which one to predict", target or "")
    source.replace(target=target).checked(list(seen))
    gaps = "drop" if seen[target].missing else "error"
    column = source.replace(target=target, task=task, missing_target=gaps).target_column(seen[target])
    rows, told = sampled(path, source, facts), {source.id, source.group, source.time}
    is_class = bool(column.categories)
    dropped = {name: why for name, why in to_drop(facts, rows, target, is_class=is_class).items() if name not in told}
    dropped |= dict.fromkeys(source.drop, "as asked")
    meant = "classes" if is_class else "numbers"
    found = Found(path, facts, seen[target], meant, reason(seen[target], meant), given, dropped)
    return replace(found, remarks=tuple(remarks(found, nearly(facts, rows, target, is_class=is_class))))


def reason(target: Seen, task: str) -> str:
    """Why a target is predicted as it is."""
    is_whole = is_numeric(target.categories) and not any("." in each for each in target.categories)
    if task == "numbers":
        few = is_whole and len(target.categories) <= asked.MOST_CLASSES
        return asked.about(target) + "; --task classes takes each as a class" * few
    return f"{target.distinct} different numbers" if target.kind == "number" else asked.about(target)


def remarks(found: Found, near: dict[str, str]) -> Iterator[str]:
    """What a person should know of a table beside its dropped columns."""
    target, rows = found.target, sum(found.facts.rows)
    gaps = {seen.name: seen.missing for seen in found.facts.columns if seen.missing and seen.name not in found.dropped}
    if told := [f"{name} {count:,}" for name, count in gaps.items() if name != target.name]:
        yield f"missing, of {rows:,} rows: {some(told, 20)}"
    for name, value in near.items():
        if name not in found.dropped:
            yield f"{name} nearly gives {target.name} away ({value}): is it known beforehand?"
    if found.task == "classes" and is_unequal(target):
        low, high = min(target.counts), max(target.counts)
        names = [target.categories[target.counts.index(count)] for count in (low, high)]
        counts = f"{low:,} rows are {names[0]}, {high:,} are {names[1]}"
        yield f"very unequal classes: {counts}; `class_weights: balanced` under loss: makes each count alike"


def is_unequal(target: Seen) -> bool:
    return min(target.counts) < UNEQUAL * max(target.counts)
