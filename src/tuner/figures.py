"""Means; numbers, counts, durations and courses as people read them: the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import count, pairwise

LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = ".:-=+*#@"
MOST_DECIMALS = 6
LEVEL = 0.05
"""A difference is found where chance alone would show one as large less often than this."""


def mean(values: Sequence[float]) -> float:
    """The mean of one finite value or more. The order of the values does not change a bit of it; of equal values it
    is exactly that value, of a single one, which may be whole, itself."""
    if len(values) == 1:
        return values[0]
    scale = 2.0**-64 if max(map(abs, values)) > 2.0**900 else 1.0  # the sum of the largest floats is none
    found = math.fsum(value * scale for value in values) / len(values) / scale
    return min(max(found, min(values)), max(values))


def finite(values: Iterable[float | None]) -> list[float]:
    """Those of the values that are finite numbers."""
    return [value for value in values if value is not None and math.isfinite(value)]


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """The mean of the finite ones among the values; None where there is none."""
    known = finite(values)
    return mean(known) if known else None


def deviation(values: Sequence[float]) -> float:
    """The sample standard deviation (n - 1) of two finite values or more; exactly 0 where they differ by nothing but
    the rounding of their last digits."""
    middle = mean(values)
    if all(math.isclose(value, middle, rel_tol=1e-12) for value in values):
        return 0.0
    return math.sqrt(math.fsum((value - middle) * (value - middle) for value in values) / (len(values) - 1))


def least_pairs(comparisons: int) -> int:
    """With how many pairs a verdict of the exact sign-flip test begins, where there are so many comparisons: the
    smallest n with comparisons * 2^(1 - n) <= LEVEL."""
    return next(pairs for pairs in count(1) if comparisons * 2.0 ** (1 - pairs) <= LEVEL)


def plural(count: int, word: str) -> str:
    """``1 error``, ``1,200 errors``."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def some(words: Sequence[object], most: int) -> str:
    """``a, b, c``, and ``a, b and 3 more`` where there are more than `most`."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(map(str, words[:most])) + more


def number(value: float | None) -> str:
    """Four significant digits (``0.9147``, ``1e-3``); whole numbers in full (``421,642``); ``-`` for none."""
    if value is None:
        return "-"
    if isinstance(value, int) or value == 0:
        return f"{int(value):,}"
    if not math.isfinite(value):
        return f"{value}"
    power = int(f"{value:.3e}".partition("e")[2])
    if not -2 <= power < 6:
        return _with_exponent(value, exact=False)
    digits = f"{value:,.{max(0, 3 - power)}f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def figure(value: float | None) -> str:
    """A number for a column of numbers: four decimals wherever they say enough, else as `number` writes it."""
    if value is None or isinstance(value, int) or not math.isfinite(value):
        return number(value)
    return f"{value:.4f}" if value == 0 or 0.01 <= abs(value) < 1000 else number(value)


def in_one_notation(values: Sequence[float | None], *, exact: bool = False) -> list[str]:
    """The numbers of one column, all in one notation: exactly as YAML writes them, or rounded as `figure` does.

    Where some would have an exponent and others not, all are written out while six decimals are enough, else all have
    one. 0 stays as it is.
    """
    write = repr if exact else figure
    texts = ["-" if value is None else write(value) for value in values]
    known = [(at, value) for at, value in enumerate(values) if value and math.isfinite(value)]
    if len({"e" in texts[at] for at, _ in known}) < 2:
        return texts
    sizes = [abs(value) for _, value in known]
    places = max(4, 1 - math.floor(math.log10(min(sizes))))
    if exact:
        places = max(-int(Decimal(repr(size)).normalize().as_tuple().exponent) for size in sizes)
    for at, value in known:
        if places > MOST_DECIMALS or max(sizes) >= 1e6:
            texts[at] = _with_exponent(value, exact)
        else:
            texts[at] = f"{Decimal(repr(value)).normalize():f}" if exact else f"{value:,.{places}f}"
    return texts


def in_notation(value: float | None, *, exponent: bool) -> str:
    """A number of a column whose notation was fixed before all of it was known: with an exponent, or written out with
    four decimals, with six where four say too little, with none where they say nothing."""
    if value is None or not math.isfinite(value):
        return number(value)
    if exponent and value:
        return _with_exponent(value, exact=False)
    size = abs(value)
    if size >= 1000 or 0 < size < 5e-7:
        return number(float(value))
    return f"{value:.{4 if size >= 1e-3 or not value else 6}f}"


def _with_exponent(value: float, exact: bool) -> str:
    """All its digits and the exponent as YAML writes it, ``2.5e-05``; or four, as `number` does, ``2.5e-5``."""
    sign, digits, last = Decimal(repr(value) if exact else f"{value:.3e}").normalize().as_tuple()
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    power = int(last) + len(rest)
    return f"{'-' * sign}{first}{rest and '.'}{rest}e" + (f"{power:+03}" if exact else str(power))


def duration(seconds: float | None) -> str:
    """``2.1 ms``, ``20 ms``, ``0.8 s``, ``12 s``, ``3 min 20 s``, ``1 h 04 min``, ``2 d 03 h``; ``-`` when unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    seconds = max(0.0, seconds)
    if seconds < 0.0995:
        return f"{seconds * 1000:.{0 if seconds >= 0.00995 else 1}f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02} h"


def spark(
    values: Sequence[float | None],
    *,
    width: int | None = None,
    levels: str = LEVELS,
    scale: tuple[float, float] | None = None,
) -> str:
    """One character a value, higher for larger ones; a blank where there is no finite value.

    With `width`, more values than that are averaged in groups of neighbours. `scale` are the values that stand lowest
    and highest, where several lines share one; without it they are the least and the largest that are shown. A
    constant series stands at mid height.
    """
    points = in_columns(values, width)
    known = [point for point in points if point is not None]
    if not known:
        return " " * len(points)
    low, high = scale or (min(known), max(known))
    top, reach = len(levels) - 1, high / 2 - low / 2  # halves: the difference of the largest floats is none
    text = ""
    for point in points:
        share = (point / 2 - low / 2) / reach if point is not None and reach > 0 else 0.0
        level = top // 2 if low == high else max(0, min(top, int(share * len(levels))))
        text += " " if point is None else levels[level]
    return text


def in_columns(values: Sequence[float | None], width: int | None) -> list[float | None]:
    """The finite values, more than `width` of them averaged in groups of neighbours; None where there is none."""
    points = [value if value is not None and math.isfinite(value) else None for value in values]
    if width is None or len(points) <= width:
        return points
    edges = [index * len(points) // width for index in range(width + 1)]
    return [mean_of_known(points[start:end]) for start, end in pairwise(edges)]


def scaled(count: float) -> str:
    """A large count with its unit: ``75.3 M``, ``1.48 T``."""
    for unit in ("", "K", "M", "G", "T", "P"):
        if count < 999.5 or unit == "P":
            break
        count /= 1000
    return f"{count:.3g} {unit}"
