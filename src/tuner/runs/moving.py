"""Run folders are taken away or called otherwise: each is there whole under a name of its own, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tuner.durable.reading import files_below, shown
from tuner.durable.writing import remove_folder, sweep_trash, sync_folder, writing
from tuner.errors import HeldError, NotFoundError, UsageError
from tuner.paths import normal
from tuner.runs.creating import check_name
from tuner.runs.folder import GROUP, folder_called, folders_in, folders_of, is_group, is_run, is_sweep, members
from tuner.runs.lock import Lock, check_platform, describe_holder, making


def movable(paths: Iterable[Path], runs_dir: Path) -> list[Path]:
    """The folders of runs, groups, sweeps and members that can be moved as they are named, each once and none inside
    another. Raises UsageError for a folder that is none of these, or that a link above it leads to."""
    found: dict[Path, Path] = {}
    for given in paths:
        path = Path(os.path.realpath(given)) if ".." in given.parts or not given.name else given
        real = Path(os.path.realpath(path.parent), path.name)
        above = [each for each in path.parents if each == path.parent or runs_dir in each.parents]
        for link in (each for each in above if each.is_symlink() and each != runs_dir):
            raise UsageError(f"{shown(link)} is a link, and links are not followed", fix=f"It leads to {real}.")
        is_one = is_run(path) or is_sweep(path) or path in folders_of(path.parent, GROUP)
        if not is_one or real == Path(os.path.realpath(runs_dir)):
            raise UsageError(
                f"{shown(path)} is a folder of runs, not a run, group or sweep", fix="Name the runs in it."
            )
        found[real] = path
    return [path for real, path in found.items() if found.keys().isdisjoint(real.parents)]


def size(path: Path) -> int:
    """The bytes of all files in the folder `path`, each once, however many names it has; of a link none."""
    files = [] if path.is_symlink() else [file.lstat() for file in files_below(path)]
    return sum({(file.st_dev, file.st_ino): file.st_size for file in files}.values())


@contextmanager
def holding(paths: Sequence[Path]) -> Iterator[None]:
    """Within it no other process holds the runs, groups and sweeps in the folders `paths`, what is in them, or the
    families whose members they are. What a link leads to is asked who holds it, no more. Raises HeldError,
    ResourceError."""
    check_platform()
    above = [folder for path in paths for folder in path.parents[:2] if is_family(folder)]
    linked = [path for path in paths if path.is_symlink()]
    below = [each for path in paths for each in (path, *groups_in(path))]
    places = dict.fromkeys([*above, *(each for folder in below for each in (folder, *members(folder)))])
    with ExitStack() as held:
        try:
            for place in places:
                if by := describe_holder(place):
                    raise HeldError(f"{shown(place)} is held by {by}")
            for place in places:
                if not place.is_symlink() and place.parent not in linked:
                    held.enter_context(Lock(place))
        except HeldError as error:
            fix = "Nothing was done. Stop that process, or wait until it has ended."
            raise HeldError(error.message, fix=fix) from None
        yield


def is_family(folder: Path) -> bool:
    """Whether a folder knows by their names what is in it."""
    return os.path.lexists(folder / GROUP) or is_sweep(folder)


def groups_in(path: Path) -> list[Path]:
    """The groups that confirm the trials of the sweep in a folder; of any other none."""
    return [folder for folder in folders_in(path) if is_group(folder)] if is_sweep(path) else []


def remove(path: Path) -> None:
    """Takes a folder away that is held: of a link the link alone. Raises ResourceError."""
    sweep_trash(path.parent)
    remove_folder(path)


def rename(path: Path, name: str) -> Path:
    """Calls the folder `path` of a run, group or sweep `name`; where it is then. Raises UsageError (no name for a run,
    a member), NotFoundError (it is taken), HeldError, ResourceError."""
    check_name(normal(name))
    if is_family(path.parent):
        what = "sweep" if is_sweep(path.parent) else "group"
        raise UsageError(
            f"{shown(path)} is a member of a {what}, which knows it by its name", fix=f"Rename the {what}."
        )
    with making(path.parent):
        target = folder_called(path.parent, normal(name))
        if os.path.lexists(target):
            raise NotFoundError(f"{shown(target)} is already there", fix="Choose another name.")
        with holding([path]), writing(target):
            path.rename(target)
            sync_folder(path.parent)
    return target
