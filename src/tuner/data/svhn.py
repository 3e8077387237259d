"""Street View House Numbers, cropped digits, in the MATLAB files they are published in."""

from __future__ import annotations

from pathlib import Path

from tuner.data.files import check_labels, damaged, how_to_get, is_file, shown, stored, unreadable
from tuner.data.source import Archive, Array, Raw, Source
from tuner.errors import NotFoundError

MIRRORS = ("http://ufldl.stanford.edu/housenumbers/",)
TRAIN, TEST = 73_257, 26_032


def read(source: Source, folder: Path) -> Raw:
    x, y = read_mat(folder / "train_32x32.mat", TRAIN, source.name)
    return Raw(x, y, *read_mat(folder / "test_32x32.mat", TEST, source.name))


class SVHN(Source, name="svhn"):
    """99,289 digits from photographs of house numbers: colour images, 32 x 32 pixels, ten classes (73,257 + 26,032).

    Choose it when: you want digits that are harder than MNIST's, with neighbouring digits and bad light in the
    picture. The classes are unequal: a fifth of all samples are the digit 1, so guessing gets 20 % right.
    Source: Netzer, Wang, Coates, Bissacco, Wu, Ng (2011), "Reading Digits in Natural Images with Unsupervised Feature
    Learning", NIPS workshop; for non-commercial use only. The `extra` part is not used.
    """

    archives = tuple(
        Archive(file, md5, MIRRORS, "", ((file, size),))
        for file, md5, size in (
            ("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", 182_040_794),
            ("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", 64_275_384),
        )
    )

    open = stored((3, 32, 32), tuple("0123456789"), (TRAIN, TEST), read)


def read_mat(path: Path, samples: int, name: str) -> tuple[Array, Array]:
    """Images (N, 3, 32, 32) from the file's X (32, 32, 3, N), labels from its y (N, 1), where 10 stands for digit 0.

    Raises NotFoundError where the file is missing or holds anything else.
    """
    from scipy.io import loadmat

    if not is_file(path):
        raise NotFoundError(f"{shown(path)} is missing", fix=how_to_get(name))

    try:
        held = loadmat(path, variable_names=["X", "y"])
    except MemoryError:
        raise
    except PermissionError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # scipy gives no common error for a file that is not what it seems
        raise damaged(path, "a MATLAB file of images", f"reading it stops with: {error}", name) from error
    x, y = held.get("X"), held.get("y")
    found = ["not there" if each is None else f"{each.dtype} of shape {each.shape}" for each in (x, y)]
    if x is None or x.shape != (32, 32, 3, samples) or x.dtype != "uint8":
        raise damaged(path, f"X, unsigned bytes of shape (32, 32, 3, {samples})", f"X is {found[0]}", name)
    if y is None or y.size != samples or y.dtype.kind not in "ui":
        raise damaged(path, f"y, {samples} whole numbers", f"y is {found[1]}", name)
    labels = y.reshape(-1).astype("int64")
    check_labels(labels, range(1, 11), path, name)
    return x.transpose(3, 2, 0, 1).copy(), labels % 10
