"""Before a group trains: whether its folder is there already, and which of its members are still to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuner import machine
from tuner.config.loaded import Loaded
from tuner.data.splits import Splits
from tuner.data.splits import load as read_splits
from tuner.durable.reading import damaged, json_bytes, read_json, shown
from tuner.durable.writing import write_file
from tuner.errors import NotFoundError
from tuner.runs.creating import create_held, now
from tuner.runs.files import ENDED
from tuner.runs.find import unreadable_one
from tuner.runs.folder import FORMAT, GROUP, Run, folders_in, glance, is_run, may_be_there, members, number_of
from tuner.runs.identity import Identity
from tuner.runs.lock import Lock, making
from tuner.session import Request, device_for, identify


@dataclass(frozen=True)
class GroupSession:
    """A group that is to be trained, or found trained. `path` is None before its folder is made. `identity` is a
    member's, with the hash of the config without its seed."""

    source: str
    overrides: tuple[str, ...]
    loaded: Loaded
    seeds: tuple[int, ...]
    splits: Splits
    identity: Identity
    request: Request
    path: Path | None = None
    known: frozenset[str] = frozenset()
    """The groups that were there when this one was looked for."""

    @property
    def at_once(self) -> int:
        """How many members train at the same time: as many as there are cores for, one on a GPU."""
        return max(1, machine.cores() // self.identity.threads) if self.identity.device == "cpu" else 1

    def trained(self) -> dict[int, Run]:
        """The members that came to an end. Raises NotFoundError for one that is damaged."""
        places = {seed: self.path / f"seed-{seed}" for seed in self.seeds} if self.path is not None else {}
        there = {seed: glance(place) for seed, place in places.items() if is_run(place)}
        return {seed: run for seed, run in there.items() if run.state in ENDED}

    def about(self) -> dict[str, Any]:
        """group.json."""
        return {
            "format": FORMAT,
            "name": self.loaded.config.name,
            "created": now(),
            "seeds": sorted(self.seeds),
            "tags": self.loaded.config.tags,
            "identity": self.identity.as_json(),
            "argv": list(self.request.argv),
        }


def open_group(
    source: str, overrides: Sequence[str], loaded: Loaded, seeds: Sequence[int], request: Request
) -> GroupSession:
    """Reads the data and looks whether the group is there already. `loaded` is what `load(source, overrides)` gave.
    Raises NotFoundError (data missing; `--run` names something else), ResourceError (no CUDA), UsageError."""
    request = replace(request, auto_threads=1)
    request.check()
    device = device_for(loaded.config.training.device)
    splits = read_splits(loaded.dataset)
    identity = replace(identify(loaded, splits, device, 1), config_hash=loaded.group_hash)
    session = GroupSession(source, tuple(overrides), loaded, tuple(seeds), splits, identity, request)
    known = frozenset(path.name for path in _groups(request.runs_dir))
    return replace(session, path=None if request.again else _look_up(session), known=known)


def hold(session: GroupSession) -> tuple[GroupSession, Lock]:
    """The group with its folder, made if it is not there, and the lock on it. Raises HeldError when another process
    trains it for longer than is to be waited, ResourceError."""
    if session.path is not None:
        with ExitStack() as held:  # seeds that are asked for the first time are added
            lock = held.enter_context(Lock(session.path, session.request.wait))
            about = read_json(session.path / GROUP)
            before = about.get("seeds") if isinstance(about.get("seeds"), list) else []
            wider = sorted({*(seed for seed in before or [] if type(seed) is int), *session.seeds})
            if wider != before:
                write_file(session.path / GROUP, json_bytes({**about, "seeds": wider}))
            held.pop_all()
        return session, lock
    config, request = session.loaded.config, session.request
    with making(request.runs_dir):
        faster = None if request.again else _look_up(session)
        if faster is None or faster.name in session.known:
            files = {GROUP: json_bytes(session.about())}
            lock = create_held(request.runs_dir, config.name, request.run_name, files)
            return replace(session, path=lock.path), lock
    return hold(replace(session, path=faster))  # the same command was faster by a moment


def _look_up(session: GroupSession) -> Path | None:
    """The newest group that this session would make anew, or the folder that --run names. Raises NotFoundError for a
    folder that cannot be read, may be the one, and is newer."""
    request = session.request
    if request.run_name is not None:
        return _named(session, request.named_folder)
    name = session.loaded.config.name
    fitting: list[tuple[str, Path]] = []
    unreadable: list[tuple[Path, NotFoundError]] = []
    for path in _groups(request.runs_dir):
        try:
            created, its_name, identity = _headline(path)
        except NotFoundError as error:
            unreadable += [(path, error)] * bool(number_of(path.name, name))
            continue
        if its_name == name and identity == session.identity:
            fitting.append((created, path))
    found = max(fitting)[1] if fitting else None
    for path, why in unreadable:
        if found is None or number_of(path.name, name) > number_of(found.name, name):
            raise unreadable_one(path, why) from why
    return found


def _headline(path: Path) -> tuple[str, str, Identity]:
    """(time of creation, config name, identity) in a group's group.json. Raises NotFoundError where it is damaged."""
    about = read_json(path / GROUP)
    created, name = about.get("created"), about.get("name")
    if not isinstance(created, str) or not isinstance(name, str):
        raise damaged(path / GROUP, "its name or time of creation is missing")
    return created, name, Identity.from_json(about.get("identity"), shown(path / GROUP))


def _named(session: GroupSession, path: Path) -> Path | None:
    """The folder that --run names, if it is there; it has to be a group of this config and identity."""
    if not os.path.lexists(path):
        return None
    if is_run(path):
        raise NotFoundError(f"{shown(path)} is one run, not a group", fix="Choose another name with --run.")
    if not os.path.lexists(path / GROUP):
        return None  # create_held says what is wrong with it, if anything
    identity = Identity.from_json(read_json(path / GROUP).get("identity"), shown(path / GROUP))
    differences = session.identity.differences(identity)
    if differences:
        what = "; ".join(f"{what} is {here}, there {there}" for what, here, there in differences if "hash" not in what)
        fix = f"tuner diff {shown(path)} CONFIG says in what; or choose another name with --run."
        another = f"identity: {what}" if what else "config"
        raise NotFoundError(f"{shown(path)} is a group of another {another}", fix=fix)
    return path


def _groups(runs_dir: Path) -> list[Path]:
    """The groups made by --seeds in `runs_dir`, and what may be one: its group.json is lost, its members are there."""
    found = []
    for path in folders_in(runs_dir):
        with suppress(NotFoundError):
            if may_be_there(path / GROUP) or (
                not is_run(path) and any(member.name.startswith("seed-") for member in members(path))
            ):
                found.append(path)
    return found
