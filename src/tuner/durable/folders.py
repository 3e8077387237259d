"""Folders of files that count from one rename on, with a manifest of sha256s that every reading is checked against."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tuner.durable.reading import (
    Checksum,
    checksum,
    checksums_told,
    damaged,
    is_plain_name,
    json_bytes,
    parse_checksums,
    read_bytes,
    read_json,
    shown,
)
from tuner.durable.writing import TEMPORARY, has_content, sync_folder, temporary_name, write_new, writing
from tuner.errors import NotFoundError, ResourceError

MANIFEST = "manifest.json"
FOLDER_LIMIT = 8 << 30
_TRASH, _OLD = ".trash-", ".old-"
LEFTOVERS = (TEMPORARY, _TRASH, _OLD)
"""How the names of what a killed writer leaves begin."""


def commit_folder(
    parent: Path, name: str, files: Mapping[str, bytes], links: Mapping[Path, Checksum] | None = None
) -> Path:
    """Puts the folder `name` with `files` and a manifest of their sha256s into `parent`; an older one is replaced.

    `links` are files from elsewhere, and what they hold: each is in the folder, too, under its own name, as a hard
    link, or a copy where links are refused. It is there whole and read back, or not at all. `parent` is made, what is
    above it has to be there. Raises NotFoundError (a file is in its place), ResourceError.
    """
    links = links or {}
    digests = {key: checksum(data) for key, data in files.items()} | {path.name: known for path, known in links.items()}
    for wanted in (name, *digests):
        if not is_plain_name(wanted) or wanted == MANIFEST:
            raise ValueError(f"not a plain file name: {wanted!r}")
    content = {**files, MANIFEST: json_bytes({"files": checksums_told(dict(sorted(digests.items())))})}
    final, built = parent / name, parent / temporary_name()
    with writing(parent):
        if not parent.is_dir():  # what went away above it is not brought back
            parent.mkdir()
            sync_folder(parent.parent)
    with writing(final, parent):
        try:
            built.mkdir()
            write_new({built / key: data for key, data in content.items()})
            for path in links:
                try:
                    (built / path.name).hardlink_to(path)
                except OSError:
                    write_new({built / path.name: read_bytes(path, FOLDER_LIMIT)})
            sync_folder(built)
            _read_back(built, final)
            _publish(built, final)
        except BaseException:
            shutil.rmtree(built, ignore_errors=True)
            raise
    return final


def _read_back(built: Path, final: Path) -> None:
    try:
        verify_folder(built)
    except NotFoundError as error:
        message = f"cannot write {shown(final)}: what was written reads back differently ({error.message})"
        kept = "What was saved before is still in place. " * has_content(final.parent)
        raise ResourceError(message, fix=f"{kept}Check the disk and the memory of this machine.") from error


def _publish(built: Path, final: Path) -> None:
    """Renames `built` to `final`. An older `final` waits as `.old-NAME`, where `sweep_leftovers` finds it."""
    old = final.parent / (_OLD + final.name)
    replaces = os.path.lexists(final)
    if replaces:
        _delete(old)
        final.rename(old)
        sync_folder(final.parent)
    try:
        built.rename(final)
    except BaseException:
        if replaces:
            with suppress(OSError):
                old.rename(final)
        raise
    sync_folder(final.parent)
    if replaces:
        remove_folder(old)


def read_folder(path: Path, limit: int = FOLDER_LIMIT) -> dict[str, bytes]:
    """The files of a folder that `commit_folder` made, checked against its manifest. Raises NotFoundError naming the
    file that is missing, damaged, a link, or too large (`limit` is bytes in all)."""
    return dict(_checked(path, limit))


def verify_folder(path: Path) -> None:
    """As `read_folder`, but holds one file in memory at a time."""
    for _ in _checked(path, FOLDER_LIMIT):
        pass


def _checked(path: Path, limit: int) -> Iterator[tuple[str, bytes]]:
    if path.is_symlink():
        raise NotFoundError(f"{shown(path)} is a link, not a folder")
    try:
        listed = parse_checksums(read_json(path / MANIFEST).get("files"))
    except ValueError:
        listed = {}
    plain = all(is_plain_name(name) and name != MANIFEST for name in listed)
    if not plain or not 0 < len(listed) <= 1000:
        raise damaged(path / MANIFEST, "it lists no files with their bytes and sha256")
    if sum(size for size, _ in listed.values()) > limit:
        raise NotFoundError(f"{shown(path)} is too large: its files may have {limit} bytes in all")
    for name, (size, digest) in listed.items():
        data = read_bytes(path / name, size)
        if checksum(data) != (size, digest):
            raise damaged(path / name, f"it is not what {MANIFEST} says")
        yield name, data


def remove_folder(path: Path) -> None:
    """Takes `path` away: gone under its name at once, then deleted. Raises ResourceError."""
    trash = path.parent / (_TRASH + secrets.token_hex(8))
    with writing(path):
        path.rename(trash)
        sync_folder(path.parent)  # or a power failure could leave it under its own name, half deleted
    with suppress(OSError):  # what stays is swept later
        _delete(trash)


def sweep_leftovers(parent: Path) -> None:
    """Deletes what a killed writer left in `parent` and puts back a folder whose replacement never came. Only for the
    holder of the run's lock, before it looks for checkpoints. Raises ResourceError."""
    with writing(parent):
        names = sorted(path.name for path in parent.iterdir()) if parent.is_dir() else []
        for name in names:
            old = name.removeprefix(_OLD)
            if old != name and not os.path.lexists(parent / old):
                (parent / name).rename(parent / old)
                sync_folder(parent)
            elif name.startswith(LEFTOVERS):
                _delete(parent / name)


def _delete(path: Path) -> None:
    """Deletes a file, a link or a tree, following no link. Raises OSError; it may be absent."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
