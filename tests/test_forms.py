"""What every form makes of an answer's blocks: numbers by a function, code, commands, wide tables, other encodings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from tuner.answer import Answer, Cell, Chart, Column, Command, Commented, Note, Pairs, Spark, Table, Text, Verdict
from tuner.chart import Line, Panel
from tuner.errors import UsageError
from tuner.render import terminal
from tuner.render.forms import csv as csv_form
from tuner.render.forms import html, latex, md

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
    assert "\n,,<b>\n\nall\n" in csv_form.show(Answer([TABLE, TABLE], {})), "an empty line between them"
    assert "<td>&lt;b&gt;</td>" in html.show(Answer([TABLE], {}))
    assert '<td class="r">+0.50</td>' in html.show(Answer([TABLE], {}))


def test_csv_of_an_answer_without_a_table() -> None:
    """Its pairs; where there are none either it says so, but a list that is empty is no error."""
    pairs = Pairs([("run", "a, b"), ("best", 0.123456789), ("next", Command("tuner x")), ("val", Spark([1.0], 4))])
    assert csv_form.show(Answer([pairs], {})) == 'key,value\nrun,"a, b"\nbest,0.123456789\nnext,tuner x\n'
    assert csv_form.show(Answer([pairs, Commented([TABLE])], {})).startswith("setting,difference,say\n")
    assert csv_form.show(Answer([Note("no runs")], {})) == ""
    with pytest.raises(UsageError, match=r"no table for --csv\n.*--json, --md or --html"):
        csv_form.show(Answer([Text("words")], {}))


@pytest.mark.parametrize("width", [50, 80])
def test_a_word_in_a_table_stays_whole_beside_a_longer_one(width: int) -> None:
    rows = [["scikit-learn", "", "1.9.1"], ["data", "note", "/usr/lib/python3.11/site-packages/sklearn/datasets/data"]]
    shown = list(
        terminal.Look(io.StringIO(), width, color=False).lines(Table(list(map(Column, ("what", "", "found"))), rows))
    )
    assert any(line.startswith("scikit-learn  ") for line in shown)
    assert "".join(line[20:].strip() for line in shown).endswith(rows[1][2]), "one table, its last column folded"


def test_an_item_of_a_list_is_broken_anew_with_the_lines_inside_it() -> None:
    text = "- one item of a list\n  that goes on\n- two\n\n    code  as it is"
    assert terminal.paragraphs(text, 18) == ["- one item of a list that goes on", "- two", "", "    code  as it is"]


def test_latex_escapes_what_has_a_meaning_there() -> None:
    rows: list[list[Cell]] = [["[64]", -0.5, "a_b & 5 % of $1 #2 {x} ~^\\ ±1 <3"], ["lr-0.1", 0.25, None]]
    found = latex.show(Answer([Text("no"), Table(TABLE.columns, rows, "50 %\nof it")], {}))
    assert found.split("\n") == [
        "% 50 %\\nof it",
        "\\begin{tabular}{lrl}",
        "\\toprule",
        "setting & difference & say \\\\",
        "\\midrule",
        "{[}64{]} & $-$0.50 & a\\_b \\& 5 \\% of \\$1 \\#2 \\{x\\} \\textasciitilde{}\\textasciicircum{}"
        "\\textbackslash{} $\\pm$1 \\textless{}3 \\\\",
        "lr-0.1 & +0.25 & - \\\\",
        "\\bottomrule",
        "\\end{tabular}",
        "",
    ]


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


def test_an_ascii_terminal_gets_no_other_sign_from_what_is_cut() -> None:
    """Not even as an escape, which would be wider than what was laid out."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    table = Table(
        [Column("run"), Column("changed", least=8), Column("R²", weight=0), Column("état")],
        [["a-long-name", "x" * 60, "±" * 20, "ü"], ["b", "short", None, "two words"]],
        "a title…",
        more="--all: ±1",
    )
    for block in (table, Table([Column("name", least=4)], [["x" * 90]]), Table([Column("é", least=2)], [["é" * 40]])):
        for width in (20, 28, 44):
            lines = "".join(terminal.Look(stream, width).lines(block)).splitlines()
            assert all(line.isascii() and len(line) <= width for line in lines), lines
            assert any("..." in line for line in lines)
    panel = Panel("kosten für " + "ä" * 50, [Line("größe " * 20, range(9), [0.1 * at for at in range(9)])], x_label="…")
    for width in (40, 60):
        lines = "".join(terminal.Look(stream, width).lines(Chart("", [panel], ["note ±1"]))).splitlines()
        assert all(line.isascii() and len(line) <= width for line in lines), lines
        assert any("..." in line for line in lines)
    assert "note +-1" in lines
