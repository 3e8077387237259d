"""A sweep that is trained in this process, in a folder that goes away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuner.config.sweep import load_search
from tuner.document.writing import to_yaml
from tuner.events import Event, Failed
from tuner.members import Data, Member, trained
from tuner.opening import Request
from tuner.runs.identity import Identity
from tuner.stopping import StopRequests
from tuner.sweep.opening import open_sweep
from tuner.sweep.search import Searching


class Here:
    """An executor: one member after the other."""

    def __init__(self) -> None:
        self.data = Data()

    def at_once(self, _: Identity) -> int:
        return 1

    def run(self, members: Iterator[Member], _: int, stop: StopRequests) -> Generator[tuple[str, Event | Failed]]:
        for member in members:
            yield from ((member.name, event) for event in trained(member, stop, self.data))


@contextmanager
def made(config: Mapping[str, Any], overrides: Sequence[str]) -> Iterator[Searching]:
    """The sweep that a YAML file with `config` stands for."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:  # noqa: S108
        source = Path(folder) / "bench.yaml"
        source.write_text(to_yaml(dict(config)))
        loaded, search = load_search(str(source), overrides, {})
        session = open_sweep(str(source), tuple(overrides), {}, loaded, search, Request(Path(folder)))
        yield Searching(session, StopRequests(), Here())
