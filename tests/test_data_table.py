"""People's own tables: what their columns are told to be, how they are split, what is refused and how."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tuner.config.load import load
from tuner.data import cache
from tuner.data.columns import Column
from tuner.data.encoding import encode, fitted
from tuner.data.splits import Indices, choose
from tuner.data.splits import load as read_splits
from tuner.data.table import Table
from tuner.data.tabular.dialect import sniffed
from tuner.errors import ConfigError, NotFoundError, TunerError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Table]:
    """A table of a text or bytes, with the target y unless told otherwise."""

    def made(content: str | bytes, name: str = "my.csv", **settings: Any) -> Table:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Table(**{"path": str(file), "target": "y", **settings})

    return made


def rows(count: int, line: Callable[[int], str], head: str = "a,y") -> str:
    return "\n".join([head, *map(line, range(count))]) + "\n"


def column(source: Table, name: str = "a") -> Column:
    (found,) = (each for each in source.open().description.columns if each.name == name)
    return found


# ---- what a column is ------------------------------------------------------------------------------------------------

TEN = tuple(f"t{i:02}" for i in range(10))
KINDS: dict[str, tuple[Sequence[str], Column]] = {
    "numbers": (["1", "2.5", "-3e2", "+4"], Column("a")),
    "numbers with gaps": (["1", "", "2", "NA", "3"], Column("a", missing=8, flagged=False)),
    "two numbers": (["0", "1"], Column("a", "boolean", ("0", "1"))),
    "two numbers, written in two ways": (["0", "1", "1.0"], Column("a", "boolean", ("0", "1"))),
    "yes and no": (["yes", "no", "yes"], Column("a", "boolean", ("no", "yes"))),
    "texts": (["red", "green", "blue"], Column("a", "category", ("blue", "green", "red"))),
    "texts with spaces around": (["red ", " green", "blue"], Column("a", "category", ("blue", "green", "red"))),
    "codes with leading zeros": (["007", "010", "100"], Column("a", "category", ("007", "010", "100"))),
    "many texts": (TEN, Column("a", "category", TEN, 0, 8)),
    "days": (["2024-01-31", "2024-02-01", "2024-03-01"], Column("a", "date", form="%Y-%m-%d")),
    "moments": (["2024-01-31 10:00:00", "2024-02-01 11:30:00", "2025-02-01 11:30:00"],
                Column("a", "date", form="%Y-%m-%d %H:%M:%S")),
    "days, the month second": (["31/01/2024", "01/02/2024", "02/02/2024"], Column("a", "date", form="%d/%m/%Y")),
    "days, the month first": (["01/31/2024", "02/01/2024", "02/02/2024"], Column("a", "date", form="%m/%d/%Y")),
    "days of which nobody knows": (["01/02/2024", "02/02/2024", "03/02/2024"],
                                   Column("a", "category", ("01/02/2024", "02/02/2024", "03/02/2024"))),
    "nothing": ([""], Column("a", missing=20)),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_columns_kind_is_told_by_its_cells(name: str, table: Callable[..., Table]) -> None:
    cells, expected = KINDS[name]
    source = table(rows(20, lambda i: f"{cells[i % len(cells)]},{i % 3}"), task="classes")
    assert column(source) == expected


def test_a_kind_that_is_said_holds(table: Callable[..., Table]) -> None:
    text = rows(12, lambda i: f"{i % 3 + 1},{'pq'[i % 2]}")
    assert column(table(text)).kind == "number"
    assert column(table(text, columns={"a": "category"})).categories == ("1", "2", "3")
    for kind, message in {"boolean": "3 different values", "date": "has numbers"}.items():
        with pytest.raises(NotFoundError, match=f"column 'a' is to be a {kind}, and has.*{message.split()[-1]}"):
            table(text, columns={"a": kind}).open()


def test_a_mistake_in_a_column_of_numbers_is_told_with_its_place(table: Callable[..., Table]) -> None:
    text = rows(40, lambda i: f"{'12,' if False else ('oops' if i == 28 else i)},{i % 2}")
    with pytest.raises(NotFoundError) as caught:
        table(text).open()
    assert re.search(r"my\.csv line 30, column 'a': 'oops' is no number, and 39 others are", caught.value.message)
    assert "data.missing" in caught.value.fix and "data.columns: {a: category}" in caught.value.fix
    assert column(table(text, missing=["oops"])).missing == 1
    assert column(table(text, columns={"a": "category"})).kind == "category"


# ---- how a file is written -------------------------------------------------------------------------------------------

WAYS = {
    "csv": "a,b,y\n1.5,u,p\n2500.25,v,q\n-3,u,p\n4,w,q\n",
    "tabs": "a\tb\ty\n1.5\tu\tp\n2500.25\tv\tq\n-3\tu\tp\n4\tw\tq\n",
    "semicolons and decimal commas": "a;b;y\n1,5;u;p\n2500,25;v;q\n-3;u;p\n4;w;q\n",
    "bars": "a|b|y\n1.5|u|p\n2500.25|v|q\n-3|u|p\n4|w|q\n",
    "thousands": 'a,b,y\n1.5,u,p\n"2,500.25",v,q\n-3,u,p\n4,w,q\n',
    "German thousands": "a;b;y\n1,5;u;p\n2.500,25;v;q\n-3;u;p\n4;w;q\n",
    "line ends of Windows": "a,b,y\r\n1.5,u,p\r\n2500.25,v,q\r\n-3,u,p\r\n4,w,q\r\n",
    "line ends of old": "a,b,y\r1.5,u,p\r2500.25,v,q\r-3,u,p\r4,w,q\r",
    "a byte order mark": "\ufeffa,b,y\n1.5,u,p\n2500.25,v,q\n-3,u,p\n4,w,q\n",
    "quotes": 'a,b,"y"\n"1.5","u",p\n"2500.25","v",q\n"-3","u","p"\n4,w,q\n',
    "blank lines": "\na,b,y\n1.5,u,p\n\n2500.25,v,q\n-3,u,p\n4,w,q\n\n\n",
    "no end": "a,b,y\n1.5,u,p\n2500.25,v,q\n-3,u,p\n4,w,q",
    "other columns first": "y,b,a\np,u,1.5\nq,v,2500.25\np,u,-3\nq,w,4\n",
    "spaces": "a, b, y\n1.5, u, p\n2500.25 , v, q\n-3, u, p\n4, w,q\n",
}


def of_parquet(text: str, tmp_path: Path) -> bytes:
    frame = pl.read_csv(text.encode())
    frame.write_parquet(tmp_path / "made.parquet")
    return (tmp_path / "made.parquet").read_bytes()


@pytest.mark.parametrize("way", [*WAYS, "gzip", "parquet", "UTF-16"])
def test_the_same_table_written_otherwise_is_the_same(way: str, table: Callable[..., Table], tmp_path: Path) -> None:
    """Whatever its form, it has the same fingerprint: the same samples in the same parts, called the same."""
    plain = {"validation": 0, "test": 0}
    expected = read_splits(table(WAYS["csv"], **plain).open())
    forms: dict[str, str | bytes] = {
        **WAYS,
        "gzip": gzip.compress(WAYS["csv"].encode()),
        "parquet": of_parquet(WAYS["csv"], tmp_path),
        "UTF-16": WAYS["csv"].encode("utf-16"),
    }
    found = read_splits(table(forms[way], "other.dat", **plain).open())
    assert found.fingerprint == expected.fingerprint
    assert [each.name for each in found.description.columns] == ["a", "b"]
    np.testing.assert_array_equal(found.train.x[:, 0], [1.5, 2500.25, -3, 4])


def test_other_names_or_values_are_another_run(table: Callable[..., Table]) -> None:
    plain = {"validation": 0, "test": 0}
    texts = [
        WAYS["csv"],
        WAYS["csv"].replace("a,b", "c,b"),
        WAYS["csv"].replace("w", "x"),
        WAYS["csv"].replace("4", "5"),
    ]
    assert len({read_splits(table(text, **plain).open()).fingerprint for text in texts}) == 4


def test_text_that_is_not_utf8(table: Callable[..., Table]) -> None:
    text = rows(8, lambda i: f"{('café', 'thé', 'eau')[i % 3]},{i % 2}")
    assert column(table(text.encode("cp1252"))).categories == ("café", "eau", "thé")
    with pytest.raises(NotFoundError, match=r"(?s)my\.csv is not utf-8.*set data\.encoding") as caught:
        table(text.encode("cp1252"), encoding="utf-8").open()
    assert caught.value.exit_code == 4
    with pytest.raises(NotFoundError, match="unknown encoding"):
        table(text, encoding="klingon").open()


HEADERS = {
    "1,2\n3,4\n": False,
    "a,b\n3,4\n": True,
    "a,b\nc,d\ne,f\n": True,
    "a,b\na,d\ne,b\n": False,
    "A11,6\nA12,7\n": False,
    "x,x\n1,2\n": True,
    ",a,b\n0,1,2\n1,2,3\n": True,
    "a\n1\n2\n": True,
}


@pytest.mark.parametrize("text", HEADERS)
def test_a_first_line_of_names_is_told_from_one_of_cells(text: str) -> None:
    auto = dict.fromkeys(("encoding", "delimiter", "decimal", "thousands", "header"), "auto")
    assert sniffed(text.encode(), ["", "NA"], **auto).header is HEADERS[text]


def test_without_names_columns_are_numbered(table: Callable[..., Table]) -> None:
    text = "".join(f"{i},{i * i % 7},{'pq'[i % 2]}\n" for i in range(12))
    known = table(text, target=-1).open().description
    assert [each.name for each in known.columns] == ["column_1", "column_2"]
    assert known.target_name == "column_3" and known.classes == ("p", "q")


def test_columns_stand_in_the_order_of_their_names_numbers_by_value(table: Callable[..., Table]) -> None:
    text = "y,x10,x2,b\n" + "".join(f"{'pq'[i % 2]},{i},{i + 1},{i + 2}\n" for i in range(12))
    assert [each.name for each in table(text).open().description.columns] == ["b", "x2", "x10"]


# ---- what the network is given ---------------------------------------------------------------------------------------


def test_what_each_kind_is_made_into() -> None:
    """By hand: a missing number is the training part's median with a flag, a date its parts, a category its flags."""
    day = (np.datetime64("2024-02-29") - np.datetime64("1970-01-01")).astype(int)
    columns = (
        Column("number", missing=1),
        Column("sex", "boolean", ("f", "m"), missing=1),
        Column("colour", "category", ("blue", "green", "red"), missing=1),
        Column("place", "category", ("p", "q", "r"), missing=1, embedding=4),
        Column("when", "date", form="%Y-%m-%d %H:%M:%S"),
    )
    nan = np.nan
    x = np.array([[1, 0, 0, 0, day], [5, 1, 1, 2, day + 1.5], [nan, nan, nan, nan, day + 40]], np.float32)
    known = fitted(columns, x)
    found = encode(known, np.vstack([x, np.array([9, -1, 2, -1, day + 366], np.float32)]))
    assert found.shape == (4, 2 + 2 + 4 + 1 + 5)
    np.testing.assert_array_equal(found[:, :2], [[1, 0], [5, 0], [3, 1], [9, 0]])
    np.testing.assert_array_equal(found[:, 2:4], [[-1, 0], [1, 0], [0, 1], [0, 0]])
    np.testing.assert_array_equal(found[:, 4:8], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(found[:, 8], [1, 3, 4, 0])
    dates = [[2024, 2, 3, 0, 0], [2024, 3, 4, 1.5, 12], [2024, 4, 1, 40, 0], [2025, 3, 5, 366, 0]]
    np.testing.assert_array_equal(found[:, 9:], dates)
    assert known[2].unseen == (2,) and known[4].first == day


def test_medians_are_of_the_training_part_alone(table: Callable[..., Table]) -> None:
    text = rows(60, lambda i: f"{'' if i % 5 == 0 else i * i},{'pq'[i % 2]}")
    source = table(text)
    splits, dataset = read_splits(source.open()), source.open()
    raw = dataset.read()
    train = raw.x[choose(dataset, raw).train, 0]
    assert splits.description.columns[0].fills == (float(np.median(train[~np.isnan(train)])),)
    assert splits.statistics.mean[1] == 0 and splits.statistics.scale[1] == 1, "a flag stays as it is"


def test_robust_numbers_by_hand(table: Callable[..., Table]) -> None:
    text = rows(41, lambda i: f"{i * i},{'pq'[i % 2]}")
    splits = read_splits(table(text, normalize="robust", test=0, validation=0).open())
    x = splits.train.x[:, 0].astype(np.float64)
    low, middle, high = np.percentile(x, [25, 50, 75])
    assert (splits.statistics.mean[0], splits.statistics.scale[0]) == (middle, high - low)
    assert splits.statistics.limit is not None and splits.statistics.limit[0] == 3


# ---- parts -----------------------------------------------------------------------------------------------------------


def parts(source: Table) -> tuple[Indices, Any]:
    dataset = source.open()
    raw = dataset.read()
    return choose(dataset, raw), raw


def assert_apart(chosen: Indices, keys: Sequence[Any]) -> None:
    """No key stands in two parts."""
    assert chosen.test is not None
    held = [{keys[at] for at in part} for part in (chosen.train, chosen.validation, chosen.test)]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]


@pytest.mark.parametrize("more", [{}, {"fold": {"of": 4, "index": 1}}])
def test_groups_and_equal_rows_stay_in_one_part(more: dict[str, Any], table: Callable[..., Table]) -> None:
    from tuner.data.source import Fold

    settings = {key: Fold(**value) for key, value in more.items()}
    values = np.random.default_rng(0).integers(0, 41, 200).tolist()
    text = rows(200, lambda i: f"{values[i]},g{values[i] % 30},{'pq'[values[i] % 2]}", "a,who,y")
    chosen, _ = parts(table(text, drop=["who"], **settings))
    assert_apart(chosen, values)
    chosen, _ = parts(table(text, group="who", **settings))
    assert_apart(chosen, [value % 30 for value in values])
    assert chosen.test is not None
    assert 0.1 < len(chosen.test) / 200 < 0.35, "about the share that was asked for"
    total = sorted([*chosen.train, *chosen.validation, *chosen.test])
    assert total == list(range(200))


def test_groups_that_are_too_few_for_a_part_are_told(table: Callable[..., Table]) -> None:
    source = table(rows(60, lambda i: f"{i},g{i % 2},{'pq'[i % 3 > 0]}", "a,who,y"), group="who", test=0.1)
    with pytest.raises(ConfigError) as caught:
        parts(source)
    assert "2 groups of samples that stay together are too few" in caught.value.faults[0].message
    assert any("rows of one who stay in one part" in note for note in source.open().notes)


def test_rows_that_are_equal_may_be_dropped_or_kept(table: Callable[..., Table]) -> None:
    text = rows(60, lambda i: f"{i % 20},{'pq'[i % 2]}")
    chosen, _ = parts(table(text, duplicates="drop"))
    assert chosen.test is not None
    assert sorted([*chosen.train, *chosen.validation, *chosen.test]) == list(range(20))
    chosen, _ = parts(table(text, duplicates="keep"))
    assert chosen.test is not None and len(chosen.test) == 12


def test_the_newest_rows_are_the_test_part(table: Callable[..., Table]) -> None:
    days = (np.random.default_rng(0).permutation(28) + 1).tolist()
    text = rows(28, lambda i: f"{i},2024-02-{days[i]:02},{'pq'[i % 2]}", "a,day,y")
    chosen, _ = parts(table(text, time="day", test=0.25, validation=0.25))
    assert chosen.test is not None
    assert {days[at] for at in chosen.test} == set(range(22, 29))
    assert {days[at] for at in chosen.validation} == set(range(17, 22))


def test_a_file_of_its_own_may_be_the_test_part(table: Callable[..., Table], tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text(rows(6, lambda i: f"{i},{'pq'[i % 2]}"))
    source = table(rows(30, lambda i: f"{i * 2},{'pq'[i % 2]}"), test_path=str(tmp_path / "test.csv"))
    splits = read_splits(source.open())
    assert splits.sizes == {"train": 27, "validation": 3, "test": 6}
    np.testing.assert_array_equal(splits.test.x[:, 0], np.arange(6))


def test_several_files_are_one_table_whatever_the_order_of_their_columns(
    table: Callable[..., Table], tmp_path: Path
) -> None:
    (tmp_path / "more.csv").write_text("y,a\n" + "".join(f"{'pq'[i % 2]},{i}\n" for i in range(10)))
    first = table(rows(10, lambda i: f"{i + 10},{'pq'[i % 2]}"))
    both = first.replace(path=[str(first.path), str(tmp_path / "more.csv")])
    assert sorted(parts(both)[1].x[:, 0]) == list(range(20))
    (tmp_path / "more.csv").write_text("y,b\np,1\nq,2\n")
    with pytest.raises(NotFoundError, match=r"more\.csv has not the columns of my\.csv: they differ in 'a', 'b'"):
        both.open()


# ---- what is refused -------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "empty": ("", {}, r"my\.csv is empty: it has no row"),
    "only a header": ("a,y\n", {"header": True}, r"my\.csv has no rows, only a header"),
    "too few cells": (rows(9, lambda i: f"{i},p" if i != 6 else "6"), {}, "line 8 has 1 cells, and there are 2"),
    "too many cells": (rows(9, lambda i: f"{i},p" if i != 6 else "6,p,7"), {}, r"line 8 has 3 cells"),
    "names twice": ("a,a,y\n1,2,p\n", {"header": True}, "several columns called a"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), {}, "is no text and no parquet file"),
    "no target in a row": (rows(9, lambda i: f"{i},{'p' if i else ''}"), {}, r"the target y is missing in 1 row"),
    "one class": (rows(9, lambda i: f"{i},p"), {}, "the target y is 'p' in every row"),
    "a constant number": (rows(9, lambda i: f"{i},3"), {}, "the target y is 3 in every row"),
    "a class with one row": (rows(9, lambda i: f"{i},{'pqr'[i % 2 if i else 2]}"), {}, "'r' of y has a single row"),
    "texts as numbers": (rows(9, lambda i: f"{i},{'pq'[i % 2]}"), {"task": "numbers"}, "to be numbers, and holds 'p'"),
    "numbers as classes": (rows(2000, lambda i: f"{i},{i}.5"), {"task": "classes"}, "too many for classes"),
    "infinite": (rows(9, lambda i: f"{'inf' if i == 3 else i},{i % 2}"), {}, "5, column 'a': the number is not finite"),
    "beyond float32": (rows(9, lambda i: f"{'1e300' if i == 3 else i},{i % 2}"), {}, "beyond 3.4e38"),
    "no input": (rows(9, lambda i: f"{i},{i % 2}"), {"drop": ["a"]}, "no column is left as an input"),
    "no time": (rows(9, lambda i: f"{i if i else ''},{i % 2}"), {"time": "a"}, "line 2 has no a, by which"),
    "damaged gzip": (gzip.compress(b"a,y\n" + b"1,2\n" * 99)[:-9], {}, r"my\.csv is damaged: unpacking stops with"),
    "a quote that stays open": (rows(9, lambda i: f'{i},"p' if i == 5 else f"{i},q"), {}, "a quote may not be closed"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_table_cannot_be_is_refused_with_its_place_and_a_fix(name: str, table: Callable[..., Table]) -> None:
    content, settings, message = REFUSED[name]
    with pytest.raises(NotFoundError, match=message) as caught:
        read_splits(table(content, **settings).open())
    assert caught.value.exit_code == 4 and "my.csv" in caught.value.message


def test_rows_without_a_target_may_be_dropped(table: Callable[..., Table]) -> None:
    source = table(rows(20, lambda i: f"{i},{'' if i % 4 == 3 else 'pq'[i % 2]}"), missing_target="drop", test=0)
    assert source.open().description.train_samples == 15
    assert len(parts(source)[1].y) == 15


def test_a_column_that_is_not_there_is_told_at_its_line_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text(rows(9, lambda i: f"{i},{i},{'pq'[i % 2]}", "height,width,kind"))
    lines = ["data:", "  name: table", "  path: my.csv", "  target: kinds", "  drop: [hight]", "  id: number"]
    (tmp_path / "c.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "c.yaml"))
    told = {fault.key: (fault.line, fault.given, fault.suggestion) for fault in caught.value.faults}
    expected = {
        "data.target": (4, "kinds", "kind"),
        "data.drop": (5, "hight", "height"),
        "data.id": (6, "number", None),
    }
    assert told == expected
    assert "height, width, kind" in str(caught.value.faults[0].allowed)


def test_what_was_seen_is_remembered_until_the_file_changes(table: Callable[..., Table], tmp_path: Path) -> None:
    source = table(rows(9, lambda i: f"{i},{'pq'[i % 2]}"))
    first = source.facts()
    (kept,) = (tmp_path / "cache" / "tuner" / "tables").iterdir()
    kept.write_text(kept.read_text().replace('"a"', '"renamed"'))
    assert [each.name for each in source.facts().columns] == ["renamed", "y"], "it was not looked at again"
    kept.write_text("{")
    assert source.facts() == first
    (tmp_path / "my.csv").write_text(rows(12, lambda i: f"{i},{'pq'[i % 2]}"))
    assert source.facts().rows == (12,)


def test_a_file_that_changes_while_it_is_read_is_told(table: Callable[..., Table], tmp_path: Path) -> None:
    dataset = table(rows(30, lambda i: f"{i},{'pq'[i % 2]}")).open()
    for text in (rows(29, lambda i: f"{i},p"), rows(31, lambda i: f"{i},p"), rows(30, lambda i: f"{i},new")):
        (tmp_path / "my.csv").write_text(text)
        with pytest.raises(NotFoundError, match=r"my\.csv changed while it was read"):
            dataset.read()
    (tmp_path / "my.csv").unlink()
    with pytest.raises(NotFoundError, match=r"(?s)my\.csv is missing.*data\.path="):
        dataset.read()


# ---- whatever comes --------------------------------------------------------------------------------------------------

CELL = st.one_of(
    st.text(max_size=8), st.floats().map(repr), st.integers().map(str), st.sampled_from(["", "NA", "?", "-"])
)


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.tuples(CELL, CELL), min_size=4, max_size=30))
def test_any_cells_are_read_or_refused(cells: list[tuple[str, str]], table: Callable[..., Table]) -> None:
    import csv
    import io

    out = io.StringIO()
    csv.writer(out).writerows([("a", "b", "y"), *((*pair, "pq"[i % 2]) for i, pair in enumerate(cells))])
    try:
        splits = read_splits(
            table(out.getvalue().encode("utf-8", "replace"), header=True, validation=0, test=0.3).open()
        )
    except TunerError as error:
        assert error.exit_code in (2, 4)
        return
    assert np.isfinite(splits.train.x).all() and np.isfinite(splits.test.x).all()


def test_damaged_files_are_named(table: Callable[..., Table], tmp_path: Path) -> None:
    """2,000 files, cut, bit-flipped, with strange beginnings: each is read, or refused with its name."""
    text = rows(40, lambda i: f"{i},{'uvw'[i % 3]},2024-01-{i % 28 + 1:02},{'pq'[i % 2]}", "a,b,when,y")
    whole = {"csv": text.encode(), "gz": gzip.compress(text.encode()), "parquet": of_parquet(text, tmp_path)}
    draw, refused = random.Random(0), 0  # noqa: S311 - damage, the same every time
    for number in range(2000):
        kind = draw.choice(list(whole))
        data = bytearray(whole[kind])
        what = draw.randrange(5)
        if what == 0:
            data = data[: draw.randrange(len(data))]
        elif what == 1:
            for _ in range(draw.randint(1, 8)):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        elif what == 2:
            data[: draw.randint(0, 12)] = draw.randbytes(draw.randint(0, 40))
        elif what == 3:
            at = draw.randrange(len(data))
            data[at:at] = draw.choice([b'"', b"\0", b"\xff\xfe", b",,,,", b"\n\n", b"9" * 500, draw.randbytes(30)])
        elif kind == "parquet":  # a huge footer
            data[-8:-4] = (2**31 - 1 - number).to_bytes(4, "little")
        try:
            read_splits(table(bytes(data), f"f{number}.{draw.choice(['csv', 'parquet', 'gz'])}").open())
        except TunerError as error:
            refused += 1
            assert error.exit_code in (2, 4), error
            told = str(error) + " ".join(fault.message for fault in getattr(error, "faults", ()))
            assert f"f{number}." in told or error.exit_code == 2, told
        (tmp_path / f"f{number}.csv").unlink(missing_ok=True)
    assert refused > 600


def test_only_the_newest_looks_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "REMEMBERED", 3)
    for number in range(5):
        path = tmp_path / f"{number}.csv"
        path.write_text("a,y\n1,2\n3,4\n")
        Table(path=str(path), target="y").facts()
    assert len(list((tmp_path / "cache" / "tuner" / "tables").iterdir())) == 3
    assert Table(path=str(path), target="y").facts().rows == (2,)


@pytest.mark.parametrize(("missing", "gaps"), [((), 1), (("-999",), 2)])
def test_numbers_are_the_same_however_their_cells_are_written(
    missing: Sequence[str], gaps: int, table: Callable[..., Table]
) -> None:
    cells = ["1", " 2.5 ", "3e2", "-999", "", '"4"', "+5", "0.50"]
    source = table(rows(8, lambda i: f"{cells[i]},{'pq'[i % 2]}"), missing=["", *missing])
    x = source.open().read().x[:, 0]
    expected = [1, 2.5, 300, np.nan if missing else -999, np.nan, 4, 5, 0.5]
    assert np.array_equal(x, np.array(expected, np.float32), equal_nan=True)
    assert source.facts().columns[0].missing == gaps


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity"])
def test_a_word_for_not_a_number_is_none(word: str, table: Callable[..., Table]) -> None:
    text = rows(8, lambda i: f"{word if i == 2 else i},{'pq'[i % 2]}")
    with pytest.raises(NotFoundError, match="line 4, column 'a': the number is not finite"):
        table(text).facts()
    assert np.isnan(table(text, missing=[word]).open().read().x[:, 0]).tolist() == [at == 2 for at in range(8)]


@pytest.mark.parametrize(("gaps", "features"), [(9, ["a"]), (10, ["a", "a missing"])])
def test_a_gap_is_told_to_the_network_where_enough_rows_have_one(
    gaps: int, features: list[str], table: Callable[..., Table]
) -> None:
    """Of a few it would learn by heart whose they were; a category always has one of its own for them."""
    source = table(rows(60, lambda i: f"{'' if i < gaps else i},{'pq'[i % 2]}"))
    dataset = source.open()
    raw = dataset.read()
    [kept] = fitted(dataset.description.columns, raw.x)
    assert [feature.name for feature in kept.features] == features
    assert encode([kept], raw.x)[0].tolist() == [(gaps + 59) / 2, *[1.0] * (len(features) - 1)]
    named = table(rows(60, lambda i: f"{'' if i < gaps else 'uvw'[i % 3]},{'pq'[i % 2]}"), "named.csv").open()
    assert [each.name for each in named.description.columns[0].features][-1] == "a missing"
