"""Before training: the data, the identity, and whether this run was already made, or begun, on this machine. Nothing
here imports torch, so that a finished run is answered in a fraction of a second."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner import machine
from tuner.config.comparison import brief, meaning, side_by_side
from tuner.config.loaded import Loaded
from tuner.document.writing import to_yaml
from tuner.durable.reading import json_bytes
from tuner.errors import HeldError, NotFoundError, ResourceError, UsageError
from tuner.packages import used_by
from tuner.plan import Plan
from tuner.runs.creating import check_name, now
from tuner.runs.data import data_bytes
from tuner.runs.files import CONFIG, DATA, ENDED, IDENTITY, ORIGINS, SOURCE, UNFINISHED
from tuner.runs.find import newest
from tuner.runs.folder import FORMAT, Run, folder_called, glance, read, runs_in
from tuner.runs.identity import Identity
from tuner.runs.lock import Lock, check_platform, describe_holder, held

if TYPE_CHECKING:
    from tuner.data.splits import Splits

FLOPS_A_THREAD = 20_000_000
"""Operations of one training step that are worth a further thread: below, waking it costs more than it saves."""


WITHOUT_CUDA = "`tuner doctor` tells what is missing; training.device=cpu trains without"


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
        if self.run_name is None:
            return
        if not os.path.lexists(self.named_folder):
            check_name(self.run_name)
        if self.again:
            raise UsageError("--again makes a new run folder and --run names one: give one of the two")


@dataclass(frozen=True)
class Session:
    """A run that is to be trained: a new one (`held` is None) or one that goes on (its lock is held)."""

    loaded: Loaded
    splits: Splits
    identity: Identity
    request: Request
    notes: tuple[str, ...] = ()
    held: Lock | None = None
    known: frozenset[str] = frozenset()
    """The runs that were there when this one was looked for."""
    changed: tuple[str, ...] = ()
    """The settings outside the identity that are others than those the run went by before, in words."""

    @property
    def plan(self) -> Plan:
        return self.loaded.plan

    def files(self) -> dict[str, bytes]:
        """The small files of a new run folder."""
        config = self.loaded.config
        about: dict[str, Any] = {
            "format": FORMAT,
            "name": config.name,
            "created": now(),
            "seed": config.seed,
            "parameters": self.plan.parameters,
            "tags": config.tags,
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
            DATA: data_bytes(self.splits, config.data.normalize),
            IDENTITY: json_bytes(about),
        }


@dataclass(frozen=True)
class Answered:
    """The run was made before: it is reported, nothing is trained. `ignored` are the settings asked for that it does
    not have, in words."""

    run: Run
    ignored: tuple[str, ...] = ()


def threads_for(plan: Plan, batch: int) -> int:
    """The number of CPU threads that `auto` stands for: as many as the work of one step keeps busy."""
    work = plan.train_flops * batch
    return max(1, min(machine.cores(), round(work / FLOPS_A_THREAD)))


def device_for(asked: str) -> tuple[str, str]:
    """(device, its model) for `training.device`. Raises ResourceError where CUDA is asked for and not there."""
    gpus = machine.gpu_models() if asked != "cpu" else []
    if asked == "cpu" or (asked == "auto" and not gpus):
        return "cpu", machine.cpu_model()
    index = int(asked.partition(":")[2] or 0)
    if index >= len(gpus):
        found = f"found: {', '.join(gpus)}" if gpus else "no usable CUDA device was found"
        raise ResourceError(f"training.device is {asked}, and {found}", fix=WITHOUT_CUDA)
    return f"cuda:{index}", gpus[index]


def identify(loaded: Loaded, splits: Splits, device: tuple[str, str], auto_threads: int | None = None) -> Identity:
    """The identity of a run of this config on `device` (its name and model) of this machine."""
    config, versions, samples = loaded.config, machine.versions(), len(splits.train)
    batch = samples if config.training.batch_size == "full" else config.training.batch_size
    threads = config.training.threads
    if threads == "auto":
        threads = auto_threads or threads_for(loaded.plan, min(batch, samples))
    return Identity(
        config_hash=loaded.hash,
        data_fingerprint=splits.fingerprint,
        device=device[0],
        device_model=device[1],
        cpu_capability=machine.cpu_capability(),
        threads=threads,
        torch=versions["torch"],
        tuner=versions["tuner"],
        packages=used_by(config),
    )


def open_session(loaded: Loaded, request: Request, splits: Splits | None = None) -> Session | Answered:
    """Reads the data, unless it was read before, and looks whether the run is there already. Raises NotFoundError (data
    missing; `--run` names a run of another config or identity; a run that may be the one cannot be read), ResourceError
    (no CUDA), HeldError (a live process holds the run), UsageError."""
    request.check()
    device = device_for(loaded.config.training.device)
    if splits is None:
        from tuner.data.splits import load as read_splits

        splits = read_splits(loaded.dataset)
    identity = identify(loaded, splits, device, request.auto_threads)
    session = Session(loaded, splits, identity, request)
    if request.again:
        return session
    session = replace(session, known=frozenset(path.name for path in runs_in(request.runs_dir)))
    path = _look_up(session)
    if path is None and request.run_name is not None:
        check_name(request.run_name)  # a folder that is there, but no run
    if path is None:
        note = None if request.run_name else _begun_elsewhere(session) or _other_config(session)
        return replace(session, notes=(note,)) if note else session
    return _answered(session, path) if glance(path).state in ENDED else _take_up(session, path)


def check_not_made_meanwhile(session: Session) -> None:
    """Raises HeldError when the same command has made the run since `open_session` looked: opened anew, the session
    waits for that run or answers. Raises NotFoundError as `open_session` does."""
    path = None if session.request.again else _look_up(session)
    if path is None or path.name in session.known:
        return
    holder = describe_holder(path)
    fix = "Run the same command again: it reports that run or goes on with it."
    error = HeldError(f"{path} was made meanwhile by the same command", fix=fix)
    error = error if holder is None else held(path, holder)
    error.meanwhile = True
    raise error


def _take_up(session: Session, path: Path) -> Session | Answered:
    """Goes on with the unfinished run in `path`, or reports it when whoever held it brought it to its end."""
    with ExitStack() as held_here:
        lock = held_here.enter_context(Lock(path, session.request.wait))
        after = glance(path)
        if after.state in ENDED:
            return _answered(session, path)
        loaded = replace(session.loaded, config=session.loaded.config.replace(name=after.name))
        changed = _changes(after.config, loaded.resolved, "before", "from here on")
        held_here.pop_all()
        return replace(session, held=lock, identity=after.identity, loaded=loaded, changed=changed)


def _answered(session: Session, path: Path) -> Answered:
    run = read(path)
    here = {**session.loaded.resolved, "name": run.name}
    return Answered(run, _changes(run.config, here, "there", "asked for"))


def _ignored(session: Session) -> set[str]:
    """Parts of the identity that need not agree: with threads auto, the recorded number is used."""
    return {"threads"} if session.loaded.config.training.threads == "auto" else set()


def _look_up(session: Session) -> Path | None:
    """The newest run that this session would make anew, or the folder that --run names, if it is there: that has to be
    a run of this config and identity."""
    request = session.request
    if not request.run_name:
        return newest(request.runs_dir, session.loaded.config.name, session.identity, _ignored(session))
    path = request.named_folder
    if not os.path.lexists(path / IDENTITY):
        return None
    run = read(path)
    if run.identity.config_hash != session.identity.config_hash:
        changes = _changes(meaning(run.config), meaning(session.loaded.resolved), "there", "here")
        message = f"{path} holds a run of another config: {'; '.join(changes[:5])}"
        raise NotFoundError(message, fix="choose another name with --run, or leave --run out")
    differences = session.identity.differences(run.identity, _ignored(session))
    if differences and run.state not in ENDED:
        said = "; ".join(f"{what} is {here}, there {there}" for what, here, there in differences)
        fix = "go on where it was begun, or choose another name with --run"
        raise NotFoundError(f"{path} was begun under another identity: {said}", fix=fix)
    return path


def _changes(one: dict[str, Any], other: dict[str, Any], where: str, elsewhere: str) -> tuple[str, ...]:
    """The settings that differ, as ``optimizer.lr: 0.1 there, 0.01 here``."""
    found = [(each.key, *map(brief, each.values)) for each in side_by_side([one, other]) if each.differs]
    return tuple(f"{key}: {first} {where}, {second} {elsewhere}" for key, first, second in found)


def _begun_elsewhere(session: Session) -> str | None:
    """Why a new run starts although one of this config is unfinished: what differs in its identity."""
    for path in runs_in(session.request.runs_dir):
        with suppress(NotFoundError):
            run = glance(path)
            same = run.name == session.loaded.config.name and run.identity.config_hash == session.identity.config_hash
            if same and run.state in UNFINISHED:
                what = ", ".join(key for key, *_ in session.identity.differences(run.identity, _ignored(session)))
                return f"{path.name} is unfinished, but was begun under another identity ({what}); this is a new run"
    return None


def _other_config(session: Session) -> str | None:
    """What the newest run of this name has otherwise, where one may have meant to go on with it: it was to train for
    another number of epochs, or it is unfinished. None where more than two settings differ: that is another config."""
    here = session.loaded
    for path in runs_in(session.request.runs_dir):
        try:
            run = glance(path)
            if run.name != here.config.name:
                continue
            differing = [one for one in side_by_side([meaning(run.config), meaning(here.resolved)]) if one.differs]
        except NotFoundError:
            return None
        keys = [one.key for one in differing]
        if not 0 < len(keys) <= 2 or not ("training.epochs" in keys or run.state in UNFINISHED):
            return None
        has = ", ".join(f"{one.key} {brief(one.values[0])}, not {brief(one.values[1])}" for one in differing)
        return f"{path.name} ({run.state}) has {has}: this is a new run, from the start"
    return None


def command_line() -> tuple[str, ...]:
    """The command as typed, for run.json."""
    return ("tuner", *sys.argv[1:])
