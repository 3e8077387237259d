"""data.json: what it holds of the data, and what is said where it is damaged or missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.asks.check import verify
from tuner.errors import NotFoundError
from tuner.runs.data import read_data
from tuner.runs.folder import glance

SHORT = "\ntraining: {epochs: 1, batch_size: full}\n"
OLDER = Path(__file__).parent / "cases" / "format-1"


def test_of_a_table_with_classes(workplace: Any) -> None:
    path = workplace.train("data: {name: iris, normalize: minmax}" + SHORT).run
    found, splits = read_data(glance(path)), workplace.open("data: iris" + SHORT, again=True).splits
    assert (found.shape, found.classes) == ((4,), splits.description.classes)
    assert found.columns == splits.description.columns and len(found.columns) == 4
    counts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    assert found.parts == {
        name: {"samples": len(part.y), "classes": np.bincount(part.y).tolist()} for name, part in counts.items()
    }
    train = splits.train.x.astype(np.float64)
    assert json.loads((path / "data.json").read_text())["normalize"]["name"] == "minmax"
    np.testing.assert_array_equal(np.array(found.normalize["mean"]), train.min(axis=0).astype(np.float32))
    np.testing.assert_array_equal(np.array(found.normalize["scale"]), np.float32(np.ptp(train, axis=0)))
    np.testing.assert_array_equal(np.array(found.normalize["high"]), train.max(axis=0).astype(np.float32))


def test_of_numbers_to_predict(workplace: Any) -> None:
    path = workplace.train("data: diabetes\nloss: mse" + SHORT).run
    found, splits = read_data(glance(path)), workplace.open("data: diabetes\nloss: mse" + SHORT, again=True).splits
    assert found.classes == ()
    assert found.target_mean == splits.train.y.mean(dtype=np.float64)
    assert found.target_scale == splits.train.y.std(dtype=np.float64)
    assert found.parts["test"] == {"samples": 88}


def test_of_pictures(workplace: Any) -> None:
    path = workplace.train("data: {name: digits, validation: 0}\n" + SHORT.replace("{", "{monitor: train_loss, ")).run
    found = read_data(glance(path))
    assert (found.shape, found.columns, len(found.normalize["mean"])) == ((1, 8, 8), (), 1)
    assert (found.normalize["low"], found.normalize["high"]) == ((0.0,), (16.0,))
    assert found.parts["validation"] == {"samples": 0, "classes": [0] * 10}


def test_of_a_fold(workplace: Any) -> None:
    """Its parts are as large as is known before anything is read; over the folds each class is tested on once."""
    tested = np.zeros(3, dtype=int)
    for index in range(4):
        text = f"data: {{name: iris, fold: {{of: 4, index: {index}}}}}" + SHORT
        path = workplace.train(text).run
        parts = read_data(glance(path)).parts
        assert {name: part["samples"] for name, part in parts.items()} == vars(workplace.loaded(text).sizes)
        assert glance(path).setting("data.fold.index") == index and glance(path).setting("data.test") is None
        tested += parts["test"]["classes"]
    assert tested.tolist() == [50, 50, 50]


def test_it_is_as_exact_as_what_the_network_saw(workplace: Any) -> None:
    path = workplace.train("data: wine" + SHORT).run
    statistics = workplace.open("data: wine" + SHORT, again=True).splits.statistics
    found = read_data(glance(path)).normalize
    for key in ("mean", "scale", "low", "high"):
        np.testing.assert_array_equal(np.array(found[key], np.float32), getattr(statistics, key).ravel())


def changed(run: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """data.json with another content, in a folder whose status.json tells no checksums."""
    value = json.loads((run / "data.json").read_text())
    change(value)
    (run / "data.json").write_text(json.dumps(value))
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({k: v for k, v in status.items() if k not in ("files", "sha256")}))


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no shape": lambda value: value.pop("shape"),
    "shape of text": lambda value: value.update(shape="wide"),
    "shape of nothing": lambda value: value.update(shape=[]),
    "no target": lambda value: value.pop("target"),
    "target of no kind": lambda value: value["target"].update(kind="colour"),
    "classes that are numbers": lambda value: value["target"].update(classes=[1, 2, 3]),
    "a scale for each but one": lambda value: value["normalize"]["scale"].pop(),
    "a mean that is text": lambda value: value["normalize"].update(mean=["a"] * 4),
    "a part without size": lambda value: value["parts"]["train"].pop("samples"),
    "a column too many": lambda value: value["columns"].append({"name": "more"}),
    "a list in place of maps": lambda value: value.update(normalize=[]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_tuner_does_not_write_is_damage(workplace: Any, name: str) -> None:
    path = workplace.train("data: iris" + SHORT).run
    changed(path, CHANGES[name])
    with pytest.raises(NotFoundError, match=r"c-1/data\.json is damaged: it is not what tuner writes") as caught:
        read_data(glance(path))
    assert caught.value.exit_code == 4


def test_a_changed_byte_is_damage(workplace: Any) -> None:
    path = workplace.train("data: iris" + SHORT).run
    assert verify(glance(path))
    (path / "data.json").write_bytes((path / "data.json").read_bytes().replace(b"setosa", b"setose"))
    for reader in (lambda: read_data(glance(path)), lambda: verify(glance(path))):
        with pytest.raises(NotFoundError, match=r"data\.json is damaged: it is not what was written"):
            reader()
    (path / "data.json").unlink()
    with pytest.raises(NotFoundError, match=r"data\.json"):
        read_data(glance(path))


def test_a_later_format_asks_for_a_later_tuner(workplace: Any) -> None:
    path = workplace.train("data: iris" + SHORT).run
    changed(path, lambda value: value.update(format=2))
    with pytest.raises(NotFoundError, match="later tuner"):
        read_data(glance(path))


def test_a_run_of_an_older_tuner_has_none_and_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    shutil.copytree(OLDER / "finished", tmp_path / "finished")
    with pytest.raises(NotFoundError, match=r"has no data\.json: an older tuner made it") as caught:
        read_data(glance(tmp_path / "finished"))
    assert caught.value.fix == f"`tuner train {tmp_path}/finished/config.yaml --again` trains it anew, with data.json."


def test_a_run_without_it_that_goes_on_gets_one(workplace: Any) -> None:
    from tuner.stopping import Stop, StopRequests

    text = "data: iris\ntraining: {epochs: 4, batch_size: 32}\n"
    stop = StopRequests()
    for event in workplace.begin(text, stop=stop):
        if type(event).__name__ == "EpochDone":
            stop.ask(Stop("enough", None))
    path = workplace.runs / "c-1"
    whole = (path / "data.json").read_bytes()
    (path / "data.json").unlink()
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({k: v for k, v in status.items() if k not in ("files", "sha256")}))
    assert workplace.train(text).status["state"] == "finished"
    assert (path / "data.json").read_bytes() == whole and "data.json" in glance(path).told.files
    assert verify(glance(path))
