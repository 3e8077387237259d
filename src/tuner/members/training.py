"""Where a member is trained: in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from tuner.opening import Answered, Request, open_session
from tuner.stopping import StopRequests

BETWEEN = 1.0
"""Seconds between two checkpoints of a run that is one of many and a member of nothing: few of them are kept."""


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
                          until=member.until, between=0.0 if varies else BETWEEN)  # fmt: skip
        opened = open_session(loaded, request, data.of(loaded.dataset, varies))
        if isinstance(opened, Answered):
            yield Ended(opened.run.path, opened.run.status)
        else:
            from tuner.train import train

            yield from train(opened, stop)
    except TunerError as error:
        yield Failed(error.message, error.fix, error.exit_code)
    except Exception as error:  # a bug: told as the program itself tells one, and the next member has its turn
        yield Failed(report(error), "", BUG)
