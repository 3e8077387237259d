"""MNIST and the two data sets made in its image: IDX files in torchvision's folders, plain or gzipped."""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path

from tuner.data.files import check_labels, damaged, read_bytes, stored
from tuner.data.source import Archive, Array, Raw, Source

TRAIN, TEST = 60_000, 10_000
SIDE = 28
SHAPE = (1, SIDE, SIDE)
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
FILES = (
    ("train-images-idx3-ubyte", (TRAIN, SIDE, SIDE)),
    ("train-labels-idx1-ubyte", (TRAIN,)),
    ("t10k-images-idx3-ubyte", (TEST, SIDE, SIDE)),
    ("t10k-labels-idx1-ubyte", (TEST,)),
)


def archives(folder: str, mirrors: tuple[str, ...], md5s: str) -> tuple[Archive, ...]:
    """The four files of a data set, each gzipped on its own; MD5s of the .gz files in the order of FILES."""
    return tuple(
        Archive(f"{file}.gz", md5, mirrors, f"{folder}/raw", ((f"{folder}/raw/{file}", idx_size(shape)),))
        for (file, shape), md5 in zip(FILES, md5s.split(), strict=True)
    )


def idx_size(shape: tuple[int, ...]) -> int:
    """Bytes of an IDX file of unsigned bytes: the magic number, one word a dimension, the data."""
    return 4 + 4 * len(shape) + prod(shape)


def read(source: Source, folder: Path) -> Raw:
    place = folder / source.archives[0].folder
    x, y, test_x, test_y = (read_idx(place / file, shape, source.name) for file, shape in FILES)
    for labels, (file, _) in ((y, FILES[1]), (test_y, FILES[3])):
        check_labels(labels, range(10), place / file, source.name)
    return Raw(x[:, None], y.astype("int64"), test_x[:, None], test_y.astype("int64"))


class MNIST(Source, name="mnist"):
    """70,000 handwritten digits, grey images of 28 x 28 pixels in ten classes (60,000 + 10,000 for the test).

    Choose it when: you want the data set that every result is known for. A linear model gets 92 % of the test samples
    right, a network of one hidden layer 98 %, a small convolutional one 99 %.
    Source: LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86; made from NIST's Special Databases 1 and 3; licence CC BY-SA 3.0.
    """

    archives = archives(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        """
        f68b3c2dcbeaaa9fbdd348bbdeb94873 d53e105ee54ea40749a09fcbcd1e9432
        9fb629c4189551a2d022fa330f9573f3 ec29112dd5afa0611ce80d1b7f02629c
        """,
    )

    open = stored(SHAPE, tuple("0123456789"), (TRAIN, TEST), read)


class FashionMNIST(Source, name="fashion_mnist"):
    """70,000 pictures of clothes, grey images of 28 x 28 pixels in ten classes (60,000 + 10,000 for the test).

    Choose it when: MNIST is too easy to tell two settings apart. A linear model gets 84 % of the test samples right, a
    network of one hidden layer 89 %, a small convolutional one 92 %.
    Source: Xiao, Rasul, Vollgraf (2017), "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", arXiv:1708.07747; Zalando; licence MIT.
    """

    archives = archives(
        "FashionMNIST",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        """
        8d4fb7e6c68d591d4c3dfef9ec88bf0d 25c81989df183df01b3e8a0aad5dffbe
        bef4ecab320f06d8554ea6380940ec79 bb300cfdad3c16e7a12a480ee83cd310
        """,
    )

    open = stored(SHAPE, CLOTHES, (TRAIN, TEST), read)


class KMNIST(Source, name="kmnist", aliases=("kuzushiji_mnist",)):
    """70,000 handwritten cursive Japanese characters, grey images of 28 x 28 pixels in ten classes (60,000 + 10,000).

    Choose it when: you want MNIST's form with classes whose members look less alike. The test writers differ from the
    training ones, so validation is clearly better than the test: a gap that is not overfitting.
    Source: Clanuwat, Bober-Irizar, Kitamoto, Lamb, Yamamoto, Ha (2018), "Deep Learning for Classical Japanese
    Literature", arXiv:1812.01718; licence CC BY-SA 4.0.
    """

    archives = archives(
        "KMNIST",
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        """
        bdb82020997e1d708af4cf47b453dcf7 e144d726b3acfaa3e44228e80efcd344
        5c965bf0a639b31b8f53240b1b52f4d7 7320c461ea6c1c855c0b718fb2a4b134
        """,
    )

    open = stored(SHAPE, ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), (TRAIN, TEST), read)


def read_idx(path: Path, shape: tuple[int, ...], name: str) -> Array:
    """The unsigned bytes of an IDX file that must have this shape.

    The format, of LeCun's MNIST page: two zero bytes, the type (8: unsigned byte), the number of dimensions, each
    dimension as a big-endian word of 32 bits, the data with the last dimension running fastest.
    Raises NotFoundError where the file is missing or holds anything else.
    """
    data = read_bytes(path, idx_size(shape), name)
    start = 4 + 4 * len(shape)
    header = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
    if data[:start].tobytes() != header:
        expected = f"an IDX header for {' x '.join(map(str, shape))} unsigned bytes"
        raise damaged(path, expected, f"it starts with {data[:start].tobytes().hex(' ')}", name)
    return data[start:].reshape(shape)
