"""People's own arrays: .npz files of numpy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tuner.bounds import Either, Null, Number, OneOf, Text
from tuner.choice import Shared, setting
from tuner.data.columns import Column
from tuner.data.files import shown
from tuner.data.npz.facts import LAYOUTS, Facts, Held, Layout, facts_of, shape_of
from tuner.data.source import Dataset, DrawnTest, NumericTarget, Raw, Source
from tuner.data.tabular.facts import known
from tuner.data.tabular.target import target_column
from tuner.errors import ConfigError, Fault, NotFoundError

if TYPE_CHECKING:
    from tuner.data.npz.reading import NpzFile

CHANNELS = (1, 3, 4)
FEW = 20
"""Whole numbers of so many values are usually classes, more are usually numbers."""
SHARE, OWN = Either(OneOf("auto"), Number(ge=0, lt=1)), Shared("a share, or the file's own part")
DRAWN = {"test": 0.2, "validation": 0.1}
"""What `auto` stands for where the file has no such part."""


class Arrays(DrawnTest, NumericTarget, Source, name="arrays", aliases=("npz", "numpy")):
    """Arrays of your own: an .npz file of numpy with x and y, or with parts (train_x, train_y, test_x, test_y, ...).

    Parts are train and, where you have them, test and val. x_train, xtest, train_images and train_labels are
    understood, too; case does not count. A part that the file has is taken as it is; others are drawn.
    x is rows (N, F), sequences (N, T, F) or pictures (N, H, W), (N, C, H, W), (N, H, W, C); uint8 stays as it is, other
    numbers become float32. y is (N,): text, bools and whole numbers are classes, other numbers are numbers. Pickled
    objects are not read.
    Choose it when: your data is in numpy already; `numpy.savez(FILE, x=x, y=y)` writes the file.
    Source: numpy's .npy format, version 1.0 and 2.0 (numpy.lib.format).
    """

    reads_to_open = True

    path: str = setting(
        Text(least=1, words="a path", is_path=True), "the .npz file", shared=Shared("of arrays"), example="my.npz"
    )
    task: str = setting(
        OneOf("auto", "classes", "numbers"),
        "auto: text, bools, whole-number types and numbers of two values are classes, others numbers",
        default="auto",
        shared=Shared("what a target is"),
    )
    layout: str = setting(
        OneOf("auto", "channels_first", "channels_last", "one_channel", "sequences"),
        "what x is. auto: (N, C, H, W) or (N, H, W, C) by which axis is 1, 3 or 4 long; (N, H, W) of bytes is pictures "
        "of one channel, of other numbers sequences (N, T, F)",
        default="auto",
    )
    test: Any = setting(
        Null(SHARE),
        "share of all samples kept for the test, drawn first; auto: the file's own part, else 0.2; "
        "null: data.fold is the test part",
        default="auto",
        shared=OWN,
    )
    validation: Any = setting(
        SHARE,
        "share of the training data kept for validation; auto: the file's own part, else 0.1",
        default="auto",
        shared=OWN,
    )

    def open(self, root: Path | None = None) -> Dataset:  # noqa: ARG002 - it lies where it is said to
        facts = self.facts()
        source, x = self.resolved(facts), facts.pairs["train"].x
        layout, target = self.layout_of(x), self.target_column(facts)
        shape = shape_of(layout, x.shape)
        told = source.describe(shape, target.categories, x.shape[0])
        own = {part: pair.x.shape[0] for part, pair in facts.pairs.items()}
        described = replace(
            told, test_samples=own.get("test", told.test_samples), validation_samples=own.get("validation", 0)
        )

        def read() -> Raw:
            with self.file() as file:
                return file.raw(facts, layout, shape, target)

        return Dataset(source, described, read, tuple(self.notes(facts, layout, target)))

    def file(self) -> NpzFile:
        """The open file. Raises NotFoundError where it is missing or damaged."""
        from tuner.data.npz.reading import NpzFile

        return NpzFile(Path(self.path))

    def facts(self) -> Facts:
        """What a look into the file tells. Raises NotFoundError where it is missing, damaged or no such file."""

        def look() -> Facts:
            with self.file() as file:
                return file.look()

        return known([Path(self.path)], {"name": self.name}, look, facts_of)

    def resolved(self, facts: Facts) -> Self:
        """The source with what `auto` stands for. Raises ConfigError where a part is to be drawn that is there."""
        found, shares = [], {}
        for key, share in DRAWN.items():
            given, own = getattr(self, key), facts.pairs.get(key)
            key_set = "fold" if key == "test" and self.fold else key
            if own and (given != "auto" or key_set == "fold"):
                message = f"{shown(Path(self.path))} has its own {key} part, {own.x.name}: leave {key_set} out"
                token = "" if key_set == "fold" else f"{given}"
                found.append(Fault(message, key=f"data.{key_set}", given=token, allowed="auto" if token else None))
            shares[key] = 0.0 if own else share if given == "auto" else given
        if found:
            raise ConfigError(found)
        return self.replace(**shares)

    def layout_of(self, x: Held) -> Layout:
        """What x is. Raises ConfigError where it cannot be what is said, or the sizes do not say it."""
        possible = LAYOUTS[len(x.shape)]
        wrong = ""
        if self.layout in possible:
            return self.layout
        if self.layout != "auto":
            wrong = f"{x.name} of shape {x.shape} cannot be that"
        elif len(x.shape) == 3:
            return "one_channel" if x.dtype == "uint8" else "sequences"
        elif len(x.shape) == 4:
            fitting = [layout for layout, axis in zip(possible, (1, 3), strict=True) if x.shape[axis] in CHANNELS]
            if len(fitting) == 1:
                return fitting[0]
            which = "both axes 1 and 3" if fitting else "neither axis 1 nor 3"
            wrong = f"{x.name} is of shape {x.shape}: {which} of 0 to 3 can be the channels, by being 1, 3 or 4 long"
        if not wrong:
            return possible[0]
        allowed = ", ".join(possible) if len(x.shape) > 2 else "auto"
        raise ConfigError([Fault(wrong, key="data.layout", given=self.layout, allowed=allowed)])

    def target_column(self, facts: Facts) -> Column:
        """The target: categories are its classes. Raises NotFoundError where nothing can be learned of it."""
        pair = facts.pairs["train"]
        is_text = pair.seen.kind == "category"
        is_auto = is_text or not pair.y.dtype.startswith("float") or pair.seen.distinct == 2
        is_classes = self.task == "classes" or (self.task == "auto" and is_auto)
        totals: Counter[str] = Counter()
        for each in facts.pairs.values():
            totals.update(dict(zip(each.seen.categories, each.seen.counts, strict=True)))
            alien = [name for name in each.seen.categories if name not in pair.seen.categories]
            if is_classes and (alien or bool(each.seen.categories) < bool(pair.seen.categories)):
                has = f"class {alien[0]!r}" if alien else "more classes"
                raise self.wrong(f"{each.y.name} has {has}, and {pair.y.name} has not", "Training needs every class.")
        seen = replace(pair.seen, counts=tuple(totals[name] for name in pair.seen.categories))
        return target_column(seen, "sample", self.wrong, is_classes=is_classes, is_text=is_text)

    def notes(self, facts: Facts, layout: Layout, target: Column) -> list[str]:
        """How the file was understood where it can be otherwise."""
        pair, found = facts.pairs["train"], []
        x, y, seen, classes = pair.x, pair.y, pair.seen, len(target.categories)
        if facts.others:
            more = f" and {len(facts.others) - 10} more" * (len(facts.others) > 10)
            found.append(f"{shown(Path(self.path))}: not used: {', '.join(facts.others[:10])}{more}")
        if self.layout == "auto" and len(x.shape) == 3:
            told = {"one_channel": "pictures of one channel", "sequences": "sequences (N, T, F)"}
            [other] = set(told) - {layout}
            took = f"{x.name} {x.shape} of {x.dtype} for {told[layout]}"
            found.append(f"data.layout: auto takes {took}; {other} says {told[other]}")
        few = seen.categories if len(seen.categories) <= FEW else ()
        if self.task == "auto" and not classes and few and all(float(name).is_integer() for name in few):
            took = f"{y.name}, of {y.dtype}, for numbers, though they are {seen.distinct} whole ones"
            found.append(f"data.task: auto takes {took}; classes says that they are classes")
        if self.task == "auto" and classes > FEW and seen.kind == "number":
            took = f"{y.name}, of {y.dtype}, for {classes:,} classes"
            found.append(f"data.task: auto takes {took}; numbers says that they are numbers")
        return found

    def wrong(self, message: str, fix: str = "") -> NotFoundError:
        """An error about what the file holds."""
        return NotFoundError(f"{shown(Path(self.path))}: {message}", fix=fix)
