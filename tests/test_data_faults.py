"""Splits that cannot be, known before anything is read, and data that is not what its source says."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tuner.bounds import Text
from tuner.choice import setting
from tuner.data.embedded import Diabetes, Iris
from tuner.data.generated import Blobs
from tuner.data.idx import MNIST
from tuner.data.source import Dataset, Description, DrawnTest, Fold, Raw, Source, faults
from tuner.data.splits import load as load_splits
from tuner.errors import ConfigError, NotFoundError, ResourceError


class Lone(DrawnTest, Source, name="test_lone"):
    """60 samples of one class and a single one of another, for these tests."""

    def open(self, root: Path | None = None) -> Dataset:
        raw = Raw(np.zeros((61, 1), np.float32), np.repeat(np.array([0, 1]), [60, 1]))
        return Dataset(self, self.describe((1,), ("0", "1"), 61), lambda: raw)


Source.members.pop("test_lone")  # it is no part of the catalogue


@pytest.mark.parametrize(
    ("source", "key", "said"),
    [
        (Iris(limit=109), "limit", "more than the 108 training samples"),
        (Iris(limit=2), "limit", "leaves 2 training samples for 3 classes"),
        (Iris(validation=0.001), "validation", "0.001 of 120 samples is none"),
        (Iris(validation=0.99), "validation", "leaves 1 training sample for 3 classes"),
        (Iris(test=0.001), "test", "0.001 of 150 samples is none"),
        (Iris(test=0.99), "test", "leaves 2 training samples for 3 classes"),
        (Blobs(samples=2, centers=5, test=0.0), "name", "leaves 2 training samples for 5 classes"),
        (Iris(label_noise=0.001), "label_noise", "0.001 of 108 labels is none"),
        (Diabetes(label_noise=0.1), "label_noise", "numbers to predict"),
        (Diabetes(order="by_class"), "order", "numbers to predict"),
        (Diabetes(limit=320), "limit", "more than the 319 training samples"),
        (MNIST(limit=54_001), "limit", "more than the 54,000 training samples"),
        (Iris(fold=Fold(of=51)), "fold.of", "more folds than the 50 samples that the smallest of 3 classes can have"),
        (Diabetes(fold=Fold(of=443)), "fold.of", "more folds than the 442 samples there are"),
        (Blobs(samples=2, centers=5, fold=Fold(of=2)), "fold.of", "more folds than the 0 samples"),
        (Iris(fold=Fold(of=4, index=1), limit=102), "limit", "more than the 101 training samples"),
    ],
)
def test_a_split_that_cannot_be_is_known_before_anything_is_read(source: Source, key: str, said: str) -> None:
    (found,) = faults(source.open())
    assert found[0] == key and said in found[1]
    with pytest.raises(ConfigError) as caught:
        load_splits(source.open(Path("does-not-exist")))
    assert caught.value.faults[0].key == f"data.{key}" and caught.value.exit_code == 2


def test_all_faults_of_a_source_come_at_once() -> None:
    found = faults(Diabetes(validation=0.001, limit=1000, label_noise=0.5, order="by_class").open())
    assert [key for key, _ in found] == ["validation", "limit", "order", "label_noise"]


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (Lone(limit=10), "limit"),
        (Lone(validation=0.7), "validation"),
        (Lone(test=0.7), "test"),
    ],
)
def test_a_class_too_small_for_the_split_is_named_when_it_is_seen(source: Source, key: str) -> None:
    assert faults(source.open()) == []
    with pytest.raises(ConfigError) as caught:
        load_splits(source.open())
    assert caught.value.faults[0].key == f"data.{key}"
    assert "no training sample of class 1" in caught.value.faults[0].message


def test_a_class_smaller_than_the_number_of_folds_is_named_when_it_is_seen() -> None:
    source = Lone(fold=Fold(of=2))
    assert faults(source.open()) == []
    with pytest.raises(ConfigError) as caught:
        load_splits(source.open())
    assert caught.value.faults[0].message == "data.fold.of: more folds than the 1 samples of class 1"
    assert caught.value.faults[0].key == "data.fold.of" and caught.value.exit_code == 2


class Wrong(Source, name="test_wrong"):
    """Reads something else than it describes, for these tests."""

    case: str = setting(Text(), "what is wrong")

    def open(self, root: Path | None = None) -> Dataset:
        kind: Literal["class", "number"] = "number" if self.case == "target" else "class"
        classes = ("a", "b") if kind == "class" else ()
        return Dataset(self, Description((2,), kind, classes, 4, 2), self.read)

    def read(self) -> Raw:
        x, y = np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1])
        if self.case == "shape":
            x = x[:, :1]
        elif self.case == "count":
            x, y = x[:3], y[:3]
        elif self.case == "label":
            y = y * 2
        elif self.case == "infinite":
            x[1, 1] = np.inf
        elif self.case == "target":
            return Raw(x, np.full(4, np.nan, np.float32), x[:2], np.zeros(2, np.float32))
        elif self.case == "class":
            y = y * 0
        elif self.case == "memory":
            raise MemoryError
        return Raw(x, y, np.zeros((2, 2), np.float32), np.array([0, 1]))


Source.members.pop("test_wrong")


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("shape", "the training data should be 4 samples of shape (2,), but the arrays are (4, 1)"),
        ("count", "but the arrays are (3, 2) and (3,)"),
        ("label", "labels outside 0 to 1"),
        ("infinite", "numbers that are not finite"),
        ("target", "targets that are not finite"),
        ("class", "has no sample of class b"),
    ],
)
def test_data_that_is_not_what_was_described_is_refused(case: str, said: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_splits(Wrong(case=case, validation=0.0).open())
    assert said in str(caught.value)


def test_data_too_large_for_the_memory_is_a_matter_of_resources() -> None:
    with pytest.raises(ResourceError, match="memory"):
        load_splits(Wrong(case="memory", validation=0.0).open())
