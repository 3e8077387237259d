"""Text files that only grow, by whole lines."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Self

from tuner.durable.reading import CAREFUL, JOURNAL_LIMIT, Checksum, damaged, is_at, read_open, shown
from tuner.durable.writing import sync_folder, write_all, writing
from tuner.errors import NotFoundError, ResourceError


class Journal:
    """A text file that only grows, by whole lines; for the holder of the run's lock. It is made if it is absent, a torn
    last line is cut, and an empty one gets `header` as its first line.

    After a failed write it is cut back to its last whole line. After a failed flush it is lost: the kernel may have
    dropped what it could not write, so nothing more is added, and the next process takes up what is on disk.
    Raises NotFoundError when the file is there with another header or is no file, ResourceError when it cannot be
    written.
    """

    def __init__(self, path: Path, header: str = "") -> None:
        self.path = path
        self.length = 0  # bytes, all of them whole lines
        self._hash = hashlib.sha256()
        self._header = f"{header}\n".encode() if header else b""
        self._named = False  # whether the folder that names the file has been flushed
        self._lost = False
        with writing(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | CAREFUL, 0o666)
        try:
            data = read_open(self._descriptor, path, JOURNAL_LIMIT)
            self.length = data.rfind(b"\n") + 1
            self._hash.update(data[: self.length])
            if self.length < len(data):
                with writing(path):
                    os.ftruncate(self._descriptor, self.length)
            if header and not self.length:
                self.append(header)
            elif not data.startswith(self._header):
                message = f"{shown(path)} is damaged or of another kind: its first line is not {shown(header)}"
                raise NotFoundError(message)
        except BaseException:
            self.close()
            raise

    @property
    def checksum(self) -> Checksum:
        """Of the `length` bytes."""
        return self.length, self._hash.hexdigest()

    def append(self, line: str) -> None:
        """Adds one line by one write. Raises ResourceError; the file then ends as before."""
        if "\n" in line:
            raise ValueError("a line of a journal holds no line break")
        data = f"{line}\n".encode()
        with writing(self.path):
            self._refuse_when_lost()
            try:
                write_all(self._descriptor, data)
            except BaseException:
                try:
                    os.ftruncate(self._descriptor, self.length)
                except OSError:
                    self._lost = True
                raise
        self.length += len(data)
        self._hash.update(data)

    def _refuse_when_lost(self) -> None:
        if self._lost:
            raise OSError(errno.EIO, "an earlier write or flush of it failed")

    def check_place(self) -> None:
        """Raises ResourceError when the file that is written is no longer the one at its path: deleted or moved."""
        with writing(self.path):
            if is_at(self.path, self._descriptor):
                return
        what = shown(self.path) if self.path.parent.is_dir() else f"the run folder {shown(self.path.parent)}"
        message = f"{what} is gone: it was deleted or moved while it was in use"
        raise ResourceError(message, fix="Put it back, then run the same command again.")

    def sync(self) -> None:
        """Makes everything added so far survive a power failure. Raises ResourceError, also as `check_place`."""
        self.check_place()
        with writing(self.path):
            self._refuse_when_lost()
            try:
                os.fsync(self._descriptor)
                if not self._named:
                    sync_folder(self.path.parent)
            except BaseException:
                self._lost = True
                raise
        self._named = True

    def cut(self, length: int) -> None:
        """Cuts the file back to its first `length` bytes, as a checkpoint names them. Raises NotFoundError when the
        file is shorter, or `length` is not the end of a line."""
        with writing(self.path):
            kept = os.pread(self._descriptor, max(length, 0), 0)
        whole = not kept or kept.endswith(b"\n")
        if len(kept) != length or not whole or not kept.startswith(self._header):
            raise damaged(self.path, f"a checkpoint counts on {length} bytes of whole lines in it")
        with writing(self.path):
            self._refuse_when_lost()
            os.ftruncate(self._descriptor, length)
        self.length, self._hash = length, hashlib.sha256(kept)

    def close(self) -> None:
        """Closes the file; what was not synced is up to the system."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
