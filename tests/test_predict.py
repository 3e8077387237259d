"""`tuner predict` and `tuner train --refit`: what a trained run says of rows that it did not see."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
import program
import pytest
import yaml

import tuner
from tuner.data.splits import choose
from tuner.errors import UsageError

CONFIG = """
data: {name: table, path: flowers.csv, target: kind, id: plot}
model: {hidden: [8]}
training: {epochs: 4, batch_size: 16, device: cpu, threads: 1}
"""
NUMBERS = """
data: {name: table, path: flowers.csv, target: width, drop: [plot], normalize: robust}
model: {hidden: [8]}
loss: mse
training: {epochs: 4, batch_size: 16, device: cpu, threads: 1}
"""
Said = subprocess.CompletedProcess[str]
Tuner = Callable[..., Said]


def flower(i: int) -> list[str]:
    gap = "" if i % 11 == 5 else f"{i % 17 + (i % 3) * 4}.5"
    return [f"p{i}", gap, f"{i * i % 13}", ["red", "blue", "white"][i % 3], f"2024-0{i % 6 + 1}-11", "abc"[i % 3]]


HEAD = ["plot", "height", "width", "colour", "day", "kind"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a run, a group and folds of it, and a run of numbers."""
    folder = tmp_path_factory.mktemp("predict")
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "n.yaml").write_text(NUMBERS)
    with (folder / "flowers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *map(flower, range(90))])
    for words in (["c.yaml"], ["c.yaml", "--seeds", "2"], ["c.yaml", "--folds", "3"], ["n.yaml"]):
        done = command(folder, "train", *words, "-q")
        assert done.returncode == 0, done.stderr
    return folder


def command(folder: Path, *words: str, given: str = "") -> Said:
    return program.run(*words, cwd=folder, stdin=given, given={"XDG_CACHE_HOME": str(folder / "cache")})


def table(done: Said) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def rows_without(*gone: str, count: int = 20) -> str:
    kept = [at for at, name in enumerate(HEAD) if name not in gone]
    lines = [HEAD, *map(flower, range(100, 100 + count))]
    return "".join(",".join(line[at] for at in kept) + "\n" for line in lines)


def test_rows_are_named_and_answered_in_their_order_as_by_tuner_load(place: Path) -> None:
    (place / "new.csv").write_text(rows_without("kind"))
    found = table(command(place, "predict", "runs/c-1", "new.csv"))
    assert list(found[0]) == ["plot", "prediction", "p_a", "p_b", "p_c"]
    assert [row["plot"] for row in found] == [f"p{i}" for i in range(100, 120)]
    model = tuner.load(place / "runs" / "c-1")
    x = pl.read_csv(rows_without("kind").encode())
    assert [row["prediction"] for row in found] == model.predict(x).tolist()
    shares = np.array([[float(row[f"p_{name}"]) for name in "abc"] for row in found])
    np.testing.assert_allclose(shares, model.predict_proba(x), atol=1e-6)
    forms = x.to_dict(as_series=False), x.to_dicts(), x.select(reversed(x.columns))
    assert all(model.predict(form).tolist() == model.predict(x).tolist() for form in forms)
    assert model.predict(x.to_dicts()[3]).tolist() == [found[3]["prediction"]]


def test_rows_that_a_program_gives_are_checked(place: Path) -> None:
    model, rows = (
        tuner.load(place / "runs" / "c-1"),
        pl.read_csv(rows_without("kind").encode()).to_dict(as_series=False),
    )
    with pytest.raises(UsageError, match=r"the rows given: has no column 'height' \(did you mean hight\?\)"):
        model.predict({("hight" if name == "height" else name): cells for name, cells in rows.items()})
    with pytest.raises(UsageError, match="the rows given: row 3, column 'height': 'tall' is no finite number"):
        model.predict({**rows, "height": ["1", "2", "tall", *rows["height"][3:]]})
    with pytest.raises(UsageError, match="not all columns are numbers, so that rows are given by names"):
        model.predict([[1.0, 2.0, 3.0, 4.0]])


def test_numbers_are_in_the_targets_units_and_rows_have_numbers(place: Path) -> None:
    found = table(command(place, "predict", "runs/n-1", "-", "--keep", "plot", given=rows_without("width")))
    assert list(found[0]) == ["row", "plot", "prediction"]
    assert [row["row"] for row in found] == [str(i) for i in range(1, 21)]
    assert all(-5 < float(row["prediction"]) < 20 for row in found)


@pytest.mark.parametrize("form", ["other columns", "semicolons", "parquet", "two files"])
def test_the_answer_does_not_depend_on_how_rows_are_written(form: str, place: Path) -> None:
    text = rows_without("kind")
    expected = table(command(place, "predict", "runs/c-1", "-", given=text))
    rows = [line.split(",") for line in text.splitlines()]
    files = ["form.csv"]
    if form == "other columns":
        (place / "form.csv").write_text("\n".join(",".join([*reversed(row), "1"]) for row in rows))
    elif form == "semicolons":
        (place / "form.csv").write_text("\n".join(";".join(row).replace(".", ",") for row in rows))
    elif form == "parquet":
        pl.read_csv(text.encode()).write_parquet(place / "form.csv")
    else:
        (place / "form.csv").write_text("\n".join(map(",".join, rows[:8])))
        (place / "more.csv").write_text("\n".join(map(",".join, [rows[0], *rows[8:]])))
        files.append("more.csv")
    found = table(command(place, "predict", "runs/c-1", *files))
    assert [(row["plot"], row["prediction"]) for row in found] == [(row["plot"], row["prediction"]) for row in expected]
    for name in "abc":  # in batches of other sizes the last bit may be another
        np.testing.assert_allclose([float(row[f"p_{name}"]) for row in found],
                                   [float(row[f"p_{name}"]) for row in expected], rtol=1e-6)  # fmt: skip


def test_what_training_had_not_seen_is_counted(place: Path) -> None:
    text = "plot,colour,day,height,width\nq1,green,2024-01-11,5.5,\nq2,red,2024-01-11,999,4\nq3,pink,2024-01-11,,4\n"
    done = command(place, "predict", "runs/c-1", "-", given=text)
    told = done.stderr.splitlines()
    assert "colour: 2 rows with a category that training did not have (green, pink)" in told
    assert "height: 1 row outside the training range" in told
    assert "width: 1 row without a value, which training never lacked" in told
    assert told[-1] == "predicted kind of 3 rows with runs/c-1"
    assert len(table(done)) == 3
    assert command(place, "predict", "runs/c-1", "-", "-q", given=text).stderr == ""


def test_a_group_answers_with_the_mean_of_its_members(place: Path) -> None:
    text = rows_without("kind")
    found = table(command(place, "predict", "runs/c-2", "-", given=text))
    single = [table(command(place, "predict", f"runs/c-2/seed-{seed}", "-", given=text)) for seed in (0, 1)]
    for name in "abc":
        mean = [sum(float(rows[at][f"p_{name}"]) for rows in single) / 2 for at in range(20)]
        np.testing.assert_allclose([float(row[f"p_{name}"]) for row in found], mean, atol=1e-6)


def test_folds_answer_for_their_own_rows_by_the_one_that_was_not_trained_on_them(place: Path) -> None:
    found = table(command(place, "predict", "runs/c-3"))
    assert [row["plot"] for row in found] == [f"p{i}" for i in range(90)]
    seen = set()
    for index in range(3):
        member = place / "runs" / "c-3" / f"fold-{index}"
        own = table(command(place, "predict", str(member), "flowers.csv"))
        dataset = tuner.load(member).config.data.open()
        tested = choose(dataset, dataset.read()).test
        assert tested is not None
        seen |= set(tested.tolist())
        for mine, theirs in ((found[at], own[at]) for at in tested):
            assert mine["prediction"] == theirs["prediction"]
            shares = [[float(row[f"p_{name}"]) for name in "abc"] for row in (mine, theirs)]
            assert shares[0] == pytest.approx(shares[1], abs=1e-6)  # products round by how many rows they have
    assert seen == set(range(90))
    done = command(place, "predict", "runs/c-1")
    assert done.returncode == 2 and "which rows? Only folds have some" in done.stderr


def test_answers_do_not_take_the_place_of_what_is_answered(place: Path) -> None:
    (place / "in.csv").write_text(rows_without("kind"))
    done = command(place, "predict", "runs/c-1", "in.csv", "-o", "in.csv")
    assert done.returncode == 2 and "is an input" in done.stderr
    assert (place / "in.csv").read_text() == rows_without("kind")


def test_cells_that_cannot_be_read_are_told_with_all_their_rows_and_what_can_be_done(place: Path) -> None:
    lines = rows_without("kind", count=20).splitlines()
    lines[3], lines[6] = "p1,tall,4,red,soon", "p2,3,4,red,later"
    bulk = "p3,3,4,red,2024-01-11\n" * 220_000  # several pieces of 4 MiB
    (place / "odd.csv").write_text("\n".join(lines) + f"\n{bulk}p4,3,wide,red,2024-01-11\np5,3,wide,red,soon\n")
    done = command(place, "predict", "runs/c-1", "odd.csv")
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (4, "", [
        "error: ./odd.csv line 4, column 'day': 'soon' is no date like %Y-%m-%d, and 2 more; line 4, column 'height': "
        "'tall' is no finite number; line 220,022, column 'width': 'wide' is no finite number, and 1 more; "
        "4 rows cannot be read",
        "Mend these cells, or leave them empty: a row is answered for without them.",
    ])  # fmt: skip
    good = "\n".join(lines).replace("tall", "").replace("soon", "").replace("later", "")
    assert len(table(command(place, "predict", "runs/c-1", "-", given=good))) == 20

    words = "data.missing=[none]"  # an empty cell is no missing one there
    filled = [",".join(cell or "none" for cell in row) for row in [HEAD, *map(flower, range(90))]]
    (place / "none.csv").write_text("\n".join(filled))
    trained = command(place, "train", "c.yaml", "data.path=none.csv", words, "-q", "--run", "x", "--runs-dir", "others")
    assert trained.returncode == 0, trained.stderr
    refused = command(place, "predict", "others/x", "-", given="\n".join(lines[:4]))
    assert "Mend these cells, or write none: a row is answered for without them." in refused.stderr


def test_rows_of_a_program_are_told_the_same_way(place: Path) -> None:
    rows = pl.read_csv(rows_without("kind").encode()).to_dict(as_series=False)
    with pytest.raises(UsageError) as raised:
        tuner.load(place / "runs" / "c-1").predict({**rows, "day": ["soon", None, "later", *rows["day"][3:]]})
    assert raised.value.message == (
        "the rows given: row 1, column 'day': 'soon' is no date like %Y-%m-%d, and 1 more; 2 rows cannot be read"
    )
    assert raised.value.fix == "Mend these cells, or give None: a row is answered for without them."


def test_a_reader_may_leave_early(place: Path) -> None:
    """As `| head` does: no error, and no answer more than it took."""
    (place / "many.csv").write_text(rows_without("kind", count=20_000))
    words = [sys.executable, "-m", "tuner", "predict", "runs/c-1", "many.csv", "-q"]
    with subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline().startswith(b"plot,prediction")
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=60) in (0, 141)


def test_a_file_is_written_whole_or_not_at_all(place: Path) -> None:
    (place / "new.csv").write_text(rows_without("kind"))
    assert command(place, "predict", "runs/c-1", "new.csv", "-o", "out.csv").returncode == 0
    before = (place / "out.csv").read_text()
    assert before.startswith("plot,prediction,p_a") and before.count("\n") == 21
    (place / "bad.csv").write_text(rows_without("kind") + "p1,oops,4,red,2024-01-11\n")
    done = command(place, "predict", "runs/c-1", "bad.csv", "-o", "out.csv")
    assert done.returncode == 4 and "bad.csv line 22, column 'height': 'oops' is no finite number" in done.stderr
    assert (place / "out.csv").read_text() == before
    assert not list(place.glob(".*"))
    assert command(place, "predict", "runs/c-1", "new.csv", "-o", "nowhere/out.csv").returncode == 4


@pytest.mark.parametrize(
    ("words", "given", "code", "message"),
    [
        (["runs/c-1", "absent.csv"], "", 4, "absent.csv is missing"),
        (["runs/c-1", "-"], "plot,colour,day\n1,red,2024-01-11\n", 4, "has no column 'height', 'width'"),
        (["runs/c-1", "-"], "", 4, "standard input is empty"),
        (["runs/none", "-"], "a,b\n", 4, "none"),
        (["runs/c-1", "-", "--keep", "weight"], rows_without("kind"), 4, "has no column 'weight'"),
        (["runs/c-1", "-", "--keep", "prediction"], "prediction," + rows_without("kind").replace("\n", "\n1,")[:-2], 2,
         "prediction is a column of"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(place: Path, words: list[str], given: str, code: int, message: str) -> None:
    done = command(place, "predict", *words, given=given)
    assert done.returncode == code, done.stderr
    assert message in done.stderr and done.stdout == ""


def test_rows_without_names_fit_whether_or_not_they_have_the_target(place: Path) -> None:
    lines = [",".join([f"{i % 9}", "pq"[i % 2], f"{i * i % 11}"]) for i in range(40)]
    (place / "bare.csv").write_text("\n".join(lines))
    (place / "bare.yaml").write_text(CONFIG.replace("flowers", "bare").replace("target: kind, id: plot", "target: 1"))
    assert command(place, "train", "bare.yaml", "-q").returncode == 0
    whole = table(command(place, "predict", "bare", "bare.csv"))
    without = "\n".join(",".join(line.split(",")[::2]) for line in lines)
    assert table(command(place, "predict", "bare", "-", given=without)) == whole


def test_refit_trains_on_all_rows_for_the_best_epochs_steps(place: Path) -> None:
    done = command(place, "train", "runs/c-1", "--refit")
    assert done.returncode == 0, done.stderr
    assert (
        "all rows are trained on, for as many whole epochs" in done.stderr
        and "what to expect is what c-1 got: test accuracy" in done.stderr
    )
    run = place / "runs" / "c-refit-1"
    data, status = json.loads((run / "data.json").read_text()), json.loads((run / "status.json").read_text())
    best = json.loads((place / "runs" / "c-1" / "status.json").read_text())["best"]
    assert {name: part["samples"] for name, part in data["parts"].items()} == {"train": 90, "validation": 0, "test": 0}
    assert abs(status["step"] - best["step"]) <= 3, "whole epochs of 6 steps"
    assert status["best_epoch"] == status["epoch"], "the last one"
    origins = json.loads((run / "origins.json").read_text())
    assert origins["training.stop_after"] == "--refit"
    again = command(place, "train", "runs/c-1", "--refit")
    assert again.returncode == 0 and "was trained before" in again.stderr
    assert len(table(command(place, "predict", "c-refit", "flowers.csv"))) == 90


def test_arrays_are_answered_from_an_npz_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures, classes = rng.integers(0, 256, (40, 6, 6), dtype=np.uint8), np.arange(40) % 2
    np.savez(tmp_path / "own.npz", x=pictures, y=classes)
    np.savez(tmp_path / "new.npz", x=pictures[:7])
    text = "data: {name: arrays, path: own.npz}\nmodel: {hidden: [4]}\ntraining: {epochs: 1, device: cpu, threads: 1}\n"
    (tmp_path / "c.yaml").write_text(text)
    assert command(tmp_path, "train", "c.yaml", "--folds", "2", "-q").returncode == 0
    found = table(command(tmp_path, "predict", "runs/c-1/fold-0", "new.npz"))
    assert list(found[0]) == ["sample", "prediction", "p_0", "p_1"] and [row["sample"] for row in found] == [*"0123456"]
    model = tuner.load(tmp_path / "runs" / "c-1" / "fold-0")
    assert [row["prediction"] for row in found] == model.predict(pictures[:7, None]).tolist()
    assert len(table(command(tmp_path, "predict", "runs/c-1"))) == 40, "each by the fold that was not trained on it"
    np.savez(tmp_path / "other.npz", x=pictures[:, :5])
    done = command(tmp_path, "predict", "runs/c-1", "other.npz")
    assert done.returncode == 4 and "other.npz has uint8 of shape (40, 5, 6) as x" in done.stderr
    done = command(tmp_path, "predict", "runs/c-1", "c.yaml")
    assert done.returncode == 4 and "c.yaml is damaged, or no .npz file" in done.stderr


def test_a_group_is_refitted_by_the_median_of_its_members(place: Path) -> None:
    done = command(place, "train", "c-3", "--refit", "-q")
    assert done.returncode == 0, done.stderr
    run = place / done.stdout.strip()
    members = [json.loads(path.read_text()) for path in place.glob("runs/c-3/fold-*/status.json")]
    config, told = yaml.safe_load((run / "config.yaml").read_text()), json.loads((run / "data.json").read_text())
    steps = math.ceil(90 / 16)
    assert config["training"]["stop_after"] == max(1, round(median(each["best"]["step"] for each in members) / steps))
    assert (config["data"]["fold"], told["parts"]["train"]["samples"]) == (None, 90)


def test_of_a_run_that_is_not_finished_another_is_named(place: Path) -> None:
    done = command(place, "train", "c.yaml", "training.epochs=4000", "--max-time", "1s", "--run", "late", "-q")
    assert done.returncode == 75, done.stderr
    said = command(place, "predict", "late", "flowers.csv")
    assert said.returncode == 4
    assert "late is stopped" in said.stderr
    assert "tuner predict c-" in said.stderr


@pytest.mark.parametrize("run", ["c-1", "c-2", "n-1"])
def test_a_file_with_a_head_alone_has_a_head_for_an_answer(place: Path, run: str) -> None:
    (place / "some.csv").write_text("\n".join(map(",".join, [HEAD, *map(flower, range(3))])))
    (place / "none.csv").write_text(",".join(HEAD) + "\n")
    whole = command(place, "predict", run, "some.csv", "--keep", "day").stdout
    alone = command(place, "predict", run, "none.csv", "--keep", "day")
    assert (alone.returncode, alone.stdout) == (0, f"{whole.partition(chr(10))[0]}\n")
    assert "predicted" in alone.stderr
    assert "of 0 rows" in alone.stderr
    assert command(place, "predict", run, "none.csv", "--json").stdout == ""
    assert command(place, "predict", run, "none.csv", "some.csv", "--keep", "day").stdout == whole
