"""An .npz file -> the arrays x and y of its parts. Nothing in it is unpickled, and nothing is believed unmeasured: an
array's header is short, and its size is what its shape and the file allow."""

from __future__ import annotations

import errno
import io
import math
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from tuner.choice import fold
from tuner.data.columns import Column, in_order, text_of
from tuner.data.files import shown, unreadable
from tuner.data.npz.facts import LAYOUTS, Facts, Held, Layout, Pair, shape_of
from tuner.data.source import Array, Raw
from tuner.data.tabular.facts import Seen
from tuner.durable import reading as durable_reading
from tuner.errors import NotFoundError, TunerError

X, Y = ("x", "images"), ("y", "labels")
PARTS = {"train": ("", "train", "training"), "test": ("test",), "validation": ("val", "valid", "validation")}
SLOTS = {
    spelled: (part, role)
    for part, words in PARTS.items()
    for role, names in (("x", X), ("y", Y))
    for word in words
    for name in names
    for spelled in (word + name, name + word)
}
"""Names of arrays, folded, each with the part that it is of and what it is there."""

HEADER, BLOCK = 10_000, 1 << 22
PACKED = 1032
"""Bytes that a byte of deflated ones can stand for at most."""
MOST_CLASSES, TRACKED_NUMBERS = 10_000, 1_000
WRITES = "numpy.savez(FILE, x=x, y=y) writes one."
NUMBERS = "numbers (bool, int, uint, float)"


@dataclass(frozen=True, eq=False)
class Member:
    """An array in the file, as its header tells; its numbers begin after `start` bytes."""

    info: zipfile.ZipInfo
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    start: int

    @property
    def held(self) -> Held:
        return Held(self.name, self.shape, self.dtype.name)


class NpzFile:
    """An .npz file that is open within `with`.

    Raises NotFoundError, here and while it is read, where the file is missing, damaged or no .npz.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.understood():
            self._zip = zipfile.ZipFile(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._zip.close()

    @contextmanager
    def understood(self) -> Iterator[None]:
        """What reading raises, as an error that names the file."""
        try:
            yield
        except (TunerError, MemoryError):
            raise
        except zipfile.BadZipFile as error:
            raise self.wrong(f"is damaged, or no .npz file: {error}", WRITES) from error
        except Exception as error:  # neither zipfile nor numpy gives a common error for bytes that are anything
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise unreadable(self.path, error) from error
            told = str(error).partition("\n")[0][:200] or type(error).__name__
            raise self.wrong(f"is damaged: {told}", WRITES) from error

    def wrong(self, message: str, fix: str = "") -> NotFoundError:
        """The error that names the file."""
        return NotFoundError(durable_reading.shown(f"{shown(self.path)} {message}"), fix=fix)

    def slots(self) -> tuple[dict[tuple[str, str], zipfile.ZipInfo], list[str]]:
        """Where the arrays are that are understood, by part and role, and the names of the others."""
        found: dict[tuple[str, str], zipfile.ZipInfo] = {}
        others = []
        for info in self._zip.infolist():
            name = info.filename.removesuffix(".npy")
            slot = SLOTS.get(fold(name)) if name != info.filename else None
            if slot is None:
                others.append(durable_reading.shown(name))
            elif slot in found:
                raise self.wrong(f"holds {_name(found[slot])} and {name}, which mean the same", "Leave one of them.")
            else:
                found[slot] = info
        return found, others

    def member(self, info: zipfile.ZipInfo) -> Member:
        """What the header of an array tells. Raises NotFoundError where it cannot be true."""
        name = _name(info)
        with self.understood():
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise self.wrong(f"holds {name} packed in a way that numpy does not write", WRITES)
            with self._zip.open(info) as stream:
                start, shape, is_fortran, dtype = _header(stream.read(HEADER))
        claimed, held = start + math.prod(shape) * dtype.itemsize, info.file_size
        if dtype.hasobject or dtype.names:
            what = "objects" if dtype.hasobject else "records"
            raise self.wrong(f"holds {what} in {name}, which are not read", f"Make {NUMBERS} of it, or text for y.")
        if min(shape, default=1) < 1 or not dtype.itemsize:
            raise self.wrong(f"is no data: {name} is empty, of shape {shape}")
        if claimed != held or held > PACKED * (info.compress_size + 1):
            raise self.wrong(f"is damaged: {name} of shape {shape} and {dtype} is {claimed:,} bytes, and has {held:,}")
        return Member(info, name, shape, dtype, is_fortran, start)

    def blocks(self, member: Member) -> Iterator[Array]:
        """The array, some of its first axis at a time, in order; all at once where that is its last in the file."""
        row = member.dtype.itemsize * math.prod(member.shape[1:])
        at_once = member.shape[0] if member.is_fortran else max(BLOCK // row, 1)
        with self.understood(), self._zip.open(member.info) as stream:
            _exactly(stream, member.start)
            for begin in range(0, member.shape[0], at_once):
                count = min(at_once, member.shape[0] - begin)
                flat = np.frombuffer(_exactly(stream, count * row), dtype=member.dtype)
                yield flat.reshape((count, *member.shape[1:]), order="F" if member.is_fortran else "C")
            stream.read(1)  # the checksum is looked at where the end is met

    def samples(self, member: Member, layout: Layout) -> Iterator[Array]:
        """Samples (some of N, *shape), uint8 where they are stored so and else float32, in order. Raises NotFoundError
        for one that is not finite."""
        kept, at = np.uint8 if member.dtype == np.uint8 else np.float32, 0
        for block in self.blocks(member):
            with np.errstate(over="ignore", invalid="ignore"):
                values = block.astype(kept, copy=False)
            if kept is np.float32 and not np.isfinite(values).all():
                first = int(np.isfinite(values).reshape(len(values), -1).all(axis=1).argmin())
                has = "NaN or infinity" if not np.isfinite(block[first]).all() else "a number beyond 3.4e38, float32's"
                raise self.wrong(f"has {has} in sample {at + first:,} of {member.name}", "Fill it in or leave it out.")
            at += len(values)
            yield (
                values[:, None] if layout == "one_channel"
                else np.moveaxis(values, 3, 1) if layout == "channels_last"
                else values
            )  # fmt: skip

    def all_samples(self, member: Member, layout: Layout, shape: tuple[int, ...]) -> Array:
        """All of them: (N, *shape)."""
        kept = np.uint8 if member.dtype == np.uint8 else np.float32
        out, at = np.empty((member.shape[0], *shape), dtype=kept), 0
        for values in self.samples(member, layout):
            out[at : at + len(values)] = values
            at += len(values)
        return out

    def new_samples(self, shape: tuple[int, ...]) -> Iterator[Array]:
        """Samples of this shape that need no targets: x, or test_x, or another part's, alone in the file or the first
        of these. Raises NotFoundError where there are none of the shape."""
        slots = self.slots()[0]
        found = [slots[part, "x"] for part in ("test", "train", "validation") if (part, "x") in slots]
        if not found:
            raise self.wrong("has no x", WRITES)
        member = self.member(found[0])
        axes = len(member.shape)
        fitting = [layout for layout in LAYOUTS.get(axes, ()) if shape_of(layout, member.shape) == shape]
        if not fitting or member.dtype.kind not in "buif":
            raise self.wrong(f"has {member.dtype} of shape {member.shape} as {member.name}",
                             f"The run takes {NUMBERS} of shape (N, {', '.join(map(str, shape))}).")  # fmt: skip
        yield from self.samples(member, fitting[0])

    def targets(self, member: Member) -> Array:
        """The values of y, (N,): text, whole numbers, bools or finite float64."""
        values = np.concatenate(list(self.blocks(member))).reshape(-1)
        if member.dtype.kind == "f":
            values = values.astype(np.float64)
            with np.errstate(over="ignore"):
                bad = ~np.isfinite(values.astype(np.float32))
            if bad.any():
                at = int(bad.argmax())
                raise self.wrong(f"has {values[at]:g} in sample {at:,} of {member.name}", "Fill it in or leave it out.")
        return values

    def look(self) -> Facts:
        """What arrays there are, and which values the targets have; of x only headers are read."""
        slots, others = self.slots()
        has = [_name(info) for info in slots.values()] + others
        for part in dict.fromkeys(("train", *(part for part, _ in slots))):
            for role in ("x", "y"):
                if (part, role) not in slots:
                    name = f"{role} or train_{role}" if part == "train" else f"{part}_{role}"
                    told = ", ".join(has[:20]) + ", ..." * (len(has) > 20)
                    raise self.wrong(f"has no {name}; it has {told or 'nothing'}", WRITES)
        pairs = {part: self.pair(slots[part, "x"], slots[part, "y"]) for part in PARTS if (part, "x") in slots}
        first = pairs["train"].x
        for x in (pair.x for pair in pairs.values()):
            if x.shape[1:] != first.shape[1:] or (x.dtype == "uint8") != (first.dtype == "uint8"):
                told = " and ".join(f"{each.name} is {each.dtype} of shape {each.shape}" for each in (first, x))
                raise self.wrong(f"has parts that do not go together: {told}", "Store them alike, but for N.")
        return Facts(pairs, tuple(others))

    def pair(self, x_info: zipfile.ZipInfo, y_info: zipfile.ZipInfo) -> Pair:
        """The arrays of a part. Raises NotFoundError where they cannot be learned from."""
        x, y = self.member(x_info), self.member(y_info)
        if x.dtype.kind not in "buif" or not 2 <= len(x.shape) <= 4:
            allowed = f"Allowed are {NUMBERS} of shape (N, F), (N, T, F), (N, H, W), (N, C, H, W) or (N, H, W, C)."
            raise self.wrong(f"has {x.dtype} of shape {x.shape} as {x.name}", allowed)
        if y.dtype.kind not in "buifUS" or y.shape not in (x.shape[:1], (*x.shape[:1], 1)):
            allowed = f"Allowed are {NUMBERS} or text, one a sample: ({x.shape[0]},)."
            raise self.wrong(f"has {y.dtype} of shape {y.shape} as {y.name}, and {x.name} is {x.shape}", allowed)
        return Pair(x.held, y.held, self.seen(y))

    def seen(self, member: Member) -> Seen:
        """What is seen of a target."""
        is_text = member.dtype.kind in "US"
        values, counts = np.unique(self.targets(member), return_counts=True)
        distinct, most = len(values), TRACKED_NUMBERS if member.dtype.kind == "f" else MOST_CLASSES
        low, high = (0.0, 0.0) if is_text else (float(values[0]), float(values[-1]))
        told = dict(zip(self.named(values), counts.tolist(), strict=True)) if distinct <= most else {}
        if "" in told:
            raise self.wrong(f"has samples without a text in {member.name}", "Fill them in or leave them out.")
        categories = in_order(told) if is_text else tuple(told)
        each = tuple(told[name] for name in categories)
        return Seen(member.name, "category" if is_text else "number", (0,), distinct, categories, each, "", low, high)

    def named(self, values: Array) -> list[str]:
        """What values of a target are called as classes."""
        if values.dtype.kind == "f":
            return [text_of(value) for value in (values + 0.0).tolist()]  # -0 is 0
        with self.understood():  # bytes and halves of a surrogate pair need not be text
            found = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
            "".join(found).encode()
        return found

    def raw(self, facts: Facts, layout: Layout, shape: tuple[int, ...], target: Column) -> Raw:
        """All that was looked at. Raises NotFoundError also where it is another by now."""
        slots, read = self.slots()[0], {}
        for part, pair in facts.pairs.items():
            found = [self.member(slots[part, role]) for role in ("x", "y") if (part, role) in slots]
            if [each.held for each in found] != [pair.x, pair.y]:
                raise self.changed()
            read[f"{part}_x"] = self.all_samples(found[0], layout, shape)
            read[f"{part}_y"] = self.labels(found[1], target)
        return Raw(read.pop("train_x"), read.pop("train_y"), **read)

    def labels(self, member: Member, target: Column) -> Array:
        """A target as it is stored: int64 class indices or float32 numbers."""
        values = self.targets(member)
        if not target.categories:
            return values.astype(np.float32)
        index = {name: at for at, name in enumerate(target.categories)}
        found, where = np.unique(values, return_inverse=True)
        codes = np.array([index.get(name, -1) for name in self.named(found)], dtype=np.int64)
        if codes.min() < 0:
            raise self.changed()
        return codes[where]

    def changed(self) -> NotFoundError:
        return self.wrong("changed while it was read", "Run the same command again.")


def _name(info: zipfile.ZipInfo) -> str:
    return info.filename.removesuffix(".npy")


def _header(data: bytes) -> tuple[int, tuple[int, ...], bool, np.dtype[Any]]:
    """(bytes of the header, shape, whether in Fortran's order, dtype) of an .npy that begins so. Raises for what is
    none: of numpy, and of Python's parser, almost anything."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of version {version[0]}.{version[1]}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python's parser thinks of it
        try:
            shape, is_fortran, dtype = read(stream)
        except MemoryError:  # the parser's own, of brackets or signs too deep
            raise ValueError("an array with a header that is none") from None
    return stream.tell(), shape, is_fortran, dtype


def _exactly(stream: IO[bytes], size: int) -> bytes:
    """Raises ValueError where the stream ends before."""
    data = stream.read(size)
    if len(data) != size:
        raise ValueError(f"an array ends {size - len(data):,} bytes too early")
    return data
