"""`training.test: ask`: the test part is left alone, and whoever asks for it is told so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tuner.asks.compare.comparison import compare
from tuner.config.comparison import meaning_hash, side_by_side
from tuner.errors import UsageError
from tuner.opening import Answered
from tuner.runs.family import find_group
from tuner.runs.folder import read
from tuner.runs.values import judge, parse_metric, parse_requirements, value, why_not

TEXT = "data: {name: digits, limit: 100}\ntraining: {epochs: 2, batch_size: 50, test: TEST}\n"
ASK, END = TEXT.replace("TEST", "ask"), TEXT.replace("TEST", "end")


def test_everything_else_is_as_it_was(workplace: Any) -> None:
    left = workplace.train(ASK, run_name="left").run
    tested = workplace.train(END, again=True).run
    for name in ("metrics.csv", "best.safetensors", "layer_stats.jsonl", "data.json"):
        assert (left / name).read_bytes() == (tested / name).read_bytes(), name
    one, other = read(left), read(tested)
    assert one.identity == other.identity
    assert one.status["test"] == {} and {"loss", "accuracy", "auc"} < set(other.status["test"])
    assert {**one.status, "test": None, "next": None} == {**other.status, "test": None, "next": None}


def test_the_start_tells_how_many_samples_the_parts_have(workplace: Any) -> None:
    assert next(iter(workplace.begin(ASK))).samples == {"train": 100, "validation": 144, "test": 359}


def test_who_asks_for_the_test_part_is_told(workplace: Any) -> None:
    with pytest.raises(UsageError, match=r"test_accuracy>=0\.5: not measured: training\.test is ask") as caught:
        parse_requirements(["test_accuracy>=0.5"], workplace.loaded(ASK))
    assert caught.value.fix == "training.test=end measures it."
    run = read(workplace.train(ASK).run)
    metric = parse_metric("test_accuracy")
    assert (value(run, metric), why_not(run, metric)) == (None, "not measured: training.test is ask")
    assert why_not(run, parse_metric("val_accuracy")) is None
    (asked,) = parse_requirements(["test_accuracy>=0.5"], workplace.loaded(END))
    assert judge(asked, {(0,): run}) == {
        "condition": "test_accuracy>=0.5",
        "value": None,
        "holds": False,
        "reason": "not measured: training.test is ask",
    }
    workplace.train(ASK, "optimizer.lr=0.1")
    groups = [find_group(name, workplace.runs) for name in ("c-1", "c-2")]
    with pytest.raises(UsageError, match=r"has a value of test_accuracy: not measured: training\.test is ask"):
        compare(groups, parse_metric("test_accuracy"))


def test_it_does_not_make_another_run(workplace: Any) -> None:
    assert workplace.loaded(ASK).hash == workplace.loaded(END).hash
    workplace.train(END)
    found = workplace.open(ASK)
    assert isinstance(found, Answered) and found.ignored == ("training.test: end there, ask asked for",)


def test_a_config_from_before_reads_as_end(workplace: Any) -> None:
    now = workplace.loaded(END).resolved
    before = json.loads(json.dumps(now))
    del before["training"]["test"]
    assert meaning_hash(before) == meaning_hash(now)
    assert not [each for each in side_by_side([before, now]) if each.differs]
    asks = workplace.loaded(ASK).resolved
    assert [each.key for each in side_by_side([before, asks]) if each.differs] == ["training.test"]
    assert workplace.loaded("training: {epochs: 2}").config.training.test == "end"
