"""CIFAR-10 and CIFAR-100 in their binary form; the Python form is pickled, and tuner reads no pickles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tuner.data.files import check_labels, read_bytes, stored
from tuner.data.source import Archive, Array, Dataset, Raw, Source

SHAPE = (3, 32, 32)
PIXELS = 3072
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")

FINE = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
    caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant
    flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
    motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate
    poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
    wardrobe whale willow_tree wolf woman worm
"""


def archive(name: str, md5: str, folder: str, label_bytes: int, samples: dict[str, int]) -> tuple[Archive]:
    """What is downloaded: one archive of one folder; `samples` are those of each file, the last one the test's."""
    unpacks = tuple((f"{folder}/{file}.bin", count * (label_bytes + PIXELS)) for file, count in samples.items())
    return (Archive(f"{name}-binary.tar.gz", md5, ("https://www.cs.toronto.edu/~kriz/",), "", unpacks),)


def opened(label_bytes: int, classes: tuple[str, ...]) -> Callable[..., Dataset]:
    def read(source: Source, folder: Path) -> Raw:
        import numpy as np

        *training, (test_x, test_y) = (
            records(folder / file, size // (label_bytes + PIXELS), label_bytes, len(classes), source.name)
            for file, size in source.archives[0].unpacks
        )
        return Raw(np.concatenate([x for x, _ in training]), np.concatenate([y for _, y in training]), test_x, test_y)

    return stored(SHAPE, classes, (50_000, 10_000), read)


class CIFAR10(Source, name="cifar10"):
    """60,000 photographs, colour images of 32 x 32 pixels in ten classes (50,000 + 10,000 for the test).

    Choose it when: you want natural images that train in minutes and leave room for convolutions, augmentation and
    regularisation to show. A linear model gets 40 % of the test samples right, an mlp 55 %, a small convolutional
    network 70 to 80 %.
    Source: Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images", technical report, University
    of Toronto; no licence stated.
    """

    archives = archive(
        "cifar-10", "c32a1d4ab5d03f1284b67883e8d87530", "cifar-10-batches-bin", 1, dict.fromkeys(BATCHES, 10_000)
    )
    open = opened(1, ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"))


class CIFAR100(Source, name="cifar100"):
    """60,000 photographs, colour images of 32 x 32 pixels in a hundred classes (50,000 + 10,000 for the test).

    Choose it when: you want many classes with few samples each (500): regularisation and label smoothing matter more
    than on CIFAR-10. The labels are the fine ones; guessing gets 1 % right, a small convolutional network 40 %.
    Source: Krizhevsky (2009), "Learning Multiple Layers of Features from Tiny Images", technical report, University
    of Toronto; no licence stated.
    """

    archives = archive(
        "cifar-100", "03b5dce01913d631647c71ecec9e9cb8", "cifar-100-binary", 2, {"train": 50_000, "test": 10_000}
    )
    open = opened(2, tuple(FINE.split()))


def records(path: Path, samples: int, label_bytes: int, classes: int, name: str) -> tuple[Array, Array]:
    """Images (N, 3, 32, 32) and labels of one file; the last of a record's label bytes is the (fine) class.

    A record is its label bytes, then 1,024 bytes each of red, green and blue, row by row (the CIFAR page).
    Raises NotFoundError where the file is missing, of another size, or has a label out of range.
    """
    data = read_bytes(path, samples * (label_bytes + PIXELS), name).reshape(samples, label_bytes + PIXELS)
    labels = data[:, label_bytes - 1].astype("int64")
    check_labels(labels, range(classes), path, name)
    return data[:, label_bytes:].copy().reshape(samples, *SHAPE), labels
