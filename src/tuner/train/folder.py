"""The run folder while it is written: journals, checkpoints, the best weights, the status."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from tuner.durable import (
    JOURNAL_LIMIT,
    Journal,
    commit_folder,
    read_bytes,
    read_folder,
    remove_folder,
    sweep_leftovers,
    write_file,
)
from tuner.errors import NotFoundError
from tuner.run import Lock, Row, format_header, format_row, now, parse_rows, write_status

BEST = "best.safetensors"
METRICS, TIMING, LOG = "metrics.csv", "timing.csv", "log.txt"
TIMING_COLUMNS = ("epoch", "seconds", "samples_per_second")
WEIGHTS_LIMIT = 8 << 30


class Folder:
    """A run folder that this process holds."""

    def __init__(self, lock: Lock, columns: tuple[str, ...]) -> None:
        self.lock, self.path, self.columns = lock, lock.path, columns
        self.checkpoints = self.path / "checkpoints"
        sweep_leftovers(self.path)
        if self.checkpoints.is_dir():
            sweep_leftovers(self.checkpoints)
        self.metrics = Journal.open(self.path / METRICS, format_header(columns))
        self.timing = Journal.open(self.path / TIMING, format_header(TIMING_COLUMNS))
        self.log_file = Journal.open(self.path / LOG)
        self.header = len(format_header(columns)) + 1
        self.rows: list[Row] = []

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for journal in (self.metrics, self.timing, self.log_file):
            journal.close()
        self.lock.release()

    def lengths(self) -> dict[str, int]:
        """How long the journals are that a checkpoint counts on; timing.csv is not among them, for it holds times,
        and a checkpoint is the same bytes whenever it is made."""
        return {METRICS: self.metrics.length}

    def cut(self, lengths: dict[str, int] | None) -> None:
        """Cuts the journals back to where a checkpoint found them; None: to their headers."""
        self.metrics.cut(self.header if lengths is None else lengths.get(METRICS, -1))
        self.rows = parse_rows(self.text_of(METRICS), str(self.path / METRICS))
        lines = self.text_of(TIMING).splitlines(keepends=True)
        self.timing.cut(sum(map(len, lines[: len(self.rows) + 1])))

    def text_of(self, name: str) -> str:
        return read_bytes(self.path / name, JOURNAL_LIMIT).decode("ascii", "replace")

    def epoch(self, row: Row, seconds: float, samples_per_second: float) -> None:
        """Adds an epoch to the journals."""
        timing: Row = {"epoch": row["epoch"], "seconds": round(seconds, 6),
                       "samples_per_second": round(samples_per_second, 1)}
        self.metrics.append(format_row(self.columns, row))
        self.timing.append(format_row(TIMING_COLUMNS, timing))
        self.rows.append(row)

    def checkpoint(self, name: str, files: dict[str, bytes], keep: int) -> None:
        """Commits a checkpoint whose journals are safe on disk, then lets older ones go: the newest `keep` of whole
        epochs stay, and one inside an epoch only until the next."""
        self.metrics.sync()
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
        found = [path.name for path in self.checkpoints.iterdir() if path.name.startswith("epoch-")]
        return sorted(found, key=_position)

    def newest_checkpoint(self) -> tuple[str, dict[str, bytes]] | None:
        """The newest checkpoint that is whole; None when there is none. Raises NotFoundError when all are damaged."""
        names, damaged = self.names(), []
        for name in reversed(names):
            try:
                return name, read_folder(self.checkpoints / name)
            except NotFoundError as error:
                damaged.append(str(error))
                self.log(f"passed over a damaged checkpoint: {error}")
        if damaged:
            raise NotFoundError(f"every checkpoint of {self.path} is damaged: {damaged[0]}",
                                fix="train it anew with --again")
        return None

    def save_best(self, data: bytes) -> None:
        write_file(self.path / BEST, data)

    def best(self) -> bytes:
        """The best weights. Raises NotFoundError."""
        return read_bytes(self.path / BEST, WEIGHTS_LIMIT)

    def status(self, status: dict[str, Any]) -> None:
        write_status(self.path, status)

    def log(self, text: str) -> None:
        self.log_file.append(f"{now()} {text}".replace("\n", " / "))


def checkpoint_name(epochs: int, batch: int = 0) -> str:
    """``epoch-0007`` after seven epochs; ``epoch-0007-batch-000123`` inside the eighth."""
    return f"epoch-{epochs:04d}" + (f"-batch-{batch:06d}" if batch else "")


def _position(name: str) -> tuple[int, int]:
    epochs, _, batch = name.removeprefix("epoch-").partition("-batch-")
    return (int(epochs) if epochs.isdigit() else -1, int(batch) if batch.isdigit() else 0)
