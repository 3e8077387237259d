"""What lies in a runs folder: runs, groups of runs, and folders that cannot be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tuner.config.comparison import ABSENT, leaves, name_of, side_by_side
from tuner.config.varied import SEEDS, shared
from tuner.document.nodes import Place, to_plain
from tuner.document.parsing import parse
from tuner.durable.reading import shown
from tuner.errors import NotFoundError
from tuner.options.metrics import Column
from tuner.paths import path_of
from tuner.runs.family import read_group
from tuner.runs.files import CONFIG, DAMAGED, IDENTITY, METRICS, NOT_BEGUN, STATUS
from tuner.runs.find import results_in
from tuner.runs.folder import GROUP, SWEEP, Run, folders_in, glance, headline, is_run, is_sweep, members
from tuner.runs.lock import holder
from tuner.runs.trials import Outcome, Sweep, read_trials

_SECTIONS = ("data", "model", "optimizer", "training")


@dataclass(frozen=True, eq=False)
class Entry:
    """A run, a group of runs (it has `members`), a sweep, or a folder in which no run can be read (it has no `runs`).
    Of a `sweep` the best trial stands for all: it alone is in `runs`; `members` are its trials where these are
    listed."""

    path: Path
    label: str  # what names it on the command line: digits-3, sweep/seed-0
    state: str
    created: str = ""
    name: str = ""  # the config's
    runs: tuple[Run, ...] = ()
    members: tuple[Entry, ...] = ()
    problem: str = ""  # why it cannot be read
    varies: tuple[str, ...] = SEEDS  # what its members differ in
    sweep: Sweep | None = None
    overrides: tuple[str, ...] = ()  # what a trial searches; of a sweep, what its best one does
    previous: Entry | None = None  # the next older entry of the same config name
    first: Entry | None = None  # the oldest one, but for itself

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What its runs share, by dotted key; the name of a choice is under the key of the choice."""
        if not self.runs:
            return settings_of(self.overrides)
        config = self.runs[0].config
        own = self.varies if self.members and not self.sweep else ()
        return {key.removesuffix(".name"): value for key, value in leaves(config) if key not in own}

    @property
    def is_recipe(self) -> bool:
        """Whether `tuner recipe` trained it."""
        argv = self.runs[0].about.get("argv") if self.runs else None
        return isinstance(argv, list) and argv[1:2] == ["recipe"]

    @property
    def states(self) -> list[str]:
        """Its state; of a group or a sweep that of each of its runs."""
        if self.sweep is not None:
            return list(self.sweep.counts)
        return [each.state for each in self.members or (self,)]

    @cached_property
    def changed(self) -> dict[str, Any] | None:
        """The settings that are not those of `previous`; None where there is no previous one. Of a sweep those that are
        searched, as its best trial has them, of a trial its own."""
        if self.overrides:
            return settings_of(self.overrides)
        return self.changed_from(self.previous)

    def changed_from(self, other: Entry | None) -> dict[str, Any] | None:
        """The settings that are not those of `other`, with their new values; None where there is none, or nothing can
        be read. Of a switched choice: its name, and what both choices have."""
        if other is None or not self.runs or self.sweep:
            return None
        before, after = other.runs[0], self.runs[0]
        is_other_data = before.identity.data_fingerprint != after.identity.data_fingerprint
        if before.identity.config_hash == after.identity.config_hash and not is_other_data:
            return {}
        apart = [key for each in (self, other) if each.members for key in each.varies]
        settings = side_by_side([shared(each.config, apart, places=is_other_data) for each in (before, after)])
        changes = [change for setting in settings for change in setting.changes()]
        # what only one of them has came into the language, or left it, between them
        return {each.key: name_of(each.values[1]) for each in changes if ABSENT not in each.values}


def settings_of(overrides: Sequence[str]) -> dict[str, Any]:
    """The settings that a trial's overrides set, by dotted key; the name of a choice is under the key of the choice."""
    found: dict[str, Any] = {}
    for key, _, text in (each.partition("=") for each in overrides):
        node, _ = parse(text, Place("override", 1, 1))
        value = None if node is None else to_plain(node)
        below = {f"{key}.{inner}": each for inner, each in leaves(value)} if isinstance(value, dict) else {key: value}
        found |= {name.removesuffix(".name"): each for name, each in below.items()}
    return found


def entries(runs_dir: Path, opened: bool = False) -> list[Entry]:
    """What lies in `runs_dir`, newest first; a group is as new as its newest run, and what has no time comes last. With
    `opened` the trials of sweeps are read, each for itself.

    [] when it is not there. Raises NotFoundError when it cannot be listed.
    """
    results = [path for path, _ in results_in(runs_dir)]
    found = [entry for path in results for entry in _inside(path, opened)]
    found += [entry for path in sorted(set(folders_in(runs_dir)) - set(results)) for entry in _begun(path)]
    found.sort(key=lambda entry: entry.created, reverse=True)
    newest: dict[str, Entry] = {}
    oldest: dict[str, Entry] = {}
    for at in reversed(range(len(found))):
        name = found[at].name
        found[at] = replace(found[at], previous=newest.get(name), first=oldest.get(name))
        if found[at].runs and not found[at].sweep:
            newest[name] = found[at]
            oldest.setdefault(name, found[at])
    return found


def _inside(path: Path, opened: bool) -> list[Entry]:
    """The run in `path`, its group or sweep; each run for itself where they are no group."""
    if is_run(path):
        return [_entry(path, path.name)]
    if is_sweep(path):
        return [_of_sweep(path, opened)]
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


def _of_sweep(path: Path, opened: bool) -> Entry:
    try:
        sweep = read_trials(path)
    except NotFoundError as error:
        created, name = headline(path, SWEEP)
        return Entry(path, path.name, DAMAGED, created, name, problem=error.message)
    there = [each for each in sweep.outcomes.values() if opened and each.state != NOT_BEGUN]
    trials = tuple(_of_trial(each, path.name, sweep.head.name) for each in there)
    best = _of_trial(sweep.best[0], path.name, sweep.head.name) if sweep.best else None
    runs, problem, overrides = (best.runs, best.problem, best.overrides) if best else ((), "", ())
    about = path, path.name, sweep.state, sweep.head.created, sweep.head.name
    return Entry(*about, runs, trials, problem, sweep=sweep, overrides=overrides)


def _of_trial(outcome: Outcome, sweep: str, name: str) -> Entry:
    """A trial, in the state that its sweep tells; one that could not be trained may have no folder."""
    path, overrides = outcome.trial.path, outcome.trial.overrides
    label = f"{sweep}/{path.name}"
    if not is_run(path):
        return Entry(path, label, outcome.state, name=name, problem=outcome.problem, overrides=overrides)
    return replace(_entry(path, label), state=outcome.state, overrides=overrides)


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
    return [_row(each) for entry in entries(path_of(runs_dir), opened=True) for each in entry.members or (entry,)]


def _row(entry: Entry) -> dict[str, Any]:
    status = entry.runs[0].status if entry.runs else {}
    about = {"run": str(entry.path), "name": entry.name or None, "state": entry.state, "seed": None}
    best = {"best_epoch" if key == "epoch" else key: value for key, value in (status.get("best") or {}).items()}
    test = {str(Column("test", key)): value for key, value in (status.get("test") or {}).items()}
    return {**about, **entry.settings, "name": about["name"], **best, **test}
