from __future__ import annotations

import io
import math
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from tuner.figures import duration, figure, number, plural, spark
from tuner.render.text import can_draw, cells, escape, is_terminal, paint, prepare, shorten, terminal_size, wrapped

ANY_FLOAT = st.none() | st.floats()
TEXT = st.text(alphabet="ab é日本ｶ한\u3000#:", max_size=30)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.91466, "0.9147"),
        (0.5, "0.5"),
        (1.0, "1"),
        (-0.25, "-0.25"),
        (123.456, "123.5"),
        (1234.56, "1,235"),
        (9999.96, "10,000"),
        (421642.0, "421,642"),
        (2e6, "2e6"),
        (0.01, "0.01"),
        (1e-3, "1e-3"),
        (0.0091234, "9.123e-3"),
        (0.0, "0"),
        (421642, "421,642"),
        (None, "-"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
    ],
)
def test_a_number_has_four_significant_digits(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_reads_back_within_its_digits(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=5.1e-4, abs=0)


@given(st.none() | st.floats(-1e300, 1e300))
def test_a_figure_reads_back_within_its_digits(value: float | None) -> None:
    text = figure(value)
    assert len(text) <= 11
    if value is not None:
        assert float(text.replace(",", "")) == pytest.approx(value, rel=5.1e-3, abs=0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 ms"),
        (0.0042, "4.2 ms"),
        (0.02, "20 ms"),
        (0.8, "0.8 s"),
        (9.96, "10 s"),
        (12.2, "12 s"),
        (59.6, "1 min 00 s"),
        (200.0, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (3840.0, "1 h 04 min"),
        (86400 * 2 + 3600 * 3.0, "2 d 03 h"),
        (-1.0, "0.0 ms"),
        (math.nan, "-"),
        (None, "-"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_spark_line_follows_the_values() -> None:
    assert spark([1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇█"
    assert spark([3.0, None, 1.0, math.nan, 2.0]) == "█ ▁ ▅"
    assert spark([0.7, 0.7, 0.7]) == "▄▄▄"
    assert spark([None, math.inf]) == "  "
    assert spark([]) == ""
    assert spark([4, 4, 2, 2, 0, 0], width=3) == "█▅▁"


@given(st.lists(ANY_FLOAT), st.integers(1, 20))
@example([sys.float_info.max] * 3, 1)
def test_a_spark_line_is_as_long_as_its_values_or_its_width(values: list[float | None], width: int) -> None:
    line = spark(values)
    assert len(line) == len(values)
    assert len(spark(values, width=width)) == min(width, len(values))
    gaps = [value is None or not math.isfinite(value) for value in values]
    assert [char == " " for char in line] == gaps


@given(st.text(), st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_escaped_text_is_printable_on_one_line_in_its_encoding(text: str, encoding: str) -> None:
    shown = escape(text, encoding)
    assert shown.replace("\u3000", " ").isprintable()
    shown.encode(encoding)


def test_what_could_steer_a_terminal_is_written_out() -> None:
    assert escape("a\x1b[31m\r\n\t\x9b\u202e\u200b\udc80é日") == "a\\x1b[31m\\r\\n\\t\\x9b\\u202e\\u200b\\udc80é日"
    assert escape("é", "ascii") == "\\xe9"


@given(TEXT, st.integers(3, 40))
def test_widths_are_counted_in_terminal_columns(text: str, width: int) -> None:
    assert cells(text) == cell_len(text)
    short = shorten(text, width)
    assert cell_len(short) <= width
    assert short == text or short.endswith("...")


def test_combining_marks_take_no_column() -> None:
    assert cells("e\u0301") == 1


def test_plurals() -> None:
    assert [plural(count, "error") for count in (0, 1, 2000)] == ["0 errors", "1 error", "2,000 errors"]


def test_colour_only_when_asked() -> None:
    assert paint("x", "bold red") == "\x1b[1;31mx\x1b[0m"
    assert paint("x", "bold red", on=False) == "x"
    assert paint("", "red") == ""


def test_a_prepared_stream_escapes_what_it_cannot_encode() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    prepare(stream)
    stream.write("é\udc80")
    stream.flush()
    assert raw.getvalue() == b"\\xe9\\udc80"
    assert not can_draw(stream.encoding)
    prepare(io.StringIO())
    prepare(None)


def test_a_closed_stream_is_no_terminal() -> None:
    stream = io.StringIO()
    stream.close()
    assert not is_terminal(stream)
    assert not is_terminal(None)


def test_the_width_is_columns_or_100(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal_size(io.StringIO())[0] == 100
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal_size(None)[0] == 72
    monkeypatch.setenv("COLUMNS", "wide")
    assert terminal_size(None)[0] == 100


def test_importing_render_is_light() -> None:
    heavy = ["torch", "matplotlib", "rich", "numpy", "yaml"]
    script = f"import sys, tuner.render; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lines_are_broken_at_words_and_go_on_as_far_in() -> None:
    text = "short\n    allowed: one, two, \x1b[32mthree\x1b[0m\nrun `tuner show x` or a-word-too-long-for-it"
    assert wrapped(text, 23).split("\n") == [
        "short",
        "    allowed: one, two,",
        "    \x1b[32mthree\x1b[0m",
        "run `tuner show x` or",
        "a-word-too-long-for-it",
    ]
    assert wrapped(text, 8).split("\n")[-3:] == ["`tuner show x`", "or", "a-word-too-long-for-it"]
    assert wrapped(text, 100) == text
