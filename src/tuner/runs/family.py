"""A group: runs of one folder that differ in nothing but their seed, and its members as a table, the same while they
train, in `tuner show` and in every form of the output."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuner.answer import Cell, Column, Spark, Table
from tuner.config.comparison import meaning
from tuner.durable.reading import damaged as damaged_file
from tuner.durable.reading import shown
from tuner.errors import NotFoundError
from tuner.figures import deviation, finite, mean, number
from tuner.options import metrics
from tuner.options.metrics import column
from tuner.paths import reference as reference_to
from tuner.runs.files import CONFIG, IDENTITY, STATES, UNFINISHED
from tuner.runs.find import group_command, next_command, resolve
from tuner.runs.folder import GROUP, Run, glance, glance_group, is_run, members

Status = Mapping[str, Any]
"""What status.json tells, with the state that the run is in now."""

DAMAGED, NOT_BEGUN = "damaged", "not begun"
"""The states of members that cannot be read, and that are still to be made."""

TREND = 12
"""Characters of a course."""


@dataclass(frozen=True)
class Group:
    """The runs of a folder by their seed, in the order of the seeds. A single run is a group of one."""

    path: Path
    runs: dict[int, Run]
    damaged: Mapping[Path, str] = field(default_factory=dict)  # what is wrong with members that cannot be read
    not_begun: tuple[int, ...] = ()  # the seeds of group.json that have no folder yet

    @property
    def is_single(self) -> bool:
        """Whether this is one run's own folder."""
        return any(run.path == self.path for run in self.runs.values())

    @property
    def first(self) -> Run:
        return next(iter(self.runs.values()))

    @property
    def state(self) -> str:
        """The members' state where they agree, else how many have which: ``5 finished, 1 diverged``; then of how many
        nothing is known, or there is nothing yet."""
        states = [run.state for run in self.runs.values()]
        counts = {state: states.count(state) for state in STATES if state in states}
        told = states[:1] if len(counts) == 1 else [f"{count} {state}" for state, count in counts.items()]
        others = {DAMAGED: len(self.damaged), NOT_BEGUN: len(self.not_begun)}
        return ", ".join([*told, *(f"{count} {state}" for state, count in others.items() if count)])

    def statuses(self) -> dict[int, Status]:
        """Every member's status with the state that it is in now, also of those that are damaged or not begun."""
        known: dict[int, Status] = {seed: {"state": NOT_BEGUN} for seed in self.not_begun}
        known |= {seed: {"state": DAMAGED} for seed in map(_seed_named, self.damaged) if seed is not None}
        known |= {seed: {**run.status, "state": run.state} for seed, run in self.runs.items()}
        return dict(sorted(known.items()))

    def only(self, seeds: Collection[int]) -> Group:
        """The group without its members of other seeds."""
        damaged = {path: why for path, why in self.damaged.items() if _seed_named(path) in (None, *seeds)}
        not_begun = tuple(seed for seed in self.not_begun if seed in seeds)
        runs = {seed: run for seed, run in self.runs.items() if seed in seeds}
        return replace(self, runs=runs, damaged=damaged, not_begun=not_begun)

    @property
    def next(self) -> str:
        """The command that trains what is not over, else draws its curves."""
        unfinished = [run for run in self.runs.values() if run.state in UNFINISHED]
        if not self.not_begun and not unfinished:
            return f"tuner curves {reference_to(self.path)}"
        if not os.path.lexists(self.path / GROUP):  # runs that were put together
            return next_command(unfinished[0])
        return shlex.join(group_command(self.path, self.first.path / CONFIG, list(self.statuses())))

    def as_json(self) -> dict[str, Any]:
        """The members' status, and the mean of those that finished."""
        finished = [run for run in self.runs.values() if run.state == "finished"]
        return {
            "state": self.state or "stopped",
            "not_begun": list(self.not_begun),
            "members": [
                {"seed": seed, "run": str(run.path), **run.status, "state": run.state}
                for seed, run in self.runs.items()
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
    """The group, or single run, that a reference on the command line names. Raises NotFoundError."""
    return read_group(resolve(reference, runs_dir))


def read_group(path: Path, look: Callable[[Path], Run] = glance) -> Group:
    """The group in the folder `path`; members of which `look` finds that they are damaged are listed in `damaged`.
    Raises NotFoundError when it holds no run that can be read, runs that differ in more than their seed, or two of the
    same seed."""
    if is_run(path):
        run = look(path)
        return Group(path, {seed_of(run): run})
    runs: dict[int, Run] = {}
    damaged: dict[Path, str] = {}
    for member in members(path):
        try:
            run = look(member)
            _ = run.config
        except NotFoundError as error:
            damaged[member] = error.message
            continue
        first = next(iter(runs.values()), run)
        if without_seed(run.config) != without_seed(first.config):
            what = f"{member.name} and {first.path.name} differ in more than their seed"
            fix = f"tuner diff {shown(first.path)} {shown(member)} says in what."
            raise NotFoundError(f"{shown(path)} is not a group: {what}", fix=fix)
        if seed_of(run) in runs:
            what = f"{runs[seed_of(run)].path.name} and {member.name} have the same seed"
            raise NotFoundError(f"{shown(path)} is not a group: {what}")
        runs[seed_of(run)] = run
    seeds, command = _begun_as(path)
    if not runs:
        what = "holds no run that can be read" if damaged else "holds no run yet"
        fix = f"`{command}` goes on with it." if command and not damaged else ""
        raise NotFoundError("; ".join([f"{shown(path)} {what}", *damaged.values()]), fix=fix)
    begun = {*runs, *map(_seed_named, damaged)}
    return Group(path, dict(sorted(runs.items())), damaged, tuple(seed for seed in seeds if seed not in begun))


def _begun_as(path: Path) -> tuple[tuple[int, ...], str]:
    """The seeds that a group was begun with, and by which command; none where its group.json does not tell."""
    try:
        head = glance_group(path)
    except NotFoundError:
        return (), ""
    return head.seeds, shlex.join(head.argv)


def _seed_named(path: Path) -> int | None:
    """The seed that the name of a member's folder says."""
    found = re.fullmatch(r"seed-([0-9]{1,19})", path.name)
    return int(found[1]) if found else None


def seed_of(run: Run) -> int:
    """The seed of a run. Raises NotFoundError when run.json does not hold one."""
    seed = run.about.get("seed")
    if type(seed) is not int:
        raise damaged_file(run.path / IDENTITY, "its seed is missing or not a whole number")
    return seed


def without_seed(config: dict[str, Any]) -> dict[str, Any]:
    """What two members of a group have in common."""
    return {key: value for key, value in meaning(config).items() if key != "seed"}


def members_table(statuses: Mapping[int, Status], monitor: str, courses: Mapping[int, Sequence[float | None]]) -> Table:
    """A row a seed, and below them the mean and the standard deviation (with n - 1) of the members that finished.
    `courses` are the monitor's values epoch by epoch; without any, no column shows them."""
    names, columns = members_columns(next((each for each in statuses.values() if each.get("best")), {}), monitor)
    rows = [member_row(seed, each, names, courses.get(seed, [])) for seed, each in statuses.items()]
    rows += averages(statuses, names)
    return Table(columns, rows) if courses else Table(columns[:-1], [row[:-1] for row in rows])


def why_ended(statuses: Mapping[int, Status]) -> list[tuple[str, str]]:
    """(``seed 3``, why it ended) for the members that did not finish."""
    ends = {seed: each.get("reason") for seed, each in statuses.items() if each.get("state") != "finished"}
    return [(f"seed {seed}", str(reason)) for seed, reason in ends.items() if reason]


def members_columns(status: Status, monitor: str) -> tuple[list[str], list[Column]]:
    """The metrics that members of this status show (the monitor, and one metric of the training, validation and test
    samples, in that order), and the columns of `member_row` with them; where there is no room the course goes first,
    then the training metric."""
    best, test, asked = status.get("best") or {}, status.get("test") or {}, column(monitor)
    there = [each.name for each in map(column, best) if each.part == asked.part and not each.is_loss]
    metric = asked.name if not asked.is_loss else there[0] if there else "loss"
    found = [name for name in best if column(name).name == metric and column(name).part]
    tested = [str(metrics.Column("test", metric))] if metric in test else []
    names = list(dict.fromkeys([monitor, *found, *tested]))
    weights = {"train": 1, "val": 3, "test": 4}
    return names, [
        Column("seed", side="r"),
        Column("state"),
        Column("best", side="r", weight=2),
        *(Column(name, "figure", weight=None if name == monitor else weights[column(name).part]) for name in names),
        Column("trend", weight=0, least=4),
    ]


def member_row(seed: int, status: Status, names: Sequence[str], course: Sequence[float | None]) -> list[Cell]:
    """A member: its seed, its state, its best epoch of those it had, the metrics of that epoch, the course."""
    best = f"{number(status.get('best_epoch'))}/{number(status.get('epoch'))}"
    return [seed, str(status["state"]), best, *(_value(status, name) for name in names), Spark(course, TREND)]


def averages(statuses: Mapping[int, Status], names: Sequence[str]) -> list[list[Cell]]:
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
