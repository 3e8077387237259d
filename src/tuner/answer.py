"""What a question is answered with: blocks that every form shows, the data behind them, the lines for scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tuner.chart import Panel
from tuner.figures import duration, in_one_notation, number, spark


@dataclass(frozen=True)
class Spark:
    """A course in a cell, one character a value; `scale` are the values that stand lowest and highest."""

    values: Sequence[float | None]
    width: int
    scale: tuple[float, float] | None = None


@dataclass(frozen=True)
class Brief:
    """A text, one for scripts, and a shorter one for where there is little room."""

    text: str
    raw: str
    brief: str = ""


@dataclass(frozen=True)
class Command:
    """What to type; it is never broken."""

    text: str


Cell = str | int | float | datetime | Spark | Brief | Command | None


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, and how its numbers are written, all in one notation: ``figure`` (four decimals
    where they say enough), ``exact``, ``number`` (each as short as it can be), ``duration`` (of seconds), or what a
    function makes of each.

    Where there is no room columns of a lower `weight` fall away first, those without one never. A text is broken at
    words, or, with `least`, cut to that many characters at least. As `code` it is what somebody types: a form that
    gives signs a meaning of its own leaves these alone.
    """

    head: str
    notation: str | Callable[[float], str] = "number"
    side: str = ""  # l, r; "": numbers on the right
    weight: int | None = None
    least: int | None = None
    brief: str = ""  # the head where there is little room
    code: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under their columns. `styles` are what cells are painted in, by (row, column); `more` says how to see what
    there was no room for."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    styles: Mapping[tuple[int, int], str] = field(default_factory=dict)
    more: str = ""

    def side(self, place: int) -> str:
        """Where a column stands, ``l`` or ``r``."""
        known = [row[place] for row in self.rows if row[place] is not None]
        numbers = bool(known) and all(isinstance(cell, int | float) for cell in known)
        return self.columns[place].side or ("r" if numbers else "l")


@dataclass(frozen=True)
class Pairs:
    """What something is called, and what it is, a pair a line."""

    pairs: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Chart:
    """Curves: panels, and what has to be said under them. With `legend` an image names the curves below all panels,
    else each beside its end; in `file` it is kept, too."""

    title: str
    panels: Sequence[Panel]
    notes: Sequence[str] = ()
    legend: bool = False
    file: Path | None = None


@dataclass(frozen=True)
class Note:
    """What has to be known beside the answer; a `problem`, what is damaged or left out, is told to scripts, too."""

    text: str
    problem: bool = False


@dataclass(frozen=True)
class Verdict:
    """The line that sums up."""

    text: str
    style: str = "bold"


@dataclass(frozen=True)
class Text:
    """Words under their title: paragraphs, broken to fit, but for indented lines; as `code` exactly these lines."""

    text: str
    style: str = ""
    code: bool = False
    title: str = ""


@dataclass(frozen=True)
class Commented:
    """Blocks about the code above them, in a terminal as its comments, so that both together can be read again."""

    blocks: Sequence[Block]


Block = Commented | Table | Pairs | Chart | Note | Command | Verdict | Text


@dataclass(frozen=True)
class Answer:
    """The answer to a question: `blocks` are shown in their order, `data` is what ``--json`` prints, `result` what
    ``-q`` leaves: whole lines."""

    blocks: Sequence[Block]
    data: Any
    result: str = ""
    exit_code: int = 0


def texts(table: Table, place: int) -> list[str]:
    """The cells of a column as text: ``-`` for none, its numbers in the column's notation."""
    cells, notation = [row[place] for row in table.rows], table.columns[place].notation
    numbers = [cell for cell in cells if isinstance(cell, int | float)]
    written: Iterator[str]
    if callable(notation):
        written = map(notation, numbers)
    elif notation == "duration":
        written = map(duration, numbers)
    elif notation == "number":
        written = (str(each) if isinstance(each, int) else number(each) for each in numbers)
    else:
        written = iter(in_one_notation(numbers, exact=notation == "exact"))
    return [next(written) if isinstance(cell, int | float) else plain(cell) for cell in cells]


def plain(cell: Cell) -> str:
    """A cell as text, by itself; ``-`` for none. A terminal shows courses and times in its own way."""
    if isinstance(cell, Spark):
        return spark(cell.values, width=cell.width, scale=cell.scale)
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M")
    return "-" if cell is None else cell.text if isinstance(cell, Brief | Command) else str(cell)
