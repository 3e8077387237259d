"""A family: runs of one folder that differ in nothing but what it varies (a group: in their seed), and its members as a
table, the same while they train, in `tuner show` and in every form of the output."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuner.answer import Cell, Column, Spark, Table
from tuner.config import varied
from tuner.config.varied import Key
from tuner.durable.reading import damaged as damaged_file
from tuner.durable.reading import shown
from tuner.errors import NotFoundError
from tuner.figures import deviation, finite, mean, number
from tuner.options import metrics
from tuner.options.metrics import column
from tuner.runs.files import CONFIG, DAMAGED, IDENTITY, NOT_BEGUN, STATES, UNFINISHED
from tuner.runs.find import afterwards, group_command, next_command, resolve
from tuner.runs.folder import GROUP, GroupHead, Run, glance, glance_group, is_run, members
from tuner.runs.trials import as_told, check_no_sweep, meant

Status = Mapping[str, Any]
"""What status.json tells, with the state that the run is in now."""

TREND = 12
"""Characters of a course."""


@dataclass(frozen=True)
class Group:
    """The runs of a folder by the values that they have of the keys which it `varies`, in the order of the values. A
    single run is a group of one seed."""

    path: Path
    runs: dict[Key, Run]
    varies: tuple[str, ...] = varied.SEEDS
    damaged: Mapping[Path, str] = field(default_factory=dict)  # what is wrong with members that cannot be read
    not_begun: tuple[Key, ...] = ()  # the members of group.json that have no folder yet

    @property
    def is_single(self) -> bool:
        """Whether this is one run's own folder."""
        return any(run.path == self.path for run in self.runs.values())

    @property
    def first(self) -> Run:
        return next(iter(self.runs.values()))

    @property
    def column(self) -> str:
        """What its members are told apart by, in a head: seed, split, fold."""
        return varied.column(self.varies)

    def label(self, key: Key) -> int | str:
        """A member under that head."""
        return varied.label(self.varies, key)

    def counted(self, count: int) -> str:
        """``6 seeds``."""
        return varied.counted(self.varies, count)

    @property
    def state(self) -> str:
        """The members' state where they agree, else how many have which: ``5 finished, 1 diverged``; then of how many
        nothing is known, or there is nothing yet."""
        states = [run.state for run in self.runs.values()]
        counts = {state: states.count(state) for state in STATES if state in states}
        told = states[:1] if len(counts) == 1 else [f"{count} {state}" for state, count in counts.items()]
        others = {DAMAGED: len(self.damaged), NOT_BEGUN: len(self.not_begun)}
        return ", ".join([*told, *(f"{count} {state}" for state, count in others.items() if count)])

    def statuses(self) -> dict[Key, Status]:
        """Every member's status with the state that it is in now, also of those that are damaged or not begun."""
        known: dict[Key, Status] = {key: {"state": NOT_BEGUN} for key in self.not_begun}
        lost = [varied.key_named(self.varies, path.name) for path in self.damaged]
        known |= {key: {"state": DAMAGED} for key in lost if key is not None}
        known |= {key: {**run.status, "state": run.state} for key, run in self.runs.items()}
        return dict(sorted(known.items()))

    def apart(self) -> list[Group]:
        """Its members, each for itself."""
        return [
            replace(self, path=run.path, runs={key: run}, damaged={}, not_begun=()) for key, run in self.runs.items()
        ]

    def only(self, keys: Collection[Key]) -> Group:
        """The group without its other members."""
        damaged = {path: why for path, why in self.damaged.items()
                   if varied.key_named(self.varies, path.name) in (None, *keys)}  # fmt: skip
        not_begun = tuple(key for key in self.not_begun if key in keys)
        runs = {key: run for key, run in self.runs.items() if key in keys}
        return replace(self, runs=runs, damaged=damaged, not_begun=not_begun)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to train."""
        return not self.not_begun and not any(run.state in UNFINISHED for run in self.runs.values())

    @property
    def next(self) -> str:
        """The command that trains what is not over, else puts it to use or draws its curves."""
        unfinished = [run for run in self.runs.values() if run.state in UNFINISHED]
        if self.is_over:
            return afterwards(self.path, self.first.config)
        if not os.path.lexists(self.path / GROUP):  # runs that were put together
            return next_command(unfinished[0])
        asked = varied.asked_for(self.varies, list(self.statuses()), self.first.config)
        return shlex.join(group_command(self.path, self.first.path / CONFIG, asked))

    def as_json(self) -> dict[str, Any]:
        """The members' status, and the mean of those that finished."""
        finished = [run for run in self.runs.values() if run.state == "finished"]
        return {
            "state": self.state or "stopped",
            "not_begun": [varied.label(self.varies, key) for key in self.not_begun],
            "members": [
                {**varied.as_data(self.varies, key), "run": str(run.path), **run.status, "state": run.state}
                for key, run in self.runs.items()
            ],
            "mean": {table: average(finished, table) for table in ("best", "test")},
        }


def average(runs: Collection[Run], table: str) -> dict[str, float]:
    """The mean over `runs` of each number in their status' `table` (``best``, ``last``, ``test``) that all have."""
    tables = [run.status.get(table) or {} for run in runs]
    known = {key: finite(each.get(key) for each in tables) for key in (tables[0] if tables else {})}
    shared = {key: values for key, values in known.items() if len(values) == len(tables)}
    return {key: mean(values) for key, values in shared.items() if key not in ("epoch", "step")}


def find_group(reference: str, runs_dir: Path) -> Group:
    """The group, or single run, that a reference on the command line names, or that the sweep it names stands for.
    Raises NotFoundError."""
    return read_group(meant(resolve(reference, runs_dir)))


def read_group(path: Path, look: Callable[[Path], Run] = glance) -> Group:
    """The family in the folder `path`; members of which `look` finds that they are damaged are listed in `damaged`.
    Raises NotFoundError when it holds no run that can be read, runs that differ in more than a family varies, or two of
    the same."""
    if is_run(path):
        run = as_told(look(path))
        return Group(path, {key_of(run, varied.SEEDS): run})
    check_no_sweep(path)
    found, damaged = list[Run](), dict[Path, str]()
    for member in members(path):
        try:
            run = look(member)
            _ = run.config
        except NotFoundError as error:
            damaged[member] = error.message
        else:
            found.append(run)
    head: GroupHead | None = None
    with suppress(NotFoundError):
        head = glance_group(path)
    if not found:
        what = "holds no run that can be read" if damaged else "holds no run yet"
        fix = f"`{shlex.join(head.argv)}` goes on with it." if head and not damaged else ""
        raise NotFoundError("; ".join([f"{shown(path)} {what}", *damaged.values()]), fix=fix)
    varies = head.varies if head else _varied_by(found)
    runs: dict[Key, Run] = {}
    for run in found:
        key, what = key_of(run, varies), varied.words(varies)
        if varied.shared(run.config, varies) != varied.shared(found[0].config, varies):
            fix = f"tuner diff {shown(found[0].path)} {shown(run.path)} says in what."
            said = f"{run.path.name} and {found[0].path.name} differ in more than their {what}"
            raise NotFoundError(f"{shown(path)} is not a group: {said}", fix=fix)
        twin = next(
            (runs[each] for each in runs if each == key or (varies == varied.SPLITS and each[0] == key[0])), None
        )
        if twin is not None:
            said = f"{twin.path.name} and {run.path.name} have the same {what}"
            raise NotFoundError(f"{shown(path)} is not a group: {said}")
        runs[key] = run
    begun = {*runs, *(varied.key_named(varies, member.name) for member in damaged)}
    asked = [varied.key_named(varies, name) for name in (head.members if head else ())]
    not_begun = tuple(key for key in asked if key is not None and key not in begun)
    return Group(path, dict(sorted(runs.items())), varies, damaged, not_begun)


def _varied_by(runs: Sequence[Run]) -> tuple[str, ...]:
    """The first of `varied.KINDS` beside which the runs agree, else the seed."""
    for kind in varied.KINDS:
        first = varied.shared(runs[0].config, kind)
        if all(varied.shared(run.config, kind) == first for run in runs[1:]):
            return kind
    return varied.SEEDS


def key_of(run: Run, varies: Sequence[str]) -> Key:
    """The values that a run has of these keys. Raises NotFoundError where it does not hold them."""
    values: list[Any] = [run.about.get("seed") if key == "seed" else varied.value_at(run.config, key) for key in varies]
    for key, value in zip(varies, values, strict=True):
        if type(value) is not int:
            file, what = (IDENTITY, "its seed") if key == "seed" else (CONFIG, key)
            raise damaged_file(run.path / file, f"{what} is missing or not a whole number")
    return tuple(values)


def members_table(
    varies: Sequence[str],
    statuses: Mapping[Key, Status],
    monitor: str,
    courses: Mapping[Key, Sequence[float | None]],
) -> Table:
    """A row a member, and below them the mean and the standard deviation (with n - 1) of the members that finished.
    `courses` are the monitor's values epoch by epoch; without any, no column shows them."""
    known = next((each for each in statuses.values() if each.get("best")), {})
    names, columns = members_columns(varies, known, monitor)
    rows = [member_row(varied.label(varies, key), each, names, courses.get(key, [])) for key, each in statuses.items()]
    rows += averages(statuses, names)
    return Table(columns, rows) if courses else Table(columns[:-1], [row[:-1] for row in rows])


def why_ended(varies: Sequence[str], statuses: Mapping[Key, Status]) -> list[tuple[str, str]]:
    """(``seed 3``, why it ended) for the members that did not finish."""
    ends = {key: each.get("reason") for key, each in statuses.items() if each.get("state") != "finished"}
    return [(varied.named(varies, key), str(reason)) for key, reason in ends.items() if reason]


def members_columns(varies: Sequence[str], status: Status, monitor: str) -> tuple[list[str], list[Column]]:
    """The metrics that members of this status show (the monitor, and one metric of the training, validation and test
    samples, in that order), and the columns of `member_row` with them; where there is no room the course goes first,
    then the training metric."""
    best, test, asked = status.get("best") or {}, status.get("test") or {}, column(monitor)
    there = [each.name for each in map(column, best) if each.part == asked.part and not each.is_loss]
    metric = asked.name if not asked.is_loss else there[0] if there else "loss"
    found = [name for name in best if column(name).name == metric and column(name).part]
    tested = [str(metrics.Column("test", metric))] if metric in test else []
    names = list(dict.fromkeys([*([monitor] if asked.part else []), *found, *tested]))
    weights = {"train": 1, "val": 3, "test": 4}
    return names, [
        Column(varied.column(varies), side="r"),
        Column("state"),
        Column("best", side="r", weight=2),
        *(Column(name, "figure", weight=None if name == monitor else weights[column(name).part]) for name in names),
        Column("trend", weight=0, least=4),
    ]


def member_row(label: int | str, status: Status, names: Sequence[str], course: Sequence[float | None]) -> list[Cell]:
    """A member: what it is, its state, its best epoch of those it had, the metrics of that epoch, the course."""
    best = f"{number(status.get('best_epoch'))}/{number(status.get('epoch'))}"
    return [label, str(status["state"]), best, *(_value(status, name) for name in names), Spark(course, TREND)]


def averages(statuses: Mapping[Key, Status], names: Sequence[str]) -> list[list[Cell]]:
    """Mean and standard deviation of the members that finished, where there are several."""
    finished = [status for status in statuses.values() if status["state"] == "finished"]
    columns = [[_value(status, name) for status in finished] for name in names]
    known = [[value for value in values if value is not None] for values in columns]
    return [
        [label, "", "", *(of(values) if len(values) == len(finished) else None for values in known), ""]
        for label, of in (("mean", mean), ("sd", deviation))
        if len(finished) > 1
    ]


def _value(status: Status, name: str) -> float | None:
    asked = column(name)
    table = status.get("test") if asked.part == "test" else status.get("best")
    found: float | None = (table or {}).get(asked.name if asked.part == "test" else name)
    return found
