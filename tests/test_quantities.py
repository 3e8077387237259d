"""What is measured has one owner of its label, its help and its direction; and each file of a run one reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tuner.asks.curves.tracks import layer_label, layer_metric
from tuner.errors import NotFoundError
from tuner.explain.texts import column_text
from tuner.options.metrics import column
from tuner.quantities import EPOCH, LAYER, TIME, WHOLE_RUN
from tuner.runs.folder import read
from tuner.runs.values import parse_metric, seconds, value


@pytest.mark.parametrize(
    ("name", "label", "direction", "by_factors"),
    [
        ("loss", "loss", "down", True),
        ("val_loss", "validation loss", "down", True),
        ("train_accuracy", "train accuracy (share correct)", "up", False),
        ("test_r2", "test R² (share of variance)", "up", False),
        ("lr", "learning rate", None, True),
        ("batch_loss", "loss of the batches", "down", True),
        ("grad_norm", "norm of the gradient", None, False),
        ("parameters", "parameters", "down", False),
        ("val_novel", "validation novel", None, False),
        ("novel", "novel", None, False),
    ],
)
def test_what_an_axis_calls_a_column(name: str, label: str, direction: str | None, by_factors: bool) -> None:
    asked = column(name)
    assert (asked.label, asked.about.direction, asked.about.by_factors) == (label, direction, by_factors)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("activation_std@0", "std of the activations (before the first step)"),
        ("zero_units@last", "share of the units that are zero (at the end)"),
        ("gradient_norm@7", "norm of the gradient (after epoch 7)"),
        ("activation_mean", "mean of the activations (at the best epoch)"),
    ],
)
def test_what_an_axis_calls_a_number_of_layers(text: str, label: str) -> None:
    assert layer_label(layer_metric(text)) == label


def test_every_quantity_is_explained() -> None:
    for name, each in {**EPOCH, **TIME, **LAYER, **WHOLE_RUN}.items():
        assert (column_text(name) or "").startswith(each.help)


def test_times_are_read_once_for_all(tmp_path: Path, write_run: Callable[..., Path]) -> None:
    rows = [{"epoch": epoch, "val_loss": 1.0} for epoch in (1, 2)]
    run = read(write_run(tmp_path / "a", rows, seconds=[1.5, 2.5]))
    assert run.seconds == {1: 1.5, 2: 2.5}
    assert seconds(run) == 4
    assert value(run, parse_metric("seconds_per_epoch")) == 2
    (tmp_path / "a/timing.csv").write_text("epoch,seconds\n1,soon\n")
    damaged = read(tmp_path / "a")
    with pytest.raises(NotFoundError, match=r"timing.csv is damaged: line 2, seconds: soon is not a number"):
        _ = damaged.seconds
    assert seconds(damaged) is None
    assert value(damaged, parse_metric("seconds_per_epoch")) is None
