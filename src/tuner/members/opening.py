"""A family of runs before it is trained: it is found, or made, and its folder held. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tuner.config import varied
from tuner.config.comparison import meaning_hash
from tuner.config.loaded import Loaded
from tuner.config.varied import Key
from tuner.durable.reading import json_bytes, read_json, shown
from tuner.durable.writing import write_file
from tuner.errors import UsageError
from tuner.opening import Request, Session, identified, look_up, make
from tuner.runs.apart import apart
from tuner.runs.creating import now
from tuner.runs.files import CONFIG, ENDED
from tuner.runs.find import group_command
from tuner.runs.folder import FORMAT, GROUP, Run, glance, glance_group, is_run, natural
from tuner.runs.lock import Lock


@dataclass(frozen=True)
class GroupSession(Session):
    """A family that is to be trained, or found trained: `members` are what it is to have. `path` is None before its
    folder is made. `identity` is a member's, with the hash of the config without the keys that are varied."""

    key = GROUP
    source: str = ""
    overrides: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    varies: tuple[str, ...] = varied.SEEDS
    members: tuple[Key, ...] = ()
    path: Path | None = None

    def begun_members(self, path: Path) -> Iterator[tuple[Key, Path]]:
        """The run folders there are of its members, in the family's folder `path`."""
        places = ((key, path / varied.folder(self.varies, key)) for key in self.members)
        return ((key, place) for key, place in places if is_run(place))

    def trained(self) -> dict[Key, Run]:
        """The members that came to an end. Raises NotFoundError for one that is damaged."""
        there = self.begun_members(self.path) if self.path is not None else ()
        runs = {key: glance(place) for key, place in there}
        return {key: run for key, run in runs.items() if run.state in ENDED}

    def files(self) -> dict[str, bytes]:
        about = {
            "format": FORMAT,
            "name": self.loaded.config.name,
            "created": now(),
            "varies": list(self.varies),
            "members": varied.members(self.varies, self.members),
            "tags": self.loaded.config.tags,
            "identity": self.identity.as_json(),
            "argv": list(self.request.argv),
        }
        return {GROUP: json_bytes(about)}

    def check_named(self, path: Path) -> None:
        there = glance_group(path)
        if there.varies != self.varies:
            what, asked = varied.words(there.varies), varied.words(self.varies)
            fix = f"Choose another name with --run; its own members are added with --{varied.column(there.varies)}s."
            raise UsageError(f"the runs in {shown(path)} differ in their {what}, not in their {asked}", fix=fix)
        counting = partial(varied.shared, varies=self.varies)
        if found := apart(path, "group", there.identity, self.identity, self.loaded, counting=counting):
            raise found.error(by_folder=False)


@dataclass(frozen=True)
class Alone:
    """A run that is a member of nothing, to be trained in the folder `path` as a member would be: `session` is of what
    `load` gave of `source`, `overrides` and `options`. After epoch `until` it is put aside (None: it is trained to its
    end)."""

    path: Path
    source: str
    overrides: Sequence[str]
    session: Session
    options: Mapping[str, str] = field(default_factory=dict)
    until: int | None = None


def open_group(
    source: str,
    overrides: Sequence[str],
    loaded: Loaded,
    varies: tuple[str, ...],
    members: Sequence[Key],
    request: Request,
    options: Mapping[str, str] | None = None,
) -> GroupSession:
    """Reads the data and looks whether the family is there already. `loaded` is what `load` gave of `source`,
    `overrides` and `options`.
    Raises NotFoundError (data missing; `--run` names something else), ResourceError (no CUDA), UsageError."""
    one = identified(GROUP, loaded, replace(request, auto_threads=1))
    digest = meaning_hash(varied.shared(loaded.resolved, varies))
    one = replace(one, identity=replace(one.identity, config_hash=digest))
    shared = varied.shared_test(varies, loaded.resolved)
    session = GroupSession(**vars(one), source=source, overrides=tuple(overrides), options=options or {}, varies=varies)
    session = replace(session, members=tuple(members), notes=(shared,) * bool(shared))
    return replace(session, path=look_up(session))


def command_of(session: GroupSession, path: Path) -> tuple[str, ...]:
    """The command that goes on with the family in the folder `path`."""
    begun = next((place for _, place in session.begun_members(path)), None)
    asked = varied.asked_for(session.varies, session.members, session.loaded.resolved)
    anew = group_command(path, begun / CONFIG, asked) if begun else ()
    return session.request.going_on(path, anew)


def hold(session: GroupSession) -> Lock:
    """The lock on the family's folder, which is made if it is not there. Raises HeldError when another process trains
    it for longer than is to be waited, ResourceError."""
    made = session.path or make(session)
    if isinstance(made, Lock):
        return made
    with ExitStack() as held_here:  # members that are asked for the first time are added
        lock = held_here.enter_context(Lock(made, session.request.wait))
        before, asked = glance_group(made).members, varied.members(session.varies, session.members)
        if not asked.keys() <= before.keys():
            about = {key: value for key, value in read_json(made / GROUP).items() if key != "seeds"}
            wider = dict(sorted({**before, **asked}.items(), key=lambda each: natural(each[0])))
            write_file(made / GROUP, json_bytes({**about, "varies": list(session.varies), "members": wider}))
        held_here.pop_all()
    return lock
