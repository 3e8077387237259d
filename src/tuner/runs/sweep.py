"""The folder of a sweep as sweep.json tells it: what is searched, and what came of each trial.

    sweep.json  {format, name, created, tags, identity, argv, planner: {name, seed, generation, trials}, metric,
                 monitor, prune, keep, confirm, budget, spent, time_is_up, enough, winner, space,
                 spaces: [{before: N, space}],
                 trials: {n: {state, epochs, values, overrides}}}
    trial-0007  a run folder;  confirm-base, confirm-0007  groups

How far a trial is its run folder tells; that it was pruned, or could not be trained, sweep.json alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from tuner.document.files import quick_map
from tuner.durable.reading import JSON_LIMIT, damaged, json_bytes, read_bytes, shown
from tuner.errors import NotFoundError
from tuner.figures import least_pairs
from tuner.options.metrics import column
from tuner.paths import typed
from tuner.runs.files import CONFIG as CONFIG_FILE
from tuner.runs.files import NOT_BEGUN
from tuner.runs.folder import FORMAT, SWEEP, Run, about_in, folders_in, glance, is_group, is_run, is_sweep
from tuner.runs.identity import Identity

PRUNED, FAILED = "pruned", "failed"
STATES = ("finished", PRUNED, "diverged", "stopped", FAILED)
"""How a trial may stand when nobody trains it."""
CONFIRM, BASE = "confirm", "base"
SEEDS = 8
"""Seeds that confirm where the sweep was not to confirm."""


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The `values` of a trial for a program: of one that was listed, which is known by how it is written, itself."""
    return {name: (quick_map(f"v: {value}") or {"v": value})["v"] if isinstance(value, str) else value
            for name, value in values.items()}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """A trial as it was planned: `values` of the parameters that are searched by name, and the overrides they make.
    `told` is how it stood, one of `STATES` or "", when sweep.json was written, with the `reason` why it failed;
    `is_base` that its overrides change nothing."""

    number: int
    path: Path
    values: Mapping[str, Any]
    overrides: tuple[str, ...]
    epochs: int
    told: str = ""
    reason: str = ""
    is_base: bool = False

    def as_json(self) -> dict[str, Any]:
        """Its entry in sweep.json."""
        told: dict[str, Any] = (
            {"state": self.told, **({"reason": self.reason} if self.reason else {})} if self.told else {}
        )
        told |= {"base": True} if self.is_base else {}
        return {**told, "epochs": self.epochs, "values": dict(self.values), "overrides": list(self.overrides)}

    @property
    def given(self) -> dict[str, str]:
        """What its overrides set, as they write it."""
        return {key: value for key, _, value in (each.partition("=") for each in self.overrides)}

    @property
    def had(self) -> dict[str, Any]:
        """Its values, also of settings that are no longer searched."""
        return {**self.given, **self.values}

    @property
    def run(self) -> Run | None:
        """Its run, if it was begun. Raises NotFoundError where that is damaged."""
        self.check_config()
        return glance(self.path) if is_run(self.path) else None

    def check_config(self) -> None:
        """Raises NotFoundError where its run has lost its config, which is not read before it is needed."""
        if is_run(self.path) and not os.path.isfile(self.path / CONFIG_FILE):  # noqa: PTH113 - it may not be looked at
            raise NotFoundError(f"{shown(self.path / CONFIG_FILE)} is missing")

    def state_of(self, run: Run | None) -> str:
        """One of `STATES`, ``running`` or ``not begun``; one that died goes on as one that was stopped does."""
        return self.state_by(NOT_BEGUN if run is None else run.state)

    def state_by(self, state: str) -> str:
        """The same where that is the state of its run."""
        return self.told if self.told in (PRUNED, FAILED) else state.replace("crashed", "stopped")


@dataclass(frozen=True)
class SweepHead:
    """What sweep.json says. `monitor` chooses the epoch of a trial by which `metric` is taken; `asked` are the settings
    of the sweep as the language has them; `spaces` are those of before it was extended, each with the number of the
    first trial that is no longer of it; `spent` are seconds that went by where there is a `budget` of them, and
    `time_is_up` says that the search has ended by it, and `enough` which one would have done; `winner` is the trial
    that its verdict is for, `BASE` where nothing beats the config as it was; None before there is one."""

    path: Path
    name: str
    created: str
    identity: Identity
    argv: tuple[str, ...]
    tags: tuple[str, ...]
    metric: str
    monitor: str
    asked: Mapping[str, Any]
    spaces: tuple[tuple[int, Mapping[str, Any]], ...] = ()
    trials: Mapping[int, Trial] = field(default_factory=dict)
    spent: float = 0.0
    budget: float | None = None
    time_is_up: bool = False
    enough: int | None = None
    winner: int | str | None = None

    @property
    def direction(self) -> str:
        """Which way the searched metric is better."""
        return column(self.metric).about.direction or "up"

    @property
    def space(self) -> Mapping[str, Any]:
        space: Mapping[str, Any] = self.asked["space"]
        return space

    def confirms(self, best: Sequence[int]) -> list[int | None]:
        """What is confirmed of the trials, of which these are the best, the best first: None, the config without a
        change, the first so many that are not that very config, and what was confirmed before there were better ones:
        it was compared, too."""
        asked = self.asked.get("confirm")
        others = [number for number in best if not self.trials[number].is_base]
        if not isinstance(asked, dict) or not others:
            return []
        first = others[: asked["top"]]
        return [None, *first, *(at for at in self.confirmed if at is not None and at not in first)]

    def seeds_for(self, confirmed: int) -> int:
        """With how many seeds each of so many trials is confirmed: those that were asked for, and more where these were
        enough for a verdict on `top` trials and are too few for one on so many."""
        top, seeds = (int(self.asked["confirm"][key]) for key in ("top", "seeds"))
        return seeds if seeds < least_pairs(top) else max(seeds, least_pairs(max(1, confirmed)))

    def under(self, asked: Mapping[str, Any]) -> Self:
        """The same sweep under other settings; a space that it had before is kept, if any trial was planned in it."""
        is_used = len(self.trials) > (self.spaces[-1][0] if self.spaces else 0)
        before = ((len(self.trials), self.space),) if asked["space"] != self.space and is_used else ()
        return replace(self, asked=asked, spaces=(*self.spaces, *before))

    def as_bytes(self) -> bytes:
        """sweep.json."""
        about = {
            "format": FORMAT,
            "name": self.name,
            "created": self.created,
            "tags": list(self.tags),
            "identity": self.identity.as_json(),
            "argv": list(self.argv),
            "metric": self.metric,
            "monitor": self.monitor,
            **self.asked,
            **({"budget": self.budget} if self.budget is not None else {}),
            **({"spent": round(self.spent, 1)} if self.spent else {}),
            **({"time_is_up": True} if self.time_is_up else {}),
            **({"enough": self.enough} if self.enough is not None else {}),
            **({"winner": self.winner} if self.winner is not None else {}),
            "spaces": [{"before": number, "space": space} for number, space in self.spaces],
            "trials": {str(number): trial.as_json() for number, trial in self.trials.items()},
        }
        return json_bytes(about)

    @property
    def confirmed(self) -> dict[int | None, Path]:
        """The groups that confirm trials, by their numbers; None: of the config without a change."""
        found: dict[int | None, Path] = {}
        for path in folders_in(self.path) if self.trials else ():
            named = re.fullmatch(rf"{CONFIRM}-(?:{BASE}|([0-9]{{4,9}}))", path.name)
            number = int(named[1]) if named and named[1] else None
            if named and (number is None or number in self.trials) and is_group(path):
                found[number] = path
        return dict(sorted(found.items(), key=lambda each: -1 if each[0] is None else each[0]))


def going_on(head: SweepHead) -> str:
    """The command that goes on with a sweep: where nothing says when it ends, to the end of the trials there are; after
    a budget that was too small with one that would do."""
    planner, command = head.asked["planner"], f"tuner sweep {typed(head.path)}"
    if head.enough is not None:
        return f"{command} --budget {head.enough}s"
    if planner["name"] == "grid" or planner["trials"] is not None or head.budget is not None:
        return command
    return f"{command} --trials {len(head.trials) or planner['generation']}"


def confirming_command(head: SweepHead, least: int = 0) -> str:
    """The command that confirms what a sweep found best, with so many seeds at least, and never with fewer than its
    own."""
    asked = head.asked.get("confirm")
    known = asked["seeds"] if isinstance(asked, dict) else 0
    seeds = max(least, known or SEEDS)
    return going_on(head) if seeds == known else f"{going_on(head)} sweep.confirm.seeds={seeds}"


def trial_folder(number: int) -> str:
    """``trial-0007``."""
    return f"trial-{number:04d}"


def confirm_folder(number: int | None) -> str:
    """``confirm-0007``, ``confirm-base``."""
    return f"{CONFIRM}-{BASE if number is None else f'{number:04d}'}"


def in_sweep(path: Path) -> Path:
    """``trial-7`` and ``confirm-7`` in the folder of a sweep as their folders are called; every other path itself."""
    found = re.fullmatch(rf"(trial|{CONFIRM})-([0-9]{{1,9}})", path.name)
    if found is None or not is_sweep(path.parent):
        return path
    return path.parent / (trial_folder if found[1] == "trial" else confirm_folder)(int(found[2]))


def ranked(values: Mapping[int, float | None], direction: str) -> list[int]:
    """The trials, the best first; of equal ones that of the lower number, and without a value last."""
    sign = -1.0 if direction == "up" else 1.0
    return sorted(values, key=lambda number: (values[number] is None, sign * (values[number] or 0.0), number))


_ASKED = ("planner", "prune", "keep", "confirm", "space")


def check_not_lost(path: Path) -> None:
    """Raises NotFoundError for the folder of a sweep without the files that make it one."""
    fix = "Put it back: a sweep is what it says, and its trials lie there."
    if is_sweep(path) and not os.path.isfile(path / CONFIG_FILE):  # noqa: PTH113 - it may not be looked at
        raise NotFoundError(f"{shown(path / CONFIG_FILE)} is missing", fix=fix)
    if not is_sweep(path) and os.path.isfile(path / CONFIG_FILE) and os.path.isdir(path / trial_folder(0)):  # noqa: PTH112, PTH113
        raise NotFoundError(f"{shown(path / SWEEP)} is missing", fix=fix)


def _is_asked(about: Mapping[str, Any]) -> bool:
    """Whether the settings of a sweep are of their kinds."""

    def whole(found: Mapping[str, Any], *keys: str) -> bool:
        return all(type(found.get(key)) is int for key in keys)

    planner, confirm = about["planner"], about.get("confirm")
    counts = ("seed", "generation") if planner.get("trials") is None else ("seed", "generation", "trials")
    is_confirm = confirm is None or (isinstance(confirm, dict) and whole(confirm, "top", "seeds"))
    is_pruner = isinstance(about.get("prune"), dict | str | None)
    is_whole = isinstance(planner.get("name"), str) and whole(planner, *counts) and is_pruner and is_confirm
    return is_whole and whole(about, "keep") and about["keep"] >= 0


def read_sweep(path: Path) -> SweepHead:
    """The sweep in the folder `path`. Raises NotFoundError where its sweep.json is missing or damaged."""
    file = path / SWEEP
    about = about_in(file, read_bytes(file, JSON_LIMIT))
    if not all(isinstance(about.get(key), dict) for key in ("planner", "space", "trials")):
        raise damaged(file, "what is searched is missing")
    if not _is_asked(about):
        raise damaged(file, "how it is searched is not told as a sweep tells it")
    trials: dict[int, Trial] = {}
    spaces: list[tuple[int, Mapping[str, Any]]] = []
    try:
        for number, told in sorted((int(number), told) for number, told in about["trials"].items()):
            overrides, values, epochs = told["overrides"], told["values"], told["epochs"]
            state, reason = told.get("state", ""), str(told.get("reason", ""))
            is_plan = isinstance(values, dict) and isinstance(overrides, list) and type(epochs) is int
            if not is_plan or state not in ("", *STATES):
                raise ValueError("no trial")
            place = path / trial_folder(number)
            given, is_base = tuple(map(str, overrides)), told.get("base") is True
            trials[number] = Trial(number, place, values, given, epochs, state, reason, is_base)
        spaces += [(int(each["before"]), dict(each["space"])) for each in about.get("spaces", [])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(file, "its trials are not told with their overrides and values") from error
    if list(trials) != list(range(len(trials))):
        raise damaged(file, "its trials are not numbered one after the other")
    argv, tags = about.get("argv") or [], about.get("tags") or []
    if not all(isinstance(each, list) for each in (argv, tags)):
        raise damaged(file, "argv and tags are no lists")
    identity = Identity.from_json(about.get("identity"), shown(file))
    asked = {key: about.get(key) for key in _ASKED}
    metric, monitor, spent = str(about.get("metric")), str(about.get("monitor")), about.get("spent", 0.0)
    budget, is_up, enough = about.get("budget"), about.get("time_is_up") is True, about.get("enough")
    winner = about.get("winner")
    return SweepHead(path, about["name"], about["created"], identity, tuple(map(str, argv)), tuple(map(str, tags)),
                     metric, monitor, asked, tuple(spaces), trials, spent if isinstance(spent, int | float) else 0.0,
                     budget if isinstance(budget, int | float) else None, is_up,
                     enough if isinstance(enough, int) else None,
                     winner if winner in (BASE, *trials) else None)  # fmt: skip


def sweep_of(path: Path) -> SweepHead | None:
    """The sweep that a trial, or a group that confirms one, belongs to; None of another folder, and where sweep.json
    is damaged."""
    with suppress(NotFoundError):
        return read_sweep(path.parent) if is_sweep(path.parent) else None
    return None
