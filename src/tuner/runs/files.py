"""The files of a run folder: their names, their rows, and whether they are what status.json says of them.

status.json is written last, after whatever it speaks of, and ends with checksums: of the other files as they were then,
and of its own bytes before. So what a reader shows was checked, by nothing more than reading it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tuner.durable.reading import (
    JOURNAL_LIMIT,
    JSON_LIMIT,
    Checksum,
    checksum,
    checksums_told,
    damaged,
    json_bytes,
    list_folder,
    parse_checksums,
    parse_json,
    read_bytes,
    read_json,
    shown,
)
from tuner.durable.writing import write_file
from tuner.errors import NotFoundError
from tuner.runs.lock import holder

IDENTITY, STATUS, CONFIG, SOURCE, ORIGINS = "run.json", "status.json", "config.yaml", "source.yaml", "origins.json"
METRICS, TIMING, LAYERS, BEST = "metrics.csv", "timing.csv", "layer_stats.jsonl", "best.safetensors"
LOG, DATA, CARD, CHECKPOINTS, CURVES = "log.txt", "data.json", "card.json", "checkpoints", "curves.png"
STATE = "state.json"
"""Of a checkpoint: the moment of the run, and what it counts on beside itself."""
WRITTEN_ONCE = (IDENTITY, CONFIG, SOURCE, ORIGINS, DATA, CARD)
WEIGHTS_LIMIT = 8 << 30
_LIMITS = {IDENTITY: JSON_LIMIT, CONFIG: JSON_LIMIT, BEST: WEIGHTS_LIMIT}
STATES = ("running", "stopped", "finished", "diverged", "crashed")
ENDED, UNFINISHED = ("finished", "diverged"), ("stopped", "crashed")
DAMAGED, NOT_BEGUN = "damaged", "not begun"
"""The states of members that cannot be read, and that are still to be made."""

JOURNALS = (METRICS, TIMING, LAYERS)
_CHECKPOINT = re.compile(r"epoch-([0-9]{4,8})(?:-batch-([0-9]{6,12}))?")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_.@()\[\]-]{0,63}")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_FLOAT = re.compile(r"-?(?:[0-9]{1,320}(?:\.[0-9]{1,320})?(?:e[+-]?[0-9]{1,4})?|inf)|nan")
_LOOKS = tuple(0.001 * 2**n for n in range(12))
"""Seconds between the looks at a run that is being written: 4 in all, for between two writes lies a checkpoint."""
_DIED = "The run died between writing the two: the same command goes on from its checkpoint and puts that right."
_NOT_WRITTEN = (
    "it is not what was written",
    "Put back what it was, from a copy, or train the run again with --again.",
)
_LIVES = "A live process writes it: look again in a moment."

Row = dict[str, float | int | None]
LayerRow = dict[str, Any]
"""What a layer did after an epoch: its name under ``layer``, numbers or None under all other keys."""

Files = Mapping[str, Checksum]
"""What status.json says of the other files: of a journal, which may have grown since, its first so many bytes."""


@dataclass(frozen=True)
class Status:
    """What status.json says. `files` is empty where an older tuner wrote it, or before there is one."""

    values: dict[str, Any] = field(default_factory=dict)
    files: Files = field(default_factory=dict)

    @property
    def goes_on(self) -> bool:
        """Whether a process may go on with the run."""
        return self.values.get("state", "running") in ("running", "stopped")


def write_status(run: Path, values: Mapping[str, Any], files: Files = MappingProxyType({})) -> None:
    """Puts `values` into status.json of the run folder `run`, old or new and never half; numbers that are not finite
    become null. `files` are the checksums of the files that it speaks of, which are on disk before it."""
    known = {key: value for key, value in values.items() if key not in ("files", "sha256")}
    head = json_bytes({**known, "files": checksums_told(files)}).removesuffix(b"\n}\n") + b",\n"
    write_file(run / STATUS, head + _own(head))


def _own(head: bytes) -> bytes:
    """The last lines of status.json: the checksum of all bytes before them."""
    return f'  "sha256": "{hashlib.sha256(head).hexdigest()}"\n}}\n'.encode()


def read_status(run: Path) -> Status:
    """status.json of the run folder `run`. The keys that readers rely on have their types, others are let be. Raises
    NotFoundError when it is damaged."""
    path = run / STATUS
    if not os.path.lexists(path):
        return Status()
    data = read_bytes(path, JSON_LIMIT)
    values = parse_json(data, path)
    told, own = values.pop("files", None), values.pop("sha256", None)
    is_older = told is None and own is None
    head = data[: -len(_own(b""))]
    if not is_older and data != head + _own(head):
        raise damaged(path, "it is not what its own checksum says")
    if problem := _problem(values):
        raise damaged(path, problem)
    return Status(values, {} if is_older else _checksums(told, path))


def _problem(values: Mapping[str, Any]) -> str:
    """What is of a wrong type in status.json; "" where nothing is."""
    if values.get("state") not in STATES[:-1]:
        return f"its state is none of {', '.join(STATES[:-1])}"
    for key in ("epoch", "step", "best_epoch", "exit_code"):
        if not (values.get(key) is None or type(values[key]) is int):
            return f"{key} is not a whole number"
    for key in ("reason", "next"):
        if not isinstance(values.get(key, ""), str | None):
            return f"{key} is not text"
    for key in ("best", "last", "test"):
        table = values.get(key) or {}
        if not isinstance(table, dict) or not all(v is None or type(v) in (int, float) for v in table.values()):
            return f"{key} is not a row of numbers"
    return ""


def _checksums(told: Any, file: Path) -> dict[str, Checksum]:
    """File name -> (bytes, sha256), as status.json and a checkpoint's state.json have it."""
    try:
        return parse_checksums(told)
    except ValueError:
        raise damaged(file, "it does not tell files with their bytes and sha256") from None


# ---- checked ---------------------------------------------------------------------------------------------------------


def checked(run: Path, name: str, status: Status) -> tuple[bytes, Status]:
    """The content of a file of the run folder `run`, which is what `status` says of it, and the status that speaks of
    it. While a process trains the run, it may be between two writes: then both are read again. A journal of a run that
    is to go on may have been cut back to a checkpoint, as `apart` tells. Of the best weights of an ended run whose
    status.json tells no checksums its newest checkpoint is asked; of an unfinished one nobody. Raises NotFoundError
    naming the file that is missing or damaged."""
    data, status = _looked_at(run, name, status)
    told = status
    if name == BEST and not status.files and not status.goes_on:
        newest = checkpoints(run)[-1:]  # it knows the best weights where the best epoch came before it
        knows_best = all((status.values.get("best_epoch") or 0) <= checkpoint_position(at.name)[0] for at in newest)
        told = Status(status.values, _counted_on(run)[-1] if knows_best else {})
    if _fits(name, data, told) or _is_cut_back(run, name, data, status):
        return data, status
    raise _not_as_told(run / BEST) if name == BEST and status.goes_on else damaged(run / name, *_NOT_WRITTEN)


def faults(run: Path, status: Status, names: Iterable[str]) -> Iterator[NotFoundError]:
    """What is wrong with those of these files of a run folder that are there, or that `status` speaks of, an error a
    file: what `checked` raises, a journal that was cut back, and where an older tuner wrote the status, a journal that
    is not what the newest checkpoint counts on."""
    told = status.files or _counted_on(run)[-1]
    for name in names:
        if not (name in told or os.path.lexists(run / name)):
            continue
        try:
            data, known = checked(run, name, status)
            if _is_cut_back(run, name, data, known):
                raise _not_as_told(run / name)
            if not status.files and name in JOURNALS and name in told and checksum(data[: told[name][0]]) != told[name]:
                raise damaged(run / name, *_NOT_WRITTEN)
        except NotFoundError as error:
            yield error


def apart(run: Path, status: Status) -> list[str]:
    """What of a run does not agree with its status.json, a line each: as a rule because its process died between
    writing the two. Of an ended run these are the best weights, for the rest is checked where it is read."""
    names = (*JOURNALS, BEST) if status.goes_on else (BEST,)
    return [error.line for error in faults(run, status, names if status.files else ())]


def _not_as_told(file: Path) -> NotFoundError:
    message = f"{shown(file)} is not the one that {STATUS} speaks of"
    return NotFoundError(message, fix=_DIED if holder(file.parent) is None else _LIVES)


def _looked_at(run: Path, name: str, status: Status) -> tuple[bytes, Status]:
    """A file and the status that speaks of it, both read again where they do not agree and a process trains the run."""
    limit = _LIMITS.get(name, JOURNAL_LIMIT)
    data = read_bytes(run / name, limit)
    for pause in _LOOKS[:8] if name in WRITTEN_ONCE else _LOOKS:
        if _fits(name, data, status):
            break
        held = holder(run) is not None
        before, status = data, read_status(run)
        data = read_bytes(run / name, limit)
        if _fits(name, before, status):  # the status that speaks of it came after it
            return before, status
        if not held:
            break
        time.sleep(pause)
    return data, status


def _fits(name: str, data: bytes, status: Status) -> bool:
    told = status.files.get(name)
    if told is None:
        return name != BEST or not status.files
    grows = name in JOURNALS and status.values.get("state") not in ENDED
    return checksum(data[: told[0]] if grows else data) == told


def _is_cut_back(run: Path, name: str, data: bytes, status: Status) -> bool:
    """Whether a process that died before it said so went back to a checkpoint, or a power failure took the last rows.
    What a checkpoint counts on is on disk before it is."""
    told = status.files.get(name)
    if told is None or name not in JOURNALS or not status.goes_on or len(data) >= told[0]:
        return False
    counted = [each[name] for each in _counted_on(run) if name in each]
    return not counted or any(checksum(data[:size]) == (size, digest) for size, digest in counted)


# ---- checkpoints -----------------------------------------------------------------------------------------------------


def checkpoint_name(epochs: int, batch: int = 0) -> str:
    """``epoch-0007`` after seven epochs; ``epoch-0007-batch-000123`` inside the eighth."""
    return f"epoch-{epochs:04d}" + (f"-batch-{batch:06d}" if batch else "")


def checkpoint_position(name: str) -> tuple[int, int]:
    """(whole epochs, batches after them) of a checkpoint's name; (-1, 0) for what is none."""
    found = _CHECKPOINT.fullmatch(name)
    return (int(found[1]), int(found[2] or 0)) if found else (-1, 0)


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints in a run folder, oldest first. Raises NotFoundError when they cannot be listed."""
    names = [name for name in list_folder(run / CHECKPOINTS) if _CHECKPOINT.fullmatch(name)]
    return [run / CHECKPOINTS / name for name in sorted(names, key=checkpoint_position)]


def check_position(folder: Path) -> None:
    """Raises NotFoundError where a checkpoint's state.json is not of the moment that its folder's name says."""
    position, (epochs, batch) = read_json(folder / STATE), checkpoint_position(folder.name)
    if epochs >= 0 and (position.get("epoch"), position.get("batch")) != (epochs + 1, batch):
        raise damaged(folder / STATE, "it is not of the moment that its folder's name says")


def _counted_on(run: Path) -> list[Files]:
    """What each checkpoint counts on, oldest first, after nothing; those that are damaged or gone meanwhile are passed
    over."""
    found: list[Files] = [{}]
    for folder in checkpoints(run):
        with suppress(NotFoundError):
            found.append(_checksums(read_json(folder / STATE).get("beside"), folder / STATE))
    return found


# ---- rows: plain numbers, which reading gives back as they were written ----------------------------------------------


def format_header(columns: Sequence[str]) -> str:
    """The first line of the file, without its end."""
    for column in columns:
        if not _COLUMN.fullmatch(column):
            raise ValueError(f"not a column's name: {column!r}")
    return ",".join(columns)


def format_row(columns: Sequence[str], values: Mapping[str, float | int | None]) -> str:
    """One line without its end, of exactly the columns: a float in its shortest form that reads back the same, None as
    an empty cell."""
    if set(values) != set(columns):
        raise ValueError(f"a row is whole: {sorted(set(values) ^ set(columns))} are missing or too many")
    cells = [values[column] for column in columns]
    return ",".join("" if each is None else str(int(each)) if isinstance(each, int) else repr(float(each))
                    for each in cells)  # fmt: skip


def parse_rows(text: str, file: str) -> list[Row]:
    """The rows of `text`; a last line without its end was torn by a crash and does not count. Raises NotFoundError
    naming `file` and the line that is damaged."""
    lines = text.split("\n")[:-1]
    if not lines:
        return []
    columns = lines[0].split(",")
    if len(set(columns)) != len(columns) or not all(_COLUMN.fullmatch(column) for column in columns):
        raise NotFoundError(f"{file} is damaged: line 1 does not name its columns")
    return [_parse(columns, line, f"{file} is damaged: line {number}") for number, line in enumerate(lines[1:], 2)]


def _parse(columns: list[str], line: str, where: str) -> Row:
    cells = line.split(",")
    if len(cells) != len(columns):
        raise NotFoundError(f"{where} has {len(cells)} cells for {len(columns)} columns")
    row: Row = {}
    for column, cell in zip(columns, cells, strict=True):
        if not cell:
            row[column] = None
        elif _INTEGER.fullmatch(cell):
            row[column] = int(cell)
        elif _FLOAT.fullmatch(cell) and ("inf" in cell or not math.isinf(float(cell))):
            row[column] = float(cell)
        else:
            raise NotFoundError(f"{where}, {column}: {shown(cell[:40])} is not a number")
    return row


def parse_layer_rows(data: bytes, file: str) -> list[LayerRow]:
    """The whole lines of layer_stats.jsonl. Raises NotFoundError naming `file` and the line that is damaged."""
    rows = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            row = json.loads(line)
            known = type(row["epoch"]) is int and isinstance(row["layer"], str)
            numbers = [value for key, value in row.items() if key != "layer" and value is not None]
            if not known or not all(type(value) in (int, float) and math.isfinite(value) for value in numbers):
                raise ValueError("no epoch, no layer or not a number")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise NotFoundError(f"{file} is damaged: line {number} is not what a layer did after an epoch") from error
        rows.append(row)
    return rows
