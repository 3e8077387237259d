"""The config to try next: a run's own with the change of a finding."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.answer import Command, Note
from tuner.config.load import load
from tuner.document.writing import to_yaml
from tuner.durable.writing import write_file
from tuner.paths import typed
from tuner.rules import overrides
from tuner.runs.files import CONFIG
from tuner.runs.folder import Run
from tuner.shipped import check_target

if TYPE_CHECKING:
    from tuner.diagnosis import Diagnosis

WRITTEN = "# tuner diagnose: "
"""How a config begins that it wrote."""


def command(run: Run, *changes: Mapping[str, Any]) -> str:
    """What to type to train the run's config with changes."""
    return " ".join(["tuner train", typed(run.path), *map(shlex.quote, overrides(*changes))])


def write_next(run: Run, diagnosis: Diagnosis, file: Path) -> Note | Command:
    """Writes the config to try next into `file`. Raises UsageError where one is there already, ConfigError where the
    change does not fit."""
    found = next((each for each in diagnosis.findings if each.change), None)
    if found is None:
        return Note("there is nothing to change: no config was written", problem=True)
    check_target(file, "another name, or remove it first", own=WRITTEN)
    return write_config(run, [found.change], f"{found.rule}: {found.words}", file)


def write_config(run: Run, changes: Sequence[Mapping[str, Any]], why: str, file: Path) -> Command:
    """Writes the config of `run` with `changes` into `file`. Raises ConfigError where one does not fit."""
    settings = overrides(*changes)
    loaded = load(str(run.path / CONFIG), settings)
    head = [f"{WRITTEN}{run.path.name} with {', '.join(settings)}", f"# {why}"]
    write_file(file, "\n".join([*head, to_yaml(loaded.resolved)]).encode())
    return Command(f"tuner train {typed(file)}")
