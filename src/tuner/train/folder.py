"""The run folder while it is written: journals, checkpoints, the best weights, the status."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import isfinite
from types import TracebackType
from typing import Any

from tuner.durable import (
    JOURNAL_LIMIT,
    JSON_LIMIT,
    Journal,
    checksum,
    commit_folder,
    list_folder,
    read_bytes,
    read_folder,
    remove_folder,
    shown,
    sweep_leftovers,
    write_file,
    writing,
)
from tuner.errors import NotFoundError, ResourceError
from tuner.run import WRITTEN_ONCE, Lock, Row, format_header, format_row, now, parse_rows, write_status
from tuner.state import Beside

BEST = "best.safetensors"
METRICS, TIMING, LOG, LAYERS = "metrics.csv", "timing.csv", "log.txt", "layer_stats.jsonl"
TIMING_COLUMNS = ("epoch", "seconds", "samples_per_second")
WEIGHTS_LIMIT = 8 << 30
_MOVE = "Move it away, then run the same command again."
_NAME = re.compile(r"epoch-([0-9]{4,8})(?:-batch-([0-9]{6,12}))?")


class Folder:
    """A run folder that this process holds; leaving its ``with`` block, or a failure to open it, lets it go."""

    def __init__(self, lock: Lock, columns: tuple[str, ...], with_layers: bool = False) -> None:
        self.lock, self.path, self.columns = lock, lock.path, columns
        self.checkpoints = self.path / "checkpoints"
        self.header = f"{format_header(columns)}\n".encode()
        self.rows: list[Row] = []
        self.best_known: Beside | None = None
        with ExitStack() as opened:
            opened.callback(lock.release)
            self._check_places()
            sweep_leftovers(self.path)
            if self.checkpoints.is_dir():
                sweep_leftovers(self.checkpoints)
            there = [name for name in WRITTEN_ONCE if os.path.lexists(self.path / name)]
            self.written_once = {name: checksum(read_bytes(self.path / name, JSON_LIMIT)) for name in there}
            self.metrics = opened.enter_context(Journal.open(self.path / METRICS, format_header(columns)))
            self.log_file = opened.enter_context(Journal.open(self.path / LOG))
            self.timing = opened.enter_context(self._open_timing())
            self.layers = opened.enter_context(Journal.open(self.path / LAYERS)) if with_layers else None
            self.opened = opened.pop_all()

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.opened.close()

    def _check_places(self) -> None:
        """Refuses what is not tuner's: links would let it write and delete elsewhere."""
        if os.path.lexists(self.checkpoints) and (self.checkpoints.is_symlink() or not self.checkpoints.is_dir()):
            raise NotFoundError(f"{shown(self.checkpoints)} is not a folder of this run's own", fix=_MOVE)
        best = self.path / BEST
        if os.path.lexists(best) and (best.is_symlink() or not best.is_file()):
            raise NotFoundError(f"{shown(best)} is not a regular file", fix=_MOVE)

    def _open_timing(self) -> Journal:
        """timing.csv; one that is damaged from its first line on is set aside, for it is no reason not to train."""
        path = self.path / TIMING
        try:
            return Journal.open(path, format_header(TIMING_COLUMNS))
        except NotFoundError as error:
            if path.is_symlink() or not path.is_file():
                raise
            aside = path.with_name(f"{TIMING}.damaged")
            self.log(f"set aside as {aside.name}: {error.message}")
        with writing(aside):
            path.replace(aside)
        return Journal.open(path, format_header(TIMING_COLUMNS))

    def beside(self) -> dict[str, Beside]:
        """How far the files are that a checkpoint counts on. timing.csv is not among them, for it holds times, and a
        checkpoint is the same bytes whenever it is made."""
        found: dict[str, Beside] = {METRICS: (self.metrics.length, self.metrics.digest)}
        if self.best_known:
            found[BEST] = self.best_known
        if self.layers is not None:
            found[LAYERS] = (self.layers.length, self.layers.digest)
        return found

    def go_back(self, beside: dict[str, Beside]) -> None:
        """Cuts the journals back to where a checkpoint found them; {}: to their headers.

        Raises NotFoundError when metrics.csv is not what the checkpoint counts on.
        """
        length, digest = beside.get(METRICS, (len(self.header), hashlib.sha256(self.header).hexdigest()))
        before = self.text_of(METRICS).encode()[:length]
        if hashlib.sha256(before).hexdigest() != digest:
            raise NotFoundError(f"{shown(self.path / METRICS)} is damaged: it is not what the checkpoint counts on")
        self.metrics.cut(length)
        self.rows = parse_rows(before.decode(), shown(self.path / METRICS))
        self.best_known = beside.get(BEST)
        self._cut_timing()
        self._cut_layers(beside.get(LAYERS))

    def _cut_timing(self) -> None:
        """Takes the epochs that are to come again out of timing.csv."""
        text = self.text_of(TIMING)
        try:
            kept = 1 + sum((row["epoch"] or 0) <= len(self.rows) for row in parse_rows(text, TIMING))
        except NotFoundError as error:  # no reason not to train
            self.log(error.message)
            kept = 1
        self.timing.cut(sum(map(len, text.splitlines(keepends=True)[:kept])))

    def _cut_layers(self, known: Beside | None) -> None:
        """Takes what is to be measured again out of layer_stats.jsonl; all of it where it is not what it was."""
        if self.layers is None:
            return
        length, digest = known or (0, "")
        before = read_bytes(self.path / LAYERS, JOURNAL_LIMIT)[:length]
        if known and hashlib.sha256(before).hexdigest() != digest:
            self.log(f"{LAYERS} was damaged: what it held of the epochs before is gone")
            length = 0
        self.layers.cut(length)

    def measured_layers(self, rows: list[dict[str, Any]]) -> None:
        """Adds a line for each layer."""
        assert self.layers is not None  # noqa: S101 - called where they are measured
        for row in rows:
            finite = {
                key: None if isinstance(each, float) and not isfinite(each) else each for key, each in row.items()
            }
            self.layers.append(json.dumps(finite))

    def text_of(self, name: str) -> str:
        return read_bytes(self.path / name, JOURNAL_LIMIT).decode("ascii", "replace")

    def epoch(self, row: Row, seconds: float, samples_per_second: float) -> None:
        """Adds an epoch to the journals."""
        timing: Row = {
            "epoch": row["epoch"],
            "seconds": round(seconds, 6),
            "samples_per_second": round(samples_per_second, 1),
        }
        self.metrics.append(format_row(self.columns, row))
        self.timing.append(format_row(TIMING_COLUMNS, timing))
        self.rows.append(row)

    def checkpoint(self, name: str, files: dict[str, bytes], keep: int) -> None:
        """Commits a checkpoint whose journals are safe on disk, then lets older ones go: the newest `keep` of whole
        epochs stay, and one inside an epoch only until the next."""
        self.metrics.sync()
        with _during_training():
            self._check_places()
            commit_folder(self.checkpoints, name, files)
        names = self.names()
        whole = [each for each in names if "-batch-" not in each]
        for old in names:
            if old != name and old not in whole[-keep:]:
                remove_folder(self.checkpoints / old)

    def names(self) -> list[str]:
        """The checkpoints, oldest first."""
        if not self.checkpoints.is_dir():
            return []
        found = [name for name in list_folder(self.checkpoints) if _NAME.fullmatch(name)]
        return sorted(found, key=_position)

    def newest_checkpoint(self, take_up: Callable[[dict[str, bytes]], dict[str, Beside]]) -> str | None:
        """Goes on from the newest checkpoint that is whole and fits what stands beside it; None when there is none.

        `take_up` is given its files and returns what it counts on. Raises NotFoundError when all are damaged.
        """
        damaged = []
        for name in reversed(self.names()):
            try:
                self.go_back(take_up(read_folder(self.checkpoints / name)))
            except NotFoundError as error:
                damaged.append(error.message)
                self.log(f"passed over {name}: {error.message}")
            else:
                return name
        if damaged:
            raise NotFoundError(
                f"every checkpoint of {shown(self.path)} is damaged: {damaged[0]}", fix="train it anew with --again"
            )
        self.go_back({})
        return None

    def save_best(self, data: bytes) -> None:
        self.metrics.check_place()
        with _during_training():
            write_file(self.path / BEST, data)
        self.best_known = (len(data), hashlib.sha256(data).hexdigest())

    def best(self) -> bytes:
        """The best weights. Raises NotFoundError when they are missing or not what was saved."""
        self.metrics.check_place()
        data = read_bytes(self.path / BEST, WEIGHTS_LIMIT)
        if self.best_known != (len(data), hashlib.sha256(data).hexdigest()):
            raise NotFoundError(
                f"{shown(self.path / BEST)} is damaged: it is not what was saved", fix="train it anew with --again"
            )
        return data

    def status(self, status: dict[str, Any]) -> None:
        """Writes status.json, which tells what the other files are now."""
        self.metrics.check_place()
        timing = (self.timing.length, self.timing.digest)
        write_status(self.path, status, {**self.written_once, TIMING: timing, **self.beside()})

    def log(self, text: str) -> None:
        self.log_file.append(f"{now()} {text}".replace("\n", " / "))


def _finite(value: Any) -> Any:
    """JSON has no numbers that are not finite: null stands for them."""
    return None if isinstance(value, float) and not isfinite(value) else value


@contextmanager
def _during_training() -> Iterator[None]:
    """What gets in the way of a running training stops it as a full disk does: the same command goes on later."""
    try:
        yield
    except NotFoundError as error:
        raise ResourceError(error.message, fix=error.fix) from error


def checkpoint_name(epochs: int, batch: int = 0) -> str:
    """``epoch-0007`` after seven epochs; ``epoch-0007-batch-000123`` inside the eighth."""
    return f"epoch-{epochs:04d}" + (f"-batch-{batch:06d}" if batch else "")


def _position(name: str) -> tuple[int, int]:
    found = _NAME.fullmatch(name)
    return (int(found[1]), int(found[2] or 0)) if found else (-1, 0)
