"""The config to try next: a run's own with the change of a finding."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuner.answer import Command, Note
from tuner.config.load import load
from tuner.diagnosis import Diagnosis
from tuner.document.writing import flow, to_yaml
from tuner.durable.writing import write_file
from tuner.paths import typed
from tuner.runs.files import CONFIG
from tuner.runs.folder import Run
from tuner.shipped import check_target


def overrides(change: Mapping[str, Any]) -> list[str]:
    """A change as the command line has it."""
    return [f"{key}={flow(value)}" for key, value in change.items()]


def command(run: Run, change: Mapping[str, Any]) -> str:
    """What to type to train the run's config with a change."""
    return " ".join(["tuner train", typed(run.path), *map(shlex.quote, overrides(change))])


def write_next(run: Run, diagnosis: Diagnosis, file: Path, again: bool) -> Note | Command:
    """Writes the config to try next into `file`. Raises UsageError where one is there already, ConfigError where the
    change does not fit."""
    found = next((each for each in diagnosis.findings if each.change), None)
    if found is None:
        return Note("there is nothing to change: no config was written", problem=True)
    if not again:
        check_target(file, "another name, or remove it first")
    loaded = load(str(run.path / CONFIG), overrides(found.change))
    head = [
        f"# {run.path.name} with {', '.join(f'{key} {flow(value)}' for key, value in found.change.items())}",
        f"# {found.rule}: {found.words}",
    ]
    text = "\n".join([*head, to_yaml(loaded.resolved)])
    write_file(file, text.encode())
    return Command(f"tuner train {typed(file)}")
