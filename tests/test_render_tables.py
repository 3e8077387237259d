from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tuner.render.tables import table

ROWS: list[list[str | int | float | None]] = [["mnist-cnn-3", 0, 0.98412, None], ["名前", 12, 1e-3, "stopped"]]
CELL = st.none() | st.integers() | st.floats() | st.text(max_size=12)


def test_columns_are_aligned() -> None:
    assert table(["run", "seed", "val_accuracy", "state"], ROWS) == (
        "run          seed  val_accuracy  state\n"
        "mnist-cnn-3     0        0.9841  -\n"
        "名前           12          1e-3  stopped"
    )
    assert table(["a", "b"], [["x", "y"]], "rl") == "a  b\nx  y"
    assert table(["a", "b"], []) == "a  b"


def test_painted_cells_take_no_more_room() -> None:
    rows: list[list[str | int]] = [["a", "fine", 1], ["bb", "not fine at all", 20]]
    plain = table(["name", "state", "n"], rows, width=20)
    painted = table(["name", "state", "n"], rows, width=20, styles={(0, 1): "green", (1, 1): "bold red", (1, 2): "dim"})
    assert (
        painted.replace("\x1b[0m", "").replace("\x1b[32m", "").replace("\x1b[1;31m", "").replace("\x1b[2m", "") == plain
    )
    assert "\x1b[32mfine\x1b[0m  " in painted
    assert painted.endswith("\x1b[2m20\x1b[0m")


def test_markdown() -> None:
    assert table(["run", "loss"], [["a|b\n", 0.5]], markdown=True) == (
        "| run | loss |\n| --- | ---: |\n| a\\|b\\n | 0.5 |"
    )


def test_a_narrow_terminal_shortens_the_widest_columns() -> None:
    rows = [["x" * 60, "y" * 20, "ok"]]
    wide = table(["path", "name", "state"], rows)
    assert "x" * 60 in wide
    narrow = table(["path", "name", "state"], rows, width=50).splitlines()
    assert [len(line) for line in narrow] == [50, 47]
    assert "xxx..." in narrow[1] or "xxx..." in narrow[0]


def test_a_row_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        table(["a", "b"], [["x"]])


@given(st.lists(st.tuples(CELL, CELL, CELL), max_size=5), st.booleans(), st.none() | st.integers(1, 60))
def test_any_cells_make_one_line_a_row(
    rows: list[tuple[str | int | float | None, ...]], markdown: bool, width: int | None
) -> None:
    lines = table(["a", "b", "c"], rows, markdown=markdown, width=width).split("\n")
    assert len(lines) == len(rows) + (2 if markdown else 1)
    if width is not None and not markdown:
        assert all(cell_len(line) <= max(width, 3 * 8 + 4) for line in lines)
