"""Config -> run: the only orchestrator. `train` is a generator of events, without callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from tuner.errors import HeldError, ResourceError
from tuner.events import Event, Started
from tuner.opening import Session, make
from tuner.options.metrics import Column
from tuner.runs.files import DATA
from tuner.runs.lock import Lock, describe_holder, held
from tuner.stopping import StopRequests
from tuner.train.epochs import Training
from tuner.train.folder import Folder
from tuner.train.prepare import prepare, set_up_torch


def train(session: Session, stop: StopRequests) -> Iterator[Event]:
    """Trains a session to its end; yields Started first and Ended last. Raises TunerError. Nothing is on disk before
    the network is built and the data is on the device."""
    with ExitStack() as end, enough_memory(session):
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
                    yield begin(training)
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


def begin(training: Training) -> Started:
    """Takes up the newest checkpoint, where there is one."""
    session, setup, folder = training.session, training.setup, training.folder
    goes_on = session.held is not None
    found = folder.newest_checkpoint(training.take_up)
    if goes_on:
        files = session.files()
        if session.changed:
            folder.settings(files, training.status("running", ""))
        folder.keep(DATA, files[DATA])
    folder.status(training.status("running", ""))
    if found is not None:
        folder.log(f"goes on from {found}")
    last, size = setup.task.batches[-1], session.loaded.config.training.batch_size
    notes = [*session.loaded.notes, *session.notes, *session.changed]
    if size != "full" and last[1] - last[0] > size:
        notes.append("the lone last sample of an epoch joins the batch before it: batch norm needs two")
    folder.log(f"started on {session.identity.device_model}, {session.identity.threads} threads")
    for note in notes:
        folder.log(note)
    resumed = setup.state.epoch - 1 if goes_on else None
    return Started(folder.path, resumed, training.steps, setup.state.batch, notes=tuple(notes), **session.begun)
