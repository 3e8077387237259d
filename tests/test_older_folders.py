"""Run folders that an earlier tuner left (tests/cases/format-1): finished ones are read, a stopped one goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import program
import pytest

from tuner.config.comparison import side_by_side
from tuner.config.load import load
from tuner.data.splits import load as load_splits
from tuner.document.files import plain
from tuner.machine import cpu_capability, cpu_model, versions

CASES = Path(__file__).parent / "cases" / "format-1"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The folders, free to be changed."""
    shutil.copytree(CASES, tmp_path / "runs")
    return tmp_path


def tuner(folder: Path, *arguments: str, code: int = 0) -> str:
    ended = program.run(*arguments, cwd=folder)
    assert ended.returncode == code, ended.stderr
    return ended.stdout if code == 0 else ended.stderr


def status_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "status.json").read_text())
    return found


def test_finished_runs_are_read_by_every_command(runs: Path) -> None:
    test = status_of(runs / "runs/finished")["test"]
    told = json.loads(tuner(runs, "show", "finished", "--json"))
    assert (told["state"], told["test"]) == ("finished", test)
    assert len(told["metrics"]) == 6
    assert [each["run"] for each in json.loads(tuner(runs, "runs", "--json"))["runs"]]
    changed = json.loads(tuner(runs, "diff", "finished", "group/seed-1", "--json"))["changed"]
    assert [(each["key"], each["a"], each["b"]) for each in changed] == [("seed", 0, 1)]
    pairs = json.loads(tuner(runs, "compare", "finished", "group", "--json"))["differences"]
    assert [each["verdict"] for each in pairs] == ["undecided"]
    assert "all checksums agree" in tuner(runs, "check", "finished")
    assert "all checksums agree" in tuner(runs, "check", "group")
    assert "val_loss" in tuner(runs, "early-stop", "group")
    assert "validation" in tuner(runs, "curves", "finished")


@pytest.mark.parametrize(
    "path",
    sorted(path for each in ("format-1", "older") for path in (CASES.parent / each).rglob("run.json")),
    ids=lambda path: path.parent.name,
)
def test_its_config_and_its_data_are_still_the_same(path: Path) -> None:
    identity, loaded = json.loads(path.read_text())["identity"], load(str(path.parent / "config.yaml"))
    assert loaded.hash == identity["config_hash"]
    assert load_splits(loaded.dataset).fingerprint == identity["data_fingerprint"]
    before = plain(path.parent / "config.yaml")
    assert before["data"].keys() < loaded.resolved["data"].keys()
    assert {each.key for each in side_by_side([before, loaded.resolved]) if each.differs} <= {"layer_stats"}


def test_a_stopped_run_goes_on_to_the_same_bytes_or_is_refused_with_the_reason(runs: Path) -> None:
    identity = json.loads((runs / "runs/stopped/run.json").read_text())["identity"]
    here = {
        "device_model": cpu_model(),
        "cpu_capability": cpu_capability(),
        "torch": versions()["torch"],
        "tuner": versions()["tuner"],
    }
    moved = [key for key, value in here.items() if identity[key] != value]
    if moved:  # trained elsewhere, or by another tuner
        said = tuner(runs, "train", "runs/stopped", code=4)
        assert all(str(identity[key]) in said for key in moved), said
        return
    tuner(runs, "train", "runs/stopped")
    assert status_of(runs / "runs/stopped")["state"] == "finished"
    assert (runs / "runs/stopped/metrics.csv").read_bytes() == (CASES / "stopped-whole.csv").read_bytes()
