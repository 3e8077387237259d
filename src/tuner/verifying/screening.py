"""Several changes side by side for a part of the training: which one is worth a verdict?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.durable.reading import list_folder
from tuner.errors import BUG
from tuner.members.opening import Alone
from tuner.monitor import best_index
from tuner.opening import identified, look_up
from tuner.runs.files import ENDED, IDENTITY
from tuner.runs.folder import Run, glance, is_run, number_of
from tuner.runs.values import parse_metric, value
from tuner.verifying.crew import TRY, about

if TYPE_CHECKING:
    from tuner.events import Failed
    from tuner.verifying.candidates import Base, Candidate
    from tuner.verifying.crew import Crew

PART = 4
"""One of so many parts of the epochs is trained."""


@dataclass(frozen=True)
class Trial:
    """A candidate after so many `epochs` of one seed: the judged metric of the best of them, and that of the run itself
    up to there; None where there is none. `reason` says why a candidate has none, `is_bug` that tuner is to blame."""

    candidate: Candidate
    path: Path
    epochs: int
    value: float | None
    base_value: float | None
    reason: str = ""
    is_bug: bool = False


def epochs_of(base: Base, candidates: Sequence[Candidate]) -> int:
    """How many epochs a trial has: a quarter, while schedules still read `training.epochs`. All of them where one of
    the candidates changes how long, or along which schedule, is trained: a quarter tells nothing of it, and values of
    different epochs cannot be held against each other."""
    lengths = [each.loaded.epochs for each in candidates]
    if any(each.is_of_length for each in candidates):
        return max(lengths)
    return max(1, base.load().epochs // PART)


def screen(base: Base, run: Run, candidates: Sequence[Candidate], metric: str, crew: Crew) -> list[Trial]:
    """Trains each candidate with the seed of `run`, the newest of its base. None is needed for a single candidate. A
    trial ranks: one that is behind the run goes on to the verdict, too, for what is slow at first may be good at last.

    Raises StoppedError, and a TunerError where none could be trained.
    """
    if len(candidates) < 2:
        return []
    epochs = epochs_of(base, candidates)
    named: dict[str, Candidate] = {}
    runs: list[Alone] = []
    settings: dict[str, Any] = {**about(base, TRY), "seed": run.about["seed"]}
    if not any(each.is_of_length for each in candidates):
        settings["training.stop_after"] = epochs
    for candidate in candidates:
        loaded = base.load(candidate.change, settings)
        session = identified(IDENTITY, loaded, crew.request)
        path = look_up(session) or _unused(crew.runs_dir, loaded.config.name, named)
        named[path.name] = candidate
        if not is_run(path) or glance(path).state not in ENDED:
            runs.append(Alone(path, base.source, base.overrides(candidate.change, settings), session))
    words = {name: candidate.words for name, candidate in named.items()}
    failed = crew.alone(runs, words, epochs) if runs else {}
    if len(failed) == len(named):
        bugs = [each for each in failed.values() if each.exit_code == BUG]
        raise [*bugs, *failed.values()][0].as_error("no change could be trained")
    before = _up_to(run, epochs, metric)
    return [
        replace(_trial(candidate, crew.runs_dir / name, metric, failed.get(name)), base_value=before)
        for name, candidate in named.items()
    ]


def best(trials: Sequence[Trial]) -> Trial | None:
    """The first of those with the highest value; None where none has one."""
    known = [each for each in trials if each.value is not None]
    return max(known, key=lambda each: each.value or 0.0, default=None)


def _unused(runs_dir: Path, name: str, taken: Iterable[str]) -> Path:
    """A folder that is not there yet."""
    highest = max((number_of(each, name) for each in [*list_folder(runs_dir), *taken]), default=0)
    return runs_dir / f"{name}-{highest + 1}"


def _trial(candidate: Candidate, path: Path, metric: str, failed: Failed | None) -> Trial:
    if failed is not None:
        return Trial(candidate, path, 0, None, None, failed.message, failed.exit_code == BUG)
    run = glance(path)
    found = value(run, parse_metric(metric)) if run.state == "finished" else None
    return Trial(candidate, path, len(run.rows), found, None, "" if found is not None else run.state)


def _up_to(run: Run, epochs: int, metric: str) -> float | None:
    """The metric of the best of a run's first epochs."""
    rows = run.rows[:epochs]
    best_row = best_index(rows, run.monitor)
    return None if best_row is None else rows[best_row].get(metric)
