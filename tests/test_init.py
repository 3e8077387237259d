"""`tuner init`: what it finds in a table, the config that it writes, and that this config trains as it is."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest

from tuner.asks.init import ask
from tuner.asks.init.writing import epochs
from tuner.config.load import load
from tuner.config.schema import json_schema
from tuner.document.files import plain
from tuner.errors import ConfigError, NotFoundError, UsageError
from tuner.shipped import configs, folder

CASES = Path(__file__).parent / "cases" / "init"
ROWS = 60
Column = Sequence[Any]
COLORS = [("red", "green", "blue")[at * at % 7 % 3] for at in range(ROWS)]
SIZES = [round((at * 37 % 61) / 7, 3) for at in range(ROWS)]


def write(path: Path, columns: Mapping[str, Column]) -> Path:
    """A csv with these columns."""
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join([*lines, ""]))
    return path


def tuner(*arguments: str, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuner", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120, input=stdin)


def found(folder: Path, columns: Mapping[str, Column], target: str = "color") -> tuple[dict[str, str], list[str]]:
    """(dropped columns with their reasons, remarks)."""
    base: dict[str, Column] = {"color": COLORS, "size": SIZES}
    path = write(folder / "t.csv", {**base, **columns})
    told = ask(path, target, "auto", folder / "t.yaml").data
    return {each["name"]: each["dropped"] for each in told["columns"] if each["dropped"]}, told["remarks"]


DROPPED: dict[str, tuple[Callable[[int], Any], str]] = {
    "constant": (lambda _: "same", "is the same in every row: same"),
    "empty": (lambda _: "", "has no value"),
    "row": (lambda at: at, "numbers the rows from 0 to 59"),
    "shuffled": (lambda at: at * 7 % ROWS + 1, "numbers the rows from 1 to 60"),
    "user_id": (lambda at: at * 13 + 1000, "is an id: another whole number in every row"),
    "PassengerId": (lambda at: at * 13 + 1000, "is an id: another whole number in every row"),
    "code": (lambda at: f"k-{at}", "tells rows apart, not what they are like: 60 different texts in 60 rows"),
    "note": (lambda at: f"the words of {at % 50}", "is free text: 50 different texts in 60 rows"),
    "twin": (lambda at: SIZES[at], "is the same as size"),
    "again": (lambda at: COLORS[at], "gives the target away? one is the other"),
    "letter": (lambda at: COLORS[at][0], "gives the target away? each of its values stands for one of the target's"),
    "number": (lambda at: len(COLORS[at]), "gives the target away? each of its values stands for one of the target's"),
    "finer": (lambda at: f"{COLORS[at]} {at % 2}", "gives the target away? each of its 6 values stands for one class"),
    "when": (lambda at: f"0{at % 9 + 1}/0{at % 7 + 1}/2024",
             "01/01/2024 may be two dates: with `columns: {when: date}` the day comes first"),
}  # fmt: skip
KEPT: dict[str, Callable[[int], Any]] = {
    "year": lambda at: 2000 + at % 8,
    "acid": lambda at: at * 13 + 1000,
    "city": lambda at: f"city {at % 12}",
    "flag": lambda at: at % 2,
    "seldom": lambda at: "x" if at == 5 else "",
    "day": lambda at: f"2024-{at % 12 + 1:02}-{at % 28 + 1:02}",
    "us_day": lambda at: f"{at % 12 + 1:02}/{at % 28 + 1:02}/2024",
    "near_color": lambda at: COLORS[at - 1][0] if at == 0 else COLORS[at][0],
}


@pytest.mark.parametrize("name", DROPPED)
def test_a_column_that_is_no_input_is_dropped_and_why(name: str, tmp_path: Path) -> None:
    cells, why = DROPPED[name]
    dropped, _ = found(tmp_path, {name: [cells(at) for at in range(ROWS)]})
    assert dropped == {name: why}
    assert f"    - {name} " in (tmp_path / "t.yaml").read_text()
    assert [column.name for column in load(str(tmp_path / "t.yaml")).dataset.description.columns] == ["size"]


@pytest.mark.parametrize("name", KEPT)
def test_other_columns_stay(name: str, tmp_path: Path) -> None:
    assert found(tmp_path, {name: [KEPT[name](at) for at in range(ROWS)]})[0] == {}


def test_few_rows_say_nothing_about_a_column(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"y": ["a", "b"] * 9, "x": range(18), "z": ["p", "q"] * 9, "w": [1] * 18})
    told = ask(path, "y", "auto", tmp_path / "t.yaml").data["columns"]
    assert [each["name"] for each in told if each["dropped"]] == ["w"]


def test_numbers_that_give_a_number_away(tmp_path: Path) -> None:
    columns = {"f": [1.8 * size + 32 for size in SIZES], "near": [size + at % 3 for at, size in enumerate(SIZES)]}
    dropped, remarks = found(tmp_path, columns, "size")
    assert dropped == {"f": "gives the target away? correlation 1.0000"}
    value = pl.DataFrame({"a": columns["near"], "b": SIZES}).select(pl.corr("a", "b")).item()
    assert remarks == [f"near nearly gives size away (correlation {value:.3f}): is it known beforehand?"]


def test_numbers_that_nearly_give_a_class_away(tmp_path: Path) -> None:
    """A number that alone tells the class of rows held out stays, for it may be a good input, and is remarked."""
    kinds = sorted(set(COLORS))
    late = [10 * kinds.index(color) + at / 100 for at, color in enumerate(COLORS)]
    dropped, remarks = found(tmp_path, {"late": late})
    share = "alone it tells 100.0% of rows held out, each class counting alike"
    assert (dropped, remarks) == ({}, [f"late nearly gives color away ({share}): is it known beforehand?"])


def test_missing_values_are_counted_and_rows_without_a_target_left_out(tmp_path: Path) -> None:
    gaps = [size if at % 10 else "" for at, size in enumerate(SIZES)]
    path = write(tmp_path / "t.csv", {"y": ["", *COLORS[1:]], "x": gaps, "z": SIZES})
    assert ask(path, "y", "auto", tmp_path / "t.yaml").data["remarks"] == ["missing, of 60 rows: x 6"]
    loaded = load(str(tmp_path / "t.yaml"))
    assert loaded.config.data.missing_target == "drop"  # type: ignore[attr-defined]
    assert loaded.dataset.description.train_samples + loaded.dataset.description.test_samples == ROWS - 1


def test_very_unequal_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"y": ["yes" if at % 10 == 3 else "no" for at in range(ROWS)], "x": SIZES})
    (told,) = ask(path, "y", "auto", tmp_path / "t.yaml").data["remarks"]
    assert told.startswith("very unequal classes: 6 rows are yes, 54 are no; `class_weights: balanced`")
    config = load(str(tmp_path / "t.yaml")).config
    assert config.data.positive == "yes"  # type: ignore[attr-defined]
    assert config.loss.class_weights is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("cells", "task", "meant"),
    [
        (COLORS, "auto", "classes"),
        ([at % 2 for at in range(ROWS)], "auto", "classes"),
        ([at % 5 for at in range(ROWS)], "auto", "numbers"),
        ([at % 5 for at in range(ROWS)], "classes", "classes"),
        (SIZES, "auto", "numbers"),
    ],
)
def test_task_and_what_follows_from_it(cells: Column, task: str, meant: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"y": cells, "x": [size * (at % 3) for at, size in enumerate(SIZES)]})
    ask(path, "y", task, tmp_path / "t.yaml")
    config: Any = load(str(tmp_path / "t.yaml")).config
    recipe = (config.data.task, config.loss.name, config.model.activation.name, config.optimizer.lr)
    assert (
        recipe
        == {"classes": ("classes", "cross_entropy", "selu", 0.04), "numbers": ("numbers", "mse", "mish", 0.07)}[meant]
    )


def test_epochs_follow_the_rows() -> None:
    assert [epochs(rows, 256) for rows in (1, 50_000, 100_000, 10**6, 10**9)] == [256, 256, 128, 16, 16]


GOLDEN: dict[str, tuple[str, dict[str, Column]]] = {
    "classes": ("color", {
        "color": COLORS, "size": ["" if at % 20 == 7 else size for at, size in enumerate(SIZES)],
        "name, full": [f"the words of {at}" for at in range(ROWS)], "no": [at + 1 for at in range(ROWS)],
        "ü: 1 # 2": ["x"] * ROWS}),
    "numbers": ("size", {"size": SIZES, "color": COLORS, "f": [1.8 * size + 32 for size in SIZES]}),
    "unequal": ("y", {"y": [int(at % 10 == 3) if at else "" for at in range(ROWS)], "x": SIZES}),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str, tmp_path: Path, update_golden: bool) -> None:
    target, columns = GOLDEN[name]
    pl.DataFrame({key: list(map(str, cells)) for key, cells in columns.items()}).write_csv(tmp_path / f"{name}.csv")
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / f"{name}.yaml"
    ask(tmp_path / f"{name}.csv", target, "auto", file)
    text, golden = file.read_text().replace(str(folder("configs")), "CONFIGS"), CASES / f"{name}.yaml"
    if update_golden:
        CASES.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()
    jsonschema.Draft202012Validator(json_schema()).validate(plain(file))
    loaded = load(str(file))
    assert loaded.notes == loaded.dataset.notes


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".csv.gz"])
def test_from_a_table_to_a_trained_network(suffix: str, tmp_path: Path) -> None:
    frame, path = pl.DataFrame({"color": COLORS, "size": SIZES}), tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        frame.write_parquet(path)
    elif suffix == ".csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_csv(path, separator="\t" if suffix == ".tsv" else ",")
    done = tuner("init", path.name, "--target", "color", "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "t.yaml\n", "")
    assert tuner("check", "t.yaml", cwd=tmp_path).returncode == 0
    if suffix == ".csv":
        small = ["training.epochs=1", "training.threads=1", "model.hidden=[4]", "--json", "-q"]
        end = json.loads(tuner("train", "t.yaml", *small, cwd=tmp_path).stdout)
        assert (end["state"], end["epoch"]) == ("finished", 1)


def test_the_ready_config_trains_a_table_named_on_the_command_line(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", {"color": COLORS, "size": SIZES})
    given = ["data.path=t.csv", "data.target=color"]
    assert tuner("check", "table", *given, cwd=tmp_path).returncode == 0
    done = tuner("check", "table", cwd=tmp_path)
    assert done.returncode == 2
    assert "path is missing; `tuner init FILE --target COLUMN` writes a config for your file" in done.stderr


def test_printed_it_is_a_config_to_be_read_from_stdin(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", {"color": COLORS, "size": SIZES})
    done = tuner("init", "t.csv", "--target", "color", "-o", "-", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [each.name for each in tmp_path.iterdir()] == ["t.csv"]
    assert tuner("check", "-", cwd=tmp_path, stdin=done.stdout).returncode == 0


def test_json_says_what_was_found_and_what_to_type(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", {"color": COLORS, "size": SIZES, "no": range(ROWS)})
    told = json.loads(tuner("init", "t.csv", "--target", "color", "--json", cwd=tmp_path).stdout)
    assert (told["path"], told["rows"], told["next"]) == ("t.yaml", ROWS, "tuner train t.yaml")
    assert told["target"] == {"name": "color", "task": "classes", "why": "3 different texts"}
    assert [(each["name"], each["kind"]) for each in told["columns"]] == [
        ("color", "category"), ("size", "number"), ("no", "number")]  # fmt: skip
    assert [each["dropped"] for each in told["columns"]] == [None, None, "numbers the rows from 0 to 59"]


@pytest.mark.parametrize("words", [["init"], ["train"], ["check"], ["init", "--target", "colour"]], ids=" ".join)
def test_without_a_target_the_columns_are_told_and_what_to_type(words: list[str], tmp_path: Path) -> None:
    write(tmp_path / "my t.csv", {"color": COLORS, "size": SIZES})
    command, *more = words
    done = tuner(command, "my t.csv", *more, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "  color  3 different texts\n  size   60 numbers\n" in done.stderr
    assert "tuner init 'my t.csv' --target color\n" in done.stderr
    told = json.loads(tuner(command, "my t.csv", *more, "--json", cwd=tmp_path).stdout)
    assert told["exit_code"] == 2
    assert [each["kind"] for each in told["columns"]] == ["category", "number"]
    assert [each.name for each in tmp_path.iterdir()] == ["my t.csv"]


@pytest.mark.parametrize("name", ["t.npz", "T.NPZ"])
def test_arrays_are_no_table(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK\3\4")
    for command in ("train", "check"):
        done = tuner(command, name, cwd=tmp_path)
        assert done.returncode == 2
        assert "holds arrays" in done.stderr
        assert f"tuner init {name}" in done.stderr
    done = tuner("init", name, cwd=tmp_path)
    assert (done.returncode, list(tmp_path.glob("*.yaml"))) == (4, [])
    assert name in done.stderr


SHAPES: dict[str, tuple[tuple[int, ...], str, str]] = {
    "rows": ((200, 5), "float32", "mlp"),
    "pictures": ((200, 8, 8), "uint8", "cnn"),
    "sequences": ((200, 7, 3), "float32", "rnn"),
}


@pytest.mark.parametrize("task", ["classes", "numbers"])
@pytest.mark.parametrize("name", SHAPES)
def test_arrays_get_the_config_of_their_shape(name: str, task: str, tmp_path: Path) -> None:
    (shape, kind, model), rng = SHAPES[name], np.random.default_rng(0)
    y = rng.integers(0, 3, shape[0]) if task == "classes" else rng.normal(size=shape[0])
    np.savez(tmp_path / "my.npz", x=(rng.random(shape) * 250).astype(kind), y=y)
    told = ask(tmp_path / "my.npz", None, "auto", tmp_path, ["data.test=0.3", "data.normalize=minmax"])
    loaded = load(str(tmp_path / "my.yaml"))
    data = vars(loaded.config.data)
    assert (loaded.config.model.name, data["test"], data["normalize"]) == (model, 0.3, "minmax")
    assert loaded.config.loss.name == {"classes": "cross_entropy", "numbers": "mse"}[task]
    assert (told.data["samples"], told.data["task"]) == (200, task)
    with pytest.raises(UsageError, match="no columns"):
        ask(tmp_path / "my.npz", "y", "auto", tmp_path / "other.yaml")


def test_a_table_is_looked_at_under_the_settings_given(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", {"color": COLORS, "size": [*SIZES[:-1], "none"], "note": COLORS[::-1]})
    with pytest.raises(NotFoundError, match="'none' is no number"):
        ask(path, "color", "auto", tmp_path)
    given = ["data.missing=['', none]", "data.drop=[note]", "data.test=0.3", "data.normalize=standard"]
    ask(path, "color", "auto", tmp_path, given)
    data = vars(load(str(tmp_path / "t.yaml")).config.data)
    assert [data[key] for key in ("missing", "drop", "test", "normalize")] == [["", "none"], ["note"], 0.3, "standard"]
    for wrong in ("lr=0.1", "data.path=u.csv", "data.target=size"):
        with pytest.raises(UsageError, match="no setting for a look"):
            ask(path, "color", "auto", tmp_path / "u.yaml", [wrong])
    for wrong in ("data.drop=[notes]", "data.test=3"):
        with pytest.raises(ConfigError):
            ask(path, "color", "auto", tmp_path / "u.yaml", [given[0], wrong])
    assert not (tmp_path / "u.yaml").exists()


def test_columns_that_are_not_clear_are_told_at_once(tmp_path: Path) -> None:
    cells = [*SIZES[:-1], "x1"]
    path = write(tmp_path / "t.csv", {"color": COLORS, "a": cells, "b": SIZES, "c": cells[::-1]})
    with pytest.raises(NotFoundError) as caught:
        ask(path, "color", "auto", tmp_path)
    first, second = caught.value.message.splitlines()
    assert f"line {ROWS + 1}, column 'a'" in first
    assert "line 2, column 'c'" in second


def test_no_file_is_ever_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "t.csv", {"color": COLORS, "size": SIZES})
    (tmp_path / "t.yaml").write_text("mine")
    (tmp_path / "t-2.yaml").symlink_to("nowhere")
    with pytest.raises(UsageError, match="is there already") as error:
        ask(path, "color", "auto", None)
    assert error.value.fix == "-o t-3.yaml chooses another name"
    assert (tmp_path / "t.yaml").read_text() == "mine"
    with pytest.raises(UsageError, match="there is no folder"):
        ask(path, "color", "auto", tmp_path / "no" / "t.yaml")


def test_alone_it_is_the_digits_config(tmp_path: Path) -> None:
    assert tuner("init", "-q", cwd=tmp_path).stdout == "digits.yaml\n"
    assert tuner("copy", "digits", "copied.yaml", cwd=tmp_path).returncode == 0
    assert (tmp_path / "digits.yaml").read_bytes() == (tmp_path / "copied.yaml").read_bytes()
    assert tuner("init", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("y,x\na,1\na,2\n", "y", "nothing is left to predict"),
        ("y,x\na,1\nb,2\na,3\n", "y", "has a single row"),
        ("y,x\n", "y", "has no rows"),
        ("", "y", "is empty"),
    ],
)
def test_a_table_that_cannot_be_learned_from(text: str, target: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(NotFoundError, match=message):
        ask(tmp_path / "t.csv", target, "auto", tmp_path / "t.yaml")
    assert not (tmp_path / "t.yaml").exists()


def test_what_is_no_file(tmp_path: Path) -> None:
    for path, kind in ((tmp_path / "no.csv", NotFoundError), (tmp_path, NotFoundError), (Path("-"), UsageError)):
        with pytest.raises(kind):
            ask(path, "y", "auto", tmp_path / "t.yaml")


def test_texts_beyond_what_is_counted_are_dropped(tmp_path: Path) -> None:
    """More than 10,000 different texts: only as an input they are refused."""
    rows = 10_050
    path = write(tmp_path / "t.csv", {"y": [at * at % 7 % 2 for at in range(rows)], "x": [at % 9 for at in range(rows)],
                                      "key": [f"k-{at}" for at in range(rows)]})  # fmt: skip
    ask(path, "y", "auto", tmp_path / "t.yaml")
    text = (tmp_path / "t.yaml").read_text()
    assert "tells rows apart, not what they are like: 10,050 different texts in 10,050 rows" in text
    (tmp_path / "t.yaml").write_text(text.replace("    - key ", "    - x "))
    with pytest.raises(NotFoundError, match="more different texts than a network can learn"):
        load(str(tmp_path / "t.yaml"))


REAL = {
    ("abalone", "rings"): [],
    ("auto-imports", "column_26"): [],
    ("german", "column_21"): [],
    ("housing", "medv"): [],
    ("ionosphere", "column_35"): ["column_2"],
    ("mpg", "mpg"): ["name"],
    ("penguins", "species"): [],
    ("phoneme", "column_6"): [],
    ("taxis", "payment"): [],
    ("taxis", "fare"): [],
    ("winequality-white", "quality"): [],
}


@pytest.mark.parametrize(("name", "target"), REAL)
def test_real_tables(name: str, target: str, tmp_path: Path) -> None:
    path = Path(os.environ.get("TUNER_DATA", "no"), "tabular", f"{name}.csv")
    if not path.is_file():
        pytest.skip(f"TUNER_DATA names no folder with tabular/{name}.csv")
    told = ask(path, target, "auto", tmp_path / "t.yaml").data
    assert [each["name"] for each in told["columns"] if each["dropped"]] == REAL[name, target]
    assert any("total nearly gives fare away" in each for each in told["remarks"]) == (target == "fare")
    loaded = load(str(tmp_path / "t.yaml"))
    assert loaded.notes == loaded.dataset.notes


def test_the_shipped_config_is_the_one_that_is_filled(tmp_path: Path) -> None:
    ask(write(tmp_path / "t.csv", {"color": COLORS, "size": SIZES}), "color", "auto", tmp_path / "t.yaml")
    shipped, written = plain(configs()["table"]), plain(tmp_path / "t.yaml")
    told = {"path": "t.csv", "target": "color", "task": "classes"}
    sizes = {**shipped["training"], "batch_size": "full"}
    assert written == {**shipped, "name": "t", "data": {**shipped["data"], **told}, "training": sizes}
