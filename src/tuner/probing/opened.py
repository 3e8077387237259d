"""A config -> what its training would start from, without a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner.config.loaded import Loaded
from tuner.opening import Request, identified
from tuner.runs.files import IDENTITY
from tuner.train.hardware import enough_memory, set_up_torch, settings_kept
from tuner.train.prepare import Setup, prepare


@contextmanager
def opened(loaded: Loaded) -> Iterator[Setup]:
    """What training would start from, opened as a run would be, without a folder. torch's global settings are as before
    in the end. Raises NotFoundError (data missing), ResourceError (no CUDA, out of memory)."""
    session = identified(IDENTITY, loaded, Request(Path(), again=True))
    with enough_memory(session), settings_kept():
        yield prepare(set_up_torch(session))
