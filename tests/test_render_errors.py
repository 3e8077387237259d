from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, chop_cells

from tuner.errors import ConfigError, Fault, NotFoundError
from tuner.render.errors import error_text, point_at
from tuner.render.text import escape

FAULTS = [
    Fault("expected a number in [0, 1), got 1.5", "configs/a.yaml", 8, 12, "model.dropout", "1.5", "[0, 1)", None,
          "  dropout: 1.5", 3),
    Fault("unknown key", "configs/a.yaml", 4, 3, "optimizer.weight_decy", "weight_decy", None, "weight_decay",
          "  weight_decy: 5e-4", 11),
    Fault("unknown activation", "configs/a.yaml", 9, 22, "model.activation", "LekyReLU", "relu, leaky_relu",
          "leaky_relu", "  日本: 1,\tactivation: LekyReLU", 8),
    Fault("not UTF-8: byte 0xff at offset 3", "configs/b.yaml", 1, 4, suggestion="save the file as UTF-8"),
    Fault("needs a loss for numbers", "command line", key="loss"),
]  # fmt: skip

GOLDEN = """\
configs/a.yaml:8:12: model.dropout: expected a number in [0, 1), got 1.5
    8 |   dropout: 1.5
                   ^^^
configs/a.yaml:4:3: optimizer.weight_decy: unknown key
    4 |   weight_decy: 5e-4
          ^^^^^^^^^^^
        did you mean weight_decay?
configs/a.yaml:9:22: model.activation: unknown activation, got LekyReLU
    9 |   日本: 1,  activation: LekyReLU
                                ^^^^^^^^
        allowed: relu, leaky_relu
        did you mean leaky_relu?
configs/b.yaml:1:4: not UTF-8: byte 0xff at offset 3
        try: save the file as UTF-8
command line: loss: needs a loss for numbers
5 errors"""

LINES = st.text(alphabet="ab: é日本ｶ한\t\x1b\u202e", max_size=300)


def test_faults_look_like_this() -> None:
    assert error_text(ConfigError(FAULTS)) == GOLDEN


def test_one_fault_is_counted_as_one() -> None:
    assert error_text(ConfigError(FAULTS[:1])).endswith("\n1 error")


def test_colour_adds_nothing_but_colour() -> None:
    painted = error_text(ConfigError(FAULTS), color=True)
    assert "\x1b[1;31m^^^\x1b[0m" in painted
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[1;31m", "\x1b[32m"):
        painted = painted.replace(code, "")
    assert painted == GOLDEN


def test_an_error_comes_with_its_fix() -> None:
    error = NotFoundError("no run is called 'x\x1b'", fix="tuner runs")
    assert error_text(error) == "error: no run is called 'x\\x1b'\ntuner runs"
    assert error_text(NotFoundError("gone")) == "error: gone"


def test_a_narrow_encoding_keeps_the_caret_under_its_token() -> None:
    lines = error_text(ConfigError(FAULTS[2:3]), encoding="ascii").splitlines()
    assert lines[1].isascii()
    assert lines[1][lines[2].index("^") :] == "LekyReLU"


def test_a_long_line_is_cut_on_both_sides_of_its_token() -> None:
    line = "x" * 150 + "TOKEN" + "y" * 200
    text, start, run = point_at(line, 151, 5, 60)
    assert len(text) == 60
    assert text.startswith("...x")
    assert text.endswith("y...")
    assert text[start : start + run] == "TOKEN"


def test_a_token_behind_the_end_gets_one_caret() -> None:
    assert point_at("lr:", 4, 1, 80) == ("lr:", 3, 1)
    assert point_at("lr:", 99, 7, 80) == ("lr:", 3, 1)
    assert point_at("", 0, 0, 80) == ("", 0, 1)


def test_a_line_of_a_mebibyte_costs_no_more_than_what_is_shown() -> None:
    line = "k: [" + "1," * (1 << 19)
    started = time.process_time()
    for column in range(1, len(line), len(line) // 200):
        point_at(line, column, 1, 90)
    assert time.process_time() - started < 5


@given(LINES.filter(bool), st.data())
def test_the_caret_run_stands_under_its_token(line: str, data: st.DataObject) -> None:
    column = data.draw(st.integers(1, len(line)))
    width = data.draw(st.integers(1, len(line) - column + 1))
    room = data.draw(st.integers(30, 100))
    text, start, run = point_at(line, column, width, room)
    assert cell_len(text) <= room
    before = chop_cells(text, start)[0] if start else ""
    assert cell_len(before) == start
    under = text[len(before) :]
    token = line[column - 1 : column - 1 + width]
    if token.startswith("\t"):
        assert under.startswith(" ")
    else:
        assert under.startswith(escape(token[0]))
    if "\t" not in token and len(text) < room and "..." not in text:
        assert under.startswith(escape(token))
        assert run == cell_len(escape(token))
    assert 1 <= run <= room - start


@given(st.text(), st.text(), st.integers(), st.integers(), st.text(), st.text(), st.integers(-5, 50))
def test_no_fault_is_too_odd_to_show(
    message: str, file: str, line: int, column: int, given_text: str, excerpt: str, width: int
) -> None:
    fault = Fault(message, file, line, column, "key", given_text, given_text, message, excerpt, width)
    text = error_text(ConfigError([fault]))
    assert text.endswith("\n1 error")
    assert all(part.replace("\u3000", " ").isprintable() for part in text.split("\n"))
