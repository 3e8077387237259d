"""Before training: the data, the identity, and whether this run or family was made, or begun, on this machine: it is
found, taken up or made. Nothing here imports torch, so that a finished run is answered in a fraction of a second."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tuner import machine, products
from tuner.config.comparison import brief, meaning, side_by_side
from tuner.config.loaded import Loaded
from tuner.document.files import is_handed_over
from tuner.document.writing import to_yaml
from tuner.durable.reading import json_bytes, shown
from tuner.errors import NotFoundError, UsageError
from tuner.packages import used_by
from tuner.runs.apart import Apart, apart, changes
from tuner.runs.card import card_bytes
from tuner.runs.creating import check_name, create_held, now
from tuner.runs.data import data_bytes
from tuner.runs.files import CARD, CONFIG, DATA, ENDED, IDENTITY, ORIGINS, SOURCE, UNFINISHED
from tuner.runs.find import newest
from tuner.runs.folder import (
    FORMAT,
    GROUP,
    Run,
    folder_called,
    folders_of,
    glance,
    is_run,
    number_of,
    read,
    runs_in,
)
from tuner.runs.identity import Identity
from tuner.runs.lock import Lock, check_platform, making

if TYPE_CHECKING:
    from tuner.data.splits import Splits


@dataclass(frozen=True)
class Request:
    """What the command line asks of `train`."""

    runs_dir: Path
    run_name: str | None = None
    again: bool = False
    wait: float = 0.0
    argv: tuple[str, ...] = ()
    auto_threads: int | None = None
    """What `training.threads: auto` stands for; None: as many as the work keeps busy."""
    until: int | None = None
    """The epoch after which the run is put aside, as one that was asked to stop; None: it goes to its end."""
    by_folder: bool = False
    """Whether the command line gives the folder that `run_name` stands for, and no config."""
    between: float = 0.0
    """Seconds that lie between two checkpoints at least, of which the newest stays alone; 0: as the config says."""

    @property
    def named_folder(self) -> Path:
        """The folder that `run_name` stands for: one that is there may be called otherwise than a new one may be.
        Raises UsageError for what is no name of a folder in `runs_dir`."""
        name = str(self.run_name)
        if "/" in name or "\0" in name or name in ("", ".", ".."):
            check_name(name)
        return folder_called(self.runs_dir, name)

    def check(self) -> None:
        """Raises UsageError for a name that cannot be one, and for options that exclude each other; ResourceError on a
        system that cannot train."""
        check_platform()
        if self.run_name is not None and not os.path.lexists(self.named_folder):
            check_name(self.run_name)
        if self.run_name is not None and self.again:
            raise UsageError("--again makes a new run folder and --run names one: give one of the two")

    def going_on(self, path: Path, without_config: tuple[str, ...]) -> tuple[str, ...]:
        """The command that goes on in the folder `path`: the same one, but after --again, which would begin another,
        and `without_config`, if there is such a command, for a config that the shell handed over, which is gone."""
        if without_config and any(map(is_handed_over, self.argv)):
            return without_config
        return (*(word for word in self.argv if word != "--again"), "--run", path.name) if self.again else self.argv


@dataclass(frozen=True)
class Session:
    """A run that is to be trained: a new one (`held` is None) or one that goes on (its lock is held)."""

    key: ClassVar[str] = IDENTITY
    """The file that makes a folder a run, or a group."""

    loaded: Loaded
    splits: Splits
    identity: Identity
    request: Request
    ignored: frozenset[str] = frozenset()
    """Parts of the identity that need not agree: with threads auto, a run's recorded number is used."""
    known: frozenset[str] = frozenset()
    """The folders of this kind that were there when this one was looked for; with --run that one was not."""
    held: Lock | None = None
    notes: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """The settings outside the identity that are others than those the run went by before, in words."""

    @property
    def begun(self) -> dict[str, Any]:
        """What is told of a run and of a group alike when it begins."""
        return {
            "device": self.identity.device,
            "device_model": self.identity.device_model,
            "threads": self.identity.threads,
            "parameters": self.loaded.plan.parameters,
            "samples": self.splits.sizes,
            "epochs": self.loaded.epochs,
            "monitor": self.loaded.config.training.monitor,
        }

    def files(self) -> dict[str, bytes]:
        """The small files of a new folder."""
        about: dict[str, Any] = {
            "format": FORMAT,
            "name": self.loaded.config.name,
            "created": now(),
            "seed": self.loaded.config.seed,
            "parameters": self.loaded.plan.parameters,
            "tags": self.loaded.config.tags,
            "identity": self.identity.as_json(),
            "versions": machine.versions(),
            "cpu": machine.cpu_model(),
            "argv": list(self.request.argv),
            "git_commit": machine.git_commit(Path.cwd()),
        }
        return {
            CONFIG: to_yaml(self.loaded.resolved).encode(),
            SOURCE: self.loaded.source,
            ORIGINS: json_bytes(dict(self.loaded.origins)),
            DATA: data_bytes(self.splits, self.loaded.config.data.normalize),
            CARD: card_bytes(self.splits),
            IDENTITY: json_bytes(about),
        }

    def check_named(self, path: Path) -> None:
        """Raises NotFoundError where the run in `path`, which --run names, is one of another config or identity."""
        run = read(path)
        found = self.apart(run)
        if found and (found.settings is not None or run.state not in ENDED):
            raise found.error(by_folder=self.request.by_folder)

    def apart(self, run: Run) -> Apart:
        """In what a run is another than this one."""
        return apart(run.path, "run", run.identity, self.identity, self.loaded, ignored=self.ignored)


@dataclass(frozen=True)
class Answered:
    """The run was made before: it is reported, nothing is trained. `ignored` are the settings asked for that it does
    not have, in words."""

    run: Run
    ignored: tuple[str, ...] = ()


def identified(key: str, loaded: Loaded, request: Request, splits: Splits | None = None) -> Session:
    """What is to be trained on this machine. Reads the data, unless it was read before."""
    request.check()
    device, model = machine.device_for(loaded.config.training.device, loaded.config.training.precision)
    if splits is None:
        from tuner.data.splits import load as read_splits

        splits = read_splits(loaded.dataset)
    versions, samples, training = machine.versions(), len(splits.train), loaded.config.training
    batch = samples if training.batch_size == "full" else min(training.batch_size, samples)
    auto = request.auto_threads or machine.threads_for(loaded.plan.train_flops * batch)
    identity = Identity(
        config_hash=loaded.hash,
        data_fingerprint=splits.fingerprint,
        device=device,
        device_model=model,
        cpu_capability=machine.cpu_capability(),
        threads=auto if training.threads == "auto" else training.threads,
        torch=versions["torch"],
        tuner=versions["tuner"],
        products=products.chosen(device)[0],
        packages=used_by(loaded.config),
    )
    ignored = {"threads"} if training.threads == "auto" and key == IDENTITY else ()
    there = [] if request.again or request.run_name else folders_of(request.runs_dir, key)
    return Session(loaded, splits, identity, request, frozenset(ignored), frozenset(path.name for path in there))


def open_session(loaded: Loaded, request: Request, splits: Splits | None = None) -> Session | Answered:
    """Reads the data, unless it was read before, and looks whether the run is there already. Raises NotFoundError (data
    missing; `--run` names a run of another config or identity; a run that may be the one cannot be read), ResourceError
    (no CUDA), HeldError (a live process holds the run), UsageError."""
    session = identified(IDENTITY, loaded, request, splits)
    path = look_up(session)
    if path is not None:
        return _take_up(session, path)
    if request.run_name is not None:
        check_name(request.run_name)  # a folder that is there, but no run
    elif not request.again:
        return replace(session, notes=_why_new(session))
    return session


def look_up(session: Session) -> Path | None:
    """The newest folder that this session would make anew, or the one that --run names, if it is there. Raises
    NotFoundError where that is another's, or one that may be it cannot be read."""
    request = session.request
    if request.again:
        return None
    if request.run_name is None:
        return newest(request.runs_dir, session.loaded.config.name, session.identity, session.ignored, session.key)
    path = request.named_folder
    if session.key == GROUP and is_run(path):
        raise NotFoundError(f"{shown(path)} is one run, not a group", fix="Choose another name with --run.")
    if not os.path.lexists(path / session.key):
        return None  # create_held says what is wrong with it, if anything
    session.check_named(path)
    return path


def make(session: Session, listen: Callable[[], None] = lambda: None) -> Lock | Path:
    """The new folder, held; or the one that the same command has made since this session was opened. `listen` is called
    when the folder comes next. Raises NotFoundError as the opening does, and what `create_held` does."""
    request = session.request
    with making(request.runs_dir):
        path = look_up(session)
        if path is not None and path.name not in session.known:
            return path
        listen()
        return create_held(request.runs_dir, session.loaded.config.name, request.run_name, session.files())


def _take_up(session: Session, path: Path) -> Session | Answered:
    """Goes on with the run in `path`, or reports it when it, or whoever held it, has come to its end."""
    with ExitStack() as held_here:
        run, lock, loaded = glance(path), None, session.loaded
        if run.state not in ENDED:
            lock = held_here.enter_context(Lock(path, session.request.wait))
            run = glance(path)
        if run.state in ENDED:
            run = read(path)
            return Answered(run, changes(run.config, {**loaded.resolved, "name": run.name}, "there", "asked for"))
        loaded = replace(loaded, config=loaded.config.replace(name=run.name))
        changed = changes(run.config, loaded.resolved, "before", "from here on")
        held_here.pop_all()
        return replace(session, held=lock, identity=run.identity, loaded=loaded, changed=changed)


def _why_new(session: Session) -> tuple[str, ...]:
    """Why a new run starts, where one may have meant to go on with another of its name: with an unfinished one of the
    same config; or the newest, where that is unfinished or had other epochs, and no more than two settings differ."""
    runs = []
    for path in runs_in(session.request.runs_dir):
        with suppress(NotFoundError):
            runs.append(glance(path))
    namesakes = [run for run in runs if run.name == session.loaded.config.name]
    for run in namesakes:
        if run.state in UNFINISHED and run.identity.config_hash == session.identity.config_hash:
            return (f"{run.path.name} is unfinished, but {session.apart(run)}; this is a new run",)
    for run in [each for each in namesakes if number_of(each.path.name, each.name)][:1]:  # not one with its own name
        with suppress(NotFoundError):
            settings = side_by_side([meaning(run.config), meaning(session.loaded.resolved)])
            differing = {one.key: map(brief, one.values) for one in settings if one.differs}
            if 0 < len(differing) <= 2 and ("training.epochs" in differing or run.state in UNFINISHED):
                has = ", ".join(f"{key} {there}, not {here}" for key, (there, here) in differing.items())
                return (f"{run.path.name} ({run.state}) has {has}: this is a new run, from the start",)
    return ()


def command_line() -> tuple[str, ...]:
    """The command as typed, for run.json."""
    return ("tuner", *sys.argv[1:])
