"""An answer in a terminal, or as plain text where there is none: rich lays out, wraps and paints it."""

from __future__ import annotations

import re
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
from tuner.render.screen import console_on
from tuner.render.text import GAP, can_draw, escape, fitting, is_colored, is_terminal, say_error, shorten, terminal_size

UNBOUNDED = 1_000_000
LONGEST_WORD = 40
"""Characters of a word that a column keeps in one piece, in a narrow terminal three fifths of it."""

SPELLINGS = {ord("±"): "+-", ord("…"): "...", ord("²"): "^2"}
"""What stands for a sign on a stream that has ASCII alone."""


def show(answer: Answer, stream: TextIO | None = None) -> None:
    """Prints an answer on stdout, or on `stream`; its notes on stderr, each where it belongs."""
    out = Look(stream or sys.stdout)
    before: Block | None = None
    for block in answer.blocks:
        if isinstance(block, Note):
            out.stream.flush()
            say_error(escape(block.text))
            continue
        is_next = isinstance(block, Command) and isinstance(before, Command)
        out.stream.write("".join(["" if before is None or is_next else "\n", *out.lines(block)]))
        before = block
    out.stream.flush()


class Look:
    """A stream, and how things look there: nothing is broken or cut where it is no terminal; `width` says that it is
    one, of so many columns."""

    def __init__(self, stream: TextIO, width: int | None = None, *, color: bool | None = None) -> None:
        self.stream, self.now = stream, datetime.now(UTC)
        self.is_terminal = width is not None or is_terminal(stream)
        self.color = is_colored(stream) if color is None else color
        self.width = width or (terminal_size(stream)[0] if self.is_terminal else UNBOUNDED)
        encoding = getattr(stream, "encoding", None)
        self.encoding, self.is_unicode = encoding or "utf-8", can_draw(encoding)
        self.console = console_on(stream, self.width, is_terminal=self.is_terminal, color=self.color)

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
            yield from (f"{escape(line)}\n" for line in block.text.split("\n"))
        elif isinstance(block, Command):
            yield f"  {escape(block.text)}\n"
        elif isinstance(block, Text | Verdict):
            title = block.title if isinstance(block, Text) else ""
            lines = paragraphs(block.text, self.width)
            yield from self.printed(*[Words(self.shown(title), "bold")] * bool(title))
            yield from self.printed(*(Words(self.shown(line), block.style) for line in lines))

    def printed(self, *parts: RenderableType) -> Iterator[str]:
        """What rich makes of it, without spaces at the ends of lines."""
        with self.console.capture() as captured:
            for part in parts:
                self.console.print(part)
        for line in captured.get().splitlines():
            yield f"{line.rstrip()}\n"

    def _pairs(self, block: Pairs) -> Iterator[str]:
        """A label, and beside it the value; what does not fit stands below its beginning."""
        start = max((cell_len(self.shown(label)) for label, _ in block.pairs), default=0) + GAP
        for label, value in block.pairs:
            if isinstance(value, Command):
                lines = [escape(value.text)]
            else:
                text = Words(self.cell(value, plain(value)))
                lines = [line.plain.rstrip() for line in text.wrap(self.console, max(self.width - start, start, 20))]
            head = self.shown(label)
            for line in lines or [""]:
                yield f"{head}{' ' * (start - cell_len(head))}{line}".rstrip() + "\n"
                head = ""

    def _chart(self, block: Chart) -> Iterator[str]:
        """Charts as wide as the terminal, which share its height with their notes, the prompt and the file's name."""
        notes = [line for note in block.notes for line in self.printed(Words(self.shown(note)))]
        columns, lines = terminal_size(self.stream)
        drawing = Drawing(self.width if self.is_terminal else columns, encoding=self.encoding, color=self.color)
        rows = lines - len(notes) - (2 if block.file else 1) if self.is_terminal else None
        yield charts(block.panels, drawing, rows) + "\n"
        yield from ["\n", *notes] if notes else []

    def _table(self, table: Table) -> Iterator[str]:
        """As many tables below each other as it takes to hold the columns; the first column stands in each."""
        if table.title:
            yield from self.printed(Words(self.shown(table.title)))
        columns = [self._column(table, place) for place in range(len(table.columns))]
        widest = [max(map(cell_len, column)) for column in columns]
        if not self.is_terminal:
            yield from aligned(table, columns, widest)
            return
        least = [min(widest[place], self._least(table, place, column)) for place, column in enumerate(columns)]
        kept = fitting([column.weight for column in table.columns], least, self.width)
        parts = [kept[:1]] * bool(kept)
        for place in kept[1:]:
            if sum(least[each] + GAP for each in [*parts[-1], place]) - GAP > self.width and len(parts[-1]) > 1:
                parts.append(kept[:1])
            parts[-1] = [*parts[-1], place]
        for number, part in enumerate(parts):
            yield from ["\n"] * (number > 0)
            yield from self.printed(self._grid(table, {place: widest[place] for place in part}, columns, least))
        if gone := ", ".join(column.head for place, column in enumerate(table.columns) if place not in kept):
            more = f"; {table.more}" * bool(table.more)
            yield from self.printed(Words(self.shown(f"no room for {gone}{more}"), "dim"))

    def _column(self, table: Table, place: int) -> list[str]:
        """The head and the cells, as they are shown here."""
        column, cells = table.columns[place], [row[place] for row in table.rows]
        is_time = any(isinstance(cell, datetime) for cell in cells)
        head = (column.brief if self.is_terminal else "") or column.head + " (UTC)" * (is_time and not self.is_terminal)
        return [self.shown(head), *map(self.cell, cells, texts(table, place))]

    def shown(self, text: str) -> str:
        """The text made safe for this stream, as wide as it will be there."""
        return escape(text if self.is_unicode else text.translate(SPELLINGS), self.encoding)

    def cell(self, cell: Cell, text: str) -> str:
        """A cell as it is shown here; `text` is what it is in every form."""
        if isinstance(cell, Spark):
            levels = LEVELS if self.is_unicode else ASCII_LEVELS
            text = spark(cell.values, width=cell.width, levels=levels, scale=cell.scale)
        elif isinstance(cell, datetime) and self.is_terminal:
            text = " ".join(duration((self.now - cell).total_seconds()).split()[:2])
        elif isinstance(cell, Brief) and self.is_terminal:
            text = cell.brief or text
        return self.shown(text)

    def _least(self, table: Table, place: int, column: Sequence[str]) -> int:
        """Characters that a column takes at least: nothing breaks inside a word or number."""
        head = cell_len(column[0])
        if (least := table.columns[place].least) is not None:
            return max(head, least)
        if table.side(place) == "r" or any(isinstance(row[place], Spark) for row in table.rows):
            return UNBOUNDED
        longest = min(LONGEST_WORD, self.width * 3 // 5)
        return max(head, min(longest, max(cell_len(word) for text in column for word in text.split() or [""])))

    def _grid(
        self, table: Table, widths: dict[int, int], columns: Sequence[Sequence[str]], least: Sequence[int]
    ) -> Grid:
        """The columns of those `widths`, narrower where they do not fit."""
        while (over := sum(widths.values()) + GAP * (len(widths) - 1) - self.width) > 0:
            narrower = [(width, place) for place, width in widths.items() if width > least[place]]
            if not narrower:
                break
            _, at = max(narrower)
            widths[at] -= max(1, min(over, widths[at] - least[at]) // 2)
        grid = Grid(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        cells: list[list[Words]] = []
        for place, width in widths.items():
            head, *known = columns[place]
            is_cut = table.columns[place].least is not None
            grid.add_column(
                Words(head),
                justify="right" if table.side(place) == "r" else "left",
                width=width,
                no_wrap=is_cut,
                overflow="fold" if not is_cut else "ellipsis" if self.is_unicode else "crop",
            )
            rows = zip(table.rows, known, strict=True)
            written = [self._within(row[place], text, width, is_cut) for row, text in rows]
            cells.append([Words(text, table.styles.get((at, place), "")) for at, text in enumerate(written)])
        for line in zip(*cells, strict=True):
            grid.add_row(*line)
        return grid

    def _within(self, cell: Cell, text: str, width: int, is_cut: bool) -> str:
        """A cell in so many columns: a course with fewer points, a text cut where rich's sign has no place."""
        if isinstance(cell, Spark):
            return self.cell(replace(cell, width=min(cell.width, width)), text)
        return shorten(text, width) if is_cut and not self.is_unicode else text


def aligned(table: Table, columns: Sequence[Sequence[str]], widest: Sequence[int]) -> Iterator[str]:
    """The lines of a table where nothing is broken, cut or painted; rich takes a millisecond a row for them."""
    padded = []
    for place, column in enumerate(columns):
        spaces = [" " * (widest[place] - cell_len(text)) for text in column]
        sides = (spaces, column) if table.side(place) == "r" else (column, spaces)
        padded.append(list(map("".join, zip(*sides, strict=True))))
    for line in zip(*padded, strict=True):
        yield f"{(' ' * GAP).join(line).rstrip()}\n"


def paragraphs(text: str, width: int) -> list[str]:
    """The lines of a text; where they do not fit, those that make a paragraph are joined, to be broken anew. One ends
    before an empty line, an item of a list, an indented line outside one, and words with a colon (``Formula: ...``)."""
    lines = text.split("\n")
    if max(map(cell_len, lines)) <= width:
        return lines
    found: list[str] = []
    for line in lines:
        is_inside = bool(found) and found[-1].startswith("- ") and line.startswith("  ")
        begins = not is_inside and re.match(r"$| |- |[0-9]+\. |[A-Z][A-Za-z ]{1,20}: ", line)
        if found and found[-1] and found[-1][0] != " " and not begins:
            found[-1] += f" {line.strip()}"
        else:
            found.append(line)
    return found
