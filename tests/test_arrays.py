"""data: arrays against numpy: layouts, targets, a file's own parts, folds, and every file that is none."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.data.arrays import Arrays
from tuner.data.source import Dataset, Fold, sizes
from tuner.data.splits import load as load_splits
from tuner.errors import ConfigError, NotFoundError

N = 60
Save = Callable[..., str]
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(N, 4))
BYTES = RNG.integers(0, 256, (N, 3, 5, 6), dtype=np.uint8)
Y = np.arange(N) % 3


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where looks are remembered."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes an .npz file of these arrays."""

    def saved(packed: bool = False, **arrays: Any) -> str:
        path = str(tmp_path / "my.npz")
        (np.savez_compressed if packed else np.savez)(path, **arrays)
        return path

    return saved


def rows_of(x: Any) -> list[list[float]]:
    """Samples as float32, in the order of their numbers."""
    found: list[list[float]] = sorted(x.astype(np.float32).tolist())
    return found


LAYOUTS: dict[str, tuple[Any, dict[str, Any], Any]] = {
    "rows": (ROWS, {}, ROWS),
    "rows of bytes": (BYTES[:, 0, 0], {}, BYTES[:, 0, 0]),
    "rows of bools": (ROWS > 0, {}, ROWS > 0),
    "big-endian whole numbers": ((ROWS * 100).astype(">i2"), {}, (ROWS * 100).astype(np.int16)),
    "half": (ROWS.astype(np.float16), {}, ROWS.astype(np.float16)),
    "sequences": (BYTES[:, 0].astype(np.float32), {}, BYTES[:, 0]),
    "sequences of bytes": (BYTES[:, 0], {"layout": "sequences"}, BYTES[:, 0]),
    "one channel": (BYTES[:, 0], {}, BYTES[:, :1]),
    "one channel of floats": (BYTES[:, 0] / 255, {"layout": "one_channel"}, BYTES[:, :1] / 255),
    "channels first": (BYTES, {}, BYTES),
    "channels last": (BYTES.transpose(0, 2, 3, 1), {}, BYTES),
    "channels last of floats": (BYTES.transpose(0, 2, 3, 1).astype(np.float64), {}, BYTES),
    "ambiguous, first": (BYTES[..., :3], {"layout": "channels_first"}, BYTES[..., :3]),
    "ambiguous, last": (BYTES[..., :3], {"layout": "channels_last"}, BYTES[..., :3].transpose(0, 3, 1, 2)),
    "two channels": (BYTES[:, :2], {"layout": "channels_first"}, BYTES[:, :2]),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("in_order", [np.ascontiguousarray, np.asfortranarray])
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read_as_numpy_has_it(save: Save, name: str, in_order: Any, packed: bool) -> None:
    x, settings, wanted = LAYOUTS[name]
    dataset = Arrays(path=save(packed, x=in_order(x), y=Y), **settings).open()
    raw = dataset.read()
    assert raw.x.dtype == (np.uint8 if x.dtype == np.uint8 else np.float32) and raw.x.flags.c_contiguous
    np.testing.assert_array_equal(raw.x, np.asarray(wanted, dtype=raw.x.dtype))
    np.testing.assert_array_equal(raw.y, Y)
    assert dataset.description.shape == wanted.shape[1:] and dataset.description.classes == ("0", "1", "2")
    assert load_splits(dataset).sizes == vars(sizes(dataset)) == {"train": 43, "validation": 5, "test": 12}


def test_blocks_of_a_larger_array_come_in_order(save: Save) -> None:
    x = np.arange(3_000_000, dtype=np.float64).reshape(1000, 3000)  # 24 MB
    raw = Arrays(path=save(x=x, y=np.arange(1000) % 2), layout="auto").open().read()
    np.testing.assert_array_equal(raw.x, x.astype(np.float32))


TARGETS: dict[str, tuple[Any, str, tuple[str, ...], Any]] = {
    "whole numbers": (Y * 5 - 5, "auto", ("-5", "0", "5"), Y),
    "by value": (np.array([10, 9, 100])[Y].astype(np.uint8), "auto", ("9", "10", "100"), np.array([1, 0, 2])[Y]),
    "a column": (Y[:, None], "auto", ("0", "1", "2"), Y),
    "bools": (Y > 0, "auto", ("False", "True"), Y > 0),
    "text": (np.array(["cat", "ant", "bee"])[Y], "auto", ("ant", "bee", "cat"), np.array([2, 0, 1])[Y]),
    "bytes": (np.array([b"x", "ü".encode(), b"a"])[Y], "auto", ("a", "x", "ü"), np.array([1, 2, 0])[Y]),
    "text of numbers": (np.array(["10", "9", "1"])[Y], "auto", ("1", "9", "10"), np.array([2, 1, 0])[Y]),
    "two floats": ((Y > 1) * 0.5, "auto", ("0", "0.5"), Y > 1),
    "whole floats": (Y.astype(np.float64), "classes", ("0", "1", "2"), Y),
    "floats": (ROWS[:, 0], "auto", (), ROWS[:, 0]),
    "few whole floats": (Y.astype(np.float64), "auto", (), Y),
    "whole numbers as numbers": (Y * 7, "numbers", (), Y * 7),
    "bools as numbers": (Y > 0, "numbers", (), Y > 0),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets(save: Save, name: str) -> None:
    y, task, classes, wanted = TARGETS[name]
    dataset = Arrays(path=save(x=ROWS, y=y), task=task).open()
    raw = dataset.read()
    assert dataset.description.classes == classes
    assert dataset.description.target == ("class" if classes else "number")
    assert raw.y.dtype == (np.int64 if classes else np.float32)
    np.testing.assert_array_equal(raw.y, np.asarray(wanted).astype(raw.y.dtype))


def test_notes_tell_what_could_be_otherwise(save: Save) -> None:
    def notes(settings: Mapping[str, Any], **arrays: Any) -> list[str]:
        return list(Arrays(path=save(**arrays), **settings).open().notes)

    assert notes({}, x=ROWS, y=Y) == notes({"layout": "one_channel"}, x=BYTES[:, 0], y=Y) == []
    [told] = notes({}, x=BYTES[:, 0], y=Y)
    assert told.startswith("data.layout: auto takes x (60, 5, 6) of uint8 for pictures of one channel; sequences says")
    [told] = notes({}, x=BYTES[:, 0] / 2, y=Y)
    assert "of float64 for sequences (N, T, F); one_channel says pictures of one channel" in told
    [told] = notes({}, x=ROWS, y=Y, z=Y, weights=Y)
    assert told.endswith("my.npz: not used: z, weights")
    [told] = notes({}, x=ROWS, y=Y / 1)
    assert told.startswith("data.task: auto takes y, of float64, for numbers, though they are 3 whole ones; classes")
    [told] = notes({}, x=ROWS, y=np.arange(N) % 30)
    assert told.startswith("data.task: auto takes y, of int64, for 30 classes; numbers")


SPELLINGS = [
    ("train_x", "train_y", "test_x", "test_y", "val_x", "val_y"),
    ("x_train", "y_train", "x_test", "y_test", "x_val", "y_val"),
    ("X_TRAIN", "Y-train", "xtest", "Ytest", "validation.x", "valid_y"),
    ("train_images", "train_labels", "test_images", "test_labels", "val_images", "val_labels"),
    ("x", "y", "testX", "testY", "xval", "yval"),
]


@pytest.mark.parametrize("names", SPELLINGS)
def test_a_files_own_parts_are_taken_as_they_are(save: Save, names: tuple[str, ...]) -> None:
    parts = [(ROWS[:40], Y[:40]), (ROWS[40:50], Y[40:50]), (ROWS[50:], Y[50:])]
    dataset = Arrays(path=save(**dict(zip(names, [each for part in parts for each in part], strict=True)))).open()
    splits = load_splits(dataset)
    assert vars(sizes(dataset)) == splits.sizes == {"train": 40, "validation": 10, "test": 10}
    for part, (x, y) in zip((splits.train, splits.test, splits.validation), parts, strict=True):
        np.testing.assert_array_equal(part.x, x.astype(np.float32))
        np.testing.assert_array_equal(part.y, y)
    np.testing.assert_allclose(splits.statistics.mean, ROWS[:40].mean(axis=0), rtol=1e-5)
    assert len(splits.train_evaluated) == 40


def test_what_a_file_lacks_is_drawn_from_its_training_part(save: Save) -> None:
    train, other = {"train_x": ROWS[:40], "train_y": Y[:40]}, (ROWS[40:], Y[40:])
    tested = load_splits(Arrays(path=save(**train, test_x=other[0], test_y=other[1])).open())
    assert tested.sizes == {"train": 36, "validation": 4, "test": 20}
    np.testing.assert_array_equal(tested.test.x, other[0].astype(np.float32))
    drawn = Arrays(path=save(**train, val_x=other[0], val_y=other[1]), test=0.3, limit=20).open()
    held = load_splits(drawn)
    assert held.sizes == vars(sizes(drawn)) == {"train": 20, "validation": 20, "test": 12}
    np.testing.assert_array_equal(held.validation.x, other[0].astype(np.float32))
    assert tested.fingerprint != held.fingerprint


def test_the_fingerprint_is_of_the_content(save: Save, tmp_path: Path) -> None:
    parts = {"x": ROWS[:40], "y": Y[:40], "val_x": ROWS[40:], "val_y": Y[40:]}
    path = save(**parts)
    first = load_splits(Arrays(path=path).open()).fingerprint
    moved = Path(path).rename(tmp_path / "moved.npz")
    assert load_splits(Arrays(path=str(moved)).open()).fingerprint == first
    assert load_splits(Arrays(path=save(True, **parts)).open()).fingerprint == first
    others = [{**parts, "val_x": ROWS[40:] + 1}, {**parts, "val_y": Y[39:-1]}, {**parts, "y": Y[1:41]}]
    found = {load_splits(Arrays(path=save(**other)).open()).fingerprint for other in others}
    assert len(found | {first}) == 4


@pytest.mark.parametrize("own", [False, True])
def test_folds_test_each_sample_once(save: Save, own: bool) -> None:
    validation = {"val_x": ROWS[:9] + 50, "val_y": Y[:9]} if own else {}
    path, tested = save(x=ROWS, y=Y, **validation), []
    for index in range(5):
        splits = load_splits(Arrays(path=path, fold=Fold(of=5, index=index)).open())
        assert splits.test.counts(3) == [4, 4, 4] and len(splits.validation) == (9 if own else 5)
        tested.append(splits.test.x)
        if not own:
            parts = splits.train, splits.validation, splits.test
            assert rows_of(np.concatenate([part.x for part in parts])) == rows_of(ROWS)
    assert rows_of(np.concatenate(tested)) == rows_of(ROWS)


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({"test": 0.2}, ["test"]),
        ({"validation": 0}, ["validation"]),
        ({"test": 0, "validation": 0.5}, ["test", "validation"]),
        ({"fold": Fold(of=5)}, ["fold"]),
        ({"layout": "sequences"}, ["layout"]),
    ],
)
def test_what_the_file_decides_cannot_be_said(save: Save, settings: dict[str, Any], keys: list[str]) -> None:
    held = {f"{part}_{each}": value for part in ("train", "test", "val") for each, value in (("x", ROWS), ("y", Y))}
    with pytest.raises(ConfigError) as caught:
        Arrays(path=save(**held), **settings).open()
    assert [fault.key for fault in caught.value.faults] == [f"data.{key}" for key in keys]


@pytest.mark.parametrize(
    ("x", "layout", "said"),
    [
        (BYTES[..., :3], "auto", "both axes 1 and 3"),
        (BYTES[:, :2], "auto", "neither axis 1 nor 3"),
        (BYTES, "sequences", r"x of shape \(60, 3, 5, 6\) cannot be that"),
        (BYTES[:, 0], "channels_last", r"x of shape \(60, 5, 6\) cannot be that"),
    ],
)
def test_a_layout_that_sizes_do_not_tell_or_forbid(save: Save, x: Any, layout: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Arrays(path=save(x=x, y=Y), layout=layout).open()
    fault = caught.value.faults[0]
    assert fault.key == "data.layout" and fault.allowed and fault.given == layout


def changed(array: Any, at: Any, value: Any) -> Any:
    other = array.copy()
    other[at] = value
    return other


def refused(dataset: Callable[[], Dataset]) -> str:
    """What is said of a file that cannot be used, when it is opened or read."""
    with warnings.catch_warnings(), pytest.raises(NotFoundError) as caught:
        warnings.simplefilter("error")
        load_splits(dataset())
    assert caught.value.exit_code == 4 and "my.npz" in caught.value.message
    return str(caught.value)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no x": ({"y": Y, "a": Y}, "has no x or train_x; it has y, a\n"),
    "no y": ({"x": ROWS}, "has no y or train_y; it has x\n"),
    "nothing": ({}, "has no x or train_x; it has nothing\n"),
    "half a part": ({"x": ROWS, "y": Y, "test_x": ROWS}, "has no test_y; it has x, y, test_x\n"),
    "only a test part": ({"test_x": ROWS, "test_y": Y}, "has no x or train_x"),
    "twice": ({"x": ROWS, "x_train": ROWS, "y": Y}, "holds x and x_train, which mean the same"),
    "objects": ({"x": np.array([[1, "a"]] * N, dtype=object), "y": Y}, "holds objects in x, which are not read"),
    "objects as y": ({"x": ROWS, "y": Y.astype(object)}, "holds objects in y"),
    "records": ({"x": np.zeros(N, dtype=[("a", "f4")]), "y": Y}, "holds records in x"),
    "complex": ({"x": ROWS * 1j, "y": Y}, "complex128 of shape (60, 4) as x\nAllowed are numbers"),
    "text": ({"x": ROWS.astype(str), "y": Y}, "as x\nAllowed are numbers"),
    "dates": ({"x": Y.astype("M8[D]")[:, None], "y": Y}, "datetime64[D] of shape (60, 1) as x"),
    "dates as y": ({"x": ROWS, "y": Y.astype("M8[D]")}, "datetime64[D] of shape (60,) as y"),
    "no samples": ({"x": ROWS[:0], "y": Y[:0]}, "x is empty, of shape (0, 4)"),
    "no columns": ({"x": ROWS[:, :0], "y": Y}, "x is empty, of shape (60, 0)"),
    "a number": ({"x": np.float64(1), "y": np.int64(1)}, "float64 of shape () as x"),
    "one axis": ({"x": ROWS[:, 0], "y": Y}, "float64 of shape (60,) as x"),
    "five axes": ({"x": BYTES[..., None], "y": Y}, "uint8 of shape (60, 3, 5, 6, 1) as x"),
    "fewer targets": ({"x": ROWS, "y": Y[1:]}, "int64 of shape (59,) as y, and x is (60, 4)"),
    "one-hot": ({"x": ROWS, "y": np.eye(3)[Y]}, "float64 of shape (60, 3) as y"),
    "other columns": ({"x": ROWS, "y": Y, "xtest": ROWS[:, :3], "ytest": Y}, "xtest is float64 of shape (60, 3)"),
    "other bytes": ({"x": ROWS, "y": Y, "xval": ROWS.astype("u1"), "yval": Y}, "xval is uint8 of shape (60, 4)"),
    "NaN": ({"x": changed(ROWS, (7, 2), np.nan), "y": Y}, "has NaN or infinity in sample 7 of x"),
    "infinity": ({"x": BYTES / 1, "y": Y, "x_val": changed(BYTES / 1, (50, 0, 0, 0), -np.inf), "y_val": Y},
                 "has NaN or infinity in sample 50 of x_val"),
    "beyond float32": ({"x": changed(ROWS, (3, 3), 1e39), "y": Y}, "a number beyond 3.4e38, float32's in sample 3"),
    "NaN as y": ({"x": ROWS, "y": changed(ROWS[:, 0], 5, np.nan)}, "has nan in sample 5 of y"),
    "beyond float32 as y": ({"x": ROWS, "y": changed(ROWS[:, 0], 5, 1e300)}, "has 1e+300 in sample 5 of y"),
    "one class": ({"x": ROWS, "y": Y * 0}, "the target y is '0' in every sample: nothing is left to predict"),
    "one number": ({"x": ROWS, "y": Y * 0.0 + 2.5}, "the target y is 2.5 in every sample"),
    "a lonely class": ({"x": ROWS, "y": changed(Y, 0, 9)}, "class '9' of y has a single sample"),
    "a class of the test": ({"x": ROWS, "y": Y, "xtest": ROWS, "ytest": Y + 1}, "ytest has class '3', and y has not"),
    "empty text": ({"x": ROWS, "y": np.array(["a", "", "b"])[Y]}, "has samples without a text in y"),
    "no text": ({"x": ROWS, "y": np.array([b"a", b"\xff", b"b"])[Y]}, "is damaged: 'utf-8' codec"),
    "half a surrogate": ({"x": ROWS, "y": np.array(["a", "\ud800", "b"])[Y]}, "is damaged: 'utf-8' codec"),
    "too many texts": ({"x": np.zeros((10_001, 1)), "y": np.arange(10_001).astype(str)}, "too many for classes"),
    "too many values": ({"x": np.zeros((10_001, 1)), "y": np.arange(10_001)}, "10,001 different values, too many"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_learned_from_is_named(save: Save, name: str) -> None:
    arrays, said = REFUSED[name]
    path = save(**arrays)
    assert said in refused(lambda: Arrays(path=path).open())


def test_numbers_are_not_made_of_text(save: Save) -> None:
    path = save(x=ROWS, y=np.array(["a", "b"])[Y % 2])
    said = refused(lambda: Arrays(path=path, task="numbers").open())
    assert "is to be numbers, and holds 'a'\ndata.task: classes" in said


def test_opening_reads_no_sample_and_is_remembered(save: Save, cache: Path) -> None:
    """Bytes of x that are not those of its checksum are seen when they are read, and not before."""
    path = Path(save(x=np.tile(ROWS, (100, 1)), y=np.tile(Y, 100)))
    data = bytearray(path.read_bytes())
    at = data.rindex(ROWS[30:31].tobytes())
    data[at + 3] ^= 1
    path.write_bytes(data)
    first = Arrays(path=str(path)).open()
    [kept] = (cache / "tuner").rglob("*.json")
    assert b"int64" in kept.read_bytes()
    assert Arrays(path=str(path)).open().description == first.description
    assert "is damaged, or no .npz file: Bad CRC-32 for file 'x.npy'" in refused(lambda: Arrays(path=str(path)).open())
    kept.write_text("{}")
    assert Arrays(path=str(path)).open().description == first.description


def test_a_file_that_changed_is_looked_at_again(save: Save) -> None:
    before = Arrays(path=save(x=ROWS, y=Y)).open()
    after = Arrays(path=save(x=ROWS[:, :2], y=Y % 2)).open()
    assert (after.description.shape, after.description.classes) == ((2,), ("0", "1"))
    assert "changed while it was read" in refused(lambda: before)


def test_a_member_of_another_packing_and_a_folder(tmp_path: Path, save: Save) -> None:
    path = Path(save(x=ROWS, y=Y))
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_BZIP2) as other:
        for name in whole.namelist():
            other.writestr(name, whole.read(name))
    (tmp_path / "b.npz").replace(path)
    assert "holds x packed in a way that numpy does not write" in refused(lambda: Arrays(path=str(path)).open())
    path.unlink()
    assert "is missing" in refused(lambda: Arrays(path=str(path)).open())
    path.mkdir()
    assert "is a folder" in refused(lambda: Arrays(path=str(path)).open())
