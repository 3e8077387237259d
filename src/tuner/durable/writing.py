"""Files that are old or new, never half: built under another name in their folder, flushed, renamed, folder flushed."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tuner.durable.reading import CAREFUL, in_the_way, shown
from tuner.errors import NotFoundError, ResourceError

TEMPORARY = ".tmp-"
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
    errno.ENOENT: "put the folder back that went away while it was in use",
}
_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)


@contextmanager
def writing(path: Path, *saved: Path) -> Iterator[None]:
    """Turns an OSError of a write into a ResourceError that names `path`, the reason and what to do. `saved` are the
    places of earlier writes, which the failed one leaves as they were; without any that is `path`. Where something else
    stands at a place that has to be a file or a folder, it is a NotFoundError naming that place."""
    try:
        yield
    except OSError as error:
        if error.errno in _IN_THE_WAY:
            place = Path(os.fsdecode(error.filename2 or error.filename or path))
            fix = "Move it away or choose another place, then run the same command again."
            raise NotFoundError(f"cannot write {shown(path)}: {in_the_way(place, error.errno)}", fix=fix) from error
        reason = error.strerror or type(error).__name__
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


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """`write_file` for several files of one folder, which is flushed once. Each file is old or new, not all of them."""
    temporary = {name: folder / temporary_name() for name in files}
    places = [folder / name for name in files]
    with writing(places[0] if len(places) == 1 else folder, *places):
        try:
            write_new({temporary[name]: data for name, data in files.items()})
            for name, path in temporary.items():
                path.replace(folder / name)
            sync_folder(folder)
        except BaseException:
            for path in temporary.values():
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


def temporary_name() -> str:
    return TEMPORARY + secrets.token_hex(8)


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
