"""Fixtures that several test modules share."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

os.environ.pop("TUNER_RUNS", None)  # tests make their runs where they say
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of small processes would compile every module anew
for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    if signal.getsignal(_number) is signal.SIG_IGN:  # nohup, or a job in the background of a script
        signal.signal(_number, lambda *_: None)  # ignored here as before; what tests start, starts with the default

for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)  # who starts pytest may have a terminal of any size, and pytest-xdist says one


class Workplace:
    """Opens and trains configs in this process, in a folder of its own, with one thread unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.executor: Any = "local"  # of members

    def loaded(self, text: str, *overrides: str) -> Any:
        from tuner.config.load import load

        file = self.folder / "c.yaml"
        file.write_text(text)
        threads = [] if "threads" in f"{text}{overrides}" else ["training.threads=1"]
        return load(str(file), [*threads, *overrides])

    def open(self, text: str, *overrides: str, **request: Any) -> Any:
        """A Session, or Answered."""
        from tuner.opening import Request, open_session

        return open_session(self.loaded(text, *overrides), Request(self.runs, argv=("tuner", "train"), **request))

    def setup(self, text: str, *overrides: str) -> Any:
        """What training starts from; nothing is on disk."""
        from tuner.train.hardware import set_up_torch
        from tuner.train.prepare import prepare

        return prepare(set_up_torch(self.open(text, *overrides, again=True)))

    def begin(self, text: str, *overrides: str, stop: Any = None, **request: Any) -> Iterator[Any]:
        """The events of a run, one after the other."""
        from tuner.opening import Session
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


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """`tuner` in this process: exit code, stdout, stderr."""

    from tuner.cli import commands

    def said(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tuner", *words])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        code = commands.run()
        out, err = capsys.readouterr()
        return code, out, err

    return said


@pytest.fixture(scope="module")
def executor() -> Iterator[Any]:
    """Workers that stay from one family of runs to the next: to start one is to import torch."""
    from tuner.members import staying

    with staying() as workers:
        yield workers


@pytest.fixture
def write_run() -> Callable[..., Path]:
    """Writes run folders as training leaves them, from the rows of their metrics.csv."""

    def write(
        path: Path, rows: Sequence[Mapping[str, Any]], *overrides: str, seconds: Sequence[float] = (), **status: Any
    ) -> Path:
        from making import create

        from tuner.config.load import load
        from tuner.document.writing import to_yaml
        from tuner.runs import files as run_files
        from tuner.runs import identity as run_identity

        path.parent.mkdir(parents=True, exist_ok=True)
        source = path.parent / "source.yaml"
        source.write_text("data: digits\n")
        resolved = load(str(source), list(overrides)).resolved
        identity = run_identity.Identity("c" * 64, "d" * 64, "cpu", "AMD EPYC", "AVX512", 1, "2.10.0", "0.1.0")
        about = {"format": 1, "name": "source", "created": "2026-01-02T03:04:05+00:00", "seed": resolved["seed"]}
        about["identity"] = identity.as_json()
        files = {"config.yaml": to_yaml(resolved), "run.json": json.dumps(about), "origins.json": "{}"}
        create(path.parent, "source", path.name, {name: text.encode() for name, text in files.items()})
        source.unlink()
        if rows:
            columns = list(rows[0])
            lines = [run_files.format_header(columns), *(run_files.format_row(columns, row) for row in rows)]
            (path / "metrics.csv").write_text("".join(f"{line}\n" for line in lines))
        if seconds:
            lines = ["epoch,seconds", *(f"{epoch},{taken!r}" for epoch, taken in enumerate(seconds, 1))]
            (path / "timing.csv").write_text("".join(f"{line}\n" for line in lines))
        run_files.write_status(path, {"state": "finished", "epoch": len(rows)} | status)
        return path

    return write


class Screen(io.StringIO):
    """A stream that can show any character."""

    encoding = "utf-8"


@pytest.fixture
def draw() -> Callable[..., None]:
    """`tuner curves` in this process: runs, and options as the command has them."""

    def drawn(*runs: str, **options: Any) -> None:
        import typer

        from tuner.cli.questions import curves

        with pytest.raises(typer.Exit):
            curves(runs=list(runs), **dict.fromkeys(("quiet", "json", "md", "html", "csv", "latex"), False) | options)

    return drawn


@pytest.fixture
def shown() -> Callable[..., str]:
    """A block as a terminal of that many columns shows it, or as plain text."""

    def show(block: Any, width: int | None = None, *, color: bool = False, now: Any = None) -> str:
        from tuner.render.terminal import Look

        look = Look(Screen(), width, color=color)
        look.now = now or look.now
        lines = "".join(look.lines(block)).removesuffix("\n")
        bare = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines.split("\n")]
        assert width is None or all(len(line) <= width for line in bare), lines
        return lines

    return show


@pytest.fixture
def text_of(shown: Callable[..., str]) -> Callable[..., str]:
    """Blocks one below the other, as `shown` each; without the notes, which go to stderr."""

    def text(blocks: Iterable[Any], width: int | None = None, **how: Any) -> str:
        from tuner.answer import Command, Note

        kept = [block for block in blocks if not isinstance(block, Note)]
        return "\n\n".join(shown(each, None if isinstance(each, Command) else width, **how) for each in kept)

    return text


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--recipe-seed", type=int, default=0, help="which recipes the slow test trains again")
    parser.addoption("--update-golden", action="store_true", help="write the expected texts in tests/cases anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
