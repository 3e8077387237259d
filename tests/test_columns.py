"""A column of `tuner runs`: its settings as YAML writes them, its numbers in one notation."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tuner.answer import Answer
from tuner.asks.runs import Query, list_runs, table_of
from tuner.config.load import load
from tuner.document.files import plain
from tuner.render.forms import csv as csv_form

Write = Callable[..., Path]
Shown = Callable[..., str]
FINITE = st.floats(-1e300, 1e300)
CHANGES = [
    ["optimizer.lr=0.001"],
    ["optimizer.lr=1e-4", "model.batch_norm=true"],
    ["optimizer.lr=1e-5", "training.gradient_clip=1.5", "model.hidden=[8, 8]"],
    ["optimizer.lr=0.5", "early_stopping={patience: 3}", "scheduler=cosine"],
    ["optimizer.weight_decay=1e-9", "training.batch_size=full"],
    ["optimizer.weight_decay=0.01", "tags=['a b', '2024']"],
]


@given(st.lists(FINITE | st.integers(-(10**9), 10**9) | st.none() | st.just(math.nan), max_size=8), st.booleans())
@example([0.001, 1e-05], True)
@example([0.001, 1e-09, 0.0], True)
@example([0.5123, 0.0042, None], False)
@example([0.5, 3e-8], False)
@example([2.5, 1e300], False)
def test_numbers_of_a_column_have_one_notation(values: list[float | None], exact: bool) -> None:
    from tuner.figures import figure, in_one_notation

    texts = in_one_notation(values, exact=exact)
    pairs = [(value, text) for value, text in zip(values, texts, strict=True) if value and math.isfinite(value)]
    assert len({"e" in text for _, text in pairs}) < 2
    for value, text in pairs:
        found = float(text.replace(",", ""))
        assert found == value if exact else math.isclose(found, value, rel_tol=5.1e-3, abs_tol=5e-5)
    assert all(text == ("-" if value is None else text) for value, text in zip(values, texts, strict=True))
    alone = [value for value in values if value is not None][:1]
    assert in_one_notation(alone, exact=exact) == [repr(value) if exact else figure(value) for value in alone]


def runs_with_changes(place: Path, write_run: Callable[..., Path]) -> None:
    for at, overrides in enumerate(CHANGES):
        row = {"epoch": 1, "val_loss": 10.0 ** -(2 * at)}
        path = write_run(place / f"source-{at}", [row], *overrides, best_epoch=1, best=row)
        text = (path / "run.json").read_text()
        text = text.replace("2026-01-02T03:04:05", f"2026-01-02T03:04:{at:02}").replace("c" * 64, str(at) * 64)
        (path / "run.json").write_text(text)


def test_what_changed_is_written_as_yaml(tmp_path: Path, write_run: Write, shown: Shown) -> None:
    runs_with_changes(tmp_path, write_run)
    found = list_runs(tmp_path, Query(cols="run,changed"))
    text = shown(table_of(found))
    changed = dict(line.split(maxsplit=1) for line in text.splitlines()[1:])
    assert changed["source-1"] == "model.batch_norm=true optimizer.lr=0.0001"
    assert changed["source-2"] == (
        "model.batch_norm=false model.hidden=[8, 8] optimizer.lr=0.00001 training.gradient_clip=1.5"
    )
    assert changed["source-3"] == (
        "model.hidden=[128] optimizer.lr=0.5 scheduler=cosine training.gradient_clip=null "
        "early_stopping={patience: 3, min_delta: 0.0}"
    )
    assert changed["source-4"].endswith("scheduler=none training.batch_size=full early_stopping=none")
    assert " optimizer.weight_decay=1e-09 " in changed["source-4"]
    assert changed["source-5"] == "optimizer.weight_decay=1e-02 training.batch_size=128"
    for row in csv.DictReader(io.StringIO(csv_form.show(Answer([table_of(found)], {})))):
        for override in row["changed"].split():
            load("c.yaml", [override], given=b"seed: 0")


@pytest.mark.parametrize("key", ["optimizer.lr", "optimizer.weight_decay", "model.hidden", "training.batch_size"])
def test_a_column_of_a_setting_reads_back_as_its_config(
    key: str, tmp_path: Path, write_run: Write, shown: Shown
) -> None:
    runs_with_changes(tmp_path, write_run)
    text = shown(table_of(list_runs(tmp_path, Query(cols=f"run,{key}"))))
    section, name = key.split(".")
    for line in text.splitlines()[1:]:
        run, value = line.split(maxsplit=1)
        given = load("c.yaml", [f"{key}={value}"], given=b"seed: 0").resolved
        assert given[section][name] == plain(tmp_path / run / "config.yaml")[section][name]


def test_figures_of_runs_have_one_notation(tmp_path: Path, write_run: Write, shown: Shown) -> None:
    runs_with_changes(tmp_path, write_run)
    text = shown(table_of(list_runs(tmp_path, Query(cols="run,val_loss"))))
    values = [line.split()[1] for line in text.splitlines()[1:]]
    assert values == ["1e-10", "1e-8", "1e-6", "1e-4", "1e-2", "1e0"]
    text = shown(table_of(list_runs(tmp_path, Query(["val_loss>1e-5"], cols="run,val_loss"))))
    assert [line.split()[1] for line in text.splitlines()[1:]] == ["0.00010", "0.01000", "1.00000"]
