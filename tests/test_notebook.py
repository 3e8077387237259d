"""`tuner.train` and `tuner.runs` from Python: the same runs as from the command line, and nothing else is changed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tuner
from tuner.errors import ConfigError, HeldError, TunerError, UsageError
from tuner.runs.lock import Lock

SMALL = {"data": "iris", "model": {"hidden": [8]}, "training": {"epochs": 2, "threads": 1}}
BYTES = ("metrics.csv", "best.safetensors", "layer_stats.jsonl", "data.json")


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


MKLDNN: list[Any] = [getattr(torch.backends.mkldnn, name) for name in ("matmul", "conv", "rnn")]


def by_command(*words: str) -> None:
    kept = {key: value for key, value in os.environ.items() if key != "TUNER_RUNS"}
    subprocess.run(
        [sys.executable, "-m", "tuner", "train", *words, "-q"], env=kept, check=True, stdout=subprocess.DEVNULL
    )


def in_a_thread(work: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def torch_settings() -> list[Any]:
    return [
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_deterministic_debug_mode(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark,
        *(place.fp32_precision for place in MKLDNN),
        torch.is_grad_enabled(),
        torch.get_rng_state().tolist(),
    ]


@pytest.fixture
def unusual() -> Iterator[list[Any]]:
    """torch as somebody else's notebook has it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_grad_enabled(False)
    for place in MKLDNN:
        place.fp32_precision = "bf16"  # on a processor with AMX numbers would be rounded
    yield torch_settings()
    torch.set_num_threads(before)
    torch.set_default_dtype(torch.float32)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
    torch.set_grad_enabled(True)
    for place in MKLDNN:
        place.fp32_precision = "none"


@pytest.mark.parametrize("where", [lambda work: work(), in_a_thread], ids=["main", "another"])
def test_the_bytes_are_those_of_the_command_and_torch_stays_as_it_was(unusual: list[Any], where: Any) -> None:
    handlers = [signal.getsignal(number) for number in signal.Signals]
    result = where(lambda: tuner.train(SMALL, ["optimizer.lr=0.02"]))
    assert torch_settings() == unusual
    assert [signal.getsignal(number) for number in signal.Signals] == handlers
    assert (result.path, result.status["state"], result.status["epoch"]) == (Path("runs/config-1"), "finished", 2)
    by_command("runs/config-1/config.yaml", "--run", "other", "--runs-dir", "others")
    for name in BYTES:
        assert Path("runs/config-1", name).read_bytes() == Path("others/other", name).read_bytes()


def test_what_was_trained_before_is_found_by_either(tmp_path: Path) -> None:
    Path("mine.yaml").write_text("data: iris\nmodel: {hidden: [8]}\ntraining: {epochs: 2}\n")
    by_command("mine.yaml")
    result = tuner.train("mine.yaml")
    assert result.path == Path("runs/mine-1")
    assert result.status["test"]
    assert tuner.train(Path("mine.yaml"), again=True).path == Path("runs/mine-2")
    elsewhere = tuner.train("wine", ["training.epochs=1"], tmp_path / "x", run="w")
    assert elsewhere.path == tmp_path / "x/w"
    with pytest.raises(dataclasses.FrozenInstanceError):
        elsewhere.path = tmp_path  # type: ignore[misc]


def test_numbers_of_numpy_are_numbers() -> None:
    config = {**SMALL, "name": "np", "optimizer": {"lr": np.float32(0.5)}, "model": {"hidden": np.array([4, 4])}}
    assert tuner.train(config, ["training.epochs=1"]).path == Path("runs/np-1")
    assert tuner.runs()[0]["optimizer.lr"] == 0.5
    assert tuner.runs()[0]["model.hidden"] == [4, 4]


def test_each_run_tells_the_commit_that_was_checked_out_then(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run([*git, "init", "-q"], check=True)
    told = []
    for _ in range(2):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a step"], check=True)
        checked_out = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
        about = json.loads((tuner.train(SMALL, again=True).path / "run.json").read_text())
        told.append(about["git_commit"])
        assert told[-1] == checked_out.strip()
    assert len(set(told)) == 2


def test_faults_are_errors_that_say_where() -> None:
    with pytest.raises(ConfigError, match=r"config:2:7: optimizer\.lr: expected") as found:
        tuner.train({"optimizer": {"lr": -1}, "sead": 1})
    assert len(found.value.faults) == 2
    with pytest.raises(ConfigError, match=r"override:.*model\.dropout"):
        tuner.train(SMALL, ["model.dropout=2"])
    with pytest.raises(UsageError, match="the config holds something else"):
        tuner.train({"data": object()})
    with pytest.raises(ConfigError, match=r"no config nowhere\.yaml"):
        tuner.train("nowhere.yaml")
    with pytest.raises(TunerError, match="cannot name a run"):
        tuner.train(SMALL, run=".x")
    assert not Path("runs").exists()


def test_divergence_is_a_result_and_a_held_run_an_error() -> None:
    wild = {**SMALL, "optimizer": {"name": "sgd", "lr": 1e30}}
    result = tuner.train(wild)
    assert (result.status["state"], result.status["exit_code"]) == ("diverged", 3)
    assert [run["state"] for run in tuner.runs()] == ["diverged"]
    path = tuner.train(SMALL, ["training.epochs=3"], run="held").path
    (path / "status.json").unlink()
    with Lock(path), pytest.raises(HeldError, match="is held by"):
        tuner.train(SMALL, ["training.epochs=3"], run="held")


def test_runs_are_flat_rows_newest_first() -> None:
    by_command("wine", "training.epochs=2", "model.hidden=[4]", "--seeds", "2", "--run", "group")
    one = tuner.train(SMALL)
    rows = tuner.runs()
    assert [(row["run"], row["name"], row["seed"]) for row in rows] == [
        ("runs/config-1", "config", 0),
        ("runs/group/seed-0", "wine", 0),
        ("runs/group/seed-1", "wine", 1),
    ]
    row = rows[0]
    assert list(row)[:4] == ["run", "name", "state", "seed"]
    assert (row["data"], row["optimizer"], row["optimizer.lr"], row["model.hidden"]) == ("iris", "adam", 0.001, [8])
    assert row["val_loss"] == one.status["best"]["val_loss"]
    assert row["test_accuracy"] == one.status["test"]["accuracy"]
    assert row["best_epoch"] == one.status["best_epoch"]
    assert not [value for row in rows for value in row.values() if isinstance(value, dict)]
    assert tuner.runs("nowhere") == []


def test_the_functions_stay_and_torch_is_not_imported() -> None:
    code = """
import sys, tuner
rows = tuner.runs()
print(sorted({"torch", "numpy", "rich", "matplotlib"} & set(sys.modules)))
import tuner.train.prepare, tuner.runs.find
from tuner.train import train
print(tuner.train.__name__, tuner.runs.__name__, tuner.runs(), train is not tuner.train)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "train runs [] True"]
