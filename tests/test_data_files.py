"""Files on disk: where they are looked for, IDX, CIFAR and SVHN files read back, and every fault of a file named."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tuner.data.cifar import CIFAR10, CIFAR100, records
from tuner.data.embedded import Digits, read_table
from tuner.data.files import default_roots, download_root, locate, read_bytes
from tuner.data.idx import FILES, KMNIST, MNIST, read_idx
from tuner.data.splits import load as load_splits
from tuner.data.svhn import SVHN, read_mat
from tuner.errors import NotFoundError

Array = npt.NDArray[Any]


def idx_bytes(values: Array) -> bytes:
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def test_the_folders_looked_in_come_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_DATA", "/somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert default_roots() == [Path("/somewhere"), Path("data"), Path("/cache/tuner")]
    with pytest.raises(NotFoundError, match=r"mnist is not in /somewhere, \./data, /cache/tuner: no"):
        locate(MNIST())
    with pytest.raises(NotFoundError, match="mnist is not in /mine: no"):
        locate(MNIST(root="/mine"))
    monkeypatch.delenv("TUNER_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_roots() == [Path("data"), Path("/home/someone/.cache/tuner")]


def test_downloads_go_to_the_first_folder_that_is_meant_for_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.delenv("TUNER_DATA", raising=False)
    assert download_root() == Path("/cache/tuner")
    (tmp_path / "data").mkdir()
    assert download_root() == Path("data")
    monkeypatch.setenv("TUNER_DATA", "/somewhere")
    assert download_root() == Path("/somewhere")


def test_the_first_folder_with_all_files_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_DATA", str(tmp_path / "first"))
    for folder, files in (("first", FILES[:1]), ("data", FILES)):
        (tmp_path / folder / "KMNIST/raw").mkdir(parents=True)
        for file, _ in files:
            (tmp_path / folder / "KMNIST/raw" / f"{file}.gz").touch()
    assert locate(KMNIST()) == Path("data")
    assert locate(KMNIST(root=str(tmp_path / "first"))) == tmp_path / "first"


def test_missing_data_names_each_folder_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_DATA", "/nowhere/at/all")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NotFoundError) as caught:
        load_splits(MNIST().open())
    for word in ("/nowhere/at/all", "./data", f"{tmp_path}/tuner", "MNIST/raw/train-images-idx3-ubyte"):
        assert word in caught.value.message
    for word in ("`tuner download mnist`", "TUNER_DATA", "data.root"):
        assert word in caught.value.fix
    assert caught.value.exit_code == 4
    with pytest.raises(NotFoundError) as caught:
        load_splits(MNIST(root="my data").open())
    fix = "run `tuner download mnist --root 'my data'`, or set data.root to the folder that holds it"
    assert caught.value.fix == fix


@pytest.mark.parametrize("root", ["a\0b", "x" * 5000])
def test_a_root_that_cannot_be_is_missing(root: str) -> None:
    with pytest.raises(NotFoundError, match="mnist is not in"):
        load_splits(MNIST(root=root).open())


@pytest.mark.parametrize("shape", [(3, 4, 5), (6,)])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_back(tmp_path: Path, shape: tuple[int, ...], packed: bool) -> None:
    values = np.random.default_rng(0).integers(0, 256, shape)
    path = tmp_path / "values"
    if packed:
        (tmp_path / "values.gz").write_bytes(gzip.compress(idx_bytes(values)))
    else:
        path.write_bytes(idx_bytes(values))
    found = read_idx(path, shape, "mnist")
    np.testing.assert_array_equal(found, values)
    assert found.dtype == np.uint8 and found.flags.writeable


GOOD = idx_bytes(np.arange(60).reshape(3, 4, 5))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD[:-1], "it should hold 76 bytes, but it holds 75"),
        (GOOD + b"x", "it should hold 76 bytes, but it holds 77"),
        (b"", "but it holds 0"),
        (b"\0\0\x09" + GOOD[3:], "an IDX header for 3 x 4 x 5 unsigned bytes, but it starts with 00 00 09 03"),
        (idx_bytes(np.zeros((5, 4, 3))), "but it starts with 00 00 08 03 00 00 00 05"),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "values"
    path.write_bytes(content)
    with pytest.raises(NotFoundError) as caught:
        read_idx(path, (3, 4, 5), "mnist")
    assert str(path) in caught.value.message and said in caught.value.message
    assert caught.value.fix == "delete it and run `tuner download mnist`"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not gzip", "unpacking stops with: Not a gzipped file"),
        (gzip.compress(GOOD, mtime=0)[:-9], "unpacking stops with"),
        (gzip.compress(GOOD, mtime=0)[:12] + b"\xff" * 40, "unpacking stops with"),
        (gzip.compress(GOOD + bytes(1 << 20), mtime=0), "but it holds more than that"),
        (gzip.compress(GOOD[:-1], mtime=0), "but it holds 75"),
    ],
)
def test_a_damaged_gzip_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "values.gz").write_bytes(content)
    with pytest.raises(NotFoundError) as caught:
        read_bytes(tmp_path / "values", len(GOOD), "mnist")
    assert str(tmp_path / "values.gz") in caught.value.message and said in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "values").write_bytes(GOOD)
    (tmp_path / "values").chmod(0)
    with pytest.raises(NotFoundError, match="cannot be read"):
        read_bytes(tmp_path / "values", len(GOOD), "mnist")


def write_kmnist(root: Path) -> Path:
    folder = root / "KMNIST" / "raw"
    folder.mkdir(parents=True)
    for file, shape in FILES:
        values = np.zeros(shape, np.uint8) if len(shape) == 3 else np.arange(shape[0]) % 10
        (folder / file).write_bytes(idx_bytes(values))
    return folder


def test_a_whole_data_set_and_its_faults(tmp_path: Path) -> None:
    folder = write_kmnist(tmp_path)
    source = KMNIST(root=str(tmp_path), limit=100)
    splits = load_splits(source.open())
    assert len(splits.train) == 100 and splits.train.x.shape[1:] == (1, 28, 28)
    assert np.bincount(splits.train.y).tolist() == [10] * 10
    assert len(splits.test) == 10_000

    labels = folder / "train-labels-idx1-ubyte"
    good = labels.read_bytes()
    labels.write_bytes(good[:5000] + b"\x0a" + good[5001:])
    with pytest.raises(NotFoundError, match="labels from 0 to 9, but label 4,992 is 10"):
        load_splits(source.open())
    labels.unlink()
    with pytest.raises(NotFoundError) as caught:
        load_splits(source.open())
    assert caught.value.message == f"{labels} is missing" and "tuner download kmnist" in caught.value.fix


@pytest.mark.parametrize(("label_bytes", "classes"), [(1, 10), (2, 100)])
def test_cifar_records_are_read_back(tmp_path: Path, label_bytes: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 3, 32, 32))
    labels = rng.integers(0, classes, 7)
    coarse = [[255]] * 7 if label_bytes == 2 else [[]] * 7
    stored = np.column_stack([np.array(coarse).reshape(7, -1), labels, images.reshape(7, -1)]).astype(np.uint8)
    path = tmp_path / "part.bin"
    path.write_bytes(stored.tobytes())
    x, y = records(path, 7, label_bytes, classes, "cifar10")
    np.testing.assert_array_equal(x, images)
    np.testing.assert_array_equal(y, labels)
    assert x.dtype == np.uint8 and x.flags.c_contiguous and y.dtype == np.int64


def test_a_damaged_cifar_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "part.bin"
    stored = np.zeros((3, 3073), np.uint8)
    stored[2, 0] = 10
    path.write_bytes(stored.tobytes())
    with pytest.raises(NotFoundError, match=r"part.bin is damaged.*label 2 is 10"):
        records(path, 3, 1, 10, "cifar10")
    with pytest.raises(NotFoundError, match="12,292 bytes, but it holds 9,219"):
        records(path, 4, 1, 10, "cifar10")


def test_cifar10_is_five_batches_in_order_and_a_test_batch(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    stored = np.zeros((10_000, 3073), np.uint8)
    stored[:, 0] = np.arange(10_000) % 10
    (folder / "test_batch.bin").write_bytes(stored.tobytes())
    stored[0, 1] = 9
    (folder / "data_batch_1.bin").write_bytes(stored.tobytes())
    for number in range(2, 6):
        (folder / f"data_batch_{number}.bin").hardlink_to(folder / "test_batch.bin")
    raw = CIFAR10().open(tmp_path).read()
    assert raw.x.shape == (50_000, 3, 32, 32) and raw.test_x is not None and raw.test_x.shape == (10_000, 3, 32, 32)
    assert raw.x[0, 0, 0, 0] == 9 and raw.x.sum(dtype=np.int64) == 9
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(NotFoundError, match=r"data_batch_3.bin is missing"):
        load_splits(CIFAR10(root=str(tmp_path)).open())


def test_cifar100_without_files_says_where_they_belong(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no cifar-100-binary/train.bin there"):
        load_splits(CIFAR100(root=str(tmp_path)).open())


def write_mat(path: Path, **held: object) -> Path:
    from scipy.io import savemat

    savemat(path, held)
    return path


def test_svhn_files_are_read_back(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32)).astype(np.uint8)
    labels = np.array([[1], [10], [9], [10]], np.uint8)
    path = write_mat(tmp_path / "some.mat", X=images.transpose(2, 3, 1, 0), y=labels)
    x, y = read_mat(path, 4, "svhn")
    np.testing.assert_array_equal(x, images)
    assert y.tolist() == [1, 0, 9, 0]
    assert x.flags.c_contiguous and x.flags.writeable and y.dtype == np.int64


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"y": np.ones((4, 1), np.uint8)}, "X is not there"),
        ({"X": np.zeros((32, 32, 3, 3), np.uint8), "y": np.ones((4, 1))}, "X is uint8 of shape (32, 32, 3, 3)"),
        ({"X": np.zeros((32, 32, 3, 4)), "y": np.ones((4, 1))}, "X is float64"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8)}, "y is not there"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.ones((3, 1), np.uint8)}, "y is uint8 of shape (3, 1)"),
        ({"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.zeros((4, 1), np.uint8)}, "label 0 is 0"),
    ],
)
def test_a_damaged_svhn_file_is_named(tmp_path: Path, held: dict[str, object], said: str) -> None:
    path = write_mat(tmp_path / "some.mat", **held)
    with pytest.raises(NotFoundError) as caught:
        read_mat(path, 4, "svhn")
    assert str(path) in caught.value.message and said in caught.value.message


@pytest.mark.parametrize("content", [b"", b"no matlab file", b"MATLAB 5.0 MAT-file" + bytes(200), bytes(4000)])
def test_a_file_that_is_no_matlab_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train_32x32.mat").write_bytes(content)
    with pytest.raises(NotFoundError, match=r"train_32x32.mat is damaged"):
        load_splits(SVHN(root=str(tmp_path)).open())


def test_a_truncated_matlab_file_is_named(tmp_path: Path) -> None:
    path = write_mat(tmp_path / "some.mat", X=np.zeros((32, 32, 3, 4), np.uint8), y=np.ones((4, 1), np.uint8))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(NotFoundError, match=r"some.mat is damaged"):
        read_mat(path, 4, "svhn")


def test_embedded_data_needs_no_folder() -> None:
    assert len(load_splits(Digits(root="/nowhere").open()).train) == 1294


def test_a_scikit_learn_with_other_files_is_named() -> None:
    with pytest.raises(NotFoundError, match="should hold 149 rows of 5 numbers, but holds 150 rows of 5"):
        read_table("iris.csv", 149, 5, header=True)
    with pytest.raises(NotFoundError, match=r"absent.csv is missing"):
        read_table("absent.csv", 1, 1, header=False)
    with pytest.raises(NotFoundError, match=r"iris.csv is damaged: could not convert"):
        read_table("iris.csv", 150, 5, header=False)
