"""A group: runs of one folder that differ in nothing but their seed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tuner.config.comparison import meaning
from tuner.durable.reading import damaged as damaged_file
from tuner.durable.reading import shown
from tuner.errors import NotFoundError
from tuner.figures import finite, mean
from tuner.runs.files import IDENTITY, STATES
from tuner.runs.find import resolve
from tuner.runs.folder import Run, glance, is_run, members


@dataclass(frozen=True)
class Group:
    """The runs of a folder by their seed, in the order of the seeds. A single run is a group of one."""

    path: Path
    runs: dict[int, Run]
    damaged: tuple[str, ...] = field(default=())  # what is wrong with folders that cannot be read

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_single(self) -> bool:
        """Whether this is one run's own folder."""
        return any(run.path == self.path for run in self.runs.values())

    @property
    def first(self) -> Run:
        return next(iter(self.runs.values()))

    @property
    def state(self) -> str:
        """The members' state where they agree, else how many have which: ``5 finished, 1 diverged``."""
        states = [run.state for run in self.runs.values()]
        counts = {state: states.count(state) for state in STATES if state in states}
        return states[0] if len(counts) == 1 else ", ".join(f"{count} {state}" for state, count in counts.items())

    def only(self, seeds: Collection[int]) -> Group:
        """The group without its members of other seeds."""
        return replace(self, runs={seed: run for seed, run in self.runs.items() if seed in seeds})

    def diverged(self) -> list[int]:
        return [seed for seed, run in self.runs.items() if run.state == "diverged"]

    def as_json(self) -> dict[str, Any]:
        """The members' status, and the mean of those that finished."""
        finished = [run for run in self.runs.values() if run.state == "finished"]
        return {
            "state": self.state or "stopped",
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


def read_group(path: Path) -> Group:
    """The group in the folder `path`; members whose folder is damaged are listed in `damaged`. Raises NotFoundError
    when it holds no run that can be read, runs that differ in more than their seed, or two of the same seed."""
    if is_run(path):
        run = glance(path)
        return Group(path, {seed_of(run): run})
    runs: list[Run] = []
    damaged: list[str] = []
    for member in members(path):
        try:
            runs.append(glance(member))
            _ = runs[-1].config
        except NotFoundError as error:
            runs = [run for run in runs if run.path != member]
            damaged.append(error.message)
    if not runs:
        raise NotFoundError("; ".join([f"{shown(path)} holds no run that can be read", *damaged]))
    _check_alike(path, runs)
    return Group(path, {seed_of(run): run for run in sorted(runs, key=seed_of)}, tuple(damaged))


def seed_of(run: Run) -> int:
    """The seed of a run. Raises NotFoundError when run.json does not hold one."""
    seed = run.about.get("seed")
    if type(seed) is not int:
        raise damaged_file(run.path / IDENTITY, "its seed is missing or not a whole number")
    return seed


def without_seed(config: dict[str, Any]) -> dict[str, Any]:
    """What two members of a group have in common."""
    return {key: value for key, value in meaning(config).items() if key != "seed"}


def _check_alike(path: Path, runs: list[Run]) -> None:
    first = runs[0]
    seeds: dict[int, Run] = {}
    for run in runs:
        if without_seed(run.config) != without_seed(first.config):
            what = f"{run.path.name} and {first.path.name} differ in more than their seed"
            fix = f"tuner diff {shown(first.path)} {shown(run.path)} says in what."
            raise NotFoundError(f"{shown(path)} is not a group: {what}", fix=fix)
        if seed_of(run) in seeds:
            other = seeds[seed_of(run)].path.name
            raise NotFoundError(f"{shown(path)} is not a group: {other} and {run.path.name} have the same seed")
        seeds[seed_of(run)] = run
