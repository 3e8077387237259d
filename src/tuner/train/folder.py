"""The run folder while it is written: journals, checkpoints, the best weights, the status."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any

from tuner.config.settings import Checkpoint
from tuner.durable.folders import commit_folder, put_link, read_folder, remove_folder, sweep_leftovers
from tuner.durable.journal import Journal
from tuner.durable.reading import JOURNAL_LIMIT, Checksum, checksum, list_folder, read_bytes, shown
from tuner.durable.writing import write_file, writing
from tuner.errors import NotFoundError, ResourceError
from tuner.quantities import TIME
from tuner.runs.creating import now, write_status
from tuner.runs.files import BEST, CONFIG, LAYERS, METRICS, ORIGINS, TIMING, WRITTEN_ONCE
from tuner.runs.lock import Lock
from tuner.runs.rows import Row, format_header, format_row, parse_rows

LOG = "log.txt"
TIMING_COLUMNS = ("epoch", *TIME)
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
        self.best_known: Checksum | None = None
        self.best_kept = True  # whether best.safetensors is what is known of it
        with ExitStack() as opened:
            opened.callback(lock.release)
            self._check_places()
            sweep_leftovers(self.path)
            if self.checkpoints.is_dir():
                sweep_leftovers(self.checkpoints)
            there = [name for name in WRITTEN_ONCE if os.path.lexists(self.path / name)]
            self.written_once = {name: checksum(read_bytes(self.path / name, JOURNAL_LIMIT)) for name in there}
            self.metrics = opened.enter_context(Journal.open(self.path / METRICS, format_header(columns)))
            self.log_file = opened.enter_context(Journal.open(self.path / LOG))
            self.timing = opened.enter_context(self._open_timing())
            kept = with_layers or os.path.lexists(self.path / LAYERS)  # from before they were turned off
            self.layers = opened.enter_context(Journal.open(self.path / LAYERS)) if kept else None
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

    def check_place(self) -> None:
        """Raises ResourceError when the run was deleted, moved or taken by another process while it was trained."""
        self.metrics.check_place()
        self.lock.check_place()

    def beside(self) -> dict[str, Checksum]:
        """How far the files are that a checkpoint counts on. timing.csv is not among them, for it holds times, and a
        checkpoint is the same bytes whenever it is made."""
        found: dict[str, Checksum] = {METRICS: (self.metrics.length, self.metrics.digest)}
        if self.best_known:
            found[BEST] = self.best_known
        if self.layers is not None:
            found[LAYERS] = (self.layers.length, self.layers.digest)
        return found

    def go_back(self, name: str, beside: Mapping[str, Checksum], best: bytes | None) -> None:
        """Cuts the journals back to where the checkpoint `name` found them, and puts back the `best` weights that it
        holds; without a checkpoint ("" and {}) to their headers, and no best weights.

        Raises NotFoundError when metrics.csv or the best weights are not what the checkpoint counts on.
        """
        known = beside.get(METRICS, checksum(self.header))
        before = self.text_of(METRICS).encode()[: known[0]]
        if checksum(before) != known:
            raise NotFoundError(f"{shown(self.path / METRICS)} is damaged: it is not what the checkpoint counts on")
        rows = parse_rows(before.decode(), shown(self.path / METRICS))
        if name and [row["epoch"] for row in rows] != list(range(1, _position(name)[0] + 1)):
            raise NotFoundError(f"{name} counts on other epochs than {shown(self.path / METRICS)} has")
        self._put_back_best(name, beside.get(BEST), best)
        self.metrics.cut(known[0])
        self.rows = rows
        self._cut_timing()
        self._cut_layers(beside.get(LAYERS))

    def _put_back_best(self, name: str, known: Checksum | None, held: bytes | None) -> None:
        """Makes the best weights those that the checkpoint counts on; one of an older tuner does not hold them.

        Raises NotFoundError when those that it holds are damaged.
        """
        place = self.path / BEST
        if known is None:
            with writing(place):
                place.unlink(missing_ok=True)
        elif held is None:
            self.best_kept = self._holds(place, known)
        elif checksum(held) != known:
            raise NotFoundError(f"{shown(place)} is damaged: it is not what {name} counts on")
        else:
            put_link(self.checkpoints / name / BEST, place)
        self.best_known = known

    @staticmethod
    def _holds(place: Path, known: Checksum) -> bool:
        """Not where a later epoch's weights were written over those of the checkpoint: they may become the best again,
        and if they do not, the run's end says that they are lost."""
        try:
            return checksum(read_bytes(place, WEIGHTS_LIMIT)) == known
        except NotFoundError:
            return False

    def _cut_timing(self) -> None:
        """Takes the epochs that are to come again out of timing.csv."""
        text = self.text_of(TIMING)
        try:
            kept = 1 + sum((row["epoch"] or 0) <= len(self.rows) for row in parse_rows(text, TIMING))
        except NotFoundError as error:  # no reason not to train
            self.log(error.message)
            kept = 1
        self.timing.cut(sum(map(len, text.splitlines(keepends=True)[:kept])))

    def _cut_layers(self, known: Checksum | None) -> None:
        """Takes what is to be measured again out of layer_stats.jsonl; all of it where it is not what it was."""
        if self.layers is None:
            return
        length = known[0] if known else 0
        if known and checksum(read_bytes(self.path / LAYERS, JOURNAL_LIMIT)[:length]) != known:
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

    def epoch(self, row: Row, seconds: float, samples_per_second: float, best: bytes | None) -> None:
        """Adds an epoch to the journals, and its weights where it is the best; where that fails, no trace of it stays,
        so that no row stands there whose weights were lost."""
        timing: Row = {
            "epoch": row["epoch"],
            "seconds": round(seconds, 6),
            "samples_per_second": round(samples_per_second, 1),
        }
        self.check_place()
        lengths = self.metrics.length, self.timing.length
        try:
            self.metrics.append(format_row(self.columns, row))
            self.timing.append(format_row(TIMING_COLUMNS, timing))
            if best is not None:
                self.save_best(best)
        except BaseException:
            self.metrics.cut(lengths[0])
            self.timing.cut(lengths[1])
            raise
        self.rows.append(row)

    def checkpoint(self, name: str, files: dict[str, bytes]) -> None:
        """Commits a checkpoint whose journals are safe on disk; it holds the best weights, too."""
        self.check_place()
        self.metrics.sync()
        with _during_training():
            self._check_places()
            best = {self.path / BEST: self.best_known} if self.best_known and self.best_kept else {}
            commit_folder(self.checkpoints, name, files, best)

    def tidy(self, newest: str | None, scheduled: bool, setting: Checkpoint) -> None:
        """Lets go of what a run that nothing disturbed would not have beside its `newest` checkpoint.

        The newest `keep` of those made on schedule stay: every `every` epochs, and at the run's end. One made at a stop
        stays only until the next, and none that is newer, for it was passed over. Leftovers of killed or failed writes
        and deletions go, too.
        """
        names = self.names()
        older = names[: names.index(newest)] if newest else names
        regular = [name for name in older if _position(name)[1] == 0 and _position(name)[0] % setting.every == 0]
        room = setting.keep - (1 if newest and scheduled else 0)
        kept = {newest, *regular[max(0, len(regular) - room) :]}
        for name in names:
            if name not in kept:
                remove_folder(self.checkpoints / name)
        try:  # not in the run folder, where a reader may be drawing curves.png
            sweep_leftovers(self.checkpoints)
        except ResourceError as error:  # no reason not to train
            self.log(error.message)

    def names(self) -> list[str]:
        """The checkpoints, oldest first."""
        if not self.checkpoints.is_dir():
            return []
        found = [name for name in list_folder(self.checkpoints) if _NAME.fullmatch(name)]
        return sorted(found, key=_position)

    def newest_checkpoint(self, take_up: Callable[[str, dict[str, bytes]], dict[str, Checksum]]) -> str | None:
        """Goes on from the newest checkpoint that is whole and fits what stands beside it; None when there is none.

        `take_up` is given its name and files and returns what it counts on. Raises NotFoundError when all are damaged.
        """
        damaged = []
        for name in reversed(self.names()):
            try:
                files = read_folder(self.checkpoints / name)
                self.go_back(name, take_up(name, files), files.get(BEST))
            except NotFoundError as error:
                damaged.append(f"{name}: {error.message}")
                self.log(f"passed over {damaged[-1]}")
            else:
                return name
        if damaged:
            raise NotFoundError(
                f"every checkpoint of {shown(self.path)} is damaged: {damaged[0]}", fix="train it anew with --again"
            )
        self.go_back("", {}, None)
        return None

    def save_best(self, data: bytes) -> None:
        with _during_training():
            write_file(self.path / BEST, data)
        self.best_known, self.best_kept = checksum(data), True

    def best(self) -> bytes:
        """The best weights. Raises NotFoundError when they are missing or not what was saved."""
        self.check_place()
        data = read_bytes(self.path / BEST, WEIGHTS_LIMIT)
        if self.best_known != checksum(data):
            raise NotFoundError(
                f"{shown(self.path / BEST)} is damaged: it is not what was saved", fix="train it anew with --again"
            )
        return data

    def settings(self, files: Mapping[str, bytes], status: dict[str, Any]) -> None:
        """Records settings that are others from now on; meanwhile `status` tells nothing of the files they stand in."""
        written = {name: files[name] for name in (CONFIG, ORIGINS)}
        self.written_once = {name: known for name, known in self.written_once.items() if name not in written}
        self.status(status)
        write_file(self.path / ORIGINS, written[ORIGINS])
        write_file(self.path / CONFIG, written[CONFIG])  # last: by it the next start sees what has changed
        self.written_once |= {name: checksum(data) for name, data in written.items()}

    def keep(self, name: str, data: bytes) -> None:
        """Adds a file that is written once, where an older tuner made the run without it."""
        if name not in self.written_once:
            write_file(self.path / name, data)
            self.written_once[name] = checksum(data)

    def status(self, status: dict[str, Any]) -> None:
        """Writes status.json, which tells what the other files are now."""
        self.check_place()
        timing = (self.timing.length, self.timing.digest)
        write_status(self.path, status, {**self.written_once, TIMING: timing, **self.beside()})

    def log(self, text: str) -> None:
        self.log_file.append(f"{now()} {text}".replace("\n", " / "))


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
