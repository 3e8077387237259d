"""`tuner lr-find`: what it suggests trains well, and how it says it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from tuner.answer import Chart, Command, Note, Verdict
from tuner.asks.lr_find import answered, ask, next_command
from tuner.errors import ConfigError, UsageError
from tuner.loop import evaluate, train_epoch
from tuner.probing.held_rates import Held, HeldRates
from tuner.probing.range_test import RangeTest, range_test

FORMS = dict.fromkeys(("quiet", "json", "md", "html", "csv", "latex"), False)
TEXT = "{data: {name: digits, limit: 300}, model: {hidden: [16]}, training: {batch_size: 32}}"


def lr_find(config: str, *overrides: str, **options: Any) -> int:
    """The command, in this process; its exit code."""
    from tuner.cli.lr_find import lr_find as command

    with pytest.raises(typer.Exit) as ended:
        command(config=config, overrides=["training.threads=1", *overrides], **FORMS | options)
    return ended.value.exit_code


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(TEXT)
    return "c.yaml"


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "{name: sgd, momentum: 0.9}", "adadelta", "rmsprop"])
def test_a_suggestion_trains_about_as_well_as_the_best_rate_around_it(workplace: Any, optimizer: str) -> None:
    """Against rates from a thirtieth to thirty times the suggestion, none is much better, and both ends are worse."""
    text = "{data: {name: digits}, model: {hidden: [32]}, training: {epochs: 4}}"

    def loss_at(lr: float) -> float:
        setup = workplace.setup(text, f"optimizer={optimizer}", f"optimizer.lr={lr!r}")
        for _ in range(4):
            for _ in train_epoch(setup.task, setup.state):
                pass
            setup.state.next_epoch()
        return evaluate(setup.state.network, setup.evaluated["val"], setup.measure)["loss"]

    suggestion = range_test(workplace.setup(text, f"optimizer={optimizer}"), 100).suggestion
    assert suggestion is not None
    low, at, high = (loss_at(suggestion * factor) for factor in (1 / 30, 1, 30))
    near = [loss_at(suggestion * factor) for factor in (1 / 3, 3)]
    assert at < low and not at >= high
    assert at < 2.5 * min(near)


TOWER = """
data: digits
model: {hidden: [64, 64, 64, 64], activation: sigmoid}
training: {epochs: 20, batch_size: 16}
"""


@pytest.mark.parametrize(("optimizer", "low", "high"), [("adam", 1e-3, 0.02), ("rmsprop", 3e-4, 0.005)])
def test_a_tower_of_sigmoid_layers_has_a_rate_that_is_held(
    workplace: Any, optimizer: str, low: float, high: float
) -> None:
    """From 0.03 (rmsprop: 0.01) on it never learns, but a rate that grows leaves its first plateau only beyond that."""
    answer = ask(workplace.loaded(TOWER, f"optimizer={optimizer}"), ["c.yaml"])
    assert low <= answer.data["suggestion"] <= high, answer.data["held"]
    assert answer.data["largest_stable"] is None
    verdict = next(block.text for block in answer.blocks if isinstance(block, Verdict))
    assert "by no more than" in verdict and "100 steps at one learning rate lower it most at" in verdict


def test_that_one_answer_for_all_is_learned_suggests_no_rate(workplace: Any) -> None:
    """Of six layers under sgd the output's bias alone learns."""
    deep = workplace.loaded(TOWER, "optimizer=sgd", "model.hidden=[64, 64, 64, 64, 64, 64]", "training.batch_size=128")
    answer = ask(deep, ["c.yaml"])
    assert (answer.exit_code, answer.result, answer.data["suggestion"]) == (1, "", None)
    assert min(each["share"] for each in answer.data["held"]) < 0.995, "the loss falls"
    assert any("--steps 400" in block.text for block in answer.blocks if isinstance(block, Note))


@pytest.mark.parametrize(
    ("share", "others", "learns"),
    [(0.5, 1.0, True), (0.98, 0.98, False), (0.98, 1.2, True), (0.995, 1.2, False), (math.nan, 1.0, False),
     (0.5, math.inf, True), (1.4, 3.0, False)],
)  # fmt: skip
def test_a_held_rate_learns_where_right_inputs_count(share: float, others: float, learns: bool) -> None:
    found = HeldRates(100, (Held(0.1, share, others),))
    assert (found.best is not None) == learns


def test_the_answer(workplace: Any) -> None:
    loaded = workplace.loaded(TEXT, "optimizer.lr=1e-5")
    answer = ask(loaded, ["c.yaml", "seed=1", "optimizer.lr=1e-5"], file=Path("lr.svg"))
    chart, verdict, command = [block for block in answer.blocks if not isinstance(block, Note)]
    assert isinstance(chart, Chart) and isinstance(verdict, Verdict) and isinstance(command, Command)
    (panel,) = chart.panels
    data = answer.data
    suggestion, stable = data["suggestion"], data["largest_stable"]
    assert panel.log_x and [line.x[0] for line in panel.lines[1:]] == pytest.approx([suggestion, stable, 1e-5])
    assert command.text == f"tuner train c.yaml seed=1 optimizer.lr={suggestion}"
    assert answer.result == f"{suggestion}\n" and answer.exit_code == 0
    assert f"Suggested: optimizer.lr={suggestion}." in verdict.text and "times less" in verdict.text
    assert data["factor"] == pytest.approx(1e-5 / suggestion)
    assert data["curve"][0]["lr"] == pytest.approx(1e-7) and len(data["curve"]) <= data["steps"] == 100
    assert not workplace.runs.exists()


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("{data: diabetes, loss: mse, training: {batch_size: full}}", ""),
        ("{data: iris, training: {batch_size: full, epochs: 3}}", "20"),
        ("{data: {name: blobs, samples: 40}, training: {batch_size: 1}}", ""),
    ],
)
def test_small_data_and_numbers(workplace: Any, text: str, setting: str) -> None:
    answer = ask(workplace.loaded(text, "model.hidden=[8]"), ["c.yaml"])
    assert answer.data["suggestion"] > 0
    assert answer.data["steps"] == int(setting or 100) or not setting


def test_a_start_that_is_not_finite_has_a_verdict(workplace: Any) -> None:
    wild = "{data: diabetes, loss: mse, model: {activation: exponential, initializer: {name: constant, value: 1000}}}"
    loaded = workplace.loaded(wild)
    answer = ask(loaded, ["c.yaml"])
    assert (answer.exit_code, answer.result, answer.data["finite"]) == (3, "", False)
    (verdict,) = [block for block in answer.blocks if not isinstance(block, Note)]
    assert isinstance(verdict, Verdict) and "not finite before the first step" in verdict.text


def test_no_rate_makes_the_loss_fall(workplace: Any) -> None:
    answer = ask(workplace.loaded(TEXT), ["c.yaml"], low=1e-12, high=1e-11, steps=20)
    assert (answer.exit_code, answer.result, answer.data["suggestion"]) == (1, "", None)
    assert not [block for block in answer.blocks if isinstance(block, Command)]


def test_a_loss_that_still_falls_at_the_end_is_said(workplace: Any) -> None:
    answer = ask(workplace.loaded(TEXT), ["c.yaml"], low=1e-4, high=1e-3, steps=30)
    notes = [block.text for block in answer.blocks if isinstance(block, Note)]
    assert "note: the loss was still falling at 1e-3: a larger --to may find a larger lr" in notes


def test_ends_in_the_wrong_order(workplace: Any) -> None:
    with pytest.raises(UsageError, match=r"cannot go from 100 to 10\n"):
        ask(workplace.loaded(TEXT), ["c.yaml"], low=100.0)


def test_values_that_ended_the_test_are_not_drawn(workplace: Any) -> None:
    test = RangeTest(1e-3, 1.0, 4, (1e-3, 1e-2, 0.1), (2.0, 1.0, 1e9), (2.0, 1.0, math.inf), 1.0, 0.01, 0.01, 0.01)
    chart = answered(test, workplace.loaded(TEXT), ["-"], None).blocks[-2]
    assert isinstance(chart, Chart)
    assert (list(chart.panels[0].lines[0].y), list(chart.panels[0].lines[0].raw)) == ([2, 1, None], [2, 1, None])


def test_the_command_has_the_suggestion_alone() -> None:
    typed = ["my.yaml", "lr=3", "optimizer.lr=2", "optimizer=sgd", "model.hidden=[8, 8]"]
    assert next_command(0.03, typed) == "tuner train my.yaml optimizer=sgd 'model.hidden=[8, 8]' optimizer.lr=0.03"


def test_forms(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lr_find(config, quiet=True) == 0
    suggestion = float(capsys.readouterr().out)
    assert lr_find(config, json=True, output=Path("lr.png")) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["suggestion"] == suggestion and Path("lr.png").read_bytes().startswith(b"\x89PNG")
    assert lr_find(config) == 0
    shown = capsys.readouterr().out
    assert "1e-6" in shown and "suggested" in shown
    assert shown.endswith(f"  tuner train c.yaml training.threads=1 optimizer.lr={suggestion!r}\n")
    assert sorted(path.name for path in Path().iterdir()) == ["c.yaml", "lr.png"]


def test_a_run_is_tested_by_its_name(workplace: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run = workplace.train(TEXT, "training.epochs=1").run
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert lr_find(run.name, runs_dir=workplace.runs, quiet=True) == 0
    assert float(capsys.readouterr().out) > 0
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"low": 0.0}, "--from cannot be 0"),
        ({"high": math.nan}, "--to cannot be nan"),
        ({"low": 1.0, "high": 0.5}, "--from 1 is not below --to 0.5"),
    ],
)
def test_what_cannot_be(config: str, options: dict[str, Any], said: str) -> None:
    from tuner.cli.lr_find import lr_find as command

    with pytest.raises(UsageError, match=said):
        command(config=config, **FORMS | options)


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "importtime", "-m", "tuner", "lr-find", *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env})


def test_faults_of_a_config_are_told_without_torch(config: str) -> None:
    done = run(config, "optimizer.lr=-1", "model.hiden=[8]")
    assert done.returncode == 2 and "2 errors" in done.stderr
    assert "| torch\n" not in done.stderr
    with pytest.raises(ConfigError):
        lr_find("nothing.yaml")


def test_data_that_are_missing(config: str, tmp_path: Path) -> None:
    done = run(config, "data=mnist", f"data.root={tmp_path}")
    assert done.returncode == 4 and "tuner download mnist" in done.stderr
