"""The commands that read, of sweeps: three tiny ones, trained once."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import SWEEP, searching, sweep

import tuner
from tuner.durable.reading import json_bytes
from tuner.errors import NotFoundError, UsageError
from tuner.events import TrialEnded
from tuner.runs.find import instead_of_config, resolve
from tuner.runs.folder import SWEEP as SWEEP_FILE
from tuner.runs.folder import glance, kind_of
from tuner.runs.lock import Lock
from tuner.runs.sweep import read_sweep
from tuner.runs.trials import let_go, read_trials
from tuner.stopping import Stop, StopRequests

BAD = """
data: {name: digits, limit: 100}
model: {name: mlp, hidden: [4]}
optimizer: {name: sgd, momentum: 0.9}
training: {epochs: 2}
sweep:
  generation: 1
  keep: 1
  confirm: none
  space:
    optimizer.lr: [0.001, 0.01, 1e38]
    optimizer.nesterov: [false, true]
    optimizer.momentum: [0.9, 0]
"""
"""12 trials: of each lr one cannot be trained, and no lr of 1e38 comes to its end."""

Said = tuple[int, str, str]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the sweeps c-1 (pruned, confirmed), bad-1 (failed and diverged) and half-1 (stopped)."""
    memory = "/dev/shm"  # noqa: S108 - a place, and the folder in it gets a name of its own
    folder = Path(tempfile.mkdtemp(dir=memory)) if os.access(memory, os.W_OK) else tmp_path_factory.mktemp("sweeps")
    for name, text in (("c", SWEEP), ("bad", BAD), ("half", BAD)):
        (folder / f"{name}.yaml").write_text(text)
    sweep(folder / "c.yaml", folder / "runs")
    sweep(folder / "bad.yaml", folder / "runs")
    stop = StopRequests()
    for event in searching(folder / "half.yaml", folder / "runs", stop=stop).course():
        if isinstance(event, TrialEnded):
            stop.ask(Stop("enough"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def place(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where nothing is changed."""
    monkeypatch.chdir(trained)
    return trained


@pytest.fixture
def copied(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to be changed."""
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def data(said: Said) -> Any:
    assert said[0] == 0, said
    return json.loads(said[1])


def best(place: Path, name: str = "c-1") -> str:
    return read_trials(place / "runs" / name).best[0].trial.path.name


def pruned(place: Path) -> str:
    """A trial that was given up."""
    outcomes = read_trials(place / "runs/c-1").outcomes.values()
    return next(each.trial.path.name for each in outcomes if each.state == "pruned")


# ---- references ------------------------------------------------------------------------------------------------------


def test_a_sweep_its_trials_and_its_groups_are_named(place: Path) -> None:
    runs = Path("runs")
    assert [kind_of(resolve(each, runs)) for each in ("c-1", "c-1/trial-3", "c-1/confirm-base/seed-1")] == [
        "sweep", "run", "run"]  # fmt: skip
    number = best(place)[-2:].lstrip("0") or "0"
    assert resolve(f"c-1/trial-{number}", runs) == runs / "c-1" / best(place)
    assert kind_of(resolve(f"runs/c-1/confirm-{number}", runs)) == "group"
    assert resolve("c-", runs) == resolve("c", runs) == resolve("@3", runs) == runs / "c-1"
    assert resolve("@1", runs) == runs / "half-1"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("bad-1/trial-3", "trial 3 of runs/bad-1 could not be trained: nesterov needs a momentum above 0"),
        ("bad-1/trial-12", "the sweep runs/bad-1 has no trial 12"),
        ("half-1/trial-1", "trial 1 of runs/half-1 is not begun"),
    ],
)
def test_a_trial_without_a_folder_says_why(place: Path, reference: str, message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        resolve(reference, Path("runs"))


def test_a_sweep_is_no_config_and_no_trial_goes_on_alone(place: Path, say: Callable[..., Said]) -> None:
    for reference, what in (("c-1", "sweep"), ("c-1/trial-0", "trial of the sweep runs/c-1")):
        told = instead_of_config(reference, Path("runs"))
        assert isinstance(told, UsageError)
        assert told.message == f"{reference} is a {what}, and a config is asked for"
        assert "`tuner sweep runs/c-1` goes on with it" in told.fix
    before = (place / "runs/c-1" / pruned(place) / "status.json").read_bytes()
    code, _, err = say("train", f"runs/c-1/{pruned(place)}")
    assert (code, "is a trial of the sweep" in err) == (2, True)
    assert (place / "runs/c-1" / pruned(place) / "status.json").read_bytes() == before


# ---- runs ------------------------------------------------------------------------------------------------------------


def test_runs_has_a_row_a_sweep_with_its_best_trial(place: Path, say: Callable[..., Said]) -> None:
    rows = {row["run"]: row for row in data(say("runs", "--json"))["runs"]}
    assert list(rows) == ["runs/half-1", "runs/bad-1", "runs/c-1"]
    row, first = rows["runs/c-1"], read_trials(place / "runs/c-1").best[0]
    assert (row["state"], row["best_trial"]) == ("over: 2 finished, 10 pruned", f"runs/c-1/{best(place)}")
    assert row["trials"] == {"finished": 2, "pruned": 10}
    assert row["best"]["val_loss"] == first.value
    assert row["changed"]["optimizer.lr"] == first.trial.values["optimizer.lr"]
    assert rows["runs/bad-1"]["state"] == "over: 6 finished, 3 diverged, 3 failed"
    assert rows["runs/half-1"]["trials"] == {"finished": 1, "not begun": 11}
    _, out, _ = say("runs")
    assert out.splitlines()[0].split()[:6] == ["run", "when", "(UTC)", "state", "trials", "changed"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["state=diverged"], ["bad-1"]),
        (["state=pruned"], ["c-1"]),
        (["state=not begun"], ["half-1"]),
        (["trials>=12", "state=failed"], ["bad-1"]),
        (["lr=0.001"], ["half-1"]),  # its best trial's
        (["--members", "state=failed"], ["bad-1/trial-0003", "bad-1/trial-0007", "bad-1/trial-0011"]),
        (["--members", "lr=0.001", "state=finished"], ["half-1/trial-0000"]
         + [f"bad-1/trial-000{number}" for number in (0, 1, 2)]),
    ],
)  # fmt: skip
def test_filters_ask_the_best_trial_or_each(
    place: Path, say: Callable[..., Said], words: list[str], expected: list[str]
) -> None:
    assert say("runs", "-q", *words)[1].split() == [f"runs/{name}" for name in expected]


def test_every_trial_is_a_row_in_python(place: Path) -> None:
    rows = tuner.runs()
    states = [row["state"] for row in rows]
    assert {state: states.count(state) for state in states} == {"finished": 9, "diverged": 3, "failed": 3, "pruned": 10}
    failed = next(row for row in rows if row["state"] == "failed")
    assert (failed["optimizer.nesterov"], failed["optimizer.momentum"], failed["seed"]) == (True, 0, None)


# ---- show ------------------------------------------------------------------------------------------------------------


def test_show_tells_what_is_best_what_matters_and_whether_it_is_sure(place: Path, say: Callable[..., Said]) -> None:
    told, first = data(say("show", "c-1", "--json")), read_trials(place / "runs/c-1").best[0]
    assert (told["best"]["trial"], told["best"]["val_loss"]) == (first.number, first.value)
    assert told["best"]["lead"] == pytest.approx(told_second(place) - (first.value or 0))
    names = {each["name"] for each in told["importance"]["settings"]}
    assert names == {"optimizer.lr", "optimizer", "optimizer.momentum"}
    assert told["importance"]["trials"] == 12
    assert told["verdict"]["comparison"]["metric"] == "test_loss"
    assert told["confirm"] == {"ended": 4, "trainings": 4}
    code, out, _ = say("show", "c-1")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "sweep   runs/c-1, 12 trials by tpe, pruned by halving")
    assert lines[1] == "state   over: 2 finished, 10 pruned"
    assert lines[2] == "search  lowest val_loss over optimizer, optimizer.lr"
    assert f"trial {first.number}: {' '.join(first.trial.overrides)}" in lines[3]
    assert "the best 10 of 12 trials" in lines
    assert lines[-1].split()[:3] == ["next", "tuner", "sweep"] or lines[-1].startswith("next     tuner curves c-1")


def told_second(place: Path) -> float:
    return float(read_trials(place / "runs/c-1").best[1].value or 0)


def test_show_names_failures_and_what_is_not_begun(place: Path, say: Callable[..., Said]) -> None:
    _, out, _ = say("show", "bad-1")
    assert "failed  nesterov needs a momentum above 0, e.g. momentum: 0.9 (trials 3, 7, 11)" in out.splitlines()
    _, out, _ = say("show", "half-1")
    assert "state   1 finished, 11 not begun" in out.splitlines()
    assert out.splitlines()[-1] == "next  tuner sweep runs/half-1"
    assert data(say("show", "half-1", "--json"))["importance"] is None


def test_a_running_trial_is_told(copied: Path, say: Callable[..., Said]) -> None:
    trial = copied / "runs/half-1/trial-0000"
    status = json.loads((trial / "status.json").read_text())
    (trial / "status.json").write_bytes(
        json_bytes({"state": "running", "epoch": status["epoch"], "best": status["best"]})
    )
    held = "import sys; from pathlib import Path; from tuner.runs.lock import Lock\n" \
           "with Lock(Path(sys.argv[1])):\n print('held', flush=True); sys.stdin.read()"  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", held, str(trial)], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        _, out, _ = say("show", "half-1")
        code, _, err = say("remove", "--yes", "half-1")
        renamed = say("rename", "half-1", "other")
        assert holder.stdin is not None
        holder.stdin.close()
    assert "state    1 running, 11 not begun" in out.splitlines()
    assert "running  trial 0: epoch 2 of 2" in out.splitlines()
    assert (code, renamed[0], "trial-0000 is held by process" in err, trial.exists()) == (73, 73, True, True)
    assert "1 stopped, 11 not begun" in say("show", "half-1")[1]


def test_the_parts_of_a_sweep(place: Path, say: Callable[..., Said]) -> None:
    rows = list(csv.DictReader(say("show", "bad-1", "trials", "--csv")[1].splitlines()))
    assert [row["state"] for row in rows[:6]] == ["finished"] * 6
    assert sorted(row["state"] for row in rows[6:]) == ["diverged"] * 3 + ["failed"] * 3
    assert [float(row["val_loss"]) for row in rows[:6]] == sorted(float(row["val_loss"]) for row in rows[:6])
    told = data(say("show", "bad-1", "trials", "--json"))
    reasons = [each["reason"] for each in told if each["state"] == "failed"]
    assert reasons == ["nesterov needs a momentum above 0, e.g. momentum: 0.9"] * 3
    folders = say("show", "c-1", "trials", "-q")[1].split()
    assert (len(folders), folders[0]) == (12, f"runs/c-1/{best(place)}")
    assert data(say("show", "c-1", "space", "--json"))["optimizer.lr"] == {"low": 1e-4, "high": 0.1, "log": True}
    assert "sweep:" in say("show", "c-1", "config")[1]
    for part in ("metrics", "data", "log"):  # of one run: the best trial
        assert say("show", "c-1", part)[:2] == say("show", f"c-1/{best(place)}", part)[:2], part
    code, _, err = say("show", "c-1/trial-0", "trials")
    assert (code, "trials is a part of a sweep" in err) == (2, True)


def test_what_is_damaged_is_told_and_the_rest_is_shown(copied: Path, say: Callable[..., Said]) -> None:
    lost = pruned(copied)
    (copied / "runs/c-1" / lost / "status.json").write_text("{")
    (copied / "runs/c-1/confirm-base/seed-1/status.json").write_text("{")
    code, out, err = say("show", "c-1", "--json")
    told = json.loads(out)
    assert (code, told["trials"], told["verdict"]) == (0, {"finished": 2, "pruned": 9, "damaged": 1}, None)
    assert err.count("status.json") == 2
    (read_trials(copied / "runs/c-1").best[0].trial.path / "metrics.csv").write_bytes(b"\xff")
    assert "metrics.csv is damaged" in say("show", "c-1")[2]
    _, out, _ = say("runs")
    assert "over: 2 finished, 9 pruned, 1 damaged" in out


def test_the_effects_are_a_picture_kept_and_in_html(place: Path, say: Callable[..., Said], tmp_path: Path) -> None:
    for kind in ("png", "svg"):
        file = tmp_path / f"effects.{kind}"
        assert say("show", "c-1", "effects", "-q", "-o", str(file))[:2] == (0, f"{file}\n")
        assert file.stat().st_size > 10_000
    _, out, _ = say("show", "c-1", "effects")
    heads = [line for line in out.splitlines() if line in ("optimizer.lr", "optimizer", "optimizer.momentum")]
    assert sorted(heads) == ["optimizer", "optimizer.lr", "optimizer.momentum"]
    assert "A trial that was pruned has the value of the epochs that it had." in out
    page = say("show", "c-1", "--html")[1]
    assert page.count("<svg") == 1
    assert "importance" in page
    code, _, err = say("show", "c-1/trial-0", "-o", str(tmp_path / "x.png"))
    assert (code, "tuner curves" in err) == (2, True)


# ---- weights that were let go ----------------------------------------------------------------------------------------


def test_a_trial_without_weights_says_so_in_words(place: Path, say: Callable[..., Said]) -> None:
    gone = f"c-1/{pruned(place)}"
    assert "weights were let go by the sweep" in let_go(glance(place / "runs" / gone))
    assert let_go(glance(place / "runs/c-1" / best(place))) == ""
    _, out, _ = say("show", gone)
    assert "\nstate     pruned (" in out
    assert "which keeps those of the 2 best trials (sweep.keep)" in out
    assert out.splitlines()[-1] == "next      tuner show c-1"
    code, out, _ = say("check", gone)
    assert (code, "pruned, " in out, "its weights were let go" in out) == (0, True, True)
    (place / "x.csv").touch()
    code, _, err = say("predict", gone, "x.csv")
    assert (code, "it has no finished run" in err or "weights were let go" in err) == (4, True)
    with pytest.raises(NotFoundError, match="its weights were let go"):
        tuner.load(f"bad-1/{unkept(place)}")


def unkept(place: Path) -> str:
    """A trial that finished and is not among those that keep their weights."""
    return read_trials(place / "runs/bad-1").best[-1].trial.path.name


def test_check_looks_at_all_of_it_and_tells_real_damage(copied: Path, say: Callable[..., Said]) -> None:
    code, out, _ = say("check", "c-1")
    assert (code, out.count("all checksums agree"), out.count("whole")) == (0, 16, 3)
    (copied / "runs/c-1/trial-0001/metrics.csv").write_text("epoch\n")
    code, out, err = say("check", "c-1")
    assert (code, "trial-0001/metrics.csv" in out + err) == (4, True)
    ledger = copied / "runs/c-1/sweep.json"
    whole = ledger.read_text()
    for said, fault in (('"trials":', "x"), ('"generation":', None), ('"keep":', "3"), ('"seeds":', 1.5)):
        changed = re.sub(f"{said} *[0-9]+", f"{said} {json.dumps(fault)}", whole, count=1)
        assert changed != whole, said
        ledger.write_text(changed)
        assert "sweep.json is damaged: how it is searched" in "".join(say("check", "c-1")[1:])
    faults: list[tuple[str, Any]] = [("argv", 3), ("tags", "x"), ("keep", -3), ("prune", 3), ("space", []),
                                     ("trials", {"0": 1})]  # fmt: skip
    for key, fault in faults:
        ledger.write_text(json.dumps(json.loads(whole) | {key: fault}))
        codes = [say(*words)[0] for words in (("show", "c-1"), ("curves", "c-1"), ("diff", "c-1"), ("check", "c-1"))]
        assert (key, codes) == (key, [4] * 4)
        assert "sweep.json is damaged" in "".join(say("runs")[1:])
    ledger.write_text(whole)
    group = next((copied / "runs/c-1").glob("confirm-0*"))
    for before, after in (("confirm-base", "x"), (group.name, "confirm-base"), ("x", group.name)):
        (copied / "runs/c-1" / before).rename(copied / "runs/c-1" / after)
    code, out, err = say("check", "c-1")
    assert (code, f"{group.name}/seed-1/config.yaml is damaged: it is not the config of" in out + err) == (4, True)
    (copied / "runs/c-1/trial-0000").rename(copied / "runs/c-1/trial-x")
    (copied / "runs/c-1/trial-0002").rename(copied / "runs/c-1/trial-0000")
    code, out, err = say("check", "c-1")
    assert (code, "trial-0000/config.yaml is damaged: it is not the config of trial 0" in out + err) == (4, True)
    (copied / "runs/c-1/trial-0000").rename(copied / "runs/c-1/trial-y")
    code, out, err = say("check", "c-1")
    assert (code, "runs/c-1/trial-0000 is missing, though sweep.json calls it" in out + err) == (4, True)
    (copied / "runs/c-1/config.yaml").unlink()
    code, out, err = say("check", "c-1")
    assert (code, "runs/c-1/config.yaml" in out + err) == (4, True)
    ledger.write_text("{")
    assert say("check", "c-1")[0] == 4
    assert "sweep.json is damaged" in "".join(say("runs")[1:])
    assert say("show", "c-1")[0] == 4


# ---- curves, diff, compare, and what takes one run -------------------------------------------------------------------


def test_curves_draw_the_best_before_the_others(place: Path, say: Callable[..., Said], tmp_path: Path) -> None:
    code, out, _ = say("curves", "c-1", "-o", str(tmp_path / "c.svg"))
    assert (code, out.splitlines()[0]) == (0, "val_loss")
    assert f"─── other trials   ─o─ {best(place)}" in out  # told apart without colour
    rows = csv.DictReader(say("curves", "c-1", "--csv")[1].splitlines())
    assert {row["curve"].split()[0] for row in rows} == {path.name for path in (place / "runs/c-1").glob("trial-*")}
    assert (tmp_path / "c.svg").stat().st_size > 5_000
    runs = data(say("curves", "c-1", "--json"))["runs"]
    assert (len(runs), Path(runs[-1]["run"]).name) == (12, best(place))
    assert not list((place / "runs/c-1").glob("*/curves.png"))


def test_diff_is_of_the_config_as_it_was_and_the_best(place: Path, say: Callable[..., Said]) -> None:
    sides = say("diff", "c-1")[1].splitlines()[1:3]
    assert [side.split()[1] for side in sides] == ["runs/c-1/confirm-base", f"runs/c-1/confirm{best(place)[5:]}"]
    changes = read_sweep(place / "runs/c-1").trials[int(best(place)[-4:])].overrides
    assert set(say("diff", "c-1", "--as-args")[1].split()) == set(changes) - {"optimizer=adam"}  # the default
    sides = say("diff", "bad-1")[1].splitlines()[1:3]
    assert [side.split()[1] for side in sides] == ["runs/bad-1/config.yaml", f"runs/bad-1/{best(place, 'bad-1')}"]
    code, out, _ = say("diff", "c-1/trial-0", "c-1/trial-1", "--only", "config")
    assert (code, "optimizer.lr" in out) == (0, True)


def test_compare_is_of_the_groups_that_confirm(place: Path, say: Callable[..., Said]) -> None:
    told, shown = data(say("compare", "c-1", "--json")), data(say("show", "c-1", "--json"))
    assert (told["metric"], told["baseline"]) == ("test_loss", "confirm-base")
    assert told["differences"][0]["p"] == shown["verdict"]["comparison"]["differences"][0]["p"]
    code, _, err = say("compare", "bad-1")
    assert (code, "not confirmed yet" in err, "sweep.confirm.seeds=8" in err) == (2, True, True)


def test_a_pruned_run_never_stands_in_a_comparison(place: Path, say: Callable[..., Said]) -> None:
    told = data(say("compare", f"c-1/{best(place)}", f"c-1/{pruned(place)}", "--json"))
    assert told["groups"][pruned(place)]["left_out"] == {"0": "pruned"}
    assert told["differences"][0]["pairs"] == 0
    assert "--runs-dir runs/c-1" not in say("compare", f"c-1/{best(place)}", f"c-1/{pruned(place)}")[1]


def test_what_takes_one_run_takes_the_best_trial(place: Path, say: Callable[..., Said]) -> None:
    assert say("early-stop", "c-1", "-q", "--patience", "2")[1].endswith(f" runs/c-1/{best(place)}\n")
    assert say("diagnose", "c-1", "-q")[1].endswith(f" runs/c-1/{best(place)}\n")
    assert tuner.load("c-1").run == Path("runs/c-1") / best(place)


def test_predict_takes_what_the_verdict_says(place: Path) -> None:
    from tuner.asks.sweep.verdict import taken

    assert taken(Path("runs/c-1")) == Path("runs/c-1/confirm-base")  # two pairs of seeds beat nothing
    assert taken(Path("runs/bad-1")) == Path("runs/bad-1") / best(place, "bad-1")


# ---- what lies at an end ---------------------------------------------------------------------------------------------


def ends(folder: Path, space: dict[str, Any], values: dict[str, Any]) -> list[tuple[str, bool, str]]:
    """What is told of a sweep whose best trial has these values."""
    from tuner.asks.sweep.axes import edges_of

    file = folder / "runs/half-1/sweep.json"
    told = json.loads(file.read_text())
    told["space"], told["trials"]["0"]["values"] = space, values
    file.write_bytes(json_bytes(told))
    found = read_trials(file.parent)
    return [(each.name, each.is_low, each.option) for each in edges_of(found, list(values), found.best[0].trial)]


RANGE = {"low": 1e-4, "high": 1e-2, "log": True}


@pytest.mark.parametrize(
    ("space", "values", "expected"),
    [
        ({"optimizer.lr": RANGE}, {"optimizer.lr": 1e-2},
         [("optimizer.lr", False, "--space 'optimizer.lr=1e-4..0.1 log'")]),
        ({"optimizer.lr": RANGE}, {"optimizer.lr": 1.1e-4},
         [("optimizer.lr", True, "--space 'optimizer.lr=1e-5..0.01 log'")]),
        ({"optimizer.lr": RANGE}, {"optimizer.lr": 1e-3}, []),
        ({"model.dropout": {"low": 0, "high": 0.5}}, {"model.dropout": 0.0}, []),  # there is no less
        ({"model.dropout": {"low": 0, "high": 0.5}}, {"model.dropout": 0.49},
         [("model.dropout", False, "--space model.dropout=0..0.75")]),
        ({"model.dropout": {"low": 0, "high": 0.9}}, {"model.dropout": 0.9},
         [("model.dropout", False, "--space model.dropout=0..0.9563")]),
        ({"training.batch_size": {"low": 16, "high": 64, "points": 3}}, {"training.batch_size": 64},
         [("training.batch_size", False, "--space 'training.batch_size=16..88 points=4'")]),  # one more
        ({"optimizer.lr": {**RANGE, "points": 3}}, {"optimizer.lr": 1e-4},
         [("optimizer.lr", True, "--space 'optimizer.lr=1e-5..0.01 log points=4'")]),
        ({"model.dropout": {"low": 0, "high": 0.9, "points": 4}}, {"model.dropout": 0.9}, []),
        ({"optimizer.lr": [0.01, 0.1, 0.001]}, {"optimizer.lr": "0.1"},
         [("optimizer.lr", False, "--space 'optimizer.lr=0.01, 0.1, 0.001, 1.0'")]),
        ({"optimizer.lr": [0.001, 0.9]}, {"optimizer.lr": "0.9"},
         [("optimizer.lr", False, "--space 'optimizer.lr=0.001, 0.9, 9.0'")]),  # a factor of ten at most
        ({"optimizer.lr": [0.001, 1e30]}, {"optimizer.lr": "1e+30"},
         [("optimizer.lr", False, "--space 'optimizer.lr=0.001, 1e+30, 1e+31'")]),
        ({"optimizer.lr": {"low": 1e-4, "high": 1e6, "log": True, "points": 3}}, {"optimizer.lr": 1e-4}, []),
        ({"model.hidden": [[8], [16]]}, {"model.hidden": "[16]"}, []),
        ({"optimizer": ["adam", {"name": "sgd", "momentum": {"low": 0, "high": 0.5}}]},
         {"optimizer": "sgd", "optimizer.momentum": 0.5},
         [("optimizer.momentum", False,
           "--space 'optimizer=adam, {name: sgd, momentum: {low: 0, high: 0.75}}'")]),
    ],
)  # fmt: skip
def test_what_lies_at_an_end_comes_with_what_to_type(
    copied: Path, space: dict[str, Any], values: dict[str, Any], expected: list[tuple[str, bool, str]]
) -> None:
    assert ends(copied, space, values) == expected


def test_what_is_told_to_type_widens_the_space(copied: Path, say: Callable[..., Said]) -> None:
    """The command, but for the training."""
    import shlex

    words = say("show", "bad-1")[1].splitlines()[-1].removeprefix("next").strip()
    assert words == "tuner sweep runs/bad-1 --extend --space 'optimizer.momentum=0.9, 0, 0.9563'"
    told = data(say(*shlex.split(words)[1:], "--dry-run", "--json"))
    assert told["trials"] == 6


# ---- removed, renamed ------------------------------------------------------------------------------------------------


def test_a_sweep_goes_and_moves_as_a_whole(copied: Path, say: Callable[..., Said]) -> None:
    code, _, err = say("remove", "bad-1/trial-0")
    assert (code, "its sweep trains it again" in err, "--yes" in err) == (2, True, True)
    code, _, err = say("remove", "--yes", "bad-1/trial-0", f"c-1/{pruned(copied)}")
    assert (code, "its sweep trains it again" in err, "its sweep counts it as pruned" in err) == (0, True, True)
    assert read_trials(copied / "runs/bad-1").outcomes[0].state == "not begun"
    assert say("rename", "bad-1/trial-1", "x")[0] == 2
    assert say("rename", "bad-1", "better")[:2] == (0, "runs/better\n")
    assert say("show", "better", "-q")[0] == 0
    assert say("remove", "--yes", "better")[0] == 0
    assert not (copied / "runs/better").exists()


def test_a_sweep_is_not_removed_while_one_of_its_groups_is_trained(copied: Path, say: Callable[..., Said]) -> None:
    with Lock(copied / "runs/c-1/confirm-base/seed-1"):
        assert say("remove", "--yes", "c-1")[0] == 73
    assert (copied / "runs/c-1/sweep.json").exists()


# ---- shells, speed, words --------------------------------------------------------------------------------------------


def test_a_shell_completes_what_is_in_a_sweep(place: Path) -> None:
    from types import SimpleNamespace

    from tuner.cli.completion import runs

    asked = SimpleNamespace(params={})
    assert list(runs(asked, "")) == ["half-1", "bad-1", "c-1"]
    inside = list(runs(asked, "c-1/"))
    assert inside[:2] == [f"c-1/confirm-{best(place)[6:]}", "c-1/confirm-base"]
    assert inside[2:] == [f"c-1/trial-{number:04d}" for number in range(12)]
    assert list(runs(asked, "c-1/confirm-base/")) == ["c-1/confirm-base/seed-1", "c-1/confirm-base/seed-2"]


def test_nothing_of_it_imports_torch_or_optuna(place: Path) -> None:
    code = (
        "import sys\nfrom tuner.cli import commands\n"
        "for words in (['runs'], ['show', 'c-1'], ['curves', 'c-1', '--json'], ['diff', 'c-1'], ['compare', 'c-1']):\n"
        "    sys.argv = ['tuner', *words]\n    assert commands.run() == 0\n"
        "print([name for name in ('torch', 'optuna', 'sklearn', 'polars') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


WORDS = (
    "sweep|trial|pruned|failed|planner|confirm|space|edge|importance|effects|leads|tpe|halving|let go|may be|pruner|"
    "sweep.space|sweep.prune|sweep.prune.factor|sweep.confirm.seeds|winner|largest allowed"
)


@pytest.mark.parametrize("word", WORDS.split("|"))
def test_the_words_of_sweeps_are_explained(word: str) -> None:
    from tuner.explain import explain

    assert explain(word)


def test_every_key_of_a_sweep_is_explained_with_an_example_that_is_read(tmp_path: Path) -> None:
    from tuner.choice import settings_below
    from tuner.config.schema import Beside
    from tuner.config.sweep import load_search
    from tuner.document.writing import to_yaml
    from tuner.explain import explain

    space = {"optimizer.lr": [0.1, 0.01]}
    for setting in settings_below(Beside):
        [told] = [each for each in explain(setting.path) if each.what == "setting"]
        assert told.text
        file = tmp_path / "c.yaml"
        file.write_text(f"extends: below.yaml\n{told.yaml}")
        (tmp_path / "below.yaml").write_text(to_yaml({"data": "digits", "sweep": {"space": space, "trials": 3}}))
        load_search(str(file), ["sweep.planner=random", "sweep.trials=40"], {})


@pytest.mark.parametrize("lost", ["sweep.json", "config.yaml"])
def test_a_sweep_that_lost_one_of_its_files_says_which(copied: Path, say: Callable[..., Said], lost: str) -> None:
    (copied / "runs/c-1" / lost).unlink()
    asked = [("sweep", "c-1"), ("sweep", "runs/c-1/config.yaml"), ("check", "c-1")]
    asked += [(command, "c-1") for command in ("show", "curves", "diagnose", "predict")] if lost == SWEEP_FILE else []
    for words in asked:
        code, out, err = say(*words)
        assert (code, f"runs/c-1/{lost} is missing" in out + err) == (4, True), (words, err)
        assert "trial-0001 and trial-0000 differ" not in out + err
