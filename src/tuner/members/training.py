"""Where a member is trained: in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tuner.config import varied
from tuner.config.load import load
from tuner.crash import report
from tuner.data.source import Dataset, Raw
from tuner.data.splits import Splits
from tuner.data.splits import load as split
from tuner.errors import BUG, NotFoundError, TunerError
from tuner.events import Ended, Event, Failed
from tuner.members import Member
from tuner.opening import Answered, Request, Session, open_session
from tuner.runs.folder import Run, glance
from tuner.stopping import StopRequests


class Data:
    """What the members before have read: it is read again only for a member that sees other data, and files not even
    then."""

    def __init__(self) -> None:
        self._splits: Splits | None = None
        self._raw: Raw | None = None
        self._source: dict[str, object] = {}

    def of(self, dataset: Dataset, varies: tuple[str, ...]) -> Splits:
        """The parts of a member's data, whose family `varies` these keys. Raises what reading and splitting raises."""
        source = dataset.source.plain()
        if self._splits is None or source != self._source:
            is_file = dataset.source.reads_to_open or dataset.source.archives  # others may be drawn by their split_seed
            again = is_file and varies != varied.SEEDS and varies in varied.KINDS
            self._splits = split(replace(dataset, read=lambda: self._once(dataset.read)) if again else dataset)
            self._source = source
        return self._splits

    def _once(self, read: Callable[[], Raw]) -> Raw:
        self._raw = self._raw or read()
        return self._raw


def _far_enough(session: Session) -> Run | None:
    """The run that is opened, where it has as many epochs as are asked for: meanwhile another process has trained it,
    and may have taken its weights away. It is let go of then."""
    held, until = session.held, session.request.until
    if held is None or until is None:
        return None
    with ExitStack() as opened:
        opened.callback(held.release)  # also of one whose metrics are damaged
        run = glance(held.path)
        if len(run.rows) >= until:
            return run
        opened.pop_all()
    return None


def trained(member: Member, stop: StopRequests, data: Data) -> Iterator[Event | Failed]:
    """Trains a member, or finds it trained, and tells of it; the last event is Ended or Failed."""
    varies = tuple(member.varies)
    try:
        given = member.given.encode("latin-1")
        loaded = load(member.source, member.overrides, given=given, options=member.options)
        if loaded.hash != member.config_hash:
            message = f"a file that {member.source} extends was changed while its group was training"
            raise NotFoundError(message, fix="put it back and run the same command again, or train a new group")
        request = Request(Path(member.folder), member.name, wait=member.wait, argv=tuple(member.argv), auto_threads=1,
                          until=member.until, between=member.between)  # fmt: skip
        opened = open_session(loaded, request, data.of(loaded.dataset, varies))
        run = opened.run if isinstance(opened, Answered) else _far_enough(opened)
        if run is not None:
            yield Ended(run.path, run.status)
        elif isinstance(opened, Session):
            from tuner.train import train

            yield from train(opened, stop)
    except TunerError as error:
        yield Failed(error.message, error.fix, error.exit_code)
    except Exception as error:  # a bug: told as the program itself tells one, and the next member has its turn
        yield Failed(report(error), "", BUG)
