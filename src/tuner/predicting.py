"""A trained run or family -> predictions for rows of a table file, a block at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tuner.config import varied
from tuner.data.columns import Column
from tuner.data.npz.reading import NpzFile
from tuner.data.source import Array
from tuner.data.splits import choose
from tuner.data.table import Table
from tuner.data.tabular.blocks import Block, TableFile
from tuner.data.tabular.reading import check_columns, rows_of, unread
from tuner.data.tabular.writing import write_rows
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, UsageError
from tuner.figures import plural
from tuner.paths import reference
from tuner.runs.family import Group, read_group
from tuner.runs.find import results_in
from tuner.trained import Model, model_of

__all__ = ["PREDICTION", "Predictor", "Strange", "predictor", "write_rows"]

ROW, SAMPLE, PREDICTION = "row", "sample", "prediction"
EXAMPLES = 3


def answers(models: Sequence[Model], x: Array) -> tuple[Array, Array | None]:
    """The class names or numbers (N,) for samples as stored, by the mean of the models, and the mean probability of
    each class, float64 (N, classes), where there are any."""
    samples = torch.from_numpy(x)
    outputs = [model.outputs(samples) for model in models]
    first = models[0]
    if not first.classes:
        return np.mean([model.numbers(each) for model, each in zip(models, outputs, strict=True)], axis=0), None
    shares = [model.probabilities(each) for model, each in zip(models, outputs, strict=True)]
    names = np.array(first.classes)
    if any(share is None for share in shares):
        return names[first.config.loss.decide(torch.stack(outputs).mean(dim=0)).numpy()], None
    mean = np.mean([share for share in shares if share is not None], axis=0)
    return names[mean.argmax(axis=1)], mean


@dataclass
class Strange:
    """What was in the rows that training had not seen, counted by column."""

    categories: Counter[str] = field(default_factory=Counter)
    examples: dict[str, dict[str, None]] = field(default_factory=dict)
    outside: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)

    def look(self, model: Model, block: Block, x: Array) -> None:
        """Counts what is strange to the model in some rows, of which `x` is what is stored."""
        low, high = (dict(zip([each.name for column in model.data.columns for each in column.features],
                              model.data.normalize[key], strict=True)) for key in ("low", "high"))  # fmt: skip
        for at, column in enumerate(model.data.columns):
            values = x[:, at]
            if not column.missing and (count := int(np.isnan(values).sum())):
                self.gaps[column.name] += count
            if column.kind in ("category", "boolean"):
                odd = (values < 0) | np.isin(values, column.unseen)
                if odd.any():
                    self.categories[column.name] += int(odd.sum())
                    names = block.cells(column.name).gather(np.flatnonzero(odd)).unique(maintain_order=True)
                    self.examples.setdefault(column.name, {}).update(dict.fromkeys(map(str, names[:EXAMPLES])))
            elif column.kind == "number":
                with np.errstate(invalid="ignore"):
                    beyond = (values < low[column.name]) | (values > high[column.name])
                self.outside[column.name] += int(beyond.sum())

    @property
    def notes(self) -> list[str]:
        """One line for each column with something strange in it."""
        new = "with a category that training did not have"
        told = [f"{name}: {plural(count, 'row')} {new} ({', '.join([*self.examples[name]][:EXAMPLES])})"
                for name, count in self.categories.items()]  # fmt: skip
        told += [f"{name}: {plural(count, 'row')} outside the training range"
                 for name, count in self.outside.items() if count]  # fmt: skip
        return told + [f"{name}: {plural(count, 'row')} without a value, which training never lacked"
                       for name, count in self.gaps.items()]  # fmt: skip


@dataclass(frozen=True)
class Predictor:
    """The finished members of a run or family, which answer together; `folds` are the positions of the rows of their
    own data that each of them was tested on, where they are folds."""

    models: tuple[Model, ...]
    folds: tuple[Array, ...] = ()

    @property
    def first(self) -> Model:
        return self.models[0]

    @property
    def settings(self) -> Table:
        """How files are read: as the run read its own; of data that came otherwise, as files usually are."""
        data = self.first.config.data
        told = data if isinstance(data, Table) else Table(path="-", target=0)
        is_named = not all(re.fullmatch("column_[0-9]+", column.name) for column in self.first.data.columns)
        return told.replace(header=True) if told.header == "auto" and is_named else told

    @property
    def own_files(self) -> list[Path]:
        """Where its own data lies. Raises UsageError for data that is in no file of one's own."""
        data = self.first.config.data
        if isinstance(data, Table):
            return data.paths
        if "path" in data.fields:
            return [Path(data.__dict__["path"])]
        raise UsageError(f"{data.name} is in no file that could be read again", fix="Give one: tuner predict RUN FILE")

    def is_own(self, path: Path) -> bool:
        """Whether a file is one of those that training samples came from."""
        data = self.first.config.data
        tested = getattr(data, "test_path", None)
        with suppress(UsageError, OSError):
            return any(path.samefile(each) for each in self.own_files if str(each) != tested)
        return False

    @property
    def not_inputs(self) -> list[str]:
        """Columns of the run's own data that are no inputs."""
        data, target = self.first.config.data, self.first.data.target
        own = [target] if target else []
        return [*own, *filter(None, [data.id, data.group, *data.drop])] if isinstance(data, Table) else own

    def predict(self, path: Path, keep: Sequence[str], strange: Strange, before: int) -> Iterator[dict[str, Any]]:
        """The columns of each block of rows, which are numbered from `before` on: what names a row, what is kept, the
        prediction, the probabilities. Raises NotFoundError for a file that does not fit the run."""
        if not self.first.data.columns:
            yield from self.of_arrays(path, keep, before)
            return
        columns, settings = self.first.data.columns, self.settings
        with TableFile(path, settings) as table:
            self.name_columns(table)
            check_columns(table, [*(column.name for column in columns), *keep])
            naming = [settings.id] if settings.id and settings.id in table.names else []
            beside = dict.fromkeys([*naming, *keep])
            self.check_heads([*(naming or [ROW]), *keep], table)
            row = before + 1
            blocks = table.blocks()
            for block in blocks:
                try:
                    rows = rows_of(table, block, columns, None, beside)
                except NotFoundError as error:
                    raise unread(table, chain([block], blocks), columns) or error from None
                if not self.folds:
                    strange.look(self.first, block, rows.x)
                numbers = {ROW: np.arange(row, row + len(rows.x))} if not naming else {}
                yield {**numbers, **rows.beside, **self.answered(*self.of_rows(rows.x, row - 1))}
                row += len(rows.x)
            if row == before + 1:  # a head alone has a head for an answer
                none = np.empty((0, len(columns)), np.float32)
                yield {name: [] for name in (*(naming or [ROW]), *keep)} | self.answered(*self.of_rows(none, before))

    def of_arrays(self, path: Path, keep: Sequence[str], sample: int) -> Iterator[dict[str, Any]]:
        """The same for samples of an .npz file."""
        if keep:
            raise UsageError(f"--keep {keep[0]}: samples of {self.first.config.data.name} have no columns")
        with NpzFile(path) as file:
            for x in file.new_samples(self.first.data.shape):
                numbers = np.arange(sample, sample + len(x))
                yield {SAMPLE: numbers, **self.answered(*self.of_rows(x.astype(np.float32), sample))}
                sample += len(x)

    def of_rows(self, x: Array, start: int) -> tuple[Array, Array | None]:
        """The answers for rows, of which the first is that at `start`: of folds by the one that was tested on it."""
        if not self.folds:
            return answers(self.models, x)
        at = np.arange(start, start + len(x))
        found, shares = answers(self.models, x)  # rows that none was tested on, for they had no target, have the mean
        for model, tested in zip(self.models, self.folds, strict=True):
            mine = np.isin(at, tested)
            if mine.any():
                found[mine], own = answers([model], x[mine])
                if shares is not None and own is not None:
                    shares[mine] = own
        return found, shares

    def answered(self, found: Array, shares: Array | None) -> dict[str, Array]:
        """The columns of the answers, by their heads."""
        if shares is None:
            return {PREDICTION: found if self.first.classes else found.astype(np.float32)}
        each = zip(self.first.classes, shares.T.astype(np.float32), strict=True)
        return {PREDICTION: found, **{f"p_{name}": values for name, values in each}}

    def check_heads(self, heads: Sequence[str], table: TableFile) -> None:
        """Raises UsageError where what is kept is called like an answer."""
        own = {PREDICTION, *(f"p_{name}" for name in self.first.classes)}
        if both := sorted(own & set(heads)):
            raise UsageError(f"{both[0]} is a column of {table.path} and of the predictions", fix="Keep it out.")

    def name_columns(self, table: TableFile) -> None:
        """Where columns have no names, a row without its target has one cell less: those behind it move up."""
        target = self.first.data.target
        named = [*(column.name for column in self.first.data.columns), *self.not_inputs]
        numbers = {name: int(name.removeprefix("column_")) for name in named if re.fullmatch("column_[0-9]+", name)}
        has_names = table.dialect is None or table.dialect.header
        if target in numbers and len(numbers) == len(named) and not has_names:
            everything = sorted(numbers, key=lambda name: numbers[name])
            if len(table.names) == len(everything) - 1:
                table.names = [name for name in everything if name != target]


def predictor(group: Group, own_rows: bool) -> Predictor:
    """The models of a run or family. With `own_rows` folds answer for the rows that they were not trained on. Raises
    NotFoundError where none is finished, or a file of one is missing or damaged."""
    runs = [run for run in group.runs.values() if run.state == "finished"]
    if not runs:
        fix = f"`{group.next}` trains it to its end."
        if other := _finished_before(group):
            fix = f"{fix} `tuner predict {reference(other)}` answers with the newest that is finished."
        raise NotFoundError(f"{shown(group.path)} is {group.state}: it has no finished run", fix=fix)
    models = tuple(model_of(run.path) for run in runs)
    plain = [tuple(map(_unfitted, model.data.columns)) for model in models]
    if any(each != plain[0] for each in plain):
        raise NotFoundError(f"the members of {group.path} were trained on different columns", fix="Train them anew.")
    if not own_rows:
        return Predictor(models)
    if varied.column(group.varies) != "fold":
        raise UsageError("which rows? Only folds have some that each was not trained on",
                         fix=f"tuner predict {group.path} FILE")  # fmt: skip
    tested = []
    for model in models:
        dataset = model.config.data.open()
        tested.append(choose(dataset, dataset.read()).test)
    return Predictor(models, tuple(each for each in tested if each is not None))


def _finished_before(group: Group) -> Path | None:
    """The newest finished run or group of the same name beside this one."""
    for path, name in results_in(group.path.parent):
        with suppress(NotFoundError):  # a damaged one is none
            if name == group.first.name and path != group.path and read_group(path).state == "finished":
                return path
    return None


def _unfitted(column: Column) -> Column:
    return replace(column, fills=(), first=0.0, unseen=())
