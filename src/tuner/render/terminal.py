"""An answer in a terminal, or as plain text where there is none: rich lays out, wraps and paints it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TextIO

from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table as Grid
from rich.text import Text as Words

from tuner.answer import (
    Answer,
    Block,
    Brief,
    Cell,
    Chart,
    Command,
    Commented,
    Note,
    Pairs,
    Spark,
    Table,
    Text,
    Verdict,
    plain,
    texts,
)
from tuner.figures import ASCII_LEVELS, LEVELS, duration, spark
from tuner.render.chart.terminal import Drawing, charts
from tuner.render.console import console_on
from tuner.render.text import escape, escape_lines, is_colored, is_terminal, is_unicode, terminal_width, write

GAP = 2
UNBOUNDED = 1_000_000
LONGEST_WORD = 40
"""Characters of a word that a column keeps in one piece."""


def show(answer: Answer, stream: TextIO | None = None) -> None:
    """Prints an answer on stdout, or on `stream`; its notes on stderr, each where it belongs."""
    out = Look(stream or sys.stdout)
    before: Block | None = None
    for block in answer.blocks:
        if isinstance(block, Note):
            out.stream.flush()
            say(block)
            continue
        is_next = isinstance(block, Command) and isinstance(before, Command)
        out.write("" if before is None or is_next else "\n", *out.lines(block))
        before = block
    out.stream.flush()


def say(note: Note) -> None:
    """A note on stderr; where nobody can read it, that is no reason to fail."""
    write(sys.stderr, f"{escape(note.text)}\n")


class Look:
    """A stream, and how things look there: nothing is broken or cut where it is no terminal; `width` says that it is
    one, of so many columns."""

    def __init__(self, stream: TextIO, width: int | None = None, *, color: bool | None = None) -> None:
        self.stream, self.now = stream, datetime.now(UTC)
        self.is_terminal = width is not None or is_terminal(stream)
        self.color = is_colored(stream) if color is None else color
        self.width = width or (terminal_width(stream) if self.is_terminal else UNBOUNDED)
        self.height = shutil.get_terminal_size().lines if self.is_terminal else 40
        self.is_unicode = is_unicode(stream)
        self.console = console_on(stream, self.width, self.height, is_terminal=self.is_terminal, color=self.color)

    def write(self, *parts: str) -> None:
        self.stream.write("".join(parts))

    def lines(self, block: Block) -> Iterator[str]:
        """The block as whole lines."""
        if isinstance(block, Table):
            yield from self._table(block)
        elif isinstance(block, Pairs):
            yield from self._pairs(block)
        elif isinstance(block, Chart):
            yield from self._chart(block)
        elif isinstance(block, Commented):
            for place, inner in enumerate(block.blocks):
                yield from ["#\n"] * bool(place)
                yield from (f"# {line.rstrip()}".rstrip() + "\n" for line in self.lines(inner))
        elif isinstance(block, Text) and block.code:
            yield f"{escape_lines(block.text)}\n"
        elif isinstance(block, Command):
            yield f"  {escape(block.text)}\n"
        elif isinstance(block, Text | Verdict):
            title = block.title if isinstance(block, Text) else ""
            lines = paragraphs(self.shown(block.text), self.width)
            yield from self.printed(*[Words(escape(title), "bold")] * bool(title))
            yield from self.printed(*(Words(escape(line), block.style) for line in lines))

    def printed(self, *parts: RenderableType) -> Iterator[str]:
        """What rich makes of it, without spaces at the ends of lines."""
        with self.console.capture() as captured:
            for part in parts:
                self.console.print(part)
        for line in captured.get().splitlines():
            yield f"{line.rstrip()}\n"

    def _pairs(self, block: Pairs) -> Iterator[str]:
        """A label, and beside it the value; what does not fit stands below its beginning."""
        start = max((cell_len(escape(label)) for label, _ in block.pairs), default=0) + GAP
        for label, value in block.pairs:
            if isinstance(value, Command):
                lines = [escape(value.text)]
            else:
                text = Words(escape(self.plain(value, plain(value))))
                lines = [line.plain.rstrip() for line in text.wrap(self.console, max(self.width - start, start, 20))]
            head = escape(label)
            for line in lines or [""]:
                yield f"{head}{' ' * (start - cell_len(head))}{line}".rstrip() + "\n"
                head = ""

    def _chart(self, block: Chart) -> Iterator[str]:
        """Charts as wide as the terminal, which share its height with their notes, the prompt and the file's name."""
        notes = [line for note in block.notes for line in self.printed(Words(escape(note)))]
        width = self.width if self.is_terminal else terminal_width(self.stream)
        drawing = Drawing(width, ascii=not self.is_unicode, color=self.color)
        rows = self.height - len(notes) - (2 if block.file else 1) if self.is_terminal else None
        yield charts(block.panels, drawing, rows) + "\n"
        yield from ["\n", *notes] if notes else []

    def _table(self, table: Table) -> Iterator[str]:
        if table.title:
            yield from self.printed(Words(escape(table.title)))
        columns = [self._column(table, place) for place in range(len(table.columns))]
        kept, gone = self._kept(table, [[head, *cells] for head, cells in columns])
        least = {place: self._least(table, place, columns[place]) for place in kept}
        for number, part in enumerate(_in_parts(kept, least, self.width)):
            yield from ["\n"] * (number > 0)
            yield from self.printed(self._grid(table, part, columns, least))
        if gone:
            names = ", ".join(table.columns[place].head for place in gone)
            yield from self.printed(Words(f"no room for {names}" + f"; {table.more}" * bool(table.more), "dim"))

    def _column(self, table: Table, place: int) -> tuple[str, list[str]]:
        """The head and the cells, as they are shown here."""
        column, cells = table.columns[place], [row[place] for row in table.rows]
        is_time = any(isinstance(cell, datetime) for cell in cells)
        head = (column.brief if self.is_terminal else "") or column.head + " (UTC)" * (is_time and not self.is_terminal)
        found = [self.plain(cell, text) for cell, text in zip(cells, texts(table, place), strict=True)]
        return escape(head), [escape(self.shown(text)) for text in found]

    def shown(self, text: str) -> str:
        """The text, with what an ASCII stream has another spelling for."""
        return text if self.is_unicode else text.replace("±", "+-")

    def plain(self, cell: Cell, text: str) -> str:
        """A cell as text; `text` is what it is in every form."""
        if isinstance(cell, Spark):
            return spark(cell.values, width=cell.width, levels=self.levels, scale=cell.scale)
        if isinstance(cell, datetime):
            ago = duration((self.now - cell).total_seconds())
            return " ".join(ago.split()[:2]) if self.is_terminal else cell.strftime("%Y-%m-%d %H:%M")
        return (cell.brief or text) if isinstance(cell, Brief) and self.is_terminal else text

    @property
    def levels(self) -> str:
        return LEVELS if self.is_unicode else ASCII_LEVELS

    def _kept(self, table: Table, columns: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
        """The columns that stay, and those that there is no room for."""
        kept = list(range(len(columns)))
        least = [self._least(table, place, (each[0], each[1:])) for place, each in enumerate(columns)]
        going = sorted((weight, -at) for at, each in enumerate(table.columns) if (weight := each.weight) is not None)
        for _, place in going:
            if sum(least[at] + GAP for at in kept) - GAP <= self.width:
                break
            kept.remove(-place)
        return kept, [at for at in range(len(columns)) if at not in kept]

    def _least(self, table: Table, place: int, column: tuple[str, Sequence[str]]) -> int:
        """Characters that a column takes at least: nothing breaks inside a word or number."""
        head, cells = column
        widest = max(map(cell_len, [head, *cells]))
        if table.columns[place].least is not None:
            return min(widest, max(cell_len(head), table.columns[place].least or 0))
        if table.side(place) == "r" or any(isinstance(row[place], Spark) for row in table.rows):
            return widest
        words = [word for text in [head, *cells] for word in text.split() or [""]]
        return min(widest, max(min(LONGEST_WORD, max(map(cell_len, words))), cell_len(head)))

    def _grid(
        self, table: Table, part: Sequence[int], columns: Sequence[tuple[str, list[str]]], least: dict[int, int]
    ) -> Grid:
        widths = [max(map(cell_len, [head, *cells])) for head, cells in (columns[place] for place in part)]
        spare = self.width - GAP * (len(part) - 1)
        while sum(widths) > spare and any(width > least[place] for width, place in zip(widths, part, strict=True)):
            at = max((width, index) for index, width in enumerate(widths) if width > least[part[index]])[1]
            widths[at] -= max(1, min(sum(widths) - spare, widths[at] - least[part[at]]) // 2)
        grid = Grid(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for place, width in zip(part, widths, strict=True):
            side = "right" if table.side(place) == "r" else "left"
            is_cut = table.columns[place].least is not None
            grid.add_column(
                Words(columns[place][0]),
                justify=side,  # type: ignore[arg-type]
                width=width,
                no_wrap=is_cut,
                overflow="ellipsis" if is_cut else "fold",
            )
        for at, row in enumerate(table.rows):
            shown = [self._within(row[p], columns[p][1][at], width) for p, width in zip(part, widths, strict=True)]
            styles = [table.styles.get((at, p), "") for p in part]
            grid.add_row(*(Words(text, style) for text, style in zip(shown, styles, strict=True)))
        return grid

    def _within(self, cell: Cell, text: str, width: int) -> str:
        """A course drawn in so many characters; any other cell as it is."""
        return self.plain(replace(cell, width=min(cell.width, width)), text) if isinstance(cell, Spark) else text


def paragraphs(text: str, width: int) -> list[str]:
    """The lines of a text; where they do not fit, those that make a paragraph are joined, to be broken anew. One ends
    before an empty or indented line, an item of a list, and words with a colon (``Formula: ...``)."""
    lines = text.split("\n")
    if max(map(cell_len, lines)) <= width:
        return lines
    found: list[str] = []
    for line in lines:
        begins = not line or line[0] == " " or re.match(r"- |[0-9]+\. |[A-Z][A-Za-z ]{1,20}: ", line)
        if found and found[-1] and found[-1][0] != " " and not begins:
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found


def _in_parts(kept: Sequence[int], least: dict[int, int], width: int) -> list[list[int]]:
    """The columns, in as many tables as it takes to hold them; the first column stands in each."""
    if not kept:
        return []
    first, *rest = kept
    parts = [[first]]
    for place in rest:
        if sum(least[each] + GAP for each in [*parts[-1], place]) - GAP > width and len(parts[-1]) > 1:
            parts.append([first])
        parts[-1].append(place)
    return parts
