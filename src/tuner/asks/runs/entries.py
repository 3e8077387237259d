"""What lies in a runs folder: runs, groups of runs, and folders that cannot be read."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tuner.config.comparison import ABSENT, leaves, name_of, side_by_side
from tuner.config.varied import SEEDS, shared
from tuner.durable.reading import shown
from tuner.errors import NotFoundError
from tuner.options.metrics import Column
from tuner.paths import path_of
from tuner.runs.family import read_group
from tuner.runs.files import CONFIG, DAMAGED, IDENTITY, METRICS, STATUS
from tuner.runs.find import results_in
from tuner.runs.folder import GROUP, Run, folders_in, glance, headline, is_run, members
from tuner.runs.lock import holder

_SECTIONS = ("data", "model", "optimizer", "training")


@dataclass(frozen=True, eq=False)
class Entry:
    """A run, a group of runs (it has `members`), or a folder in which no run can be read (it has no `runs`)."""

    path: Path
    label: str  # what names it on the command line: digits-3, sweep/seed-0
    state: str
    created: str = ""
    name: str = ""  # the config's
    runs: tuple[Run, ...] = ()
    members: tuple[Entry, ...] = ()
    problem: str = ""  # why it cannot be read
    varies: tuple[str, ...] = SEEDS  # what its members differ in
    previous: Entry | None = None  # the next older entry of the same config name
    first: Entry | None = None  # the oldest one, but for itself

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What its runs share, by dotted key; the name of a choice is under the key of the choice."""
        config = self.runs[0].config if self.runs else {}
        own = self.varies if self.members else ()
        return {key.removesuffix(".name"): value for key, value in leaves(config) if key not in own}

    @property
    def is_recipe(self) -> bool:
        """Whether `tuner recipe` trained it."""
        argv = self.runs[0].about.get("argv") if self.runs else None
        return isinstance(argv, list) and argv[1:2] == ["recipe"]

    @cached_property
    def changed(self) -> dict[str, Any] | None:
        """The settings that are not those of `previous`; None where there is no previous one."""
        return self.changed_from(self.previous)

    def changed_from(self, other: Entry | None) -> dict[str, Any] | None:
        """The settings that are not those of `other`, with their new values; None where there is none, or nothing can
        be read. Of a switched choice: its name, and what both choices have."""
        if other is None or not self.runs:
            return None
        before, after = other.runs[0], self.runs[0]
        if before.identity.config_hash == after.identity.config_hash:
            return {}
        apart = [key for each in (self, other) if each.members for key in each.varies]
        settings = side_by_side([shared(before.config, apart), shared(after.config, apart)])
        changes = [change for setting in settings for change in setting.changes()]
        # what only one of them has came into the language, or left it, between them
        return {each.key: name_of(each.values[1]) for each in changes if ABSENT not in each.values}


def entries(runs_dir: Path) -> list[Entry]:
    """What lies in `runs_dir`, newest first; a group is as new as its newest run, and what has no time comes last.

    [] when it is not there. Raises NotFoundError when it cannot be listed.
    """
    results = [path for path, _ in results_in(runs_dir)]
    found = [entry for path in results for entry in _inside(path)]
    found += [entry for path in sorted(set(folders_in(runs_dir)) - set(results)) for entry in _begun(path)]
    found.sort(key=lambda entry: entry.created, reverse=True)
    newest: dict[str, Entry] = {}
    oldest: dict[str, Entry] = {}
    for at in reversed(range(len(found))):
        name = found[at].name
        found[at] = replace(found[at], previous=newest.get(name), first=oldest.get(name))
        if found[at].runs:
            newest[name] = found[at]
            oldest.setdefault(name, found[at])
    return found


def _inside(path: Path) -> list[Entry]:
    """The run in `path`, or its group; each run for itself where they are no group."""
    if is_run(path):
        return [_entry(path, path.name)]
    inside = members(path)
    try:
        group = read_group(path)
    except NotFoundError:
        return [_entry(each, f"{path.name}/{each.name}") for each in inside]
    runs = {run.path: run for run in group.runs.values()}
    parts = tuple(_entry(each, f"{path.name}/{each.name}", runs.get(each)) for each in inside)
    created = max(run.created for run in runs.values())
    runs_by_key = tuple(group.runs.values())
    return [Entry(path, path.name, group.state, created, group.first.name, runs_by_key, parts, varies=group.varies)]


def _entry(path: Path, label: str, run: Run | None = None) -> Entry:
    try:
        run = run or glance(path)
        if not all(isinstance(run.config.get(key), dict) for key in _SECTIONS):
            raise NotFoundError(f"{shown(path / CONFIG)} is damaged: settings are missing")
    except NotFoundError as error:
        created, name = headline(path)
        return Entry(path, label, DAMAGED, created, name, problem=error.message)
    return Entry(path, label, run.state, run.created, run.name, (run,))


def _begun(path: Path) -> list[Entry]:
    """A group before its first member, or a run that lost its run.json; [] for a folder that is neither."""
    if os.path.lexists(path / GROUP):
        state = "stopped" if holder(path) is None else "running"  # before there was anything that could crash
        return [Entry(path, path.name, state, problem=f"{shown(path)} holds no run yet")]
    if any(os.path.lexists(path / name) for name in (CONFIG, METRICS, STATUS)) and holder(path) is None:
        return [Entry(path, path.name, DAMAGED, problem=f"{shown(path / IDENTITY)} is missing")]
    return []


def rows(runs_dir: str | Path) -> list[dict[str, Any]]:
    """What `tuner.runs` gives."""
    return [_row(each) for entry in entries(path_of(runs_dir)) for each in entry.members or (entry,)]


def _row(entry: Entry) -> dict[str, Any]:
    status = entry.runs[0].status if entry.runs else {}
    about = {"run": str(entry.path), "name": entry.name or None, "state": entry.state, "seed": None}
    best = {"best_epoch" if key == "epoch" else key: value for key, value in (status.get("best") or {}).items()}
    test = {str(Column("test", key)): value for key, value in (status.get("test") or {}).items()}
    return {**about, **entry.settings, "name": about["name"], **best, **test}
