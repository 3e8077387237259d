"""The splits: disjoint, stratified, a function of split_seed alone; statistics, labels, order, fingerprint, faults."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.bounds import Integer, ListOf
from tuner.choice import InvalidError, setting
from tuner.data.drawing import draw, random_bits, shares, shuffled_indices
from tuner.data.embedded import Diabetes, Digits, Iris
from tuner.data.generated import Blobs, Moons
from tuner.data.idx import MNIST
from tuner.data.source import Dataset, DrawnTest, Fold, Raw, Source, faults, sizes
from tuner.data.splits import Part, choose, fingerprint, split, with_noise
from tuner.data.splits import load as load_splits
from tuner.errors import ConfigError

Array = npt.NDArray[Any]
quick = settings(deadline=None, max_examples=60)


class Column(DrawnTest, Source, name="test_column"):
    """A table of one column that holds each sample's number, for these tests."""

    counts: list[int] = setting(ListOf(Integer()), "samples of each class", default=[60, 30, 10])

    def open(self, root: Path | None = None) -> Dataset:
        return Dataset(self, self.describe((1,), tuple(map(str, range(len(self.counts)))), sum(self.counts)), self.read)

    def read(self) -> Raw:
        y = np.repeat(np.arange(len(self.counts)), self.counts)
        mixed = np.argsort(np.arange(len(y)) * 7919 % 10_007, kind="stable")
        return Raw(np.arange(len(y), dtype=np.float32)[:, None], y[mixed])


Source.members.pop("test_column")  # it is no part of the catalogue


def numbers(part: Part) -> list[int]:
    return [int(value) for value in part.x[:, 0]]


@st.composite
def folds(draw_: st.DrawFn) -> Fold:
    of = draw_(st.integers(2, 12))
    return Fold(of=of, index=draw_(st.integers(0, of - 1)))


@st.composite
def columns(draw_: st.DrawFn) -> Column:
    fold = draw_(st.none() | folds())
    return Column(
        counts=draw_(st.lists(st.integers(1, 60), min_size=1, max_size=6)),
        fold=fold,
        test=None if fold else draw_(st.floats(0, 0.9)),
        validation=draw_(st.floats(0, 0.9)),
        limit=draw_(st.none() | st.integers(1, 200)),
        split_seed=draw_(st.integers(0, 2**64)),
        label_noise=draw_(st.just(0.0) | st.floats(0, 1)),
        order=draw_(st.sampled_from(["source", "by_class"])),
    )


@given(columns())
@quick
def test_parts_are_disjoint_complete_and_of_the_promised_size(source: Column) -> None:
    try:
        splits = load_splits(source.open())
    except ConfigError as error:
        assert all(fault.key.startswith("data.") for fault in error.faults)
        return
    parts = [numbers(splits.train), numbers(splits.validation), numbers(splits.test)]
    together = [number for part in parts for number in part]
    assert len(together) == len(set(together))
    assert set(together) == set(range(sum(source.counts))) or source.limit is not None
    promised = sizes(source.open())
    assert [len(part) for part in parts] == [promised.train, promised.validation, promised.test]
    assert set(np.unique(splits.train_evaluated)) <= set(range(len(splits.train)))


@given(columns())
@quick
def test_a_config_without_faults_loads_unless_a_class_is_too_small(source: Column) -> None:
    found = faults(source.open())
    try:
        load_splits(source.open())
    except ConfigError as error:
        if found:
            assert [fault.key for fault in error.faults] == [f"data.{key}" for key, _ in found]
        else:
            said = error.faults[0].message
            assert "leaves no training sample of class" in said or "more folds than the" in said
    else:
        assert found == []


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.floats(0, 1))
@quick
def test_shares_are_within_one_of_proportional(counts: list[int], part: float) -> None:
    total = round(part * sum(counts))
    shared = shares(np.array(counts), total)
    assert shared.sum() == total
    for count, share in zip(counts, shared, strict=True):
        assert 0 <= share <= count
        assert abs(share - count * total / max(sum(counts), 1)) < 1


def test_ties_of_the_largest_remainder_go_to_the_lower_class() -> None:
    assert shares(np.array([5, 5, 5, 5]), 10).tolist() == [3, 3, 2, 2]
    assert shares(np.array([50, 30, 20]), 7).tolist() == [4, 2, 1]


@given(columns())
@quick
def test_every_part_is_stratified_within_one(source: Column) -> None:
    if faults(source.open()):
        return
    try:
        splits = load_splits(source.replace(label_noise=0.0).open())
    except ConfigError:
        return
    pool = np.array(source.counts)
    for part in (splits.test, splits.validation):
        held, size = np.bincount(part.y, minlength=len(pool)), pool.sum()
        proportional = pool / source.fold.of if source.fold and part is splits.test else pool * len(part) / size
        assert (np.abs(held - proportional) < 1).all()
        pool = pool - held
    held = np.bincount(splits.train.y, minlength=len(pool))
    assert (np.abs(held - pool * len(splits.train) / pool.sum()) < 1).all()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(2, 40), st.integers(0, 2**64), st.booleans())
@quick
def test_folds_cover_every_sample_once_and_differ_by_one_at_most(
    counts: list[int], of: int, split_seed: int, by_class: bool
) -> None:
    y = np.random.default_rng(split_seed).permutation(np.repeat(np.arange(len(counts)), counts))
    pool = np.arange(len(y))

    def drawn(index: int) -> tuple[Array, Array]:
        return draw(pool, y, Fold(of=of, index=index), random_bits(split_seed, "fold"), by_class=by_class)

    tested = [drawn(index)[0] for index in range(of)]
    assert sorted(np.concatenate(tested)) == pool.tolist()
    assert np.ptp([len(part) for part in tested]) <= 1
    held = np.array([np.bincount(y[part], minlength=len(counts)) for part in tested])
    assert not by_class or (np.ptp(held, axis=0) <= 1).all()
    for index, part in enumerate(tested):
        assert (np.diff(part) > 0).all() and drawn(index)[1].tolist() == np.setdiff1d(pool, part).tolist()


@pytest.mark.parametrize("source", [Column(validation=0.3, limit=15, split_seed=5), Diabetes(split_seed=5)])
def test_the_folds_of_a_source_are_its_samples(source: Column | Diabetes) -> None:
    """Each with the size that is known before anything is read, limit and validation taken from the others."""
    raw, tested = source.open().read(), []
    for index in range(5):
        dataset = source.replace(test=None, fold=Fold(of=5, index=index)).open()
        parts = choose(dataset, raw)
        assert parts.test is not None
        assert [len(parts.train), len(parts.validation), len(parts.test)] == [*vars(sizes(dataset)).values()]
        assert len(parts.validation) == round(source.validation * (len(raw.y) - len(parts.test)))
        assert not set(parts.test) & {*parts.train, *parts.validation}
        tested.append(parts.test)
    assert sorted(np.concatenate(tested)) == list(range(len(raw.y)))


def test_another_split_seed_deals_other_folds() -> None:
    one, other = (load_splits(Column(fold=Fold(), split_seed=seed).open()) for seed in (0, 1))
    assert numbers(one.test) != numbers(other.test) and one.fingerprint != other.fingerprint


def test_a_fold_takes_the_place_of_the_share() -> None:
    assert (Column(fold=Fold()).test, Column().test, Column(test=0.0).test) == (None, 0.2, 0.0)
    with pytest.raises(InvalidError, match=r"test: data\.fold is the test part: leave test out"):
        Column(fold=Fold(), test=0.2)
    with pytest.raises(InvalidError, match=r"test: null goes only with data\.fold"):
        Column(test=None)
    with pytest.raises(InvalidError, match="index: 3 folds are counted from 0 to 2"):
        Fold(of=3, index=3)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [({"fold": 3}, "fold"), ({"fold": 3, "test": None}, "fold"), ({"fold": Fold(), "test": 1}, "test")],
)
def test_a_share_or_fold_out_of_bounds_clashes_with_nothing(wrong: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Moons(**wrong)
    assert set(caught.value.refused) == {key} and not caught.value.clashes


def test_the_same_split_seed_gives_the_same_bytes_and_another_one_another_split() -> None:
    first, again, other = (load_splits(Digits(split_seed=seed).open()) for seed in (3, 3, 4))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    np.testing.assert_array_equal(first.train.x, again.train.x)
    np.testing.assert_array_equal(first.train_evaluated, again.train_evaluated)
    assert not np.array_equal(first.validation.y, other.validation.y)


def test_the_split_is_pinned() -> None:
    """A change of these numbers moves samples between the parts of every run there is."""
    splits = load_splits(Column().open())
    assert numbers(splits.test)[:8] == PINNED_TEST
    assert numbers(splits.validation) == PINNED_VALIDATION
    assert numbers(load_splits(Column(fold=Fold(of=10, index=1)).open()).test) == PINNED_FOLD


PINNED_TEST = [1, 3, 9, 10, 11, 26, 31, 33]
PINNED_VALIDATION = [6, 43, 59, 73, 77, 79, 86, 89]
PINNED_FOLD = [0, 24, 26, 28, 42, 59, 67, 69, 70, 87]


@pytest.mark.parametrize(
    "change",
    [{"limit": 20}, {"label_noise": 0.5}, {"order": "by_class"}, {"normalize": "none"}, {"shuffle": False}],
)
@pytest.mark.parametrize("fold", [None, Fold(of=4, index=3)])
def test_test_and_validation_do_not_move_with_other_settings(change: dict[str, Any], fold: Fold | None) -> None:
    source = Column(fold=fold)
    plain, changed = load_splits(source.open()), load_splits(source.replace(**change).open())
    assert numbers(plain.test) == numbers(changed.test)
    assert numbers(plain.validation) == numbers(changed.validation)
    np.testing.assert_array_equal(plain.validation.y, changed.validation.y)
    assert set(numbers(changed.train)) <= set(numbers(plain.train))


def test_the_test_part_is_drawn_before_the_validation_part() -> None:
    plain, without = load_splits(Column().open()), load_splits(Column(validation=0.0).open())
    assert numbers(plain.test) == numbers(without.test)
    assert len(without.validation) == 0 and without.validation.x.shape == (0, 1)


def test_a_smaller_limit_uses_some_of_the_same_samples() -> None:
    small, large = (set(numbers(load_splits(Column(limit=limit).open()).train)) for limit in (20, 40))
    assert len(small) == 20 and small < large


def test_the_limit_of_a_numeric_target_is_the_start_of_a_permutation() -> None:
    everything = load_splits(Diabetes().open())
    order = shuffled_indices(319, random_bits(0, "limit"))
    limited = load_splits(Diabetes(limit=50).open())
    np.testing.assert_array_equal(limited.train.y, everything.train.y[np.sort(order[:50])])


def test_source_order_is_the_sources_own() -> None:
    assert numbers(load_splits(Column().open()).train) == sorted(numbers(load_splits(Column().open()).train))


def test_by_class_is_stable_and_by_the_labels_as_used() -> None:
    splits = load_splits(Column(order="by_class", label_noise=0.3).open())
    assert (np.diff(splits.train.y) >= 0).all()
    for label in range(3):
        held = splits.train.x[splits.train.y == label, 0]
        assert (np.diff(held) > 0).all()


@pytest.mark.parametrize(("share", "expected"), [(0.1, 7), (0.5, 36), (1.0, 72), (0.02, 1)])
def test_label_noise_replaces_exactly_its_share_by_other_classes(share: float, expected: int) -> None:
    clean, noisy = load_splits(Column().open()), load_splits(Column(label_noise=share).open())
    assert len(clean.train) == 72
    assert np.count_nonzero(clean.train.y != noisy.train.y) == expected == round(share * 72)
    np.testing.assert_array_equal(clean.train.x, noisy.train.x)
    np.testing.assert_array_equal(clean.test.y, noisy.test.y)
    assert clean.fingerprint != noisy.fingerprint


@given(st.integers(2, 10), st.integers(1, 300), st.floats(0, 1), st.integers(0, 99))
@quick
def test_label_noise_grows_by_adding_labels(classes: int, count: int, share: float, seed: int) -> None:
    y = np.arange(count) % classes
    all_of, some = (with_noise(y, part, classes, random_bits(seed, "label_noise")) for part in (1.0, share))
    assert (all_of != y).all() and all_of.min() >= 0 and all_of.max() < classes
    changed = some != y
    assert changed.sum() == round(share * count)
    np.testing.assert_array_equal(some[changed], all_of[changed])


def test_every_other_class_is_as_likely_a_wrong_label() -> None:
    y = np.zeros(30_000, dtype=np.int64)
    counts = np.bincount(with_noise(y, 1.0, 4, random_bits(0, "label_noise")), minlength=4)
    assert counts[0] == 0
    assert counts[1:] / 10_000 == pytest.approx([1, 1, 1], abs=0.03)


def test_as_many_training_samples_are_evaluated_as_validation_has_but_a_thousand_at_least() -> None:
    small = load_splits(Blobs(samples=1000, validation=0.1).open())
    assert small.train_evaluated.tolist() == list(range(720))
    middle = load_splits(Blobs(samples=5000, validation=0.1).open())
    assert len(middle.train_evaluated) == 1000
    large = load_splits(Blobs(samples=5000, validation=0.4).open())
    assert len(large.train_evaluated) == len(large.validation) == 1600
    none = load_splits(Blobs(samples=5000, validation=0.0).open())
    assert len(none.train_evaluated) == 1000
    assert (np.diff(middle.train_evaluated) > 0).all()
    held = np.bincount(middle.train.y[middle.train_evaluated], minlength=3)
    assert (np.abs(held - np.bincount(middle.train.y) / 3.6) < 1).all()


def test_the_same_training_samples_are_evaluated_whatever_their_order_and_labels() -> None:
    plain = load_splits(Blobs(samples=5000).open())
    changed = load_splits(Blobs(samples=5000, order="by_class", label_noise=0.4).open())
    one = plain.train.x[plain.train_evaluated]
    other = changed.train.x[changed.train_evaluated]
    np.testing.assert_array_equal(np.sort(one, axis=0), np.sort(other, axis=0))


def test_statistics_do_not_see_the_test_part() -> None:
    dataset = Column().open()
    raw = dataset.read()
    moved = replace(raw, x=raw.x.copy())
    moved.x[choose(dataset, raw).test] = 1e6
    moved.x[choose(dataset, raw).validation] = -1e6
    plain, other = split(dataset, raw), split(dataset, moved)
    np.testing.assert_array_equal(plain.statistics.mean, other.statistics.mean)
    np.testing.assert_array_equal(plain.statistics.high, other.statistics.high)
    assert plain.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("source", "known"),
    [
        (Digits(), "52236c5a842401df327d8b46845f5162de804d5cd88798e9651737ad9945787f"),
        (Iris(), "d39904023e557b1f6b59df2d75eaf3a569bb32fabb93dad346719c9158eac8ae"),
        (Iris(fold=Fold(of=5, index=1)), "b495266de661d77a27efce40153df70c5dd2dbe615dabf5b1869993508e0d320"),
    ],
)
def test_fingerprints_stay(source: Source, known: str) -> None:
    """A run is found by it: one that changed would train finished runs anew."""
    assert load_splits(source.open()).fingerprint == known


def test_the_fingerprint_depends_on_every_byte_it_is_made_of() -> None:
    raw = Raw(np.zeros((4, 2), np.float32), np.arange(4))
    first = fingerprint(raw, (np.arange(3), None), raw.y)
    assert len(first) == 64 and int(first, 16) >= 0
    changed = raw.x.copy()
    changed[3, 1] = 1
    others = {
        fingerprint(replace(raw, x=changed), (np.arange(3), None), raw.y),
        fingerprint(replace(raw, x=raw.x.reshape(2, 4)), (np.arange(3), None), raw.y),
        fingerprint(replace(raw, x=raw.x.astype(np.uint8)), (np.arange(3), None), raw.y),
        fingerprint(raw, (np.arange(2), None), raw.y),
        fingerprint(raw, (None, np.arange(3)), raw.y),
        fingerprint(raw, (np.arange(3), None), raw.y[::-1]),
        fingerprint(replace(raw, test_x=raw.x, test_y=raw.y), (np.arange(3), None), raw.y),
        fingerprint(replace(raw, validation_x=raw.x, validation_y=raw.y), (np.arange(3), None), raw.y),
    }
    assert len(others) == 8 and first not in others


def test_drawing_is_the_whole_pool_or_nothing_at_the_ends() -> None:
    y = np.array([0, 1, 0, 1, 2])
    for by_class in (True, False):
        taken, rest = draw(np.array([1, 2, 4]), y, 3, random_bits(0, "x"), by_class=by_class)
        assert taken.tolist() == [1, 2, 4] and rest.tolist() == []
        taken, rest = draw(np.array([1, 2, 4]), y, 0, random_bits(0, "x"), by_class=by_class)
        assert taken.tolist() == [] and rest.tolist() == [1, 2, 4]


def test_arrays_can_be_handed_to_torch() -> None:
    splits = load_splits(Moons().open())
    for part in (splits.train, splits.validation, splits.test):
        assert part.x.flags.writeable and part.y.flags.writeable and part.x.flags.c_contiguous


needs_data = pytest.mark.skipif(
    not os.environ.get("TUNER_DATA"), reason="TUNER_DATA is not set: it names the folder that holds MNIST"
)


@pytest.mark.data
@needs_data
def test_mnist_is_read_and_split() -> None:
    splits = load_splits(MNIST().open())
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [54_000, 6_000, 10_000]
    assert splits.train.x.dtype == np.uint8 and splits.train.x.shape == (54_000, 1, 28, 28)
    assert splits.statistics.mean.item() / 255 == pytest.approx(0.1307, abs=5e-4)
    assert splits.statistics.scale.item() / 255 == pytest.approx(0.3081, abs=5e-4)
    assert len(splits.train_evaluated) == 6_000
    assert np.bincount(splits.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert splits.test.x.flags.writeable and splits.train.x.flags.c_contiguous
    assert splits.fingerprint == load_splits(MNIST().open()).fingerprint


@pytest.mark.data
@needs_data
def test_mnist_is_torchvisions() -> None:
    """Against the published sums of pixels and the first labels, which a wrong byte order or offset would change."""
    raw = MNIST().open(Path(os.environ["TUNER_DATA"])).read()
    assert raw.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert raw.x.mean() == pytest.approx(33.318421, abs=1e-5)
