"""Data with a known fault, and the same data without it: made of the real sets, the same bytes every time.

Each function returns the arrays of one .npz file (parts as `tuner.data.arrays` knows them), or the lines of the .csv
files of a table; `make` writes all of them into a folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Parts = dict[str, Array]
PICTURES, HELD_OUT, CANVAS = 3_000, 1_000, 28
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@cache
def read(name: str) -> Any:
    """All samples of one of tuner's sources, as stored."""
    from tuner.config.load import load

    return load("bench", given=f"data: {{name: {name}}}\n".encode()).dataset.read()


def rng(purpose: str) -> np.random.Generator:
    return np.random.default_rng(list(purpose.encode()))


def drawn(purpose: str, y: Array, count: int) -> Array:
    """Positions of `count` samples, as many of each class as of every other."""
    order, classes = rng(purpose).permutation(len(y)), np.unique(y)
    each = [order[y[order] == one][: count // len(classes)] for one in classes]
    return rng(purpose).permutation(np.concatenate(each))


def mnist() -> Parts:
    """3,000 + 1,000 digits of MNIST: x uint8 (N, 28, 28)."""
    raw = read("mnist")
    train, test = drawn("mnist", raw.y, PICTURES), drawn("mnist test", raw.test_y, HELD_OUT)
    return {"train_x": raw.x[train][:, 0], "train_y": raw.y[train],
            "test_x": raw.test_x[test][:, 0], "test_y": raw.test_y[test]}  # fmt: skip


def digits() -> Parts:
    """1,200 + 597 of scikit-learn's digits: x uint8 (N, 8, 8)."""
    raw = read("digits")
    order = rng("digits").permutation(len(raw.y))
    x, y = raw.x[order][:, 0], raw.y[order]
    return {"train_x": x[:1200], "train_y": y[:1200], "test_x": x[1200:], "test_y": y[1200:]}


def cifar() -> Parts:
    """2,500 + 500 photographs of CIFAR-10 as JPEG: x uint8 (N, 32, 32, 3)."""
    from PIL import Image

    root = Path(os.environ["TUNER_DATA"]) / "cifar10-jpeg"
    parts = {}
    for part, each in (("train", 250), ("test", 50)):
        files = [(file, label) for label, name in enumerate(CIFAR_CLASSES)
                 for file in sorted((root / part / name).glob("*.jpg"))[:each]]  # fmt: skip
        order = rng(f"cifar {part}").permutation(len(files))
        parts[f"{part}_x"] = np.stack([np.asarray(Image.open(files[at][0]).convert("RGB")) for at in order])
        parts[f"{part}_y"] = np.array([files[at][1] for at in order])
    return parts


def canvas() -> Parts:
    """Digits of MNIST at half their size, anywhere in a picture of 28 x 28."""
    found = mnist()
    for part in ("train", "test"):
        small = found[f"{part}_x"].reshape(-1, 14, 2, 14, 2).mean((2, 4))
        places = rng(f"canvas {part}").integers(0, CANVAS - 14, (len(small), 2))
        x = np.zeros((len(small), CANVAS, CANVAS), np.uint8)
        for picture, digit, (row, column) in zip(x, small, places, strict=True):
            picture[row : row + 14, column : column + 14] = digit
        found[f"{part}_x"] = x
    return found


def with_validation(parts: Parts, count: int) -> Parts:
    """The last `count` training samples as the file's own validation part."""
    x, y = parts["train_x"], parts["train_y"]
    return {**parts, "train_x": x[:-count], "train_y": y[:-count], "val_x": x[-count:], "val_y": y[-count:]}


def changed(parts: Parts, change: Callable[[Array], Array], *names: str) -> Parts:
    """The arrays that are called so, changed."""
    return {name: change(array) if name in names else array for name, array in parts.items()}


def scaled(parts: Parts, factor: float, offset: float, *which: str) -> Parts:
    """x as float32 (N, 1, H, W), that of the parts `which` times a factor and moved."""
    names = [f"{part}_x" for part in which]
    floats = {name: array[:, None].astype(np.float32) for name, array in parts.items() if name.endswith("_x")}
    moved = {name: floats[name] * np.float32(factor) + np.float32(offset) for name in names}
    return {**parts, **floats, **moved}


def mislabelled(parts: Parts, *, by_one: bool = False) -> Parts:
    """Labels that belong to other samples: to any, or to the next one."""
    return {name: (np.roll(array, 1) if by_one else rng(name).permutation(array)) if name.endswith("_y") else array
            for name, array in parts.items()}  # fmt: skip


def unequal(parts: Parts, rare: int, total: int, *, is_unequal: bool) -> Parts:
    """`total` training samples: of the upper half of the classes `rare` ones each, or of all classes alike; validation
    and test are left as they are."""
    y = parts["train_y"]
    often = total // 5 - rare if is_unequal else total // 10
    counts = [often] * 5 + [rare if is_unequal else total // 10] * 5
    kept = np.concatenate([np.flatnonzero(y == one)[:count] for one, count in enumerate(counts)])
    kept = rng("unequal").permutation(kept)
    return {**parts, "train_x": parts["train_x"][kept], "train_y": y[kept]}


def noisy(parts: Parts, share: float) -> Parts:
    """A share of the training labels, validation's too where it is made of them, drawn anew."""
    y, draw = parts["train_y"].copy(), rng("noisy")
    chosen = draw.random(len(y)) < share
    y[chosen] = draw.integers(0, 10, chosen.sum())
    return {**parts, "train_y": y}


def with_repeats(parts: Parts, count: int) -> Parts:
    """A validation part that repeats training samples."""
    return {**parts, "val_x": parts["train_x"][:count], "val_y": parts["train_y"][:count]}


def line() -> Parts:
    """y = 5 x, without noise."""
    x = rng("line").uniform(0, 1, (200, 1)).astype(np.float32)
    return {"x": x, "y": (5 * x[:, 0]).astype(np.float32)}


def spread() -> Parts:
    """Three classes by a small second column, beside a large first one that says nothing."""
    draw = rng("spread")
    y = draw.integers(0, 3, 900)
    x = np.stack([draw.normal(0, 3_000, 900), draw.normal(0, 0.3, 900) + y], axis=1)
    return {"x": x.astype(np.float32), "y": y}


ARRAYS: dict[str, Callable[[], Parts]] = {
    "mnist": mnist,
    "digits": digits,
    "cifar": cifar,
    "canvas": canvas,
    "line": line,
    "spread": spread,
    "mnist-own": lambda: with_validation(mnist(), 600),
    "mnist-shuffled": lambda: mislabelled(mnist()),
    "mnist-next": lambda: mislabelled(mnist(), by_one=True),
    "digits-shuffled": lambda: mislabelled(digits()),
    "digits-next": lambda: mislabelled(digits(), by_one=True),
    "cifar-shuffled": lambda: mislabelled(cifar()),
    "mnist-centred": lambda: scaled(with_validation(mnist(), 600), 1 / 127.5, -1, "train", "val", "test"),
    "mnist-centred-train": lambda: scaled(with_validation(mnist(), 600), 1 / 127.5, -1, "train"),
    "mnist-twice": lambda: scaled(mnist(), 1 / 255**2, 0, "train", "test"),
    "digits-large": lambda: scaled(digits(), 1000.0, 0, "train", "test"),
    "digits-small": lambda: scaled(digits(), 1e-4, 0, "train", "test"),
    "mnist-inverted": lambda: changed(with_validation(mnist(), 600), lambda x: 255 - x, "val_x", "test_x"),
    "digits-own": lambda: with_validation(digits(), 300),
    "digits-turned": lambda: changed(with_validation(digits(), 300), lambda x: x[:, :, ::-1].copy(), "val_x", "test_x"),
    "digits-unequal": lambda: unequal(with_validation(digits(), 300), 4, 440, is_unequal=True),
    "digits-equal": lambda: unequal(with_validation(digits(), 300), 4, 440, is_unequal=False),
    "mnist-unequal": lambda: unequal(with_validation(mnist(), 600), 6, 1200, is_unequal=True),
    "mnist-equal": lambda: unequal(with_validation(mnist(), 600), 6, 1200, is_unequal=False),
    "digits-noisy": lambda: with_validation(noisy(digits(), 0.4), 300),
    "digits-noisy-repeats": lambda: with_repeats(noisy(digits(), 0.4), 300),
    "mnist-noisy": lambda: with_validation(noisy(mnist(), 0.4), 600),
    "mnist-noisy-repeats": lambda: with_repeats(noisy(mnist(), 0.4), 600),
}


def given_away(name: str, target: str, is_number: bool) -> dict[str, list[str]]:
    """The lines of a table's training and test rows with one more column: in the training rows it holds the target, as
    a code that somebody noted down later; in the test rows that of other rows."""
    rows = (Path(os.environ["TUNER_DATA"]) / "tabular" / f"{name}.csv").read_text().split()
    head = rows.pop(0) if target in rows[0] else ",".join(f"c{at}" for at in range(rows[0].count(","))) + f",{target}"
    at = head.split(",").index(target)
    rows = [rows[place] for place in rng(f"{name} order").permutation(len(rows))[:1500]]
    cut = len(rows) * 2 // 3
    codes = [row.split(",")[at] for row in rows]
    names = {code: f"{0.5 + 2 * place}" for place, code in enumerate(sorted(set(codes)))}
    told = [f"{float(code) * 1.5 + 1}" if is_number else names[code] for code in codes]
    told[cut:] = [told[cut + other] for other in rng(f"{name} told").permutation(len(rows) - cut)]
    lines = [f"{row},{note}" for row, note in zip(rows, told, strict=True)]
    return {"": [f"{head},note", *lines[:cut]], "-test": [f"{head},note", *lines[cut:]]}


TABLES: dict[str, tuple[str, bool]] = {"phoneme": ("kind", False), "ionosphere": ("kind", False),
                                       "abalone": ("rings", True)}  # fmt: skip
"""Tables of TUNER_DATA without spaces in them, each with what to call its target, and whether that is a number."""


def make(folder: Path) -> None:
    """Writes what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, arrays in ARRAYS.items():
        if not (path := folder / f"{name}.npz").exists():
            np.savez(path.with_suffix(".part.npz"), **arrays())  # type: ignore[arg-type]
            path.with_suffix(".part.npz").rename(path)
    for name, (target, is_number) in TABLES.items():
        for ending, lines in given_away(name, target, is_number).items():
            if not (path := folder / f"{name}-note{ending}.csv").exists():
                path.write_text("\n".join(lines) + "\n")
