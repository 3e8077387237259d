"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.pop("TUNER_RUNS", None)  # tests make their runs where they say


class Workplace:
    """Opens and trains configs in this process, in a folder of its own, with one thread unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"

    def loaded(self, text: str, *overrides: str) -> Any:
        from tuner.config import load

        file = self.folder / "c.yaml"
        file.write_text(text)
        threads = [] if "threads" in f"{text}{overrides}" else ["training.threads=1"]
        return load(str(file), [*threads, *overrides])

    def open(self, text: str, *overrides: str, **request: Any) -> Any:
        """A Session, or Answered."""
        from tuner.session import Request, open_session

        return open_session(self.loaded(text, *overrides), Request(self.runs, argv=("tuner", "train"), **request))

    def setup(self, text: str, *overrides: str) -> Any:
        """What training starts from; nothing is on disk."""
        from tuner.train.prepare import prepare, set_up_torch

        return prepare(set_up_torch(self.open(text, *overrides, again=True)))

    def begin(self, text: str, *overrides: str, stop: Any = None, **request: Any) -> Iterator[Any]:
        """The events of a run, one after the other."""
        from tuner.session import Session
        from tuner.stopping import StopRequests
        from tuner.train import train

        session = self.open(text, *overrides, **request)
        assert isinstance(session, Session)
        return train(session, stop or StopRequests())

    def train(self, text: str, *overrides: str, **request: Any) -> Any:
        """The last event of a run."""
        return list(self.begin(text, *overrides, **request))[-1]


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    """In memory where that is possible: flushing many small files to a busy disk takes most of a small run's time."""
    memory = "/dev/shm"  # noqa: S108 - a place, and the folder in it gets a name of its own
    folder = Path(tempfile.mkdtemp(dir=memory)) if os.access(memory, os.W_OK) else tmp_path
    yield Workplace(folder)
    shutil.rmtree(folder)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the expected texts in tests/cases anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
