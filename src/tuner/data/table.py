"""People's own tables: csv, tsv, parquet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from tuner.bounds import Either, Flag, Integer, ListOf, MapOf, Null, OneOf, Text
from tuner.choice import Shared, nearest, setting
from tuner.data.columns import KINDS, Column, features
from tuner.data.files import shown
from tuner.data.source import Dataset, Description, DrawnTest, NumericTarget, Source
from tuner.data.tabular.facts import ASKED, Facts, Seen, facts_of, known
from tuner.data.tabular.target import target_column
from tuner.errors import ConfigError, Fault, NotFoundError
from tuner.figures import plural, some

FILE, NAME = Text(least=1, words="a path", is_path=True), Text(least=1, words="the name of a column")
AUTO = OneOf("auto")
LEAST_GAPS = 10
"""Rows without a number from which on a column says so: of fewer, a network would learn them by heart."""


class Table(DrawnTest, NumericTarget, Source, name="table", aliases=("csv", "tsv", "parquet")):
    """A table of your own: a .csv, .tsv or .parquet file (text also as .gz), or several with the same columns.

    What each column is, is told by its cells: numbers; two values; dates (year, month, weekday, hour, days since the
    first training row); categories, of which those with more than `one_hot` values are learned as an embedding. Missing
    numbers become the training part's median, with a column that says so where 10 rows or more lack it; missing
    categories are one of their own.
    Columns stand in the order of their names, whatever their order in the file.
    Choose it when: your data is rows with a column to predict; `tuner init FILE --target COLUMN` writes the config.
    Source: for robust numbers, embeddings and one-hot of few categories: Holzmueller, Grinsztajn, Steinwart (2024),
    "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular Data".
    """

    reads_to_open = True
    either = ("test", "fold", "test_path")
    remedy = "`tuner init FILE --target COLUMN` writes a config for your file"

    path: str | list[str] = setting(
        Either(FILE, ListOf(FILE, least=1, most=1_000)), "the file, or several of them", shared=Shared("of a table")
    )
    target: str | int = setting(Either(NAME, Integer()), "the column to predict: its name, or its number from 0 on")
    task: str = setting(
        OneOf("auto", "classes", "numbers"),
        "auto: texts and columns of two values are classes, others numbers",
        default="auto",
        shared=Shared("what a target is"),
    )
    header: bool | str = setting(
        Either(Flag(), AUTO), "whether the first line holds names; without, columns are column_1, ...", default="auto"
    )
    delimiter: str = setting(
        Text(pattern=r"^([\t -!#-~]|auto)$", words="one character or auto", options=("auto",)),
        "what stands between cells",
        default="auto",
    )
    decimal: str = setting(OneOf("auto", ".", ","), "what stands before the fraction of a number", default="auto")
    thousands: str = setting(
        Text(pattern=r"^([^\n]?|auto)$", words="one character, '' or auto", options=("auto",)),
        "what stands between groups of three digits",
        default="auto",
    )
    encoding: str = setting(
        Text(least=1, words="an encoding or auto"), "of the text: utf-8, cp1252, ...", default="auto"
    )
    missing: list[str] = setting(
        ListOf(Text(), most=1_000),
        "cells that stand for no value",
        default=["", "NA", "NaN", "n/a", "null", "?", "-"],
    )
    columns: str | dict[str, str] = setting(
        Either(AUTO, MapOf(OneOf(*KINDS))), "what columns are, where their cells do not tell", default="auto"
    )
    drop: list[str] = setting(ListOf(NAME, most=10_000), "columns that are no input", default=[])
    id: str | None = setting(
        Null(NAME), "a column that names the row: no input, and `tuner predict` hands it on", default=None
    )
    one_hot: int = setting(Integer(ge=1, le=10_000), "categories up to which each has an input of its own", default=9)
    embedding: int = setting(
        Integer(ge=1, le=1_024), "numbers that each category of a column with more is learned as", default=8
    )
    missing_target: str = setting(OneOf("error", "drop"), "what becomes of rows without a target", default="error")
    positive: str | int | None = setting(
        Null(Either(NAME, Integer())),
        "of two classes the one that f1, auc and average_precision are about",
        default=None,
    )
    test_path: str | None = setting(
        Null(FILE), "a file with the test part; null: data.test or data.fold draws it", default=None
    )
    group: str | None = setting(
        Null(NAME), "a column whose equal values stay in one part (a patient, a user); no input", default=None
    )
    time: str | None = setting(
        Null(NAME),
        "a column of dates or numbers: the newest rows are the test part, those before the validation part",
        default=None,
    )
    duplicates: str = setting(
        OneOf("together", "drop", "keep"),
        "together: rows with equal inputs stay in one part; drop: of equal rows the first is kept; keep: nothing",
        default="together",
    )  # fmt: skip

    @classmethod
    def clashes(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield from super().clashes(values)
        for key in ("fold", "group"):
            if values.get("time") is not None and values.get(key) is not None:
                yield key, "goes not with data.time, by which the parts are cut"

    @property
    def paths(self) -> list[Path]:
        """The files of training and validation, then that of the test part, if it has one."""
        own = [self.path] if isinstance(self.path, str) else self.path
        return [Path(each) for each in (*own, *([self.test_path] if self.test_path else []))]

    def open(self, root: Path | None = None) -> Dataset:  # noqa: ARG002 - it lies where it is said to
        facts = self.facts()
        seen = {each.name: each for each in facts.columns}
        target_name = self.checked(list(seen))
        target = self.target_column(seen[target_name])
        apart = {target_name, self.id, self.group, *self.drop}
        columns = tuple(self.input_column(seen[name]) for name in ordered(seen) if name not in apart)
        if not columns:
            raise self.wrong("no column is left as an input", "Take some out of data.drop.")
        gaps = seen[target_name].missing_in if self.missing_target == "drop" else (0,) * len(facts.rows)
        rows = [count - gap for count, gap in zip(facts.rows, gaps, strict=True)]
        shape, classes = (len(features(columns)),), target.categories
        if self.test_path:
            kind: Any = "class" if classes else "number"
            known = Description(shape, kind, classes, sum(rows[:-1]), rows[-1], columns, target_name)
        else:
            known = replace(self.describe(shape, classes, sum(rows), columns), target_name=target_name)
        known = replace(known, positive=self.positive_class(target))
        time = self.input_column(seen[self.time]) if self.time else None
        notes = self.notes(facts, columns, target)
        return Dataset(self, known, lambda: reading().raw_of(self, facts, columns, target, time), notes)

    def facts(self) -> Facts:
        """What a look through the files tells. Raises NotFoundError where one is missing, damaged or no table."""
        asked = {key: getattr(self, key) for key in ASKED}
        found: Facts = known(self.paths, asked, lambda: reading().look(self.paths, self), facts_of)
        return found

    def checked(self, names: list[str]) -> str:
        """The name of the target. Raises ConfigError for settings that name columns that there are not."""
        found = []
        target = self.target
        if isinstance(target, int) and -len(names) <= target < len(names):
            target = names[target]
        asked: dict[str, Sequence[Any]] = {
            "target": [target],
            "id": [self.id],
            "group": [self.group],
            "time": [self.time],
            "drop": self.drop,
        }
        asked["columns"] = list(self.columns) if isinstance(self.columns, dict) else []
        for key, given in asked.items():
            for name in given:
                if name is not None and name not in names:
                    near = nearest(str(name), names)
                    found.append(Fault(f"{shown(self.paths[0])} has no column {name}", key=f"data.{key}",
                                       given=str(name), allowed=some(names, 30), suggestion=near))  # fmt: skip
        for key in ("id", "group", "time"):
            if not found and getattr(self, key) == target:
                found.append(Fault(f"{target} is the target", key=f"data.{key}", given=str(target)))
        if found:
            raise ConfigError(found)
        return str(target)

    def target_column(self, seen: Seen) -> Column:
        """The target: categories are its classes. Raises NotFoundError where nothing can be learned of it."""
        if seen.missing and self.missing_target == "error":
            what = f"the target {seen.name} is missing in {seen.missing:,} row{'s' * (seen.missing > 1)}"
            raise self.wrong(what, "Fill it in, or data.missing_target: drop leaves these rows out.")
        is_classes = self.task == "classes" or (self.task == "auto" and seen.kind in ("category", "boolean"))
        is_text = seen.kind in ("category", "date") or (seen.kind == "boolean" and seen.low == seen.high)
        return target_column(seen, "row", self.wrong, is_classes=is_classes, is_text=is_text)

    def positive_class(self, target: Column) -> int | None:
        """The index of the positive class. Raises ConfigError where it is none of two."""
        if self.positive is None:
            return None
        if len(target.categories) != 2 or str(self.positive) not in target.categories:
            has = f"{len(target.categories)} classes" if target.categories else "numbers"
            message = (
                f"{target.name} has {has}" if len(target.categories) != 2 else f"no class is called {self.positive}"
            )
            allowed = " or ".join(target.categories) if len(target.categories) == 2 else "null: it is about two classes"
            raise ConfigError([Fault(message, key="data.positive", given=str(self.positive), allowed=allowed)])
        return target.categories.index(str(self.positive))

    def notes(self, facts: Facts, columns: Sequence[Column], target: Column) -> tuple[str, ...]:
        """How the files are written and what their columns are, in what units a loss is, and which of the columns can
        hardly be learned from."""
        counts = Counter(column.kind for column in columns)
        kinds = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
        name, total = self.paths[0].name, sum(facts.rows)
        told = [f"{name}: {facts.dialect}; {plural(total, 'row')}; inputs: {kinds}"]
        if not target.categories and self.standardize_target:
            told.append(f"losses are of {target.name} in standard deviations; all else is in its own units")
        if self.group:
            why = "stay in one part, so that the parts are only about as large as asked for"
            told.append(f"data.group: rows of one {self.group} {why}; it is no input")
        many = [column for column in columns if column.kind == "category" and 2 * len(column.categories) > total > 20]
        why = f"categories in {total:,} rows: hardly any comes again"
        return (*told, *(f"{each.name} has {len(each.categories):,} {why}; data.drop: [{each.name}] leaves it out"
                         for each in many))  # fmt: skip

    def input_column(self, seen: Seen) -> Column:
        """The column as an input."""
        if seen.kind == "category" and not seen.categories:
            what = f"column {seen.name!r} has more different texts than a network can learn"
            raise self.wrong(what, f"leave it out: data.drop: [{seen.name}]")
        categories = seen.categories if seen.kind in ("category", "boolean") else ()
        size = self.embedding if seen.kind == "category" and len(categories) > self.one_hot else 0
        form, flagged = seen.form if seen.kind == "date" else "", bool(categories) or not 0 < seen.missing < LEAST_GAPS
        return Column(seen.name, seen.kind, categories, seen.missing, size, form, flagged=flagged)

    def wrong(self, message: str, fix: str = "") -> NotFoundError:
        """An error about what the files hold."""
        return NotFoundError(f"{shown(self.paths[0])}: {message}", fix=fix)


def reading() -> ModuleType:
    """What reads tables: polars and numpy are imported when a file is looked into."""
    from tuner.data.tabular import reading

    return reading


def ordered(names: Iterable[str]) -> list[str]:
    """Columns in the order in which they are inputs, whatever their order in the file: column_2 before column_10."""
    return sorted(
        names, key=lambda name: [part.zfill(20) if part.isdigit() else part for part in re.split("([0-9]+)", name)]
    )
