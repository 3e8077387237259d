"""The epochs of a run, one event after the other."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tuner.config.settings import Config
from tuner.durable.reading import Checksum, json_line
from tuner.errors import DIVERGED, NotFoundError
from tuner.events import Ended, EpochDone, Event, StepsDone
from tuner.layer_stats import epochs_measured, measure, probe_of
from tuner.loop import NonFinite, evaluate, locate, train_epoch
from tuner.monitor import best_index, epochs_waited, oriented
from tuner.opening import Session
from tuner.options.metrics import Column
from tuner.paths import reference
from tuner.runs.commands import calmer_command
from tuner.runs.files import BEST, STATE, checkpoint_name
from tuner.runs.rows import Row
from tuner.state import load_weights, weights
from tuner.stopping import StopRequests
from tuner.train.folder import Folder
from tuner.train.prepare import Setup

PROGRESS_EVERY = 0.1
"""Seconds between two progress events."""


@dataclass
class Training:
    """One run on its way."""

    session: Session
    setup: Setup
    folder: Folder
    stop: StopRequests
    snapshot: dict[str, bytes] = field(default_factory=dict)
    """The state at the last checkpoint on schedule, or at the start: where to look again should training diverge."""
    began: float = field(default_factory=time.monotonic)
    steps_done: int = 0

    @property
    def steps(self) -> int:
        return len(self.setup.task.batches)

    @property
    def config(self) -> Config:
        return self.session.loaded.config

    @property
    def monitor(self) -> str:
        return self.config.training.monitor

    @property
    def history(self) -> tuple[float, ...]:
        """The monitor of the epochs so far, smaller being better."""
        return oriented(self.folder.rows, self.monitor)

    def take_up(self, name: str, files: dict[str, bytes]) -> dict[str, Checksum]:
        """Goes back to the checkpoint `name`; what it counts on. Raises NotFoundError where it contradicts itself."""
        state, epochs = self.setup.state, self.config.training.epochs
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
        config, state = self.config, self.setup.state
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
                step, what = locate(self.setup.task, state, self.snapshot, self.history, state.epoch)
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
        state = self.setup.state
        name, files = checkpoint_name(state.epoch - 1, state.batch), state.capture(self.folder.beside())
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
        setup, state = self.setup, self.setup.state
        began = told = time.monotonic()
        first = state.batch
        for _ in train_epoch(setup.task, state, self.history):
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
        rate = share * len(setup.task.train) / taken
        rows = self.folder.rows
        is_best = best_index([*rows, row], self.monitor) == len(rows)
        self.folder.epoch(row, taken, rate, weights(state.network) if is_best else None)
        yield EpochDone(row, is_best, taken, rate, self.seconds_left())

    def measure(self) -> Row:
        """The row of metrics.csv for the epoch that was just trained. Raises NonFinite when the weights are spoilt."""
        setup, state, task = self.setup, self.setup.state, self.setup.task
        loss_sum, norm_sum = state.sums.tolist()
        rate = task.lr_of(state.step - 1, self.history)
        row: Row = {"epoch": state.epoch, "step": state.step, "lr": rate, "batch_loss": loss_sum / len(task.train)}
        for part, samples in setup.evaluated.items():
            found = evaluate(state.network, samples, setup.measure, task.normalizer)
            row |= {str(Column(part, name)): value for name, value in found.items()}
        row["grad_norm"] = norm_sum / self.steps
        if not state.finite() or not math.isfinite(row["train_loss"] or 0):
            raise NonFinite
        return row

    def measure_layers(self, epoch: int) -> None:
        """Adds what happens inside the network after this epoch to layer_stats.jsonl."""
        setup, state, journal = self.setup, self.setup.state, self.folder.layers
        if journal is not None and self.config.layer_stats == "auto":
            probe = probe_of(setup.evaluated["train"], setup.task.normalizer)
            for row in measure(state.network, probe, setup.task.objective, epoch, state.step):
                journal.append(json_line(row))

    @cached_property
    def layer_epochs(self) -> frozenset[int]:
        return epochs_measured(self.config.training.epochs, len(self.setup.task.train))

    def seconds_left(self) -> float | None:
        """An estimate from the pace so far."""
        elapsed = time.monotonic() - self.began
        if not self.steps_done or elapsed < 0.2:
            return None
        state = self.setup.state
        left = self.config.training.epochs * self.steps - state.step
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
            "step": self.setup.state.step,
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
        setup, network, epochs = self.setup, self.setup.state.network, len(self.folder.rows)
        if epochs not in self.layer_epochs:
            self.measure_layers(epochs)
        load_weights(network, self.folder.best(), BEST)
        test = None if setup.test is None else evaluate(network, setup.test, setup.measure, setup.task.normalizer)
        return self.end("finished", reason, 0, test)
