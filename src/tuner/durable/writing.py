"""Files and folders that are old or new, never half: built under another name beside their place, flushed, renamed, and
what is above them flushed. A folder holds a manifest of sha256s that every reading is checked against."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tuner.durable.reading import (
    CAREFUL,
    Checksum,
    checksum,
    checksums_told,
    damaged,
    in_the_way,
    is_plain_name,
    json_bytes,
    parse_checksums,
    read_bytes,
    read_json,
    shown,
)
from tuner.errors import NotFoundError, ResourceError

MANIFEST = "manifest.json"
FOLDER_LIMIT = 8 << 30
TEMPORARY, _TRASH, _OLD = ".tmp-", ".trash-", ".old-"
LEFTOVERS = (TEMPORARY, _TRASH, _OLD)
"""How the names of what a killed writer leaves begin."""
_REMEDY = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room in your disk quota",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close programs that hold many files open",
    errno.EROFS: "choose a folder that can be written (--runs-dir)",
    errno.EACCES: "allow writing there or choose another folder (--runs-dir)",
    errno.EPERM: "allow writing there or choose another folder (--runs-dir)",
    errno.EIO: "check the disk: it reports errors",
}
_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)


@contextmanager
def writing(path: Path, *saved: Path) -> Iterator[None]:
    """Turns an OSError of a write into a ResourceError that names `path`, the reason and what to do. `saved` are the
    places of earlier writes, which the failed one leaves as they were; without any that is `path`. Where something else
    stands at a place that has to be a file or a folder, or no folder is, it is a NotFoundError naming that place."""
    try:
        yield
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            place = Path(os.fsdecode(error.filename2 or error.filename or path))
            fix = "Move it away or choose another place, then run the same command again."
            raise NotFoundError(f"cannot write {shown(path)}: {in_the_way(place, error.errno)}", fix=fix) from error
        reason = error.strerror or type(error).__name__
        if error.errno == errno.ENOENT:
            absent = next((each for each in reversed(path.parents) if not each.is_dir()), None)
            reason = f"there is no folder {shown(absent)}" if absent else reason
            todo = "Make it, put it back or choose" if absent else "Choose"
            fix = f"{todo} another place, then run the same command again."
            raise NotFoundError(f"cannot write {shown(path)}: {reason}", fix=fix) from error
        remedy = f"{_REMEDY.get(error.errno or 0, 'see to the cause above')}, then run the same command again."
        kept = any(map(has_content, saved or [path]))
        fix = f"What was saved before is still in place: {remedy}" if kept else remedy[:1].upper() + remedy[1:]
        raise ResourceError(f"cannot write {shown(path)}: {reason}", fix=fix) from error


def has_content(path: Path) -> bool:
    """Whether something was saved at `path`: a file that is not empty, a folder with more in it than unfinished files;
    also where that cannot be seen."""
    try:
        if path.is_dir():
            return any(not name.startswith(".") for name in os.listdir(path))  # noqa: PTH208
        return path.lstat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def write_file(path: Path, data: bytes) -> None:
    """Puts `data` at `path`: afterwards, whatever happens, the old content is there or the new one. Raises
    NotFoundError (a folder is there), ResourceError."""
    write_files(path.parent, {path.name: data})


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A stream whose bytes stand at `path` once the block is left without an error; otherwise what was there stays.
    Raises NotFoundError (a folder is there), ResourceError."""
    place = _temporary(path.parent)
    with writing(path):
        try:
            with place.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            place.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                place.unlink()
            raise


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """`write_file` for several files of one folder, which is flushed once. Each file is old or new, not all of them."""
    places = {_temporary(folder): folder / name for name in files}
    with writing(folder if len(files) != 1 else folder / next(iter(files)), *places.values()):
        try:
            write_new(dict(zip(places, files.values(), strict=True)))
            for path, place in places.items():
                path.replace(place)
            sync_folder(folder)
        except BaseException:
            for path in places:
                with suppress(OSError):
                    path.unlink()
            raise


def make_folder(path: Path) -> None:
    """Makes `path` and what is missing above it, so that they survive a power failure. Raises NotFoundError (something
    else is in its place), ResourceError."""
    with writing(path):
        missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` survive a power failure. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no folders
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot flush a folder
            raise
    finally:
        os.close(descriptor)


def _temporary(folder: Path, kind: str = TEMPORARY) -> Path:
    return folder / (kind + secrets.token_hex(8))


def write_new(files: Mapping[Path, bytes]) -> None:
    """Creates `files` and flushes them: all are written first, so that one flush of the disk serves several."""
    opened: list[int] = []
    try:
        for path, data in files.items():
            opened.append(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CAREFUL, 0o666))
            write_all(opened[-1], data)
        for descriptor in opened:
            os.fsync(descriptor)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


# ---- folders ---------------------------------------------------------------------------------------------------------


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
    final, built = parent / name, _temporary(parent)
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


def read_folder(path: Path) -> dict[str, bytes]:
    """The files of a folder that `commit_folder` made, checked against its manifest. Raises NotFoundError naming the
    file that is missing, damaged, a link, or too large (FOLDER_LIMIT bytes in all)."""
    return dict(_checked(path))


def verify_folder(path: Path) -> None:
    """As `read_folder`, but holds one file in memory at a time."""
    for _ in _checked(path):
        pass


def _checked(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_symlink():
        raise NotFoundError(f"{shown(path)} is a link, not a folder")
    try:
        listed = parse_checksums(read_json(path / MANIFEST).get("files"))
    except ValueError:
        listed = {}
    plain = all(is_plain_name(name) and name != MANIFEST for name in listed)
    if not plain or not 0 < len(listed) <= 1000:
        raise damaged(path / MANIFEST, "it lists no files with their bytes and sha256")
    if sum(size for size, _ in listed.values()) > FOLDER_LIMIT:
        raise NotFoundError(f"{shown(path)} is too large: its files may have {FOLDER_LIMIT} bytes in all")
    for name, (size, digest) in listed.items():
        data = read_bytes(path / name, size)
        if checksum(data) != (size, digest):
            raise damaged(path / name, f"it is not what {MANIFEST} says")
        yield name, data


def remove_folder(path: Path) -> None:
    """Takes `path` away: gone under its name at once, then deleted. Raises ResourceError."""
    trash = _temporary(path.parent, _TRASH)
    with writing(path):
        path.rename(trash)
        sync_folder(path.parent)  # or a power failure could leave it under its own name, half deleted
    with suppress(OSError):  # what stays is swept later
        _delete(trash)


def sweep_trash(parent: Path) -> None:
    """Deletes what a killed `remove_folder` left in `parent`; another one that is at it does not mind."""
    for trash in parent.glob(f"{_TRASH}*"):
        with suppress(OSError):
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
