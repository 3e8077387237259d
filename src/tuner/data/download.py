"""Fetching data sets: from their mirrors to a nameless scratch file, checked by MD5, then file by file into place."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tuner.choice import nearest_of
from tuner.data.files import download_root, is_file, shown
from tuner.data.source import Archive, Source
from tuner.durable.writing import make_folder, write_file, writing
from tuner.errors import NotFoundError, UsageError

SIZE_LIMIT = 512 << 20
CHUNK = 1 << 20
TIMEOUT = 30.0


@dataclass(frozen=True)
class Progress:
    """How much of one file is here, in bytes; `total` is None where the server does not say."""

    file: str
    done: int
    total: int | None


class FetchError(Exception):
    """One mirror did not give the file, or what it gave is refused."""


def fetch(name: str, root: Path | None = None) -> Generator[Progress, None, Path]:
    """Downloads what is not there yet of a data set and checks all of it; returns the data folder it is in: `root`,
    else `download_root()`.

    Raises UsageError for a name that is no downloadable data set, NotFoundError where no mirror gives the file or what
    arrives is not what it should be, ResourceError where it cannot be written.
    """
    source = Source.find(name)
    if source is None:
        names = sorted(key for key, each in Source.members.items() if each.archives)
        raise UsageError(f"there is no data set {name}", fix=nearest_of(name, names))
    if not source.archives:
        raise UsageError(f"{source.name} needs no download: it can be used as it is")
    folder = download_root() if root is None else root
    yield from fetch_archives(source.archives, folder)
    source().open(folder).read()
    return folder


def fetch_archives(archives: tuple[Archive, ...], root: Path) -> Iterator[Progress]:
    """Downloads and unpacks those of `archives` whose files are not all under `root`, with the right size each."""
    for archive in archives:
        if all(is_file(root / path) and (root / path).stat().st_size == size for path, size in archive.unpacks):
            continue
        make_folder(root / archive.folder)
        with writing(root), tempfile.TemporaryFile(dir=root) as scratch:
            yield from fill(scratch, archive, root / archive.folder)
            unpack(scratch, archive, root)


def md5(file: IO[bytes]) -> str:
    """The MD5 of all that a file holds, which is published for the archives; against accidents, not for security."""
    file.seek(0)
    return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()  # type: ignore[arg-type]


def fill(scratch: IO[bytes], archive: Archive, place: Path) -> Iterator[Progress]:
    """Fills `scratch` with the archive that was put into its place by hand, else from the first mirror that gives it.

    Raises NotFoundError.
    """
    reasons = []
    if is_file(place / archive.file):
        with (place / archive.file).open("rb") as held:
            shutil.copyfileobj(held, scratch)
        if (found := md5(scratch)) == archive.md5:
            return
        reasons.append(f"{shown(place / archive.file)}: its MD5 is {found}")
    for base in archive.mirrors:
        scratch.seek(0)
        scratch.truncate()
        url = f"{base.rstrip('/')}/{archive.file}"
        try:
            yield from take(url, archive, scratch)
        except FetchError as error:
            reasons.append(f"{url}: {error}")
        else:
            return
    raise NotFoundError(
        f"cannot download {archive.file}: {'; '.join(reasons)}",
        fix=f"try again, or get {archive.file} (MD5 {archive.md5}) another way, put it into {shown(place)} "
        "and run the same command again",
    )


def take(url: str, archive: Archive, scratch: IO[bytes]) -> Iterator[Progress]:
    """One attempt at one URL. Raises FetchError with the reason where it fails."""
    if not url.startswith(("https://", "http://")):
        raise FetchError("refused: not an http address")
    try:
        response = urlopen(Request(url, headers={"User-Agent": "tuner"}), timeout=TIMEOUT)  # noqa: S310 - checked above
    except HTTPError as error:
        error.close()
        raise FetchError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(why(error)) from error
    with response:
        length = response.headers.get("Content-Length", "")
        total, done = int(length) if length.isdecimal() else None, 0
        if (total or 0) > SIZE_LIMIT:
            raise FetchError(f"refused: {total:,} bytes are more than the {SIZE_LIMIT:,} allowed")
        yield Progress(archive.file, done, total)
        while chunk := piece(response):
            done += len(chunk)
            if done > SIZE_LIMIT:
                raise FetchError(f"refused: more than the {SIZE_LIMIT:,} bytes allowed")
            scratch.write(chunk)
            yield Progress(archive.file, done, total)
    if total is not None and done != total:
        raise FetchError(f"broke off after {done:,} of {total:,} bytes")
    if (found := md5(scratch)) != archive.md5:
        raise FetchError(f"refused: its MD5 is {found}, not the published {archive.md5}")


def piece(response: IO[bytes]) -> bytes:
    """The next bytes that a server gives. Raises FetchError."""
    try:
        return response.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise FetchError(f"broke off: {why(error)}") from error


def why(error: Exception) -> str:
    """The reason in an error of urllib, in words."""
    reason = error.reason if isinstance(error, URLError) else error
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


def unpack(scratch: IO[bytes], archive: Archive, root: Path) -> None:
    """Puts the archive's files into place. Raises NotFoundError for an archive that does not hold them as it should."""
    scratch.seek(0)
    try:
        for path, content, size in unpacked(scratch, archive):
            data = content.read(size + 1)
            if len(data) != size:
                raise FetchError(f"{path} in it is not {size:,} bytes long")
            make_folder((root / path).parent)
            write_file(root / path, data)
    except (FetchError, tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise NotFoundError(
            f"{archive.file} is refused: {error}", fix=f"get {archive.file} (MD5 {archive.md5}) from its source again"
        ) from error


def unpacked(scratch: IO[bytes], archive: Archive) -> Iterator[tuple[str, IO[bytes] | gzip.GzipFile, int]]:
    """The archive's files and nothing else: relative path, content, and the size that it should have.

    Nothing is extracted by a tar's own word: a link, a device or a path that leads out refuses the whole archive.
    Raises FetchError.
    """
    left = dict(archive.unpacks)
    if not archive.file.endswith(".tar.gz"):
        [(path, size)] = left.items()
        yield path, gzip.GzipFile(fileobj=scratch) if archive.file.endswith(".gz") else scratch, size
        return
    with tarfile.open(fileobj=scratch, mode="r:gz") as tar:
        for member in tar:
            parts = PurePosixPath(member.name)
            if parts.is_absolute() or ".." in parts.parts or not (member.isreg() or member.isdir()):
                raise FetchError(f"it holds {member.name!r}, which could write outside its folder")
            if member.size > SIZE_LIMIT:
                raise FetchError(f"it holds {member.name!r} of {member.size:,} bytes")
            content = tar.extractfile(member)  # None for a folder
            if content is not None and member.name in left:
                yield member.name, content, left.pop(member.name)
    if left:
        raise FetchError(f"it lacks {', '.join(left)}")
