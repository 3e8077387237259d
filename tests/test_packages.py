"""Choices that an installed package adds: tests/example_package, put on the path as an installer would put it there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example_package"
CONFIG = """
model: {hidden: [4], activation: {name: cube, scale: 0.2}}
data: iris
training: {epochs: 2, batch_size: 10, device: cpu, threads: 1}
"""
RELU = CONFIG.replace("{name: cube, scale: 0.2}", "relu")


def install(folder: Path, version: str = "1.0", code: str | None = None) -> None:
    """Puts the example where Python looks for packages, with what an installer writes beside it."""
    told = folder / "tuner_cube.dist-info"
    told.mkdir(parents=True, exist_ok=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tuner-cube\nVersion: {version}\n")
    (told / "entry_points.txt").write_text("[tuner.choices]\ncube = tuner_cube\n")
    (folder / "tuner_cube.py").write_text((EXAMPLE / "tuner_cube.py").read_text() if code is None else code)


class Workbench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str, code: int = 0) -> str:
        """What a command prints on stdout and stderr."""
        path = os.pathsep.join(filter(None, [str(self.folder / "site"), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", "tuner", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, "TUNER_RUNS": "runs"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    install(tmp_path / "site")
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "relu.yaml").write_text(RELU)
    return Workbench(tmp_path)


def test_its_choice_is_listed_and_explained_with_where_it_comes_from(bench: Workbench) -> None:
    assert "The third power of its input. (from tuner-cube 1.0)" in bench.run("list", "activations")
    told = json.loads(bench.run("list", "activations", "--json"))["choices"]
    assert [each["name"] for each in told if each.get("package") == "tuner-cube 1.0"] == ["cube"]
    assert "From the package tuner-cube 1.0." in bench.run("explain", "ThirdPower")
    assert "cube" in bench.run("schema")


def test_a_mistake_in_its_settings_is_found_like_any_other(bench: Workbench) -> None:
    said = bench.run("check", "c.yaml", "model.activation.scale=2", code=2)
    assert "expected a number in (0, 1], got 2" in said


def test_its_version_is_in_the_identity_of_the_runs_that_use_it(bench: Workbench) -> None:
    cube, relu = (bench.run("train", name, "-q").strip() for name in ("c.yaml", "relu.yaml"))
    identities = [json.loads((bench.folder / run / "run.json").read_text())["identity"] for run in (cube, relu)]
    assert identities[0]["packages"] == "tuner-cube 1.0"
    assert "packages" not in identities[1]
    install(bench.folder / "site", "1.1")
    other = bench.run("train", "c.yaml", "-q").strip()
    assert other not in (cube, relu)  # another identity: another run
    assert "tuner-cube 1.0" in bench.run("diff", cube, other) and "tuner-cube 1.1" in bench.run("diff", cube, other)
    assert "packages" not in bench.run("diff", relu, relu, "--all")
    assert bench.run("train", "relu.yaml", "-q").strip() == relu  # it does not use it, and is found finished


def test_a_stopped_run_is_not_gone_on_with_under_another_version(bench: Workbench) -> None:
    bench.run("train", "c.yaml", "--run", "stopped", "--max-time", "0s", "training.epochs=2000", "-q", code=75)
    install(bench.folder / "site", "1.1")
    said = bench.run("train", "c.yaml", "--run", "stopped", "training.epochs=2000", code=4)
    assert "under another identity: packages tuner-cube 1.0 there, tuner-cube 1.1 here" in said


METRIC = '''
from tuner.options.metrics import Metric
class Sure(Metric, name="sure", aliases=("confidence",)):
    """The mean of the highest score. For classes."""
    label, direction, order, targets = "highest score", "up", 9, frozenset({"class"})
    def add(self, batch):
        return batch.scores.max(dim=1).values.double().sum()
class Balance(Metric, name="balance"):
    """The share of the answers that are the last class. For classes."""
    label, direction, order, targets = "share of the last class", "down", 10, frozenset({"class"})
    def add(self, batch):
        return batch.counts
    def of(self, total, part):
        return total[1][-1] / part.samples + 0 * part.scores.sum().item()
'''


def test_its_metrics_are_measured_monitored_and_shown(bench: Workbench) -> None:
    install(bench.folder / "site", code=METRIC)
    run = bench.run("train", "relu.yaml", "training.monitor=val_sure", "-q", "--require", "val_sure>0.3").strip()
    told = json.loads(bench.run("show", run, "--json"))
    assert all(1 / 3 < row["val_sure"] < 1 and 0 <= row["train_balance"] <= 1 for row in told["metrics"])
    assert told["test"].keys() >= {"sure", "balance", "auc"} and "val_sure" in bench.run("show", run)
    assert "The mean of the highest score." in bench.run("explain", "val_confidence")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        (
            "from tuner.options.activations import Activation\n"
            "class Cube(Activation, name='cube'):\n    def build(self): ...\n"
            "class Mine(Activation, name='mine', aliases=('ReLU',)):\n    def build(self): ...\n",
            "its activation ReLU is called as tuner's own is",
        ),
        (
            "from tuner.options.activations import Activation\nclass Cube(Activation, name='cube'):\n    '''None.'''\n",
            "its activation cube has no build",
        ),
    ],
)
def test_a_faulty_package_is_left_out_and_named(bench: Workbench, code: str, problem: str) -> None:
    install(bench.folder / "site", code=code)
    told = f"the choices of the package tuner-cube 1.0 are left out: {problem}"
    assert told in bench.run("check", "relu.yaml")  # a note
    assert told in " ".join(bench.run("list", "activations").split())
    said = bench.run("check", "c.yaml", code=2)
    assert f"there is no activation called cube; {told}" in " ".join(said.split())
    assert "Traceback" not in said


def test_where_there_are_none_no_metadata_is_read() -> None:
    """Importing the reader of metadata takes longer than all other work of a short command."""
    code = "import sys; from tuner.packages import packages; print(packages(), 'importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "() False\n"
