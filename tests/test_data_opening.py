"""A source is opened once a command; one that is only known after reading a file works like the others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "tuner"

ROWS = '''
"""Rows of numbers from a text file, the class last."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from tuner.bounds import Text
from tuner.choice import setting
from tuner.data.columns import Column
from tuner.data.source import Dataset, DrawnTest, Raw, Source
from tuner.errors import NotFoundError


class Rows(DrawnTest, Source, name="rows"):
    """Rows of numbers from a text file with a line of names first; the class stands last.

    Choose it when: a test asks for it.
    Source: none.
    """

    reads_to_open: ClassVar[bool] = True

    path: str = setting(Text(least=1, words="a path", is_path=True), "the file")

    def open(self, root: Path | None = None) -> Dataset:
        import numpy as np

        print("opened", file=sys.stderr)
        try:
            names, *lines = [line.split(",") for line in Path(self.path).read_text().splitlines()]
        except OSError as error:
            raise NotFoundError(f"{self.path} cannot be read: {error.strerror}") from error
        classes = tuple(sorted({line[-1] for line in lines}))
        known = self.describe((len(names) - 1,), classes, len(lines), tuple(map(Column, names[:-1])))
        x = np.array([list(map(float, line[:-1])) for line in lines], np.float32)
        return Dataset(self, known, lambda: Raw(x, np.array([classes.index(line[-1]) for line in lines])))
'''
CONFIG = """
data: {name: rows, path: flowers.csv}
model: {hidden: [4]}
training: {epochs: 2, batch_size: 10, device: cpu}
"""

Said = subprocess.CompletedProcess[str]


@pytest.fixture
def tuner(tmp_path: Path) -> Callable[..., Said]:
    """The command, of a copy of the package with one more source, in a folder with a config and its data."""
    shutil.copytree(SOURCE, tmp_path / "copy" / "tuner", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "copy" / "tuner" / "data" / "rows.py").write_text(ROWS)
    (tmp_path / "c.yaml").write_text(CONFIG)
    lines = [f"{i % 7},{i % 3},{i * i % 5},{'abc'[i % 3]}" for i in range(60)]
    (tmp_path / "flowers.csv").write_text("\n".join(["height,width,depth,kind", *lines]) + "\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "copy"), "TUNER_RUNS": str(tmp_path / "runs")}

    def run(*words: str) -> Said:
        command = [sys.executable, "-m", "tuner", *words]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)

    return run


def test_check_and_train_open_the_data_once(tuner: Callable[..., Said], tmp_path: Path) -> None:
    for words in (["check"], ["check", "--resolved"], ["check", "--json"], ["train", "-q"], ["train", "-q"]):
        done = tuner(words[0], "c.yaml", *words[1:])
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("opened") == 1, (words, done.stderr)
    assert tuner("train", "runs/c-1", "-q").stderr.count("opened") == 1
    assert (tmp_path / "runs" / "c-1" / "best.safetensors").exists() and not (tmp_path / "runs" / "c-2").exists()


def test_what_is_only_known_after_reading_decides_the_network(tuner: Callable[..., Said]) -> None:
    told = json.loads(tuner("check", "c.yaml", "--json").stdout)
    assert [layer["outputs"] for layer in told["layers"]] == [[4], [3]]
    assert told["parameters"] == 3 * 4 + 4 + 4 * 3 + 3
    assert "43 training, 5 validation, 12 test samples" in tuner("check", "c.yaml").stdout


def test_a_fault_that_only_the_data_tells_stands_at_its_place(tuner: Callable[..., Said]) -> None:
    done = tuner("check", "c.yaml", "data.limit=44", "model=cnn", "loss=mse")
    assert done.returncode == 2
    assert "data.limit: more than the 43 training samples there are" in done.stderr
    assert "a row of 3 numbers comes in" in done.stderr and done.stderr.count("opened") == 1


def test_what_the_language_tells_comes_before_a_file_is_read(tuner: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "flowers.csv").unlink()
    for command in ("check", "train"):
        faulty = tuner(command, "c.yaml", "training.epochs=0")
        assert faulty.returncode == 2 and "training.epochs" in faulty.stderr and "opened" not in faulty.stderr
        missing = tuner(command, "c.yaml")
        assert missing.returncode == 4 and "flowers.csv cannot be read: No such file" in missing.stderr
    assert not (tmp_path / "runs").exists()
