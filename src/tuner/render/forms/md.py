"""Print Markdown."""

from __future__ import annotations

from datetime import datetime

from tuner.answer import Answer, Block, Chart, Command, Commented, Note, Pairs, Table, Text, plain, texts
from tuner.render.chart.terminal import Drawing, charts
from tuner.render.text import escape, escape_lines


def show(answer: Answer) -> str:
    """The blocks, an empty line between them."""
    return "\n\n".join(_block(block) for block in answer.blocks) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return table_text(block)
    if isinstance(block, Pairs):
        return "\n".join(f"- **{escape(label)}**: {escape(plain(value))}" for label, value in block.pairs)
    if isinstance(block, Chart):
        return "\n\n".join([f"```\n{charts(block.panels, Drawing(100))}\n```", *map(escape, block.notes)])
    if isinstance(block, Commented):
        return "\n\n".join(map(_block, block.blocks))
    if isinstance(block, Note):
        return f"> {escape(block.text)}"
    if isinstance(block, Command) or (isinstance(block, Text) and block.code):
        return f"```\n{block.text}\n```"
    text = escape_lines(block.text)
    if isinstance(block, Text) and block.title:
        return f"**{escape(block.title)}**\n\n{text}"
    return f"**{text}**" if not isinstance(block, Text) or block.style == "bold" else text


def table_text(table: Table) -> str:
    """A table as Markdown, under its title."""
    places = range(len(table.columns))
    columns = []
    for at, column in enumerate(table.columns):
        cells = [row[at] for row in table.rows]
        found = zip(cells, map(escape, texts(table, at)), strict=True)
        columns.append([f"`{text}`" if column.code and cell is not None else text for cell, text in found])
    heads = [
        escape(each.head) + " (UTC)" * any(isinstance(row[at], datetime) for row in table.rows)
        for at, each in enumerate(table.columns)
    ]
    rule = ["---:" if table.side(at) == "r" else "---" for at in places]
    lines = [_bars(heads), f"| {' | '.join(rule)} |", *(_bars(line) for line in zip(*columns, strict=True))]
    return "\n".join([*([f"**{escape(table.title)}**\n"] if table.title else []), *lines])


def _bars(line: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in line)} |"
