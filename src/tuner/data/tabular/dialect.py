"""How a text file holds its table: told by its first lines, unless the config says it."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
LOOKED_AT = 200
"""Lines of the beginning that are looked at."""


@dataclass(frozen=True)
class Dialect:
    """`thousands` is "" where numbers have no such sign; `header` says whether the first line holds names."""

    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    header: bool = True

    @property
    def words(self) -> str:
        """What was sniffed, for a note."""
        names = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
        told = [self.encoding, f"{names.get(self.delimiter, repr(self.delimiter))} between columns"]
        told += [f"decimal {self.decimal}"] if self.decimal != "." else []
        told += [f"thousands {self.thousands!r}"] if self.thousands else []
        return ", ".join([*told, "a header" if self.header else "no header"])


def encoding_of(sample: bytes) -> str:
    """UTF-8 where `sample`, which may end inside a letter, is that; else what its first bytes or Western usage say."""
    for mark, name in BOMS:
        if sample.startswith(mark):
            return name
    if sample[:400].count(0) > len(sample[:400]) // 4:
        return "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def sniffed(
    sample: bytes, missing: Iterable[str], *, encoding: str, delimiter: str, decimal: str, thousands: str,
    header: bool | str,
) -> Dialect:  # fmt: skip
    """The dialect of a file that begins with `sample`; what is not ``auto`` is as it is told. Raises LookupError for an
    encoding that there is not, UnicodeDecodeError for text that is not in it."""
    encoding = encoding_of(sample) if encoding == "auto" else encoding
    text = codecs.getincrementaldecoder(encoding)().decode(sample)
    lines = text.splitlines(keepends=True)
    text = "".join(lines[: max(1, min(len(lines) - 1, LOOKED_AT))])
    delimiter = _delimiter(text) if delimiter == "auto" else delimiter
    rows = rows_of(text, delimiter)
    body = [cell for row in rows[1:] or rows for cell in row]
    decimal = _decimal(body, delimiter) if decimal == "auto" else decimal
    thousands = _thousands(body, decimal) if thousands == "auto" else thousands
    gaps = set(missing)
    is_header = _is_header(rows, gaps, decimal, thousands) if header == "auto" else bool(header)
    return Dialect(encoding, delimiter, decimal, thousands, is_header)


def rows_of(text: str, delimiter: str) -> list[list[str]]:
    """The cells of some lines, but for blank ones."""
    try:
        found = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [[cell.strip() for cell in row] for row in found if any(cell.strip() for cell in row)]
    except csv.Error:
        return [line.split(delimiter) for line in text.splitlines() if line.strip()]


def number_of(text: str, decimal: str, thousands: str) -> float | None:
    """The number that a cell holds, or None."""
    plain = text.replace(thousands, "") if thousands else text
    plain = plain.replace(decimal, ".") if decimal != "." else plain
    return float(plain) if NUMBER.fullmatch(plain) else None


def _delimiter(text: str) -> str:
    """The one that takes the most lines apart alike, and into the most cells."""

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in rows_of(text, delimiter)]
        usual = max(set(widths), key=widths.count, default=1)
        return (widths.count(usual) / max(len(widths), 1) if usual > 1 else 0.0, usual)

    return max(DELIMITERS, key=score)


def _decimal(cells: Sequence[str], delimiter: str) -> str:
    with_comma = sum(bool(re.fullmatch(r"[-+]?\d+,\d+", cell)) for cell in cells)
    with_point = sum(bool(re.fullmatch(r"[-+]?\d*\.\d+", cell)) for cell in cells)
    grouped = sum(bool(re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+", cell)) for cell in cells)
    by_comma = with_comma - (grouped if delimiter == "," else 0)
    return "," if by_comma > with_point else "."


def _thousands(cells: Sequence[str], decimal: str) -> str:
    """The sign that stands between groups of three digits wherever it stands in a number."""
    point = re.escape(decimal)
    for sign in {",": ".", ".": ","}[decimal], " ", "'", "\u00a0", "\u202f":
        having = [cell for cell in cells if re.fullmatch(rf"[-+]?[\d{re.escape(sign)}]+({point}\d*)?", cell)
                  and sign in cell]  # fmt: skip
        grouped = rf"[-+]?\d{{1,3}}({re.escape(sign)}\d{{3}})+({point}\d*)?"
        if having and all(re.fullmatch(grouped, cell) for cell in having):
            return sign
    return ""


def _is_header(rows: Sequence[Sequence[str]], missing: set[str], decimal: str, thousands: str) -> bool:
    """Whether the first line is unlike those below: all text, above a column of numbers or in no line."""
    if not rows:
        return False
    first, body = rows[0], rows[1:]
    names = [cell for cell in first if cell]
    if len(names) < len(first) - 1:
        return False
    if any(number_of(cell, decimal, thousands) is not None or cell in missing - {""} for cell in names):
        return False
    columns = [[row[at] for row in body if at < len(row) and row[at] not in missing] for at in range(len(first))]
    if any(cells and all(number_of(cell, decimal, thousands) is not None for cell in cells) for cells in columns):
        return True
    return all(name not in cells for name, cells in zip(first, columns, strict=True))
