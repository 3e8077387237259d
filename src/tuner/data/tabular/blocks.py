"""A table file -> blocks of its rows, in order and in bounded memory: text in any encoding, gzipped or not; parquet."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import sys
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from tuner.data.files import shown, unreadable
from tuner.data.source import Array
from tuner.data.tabular.cells import cleaned
from tuner.data.tabular.dialect import rows_of, sniffed
from tuner.data.tabular.facts import missing
from tuner.data.tabular.frames import pl
from tuner.errors import NotFoundError

BLOCK, SAMPLE, LONGEST_RECORD = 1 << 22, 1 << 18, 1 << 26
ROWS = 50_000
STDIN = Path("-")
NEWLINE, QUOTE = b'\n"'


@dataclass(frozen=True, eq=False)
class Block:
    """Some rows: all columns as they were read, the words for `missing` cells, and where each row stands: `lines` of a
    text, rows of a parquet file, counted from 1."""

    frame: pl.DataFrame
    missing: Collection[str]
    lines: Array

    @property
    def cleaned(self) -> pl.DataFrame:
        """All its columns, `cleaned`."""
        return cleaned(self.frame, self.missing)

    def cells(self, name: str) -> pl.Series:
        """One of them."""
        return cleaned(self.frame.select(name), self.missing).to_series()


class TableFile:
    """A table file that is read from its beginning to its end, once, within `with`. `settings` have its dialect's keys
    and `missing`.

    Raises NotFoundError, here and while it is read, where the file is missing, damaged or no table.
    """

    gap = ""
    """How a missing value is given, where that is not a cell."""

    def __init__(self, path: Path, settings: Any) -> None:
        self.path, self.dialect, self.missing, self._open = path, None, settings.missing, ExitStack()
        with ExitStack() as opened, self.understood():
            self._stream = _opened(path, opened)
            start = self._stream.read(SAMPLE)
            self.is_parquet = start.startswith(b"PAR1")
            if not start.strip():
                raise self.wrong("is empty: it has no row")
            if self.is_parquet:
                self._parquet = pl.scan_parquet(path, glob=False)
                self.names = list(self._parquet.collect_schema())
                return
            if start[:4] in (b"PK\3\4", b"\x89PNG", b"%PDF", b"\xff\xd8\xff\xe0", b"\x93NUM"):
                raise self.wrong("is no text and no parquet file", "save the table as csv or parquet")
            keys = ("encoding", "delimiter", "decimal", "thousands", "header")
            self.dialect = sniffed(start, settings.missing, **{key: getattr(settings, key) for key in keys})
            plain = codecs.getincrementaldecoder(self.dialect.encoding)()
            self._decoder = io.IncrementalNewlineDecoder(plain, translate=True)
            self._rest = self._utf8(start)
            self.names = self._first_names()
            if again := sorted({name for name in self.names if self.names.count(name) > 1}):
                raise self.wrong(f"has several columns called {again[0]}", "give each a name of its own")
            self._open = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    @contextmanager
    def understood(self) -> Iterator[None]:
        """What reading raises, as an error that names the file."""
        try:
            yield
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self.wrong(f"is damaged: unpacking stops with: {error}") from error
        except UnicodeError as error:
            said = getattr(self.dialect, "encoding", getattr(error, "encoding", "text"))
            raise self.wrong(f"is not {said}: {error}", "set data.encoding, for example cp1252") from error
        except LookupError as error:
            raise self.wrong(f"cannot be read: {error}", "set data.encoding to one that Python knows") from error
        except OSError as error:
            raise unreadable(self.path, error) from error
        except (pl.exceptions.PolarsError, csv.Error) as error:
            raise self.wrong(f"is damaged: {str(error).splitlines()[0][:200]}") from error

    def wrong(self, message: str, fix: str = "") -> NotFoundError:
        """The error that names the file."""
        name = "standard input" if self.path == STDIN else shown(self.path)
        return NotFoundError(f"{name} {message}", fix=fix)

    def blocks(self) -> Iterator[Block]:
        """All its rows."""
        with self.understood():
            for frame, lines in self._of_parquet() if self.is_parquet else self._of_text():
                yield Block(frame, self.missing, lines)

    def _of_parquet(self) -> Iterator[tuple[pl.DataFrame, Array]]:
        row = 1
        for frame in self._parquet.collect_batches(chunk_size=ROWS, maintain_order=True):
            yield frame, np.arange(row, row + len(frame))
            row += len(frame)

    def _utf8(self, data: bytes, final: bool = False) -> bytes:
        """The bytes as UTF-8 with line ends of one kind."""
        return self._decoder.decode(data, final).encode()

    def _first_names(self) -> list[str]:
        assert self.dialect is not None  # noqa: S101 - it was told just now
        start = self._rest.decode(errors="ignore").lstrip("\n")
        rows = rows_of(start[:SAMPLE], self.dialect.delimiter)
        if not rows:
            raise self.wrong("is empty: it has no row")
        if not self.dialect.header:
            return [f"column_{at}" for at in range(1, len(rows[0]) + 1)]
        return [name or f"column_{at}" for at, name in enumerate(rows[0], 1)]

    def _of_text(self) -> Iterator[tuple[pl.DataFrame, Array]]:
        assert self.dialect is not None  # noqa: S101 - text has one
        line, skips = 1, self.dialect.header
        for data in self._records():
            filled = data.lstrip(b"\n")  # polars counts the cells of the first line
            if filled:
                lines, frame = self._parsed(filled, line + len(data) - len(filled))
                start, skips = int(skips), False
                if len(frame) > start:
                    yield frame[start:], lines[start:]
            line += data.count(b"\n")

    def _records(self) -> Iterator[bytes]:
        """Its text in pieces that end with a line, outside quotes."""
        rest, is_over = self._rest, False
        while not is_over:
            while len(rest) < BLOCK and not is_over:
                more = self._stream.read(BLOCK)
                is_over = not more
                rest += self._utf8(more, final=is_over)
            end = len(rest) if is_over else _last_end(rest)
            if not end and len(rest) > LONGEST_RECORD:
                raise self.wrong("has a line of more than 64 MiB: a quote may not be closed")
            if end:
                yield rest[:end]
            rest = rest[end:]

    def _parsed(self, data: bytes, line: int) -> tuple[Array, pl.DataFrame]:
        """The rows of whole records that begin at `line`, with the line of each. Raises NotFoundError for a row with
        too few or too many cells, which polars would fill up or cut."""
        assert self.dialect is not None  # noqa: S101 - text has one
        delimiter, width = self.dialect.delimiter, len(self.names)
        values = np.frombuffer(data, np.uint8)
        inside = np.bitwise_xor.accumulate(values == QUOTE) if QUOTE in data else np.zeros(1, bool)
        newlines = np.flatnonzero(values == NEWLINE)
        ends = newlines[~inside[newlines]] if len(inside) > 1 else newlines
        starts = np.concatenate([[0], ends[ends < len(values) - 1] + 1])
        counts = np.add.reduceat((values == ord(delimiter)) & ~inside, starts, dtype=np.int32) + 1
        lengths = np.diff(np.append(starts, len(values) + (not data.endswith(b"\n")))) - 1
        filled = lengths > 0
        lines = line + np.searchsorted(newlines, starts)
        if (odd := filled & (counts != width)).any():
            at = int(odd.argmax())
            has = f"line {lines[at]:,} has {counts[at]} cells, and there are {width} columns"
            raise self.wrong(has, "mend that line, or set data.delimiter; a quote may not be closed")
        unfit = f"has quotes that do not fit, after line {line:,}"
        try:
            frame = pl.read_csv(io.BytesIO(data), has_header=False, new_columns=self.names, separator=delimiter,
                                infer_schema=False, empty_string_is_null=False)  # fmt: skip
        except pl.exceptions.ComputeError as error:
            raise self.wrong(unfit, "a quote may not be closed, or one inside quotes not doubled") from error
        if len(frame) != len(filled):
            raise self.wrong(unfit, "double a quote inside quotes")
        return lines[filled], frame if filled.all() else frame.filter(pl.Series(filled))


def _opened(path: Path, opened: ExitStack) -> BinaryIO | gzip.GzipFile:
    """The bytes of a file, unpacked where it is gzipped; `opened` closes it."""
    try:
        stream: Any = sys.stdin.buffer if path == STDIN else opened.enter_context(path.open("rb"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise missing(path) from error
    is_packed = stream.peek(2)[:2] == b"\x1f\x8b"
    return opened.enter_context(gzip.GzipFile(fileobj=stream)) if is_packed else stream


def _last_end(data: bytes) -> int:
    """Where the last line that ends outside quotes ends; 0 for none."""
    if b'"' not in data:
        return data.rfind(b"\n") + 1
    values = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((values == NEWLINE) & ~np.bitwise_xor.accumulate(values == QUOTE))
    return int(ends[-1]) + 1 if len(ends) else 0
