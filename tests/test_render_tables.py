"""Tables of an answer, as a terminal of some width, a file and Markdown show them."""

from __future__ import annotations

import io
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tuner.answer import Cell, Column, Spark, Table
from tuner.render.forms.md import table_text
from tuner.render.terminal import Look

ROWS: list[list[Cell]] = [["mnist-cnn-3", 0, 0.98412, None], ["名前", 12, 1e-3, "stopped"]]
HEADS = [Column("run"), Column("seed"), Column("val_accuracy"), Column("state")]
CELL = st.none() | st.integers() | st.floats() | st.text(max_size=12)


def lines_of(table: Table, width: int | None = None, *, color: bool = False) -> list[str]:
    """What a terminal of that width shows; None: what a file gets."""
    look = Look(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), width, color=color)
    return "".join(look.lines(table)).splitlines()


def test_columns_are_aligned() -> None:
    assert lines_of(Table(HEADS, ROWS)) == [
        "run          seed  val_accuracy  state",
        "mnist-cnn-3     0        0.9841  -",
        "名前           12          1e-3  stopped",
    ]
    assert lines_of(Table([Column("a", side="r"), Column("b")], [["x", "y"]])) == ["a  b", "x  y"]


def test_painted_cells_take_no_more_room() -> None:
    rows: list[list[Cell]] = [["a", "fine", 1], ["bb", "not fine at all", 20]]
    columns = [Column("name"), Column("state"), Column("n")]
    plain = lines_of(Table(columns, rows), 20)
    painted = lines_of(Table(columns, rows, styles={(0, 1): "green", (1, 1): "bold red"}), 20, color=True)
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in painted] == plain
    assert "\x1b[32mfine" in painted[1]


def test_markdown() -> None:
    assert table_text(Table([Column("run"), Column("loss")], [["a|b\n", 0.5]])) == (
        "| run | loss |\n| --- | ---: |\n| a\\|b\\n | 0.5 |"
    )


def test_a_narrow_terminal_breaks_at_words_or_cuts_or_leaves_out() -> None:
    columns = [Column("path", least=8), Column("words"), Column("less", weight=0)]
    rows: list[list[Cell]] = [["x" * 60, "one two three four", "y" * 20]]
    assert lines_of(Table(columns, rows))[1] == f"{'x' * 60}  one two three four  {'y' * 20}"
    narrow = lines_of(Table(columns, rows, more="--all shows it"), 30)
    assert all(len(line) <= 30 for line in narrow)
    assert re.fullmatch(r"x+…  one two( three)?", narrow[1])
    assert " ".join(narrow[-2:]).endswith("no room for less; --all shows it")


@pytest.mark.parametrize(("width", "shown"), [(30, "█▆▄▃▃▂▁▁▁▁▁▁"), (14, "█▅▃▂▁▁▁▁"), (10, "")])
def test_a_course_becomes_narrower_before_it_goes(width: int, shown: str) -> None:
    course = Spark([math.exp(-step / 5) for step in range(20)], 12)
    lines = lines_of(Table([Column("seed"), Column("trend", weight=0, least=4)], [["3", course]]), width)
    assert lines[1].split() == ["3", *[shown] * bool(shown)]


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=5))
def test_any_cells_make_one_line_a_row(rows: list[tuple[Cell, ...]]) -> None:
    table = Table([Column(head) for head in "abc"], rows)
    assert len(lines_of(table)) == len(rows) + 1
    assert len(table_text(table).split("\n")) == len(rows) + 2


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=5), st.integers(12, 60))
def test_no_line_is_wider_than_its_terminal(rows: list[tuple[Cell, ...]], width: int) -> None:
    table = Table([Column(head, least=2) for head in "abc"], rows)
    assert all(cell_len(line) <= width for line in lines_of(table, width))
