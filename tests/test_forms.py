"""What every form makes of an answer's blocks: numbers by a function, code, commands, wide tables, other encodings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from tuner.answer import Answer, Column, Command, Table, Text, Verdict
from tuner.render import terminal
from tuner.render.forms import csv as csv_form
from tuner.render.forms import html, md

TABLE = Table(
    [Column("setting", code=True), Column("difference", "{:+.2f}".format, "r"), Column("say")],
    [["a|b", 0.5, "±1"], ["*c*", -0.25, None], [None, None, "<b>"]],
    "all",
)


def test_a_function_writes_numbers_and_csv_keeps_them() -> None:
    assert md.show(Answer([TABLE], {})).split("\n")[4:7] == [
        "| `a\\|b` | +0.50 | ±1 |",
        "| `*c*` | -0.25 | - |",
        "| - | - | <b> |",
    ]
    assert list(csv.reader(io.StringIO(csv_form.show(Answer([TABLE], {})))))[1:] == [
        ["a|b", "0.5", "±1"],
        ["*c*", "-0.25", ""],
        ["", "", "<b>"],
    ]
    assert csv_form.show(Answer([TABLE, TABLE], {})).count("all\nsetting,difference,say\n") == 2
    assert "<td>&lt;b&gt;</td>" in html.show(Answer([TABLE], {}))
    assert '<td class="r">+0.50</td>' in html.show(Answer([TABLE], {}))


def test_ascii_has_another_spelling_for_plus_or_minus() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal.show(Answer([TABLE, Text("within ±0.01"), Verdict("±")], {}), ascii_only)
    ascii_only.seek(0)
    assert ascii_only.read().splitlines()[2:] == [
        "a|b           +0.50  +-1",
        "*c*           -0.25  -",
        "-                 -  <b>",
        "",
        "within +-0.01",
        "",
        "+-",
    ]


def test_commands_that_follow_stand_together() -> None:
    stream = io.StringIO()
    terminal.show(Answer([Text("more:"), Command("tuner a"), Command("tuner b"), Text("end")], {}), stream)
    assert stream.getvalue() == "more:\n\n  tuner a\n  tuner b\n\nend\n"


@pytest.mark.parametrize("width", [20, 30, 44])
def test_a_wide_table_stands_in_parts(shown: Callable[..., str], width: int) -> None:
    columns = [Column("seed", side="l"), *(Column(f"group-{index}") for index in range(6))]
    rows = [[seed, *(seed / 10 + index for index in range(6))] for seed in range(3)]
    parts = [part.split("\n") for part in shown(Table(columns, rows), width).split("\n\n")]
    assert len(parts) == -(-6 // ((width - 4) // 9))
    assert all(len(part) == 4 and part[0].startswith("seed") for part in parts)
    assert [head for part in parts for head in part[0].split()[1:]] == [column.head for column in columns[1:]]


def test_items_of_a_list_stay_apart(shown: Callable[..., str]) -> None:
    text = "- one is better than the other\n- two is not\nand so on"
    assert shown(Text(text), 24).split("\n") == ["- one is better than the", "other", "- two is not and so on"]
