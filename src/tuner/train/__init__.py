"""Config -> run: the only orchestrator. `train` is a generator of events, without callbacks."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from tuner.durable.reading import Checksum, json_line
from tuner.errors import DIVERGED, HeldError, NotFoundError, ResourceError
from tuner.events import Ended, EpochDone, Event, Started, StepsDone
from tuner.layer_stats import epochs_measured, measure, probe_of
from tuner.loop import NonFinite, evaluate, locate, train_epoch
from tuner.monitor import best_index, epochs_waited, oriented
from tuner.opening import Session, make
from tuner.options.metrics import Column
from tuner.paths import reference
from tuner.runs.files import BEST, DATA, STATE, Row, checkpoint_name
from tuner.runs.find import calmer_command
from tuner.runs.lock import Lock, describe_holder, held
from tuner.state import load_weights, weights
from tuner.stopping import StopRequests
from tuner.train.folder import Folder
from tuner.train.prepare import Setup, prepare, set_up_torch, settings_kept

PROGRESS_EVERY = 0.1
"""Seconds between two progress events."""


def train(session: Session, stop: StopRequests) -> Iterator[Event]:
    """Trains a session to its end; yields Started first and Ended last. Raises TunerError. Nothing is on disk before
    the network is built and the data is on the device. torch's global settings are as before in the end."""
    with ExitStack() as end, enough_memory(session), settings_kept():
        if session.held is not None:
            end.callback(session.held.release)
        session = set_up_torch(session)
        setup = prepare(session)
        lock = session.held or _create(session, stop)
        measured = [str(Column(part, metric.name)) for part in setup.evaluated for metric in setup.measure.metrics]
        columns = ("epoch", "step", "lr", "batch_loss", *measured, "grad_norm")
        with_layers = session.loaded.config.layer_stats == "auto"
        with stop.listening(), Folder(lock, columns, with_layers) as folder:
            training = Training(session, setup, folder, stop)
            try:
                with enough_memory(session):
                    yield training.begin()
                    yield from training.epochs()
            except ResourceError as error:
                training.end("stopped", error.message, ResourceError.exit_code)  # it goes on from its last checkpoint
                raise


@contextmanager
def enough_memory(session: Session) -> Iterator[None]:
    """Turns an error of memory that ran out into a ResourceError; torch's allocator for the CPU says so with a plain
    RuntimeError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        is_said = any(words in str(error) for words in ("allocate memory", "out of memory"))
        if not is_said and not isinstance(error, torch.OutOfMemoryError | MemoryError):
            raise
        where = "the GPU" if isinstance(error, torch.OutOfMemoryError) else "this machine"
        size, count = session.loaded.config.training.batch_size, session.loaded.plan.parameters
        message = f"out of memory on {where}: {count:,} parameters, training.batch_size {size}"
        fix = "a smaller model or a smaller training.batch_size needs less; `tuner check --resolved` shows the layers"
        raise ResourceError(message, fix=fix) from None


def _create(session: Session, stop: StopRequests) -> Lock:
    """The new run folder, held. Raises HeldError when the same command was faster by a moment: opened anew, the session
    waits for that run or answers."""
    made = make(session, stop.listen)  # the folder that comes now is left in order
    if isinstance(made, Lock):
        return made
    holder = describe_holder(made)
    fix = "Run the same command again: it reports that run or goes on with it."
    error = held(made, holder) if holder else HeldError(f"{made} was made meanwhile by the same command", fix=fix)
    error.meanwhile = True
    raise error


class Training:
    """One run on its way. `snapshot` is its state at the last checkpoint on schedule, or at the start: where to look
    again should training diverge."""

    def __init__(self, session: Session, setup: Setup, folder: Folder, stop: StopRequests) -> None:
        self.session, self.setup, self.folder, self.stop = session, setup, folder, stop
        self.config, self.monitor = session.loaded.config, session.loaded.config.training.monitor
        self.state, self.task, self.steps = setup.state, setup.task, len(setup.task.batches)
        self.layer_epochs = epochs_measured(self.config.training.epochs, len(self.task.train))
        self.snapshot: dict[str, bytes] = {}
        self.began, self.steps_done = time.monotonic(), 0

    @property
    def history(self) -> tuple[float, ...]:
        """The monitor of the epochs so far, smaller being better."""
        return oriented(self.folder.rows, self.monitor)

    def begin(self) -> Started:
        """Takes up the newest checkpoint, where there is one."""
        session, folder, goes_on = self.session, self.folder, self.session.held is not None
        found = folder.newest_checkpoint(self.take_up)
        if goes_on:
            files = session.files()
            if session.changed:
                folder.settings(files, self.status("running", ""))
            folder.keep(DATA, files[DATA])
        folder.status(self.status("running", ""))
        if found is not None:
            folder.log(f"goes on from {found}")
        (start, stop), size = self.task.batches[-1], self.config.training.batch_size
        notes = [*session.loaded.notes, *session.notes, *session.changed]
        if size != "full" and stop - start > size:
            notes.append("the lone last sample of an epoch joins the batch before it: batch norm needs two")
        folder.log(f"started on {session.identity.device_model}, {session.identity.threads} threads")
        for note in notes:
            folder.log(note)
        resumed = self.state.epoch - 1 if goes_on else None
        return Started(
            run=folder.path,
            notes=tuple(notes),
            steps_per_epoch=self.steps,
            resumed=resumed,
            batch=self.state.batch,
            **session.begun,
        )

    def take_up(self, name: str, files: dict[str, bytes]) -> dict[str, Checksum]:
        """Goes back to the checkpoint `name`; what it counts on. Raises NotFoundError where it contradicts itself."""
        state, epochs = self.state, self.config.training.epochs
        beside = state.restore(files)
        whole = state.epoch - 1
        fits = name == checkpoint_name(whole, state.batch) and whole <= epochs and state.batch < self.steps
        if not state.finite():
            raise NotFoundError(f"{name} is damaged: it holds numbers that are not finite")
        if not fits or state.step != whole * self.steps + state.batch or (not state.batch and bool(state.sums.any())):
            said = f"epoch {state.epoch}, batch {state.batch}, step {state.step}"
            raise NotFoundError(f"{name}/{STATE} is damaged: {said} is not the moment in this run that its name says")
        return beside

    def epochs(self) -> Iterator[Event]:
        """Trains to the end, a stop or divergence; the last event is Ended."""
        config, state = self.config, self.state
        if state.step == 0:
            self.measure_layers(0)
        self.snapshot = state.capture(self.folder.beside())
        reason = self.reason_to_end()
        if reason is not None:  # it went on from its last checkpoint, and was killed before it had tidied up
            self.folder.tidy(checkpoint_name(state.epoch - 1), True, config.checkpoint)
        while reason is None:
            try:
                yield from self.one_epoch()
            except NonFinite:
                step, what = locate(self.task, state, self.snapshot, self.history, state.epoch)
                self.folder.tidy(None, False, config.checkpoint)
                epoch = (step - 1) // self.steps + 1
                yield self.end("diverged", f"{what} was not finite in epoch {epoch}, step {step}", DIVERGED)
                return
            reason = None if state.batch else self.reason_to_end()
            is_due = state.batch == 0 and (state.epoch - 1) % config.checkpoint.every == 0
            asked = self.stop.asked
            if is_due or reason or asked:
                files = self.save(is_due or reason is not None)
                self.snapshot = files if is_due else self.snapshot
            if reason is None and asked is not None:
                inside = f"in epoch {state.epoch}, batch {state.batch:,} of {self.steps:,}"
                where = inside if state.batch else f"after epoch {state.epoch - 1}"
                yield self.end("stopped", f"{asked.reason} {where}", asked.exit_code)
                return
            if reason is None:
                self.folder.status(self.status("running", ""))
        if best_index(self.folder.rows, self.monitor) is None:
            reason = f"{self.monitor} was not finite in any of its {state.epoch - 1} epochs"
            yield self.end("diverged", reason, DIVERGED)
        else:
            yield self.finished(reason)

    def save(self, scheduled: bool) -> dict[str, bytes]:
        """Commits a checkpoint of this moment, and gives its files; older ones go."""
        name = checkpoint_name(self.state.epoch - 1, self.state.batch)
        files = self.state.capture(self.folder.beside())
        self.folder.checkpoint(name, files)
        self.folder.tidy(name, scheduled, self.config.checkpoint)
        return files

    def reason_to_end(self) -> str | None:
        """Why training is over, or None."""
        rows, stopping, epochs = self.folder.rows, self.config.early_stopping, self.config.training.epochs
        if stopping and epochs_waited(self.history, stopping.min_delta) >= stopping.patience:
            by = f" by more than {stopping.min_delta:g}" if stopping.min_delta else ""
            plural = "s" if stopping.patience > 1 else ""
            return f"early stopping: {self.monitor} not better{by} for {stopping.patience} epoch{plural}"
        if len(rows) >= epochs:
            return f"all {epochs} epochs done" if len(rows) > 1 else "its one epoch done"
        return None

    def one_epoch(self) -> Iterator[Event]:
        """Trains one epoch, or the rest of it, and measures it; returns early, mid-epoch, when asked to stop. Raises
        NonFinite."""
        state = self.state
        began = told = time.monotonic()
        first = state.batch
        for _ in train_epoch(self.task, state, self.history):
            self.steps_done += 1
            if self.stop.asked is not None and state.batch < self.steps:
                if not state.finite():  # or a state that cannot go on would be saved
                    raise NonFinite
                return
            if (moment := time.monotonic()) - told >= PROGRESS_EVERY:
                told = moment
                yield StepsDone(state.epoch, state.batch, self.steps, self.seconds_left())
        row = self.measure()
        if state.epoch in self.layer_epochs:
            self.measure_layers(state.epoch)
        state.next_epoch()
        taken = time.monotonic() - began
        share = (self.steps - first) / self.steps
        rate = share * len(self.task.train) / taken
        rows = self.folder.rows
        is_best = best_index([*rows, row], self.monitor) == len(rows)
        self.folder.epoch(row, taken, rate, weights(state.network) if is_best else None)
        yield EpochDone(row, is_best, taken, rate, self.seconds_left())

    def measure(self) -> Row:
        """The row of metrics.csv for the epoch that was just trained. Raises NonFinite when the weights are spoilt."""
        state, task = self.state, self.task
        loss_sum, norm_sum = state.sums.tolist()
        rate = task.lr_of(state.step - 1, self.history)
        row: Row = {"epoch": state.epoch, "step": state.step, "lr": rate, "batch_loss": loss_sum / len(task.train)}
        for part, samples in self.setup.evaluated.items():
            found = evaluate(state.network, samples, self.setup.measure, task.normalizer)
            row |= {str(Column(part, name)): value for name, value in found.items()}
        row["grad_norm"] = norm_sum / self.steps
        if not state.finite() or not math.isfinite(row["train_loss"] or 0):
            raise NonFinite
        return row

    def measure_layers(self, epoch: int) -> None:
        """Adds what happens inside the network after this epoch to layer_stats.jsonl."""
        state, journal = self.state, self.folder.layers
        if journal is not None and self.config.layer_stats == "auto":
            probe = probe_of(self.setup.evaluated["train"], self.task.normalizer)
            for row in measure(state.network, probe, self.task.objective, epoch, state.step):
                journal.append(json_line(row))

    def seconds_left(self) -> float | None:
        """An estimate from the pace so far."""
        elapsed = time.monotonic() - self.began
        if not self.steps_done or elapsed < 0.2:
            return None
        left = self.config.training.epochs * self.steps - self.state.step
        return elapsed / self.steps_done * max(0, left)

    def status(self, state: str, reason: str, exit_code: int | None = None, test: Any = None) -> dict[str, Any]:
        """status.json."""
        path, rows, session = self.folder.path, self.folder.rows, self.session
        best = best_index(rows, self.monitor)
        if state == "finished":
            command = f"tuner curves {reference(path)}"
        elif state == "diverged":  # the last finite checkpoint made on schedule stands
            command = calmer_command(path, session.loaded.resolved["optimizer"])
        else:
            command = shlex.join(session.request.going_on(path, ("tuner", "train", str(path))))
        return {
            "state": state,
            "reason": reason,
            "epoch": len(rows),
            "step": self.state.step,
            "best_epoch": rows[best]["epoch"] if best is not None else None,
            "best": dict(rows[best]) if best is not None else {},
            "last": dict(rows[-1]) if rows else {},
            "test": test or {},
            "exit_code": exit_code,
            "next": command,
        }

    def end(self, state: str, reason: str, exit_code: int, test: Any = None) -> Ended:
        """Closes the run."""
        status = self.status(state, reason, exit_code, test)
        self.folder.status(status)
        self.folder.log(f"{state}: {reason}")
        return Ended(self.folder.path, status)

    def finished(self, reason: str) -> Ended:
        """Tests the best weights, once, and closes the run."""
        setup, network, epochs = self.setup, self.state.network, len(self.folder.rows)
        if epochs not in self.layer_epochs:
            self.measure_layers(epochs)
        load_weights(network, self.folder.best(), BEST)
        test = None if setup.test is None else evaluate(network, setup.test, setup.measure, setup.normalizer)
        return self.end("finished", reason, 0, test)
