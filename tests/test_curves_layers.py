"""Curves from layer to layer: `tuner curves --x layer`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuner.errors import NotFoundError, UsageError
from tuner.runs.folder import read

NET = """
data: {name: digits, limit: 200}
model: {hidden: [16, 12, 8], batch_norm: true}
training: {epochs: 4, threads: 1}
"""


@pytest.fixture
def run(workplace: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with three hidden layers, in the working directory."""
    monkeypatch.chdir(workplace.folder)
    monkeypatch.setenv("COLUMNS", "80")
    found: Path = workplace.train(NET).run
    return found


Draw = Callable[..., None]


def test_a_row_a_layer(draw: Draw, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = ["activation_std@0", "zero_units@last"]
    draw(run.name, axis="layer", metric=metrics, json=True)
    found = json.loads(capsys.readouterr().out)
    assert [row["layer"] for row in found] == ["hidden.0", "hidden.1", "hidden.2", "output"]
    measured = [row["activation_std"] for row in read(run).layers if row["epoch"] == 0]
    assert [row["activation_std@0"] for row in found] == measured
    last = [row["zero_units"] for row in read(run).layers if row["epoch"] == 4]
    assert [row["zero_units@last"] for row in found] == last


def test_before_the_first_step_unless_asked_otherwise(
    draw: Draw, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(run.name, axis="layer")
    text = capsys.readouterr().out
    for part in ("activation_std@0", "gradient_norm@0", "layer, the first is 1", "1 hidden.0, 2 hidden.1, 3 hidden.2"):
        assert part in text
    draw(run.name, axis="layer", metric=["zero_units@last"], output=Path("layers.svg"))
    assert "zero_units@last" in capsys.readouterr().out
    picture = Path("layers.svg").read_text()
    assert "<!-- share of the units that are zero -->" in picture
    assert "<!-- layer, the first is 1 -->" in picture
    assert "best epoch" not in picture
    assert not (run / "curves.png").exists()


@pytest.mark.parametrize(
    ("options", "said", "fix"),
    [
        ({"metric": ["val_loss"]}, "val_loss is nothing that a layer has", "activation_std@0"),
        ({"metric": ["activation_std@best"]}, "is nothing that a layer has", "gradient_norm@last"),
        ({"metric": ["activation_std@3"]}, "were not measured after epoch 3", "after epochs 0, 1, 2, 4"),
        ({"metric": ["activation_std"], "axis": "epoch"}, "there is no metric activation_std", "--x layer"),
        ({"axis": "depth"}, "there is no x axis depth", "layer"),
    ],
)
def test_what_layers_do_not_have(draw: Draw, run: Path, options: dict[str, Any], said: str, fix: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        draw(run.name, **{"axis": "layer", **options})
    assert fix in refused.value.fix


def test_a_run_whose_layers_were_not_measured(draw: Draw, workplace: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace.folder)
    run = workplace.train(NET, "layer_stats=none").run
    with pytest.raises(NotFoundError, match="were not measured"):
        draw(run.name, axis="layer")
