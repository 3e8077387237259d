"""Config -> run: the only orchestrator. `train` is a generator of events, without callbacks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from tuner.errors import DIVERGED, STOPPED, HeldError, ResourceError
from tuner.events import Ended, EpochDone, Event, Started, StepsDone
from tuner.layer_stats import Movement, epochs_measured
from tuner.loop import NonFinite, locate, train_epoch
from tuner.opening import Session, make
from tuner.runs.files import BEST, checkpoint_name
from tuner.runs.lock import Lock, describe_holder, held
from tuner.state import load_weights, weights
from tuner.stopping import StopRequests
from tuner.train.hardware import enough_memory, set_up_torch, settings_kept
from tuner.train.history import History
from tuner.train.measuring import columns, epoch_row, layer_rows, test_metrics
from tuner.train.prepare import Setup, prepare
from tuner.train.promises import Promises
from tuner.train.recorder import Recorder

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
        history = History(session.loaded.config)
        with stop.listening(), Recorder(lock, session, history, columns(setup)) as recorder:
            try:
                with enough_memory(session):
                    yield from Training(session, setup, recorder, stop).course()
            except ResourceError as error:  # it goes on from its last checkpoint
                recorder.end("stopped", error.message, setup.state.step, ResourceError.exit_code)
                raise


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
    """The course of one run: `setup` is what it computes with, `recorder` writes its history down. `snapshot` is its
    state at the last checkpoint on schedule, or at the start: where to look again should training diverge."""

    def __init__(self, session: Session, setup: Setup, recorder: Recorder, stop: StopRequests) -> None:
        self.session, self.setup, self.recorder, self.stop = session, setup, recorder, stop
        self.config, self.state, self.task = session.loaded.config, setup.state, setup.task
        self.history = recorder.history
        self.steps = len(self.task.batches)
        self.layer_epochs = epochs_measured(self.history.epochs, len(self.task.train), session.loaded.plan)
        self.movement = Movement(self.state.network)
        self.promises = Promises(self.movement, session.splits.overlap)
        self.snapshot: dict[str, bytes] = {}

    def course(self) -> Iterator[Event]:
        """Trains to the end, a stop or divergence; Started comes first and Ended last."""
        yield self.begin()
        session, history, recorder, state = self.session, self.history, self.recorder, self.state
        if state.step == 0:
            self.measure_layers(0)
        self.snapshot = state.capture(recorder.beside())
        reason = history.reason_to_end()
        if reason is not None:  # it went on from its last checkpoint, and was killed before it had tidied up
            recorder.tidy(checkpoint_name(state.epoch - 1), True)
        while reason is None and not self.is_put_aside:
            try:
                yield from self.one_epoch()
            except NonFinite:
                yield self.diverged()
                return
            reason = None if state.batch else history.reason_to_end()
            asked = self.stop.asked
            is_saved = self.save_if_due(reason is not None, asked is not None or self.is_put_aside)
            if reason is None and asked is not None:
                inside = f"in epoch {state.epoch}, batch {state.batch:,} of {self.steps:,}"
                where = inside if state.batch else f"after epoch {state.epoch - 1}"
                yield recorder.end("stopped", f"{asked.reason} {where}", state.step, asked.exit_code)
                return
            if reason is None and not self.is_put_aside and (is_saved or not session.request.between):
                recorder.status("running", "", state.step)
        if reason is None:
            yield recorder.end("stopped", f"put aside after epoch {state.epoch - 1}", state.step, STOPPED)
            return
        yield self.finished(reason)

    @property
    def is_put_aside(self) -> bool:
        """Whether it has had as many epochs as were asked for."""
        until, state = self.session.request.until, self.state
        return until is not None and state.batch == 0 and state.epoch > until

    def begin(self) -> Started:
        """Takes up the newest checkpoint, where there is one."""
        session, recorder, state = self.session, self.recorder, self.state
        take_up = partial(state.take_up, steps=self.steps, epochs=self.config.training.epochs)
        found = recorder.newest_checkpoint(take_up)
        (start, stop), size = self.task.batches[-1], self.config.training.batch_size
        notes = [*session.loaded.notes, *session.notes, *session.changed]
        if size != "full" and stop - start > size:
            notes.append("the lone last sample of an epoch joins the batch before it: batch norm needs two")
        recorder.begin(found, notes, state.step)
        self.began = self.saved = time.monotonic()
        self.first = state.step
        return Started(
            run=recorder.path,
            notes=tuple(notes),
            steps_per_epoch=self.steps,
            resumed=state.epoch - 1 if session.held is not None else None,
            batch=state.batch,
            **session.begun,
        )

    def one_epoch(self) -> Iterator[Event]:
        """Trains one epoch, or the rest of it, and measures it; returns early, mid-epoch, when asked to stop. Raises
        NonFinite."""
        state, history = self.state, self.history
        began = told = time.monotonic()
        first = state.batch
        self.promises.epoch_begins(state)
        self.last_step_comes()
        for _ in train_epoch(self.task, state, history.monitored):
            self.last_step_comes()
            if self.stop.asked is not None and state.batch < self.steps:
                if not state.finite():  # or a state that cannot go on would be saved
                    raise NonFinite
                return
            if (moment := time.monotonic()) - told >= PROGRESS_EVERY:
                told = moment
                yield StepsDone(state.epoch, state.batch, self.steps, self.seconds_left())
        with self.promises.of_evaluation(state.network):
            row = epoch_row(self.setup, history.monitored)
            if state.epoch in self.layer_epochs:
                self.measure_layers(state.epoch)
        self.recorder.breached(self.promises.broken(state, self.task, row["lr"]))
        state.next_epoch()
        taken = time.monotonic() - began
        rate = (self.steps - first) / self.steps * len(self.task.train) / taken
        is_best = history.would_lead(row)
        self.recorder.epoch(row, taken, rate, weights(state.network) if is_best else None)
        yield EpochDone(row, is_best, taken, rate, self.seconds_left())

    def last_step_comes(self) -> None:
        """Where the next step is the epoch's last: it is seen how far it goes."""
        if self.state.batch == self.steps - 1 and self.config.layer_stats != "none":
            self.movement.step_comes()

    def measure_layers(self, epoch: int) -> None:
        if self.config.layer_stats != "none":
            self.recorder.layers(layer_rows(self.setup, epoch, self.movement))

    def seconds_left(self) -> float | None:
        """An estimate from the pace so far."""
        elapsed, done = time.monotonic() - self.began, self.state.step - self.first
        left = self.history.epochs * self.steps - self.state.step
        return elapsed / done * max(0, left) if done and elapsed >= 0.2 else None

    def save_if_due(self, is_over: bool, is_asked: bool) -> bool:
        """Commits a checkpoint on schedule, at the end and at a stop."""
        state, between = self.state, self.session.request.between
        is_due = state.batch == 0 and (state.epoch - 1) % self.config.checkpoint.every == 0
        is_due = is_due and time.monotonic() - self.saved >= between
        is_saved = is_due or is_over or is_asked
        if is_saved:
            self.saved = time.monotonic()
            files = state.capture(self.recorder.beside())
            self.recorder.checkpoint(checkpoint_name(state.epoch - 1, state.batch), files, is_due or is_over)
            self.snapshot = files if is_due else self.snapshot
        return is_saved

    def diverged(self) -> Ended:
        """Looks for the step at fault, and closes the run, whose last finite checkpoint on schedule stands."""
        step, what = locate(self.task, self.state, self.snapshot, self.history.monitored, self.state.epoch)
        self.recorder.tidy(None, False)
        epoch = (step - 1) // self.steps + 1
        reason = f"{what} was not finite in epoch {epoch}, step {step}"
        return self.recorder.end("diverged", reason, self.state.step, DIVERGED)

    def finished(self, reason: str) -> Ended:
        """Tests the best weights, once, and closes the run."""
        history, recorder, state = self.history, self.recorder, self.state
        if history.best is None:
            reason = f"{history.monitor} was not finite in any of its {state.epoch - 1} epochs"
            return recorder.end("diverged", reason, state.step, DIVERGED)
        if len(history.rows) not in self.layer_epochs:
            self.measure_layers(len(history.rows))
        load_weights(state.network, recorder.best(), BEST)
        return recorder.end("finished", reason, state.step, 0, test_metrics(self.setup))
