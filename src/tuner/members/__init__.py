"""The members of a family are trained by an executor, which is a module here with two functions: `at_once(identity)`
says how many it trains side by side, and `run(members, at_once, stop)` trains them and hands on what each tells, as
(the member's name, an event). It calls `training.trained` wherever it trains one. A new executor is a new file.

Nothing here imports torch before a member is trained.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tuner.config import varied
from tuner.config.comparison import meaning_hash
from tuner.events import Ended, Event, Failed, GroupEvent, MemberTold, Started
from tuner.members.opening import Alone, GroupSession, command_of, hold
from tuner.stopping import StopRequests

if TYPE_CHECKING:
    from tuner.runs.identity import Identity

FIRST = (70, 143, 130, 75, 73, 5, 4, 3)
"""Which exit code of a member becomes the family's."""
PASSED_OVER = (0, 3)
"""Exit codes of a family that is whole: a member that diverged is a result."""
BETWEEN = 1.0
"""Seconds between two checkpoints of a run that is one of many: few of them are kept."""
LEFT_OVER = 15.0
"""Seconds to wait for a member that the worker of a killed family still holds: it is about to save and stop."""


@dataclass(frozen=True)
class Member:
    """A member to train, as JSON could tell it: what finds the same config anywhere, and its folder."""

    name: str
    overrides: Sequence[str]
    options: Mapping[str, str]  # what options of the command line set, its own values last: override -> option
    varies: Sequence[str]
    source: str
    given: str  # the config as its family read it, a character a byte
    config_hash: str  # a base file may have changed meanwhile
    folder: str  # the family's
    argv: Sequence[str]
    wait: float
    until: int | None = None  # the epoch after which it is put aside
    between: float = 0.0  # seconds between two checkpoints at least


class Executor(Protocol):
    """What such a module is; an object may be one, too."""

    def at_once(self, identity: Identity) -> int:
        """How many side by side."""

    def run(self, members: Iterator[Member], at_once: int, stop: StopRequests) -> Generator[tuple[str, Event | Failed]]:
        """Trains them; yields what each of them tells."""


def train_group(session: GroupSession, stop: StopRequests, executor: str | Executor = "local") -> Generator[GroupEvent]:
    """Trains the members that have not come to an end yet; Started comes first and Ended last. A member that
    fails does not stop the others. Raises TunerError before the first member begins."""
    lock = hold(session)
    by = import_module(f"{__name__}.{executor}") if isinstance(executor, str) else executor
    with ExitStack() as held:
        held.callback(lock.release)
        held.enter_context(stop.listening())
        session = replace(session, path=lock.path)
        ended = {key: run.status for key, run in session.trained().items()}
        codes = {key: int(status.get("exit_code") or 0) for key, status in ended.items()}
        at_once = by.at_once(session.identity)
        notes = (*session.loaded.notes, *session.notes)
        about: dict[str, Any] = {"varies": session.varies, "members": session.members, **session.begun}
        yield Started(run=lock.path, notes=notes, ended=ended, at_once=at_once, **about)
        keys = {varied.folder(session.varies, key): key for key in session.members if key not in codes}
        members = (_member(session, lock.path, key) for key in keys.values())
        for name, event in held.enter_context(closing(by.run(members, at_once, stop))):
            yield MemberTold(keys[name], event)
            if isinstance(event, Ended | Failed):
                code = event.exit_code if isinstance(event, Failed) else event.status.get("exit_code")
                codes[keys[name]] = int(code or 0)
        if stop.asked is not None:  # what was not begun, or had nothing to save yet, is stopped as well
            codes |= {key: stop.asked.exit_code for key in session.members if key not in codes}
        yield Ended(lock.path, {"exit_code": group_code(codes.values())})


@contextmanager
def staying(executor: str = "local") -> Iterator[Executor]:
    """An executor whose workers stay from one family to the next."""
    with closing(import_module(f"{__name__}.{executor}").Pool()) as pool:
        yield pool


def train_alone(
    runs: Iterable[Alone], identity: Identity, stop: StopRequests, by: Executor
) -> Generator[tuple[str, Event | Failed]]:
    """Trains runs that are members of nothing, side by side, each of `identity` but for its config; yields what each of
    them tells, by its folder's name. The next of `runs` is asked for when there is room for it."""
    members = (_alone(run) for run in runs)
    with stop.listening(), closing(by.run(members, by.at_once(identity), stop)) as told:
        yield from told


def train_whole(session: GroupSession, stop: StopRequests, executor: str | Executor = "local") -> Generator[GroupEvent]:
    """`train_group`, which in the end raises the TunerError of the family's exit code where a member could not be
    trained."""
    failed: list[tuple[varied.Key, Failed]] = []
    for event in train_group(session, stop, executor):
        yield event
        if isinstance(event, MemberTold) and isinstance(event.event, Failed):
            failed.append((event.key, event.event))
    assert isinstance(event, Ended)  # noqa: S101 - it comes last
    code = event.status["exit_code"]
    if failed and stop.asked is None and code not in PASSED_OVER:
        key, told = next((each for each in failed if each[1].exit_code == code), failed[0])
        raise told.as_error(f"{event.run}: {varied.named(session.varies, key)} could not be trained")


def group_code(codes: Collection[int]) -> int:
    """The exit code of a family from those of its members."""
    return next((code for code in FIRST if code in codes), max(codes, default=0))


def _member(session: GroupSession, path: Path, key: varied.Key) -> Member:
    loaded, varies = session.loaded, session.varies
    [(name, own)] = varied.members(varies, [key]).items()
    return Member(
        name=name,
        overrides=session.overrides,
        options={**session.options, **dict(zip(own, varied.origins(varies).values(), strict=True))},
        varies=varies,
        source=session.source,
        given=loaded.source.decode("latin-1"),
        config_hash=meaning_hash(varied.with_values(loaded.resolved, varies, key)),
        folder=str(path),
        argv=command_of(session, path),
        wait=max(LEFT_OVER, session.request.wait),
        between=session.request.between,
    )


def _alone(run: Alone) -> Member:
    loaded, request = run.session.loaded, run.session.request
    return Member(
        name=run.path.name,
        overrides=run.overrides,
        options=run.options,
        varies=(),
        source=run.source,
        given=loaded.source.decode("latin-1"),
        config_hash=loaded.hash,
        folder=str(run.path.parent),
        argv=request.argv,
        wait=max(LEFT_OVER, request.wait),
        until=run.until,
        between=BETWEEN,
    )
