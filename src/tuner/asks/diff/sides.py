"""What `diff` is given: runs, groups of runs and plain configs, each with its settings and where they were set."""

from __future__ import annotations

import difflib
import filecmp
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from tuner import shipped
from tuner.asks.sweep.groups import differing, sweep_named
from tuner.config.comparison import ABSENT, PLACES, STAYED, Setting, side_by_side
from tuner.config.varied import Key, shared
from tuner.durable.reading import shown
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.paths import expanded
from tuner.runs.family import Group, read_group
from tuner.runs.files import CONFIG
from tuner.runs.find import resolve
from tuner.runs.folder import Run, read
from tuner.runs.trials import meant

STDIN = "-"
DEFAULT = "default"


@dataclass(frozen=True)
class Side:
    """One of the things compared: a run, a group, or a config, which has no runs.

    `config` holds every setting; `origins` says where those were set that do not have their defaults.
    """

    path: str  # a run's or group's folder, a config's file, or stdin
    config: dict[str, Any]
    origins: dict[str, str]
    group: Group | None = None
    notes: tuple[str, ...] = ()  # for people to read
    letter: str = ""  # A, B, ...

    @property
    def kind(self) -> str:
        return "config" if self.group is None else "run" if self.group.is_single else "group"

    @property
    def runs(self) -> dict[Key, Run]:
        """The runs by what a family varies; none of a config."""
        return {} if self.group is None else self.group.runs

    @property
    def monitor(self) -> str | None:
        """The metric that chooses the best epoch; None where the settings of a damaged run do not say."""
        training = self.config.get("training")
        return training.get("monitor") if isinstance(training, dict) else None

    @property
    def place(self) -> str:
        """The same for two sides that are one and the same thing."""
        return os.path.realpath(self.path)

    def set_in(self, key: str, value: Any) -> str:
        """Where a setting got its value: ``my.yaml:3``, ``override: optimizer.lr=1`` or ``default``; of a choice its
        name."""
        is_choice = isinstance(value, dict) and "name" in value
        return self.origins.get(f"{key}.name", DEFAULT if is_choice else self.origins.get(key, DEFAULT))


def find_sides(references: Sequence[str], runs_dir: Path) -> list[Side]:
    """The sides that the command line names, of a sweep alone its config as it was and what is best. Raises UsageError,
    NotFoundError, ConfigError."""
    note = ""
    if len(references) == 1 and references[0] != STDIN and (path := _sweep(references[0], runs_dir)):
        references, note = differing(path)
    if not 2 <= len(references) <= len(ascii_uppercase):
        fix = "Give two or more runs, groups or configs: tuner diff digits-1 digits-2."
        raise UsageError(f"diff compares 2 to {len(ascii_uppercase)} sides, {len(references)} given", fix=fix)
    if references.count(STDIN) > 1:
        raise UsageError("standard input can be read once: give - for one side")
    found = [_found(reference, runs_dir) for reference in references]
    found[-1] = replace(found[-1], notes=(*found[-1].notes, *filter(None, [note])))
    sides = [replace(side, letter=letter) for side, letter in zip(found, ascii_uppercase, strict=False)]
    if any(value is ABSENT for setting in settings_of(sides) for value in setting.values):
        for at, side in enumerate(sides):  # those of runs that an earlier tuner made: with the defaults of today
            with suppress(ConfigError):
                if side.group is not None:
                    first = side.group.runs[min(side.runs)].path / CONFIG
                    sides[at] = replace(side, config=_config(str(first)).config)
    return sides


def _sweep(reference: str, runs_dir: Path) -> Path | None:
    with suppress(NotFoundError):
        return sweep_named(reference, runs_dir)
    return None


def _found(reference: str, runs_dir: Path) -> Side:
    """A config by its file or ``-``, else a run or group as `run.resolve` finds it, else a shipped config by its name.

    A shipped config's whole name wins over the mere beginning of a run's.
    """
    reference = expanded(reference)
    is_folder = os.path.isdir(reference)  # noqa: PTH112 - Path.is_dir raises on a name that is too long
    is_file = os.path.exists(reference) or re.search(r"\.ya?ml$", reference)  # noqa: PTH110 - a shell's <(...) is a pipe
    if reference == STDIN or (is_file and not is_folder):
        return _config(shipped.find_config(reference))
    configs = shipped.configs()
    try:
        path = meant(resolve(reference, runs_dir))
    except NotFoundError as error:
        if reference in configs:
            return _config(str(configs[reference]))
        fix = "Settings are part of a config: diff takes runs, groups and configs."
        if not re.match(r"[a-z_]+(\.[a-z_]+)*=", reference):
            near = difflib.get_close_matches(reference[:64], configs, n=3, cutoff=0.6)
            also = f" Configs that come with tuner: {', '.join(near)}." if near else ""
            fix = f"{error.fix}{also}".strip()
        raise NotFoundError(error.message, fix=fix) from None
    group = read_group(path, _read)
    if reference in configs and reference not in (path.name, group.first.name):
        return _config(str(configs[reference]))
    origins, config = group.first.origins, group.first.config
    notes = [f"left out of {shown(group.path.name)}: {each}" for each in group.damaged.values()]
    notes += [f"{shown(group.path.name)}: {key} is from {place}" for key, place in origins.items() if STAYED in place]
    return Side(str(group.path), config, origins, group, tuple(notes))


def _read(path: Path) -> Run:
    """A run with all that is compared of it. Raises NotFoundError."""
    run = read(path)
    _ = run.origins
    return run


def _config(source: str) -> Side:
    from tuner.config.load import load

    loaded = load(source)
    path = "stdin" if source == STDIN else source
    return Side(path, loaded.resolved, loaded.origins, notes=tuple(f"{path}: {note}" for note in loaded.notes))


def settings_of(sides: Sequence[Side]) -> list[Setting]:
    """The settings that count, side by side; without those that a side's own members differ in."""
    places = may_be_other_data(sides)
    return side_by_side([shared(side.config, varied_in(sides), places=places) for side in sides])


def may_be_other_data(sides: Sequence[Side]) -> bool:
    """Whether it is not known that all sides have the same data: runs by what they were trained on, configs by the
    files that lie there now."""
    known = {frozenset(run.identity.data_fingerprint for run in side.runs.values()) for side in sides}
    if all(known):
        return len(known) > 1
    files = [_files(side) for side in sides]
    try:
        return any(len(each) != len(files[0]) or not all(map(_alike, files[0], each)) for each in files[1:])
    except OSError:  # nobody knows
        return True


def _files(side: Side) -> list[str]:
    """The files of its data, in their order."""
    data = side.config.get("data")
    paths = [data.get(key.partition(".")[2]) for key in PLACES] if isinstance(data, dict) else []
    return [str(file) for path in paths if path for file in (path if isinstance(path, list) else [path])]


def _alike(one: str, other: str) -> bool:
    return one == other or filecmp.cmp(one, other, shallow=False)


def varied_in(sides: Sequence[Side]) -> list[str]:
    """The keys that families among the sides vary: `--seeds` of a group has one value a member."""
    return [key for side in sides if side.group is not None and side.kind == "group" for key in side.group.varies]
