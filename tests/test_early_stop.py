"""Where early stopping would have ended a run: against training itself, against the rule epoch by epoch, as printed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.asks.early_stop import Outcome, ask, mean_of, parsed, replay
from tuner.cli.shared import present
from tuner.errors import NotFoundError, UsageError
from tuner.monitor import best_index, epochs_waited, oriented
from tuner.runs.files import Row
from tuner.runs.folder import read

CASES = Path(__file__).parent / "cases" / "early_stop"
Write = Callable[..., Path]
VALUES = st.lists(
    st.one_of(st.sampled_from([0.1, 0.2, 0.3, 0.4]), st.none(), st.just(math.nan)), min_size=1, max_size=20
)


def rows(*losses: float | None, accuracies: list[float] | None = None) -> list[Row]:
    return [
        {
            "epoch": epoch,
            "step": 10 * epoch,
            "train_loss": loss,
            "val_loss": loss,
            "val_accuracy": accuracies[epoch - 1] if accuracies else epoch / 100,
        }
        for epoch, loss in enumerate(losses, 1)
    ]


# ---- the rule ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        (("optimizer.lr=0.03",), ("val_loss", 0.0)),
        (("training.monitor=val_accuracy",), ("val_accuracy", 0.0)),
        (("training.monitor=val_accuracy", "early_stopping.min_delta=0.01"), ("val_accuracy", 0.01)),
        (("scheduler=plateau", "training.monitor=train_loss", "optimizer.lr=0.05"), ("train_loss", 0.0)),
    ],
)
def test_it_is_what_training_does(workplace: Any, settings: tuple[str, ...], setting: tuple[str, float]) -> None:
    monitor, min_delta = setting
    own = tuple(each for each in settings if not each.startswith("early_stopping"))
    whole = read(workplace.train("data: digits", "training.epochs=40", *own).run)
    ended = workplace.train("data: digits", "training.epochs=40", *settings, "early_stopping.patience=3")
    stopped = read(ended.run)
    found = replay(whole.rows, 40, monitor, 3, min_delta)
    assert 3 < len(stopped.rows) < len(whole.rows) == 40
    assert (found.verdict, found.stop, found.saved) == ("stopped", len(stopped.rows), 40 - len(stopped.rows))
    assert found.best_epoch == ended.status["best_epoch"]
    best = whole.rows[(found.best_epoch or 0) - 1]
    assert best == ended.status["best"] == stopped.rows[(found.best_epoch or 0) - 1]
    again = replay(stopped.rows, 40, monitor, 3, min_delta)
    assert (again.stop, again.best_epoch, again.value, again.others, again.saved) == (
        found.stop,
        found.best_epoch,
        found.value,
        found.others,
        0,
    )
    assert replay(stopped.rows, 40, monitor, 4, min_delta).verdict == "unknown"


@given(VALUES, st.integers(1, 6), st.sampled_from([0.0, 0.1, 0.15]), st.integers(0, 3), st.booleans())
def test_it_is_the_rule_of_training_epoch_by_epoch(
    values: list[float | None], patience: int, min_delta: float, more: int, higher: bool
) -> None:
    monitor = "val_accuracy" if higher else "val_loss"
    run: list[Row] = [{"epoch": epoch, monitor: value} for epoch, value in enumerate(values, 1)]
    found = replay(run, len(run) + more, monitor, patience, min_delta)
    waited = [epochs_waited(oriented(run[:end], monitor), min_delta) for end in range(1, len(run) + 1)]
    stop = next((epoch for epoch, epochs in enumerate(waited, 1) if epochs >= patience), None)
    if stop is None and more:
        assert found == Outcome(patience, min_delta, "unknown")
        return
    assert (found.verdict, found.stop) == (("never", len(run)) if stop is None else ("stopped", stop))
    assert found.saved == len(run) - (stop or len(run))
    best, best_of_all = best_index(run[: found.stop], monitor), best_index(run, monitor)
    assert found.best_epoch == (None if best is None else best + 1)
    if best is None or best_of_all is None:
        assert found.cost is None
    else:
        change = (run[best][monitor] or 0) - (run[best_of_all][monitor] or 0)
        assert found.cost == pytest.approx(-change if higher else change)
        assert found.cost is not None
        assert found.cost >= 0


def test_the_first_of_equal_epochs_is_kept() -> None:
    found = replay(rows(0.5, 0.3, 0.4, 0.3, 0.6), 5, "val_loss", 3)
    assert (found.stop, found.best_epoch, found.value, found.cost) == (5, 2, 0.3, 0.0)


def test_a_stop_at_the_last_epoch_is_a_stop_that_saves_nothing() -> None:
    found = replay(rows(0.5, 0.6, 0.7), 3, "val_loss", 2)
    assert (found.verdict, found.stop, found.saved) == ("stopped", 3, 0)


def test_without_validation_the_best_epoch_is_kept() -> None:
    run: list[Row] = [{"epoch": epoch, "train_loss": loss} for epoch, loss in enumerate([0.5, 0.6, 0.7, 0.1], 1)]
    found = replay(run, 4, "train_loss", 2)
    assert (found.stop, found.best_epoch) == (3, 1)
    assert found.cost == pytest.approx(0.4)


def test_a_group_is_the_mean_over_what_is_known() -> None:
    runs = [rows(0.5, 0.6, 0.7, 0.4), rows(0.5, 0.4, 0.6, 0.7), rows(0.5, 0.4, 0.3, 0.2), rows(0.5, 0.4)]
    mean = mean_of([replay(run, 4, "val_loss", 2) for run in runs])
    assert (mean["runs"], mean["known"], mean["stopped"]) == (4, 3, 2)
    assert mean["stop"] == pytest.approx((3 + 4 + 4) / 3)
    assert mean["saved"] == pytest.approx(1 / 3)
    assert mean["best_epoch"] == pytest.approx((1 + 2 + 4) / 3)
    assert mean["value"] == pytest.approx((0.5 + 0.4 + 0.2) / 3)
    assert mean["cost"] == pytest.approx(0.1 / 3)
    assert mean["others"] == {"val_accuracy": pytest.approx(0.07 / 3)}


# ---- what is given -----------------------------------------------------------------------------------------------


def test_lists_are_read_as_the_config_language_reads_numbers() -> None:
    assert parsed("3, 5,10,3", "--patience") == [3, 5, 10]
    assert parsed("0,1e-3, .5,0.001", "--min-delta") == [0, 0.001, 0.5]


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "3,,5", "2.5", "3;5", "true", "3,x", "١"])
def test_bad_patience_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--patience cannot be") as error:
        parsed(text, "--patience")
    assert "whole numbers from 1 on" in error.value.fix


@pytest.mark.parametrize("text", ["-1", "x", "", "0,", ".nan", ".inf", "-.inf", "1e999", "null", "true"])
def test_bad_min_delta_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--min-delta cannot be") as error:
        parsed(text, "--min-delta")
    assert "numbers from 0 on" in error.value.fix


# ---- the command -------------------------------------------------------------------------------------------------

UP_AND_DOWN = [0.9, 0.5, 0.4, 0.41, 0.42, 0.39, 0.395, 0.45, 0.5, 0.47, 0.38, 0.6]
FALLING = [1 / epoch for epoch in range(1, 13)]


@pytest.fixture
def place(workplace: Any, monkeypatch: pytest.MonkeyPatch, write_run: Write) -> Path:
    """A working directory with the runs one, ended and diverged, and the group adam."""
    monkeypatch.chdir(workplace.folder)
    runs, epochs = Path(workplace.folder, "runs"), "training.epochs=12"
    write_run(runs / "one", rows(*UP_AND_DOWN), epochs)
    write_run(
        runs / "ended",
        rows(*UP_AND_DOWN[:5]),
        epochs,
        "early_stopping.patience=2",
        reason="early stopping: val_loss not better for 2 epochs",
    )
    write_run(runs / "diverged", rows(*FALLING[:4]), epochs, state="diverged", reason="loss was not finite")
    write_run(runs / "nothing", [], epochs, state="diverged")
    for seed in range(4):
        losses = [value + 0.01 * seed for value in (UP_AND_DOWN if seed < 2 else FALLING)]
        write_run(runs / f"adam/seed-{seed}", rows(*losses[: 9 if seed == 3 else 12]), epochs, f"seed={seed}")
    return Path(workplace.folder)


GOLDEN: dict[str, tuple[list[str], dict[str, Any]]] = {
    "one.txt": (["one"], {}),
    "ended.txt": (["ended", "diverged"], {"patience": "1,2,3", "min_delta": "0,0.05"}),
    "two-metrics.txt": (["one"], {"patience": "2,4", "monitor": "val_loss,val_accuracy"}),
    "group.txt": (["adam"], {"patience": "1,3,5"}),
    "members.txt": (["adam"], {"patience": "1,3", "members": True}),
    "group.md": (["adam", "one"], {"patience": "1,3", "form": "md"}),
    "plain.txt": (["one", "adam"], {"patience": "3,20", "min_delta": "0,1e-7", "form": "quiet"}),
}


def early_stop(runs: list[str], form: str = "", patience: str = "2,3,5,10,20", **options: Any) -> None:
    """As the command does."""
    assert present(ask(runs, Path("runs"), patience=patience, **options), form) == 0


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_texts(name: str, place: Path, capsys: pytest.CaptureFixture[str], update_golden: bool) -> None:
    runs, options = GOLDEN[name]
    early_stop(runs, **options)
    out, err = capsys.readouterr()
    text, file = f"{out}---- stderr\n{err}", CASES / name
    if update_golden:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
    assert options.get("form") or max(map(len, out.splitlines())) <= 100


def test_as_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    early_stop(["one", "adam"], patience="3,20", form="json")
    data = json.loads(capsys.readouterr().out)
    assert [(run["run"], run["group"], run["epochs"], run["planned"]) for run in data["runs"]] == [
        ("runs/one", None, 12, 12),
        *((f"runs/adam/seed-{seed}", "runs/adam", 9 if seed == 3 else 12, 12) for seed in range(4)),
    ]
    assert data["runs"][0]["settings"] == [
        {
            "patience": 3,
            "min_delta": 0.0,
            "verdict": "stopped",
            "stop": 9,
            "saved": 3,
            "best_epoch": 6,
            "value": 0.39,
            "cost": pytest.approx(0.01),
            "others": {"val_accuracy": 0.06},
        },
        {
            "patience": 20,
            "min_delta": 0.0,
            "verdict": "never",
            "stop": 12,
            "saved": 0,
            "best_epoch": 11,
            "value": 0.38,
            "cost": 0.0,
            "others": {"val_accuracy": 0.11},
        },
    ]
    assert (data["runs"][0]["best_epoch"], data["runs"][0]["best"]) == (11, 0.38)
    assert data["runs"][4]["settings"][1]["verdict"] == "unknown"
    (adam,) = data["groups"]
    assert (adam["group"], adam["monitor"]) == ("runs/adam", "val_loss")
    assert [(each["runs"], each["known"], each["stopped"]) for each in adam["settings"]] == [(4, 3, 2), (4, 3, 0)]


def test_a_line_a_setting_for_scripts(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    early_stop(["ended"], patience="2,3", form="quiet")
    out, err = capsys.readouterr()
    assert out == "2 0 5 3 val_loss runs/ended\n3 0 unknown - val_loss runs/ended\n"
    assert err == "runs/ended ended after epoch 5 of 12 (early stopping); what comes after is unknown\n"


def test_what_cannot_be_judged_is_said(place: Path, write_run: Write, capsys: pytest.CaptureFixture[str]) -> None:
    number: list[Row] = [{"epoch": epoch, "val_loss": 1 / epoch, "val_r2": 0.5} for epoch in range(1, 13)]
    write_run(place / "runs/numbers", number, "data=diabetes", "loss=mse", "training.epochs=12")
    (place / "runs/adam/seed-1/metrics.csv").write_text("epoch\nx\n")
    (place / "runs/adam/seed-2/run.json").write_text("{")
    early_stop(["numbers", "adam", "nothing", "adam"], patience="3", monitor="val_accuracy")
    out, err = capsys.readouterr()
    assert out.count("runs/adam: val_accuracy, mean over 2 seeds") == 1
    said = err.splitlines()
    assert "runs/numbers has no val_accuracy" in said
    assert "runs/nothing has no finished epoch yet" in said
    assert any("seed-1/metrics.csv is damaged" in line for line in said)
    assert any("seed-2/run.json is damaged" in line for line in said)
    with pytest.raises(NotFoundError, match="seed-1/metrics"):
        early_stop(["adam/seed-1", "one"])
    with pytest.raises(NotFoundError, match="no finished epoch"):
        early_stop(["nothing"])


@pytest.mark.parametrize(
    ("monitor", "meant"),
    [("val_los", "val_loss"), ("loss", "train_loss or val_loss"), ("val_r2", ""), ("lr", ""), ("", "")],
)
def test_an_unknown_monitor_is_refused(place: Path, monitor: str, meant: str) -> None:
    with pytest.raises(UsageError, match="--monitor cannot be") as error:
        early_stop(["one", "adam"], monitor=monitor)
    assert error.value.fix == (f"Did you mean {meant}?" if meant else "There are train_loss, val_loss, val_accuracy.")


def test_as_a_program(place: Path) -> None:
    code = (
        "import sys\nfrom tuner.cli import main\ntry: main()\nfinally:\n"
        " print('loaded:', *sorted({'torch', 'matplotlib', 'numpy', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    expected = [
        (["one", "--patience", "3", "-q"], 0, "loaded:"),
        (["one", "--patience", "0"], 2, "error: --patience cannot be 0"),
        (["one", "--md", "--json"], 2, ""),
        (["nobody"], 4, "error: there is no run nobody in runs"),
    ]
    for words, exit_code, said in expected:
        command = [sys.executable, "-c", code, "early-stop", *words]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
        assert done.returncode == exit_code, done.stderr
        assert done.stderr.splitlines()[-1] == "loaded:"
        assert done.stderr.startswith(said)
