"""Nothing stands on stderr that tuner did not say, whatever a library thinks of the machine or the user's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = "{name: c, data: iris, model: {hidden: [8]}, training: {epochs: 2, batch_size: 64, threads: 1}}"
TALKING = """
import sys
class Importing:
    def find_spec(self, name, *_):
        if name == "tuner.cli.questions":
            import warnings
            warnings.warn("a library's own business")
sys.meta_path.insert(0, Importing())
sys.argv = ["tuner", "check", "c.yaml", "-q"]
from tuner.__main__ import main
main()
"""


def tuner(place: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("MPLCONFIGDIR", "PYTHONWARNINGS")}
    words = words or ("-c", TALKING)
    return subprocess.run(
        [sys.executable, *words], cwd=place, env={**kept, "NO_COLOR": "1", **more}, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, and `file`, which cannot be a folder: not even for root."""
    folder = tmp_path_factory.mktemp("quiet")
    (folder / "c.yaml").write_text(SMALL)
    (folder / "file").touch()
    done = tuner(folder, "-m", "tuner", "train", "c.yaml", HOME=str(folder / "file"))
    assert done.returncode == 0
    assert done.stderr.startswith("run     runs/c-1\n")
    assert done.stderr.endswith("\nnext    tuner diagnose c-1\n")
    assert (folder / "runs" / "c-1" / "curves.png").is_file()
    return folder


UNUSABLE = [("HOME",), ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"), ("MPLCONFIGDIR",)]


@pytest.mark.parametrize("names", UNUSABLE)
def test_where_nothing_can_be_kept_the_picture_is_drawn_without_a_word(place: Path, names: tuple[str, ...]) -> None:
    drawing = ("-m", "tuner", "curves", "c-1", "-q", "-o", "x.png")
    done = tuner(place, *drawing, **dict.fromkeys(names, str(place / "file")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "x.png\n", "")


def test_settings_for_matplotlib_are_not_talked_of(place: Path, tmp_path: Path) -> None:
    (tmp_path / "rc").write_text("lines.linewidth: many\nno key\n")
    drawing = ("-m", "tuner", "curves", "c-1", "-q", "-o", "x.png")
    done = tuner(place, *drawing, MATPLOTLIBRC=str(tmp_path / "rc"))
    assert (done.returncode, done.stderr) == (0, "")


def test_settings_that_matplotlib_refuses_cost_the_picture_and_no_more(place: Path) -> None:
    drawing = ("-m", "tuner", "curves", "c-1", "-q", "-o", "x.png")
    done = tuner(place, *drawing, MPLBACKEND="papyrus")
    assert done.returncode == 5
    assert done.stderr.startswith("error: matplotlib cannot be imported: ")
    assert "MPLBACKEND" in done.stderr.splitlines()[-1]
    trained = tuner(place, "-m", "tuner", "train", "c.yaml", "seed=1", MPLBACKEND="papyrus")
    assert trained.returncode == 0
    assert trained.stderr.splitlines()[-1].startswith("curves.png was not drawn: matplotlib cannot be imported: ")


def test_a_librarys_warning_is_shown_to_who_asks_for_it(place: Path) -> None:
    assert tuner(place).stderr == ""
    assert "a library's own business" in tuner(place, PYTHONWARNINGS="default").stderr
