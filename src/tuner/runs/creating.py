"""A run folder or a group's is made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

from tuner.durable.reading import list_folder, shown
from tuner.durable.writing import TEMPORARY, make_folder, sweep_leftovers, sync_folder, write_files, writing
from tuner.errors import HeldError, NotFoundError, ResourceError, UsageError
from tuner.paths import is_run_name
from tuner.runs.files import IDENTITY
from tuner.runs.folder import GROUP, SWEEP, kind_of, number_of
from tuner.runs.lock import NAME as LOCK
from tuner.runs.lock import Lock, describe_holder, held

_LAST = (IDENTITY, GROUP, SWEEP)
"""The file that is written last and makes the folder what it is."""


def now() -> str:
    """The time for `created` in run.json: ISO 8601, UTC, microseconds; as text it sorts by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def create_held(runs_dir: Path, name: str, run_name: str | None, files: Mapping[str, bytes]) -> Lock:
    """Makes the run folder `run_name`, else NAME-<highest + 1>, with `files`: run.json last, which makes it a run.

    With group.json or sweep.json in its place it is a group's folder or a sweep's. The lock of the new folder comes
    back held, so that no other process takes the run up before its maker does.
    A folder of that name that a killed maker left without run.json is used. Raises UsageError (a bad name), HeldError
    and NotFoundError (`run_name` is taken), ResourceError.
    """
    check_name(name if run_name is None else run_name)
    make_folder(runs_dir)
    lock = _claim_named(runs_dir / run_name, files) if run_name else _claim_next(runs_dir, name, files)
    with ExitStack() as held_here:
        held_here.callback(lock.release)
        sweep_leftovers(lock.path)
        write_files(lock.path, {name: data for name, data in files.items() if name not in _LAST})
        with writing(runs_dir):
            sync_folder(runs_dir)
        write_files(lock.path, {name: data for name, data in files.items() if name in _LAST})
        held_here.pop_all()
    return lock


def check_name(name: str) -> None:
    """Raises UsageError when `name` cannot name a run, and so may not become a part of a path."""
    if not is_run_name(name):
        fix = "Use letters, digits, `.`, `_` and `-`: 64 at most, not starting with `.` or `-`."
        raise UsageError(f"{shown(name)!r} cannot name a run", fix=fix)


def _claim_named(folder: Path, files: Mapping[str, bytes]) -> Lock:
    lock = _claim(folder, files)
    if lock is not None:
        return lock
    held_by = describe_holder(folder)
    if held_by is not None:
        raise held(folder, held_by)
    kinds = {"run": "", "group": " and is a group of runs", "sweep": " and is a sweep"}
    what = kinds.get(kind_of(folder), " and is not a run folder")
    fix = "Choose another name with --run, or leave --run out to get the next number."
    raise NotFoundError(f"{shown(folder)} is already there{what}", fix=fix)


def _claim_next(runs_dir: Path, name: str, files: Mapping[str, bytes]) -> Lock:
    for _ in range(1000):
        highest = max((number_of(entry, name) for entry in list_folder(runs_dir)), default=0)
        for number in (highest, highest + 1):  # the highest one may be what a killed maker left
            folder = runs_dir / f"{name}-{number}"
            lock = _claim(folder, files) if number else None
            if lock is not None:
                return lock
    raise ResourceError(f"cannot make a run folder in {shown(runs_dir)}: other processes took every number")


def _claim(folder: Path, files: Mapping[str, bytes]) -> Lock | None:
    """The lock of `folder`, made if absent; None when it is in use, by a run, another maker or for something else."""
    with writing(folder), suppress(FileExistsError):
        folder.mkdir()
    lock = Lock(folder)
    with suppress(HeldError):
        if _is_blank(folder, files):
            lock.acquire()
            if _is_blank(folder, files):
                return lock
            lock.release()  # it became a run before the lock was ours
    return None


def _is_blank(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether `folder` holds no more than a maker leaves that is killed before the last file."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    left = {LOCK, *files}.difference(_LAST)
    return all(name in left or name.startswith(TEMPORARY) for name in list_folder(folder))
