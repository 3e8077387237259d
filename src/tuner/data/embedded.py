"""Small tables that come with scikit-learn. Their files are read with numpy: importing scikit-learn costs seconds."""
# ruff: noqa: ARG002 - `root` does not matter to what comes with scikit-learn

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from tuner.data.columns import Column
from tuner.data.files import is_file
from tuner.data.source import Array, Dataset, DrawnTest, NumericTarget, Raw, Source
from tuner.errors import NotFoundError

FLOWER = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
SUBSTANCES = """
    alcohol malic_acid ash alcalinity_of_ash magnesium total_phenols flavanoids nonflavanoid_phenols proanthocyanins
    color_intensity hue od280/od315_of_diluted_wines proline
"""
MEASURES = "radius,texture,perimeter,area,smoothness,compactness,concavity,concave points,symmetry,fractal dimension"
NUCLEI = tuple(form.format(name) for form in ("mean {}", "{} error", "worst {}") for name in MEASURES.split(","))
PATIENT = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


def class_table(file: str, samples: int, classes: tuple[str, ...], columns: tuple[str, ...]) -> Callable[..., Dataset]:
    """The `open` of a table with a line of its sizes first and the class in the last column."""

    def read() -> Raw:
        table = read_table(file, samples, len(columns) + 1, header=True)
        return Raw(table[:, :-1].astype("float32"), table[:, -1].astype("int64"))

    def open_table(self: Iris | Wine | BreastCancer, root: Path | None = None) -> Dataset:  # noqa: ARG001
        known = self.describe((len(columns),), classes, samples, tuple(map(Column, columns)))
        return Dataset(self, known, read)

    return open_table


class Digits(DrawnTest, Source, name="digits"):
    """1,797 handwritten digits, grey images of 8 x 8 pixels with values from 0 to 16, in ten classes.

    Choose it when: you want to see a whole run in seconds, without a download. A linear model gets about 95 % of the
    test samples right, a small network about 98 %, so small differences between settings are within the noise.
    Source: Alpaydin and Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    licence CC BY 4.0; the copy that scikit-learn ships (the test part of the original).
    """

    def open(self, root: Path | None = None) -> Dataset:
        return Dataset(self, self.describe((1, 8, 8), tuple("0123456789"), 1797), self.read)

    def read(self) -> Raw:
        table = read_table("digits.csv.gz", 1797, 65, header=False)
        return Raw(table[:, :64].astype("uint8").reshape(-1, 1, 8, 8), table[:, 64].astype("int64"))


class Iris(DrawnTest, Source, name="iris"):
    """150 iris flowers of three species: four lengths and widths in centimetres.

    Choose it when: you want the smallest table there is. With 30 test samples one error is 3 percentage points, so
    use it to try things out, not to compare them.
    Source: Fisher (1936), "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7, with the
    measurements as printed there; UCI Machine Learning Repository, licence CC BY 4.0; the copy that scikit-learn ships.
    """

    open = class_table("iris.csv", 150, ("setosa", "versicolor", "virginica"), FLOWER)


class Wine(DrawnTest, Source, name="wine"):
    """178 wines from three cultivators: 13 chemical measurements in very different units.

    Choose it when: you want to see what normalisation does; the columns' scales differ by a factor of 1,000.
    Source: Aeberhard and Forina (1992), "Wine", UCI Machine Learning Repository, licence CC BY 4.0; the copy that
    scikit-learn ships.
    """

    open = class_table("wine_data.csv", 178, ("class_0", "class_1", "class_2"), tuple(SUBSTANCES.split()))


class BreastCancer(DrawnTest, Source, name="breast_cancer"):
    """569 tumours, malignant or benign: 30 measurements of cell nuclei.

    Choose it when: you want a table with two classes of unequal size (212 malignant, 357 benign), e.g. for
    binary_cross_entropy or class_weights. A linear model is right on about 97 %.
    Source: Wolberg, Mangasarian, Street, Street (1993), "Breast Cancer Wisconsin (Diagnostic)", UCI Machine Learning
    Repository, licence CC BY 4.0; the copy that scikit-learn ships.
    """

    open = class_table("breast_cancer.csv", 569, ("malignant", "benign"), NUCLEI)


class Diabetes(DrawnTest, NumericTarget, Source, name="diabetes"):
    """442 diabetes patients: ten measurements, and how far the disease had gone a year later, a number from 25 to 346.

    Choose it when: you want to try regression (loss mse, mae or huber) without a download. The noise is high: an r2
    of 0.5 is good, and a linear model gets there.
    Source: Efron, Hastie, Johnstone, Tibshirani (2004), "Least Angle Regression", Annals of Statistics 32; the copy
    that scikit-learn ships, as measured (not the centred one); no licence stated.
    """

    def open(self, root: Path | None = None) -> Dataset:
        return Dataset(self, self.describe((10,), (), 442, tuple(map(Column, PATIENT))), self.read)

    def read(self) -> Raw:
        x = read_table("diabetes_data_raw.csv.gz", 442, 10, header=False, delimiter=None)
        y = read_table("diabetes_target.csv.gz", 442, 1, header=False, delimiter=None)
        return Raw(x.astype("float32"), y[:, 0].astype("float32"))


def read_table(file: str, rows: int, columns: int, *, header: bool, delimiter: str | None = ",") -> Array:
    """The numbers of one of scikit-learn's text files, float64 of shape (rows, columns).

    Raises NotFoundError where scikit-learn or the file is missing or the file holds something else.
    """
    import numpy as np

    path = folder() / file
    fix = "install scikit-learn again: pip install --force-reinstall scikit-learn"
    if not is_file(path):
        raise NotFoundError(f"{path} is missing", fix=fix)
    try:
        table = np.loadtxt(path, delimiter=delimiter, skiprows=1 if header else 0, ndmin=2, encoding="ascii")
    except (ValueError, EOFError, OSError) as error:
        raise NotFoundError(f"{path} is damaged: {error}", fix=fix) from error
    if table.shape != (rows, columns):
        found = f"{table.shape[0]} rows of {table.shape[1]}"
        raise NotFoundError(
            f"{path} is damaged: it should hold {rows} rows of {columns} numbers, but holds {found}", fix=fix
        )
    return table


def folder() -> Path:
    """Where scikit-learn keeps its data files; found without importing it."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise NotFoundError("scikit-learn is not installed; this data comes with it", fix="pip install scikit-learn")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data"
