"""The data sources against scikit-learn's and torchvision's own: samples, labels, names, geometry, checksums."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tuner.choice import InvalidError, fold
from tuner.data.columns import Column
from tuner.data.embedded import BreastCancer, Diabetes, Digits, Iris, Wine
from tuner.data.generated import Blobs, Circles, Moons
from tuner.data.source import DrawnTest, NumericTarget, Source, faults

NOWHERE = Path("does-not-exist")
ALL = sorted(name for name, source in Source.members.items() if not source.reads_to_open)
EMBEDDED = {
    "digits": "load_digits",
    "iris": "load_iris",
    "wine": "load_wine",
    "breast_cancer": "load_breast_cancer",
    "diabetes": "load_diabetes",
}


def made(name: str) -> Source:
    found = Source.find(name)
    assert found is not None
    return found()


def test_the_sources_of_the_catalogue_are_found() -> None:
    assert {"digits", "iris", "wine", "breast_cancer", "diabetes", "blobs", "circles", "moons"} <= set(ALL)
    assert {"mnist", "fashion_mnist", "kmnist", "cifar10", "cifar100", "svhn"} <= set(ALL)
    assert Source.find("FashionMNIST") is Source.members["fashion_mnist"]
    assert Source.find("CIFAR-10") is Source.members["cifar10"]


@pytest.mark.parametrize("name", Source.members)
def test_a_source_says_what_it_is(name: str) -> None:
    text = Source.members[name].__doc__ or ""
    assert "Choose it when:" in text and "Source:" in text
    for key, field in Source.members[name].fields.items():
        assert field.help, f"{name}.{key} has no help"


@pytest.mark.parametrize("name", ALL)
def test_opening_reads_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNER_DATA", str(tmp_path / "absent"))
    monkeypatch.chdir(tmp_path)
    known = made(name).open().description
    assert known.train_samples > 0 and known.test_samples > 0
    assert bool(known.classes) == (known.target == "class")
    assert faults(made(name).open()) == []


@pytest.mark.parametrize("name", ALL)
def test_only_sources_without_a_test_split_have_the_key_test(name: str) -> None:
    source = Source.members[name]
    assert ("test" in source.fields) == (not source.archives) == isinstance(made(name), DrawnTest)
    assert ("standardize_target" in source.fields) == (made(name).open().description.target == "number")
    assert isinstance(made(name), NumericTarget) == (made(name).open().description.target == "number")
    if source.archives:
        with pytest.raises(InvalidError, match="test"):
            source(test=0.2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("validation", 1.0),
        ("validation", -0.1),
        ("split_seed", -1),
        ("limit", 0),
        ("label_noise", 1.1),
        ("normalize", "Standard"),
        ("order", "class"),
        ("shuffle", 1),
        ("limit", 2.0),
        ("root", 3),
    ],
)
def test_bounds_of_the_shared_settings(key: str, value: Any) -> None:
    with pytest.raises(InvalidError, match=key):
        Digits(**{key: value})


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_tables_are_scikit_learns(name: str) -> None:
    import sklearn.datasets

    options = {"scaled": False} if name == "diabetes" else {}
    bunch = sklearn.datasets.__dict__[EMBEDDED[name]](**options)
    source = made(name)
    dataset = source.open(NOWHERE)
    raw, known = dataset.read(), dataset.description
    assert raw.x.shape == (known.train_samples + known.test_samples, *known.shape)
    np.testing.assert_array_equal(raw.x.reshape(len(raw.y), -1), bunch.data.astype(raw.x.dtype))
    np.testing.assert_array_equal(raw.y, bunch.target.astype(raw.y.dtype))
    if name != "digits":
        assert known.columns == tuple(Column(str(name)) for name in bunch.feature_names)
    if known.target == "class":
        assert known.classes == tuple(str(label) for label in bunch.target_names)


def test_digits_are_stored_as_bytes_of_0_to_16() -> None:
    raw = Digits().open(NOWHERE).read()
    assert raw.x.dtype == np.uint8 and raw.x.shape == (1797, 1, 8, 8) and raw.y.dtype == np.int64
    assert (raw.x.min(), raw.x.max()) == (0, 16)


@pytest.mark.parametrize("source", [Iris(), Wine(), BreastCancer()])
def test_tables_are_float32_with_class_indices(source: Source) -> None:
    raw = source.open(NOWHERE).read()
    assert raw.x.dtype == np.float32 and raw.y.dtype == np.int64


def test_diabetes_has_numbers_to_predict() -> None:
    raw = Diabetes().open(NOWHERE).read()
    assert raw.y.dtype == np.float32 and (raw.y.min(), raw.y.max()) == (25, 346)


def rows(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The labelled points in an order of their own, so that two sets can be compared."""
    table = np.column_stack([y, np.round(x, 5) + 0.0])
    return table[np.lexsort(table.T[::-1])]


@pytest.mark.parametrize("samples", [2, 7, 100])
def test_circles_and_moons_have_scikit_learns_geometry(samples: int) -> None:
    from sklearn.datasets import make_circles, make_moons

    circles = Circles(samples=samples, noise=0.0, factor=0.3).open(NOWHERE).read()
    moons = Moons(samples=samples, noise=0.0).open(NOWHERE).read()
    for raw, (x, y) in (
        (circles, make_circles(samples, noise=None, factor=0.3)),
        (moons, make_moons(samples, noise=None)),
    ):
        np.testing.assert_allclose(rows(raw.x, raw.y), rows(x, y), atol=2e-5)


def test_blobs_have_scikit_learns_geometry() -> None:
    from sklearn.datasets import make_blobs

    source = Blobs(samples=1001, centers=4, features=3, noise=0.0)
    raw = source.open(NOWHERE).read()
    _, y = make_blobs(1001, centers=4, n_features=3, random_state=0)
    np.testing.assert_array_equal(np.bincount(raw.y), np.bincount(y))
    centers = np.array([raw.x[raw.y == label][0] for label in range(4)])
    for label in range(4):
        assert (raw.x[raw.y == label] == centers[label]).all()
    assert (np.abs(centers) <= 10).all()


def test_the_noise_of_generated_points_is_gaussian_of_the_given_width() -> None:
    noisy = Blobs(samples=20_000, centers=2, features=2, noise=2.5).open(NOWHERE).read()
    for label in (0, 1):
        assert noisy.x[noisy.y == label].std(axis=0) == pytest.approx([2.5, 2.5], rel=0.03)
    still, moved = (Moons(samples=20_000, noise=noise).open(NOWHERE).read() for noise in (0.0, 0.2))
    np.testing.assert_array_equal(still.y, moved.y)
    assert (moved.x - still.x).std() == pytest.approx(0.2, rel=0.03)


def test_generated_points_come_from_split_seed_in_mixed_order() -> None:
    first, again, other = (Moons(split_seed=seed).open(NOWHERE).read() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.x, again.x)
    assert not np.array_equal(first.x, other.x)
    assert 400 < np.count_nonzero(np.diff(first.y)) < 600


def torchvision_text(module: str) -> str:
    """The text of one of torchvision's modules; importing it would take seconds."""
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None and spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "datasets" / f"{module}.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "module"), [("mnist", "mnist"), ("fashion_mnist", "mnist"), ("kmnist", "mnist"), ("svhn", "svhn")]
)
def test_checksums_and_mirrors_are_torchvisions(name: str, module: str) -> None:
    text = torchvision_text(module)
    for archive in Source.members[name].archives:
        assert re.search(rf'{archive.file}",\s*"{archive.md5}"', text)
        assert all(mirror in text for mirror in archive.mirrors)


def test_class_names_are_torchvisions() -> None:
    text = torchvision_text("mnist")
    for name in ("fashion_mnist", "kmnist"):
        listed = ", ".join(f'"{label}"' for label in made(name).open().description.classes)
        assert listed in text


def test_cifar100_has_a_hundred_names_in_order() -> None:
    classes = made("cifar100").open().description.classes
    assert len(set(classes)) == 100 and list(classes) == sorted(classes)


def test_names_and_aliases_are_unique() -> None:
    spelled = [fold(word) for source in Source.members.values() for word in (source.name, *source.aliases)]
    assert len(spelled) == len(set(spelled))


def test_loading_digits_imports_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys; from tuner.data.source import Source; from tuner.data.splits import load; "
        "splits = load(Source.find('digits')().open());"
        "bad = {'torch', 'sklearn', 'scipy', 'torchvision', 'matplotlib', 'urllib.request'} & set(sys.modules);"
        "sys.exit(f'imported {bad}' if bad or len(splits.train) != 1294 else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_classes_of_blobs_have_the_shares_that_are_asked_for() -> None:
    for weights, counts in (([9.0, 1.0], [900, 100]), ([0.5, 0.25], [667, 333]), (None, [500, 500])):
        found = Blobs(samples=1000, centers=2, weights=weights).open().read().y
        assert np.bincount(found).tolist() == counts
    assert [key for key, _ in Blobs.clashes({"weights": [1, 2], "centers": 3})] == ["weights"]
    assert not [*Blobs.clashes({"weights": [1, 2, 3], "centers": 3})]
