"""`tuner runs`: what lies in a runs folder, which of it is listed, in what order and columns, and how it is printed.

``pytest tests/test_runs_command.py --update-golden`` writes the expected texts anew; read their difference.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import program
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import create

from tuner.answer import Answer
from tuner.asks.list import no_kind
from tuner.asks.runs import Listing, Query, ask, list_runs, table_of
from tuner.config.comparison import meaning_hash
from tuner.config.load import load
from tuner.document.writing import to_yaml
from tuner.durable.reading import json_bytes
from tuner.errors import NotFoundError, UsageError
from tuner.render.forms import csv as csv_form
from tuner.render.forms.md import table_text
from tuner.runs import files as run_files
from tuner.runs import find as run_find
from tuner.runs import identity as run_identity
from tuner.runs import lock as run_lock

Shown = Callable[..., str]
CASES = Path(__file__).parent / "cases"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = START + timedelta(hours=5)


# ---- run folders, written as training writes them


def table(rows: Sequence[run_files.Row]) -> bytes:
    columns = list(rows[0])
    lines = [run_files.format_header(columns), *(run_files.format_row(columns, row) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def rows_up_to(best: float, metric: str = "accuracy") -> list[run_files.Row]:
    """Three epochs; the second is the best."""
    values = [best - 0.2, best, best - 0.1]
    names = ("train_loss", f"train_{metric}", "val_loss", f"val_{metric}")
    return [
        {"epoch": epoch, "step": 9 * epoch, "lr": 0.5, **dict(zip(names, (1 - v, v, 1 - v, v), strict=True))}
        for epoch, v in enumerate(values, 1)
    ]


class Folder:
    """Runs in a folder, each a minute newer than the one before."""

    def __init__(self, runs_dir: Path) -> None:
        self.path = runs_dir
        self.minute = 0

    def run(
        self,
        label: str,
        result: float | None = 0.9,
        *overrides: str,
        state: str = "finished",
        metric: str = "accuracy",
        **status: Any,
    ) -> Path:
        """A run whose best value is `result`; None: it has finished no epoch."""
        self.path.mkdir(exist_ok=True)
        source = self.path.parent / f"{label.rpartition('/')[2].rpartition('-')[0] or label}.yaml"
        source.write_text("data: digits\n")
        config = load(str(source), ["training.epochs=3", *overrides]).resolved
        identity = run_identity.Identity(meaning_hash(config), "d" * 64, "cpu", "a CPU", "AVX2", 1, "2.10.0", "0.1.0")
        created = (START + timedelta(minutes=self.minute)).isoformat()
        self.minute += 1
        about = {"format": 1, "name": config["name"], "created": created, "seed": config["seed"], "parameters": 9610}
        files = {
            "config.yaml": to_yaml(config).encode(),
            "run.json": json_bytes({**about, "identity": identity.as_json()}),
        }
        rows = rows_up_to(result, metric) if result is not None else []
        if rows:
            files["metrics.csv"] = table(rows)
            files["timing.csv"] = table([{"epoch": row["epoch"], "seconds": 1.5} for row in rows])
        parent, _, folder = label.rpartition("/")
        path = create(self.path / parent, config["name"], folder, files)
        known: dict[str, Any] = {"state": state, "epoch": len(rows), "best": {}, "last": {}, "test": {}}
        if rows:
            known |= {"best_epoch": 2, "best": rows[1], "last": rows[2]}
            known["test"] = {"loss": 0.25, metric: result} if state == "finished" else {}
        run_files.write_status(path, known | status)
        return path


def fill(folder: Folder) -> None:
    """One of everything."""
    folder.run("digits-1", 0.90)
    folder.run("digits-2", 0.94, "optimizer.lr=0.01")
    folder.run("digits-3", 0.96, "optimizer.lr=0.01", "model.hidden=[256,64]", "tags=[wide]")
    folder.run("digits-4", None, "optimizer=sgd", "optimizer.lr=1e9", state="diverged", exit_code=3)
    for seed, accuracy in enumerate((0.95, 0.97, 0.93)):
        folder.run(f"sweep/seed-{seed}", accuracy, "name=digits", f"seed={seed}", "model.dropout=0.25")
    folder.run("iris-1", 0.5, "data=iris", "early_stopping={patience: 4}")
    folder.run("diabetes-1", 0.4, "data=diabetes", "loss=mse", metric="r2")
    folder.run("wild/seed-0", 0.91, "name=digits", "seed=0", "loss=mse")
    folder.run("wild/seed-1", None, "name=digits", "seed=1", "loss=mse", state="diverged")
    folder.run("digits-9", 0.8, "training.epochs=20", state="running")  # nobody holds it: it crashed
    folder.run("digits-10", 0.8, "training.epochs=20", state="stopped")
    damaged = folder.run("digits-5", 0.9)
    (damaged / "status.json").write_text('{"state": "fini')
    (folder.run("digits-6", 0.9) / "run.json").unlink()
    (folder.run("digits-7", 0.9) / "config.yaml").write_text("name: digits\nseed: 0\n")
    (folder.path / "begun").mkdir()
    (folder.path / "begun/group.json").write_text("{}")
    (folder.path / "notes").mkdir()
    (folder.path / "notes/todo.txt").write_text("no run")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder whose `runs` holds one of everything; in memory where that is possible."""
    memory = "/dev/shm"  # noqa: S108 - a place, and the folder in it gets a name of its own
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        fill(Folder(Path(folder, "runs")))
        yield Path(folder)


@pytest.fixture
def runs_dir(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return Path("runs")


def json_of(runs_dir: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(runs_dir, Query(), "json").data["runs"]
    return found


def labels(runs_dir: Path, *filters: str, **query: Any) -> list[str]:
    return [entry.label for entry in list_runs(runs_dir, Query(filters, **query)).found]


def cells(listing: Listing, name: str) -> dict[str, Any]:
    """label -> what stands in the column of that name."""
    (column,) = (column for column in listing.columns if column.name == name)
    return {row.label: column.of(row, listing.problems) for row in listing.rows()}


def tuner(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return program.run("runs", *words, cwd=cwd, given=environment)


ALL = [
    "digits-7",
    "digits-5",
    "digits-10",
    "digits-9",
    "wild",
    "diabetes-1",
    "iris-1",
    "sweep",
    "digits-4",
    "digits-3",
    "digits-2",
    "digits-1",
    "digits-6",
    "begun",
]


# ---- what there is


def test_newest_first_and_a_group_is_one_entry(runs_dir: Path) -> None:
    assert labels(runs_dir) == ALL


def test_the_order_is_that_of_references(runs_dir: Path) -> None:
    found = labels(runs_dir)
    for number in (1, 3, 8, 12):
        assert run_find.resolve(f"@{number}", runs_dir).name == found[number - 1]


def test_states_of_all_kinds(runs_dir: Path) -> None:
    states = cells(list_runs(runs_dir, Query()), "state")
    assert states["sweep"] == "finished"
    assert states["wild"] == "1 finished, 1 diverged"
    assert states["digits-4"] == "diverged"
    assert states["digits-9"] == "crashed"
    assert states["digits-10"] == "stopped"
    assert states["begun"] == "stopped"  # nothing of it was trained that could have crashed
    assert [label for label, state in states.items() if state == "damaged"] == ["digits-7", "digits-5", "digits-6"]


def test_what_is_wrong_is_told_once_each(runs_dir: Path) -> None:
    said = notes(list_runs(runs_dir, Query()))
    assert said[0] == "runs/digits-7/config.yaml is damaged: settings are missing"
    assert said[1].startswith("runs/digits-5/status.json is damaged: ")
    assert said[2:] == ["runs/digits-6/run.json is missing", "runs/begun holds no run yet"]


def test_a_run_that_is_held_is_running(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    path = folder.run("digits-1", 0.5, "training.epochs=20", state="running")
    with run_lock.Lock(path):
        listing = list_runs(folder.path, Query())
        assert cells(listing, "state") == {"digits-1": "running"}
        assert "running 3/20" in table_text(table_of(listing))


def test_a_folder_that_is_being_made_is_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "runs/digits-1"
    path.mkdir(parents=True)
    (path / "config.yaml").write_text("name: digits\n")
    with run_lock.Lock(path):
        assert labels(tmp_path / "runs") == []
    assert labels(tmp_path / "runs") == ["digits-1"]


def test_runs_of_a_folder_that_is_no_group_are_listed_one_by_one(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("lab/a-1", 0.9)
    folder.run("lab/b-1", 0.8, "optimizer.lr=0.5")
    assert labels(folder.path) == ["lab/b-1", "lab/a-1"]
    assert run_find.resolve("lab/b-1", folder.path) == folder.path / "lab/b-1"


def test_a_damaged_member_does_not_hide_its_group(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    for seed in range(3):
        folder.run(f"s/seed-{seed}", 0.9, "name=s", f"seed={seed}")
    (folder.path / "s/seed-1/run.json").write_text("{")
    listing = list_runs(folder.path, Query(opened=True))
    states = cells(listing, "state")
    assert states == {
        "s": "finished, 1 damaged",
        "s/seed-0": "finished",
        "s/seed-1": "damaged",
        "s/seed-2": "finished",
    }
    assert len(notes(listing)) == 1


def test_folders_that_an_older_version_made() -> None:
    listing = list_runs(CASES / "older", Query(opened=True, cols="state,seed,val_accuracy,optimizer.lr"))
    assert [entry.label for entry in listing.found] == ["lr-0.01", "lr-0.001"]
    assert all(len(entry.members) == 2 for entry in listing.found)
    assert not notes(listing)
    assert all(value is not None and 0 < value < 1 for value in cells(listing, "val_accuracy").values())
    assert cells(listing, "optimizer.lr")["lr-0.01"] == 0.01


def test_a_copied_folder_lists_the_same(runs_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(runs_dir, tmp_path / "elsewhere")
    there, here = (list_runs(path, Query()) for path in (tmp_path / "elsewhere", runs_dir))
    assert csv_text(there) == csv_text(here)


# ---- what changed


def test_what_changed_is_against_the_run_before_of_the_same_name(runs_dir: Path) -> None:
    changed = cells(list_runs(runs_dir, Query(opened=True)), "changed")
    assert changed["digits-1"] is None
    assert changed["digits-2"] == {"optimizer.lr": 0.01}
    assert changed["digits-3"] == {"model.hidden": [256, 64]}
    assert changed["sweep/seed-1"] is None
    assert changed["digits-10"] == {}
    assert changed["iris-1"] is None


def test_a_switched_choice_is_one_change(runs_dir: Path) -> None:
    changed = cells(list_runs(runs_dir, Query()), "changed")
    assert changed["digits-4"] == {"model.hidden": [128], "optimizer": "sgd", "optimizer.lr": 1e9}
    assert changed["sweep"] == {"model.dropout": 0.25, "optimizer": "adam", "optimizer.lr": 0.001}


def test_a_section_that_is_none_elsewhere(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("a-1")
    folder.run("a-2", 0.9, "early_stopping={patience: 4}")
    folder.run("a-3")
    listing = list_runs(folder.path, Query(only_changed=True))
    assert [entry.changed for entry in listing.found] == [
        {"early_stopping": "none"},
        {"early_stopping": {"patience": 4, "min_delta": 0.0}},
        None,
    ]
    assert cells(listing, "early_stopping.patience") == {"a-3": None, "a-2": 4, "a-1": None}


def test_names_tags_and_places_are_no_change(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("a-1")
    folder.run("a-2", 0.9, "tags=[x]", "checkpoint.keep=5", "training.device=cpu", "training.threads=1")
    assert list_runs(folder.path, Query()).found[0].changed == {}


def test_settings_that_differ_among_those_listed_come_first(tmp_path: Path, shown: Shown) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("a-1", 0.9, "data.limit=100", "model.hidden=[8]")
    folder.run("a-2", 0.9, "data.limit=200", "model.hidden=[16]", "optimizer.lr=0.1")
    folder.run("a-3", 0.9, "data.limit=200", "model.hidden=[16]", "optimizer.lr=0.5")
    both = list_runs(folder.path, Query(["lr>0.01"], cols="run,changed"))
    assert shown(table_of(both)).splitlines()[1:] == [
        "a-3  optimizer.lr=0.5",
        "a-2  optimizer.lr=0.1 data.limit=200 model.hidden=[16]",
    ]
    everything = shown(table_of(list_runs(folder.path, Query(cols="run,changed"))))
    assert "a-2  data.limit=200 model.hidden=[16] optimizer.lr=0.1" in everything


def test_json_tells_what_changed_from_the_first_run_of_the_name(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("a-1")
    folder.run("b-1", 0.9, "optimizer.lr=0.7")
    folder.run("a-2", 0.9, "optimizer.lr=0.1")
    folder.run("a-3", 0.9, "optimizer.lr=0.1", "model.dropout=0.5")
    told = [(run["changed"], run["changed_from_first"]) for run in json_of(folder.path)]
    assert told == [
        ({"model.dropout": 0.5}, {"model.dropout": 0.5, "optimizer.lr": 0.1}),
        ({"optimizer.lr": 0.1}, {"optimizer.lr": 0.1}),
        (None, None),
        (None, None),
    ]


def test_groups_of_recipes_come_last_unless_sorted(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("mine-1", 0.5)
    for seed in (0, 1):
        path = folder.run(f"dropout/seed-{seed}", 0.9, "name=dropout", f"seed={seed}")
        about = json.loads((path / "run.json").read_text())
        (path / "run.json").write_text(json.dumps({**about, "argv": ["tuner", "recipe", "run", "dropout"]}))
    assert labels(folder.path) == ["mine-1", "dropout"]
    assert labels(folder.path, most=1) == ["mine-1"]
    assert labels(folder.path, sort="-val_accuracy") == ["dropout", "mine-1"]


def test_what_changed_is_narrowed_before_a_column_goes(tmp_path: Path, shown: Shown) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("a-1")
    folder.run("a-2", 0.9, "optimizer.lr=0.125", "model.dropout=0.5", "model.hidden=[64, 64, 64]")
    text = shown(table_of(list_runs(folder.path, Query())), 90, now=NOW)
    assert "no room for test_loss; --cols" in text
    assert re.search("a-2 +[0-9]+ h +finished  hidden=.*…", text)


# ---- columns


def test_a_group_has_the_means_of_its_runs(runs_dir: Path) -> None:
    cols = "val_accuracy,val_loss@last,test_accuracy,epochs(val_accuracy>=0.92),parameters,time,best,seeds,seed"
    listing = list_runs(runs_dir, Query(["run=sweep"], cols=cols))
    row = {column.name: column.of(listing.found[0], listing.problems) for column in listing.columns}
    assert row == pytest.approx(
        {
            "run": "sweep",
            "val_accuracy": (0.95 + 0.97 + 0.93) / 3,
            "val_loss@last": 1 - (0.85 + 0.87 + 0.83) / 3,
            "test_accuracy": (0.95 + 0.97 + 0.93) / 3,
            "epochs(val_accuracy>=0.92)": 2,
            "parameters": 9610,
            "time": 4.5,
            "best": 2,
            "seeds": 3,
            "seed": None,
        }
    )


def test_a_mean_is_missing_where_one_run_has_no_value(runs_dir: Path) -> None:
    listing = list_runs(runs_dir, Query(["state=diverged"], opened=True))
    assert [row.label for row in listing.rows()] == ["wild", "wild/seed-1", "digits-4"]
    assert cells(listing, "val_accuracy")["wild"] is None
    assert cells(list_runs(runs_dir, Query(["run=wild"])), "val_accuracy")["wild"] is None


def test_the_monitor_comes_first_among_the_metrics(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    folder.run("a-1", 0.9, "training.monitor=val_accuracy")
    names = [column.name for column in list_runs(folder.path, Query()).columns]
    assert names[-5:] == ["val_accuracy", "val_loss", "test_loss", "test_accuracy", "time"]


def test_columns_that_are_asked_for(runs_dir: Path) -> None:
    def names(**query: Any) -> list[str]:
        return [column.name for column in list_runs(runs_dir, Query(**query)).columns]

    usual = names()
    assert usual[:6] == ["run", "when", "state", "seeds", "changed", "best"]
    assert names(cols="lr, state") == ["run", "optimizer.lr", "state"]
    assert names(cols="state,run") == ["state", "run"]
    assert names(cols="+hidden,val_loss") == [*usual, "model.hidden"]
    assert names(sort="-parameters") == [*usual, "parameters"]
    assert names(filters=["val_loss@last<1"]) == [*usual, "val_loss@last"]
    assert names(cols="optimizer.name")[1:] == names(cols="optimizer")[1:] == ["optimizer"]


def test_only_changed_shows_the_settings_that_differ(runs_dir: Path) -> None:
    listing = list_runs(runs_dir, Query(["name=digits", "seeds=1"], only_changed=True))
    found = [column.name for column in listing.columns if column.is_setting]
    assert found == ["model.hidden", "optimizer", "optimizer.lr", "training.epochs"]
    alike = list_runs(runs_dir, Query(["run=sweep"], only_changed=True))
    assert not [column for column in alike.columns if column.is_setting]


def test_a_damaged_metrics_file_is_told_where_it_is_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    path = folder.run("a-1")
    (path / "metrics.csv").write_text("epoch,val_loss\nx,1\n")
    assert notes(list_runs(folder.path, Query())) == []
    listing = list_runs(folder.path, Query(cols="val_loss@1"))
    assert cells(listing, "val_loss@1") == {"a-1": None}
    assert len(notes(listing)) == 1
    assert "metrics.csv is damaged" in notes(listing)[0]


# ---- filters


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["val_accuracy>0.951"], ["digits-3"]),
        (["val_accuracy>=0.95"], ["sweep", "digits-3"]),
        (["val_accuracy > 0.93", "optimizer.lr=1e-2"], ["digits-3", "digits-2"]),
        (["val_accuracy@last<0.75", "name=digits"], ["digits-10", "digits-9"]),
        (["epochs(val_accuracy>=0.94)<=2"], ["digits-3", "digits-2"]),
        (["test_accuracy=0.5"], ["iris-1"]),
        (["parameters>1", "best=2", "time>=4.5", "val_accuracy<0.6"], ["iris-1"]),
        (["optimizer.name=sgd"], ["digits-4"]),
        (["optimizer=sgd"], ["digits-4"]),
        (["optimizer!=adam"], ["digits-4"]),
        (["optimizer.momentum>=0"], ["digits-4"]),
        (["optimizer.momentum!=7"], ["digits-4"]),
        (["lr=0.010"], ["digits-3", "digits-2"]),
        (["lr>1"], ["digits-4"]),
        (["hidden=[256, 64]"], ["digits-3"]),
        (["model.hidden=256"], []),
        (["model.batch_norm=true"], []),
        (["data.shuffle=false"], []),
        (["batch_norm=false", "data=iris"], ["iris-1"]),
        (["early_stopping=none", "lr>1"], ["digits-4"]),
        (["early_stopping=null", "lr>1"], ["digits-4"]),
        (["early_stopping.patience>=4"], ["iris-1"]),
        (["data.limit=null", "data=diabetes"], ["diabetes-1"]),
        (["tag=wide"], ["digits-3"]),
        (["tags!=wide", "val_accuracy>0.93"], ["sweep", "digits-2"]),
        (["name=iris"], ["iris-1"]),
        (["run=digits-2"], ["digits-2"]),
        (["seed=2"], ["sweep"]),
        (["seed>=1"], ["wild", "sweep"]),
        (["seeds>1"], ["wild", "sweep"]),
        (["state=diverged"], ["wild", "digits-4"]),
        (["status=damaged"], ["digits-7", "digits-5", "digits-6"]),
        (["state!=finished", "name=digits", "val_loss>=0"], ["digits-10", "digits-9"]),
        (["when>=2026-03-01 12:10"], ["digits-7", "digits-5", "digits-10", "digits-9", "wild"]),
        (["when<2026-03-01T12:02"], ["digits-2", "digits-1"]),
        (["when=2026-03-02"], []),
        (["changed=model.hidden"], ["digits-4", "digits-3"]),
        (["val_r2>0"], ["diabetes-1"]),
        (["name='digits'", "val_accuracy≥0.96"], []),
    ],
    ids=" ".join,
)
def test_filters(runs_dir: Path, filters: list[str], expected: list[str]) -> None:
    assert labels(runs_dir, *filters) == expected


def test_with_members_every_run_is_asked_for_itself(runs_dir: Path) -> None:
    listing = list_runs(runs_dir, Query(["val_accuracy>=0.95"], opened=True))
    assert [row.label for row in listing.rows()] == ["sweep", "sweep/seed-0", "sweep/seed-1", "digits-3"]
    assert cells(listing, "val_accuracy")["sweep"] == pytest.approx(0.95)
    assert [path.name for path in listing.paths()] == ["seed-0", "seed-1", "digits-3"]


@pytest.mark.parametrize(
    ("given", "said", "fix"),
    [
        ("val_accuracy", "no operator", "A shell takes > and < for itself"),
        ("digits", "digits is no filter", "name=digits lists the runs of that config"),
        ("sweep/seed-1", "is no filter", "tuner show sweep/seed-1"),
        ("@1", "is no filter", "tuner show @1"),
        ("sweep", "sweep is no filter", "tuner show sweep tells about that group, tuner runs --members"),
        ("runs/sweep/", "runs/sweep/ is no filter", "tells about that group"),
        ("runs/digits-3", "is no filter", "tuner show runs/digits-3 tells about a run"),
        ("val_acuracy>0.9", "no run here has val_acuracy", "val_accuracy"),
        ("accuracy>0.9", "no run here has accuracy", "val_accuracy"),
        ("optimzer=adam", "no run here has optimzer", "optimizer"),
        ("frobnication=1", "no run here has frobnication", "val_accuracy"),
        ("name>3", "left side is text", "="),
        ("optimizer>adam", "right side is not a number", ""),
        ("val_loss<low", "right side is not a number", ""),
        ("seed=x", "right side is not a number", ""),
        ("when>yesterday", "no date", "when>=2026"),
        ("state=done", "no run can be done", "finished"),
        ("test_loss@2<1", "measured once, not epoch by epoch", ""),
        ("epochs(val_loss)<2", "no operator", ""),
        ("=3", "one side is missing", ""),
    ],
)
def test_filters_that_cannot_be(runs_dir: Path, given: str, said: str, fix: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        labels(runs_dir, given)
    assert fix in refused.value.fix


def test_a_key_that_ends_like_several_others(runs_dir: Path) -> None:
    with pytest.raises(UsageError, match=r"activation may be model\.activation or model\.output\.activation"):
        labels(runs_dir, cols="activation")


def test_metrics_can_be_asked_for_before_there_are_any(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    assert labels(folder.path, "val_accuracy>0.9", "no_key=1", sort="-val_accuracy", cols="lr") == []
    folder.run("a-1", None, state="stopped")
    assert labels(folder.path, "val_accuracy>0.9", sort="-val_accuracy") == []
    assert labels(folder.path, sort="-val_accuracy") == ["a-1"]


OPERATORS = {
    ">": float.__gt__,
    "<": float.__lt__,
    ">=": float.__ge__,
    "<=": float.__le__,
    "=": float.__eq__,
    "!=": float.__ne__,
}
NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))


@settings(deadline=None)
@given(st.lists(st.none() | NUMBERS, min_size=1, max_size=6), st.sampled_from(list(OPERATORS)), NUMBERS)
def test_filters_and_sorting_agree_with_plain_python(values: list[float | None], operator: str, bound: float) -> None:
    known: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, value in enumerate(values):
            path = Path(folder, f"a-{number}")
            write_small(path, number, value)
            known[path.name] = value
        kept = labels(Path(folder), f"val_loss{operator}{bound}")
        up, down = (labels(Path(folder), sort=f"{sign}val_loss") for sign in ("", "-"))
    newest_first = sorted(known, reverse=True)
    assert kept == [name for name in newest_first if (v := known[name]) is not None and OPERATORS[operator](v, bound)]
    measured = [name for name in newest_first if known[name] is not None]
    missing = [name for name in newest_first if known[name] is None]
    assert up == sorted(measured, key=lambda name: known[name] or 0.0) + missing
    assert down == sorted(measured, key=lambda name: -(known[name] or 0.0)) + missing


SMALL = to_yaml({"name": "a", "seed": 0, "data": {"name": "d"}, "model": {"name": "m"}, "optimizer": {"name": "o"},
                 "training": {"epochs": 1, "monitor": "val_loss"}}).encode()  # fmt: skip


def write_small(path: Path, number: int, value: float | None) -> None:
    """What is read of a run, with nothing flushed to disk."""
    path.mkdir()
    identity = run_identity.Identity(str(number), "", "cpu", "", "", 1, "", "").as_json()
    created = (START + timedelta(minutes=number)).isoformat()
    (path / "run.json").write_bytes(
        json_bytes({"format": 1, "name": "a", "created": created, "seed": 0, "identity": identity})
    )
    (path / "config.yaml").write_bytes(SMALL)
    best = {"epoch": 1, "val_loss": value} if value is not None else {}
    (path / "status.json").write_bytes(json_bytes({"state": "finished", "best": best}))


# ---- order and number


def test_sorting(runs_dir: Path) -> None:
    best = labels(runs_dir, sort="-val_accuracy")
    assert best[:5] == ["digits-3", "sweep", "digits-2", "digits-1", "digits-10"]
    assert set(best[-8:]) >= {"digits-4", "wild", "begun", "diabetes-1", "digits-5"}
    assert labels(runs_dir, sort="when")[:2] == ["digits-1", "digits-2"]
    assert labels(runs_dir, sort="when")[-2:] == ["digits-6", "begun"]
    assert labels(runs_dir, "name=digits", sort="run")[-3:] == ["digits-10", "sweep", "wild"]
    assert labels(runs_dir, sort="-lr", most=1) == ["digits-4"]
    assert labels(runs_dir, sort="lr", most=0) == []
    assert labels(runs_dir, most=2) == ALL[:2]
    with pytest.raises(UsageError, match="no run here has val_los"):
        labels(runs_dir, sort="-val_los")


def test_equals_stay_newest_first(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "runs")
    for number in range(1, 5):
        folder.run(f"a-{number}", 0.9)
    for sort in ("val_loss", "-val_loss", "state", "-state"):
        assert labels(folder.path, sort=sort) == ["a-4", "a-3", "a-2", "a-1"]


# ---- how it looks


def golden(name: str, text: str, update: bool) -> None:
    path = CASES / "runs" / name
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
    assert text + "\n" == path.read_text()


def notes(listing: Listing) -> list[str]:
    """What is wrong with what is listed."""
    table_of(listing)
    return [*listing.told(), *listing.problems]


def csv_text(listing: Listing) -> str:
    return csv_form.show(Answer([table_of(listing)], {}))


def test_golden_texts(runs_dir: Path, shown: Shown, update_golden: bool) -> None:
    usual, opened = list_runs(runs_dir, Query()), list_runs(runs_dir, Query(opened=True))
    digits = list_runs(runs_dir, Query(["name=digits"], sort="-val_accuracy", only_changed=True))
    chosen = list_runs(
        runs_dir, Query(cols="lr,early_stopping.patience,epochs(val_accuracy>=0.93),parameters,tags", opened=True)
    )
    golden("piped.txt", shown(table_of(usual)), update_golden)
    golden("piped.md", table_text(table_of(usual)), update_golden)
    golden("piped.csv", csv_text(opened).rstrip("\n"), update_golden)
    for width in (100, 70):
        golden(f"terminal-{width}.txt", shown(table_of(usual), width, now=NOW), update_golden)
        golden(f"members-{width}.txt", shown(table_of(opened), width, now=NOW), update_golden)
        golden(f"only-changed-{width}.txt", shown(table_of(digits), width, now=NOW), update_golden)
        golden(f"cols-{width}.txt", shown(table_of(chosen), width, now=NOW), update_golden)


def test_what_the_command_prints_is_the_golden_text(place: Path) -> None:
    done = tuner(cwd=place)
    assert (done.returncode, done.stdout) == (0, (CASES / "runs/piped.txt").read_text())
    assert done.stderr.count("\n") == 4
    assert "runs/digits-6/run.json is missing" in done.stderr
    markdown = tuner("--md", cwd=place, TUNER_RUNS="runs")
    table, *told = markdown.stdout.split("\n\n> ")
    assert table + "\n" == (CASES / "runs/piped.md").read_text() and len(told) == 4


def test_colour_adds_nothing_but_colour(runs_dir: Path, shown: Shown) -> None:
    listing = list_runs(runs_dir, Query(opened=True))
    plain, colored = (shown(table_of(listing), 100, color=color, now=NOW) for color in (False, True))
    assert re.sub(r" +$", "", re.sub(r"\x1b\[[0-9]*m", "", colored), flags=re.M) == plain
    for state, code in (("finished", 32), ("diverged", 31), ("damaged", 31), ("crashed 3/20", 35)):
        assert f"\x1b[{code}m{state}" in colored


def test_what_was_asked_for_is_the_last_to_go(runs_dir: Path, shown: Shown) -> None:
    listing = list_runs(runs_dir, Query(sort="test_loss"))
    assert "test_loss" in shown(table_of(listing), 70).split("\n")[0]
    assert "test_loss" not in shown(table_of(list_runs(runs_dir, Query())), 70).split("\n")[0]


def test_csv_reads_back_as_what_was_measured(runs_dir: Path) -> None:
    listing = list_runs(runs_dir, Query(["val_accuracy>0"], opened=True))
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(csv_text(listing)))}
    assert float(rows["digits-2"]["val_accuracy"]) == 0.94
    assert rows["digits-3"]["changed"] == "model.hidden=[256,64]"
    assert rows["digits-1"]["changed"] == ""
    assert datetime.fromisoformat(rows["digits-1"]["when"]) == START
    assert float(rows["sweep/seed-1"]["time"]) == 4.5


# ---- as a command


def test_json(place: Path) -> None:
    done = tuner("--json", "--cols", "lr", "--sort", "-val_accuracy", cwd=place)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    found = {run["run"]: run for run in json.loads(done.stdout)["runs"]}
    assert list(found)[:2] == ["runs/digits-3", "runs/sweep"]
    for run in [*found.values(), *found["runs/sweep"]["members"]]:
        assert set(run) >= {"run", "name", "state", "seed", "changed", "best", "test", "columns"}
    assert found["runs/digits-2"]["changed"] == {"optimizer.lr": 0.01}
    assert found["runs/digits-2"]["best"]["val_accuracy"] == 0.94
    assert found["runs/digits-2"]["test"] == {"loss": 0.25, "accuracy": 0.94}
    assert found["runs/digits-2"]["columns"] == {"run": "digits-2", "optimizer.lr": 0.01}
    sweep = found["runs/sweep"]
    assert (sweep["seed"], sweep["seeds"]) == (None, [0, 1, 2])
    assert sweep["best"]["val_accuracy"] == pytest.approx(0.95)
    assert [member["run"] for member in sweep["members"]] == [f"runs/sweep/seed-{seed}" for seed in range(3)]
    assert [member["seed"] for member in sweep["members"]] == [0, 1, 2]
    assert found["runs/digits-5"]["state"] == "damaged"
    assert "status.json is damaged" in found["runs/digits-5"]["reason"]


def test_quiet_is_one_path_a_line(place: Path) -> None:
    done = tuner("-q", "--sort", "-val_accuracy", "-n", "2", cwd=place)
    assert (done.stdout, done.stderr) == ("runs/digits-3\nruns/sweep\n", "")
    opened = tuner("-q", "--members", "state=diverged", cwd=place)
    assert opened.stdout == "runs/wild/seed-1\nruns/digits-4\n"
    assert tuner("-q", "val_accuracy>2", cwd=place).stdout == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--csv", "--md"), 2, "--md and --csv are different forms"),
        (("val_accuracy",), 2, "A shell takes > and <"),
        (("--cols", "lrx"), 2, "Did you mean"),
        (("patience>=4",), 2, "patience may be scheduler.patience or early_stopping.patience"),
        (("momentum>=4", "name=iris"), 0, "none of 14 runs"),
        (("--cols", "lr,,"), 2, "no run here has"),
        (("--sort", "nothing"), 2, "no run here has nothing"),
        (("-n", "-1"), 2, "-n"),
        (("optimizer=adamm",), 0, "none of 14 runs fulfils optimizer=adamm; optimizer: adam, sgd"),
        (("state=crashed", "seed=9"), 0, "none of 14 runs fulfils state=crashed seed=9"),
        (("--runs-dir", "runs/digits-1"), 0, "is itself a run: tuner show runs/digits-1"),
        (("--runs-dir", "nowhere"), 0, "no runs in nowhere yet"),
        (("--runs-dir", "digits.yaml"), 4, "digits.yaml is not a folder"),
    ],
)
def test_what_is_said_and_the_exit_code(place: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = tuner(*words, cwd=place)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_nothing_as_json_and_errors_as_json(place: Path) -> None:
    assert json.loads(tuner("--json", "--runs-dir", "nowhere", cwd=place).stdout) == {"runs": []}
    done = tuner("--json", "val_accuracy", cwd=place)
    assert done.returncode == 2
    assert json.loads(done.stdout)["exit_code"] == 2


def test_nothing_heavy_is_imported(place: Path) -> None:
    code = (
        "import sys\nfrom tuner.cli import main\nsys.argv[0] = 'tuner'\n"
        "try: main()\nexcept SystemExit: pass\nfinally:\n"
        " print('loaded:', *sorted({'torch', 'numpy', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    words = ["runs", "--only-changed", "--members", "val_loss@last<9"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=place, capture_output=True, text=True)
    assert "val_loss@last" in done.stdout
    assert done.stderr.splitlines()[-1] == "loaded:"


def test_who_looks_for_runs_elsewhere_is_sent_here() -> None:
    assert no_kind("runs").fix == "tuner runs lists them"


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("")
    with pytest.raises(NotFoundError, match="afile is not a folder"):
        list_runs(tmp_path / "afile", Query())
