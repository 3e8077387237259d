"""Print a plain HTML page."""

from __future__ import annotations

from datetime import datetime
from html import escape

from tuner.answer import Answer, Block, Cell, Chart, Command, Commented, Note, Pairs, Table, Text, plain, texts
from tuner.render.chart.image import image_of

HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>tuner</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; font-weight: 600; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; } th { border-bottom: 1px solid #999; }
.r { text-align: right; font-variant-numeric: tabular-nums; } .note { color: #8a6d00; } figure { margin: 1rem 0; }
p { white-space: pre-wrap; } figure svg { display: block; max-width: 100%; height: auto; }
.red { color: #b3261e; } .green { color: #1b6e3a; } .yellow { color: #8a6d00; } .cyan { color: #00677d; }
.magenta { color: #86198f; } .dim { color: #666; } .bold { font-weight: 600; } dt { float: left; min-width: 7rem; }
dt, pre { color: #333; } dd { margin: 0 0 0 7rem; }
</style>"""


def show(answer: Answer) -> str:
    """The blocks as one page without scripts, which loads nothing."""
    body = "\n".join(_block(block) for block in answer.blocks)
    return f"{HEAD}\n{body}\n</html>\n"


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Pairs):
        pairs = "\n".join(f"<dt>{escape(key)}</dt><dd>{_cell(value, plain(value))}</dd>" for key, value in block.pairs)
        return f"<dl>\n{pairs}\n</dl>"
    if isinstance(block, Chart):
        return _chart(block)
    if isinstance(block, Commented):
        return "\n".join(map(_block, block.blocks))
    if isinstance(block, Note):
        return f'<p class="note">{escape(block.text)}</p>'
    if isinstance(block, Command) or (isinstance(block, Text) and block.code):
        return f"<pre>{escape(block.text)}</pre>"
    title = f"<b>{escape(block.title)}</b>\n" if isinstance(block, Text) and block.title else ""
    return f'<p class="{block.style}">{title}{escape(block.text)}</p>'


def _table(table: Table) -> str:
    places = range(len(table.columns))
    sides = [' class="r"' if table.side(at) == "r" else "" for at in places]
    heads = "".join(f"<th{sides[at]}>{escape(each.head)}</th>" for at, each in enumerate(table.columns))
    columns = [texts(table, at) for at in places]
    rows = []
    for line, row in enumerate(table.rows):
        cells = [_cell(row[at], columns[at][line]) for at in places]
        for at in places:
            if style := table.styles.get((line, at), ""):
                cells[at] = f'<span class="{style}">{cells[at]}</span>'
        rows.append("".join(f"<td{sides[at]}>{cell}</td>" for at, cell in enumerate(cells)))
    caption = f"<caption>{escape(table.title)}</caption>\n" if table.title else ""
    return f"<table>\n{caption}<tr>{heads}</tr>\n" + "".join(f"<tr>{row}</tr>\n" for row in rows) + "</table>"


def _cell(cell: Cell, text: str) -> str:
    return escape(text) + " UTC" * isinstance(cell, datetime)


def _chart(block: Chart) -> str:
    image = image_of("svg", block).decode()
    label = escape(", ".join([block.title, *(panel.title for panel in block.panels)]))
    return f'<figure role="img" aria-label="{label}">\n{image[image.index("<svg") :]}</figure>'
