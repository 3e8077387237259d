"""Plain tables: aligned columns for a terminal or a file, or Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tuner.figures import number
from tuner.render.text import cells, escape, pad, paint, shorten

Cell = str | int | float | None
NARROWEST = 8


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    align: str = "",
    *,
    markdown: bool = False,
    width: int | None = None,
    styles: Mapping[tuple[int, int], str] | None = None,
) -> str:
    """Rows under their headers, columns two spaces apart; no line ends in a space, the last one has no newline.

    `align` holds ``l`` or ``r`` for each column; without it, columns of numbers stand on the right. Nothing is cut
    unless `width` (a terminal's columns) is given: then the widest columns are shortened until the table fits.
    `styles` are what cells are painted in, by (row, column), for a terminal.
    Raises ValueError when a row does not have one cell a header.
    """
    grid = [[cell_text(cell) for cell in row] for row in rows]
    if any(len(row) != len(headers) for row in grid):
        raise ValueError(f"every row needs {len(headers)} cells")
    sides = align or "".join(_side([row[index] for row in rows]) for index in range(len(headers)))
    heads = [escape(header) for header in headers]
    if markdown:
        return _markdown(heads, grid, sides)
    lines = [heads, *grid]
    widths = [max(cells(line[index]) for line in lines) for index in range(len(heads))]
    if width is not None:
        widths = _fit(widths, width)
    looks = [[(styles or {}).get((row, column), "") for column in range(len(heads))] for row in range(-1, len(grid))]
    return "\n".join(_line(line, widths, sides, look) for line, look in zip(lines, looks, strict=True))


def cell_text(cell: Cell) -> str:
    """A cell as text: ``-`` for none, floats as `number` writes them, integers as they are, text made safe."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return escape(cell)
    return str(cell) if isinstance(cell, int) else number(cell)


def _side(column: Sequence[Cell]) -> str:
    known = [cell for cell in column if cell is not None]
    return "r" if known and not any(isinstance(cell, str) for cell in known) else "l"


def _line(line: Sequence[str], widths: Sequence[int], sides: str, styles: Sequence[str]) -> str:
    parts = []
    for text, width, side, style in zip(line, widths, sides, styles, strict=True):
        cut = shorten(text, width)
        parts.append(pad(cut, width, side).replace(cut, paint(cut, style, bool(style)), 1))
    return "  ".join(parts).rstrip()


def _fit(widths: Sequence[int], total: int) -> list[int]:
    """Widths that add up to `total`, taken from the widest column first; none below 8 columns."""
    fitted = list(widths)
    spare = total - 2 * (len(fitted) - 1)
    while sum(fitted) > spare and max(fitted) > NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _markdown(heads: Sequence[str], grid: Sequence[Sequence[str]], sides: str) -> str:
    rule = ["---:" if side == "r" else "---" for side in sides]
    lines = [_bars(heads), f"| {' | '.join(rule)} |", *map(_bars, grid)]
    return "\n".join(lines)


def _bars(line: Sequence[str]) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in line)} |"
