"""A first look through a table: what each column is, told by all its cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.data.columns import Kind, in_order, text_of
from tuner.data.source import Array
from tuner.data.tabular.blocks import TableFile
from tuner.data.tabular.cells import DATES, days, numbers
from tuner.data.tabular.dialect import Dialect
from tuner.data.tabular.facts import Facts, Seen
from tuner.data.tabular.frames import pl
from tuner.errors import NotFoundError

MOST_CATEGORIES, TRACKED_NUMBERS = 10_000, 1_000
MOSTLY = 0.9
"""A column of which this share is numbers is one of numbers with mistakes in it."""


def look(paths: Sequence[Path], settings: Any) -> Facts:
    """Reads the files once. Raises NotFoundError for what is damaged, or no table; for columns that are not what
    ``settings.columns`` says; for text in a column of numbers."""
    kinds: Mapping[str, Kind] = settings.columns if isinstance(settings.columns, Mapping) else {}
    looks: dict[str, Look] = {}
    rows, dialects = [], []
    for path in paths:
        with TableFile(path, settings) as table:
            looks = looks or {name: Look(name, kinds.get(name)) for name in table.names}
            if differing := sorted(set(looks) ^ set(table.names)):
                told = ", ".join(map(repr, differing[:5]))
                raise table.wrong(f"has not the columns of {paths[0].name}: they differ in {told}")
            rows.append(0)
            dialects.append("parquet" if table.dialect is None else table.dialect.words)
            for each in looks.values():
                each.missing.append(0)
            for block in table.blocks():
                rows[-1] += len(block.frame)
                frame = block.cleaned
                for name, each in looks.items():
                    each.add(frame[name], block.lines, table)
            if not rows[-1]:
                raise table.wrong("has no rows, only a header")
    return Facts(tuple(rows), tuple(all_seen(looks.values())), dialects[0])


def all_seen(looks: Iterable[Look]) -> Iterator[Seen]:
    """What the columns are. Raises NotFoundError where that is not clear of some, which are all told."""
    unclear = []
    for each in looks:
        try:
            yield each.seen()
        except NotFoundError as error:
            unclear.append(error)
    if unclear:
        fixes = dict.fromkeys(error.fix for error in unclear)
        raise NotFoundError("\n".join(error.message for error in unclear), fix="\n".join(fixes))


@dataclass
class Look:
    """One column, as far as it was read. `values` counts its distinct texts or numbers, None where they are too many;
    `table` is the file read last, `missing` has a count a file, `whole` is whether all are whole numbers, `padded`
    whether one of them begins with 0, `bad` is the first cell that is no number, with its file and where it stands."""

    name: str
    asked: Kind | None
    table: TableFile | None = None
    values: Counter[Any] | None = field(default_factory=Counter)
    missing: list[int] = field(default_factory=list)
    numbers: int = 0
    others: int = 0
    whole: bool = True
    padded: bool = False
    bad: tuple[TableFile, int, str] | None = None
    infinite: tuple[TableFile, int] | None = None
    forms: tuple[str, ...] = DATES
    moments: int = 0
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, cells: pl.Series, lines: Array, table: TableFile) -> None:
        """Takes up some more rows."""
        self.table = table
        if cells.dtype not in (pl.String, pl.Float64, pl.Datetime):
            raise table.wrong(f"column {self.name!r} holds {cells.dtype}", f"drop it: data.drop: [{self.name}]")
        self.missing[-1] += cells.null_count()
        if cells.dtype == pl.Datetime:
            self.moments += len(cells) - cells.null_count()
            self.forms = ("%H" if self.forms == ("%H",) or bool((days(cells, "") % 1 != 0).any()) else "",)
            return
        found = numbers(cells, table.dialect)
        is_number = found.is_not_null()
        self.numbers += int(is_number.sum())
        if infinite := (~found.is_finite()).arg_true().to_list():
            self.infinite = self.infinite or (table, int(lines[infinite[0]]))
        if self.numbers:
            self.low, self.high = min(self.low, _of(found.min())), max(self.high, _of(found.max()))
        odd = (cells.is_not_null() & ~is_number).arg_true()
        self.others += len(odd)
        if len(odd) and self.bad is None:
            self.bad = table, int(lines[odd[0]]), str(cells[odd[0]])
        self.whole = self.whole and not len(odd) and bool((found % 1 == 0).all())
        if cells.dtype == pl.String and not self.padded and self.whole and self.asked != "number":
            self.padded = bool(cells.str.contains(r"^[-+]?0\d+$").any())
        self.count(cells)

    def count(self, cells: pl.Series) -> None:
        """Counts its distinct cells, while that can be of use, and tries the ways of writing dates on them."""
        if self.values is None and not (self.others and self.forms):
            return
        told = cells.drop_nulls().value_counts()
        if self.others:
            words = told[:, 0]
            self.forms = tuple(form for form in self.forms if not days(words, form).null_count())
        if self.values is not None:
            is_text = self.others or self.padded or self.asked in ("category", "boolean")
            most = MOST_CATEGORIES if is_text else TRACKED_NUMBERS
            if len(told) <= most:
                self.values.update(dict(zip(told[:, 0].to_list(), told[:, 1].to_list(), strict=True)))
            if max(len(told), len(self.values)) > most:
                self.values = None

    def seen(self) -> Seen:
        """What the column is. Raises NotFoundError where that is not clear, or not what was asked."""
        assert self.table is not None  # noqa: S101 - a table has a block
        there, dialect = self.numbers + self.others + self.moments, self.table.dialect
        named: Counter[str] = Counter()
        for value, count in (self.values or {}).items():
            named[str(value) if self.padded or self.others else text_of(_number(value, dialect))] += count
        kind = self.asked or self.told(there, named)
        if kind == "date":
            self.check_dates(self.table)
            return Seen(self.name, kind, tuple(self.missing), len(named) or there, form=self.forms[0])
        if kind == "number":
            self.check_numbers()
        if kind == "boolean" and len(named) != 2:
            has = f"is to be a boolean, and has {len(named)} different values"
            raise self.table.wrong(f"column {self.name!r} {has}", "A boolean has exactly two values.")
        names = in_order(named)
        low, high = (self.low, self.high) if self.numbers and not self.others else (0.0, 0.0)
        form = self.forms[0] if kind == "category" and self.others and not self.numbers and self.forms else ""
        return Seen(self.name, kind, tuple(self.missing), len(names) or there, names,
                    tuple(named[name] for name in names), form, low, high)  # fmt: skip

    def told(self, there: int, named: Counter[str]) -> Kind:
        """The kind that its cells tell."""
        if self.moments or (self.others and self.forms and not self.numbers and self.is_one_form()):
            return "date"
        if len(named) == 2:
            return "boolean"
        if self.others and self.numbers >= MOSTLY * there:
            self.check_numbers()
        return "category" if self.others or self.padded else "number"

    def is_one_form(self) -> bool:
        """Whether it is clear which number is the month: 01/02/2024 alone does not say."""
        return len({form[:2] for form in self.forms if form[2:3] == "/"}) < 2

    def check_numbers(self) -> None:
        """Raises NotFoundError for a cell that is none, or not a finite one."""
        if self.infinite is not None:
            table, line = self.infinite
            raise table.wrong(
                f"line {line:,}, column {self.name!r}: the number is not finite",
                "mend it, or add it to data.missing",
            )
        if self.bad is not None:
            table, line, text = self.bad
            what = f"line {line:,}, column {self.name!r}: {text[:60]!r} is no number, and {self.numbers:,} others are"
            fix = f"mend it, add it to data.missing, or say data.columns: {{{self.name}: category}}"
            raise table.wrong(what, fix)

    def check_dates(self, table: TableFile) -> None:
        """Raises NotFoundError where not all cells are dates written in one way."""
        if self.numbers or not self.forms:
            fix = "Such a column has dates like 2024-12-31 or 2024-12-31 23:59:59, all written in one way."
            has = f"has {self.bad[2][:60]!r}" if self.bad else "has numbers"
            raise table.wrong(f"column {self.name!r} is to be a date, and {has}", fix)


def _of(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _number(value: Any, dialect: Dialect | None) -> float:
    """A cell that is a number, of text or as it is."""
    return value if isinstance(value, float) else float(numbers(pl.Series([value]), dialect)[0])
