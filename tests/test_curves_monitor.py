"""`curves` and the picture that `train` ends with draw what the run monitors, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tuner.asks.curves import chart_of_run
from tuner.config.load import load
from tuner.options.metrics import column
from tuner.render.chart.image import keep

DATA: dict[str, list[str]] = {
    "classes": [],
    "classes, nothing held out": ["data.validation=0"],
    "numbers": ["data=diabetes", "loss=mse"],
    "numbers, nothing held out": ["data=diabetes", "loss=mse", "data.validation=0"],
}


@pytest.mark.parametrize("overrides", DATA.values(), ids=DATA)
def test_whatever_can_be_monitored_is_drawn(
    overrides: list[str],
    draw: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    write_run: Callable[..., Path],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("data: digits\n")
    measured = load("c.yaml", [*overrides, "training.monitor=train_loss"]).metrics[:-1]  # epoch is none
    rows = [{"epoch": epoch, **{name: epoch / (3 + at) for at, name in enumerate(measured)}} for epoch in (1, 2)]
    for monitor in measured:
        metric = column(monitor).name
        one, two = (
            write_run(tmp_path / monitor / name, rows, *overrides, f"training.monitor={monitor}", best_epoch=1)
            for name in ("one", "two")
        )
        draw(str(one))
        assert metric in capsys.readouterr().out.splitlines(), "the title of a panel of one run"
        draw(str(one), str(two))
        assert monitor in capsys.readouterr().out.splitlines(), "the title of a panel of several runs"
        chart = chart_of_run(one)
        assert chart is not None
        keep(replace(chart, file=Path("last.svg")))
        assert f"<!-- {column(metric).label} -->" in Path("last.svg").read_text()
