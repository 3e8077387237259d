"""A run's history -> its folder: journals, checkpoints, the best weights, the status."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from tuner.durable.journal import Journal
from tuner.durable.reading import JOURNAL_LIMIT, Checksum, checksum, damaged, json_line, read_bytes, shown
from tuner.durable.writing import commit_folder, read_folder, remove_folder, sweep_leftovers, write_file, writing
from tuner.errors import NotFoundError, ResourceError
from tuner.events import Ended
from tuner.opening import Session
from tuner.quantities import TIME
from tuner.runs.creating import now
from tuner.runs.files import (
    BEST,
    CARD,
    CHECKPOINTS,
    CONFIG,
    DATA,
    LAYERS,
    LOG,
    METRICS,
    ORIGINS,
    TIMING,
    WEIGHTS_LIMIT,
    WRITTEN_ONCE,
    LayerRow,
    Row,
    checkpoint_position,
    checkpoints,
    format_header,
    format_row,
    parse_rows,
    read_status,
    write_status,
)
from tuner.runs.find import afterwards, calmer_command
from tuner.runs.lock import MOVE, Lock
from tuner.train.history import History

TIMING_COLUMNS = ("epoch", *TIME)
_ANEW = "train it anew with --again"


class Recorder:
    """Writes into the run folder that is held until its ``with`` block is left, or opening it fails."""

    def __init__(self, lock: Lock, session: Session, history: History, columns: tuple[str, ...]) -> None:
        self.lock, self.path, self.session, self.history, self.columns = lock, lock.path, session, history, columns
        self.checkpoints = self.path / CHECKPOINTS
        self.breaches = list(read_status(self.path).values.get("breaches", []))
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
            self.columns = self._columns_kept()
            self.metrics = opened.enter_context(Journal(self.path / METRICS, format_header(self.columns)))
            self.log_file = opened.enter_context(Journal(self.path / LOG))
            self.timing = opened.enter_context(self._open_timing())
            kept = session.loaded.config.layer_stats == "auto" or os.path.lexists(self.path / LAYERS)  # from before
            self.layer_file = opened.enter_context(Journal(self.path / LAYERS)) if kept else None
            self.opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    def _check_places(self) -> None:
        """Refuses what is not tuner's: links would let it write and delete elsewhere."""
        if os.path.lexists(self.checkpoints) and (self.checkpoints.is_symlink() or not self.checkpoints.is_dir()):
            raise NotFoundError(f"{shown(self.checkpoints)} is not a folder of this run's own", fix=MOVE)
        for place in (self.path / BEST, self.path / METRICS):
            if os.path.lexists(place) and (place.is_symlink() or not place.is_file()):
                raise NotFoundError(f"{shown(place)} is not a regular file", fix=MOVE)

    def _columns_kept(self) -> tuple[str, ...]:
        """The columns of metrics.csv: a run that began when fewer were measured goes on with those."""
        if not os.path.lexists(self.path / METRICS):
            return self.columns
        there = self.text_of(METRICS).partition("\n")[0].split(",")
        return tuple(there) if set(there) < set(self.columns) else self.columns

    def _open_timing(self) -> Journal:
        """timing.csv; one that is damaged from its first line on is set aside, for it is no reason not to train."""
        path, header = self.path / TIMING, format_header(TIMING_COLUMNS)
        try:
            return Journal(path, header)
        except NotFoundError as error:
            if path.is_symlink() or not path.is_file():
                raise
            aside = path.with_name(f"{TIMING}.damaged")
            self.log(f"set aside as {aside.name}: {error.message}")
            with writing(aside):
                path.replace(aside)
            return Journal(path, header)

    def check_place(self) -> None:
        """Raises ResourceError when the run was deleted, moved or taken by another process while it was trained."""
        self.metrics.check_place()
        self.lock.check_place()

    def beside(self) -> dict[str, Checksum]:
        """How far the files are that a checkpoint counts on. timing.csv is not among them, for it holds times, and a
        checkpoint is the same bytes whenever it is made."""
        layers = {LAYERS: self.layer_file.checksum} if self.layer_file is not None else {}
        return {METRICS: self.metrics.checksum, **({BEST: self.best_known} if self.best_known else {}), **layers}

    def go_back(self, name: str, beside: Mapping[str, Checksum], best: bytes | None) -> None:
        """Cuts the journals back to where the checkpoint `name` found them, and puts back the `best` weights that it
        holds; without a checkpoint ("" and {}) to their headers, and no best weights. Raises NotFoundError when
        metrics.csv or the best weights are not what the checkpoint counts on."""
        known = beside.get(METRICS, checksum(f"{format_header(self.columns)}\n".encode()))
        before = self.text_of(METRICS).encode()[: known[0]]
        if checksum(before) != known:
            raise damaged(self.path / METRICS, "it is not what the checkpoint counts on")
        rows = parse_rows(before.decode(), shown(self.path / METRICS))
        if name and [row["epoch"] for row in rows] != list(range(1, checkpoint_position(name)[0] + 1)):
            raise NotFoundError(f"{name} counts on other epochs than {shown(self.path / METRICS)} has")
        self._put_back_best(name, beside.get(BEST), best)
        self.metrics.cut(known[0])
        self.history.rows = rows
        text = self.text_of(TIMING)
        try:
            kept = 1 + sum((row["epoch"] or 0) <= len(rows) for row in parse_rows(text, TIMING))
        except NotFoundError as error:  # no reason not to train
            self.log(error.message)
            kept = 1
        self.timing.cut(sum(map(len, text.splitlines(keepends=True)[:kept])))
        if self.layer_file is not None:
            length, digest = beside.get(LAYERS, (0, ""))
            if length and checksum(read_bytes(self.path / LAYERS, JOURNAL_LIMIT)[:length]) != (length, digest):
                self.log(f"{LAYERS} was damaged: what it held of the epochs before is gone")
                length = 0
            self.layer_file.cut(length)

    def _put_back_best(self, name: str, known: Checksum | None, held: bytes | None) -> None:
        """Makes the best weights those that the checkpoint counts on; one of an older tuner does not hold them. Raises
        NotFoundError when those that it holds are damaged."""
        place = self.path / BEST
        if known is None:
            with writing(place):
                place.unlink(missing_ok=True)
        elif held is not None and checksum(held) != known:
            raise damaged(place, f"it is not what {name} counts on")
        else:  # a later epoch's weights may stand there; where these are lost, they may become the best again
            try:
                self.best_kept = checksum(read_bytes(place, WEIGHTS_LIMIT)) == known
            except NotFoundError:
                self.best_kept = False
            if held is not None and not self.best_kept:
                write_file(place, held)
                self.best_kept = True
        self.best_known = known

    def text_of(self, name: str) -> str:
        return read_bytes(self.path / name, JOURNAL_LIMIT).decode("ascii", "replace")

    def epoch(self, row: Row, seconds: float, samples_per_second: float, best: bytes | None) -> None:
        """Adds an epoch to the journals, and its weights where it is the best; where that fails, no trace of it stays,
        so that no row stands there whose weights were lost."""
        timing = (row["epoch"], round(seconds, 6), round(samples_per_second, 1))
        row = {column: row[column] for column in self.columns}
        self.check_place()
        lengths = self.metrics.length, self.timing.length
        try:
            self.metrics.append(format_row(self.columns, row))
            self.timing.append(format_row(TIMING_COLUMNS, dict(zip(TIMING_COLUMNS, timing, strict=True))))
            if best is not None:
                with _during_training():
                    write_file(self.path / BEST, best)
                self.best_known, self.best_kept = checksum(best), True
        except BaseException:
            self.metrics.cut(lengths[0])
            self.timing.cut(lengths[1])
            raise
        self.history.rows.append(row)

    def breached(self, breaches: Sequence[str]) -> None:
        """Notes what the loop promised and did not keep."""
        for breach in breaches:
            self.log(f"a promise was broken: {breach}")
        self.breaches += breaches

    def layers(self, rows: Sequence[LayerRow]) -> None:
        """Adds what happens inside the network."""
        for row in rows:
            if self.layer_file is not None:
                self.layer_file.append(json_line(row))

    def checkpoint(self, name: str, files: dict[str, bytes], scheduled: bool) -> None:
        """Commits a checkpoint whose journals are safe on disk; it holds the best weights, too. Older ones go."""
        self.check_place()
        self.metrics.sync()
        with _during_training():
            self._check_places()
            best = {self.path / BEST: self.best_known} if self.best_known and self.best_kept else {}
            commit_folder(self.checkpoints, name, files, best)
        self.tidy(name, scheduled)

    def tidy(self, newest: str | None, scheduled: bool) -> None:
        """Lets go of what a run that nothing disturbed would not have beside its `newest` checkpoint.

        The newest `keep` of those made on schedule stay: every `every` epochs, and at the run's end. One made at a stop
        stays only until the next, and none that is newer, for it was passed over. Leftovers of killed or failed writes
        and deletions go, too.
        """
        setting = self.session.loaded.config.checkpoint
        keep = 1 if self.session.request.between else setting.keep
        names = [folder.name for folder in checkpoints(self.path)]
        older = names[: names.index(newest)] if newest else names
        positions = {name: checkpoint_position(name) for name in older}
        regular = [name for name, (epochs, batch) in positions.items() if batch == 0 and epochs % setting.every == 0]
        room = keep - (1 if newest and scheduled else 0)
        kept = {newest, *regular[max(0, len(regular) - room) :]}
        for name in names:
            if name not in kept:
                remove_folder(self.checkpoints / name)
        try:  # not in the run folder, where a reader may be drawing curves.png
            sweep_leftovers(self.checkpoints)
        except (NotFoundError, ResourceError) as error:  # no reason not to train
            self.log(error.message)

    def newest_checkpoint(self, take_up: Callable[[str, dict[str, bytes]], dict[str, Checksum]]) -> str | None:
        """Goes on from the newest checkpoint that is whole and fits what stands beside it; None when there is none.
        `take_up` is given its name and files and returns what it counts on. Raises NotFoundError when all are
        damaged."""
        passed_over = []
        for folder in reversed(checkpoints(self.path)):
            name = folder.name
            try:
                files = read_folder(folder)
                self.go_back(name, take_up(name, files), files.get(BEST))
            except NotFoundError as error:
                passed_over.append(f"{name}: {error.message}")
                self.log(f"passed over {passed_over[-1]}")
            else:
                return name
        if passed_over:
            message = f"every checkpoint of {shown(self.path)} is damaged: {passed_over[0]}"
            raise NotFoundError(message, fix=_ANEW)
        self.go_back("", {}, None)
        return None

    def best(self) -> bytes:
        """The best weights. Raises NotFoundError when they are missing or not what was saved."""
        self.check_place()
        data = read_bytes(self.path / BEST, WEIGHTS_LIMIT)
        if self.best_known != checksum(data):
            raise damaged(self.path / BEST, "it is not what was saved", _ANEW)
        return data

    def begin(self, found: str | None, notes: Sequence[str], step: int) -> None:
        """Records that the run begins, or goes on from the checkpoint `found`."""
        session = self.session
        missing = {DATA, CARD} - self.written_once.keys()  # an older tuner made the run without them
        if session.held is not None and (session.changed or missing):
            files = session.files()
            if session.changed:
                self._settings({name: files[name] for name in (CONFIG, ORIGINS)}, step)
            for name in sorted(missing):
                write_file(self.path / name, files[name])
                self.written_once[name] = checksum(files[name])
        self.status("running", "", step)
        if found is not None:
            self.log(f"goes on from {found}")
        for text in (f"started on {session.identity.device_model}, {session.identity.threads} threads", *notes):
            self.log(text)

    def _settings(self, files: Mapping[str, bytes], step: int) -> None:
        """Records settings that are others from now on; meanwhile status.json tells nothing of the files they are in.
        config.yaml comes last: by it the next start sees what has changed."""
        self.written_once = {name: known for name, known in self.written_once.items() if name not in files}
        self.status("running", "", step)
        for name in (ORIGINS, CONFIG):
            write_file(self.path / name, files[name])
        self.written_once |= {name: checksum(data) for name, data in files.items()}

    def status(
        self, state: str, reason: str, step: int, exit_code: int | None = None, test: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """Writes status.json, which tells what the other files are now; what it tells of the run."""
        rows, best = self.history.rows, self.history.best
        told = {
            "state": state,
            "reason": reason,
            "epoch": len(rows),
            "step": step,
            "best_epoch": best and best["epoch"],
            "best": dict(best or {}),
            "last": dict(rows[-1]) if rows else {},
            "test": dict(test or {}),
            "exit_code": exit_code,
            "next": self._next(state),
            **({"breaches": self.breaches} if self.breaches else {}),
        }
        self.check_place()
        write_status(self.path, told, {**self.written_once, TIMING: self.timing.checksum, **self.beside()})
        return told

    def _next(self, state: str) -> str:
        """The command to type."""
        if state == "finished":
            return afterwards(self.path, self.session.loaded.resolved)
        if state == "diverged":  # the last finite checkpoint made on schedule stands
            return calmer_command(self.path, self.session.loaded.resolved["optimizer"])
        return shlex.join(self.session.request.going_on(self.path, ("tuner", "train", str(self.path))))

    def end(self, state: str, reason: str, step: int, exit_code: int, test: Mapping[str, float] | None = None) -> Ended:
        """Closes the run."""
        status = self.status(state, reason, step, exit_code, test)
        self.log(f"{state}: {reason}")
        return Ended(self.path, status)

    def log(self, text: str) -> None:
        self.log_file.append(f"{now()} {text}".replace("\n", " / "))


@contextmanager
def _during_training() -> Iterator[None]:
    """What gets in the way of a running training stops it as a full disk does: the same command goes on later."""
    try:
        yield
    except NotFoundError as error:
        raise ResourceError(error.message, fix=error.fix) from error
