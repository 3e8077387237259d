"""What stands for a sweep where runs or groups are asked for: the groups that confirm, or trials."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.options.metrics import Column, column
from tuner.paths import typed
from tuner.runs.family import Group, read_group
from tuner.runs.files import CONFIG
from tuner.runs.find import resolve
from tuner.runs.folder import is_run, is_sweep
from tuner.runs.sweep import BASE, SweepHead, confirm_folder, confirming_command, read_sweep
from tuner.runs.trials import one_of, read_trials


def confirming(head: SweepHead) -> dict[int | None, Group]:
    """The groups that confirm trials, by their numbers, that have a run; None: of the config without a change, which
    comes first."""
    found: dict[int | None, Group] = {}
    for number, path in head.confirmed.items():
        with suppress(NotFoundError):
            found[number] = read_group(path)
    return found


def measured_by(head: SweepHead, groups: Sequence[Group]) -> str:
    """The metric that the groups are judged by: what is searched for, on test data where all of them were tested."""
    ended = [run for group in groups for run in group.runs.values() if run.state == "finished"]
    is_tested = all(run.status.get("test") for run in ended)
    return str(Column("test", column(head.metric).name)) if is_tested else head.metric


def sweep_named(reference: str, runs_dir: Path) -> Path | None:
    """The folder of the sweep that a reference names; None where it names something else. Raises NotFoundError."""
    path = resolve(reference, runs_dir)
    return path if is_sweep(path) and not is_run(path) else None


def compared(references: Sequence[str], runs_dir: Path) -> tuple[list[Group], str | None]:
    """The groups to compare, for a sweep those that confirm its trials; where it is a sweep alone, the metric of its
    verdict, too. Raises NotFoundError, and UsageError for a sweep without such groups."""
    groups: list[Group] = []
    metric: str | None = None
    for reference in references:
        path = resolve(reference, runs_dir)
        if not is_sweep(path) or is_run(path):
            groups.append(read_group(path))
            continue
        head = read_sweep(path)
        there = list(confirming(head).values())
        if len(there) < 2:
            said = f"{shown(path)} is a sweep, and trials are no groups: the best of them are not confirmed yet"
            raise UsageError(said, fix=f"`{confirming_command(head)}` trains the groups.")
        groups += there
        metric = measured_by(head, there) if len(references) == 1 else None
    return groups, metric


def drawn(path: Path, most: int | None) -> tuple[list[Group], str, str]:
    """The trials whose curves are drawn, the best last, the searched metric, and what is left out. Raises NotFoundError
    where none has an epoch."""
    sweep = read_trials(path)
    begun = [each for each in sweep.ordered if each.epoch]
    if not begun:
        raise NotFoundError(f"no trial of {shown(path)} has a finished epoch yet", fix=f"tuner show {typed(path)}")
    some = begun[:most]
    left = f"the best {len(some)} of {len(begun)} trials of {sweep.path.name} are drawn" * (len(some) < len(begun))
    return [read_group(each.trial.path) for each in reversed(some)], sweep.head.metric, left


def differing(path: Path) -> tuple[tuple[str, str], str]:
    """The two sides of a sweep: its config as it was, and what it found best, by the verdict or by the search alone;
    the groups that confirm where both are there; and what to know of it. Raises NotFoundError where no trial has
    finished."""
    one_of(path)
    sweep = read_trials(path)
    best, there = sweep.taken.trial, sweep.head.confirmed
    note = "the verdict: nothing beats A; B is what the search alone found best" * (sweep.head.winner == BASE)
    if None in there and best.number in there:
        return (str(path / confirm_folder(None)), str(path / confirm_folder(best.number))), note
    return (str(path / CONFIG), str(best.path)), note
