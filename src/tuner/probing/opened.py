"""A config -> what its training would start from, without a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner.config.loaded import Loaded
from tuner.opening import Request, Session, identified
from tuner.runs.files import IDENTITY
from tuner.train.hardware import enough_memory, set_up_torch, settings_kept
from tuner.train.prepare import Setup, prepare


def session_of(loaded: Loaded) -> Session:
    """What would be trained. Raises NotFoundError (data missing), ResourceError (no CUDA)."""
    return identified(IDENTITY, loaded, Request(Path(), again=True))


@contextmanager
def opened(loaded: Loaded, session: Session | None = None) -> Iterator[Setup]:
    """What training would start from, opened as a run would be, without a folder, unless it was before. torch's global
    settings are as before in the end. Raises what `session_of` does, and ResourceError (out of memory)."""
    session = session or session_of(loaded)
    with enough_memory(session), settings_kept():
        yield prepare(set_up_torch(session))
