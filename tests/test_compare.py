"""`tuner compare` on run folders: which values pair, what is refused, what is printed, the exit codes."""

from __future__ import annotations

import csv
import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import program
import pytest
from making import create
from scipy import stats

from tuner.answer import Answer
from tuner.asks.compare import ask, blocks, conclusion, table_blocks
from tuner.asks.compare.comparison import Comparison, compare
from tuner.asks.compare.statistics import holm, sign_flip_p
from tuner.asks.compare.table import Ideas, compare_ideas
from tuner.config.load import load
from tuner.document.writing import to_yaml
from tuner.errors import NotFoundError, TunerError, UsageError
from tuner.render.forms import csv as csv_form
from tuner.render.forms import latex, md
from tuner.runs import creating as run_creating
from tuner.runs import files as run_files
from tuner.runs import identity as run_identity
from tuner.runs.family import find_group
from tuner.runs.values import parse_metric

CASES = Path(__file__).parent / "cases" / "compare"
IDENTITY = run_identity.Identity("c" * 64, "d" * 64, "cpu", "AMD EPYC", "AVX512", 1, "2.10.0", "0.1.0")
COLUMNS = ["epoch", "step", "batch_loss", "train_loss", "train_accuracy", "val_loss", "val_accuracy"]
SIZES = (1294, 143, 360)
HERE = "on this split, 143 validation samples"
ACCURACIES = [0.9611, 0.9667, 0.9583, 0.9639, 0.9611, 0.9694, 0.9556, 0.9639]

Make = Callable[..., Path]


def rows_up_to(accuracy: float) -> list[run_files.Row]:
    """Three epochs; the second is the best."""
    steps = [(1, accuracy - 0.2), (2, accuracy), (3, accuracy - 0.1)]
    return [
        {
            "epoch": epoch,
            "step": 10 * epoch,
            "batch_loss": 1 - value,
            "train_loss": 1 - value,
            "train_accuracy": value,
            "val_loss": 1 - value,
            "val_accuracy": value,
        }
        for epoch, value in steps
    ]


def write_member(group: Path, name: str, seed: int, result: float | str, overrides: list[str], **identity: Any) -> Path:
    """A run that ended with this validation accuracy, or in this state."""
    source = group.parent / "source.yaml"
    source.write_text("data: digits\n")
    resolved = load(str(source), [*overrides, f"seed={seed}"]).resolved
    about = {
        "format": 1,
        "name": resolved["name"],
        "created": run_creating.now(),
        "seed": seed,
        "parameters": 9610,
        "identity": replace(IDENTITY, **identity).as_json(),
    }
    parts = {name: {"samples": count} for name, count in zip(("train", "validation", "test"), SIZES, strict=True)}
    normalize = {"name": "standard", "mean": [0], "scale": [1], "low": [0], "high": [1]}
    target = {"kind": "number", "mean": 0, "scale": 1}
    data = {"format": 1, "shape": [1, 8, 8], "target": target, "columns": [], "parts": parts, "normalize": normalize}
    texts = {"config.yaml": to_yaml(resolved), "run.json": json.dumps(about), "data.json": json.dumps(data)}
    files = {name: text.encode() for name, text in texts.items()}
    path = create(group, "source", name, files)
    state, accuracy = (result, 0.5) if isinstance(result, str) else ("finished", result)
    rows = rows_up_to(accuracy)
    lines = [run_files.format_header(COLUMNS), *(run_files.format_row(COLUMNS, row) for row in rows)]
    (path / "metrics.csv").write_text("".join(f"{line}\n" for line in lines))
    (path / "timing.csv").write_text(f"epoch,seconds\n1,{1 + seed}\n2,{3 + seed}\n")
    status = {"state": state, "epoch": 3, "best_epoch": 2, "best": rows[1], "last": rows[2]}
    run_files.write_status(
        path, status | {"test": {"loss": 0.1, "accuracy": accuracy - 0.01} if state == "finished" else {}}
    )
    return path


@pytest.fixture
def make(workplace: Any, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes groups in the folder runs of the working directory, from the result of each seed."""
    monkeypatch.chdir(workplace.folder)

    def group(
        name: str,
        results: Mapping[int, float | str] | list[float],
        *overrides: str,
        runs_dir: str = "runs",
        **more: Any,
    ) -> Path:
        path = Path(runs_dir, name)
        path.mkdir(parents=True)
        for seed, result in (results if isinstance(results, Mapping) else dict(enumerate(results))).items():
            write_member(path, f"seed-{seed}", seed, result, list(overrides), **more)
        return path

    return group


def compared(*names: str, metric: str | None = "val_accuracy", **options: Any) -> Comparison:
    groups = [find_group(name, Path("runs")) for name in names]
    return compare(groups, parse_metric(metric) if metric else None, **options)


def shifted(by: float, *, seeds: int = 8, wobble: float = 0.002) -> list[float]:
    """Accuracies that differ from ACCURACIES by about `by`."""
    return [round(value + by + wobble * (index % 3 - 1), 4) for index, value in enumerate(ACCURACIES[:seeds])]


def tuner(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return program.run("compare", *words, given={"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", **environment})


# ---- what is compared


def test_pairs_by_seed(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02), "optimizer.lr=3e-3")
    found = compared("a", "b")
    [only] = found.differences
    assert (only.verdict, only.pairs, only.p) == ("better", 8, 2 / 2**8)
    assert only.values == {
        (s,): pytest.approx(b - a) for s, (a, b) in enumerate(zip(ACCURACIES, shifted(0.02), strict=True))
    }
    assert found.notes == () and found.train == ()
    assert [side.name for side in found.sides] == ["a", "b"]
    assert conclusion(found) == f"b is better than a {HERE}: val_accuracy is 0.0197 higher (p 0.0078, 8 pairs)"


@pytest.mark.parametrize(
    ("metric", "expected", "verdict"),
    [
        ("val_accuracy", 0.9611, "better"),
        ("val_accuracy@last", 0.8611, "better"),
        ("val_accuracy@1", 0.7611, "better"),
        ("test_accuracy", 0.9511, "better"),
        ("val_loss", 1 - 0.9611, "better"),
        ("epochs(val_accuracy>=0.97)", None, "undecided"),
        ("epochs(val_accuracy>=0.5)", 1, "undecided"),
        ("parameters", 9610, "undecided"),
        ("seconds_per_epoch", 2, "undecided"),
    ],
)
def test_every_form_of_a_metric(make: Make, metric: str, expected: float | None, verdict: str) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02))
    found = compared("a", "b", metric=metric)
    assert found.sides[0].values.get((0,)) == (expected if expected is None else pytest.approx(expected))
    assert found.differences[0].verdict == verdict


def test_the_metric_is_the_monitor_by_default(make: Make) -> None:
    make("a", ACCURACIES, "training.monitor=val_accuracy")
    make("b", shifted(0.02), "training.monitor=val_accuracy", "optimizer.lr=3e-3")
    found = compared("a", "b", metric=None)
    assert (str(found.metric), found.direction) == ("val_accuracy", "up")
    make("c", ACCURACIES, "training.monitor=val_loss")
    with pytest.raises(UsageError, match="different monitors: a val_accuracy, c val_loss") as refused:
        compared("a", "b", "c", metric=None)
    assert "--metric val_accuracy or --metric val_loss" in refused.value.fix
    assert compared("a", "c").differences[0].pairs == 8


def test_seeds_without_a_pair_are_told_and_left_out(make: Make, text_of: Callable[..., str]) -> None:
    make("a", dict(enumerate([*ACCURACIES, "diverged"])) | {12: 0.9})
    make("b", dict(enumerate(shifted(0.02))) | {2: "diverged", 3: "stopped", 4: "running", 11: 0.9})
    found = compared("a", "b")
    assert found.sides[1].left_out == {
        (2,): "diverged",
        (3,): "stopped",
        (4,): "crashed",
        (8,): "not there",
        (12,): "not there",
    }
    assert found.sides[0].left_out == {(8,): "diverged", (11,): "not there"}
    assert list(found.differences[0].values) == [(seed,) for seed in (0, 1, 5, 6, 7)]
    lines = [line.split() for line in text_of(blocks(found)).splitlines()]
    assert lines[2:7] == [
        ["0", "0.9611", "0.9791", "+0.0180"],
        ["1", "0.9667", "0.9867", "+0.0200"],
        ["2", "0.9583", "diverged", "-"],
        ["3", "0.9639", "stopped", "-"],
        ["4", "0.9611", "crashed", "-"],
    ]
    assert found.as_data()["groups"]["b"]["seeds"]["2"] is None


def test_a_run_that_is_being_trained_is_left_out(make: Make) -> None:
    make("a", ACCURACIES)
    path = make("b", dict(enumerate(shifted(0.02))) | {1: "running"})
    program = (
        "import sys, pathlib\nfrom tuner.runs.lock import Lock\n"
        "with Lock(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(path / "seed-1")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        assert compared("a", "b").sides[1].left_out == {(1,): "running"}
    finally:
        holder.communicate()


def test_a_run_that_never_gets_there_is_left_out(make: Make) -> None:
    make("a", [0.95] * 8)
    make("b", [0.95] * 6 + [0.85, 0.85])
    found = compared("a", "b", metric="epochs(val_accuracy>=0.9)")
    assert found.sides[1].left_out == {(6,): "never", (7,): "never"}
    assert found.differences[0].pairs == 6
    assert "not equally far: b got there with 6 of 8 seeds, a with 8 of 8" in " ".join(found.notes)
    make("c", [0.85] * 8)
    none = compared("a", "c", metric="epochs(val_accuracy>=0.9)")
    assert (none.differences[0].pairs, none.differences[0].p, none.train) == (0, None, ())
    assert conclusion(none) == "c against a is undecided: 0 pairs, and 6 more are needed"
    assert json.dumps(none.as_data(), allow_nan=False)


def test_a_value_that_is_not_finite_is_left_out(make: Make) -> None:
    make("a", ACCURACIES)
    path = make("b", shifted(0.02))
    status = json.loads((path / "seed-1/status.json").read_text())
    run_files.write_status(path / "seed-1", status | {"best": status["best"] | {"val_accuracy": None}})
    run_files.write_status(path / "seed-2", status | {"best": status["best"] | {"val_accuracy": 1e300}})
    assert compared("a", "b").sides[1].left_out == {(1,): "no value", (2,): "not finite"}


def test_a_group_that_diverged_more_often_is_never_better(make: Make) -> None:
    make("a", [*ACCURACIES, 0.96])
    make("b", dict(enumerate([*shifted(0.02), "diverged"])))
    found = compared("a", "b")
    assert (found.differences[0].verdict, found.differences[0].reason) == ("undecided", "more diverged seeds")
    assert conclusion(found).endswith("but b diverged with 1 seed, a with 0")
    assert "not equally stable: b diverged with 1 of 9 seeds, a with 0 of 9" in found.notes
    assert compared("b", "a").differences[0].verdict == "undecided"
    make("c", dict(enumerate([*shifted(-0.02), "diverged"])))
    assert compared("a", "c").differences[0].verdict == "worse"


def test_a_single_run_is_a_group_of_one_seed(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02))
    found = compared("a", "b/seed-3")
    assert (found.differences[0].pairs, found.differences[0].low, found.sides[1].deviation) == (1, None, None)
    assert conclusion(found) == "seed-3 against a is undecided: 1 pair, and 5 more are needed"
    assert found.train == ("tuner train runs/b/seed-3/config.yaml --seeds 6 --runs-dir runs/b",)
    with pytest.raises(NotFoundError, match="share no seed: seed-2 has seed 2, seed-3 has seed 3"):
        compared("a/seed-2", "b/seed-3")


def test_groups_that_share_no_seed(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", {20: 0.9, 21: 0.9})
    with pytest.raises(NotFoundError, match=r"a and b share no seed: a has seeds 0, 1, 2, .*, b has seeds 20, 21"):
        compared("a", "b")


def test_groups_of_one_name_are_shown_by_their_path(make: Make) -> None:
    make("a", ACCURACIES)
    make("a", shifted(0.02), runs_dir="old")
    make("b", ACCURACIES)
    assert [side.name for side in compared("a", "old/a", "b").sides] == ["runs/a", "old/a", "b"]


def test_the_baseline(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02))
    make("c", shifted(-0.02))
    found = ask(["a", "b", "c"], Path("runs"), metric="val_accuracy", baseline="c").data
    assert list(found["groups"]) == ["c", "a", "b"]
    assert [each["verdict"] for each in found["differences"]] == ["better", "better"]
    assert list(ask(["a", "b"], Path("runs"), baseline="runs/b").data["groups"]) == ["b", "a"]
    assert list(ask(["a", "b"], Path("runs"), baseline="c").data["groups"]) == ["c", "a", "b"]


def test_copied_run_folders_compare_the_same(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.005))
    here = compared("a", "b").as_data()
    shutil.copytree("runs", "elsewhere/deep")
    shutil.rmtree("runs")
    there = compare([find_group(f"elsewhere/deep/{name}", Path("runs")) for name in "ab"], parse_metric("val_accuracy"))
    assert there.as_data()["differences"] == here["differences"]


def test_a_damaged_member_is_refused(make: Make) -> None:
    """Without it the verdict would be another; what the answer does not read is no matter."""
    make("a", ACCURACIES)
    path = make("b", shifted(0.02))
    (path / "seed-2/run.json").write_text("{")
    with pytest.raises(NotFoundError, match=r"seed-2/run.json is damaged") as refused:
        compared("a", "b")
    assert "remove runs/b/seed-2" in refused.value.fix
    shutil.rmtree(path / "seed-2")
    (path / "seed-3/metrics.csv").write_text("epoch,val_accuracy\n1,high\n")
    assert compared("a", "b").differences[0].pairs == 7
    with pytest.raises(NotFoundError, match=r"seed-3/metrics.csv is damaged: line 2") as refused:
        compared("a", "b", metric="epochs(val_accuracy>=0.9)")
    assert "remove runs/b/seed-3" in refused.value.fix
    (path / "seed-0/config.yaml").write_text("name: x\nseed: 0\n")
    for member in range(1, 8):
        shutil.rmtree(path / f"seed-{member}", ignore_errors=True)
    with pytest.raises(NotFoundError, match=r"seed-0/config.yaml is damaged: training.monitor is missing"):
        compared("a", "b", metric=None)


# ---- what is said beside


def test_notes_on_what_else_differs(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", ACCURACIES, device="cuda:0", device_model="NVIDIA H100", torch="2.11.0", data_fingerprint="e" * 64)
    make("c", ACCURACIES, "optimizer=sgd", "optimizer.momentum=0.9")
    make("d", ACCURACIES, "optimizer=sgd", "optimizer.lr=0.001", "model.hidden=[256]", "early_stopping.patience=3")
    found = compared("a", "b", "c", "d")
    assert found.notes == (
        "not everything else is equal: device cpu (a, c, d), cuda:0 (b); "
        "device model AMD EPYC (a, c, d), NVIDIA H100 (b); torch 2.10.0 (a, c, d), 2.11.0 (b); "
        "the data (another fingerprint)",
        "b has the same settings as a",
        "c differs from a in 2 settings (optimizer, optimizer.lr), so that a difference cannot be put down to one of "
        "them; `tuner diff runs/a runs/c` shows them",
        "d differs from a in 3 settings (model.hidden, optimizer, early_stopping), so that a difference cannot be "
        "put down to one of them; `tuner diff runs/a runs/d` shows them",
    )


def test_the_command_that_trains_what_is_missing(make: Make) -> None:
    make("a", dict.fromkeys(range(4), 0.9) | {4: "diverged", 5: "stopped"}, runs_dir="my runs")
    make("b", ACCURACIES[:4], runs_dir="my runs")
    Path("my runs/b/group.json").write_text("{}")
    found = compare([find_group(name, Path("my runs")) for name in "ab"], parse_metric("val_accuracy"))
    assert (found.differences[0].missing, found.differences[0].seeds) == (2, 7)
    heard = [
        subprocess.run(
            ["bash", "-c", f'tuner() {{ printf "%s|" "$@"; echo; }}\n{line}'], capture_output=True, text=True
        )
        for line in found.train
    ]
    own, made = ([line.split("|")[:-1] for line in each.stdout.splitlines()] for each in heard)
    config = "my runs/a/seed-0/config.yaml"
    assert own == [["train", config, f"seed={s}", "--run", f"seed-{s}", "--runs-dir", "my runs/a"] for s in (5, 6)]
    assert made == [["train", "my runs/b/seed-0/config.yaml", "--run", "b", "--seeds", "7", "--runs-dir", "my runs"]]


def test_words_for_an_interval_and_a_p_that_disagree(make: Make, text_of: Callable[..., str]) -> None:
    make("a", [0.9] * 8)
    make("b", [0.901] * 7 + [0.95], "optimizer.lr=0.1")
    text = text_of(blocks(compared("a", "b")))
    assert "the interval holds zero, but it is for normal differences; verdicts follow p\n" in text
    assert text.splitlines()[-1].startswith("b is better than a")
    make("c", [0.93] * 5 + [0.899, 0.9, 0.9], "optimizer.lr=0.2")
    text = text_of(blocks(compared("a", "c")))
    assert "the interval leaves zero out, but it is for normal differences; verdicts follow p\n" in text
    assert text.splitlines()[-1].startswith("c against a is undecided")
    small = text_of(blocks(compared("a", "b", least_effect=0.5)))
    assert "the difference is below the least effect of 0.5" in small


def test_csv_rounds_nothing(make: Make) -> None:
    make("a", [0.9] * 8)
    make("b", shifted(0.01))
    found = compared("a", "b")
    lines = csv_form.show(Answer([*blocks(found)], {})).splitlines()
    assert next(line for line in lines if line.startswith("sd,")).split(",")[-1] == repr(found.differences[0].deviation)


def test_how_many_more_seeds(make: Make, text_of: Callable[..., str]) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.0015, wobble=0.004))
    found = compared("a", "b")
    needed = found.differences[0].needed
    assert found.differences[0].reason == "may be chance" and needed is not None and needed > 8
    assert f"takes about {needed} pairs: {needed - 8} more seed" in text_of(blocks(found))


# ---- what is refused


def test_losses_that_are_not_the_same(make: Make) -> None:
    make("a", ACCURACIES)
    make("smooth", ACCURACIES, "loss.label_smoothing=0.1")
    make("mse", ACCURACIES, "loss=mse")
    make("raw", ACCURACIES, "loss=mse", "loss.outputs=raw")
    assert compared("a", "smooth", metric="val_loss").differences[0].pairs == 8
    assert compared("a", "mse", metric="val_accuracy").differences[0].pairs == 8
    for metric in ("val_loss", "test_loss", "train_loss", "val_loss@last", "epochs(val_loss<=0.5)", None):
        with pytest.raises(UsageError, match="not the same loss: cross_entropy in a, mse in mse") as refused:
            compared("a", "mse", metric=metric)
        assert "--metric " in refused.value.fix and "_accuracy" in refused.value.fix
    with pytest.raises(UsageError, match="outputs: softmax in mse, outputs: raw in raw"):
        compared("mse", "raw", metric="val_loss")
    with pytest.raises(UsageError, match=r"label_smoothing: 0.0 in a, label_smoothing: 0.1 in smooth"):
        compared("a", "smooth", metric="batch_loss")


def test_losses_of_targets_in_other_units(make: Make) -> None:
    regression = ["data=diabetes", "loss=mse"]
    make("a", ACCURACIES, *regression)
    make("b", ACCURACIES, *regression, "data.standardize_target=false")
    with pytest.raises(UsageError, match=r"data.standardize_target: true in a, data.standardize_target: false in b"):
        compared("a", "b", metric="val_loss")


@pytest.mark.parametrize(
    ("words", "options", "code", "said"),
    [
        (["a"], {}, 2, "2 to 20 groups, 1 given"),
        (["a"] * 21, {}, 2, "2 to 20 groups, 21 given"),
        (["a", "a"], {}, 2, "runs/a and runs/a hold the same run"),
        (["a", "a/seed-0"], {}, 2, "hold the same run: seed-0"),
        (["a", "nothing"], {}, 4, "there is no run nothing"),
        (["a", "b"], {"baseline": "nothing"}, 4, "there is no run nothing"),
        (["a", "b"], {"metric": "val_acc"}, 2, "no metric val_acc"),
        (["a", "b"], {"metric": "accuracy"}, 2, "no metric accuracy"),
        (["a", "b"], {"metric": "val_accuracy@99"}, 2, "no run of a has a value of val_accuracy@99"),
        (["a", "b"], {"metric": "epochs(val_accuracy)"}, 2, "no operator"),
        (["a", "b"], {"metric": "epochs(val_f1>=0.5)"}, 2, "no metric val_f1"),
        (["a", "b"], {"metric": ""}, 2, "is not a metric"),
        (["a", "b"], {"metric": "activation_std(hidden.3)@0"}, 4, "what was measured is missing"),
        (["a", "b"], {"metric": "val_accuracy@last", "direction": "down"}, 2, "up is better, not down"),
        (["a", "b"], {"metric": "epochs(test_accuracy>=0.1)"}, 2, "measured once, not epoch by epoch"),
        (["a", "b"], {"metric": "epochs(val_accuracy>=nan)"}, 2, "is not a number: nan"),
        (["a", "b"], {"metric": "step"}, 2, "not known which way is better for step"),
        (["a", "b"], {"metric": "step", "direction": "sideways"}, 2, "up or down, not sideways"),
        (["a", "b"], {"metric": "val_accuracy", "direction": "down"}, 2, "up is better, not down"),
        (["a", "b"], {"least_effect": 0.0}, 2, "a number above 0"),
        (["a", "b"], {"least_effect": float("nan")}, 2, "a number above 0"),
        (["a", "b"], {"fail_on": ["worse,bad"]}, 2, "bad is no verdict"),
        (["a", "b"], {"fail_on": [""]}, 2, "is no verdict"),
        (["a", "mixed"], {}, 4, "differ in more than their seed"),
    ],
)
def test_what_is_refused(make: Make, words: list[str], options: dict[str, Any], code: int, said: str) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02))
    make("mixed", ACCURACIES[:2])
    write_member(Path("runs/mixed"), "seed-5", 5, 0.9, ["optimizer.lr=1"])
    with pytest.raises(TunerError, match=re.escape(said)) as refused:
        ask(words, Path("runs"), **options)
    assert refused.value.exit_code == code


def test_a_direction_for_what_has_none(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02))
    assert compared("a", "b", metric="step", direction="up").direction == "up"
    assert compared("a", "b", metric="val_accuracy", direction="up").direction == "up"
    assert compared("a", "b", metric="parameters").direction == "down"


# ---- as a program


def test_exit_codes_and_streams(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(-0.02))
    make("same", ACCURACIES)
    quiet = tuner("a", "b", "same", "--metric", "val_accuracy", "-q", "--fail-on", "better, equivalent")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "b worse\nsame undecided\n", "")
    worse = tuner("a", "b", "--metric", "val_accuracy", "--fail-on", "worse")
    assert worse.returncode == 1
    assert worse.stdout.endswith(f"b is worse than a {HERE}: val_accuracy is 0.0202 lower (p 0.0078, 8 pairs)\n")
    assert worse.stderr.splitlines() == ["note: b has the same settings as a", "--fail-on worse: b is worse"]
    data = tuner("a", "same", "--json", "--fail-on", "worse", "--fail-on", "undecided")
    assert (data.returncode, data.stderr) == (1, "")
    told = json.loads(data.stdout)
    assert list(told)[:2] == ["metric", "baseline"] and told["notes"] == ["same has the same settings as a"]
    assert tuner("a", "nothing").returncode == 4
    refused = tuner("a", "b", "--metric", "val_acc", "--json")
    assert refused.returncode == 2 and json.loads(refused.stdout)["exit_code"] == 2
    assert tuner("a", "b", "--least-effect", "much").returncode == 2


def test_it_imports_neither_torch_nor_numpy(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(-0.02))
    program = (
        "import sys\nfrom tuner.cli import main\nsys.argv = ['tuner', 'compare', 'a', 'b', *sys.argv[1:]]\n"
        "try:\n    main()\nfinally:\n    print(sorted({'torch', 'numpy', 'matplotlib', 'rich'} & sys.modules.keys()))\n"
    )
    for more, loaded in (["-q"], "[]"), ([], "['rich']"):
        done = subprocess.run([sys.executable, "-c", program, *more], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.splitlines()[-1] == loaded


def test_the_shape_that_json_promises(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02))
    done = tuner("a", "b", "--metric", "val_accuracy", "--json")
    told = json.loads(done.stdout)
    assert (told["metric"], told["baseline"]) == ("val_accuracy", "a")
    assert told["groups"]["a"]["seeds"]["0"] == 0.9611
    assert told["groups"]["a"]["mean"] == pytest.approx(sum(ACCURACIES) / 8)
    [difference] = told["differences"]
    assert list(difference)[:7] == ["group", "pairs", "mean", "low", "high", "p", "verdict"]
    assert (difference["group"], difference["pairs"], difference["p"], difference["verdict"]) == (
        "b",
        8,
        2 / 2**8,
        "better",
    )
    assert difference["low"] < difference["mean"] < difference["high"]


# ---- golden


def golden(name: str, text: str, update: bool) -> None:
    file = CASES / name
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{text}\n")
    assert f"{text}\n" == file.read_text()


def several(make: Make) -> Comparison:
    make("base", dict(enumerate([*ACCURACIES, 0.9583, 0.9611])))
    make("dropout", dict(enumerate([*shifted(0.012), 0.97, 0.972])), "model.dropout=0.2")
    make("lr-0.1", dict(enumerate([*shifted(-0.4, wobble=0.05), "diverged", 0.41])), "optimizer.lr=0.1")
    make("batch-norm", dict(enumerate([*shifted(0.0005), 0.9583, "stopped"])), "model.batch_norm=true")
    make("few", dict(enumerate(ACCURACIES[:4])) | {3: 0.97, 40: 0.95}, "model.hidden=[64]")
    return compared("base", "dropout", "lr-0.1", "batch-norm", "few", least_effect=0.01)


def two(make: Make, by: float = 0.0008) -> Comparison:
    make("base", ACCURACIES)
    make("decay", shifted(by), "optimizer.weight_decay=1e-4")
    return compared("base", "decay")


def test_golden_texts(make: Make, text_of: Callable[..., str], update_golden: bool) -> None:
    golden("several.txt", text_of(blocks(several(make)), width=100), update_golden)
    shutil.rmtree("runs")
    golden("undecided.txt", text_of(blocks(two(make)), width=100), update_golden)
    shutil.rmtree("runs")
    golden("better.txt", text_of(blocks(two(make, 0.02)), width=100), update_golden)
    never = compared("base", "decay", metric="epochs(val_accuracy>=0.98)")
    golden("never.txt", text_of(blocks(never), width=100), update_golden)


def test_golden_markdown(make: Make, update_golden: bool) -> None:
    golden("several.md", md.show(Answer(list(blocks(several(make))), {})).removesuffix("\n"), update_golden)


def test_many_groups_stand_in_parts(make: Make, text_of: Callable[..., str]) -> None:
    names = [f"optimizer-{index:02}-of-many" for index in range(20)]
    for index, name in enumerate(names):
        make(name, ACCURACIES[:2], f"optimizer.lr={index + 1}e-4")
    found = compared(*names)
    for width, groups in ((40, 1), (70, 3), (100, 4), (200, 8)):
        lines = text_of(blocks(found), width=width).splitlines()  # which looks at the width of each line
        assert sum(line.startswith("seed") for line in lines) == -(-20 // groups)
        assert sum(line.startswith("sd") for line in lines) == -(-20 // groups)
        assert "undecided" in lines[-1]
    wide = text_of(blocks(found))
    assert sum(line.endswith("undecided") for line in wide.splitlines()) == 19 + 1
    assert all(name in wide for name in names) and "..." not in wide


def test_colour_adds_nothing_but_colour(make: Make, text_of: Callable[..., str]) -> None:
    found = several(make)
    painted = text_of(blocks(found), width=100, color=True)
    assert re.search(r"\x1b\[32mbetter *\x1b\[0m", painted)
    bare = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in painted.split("\n")]
    assert bare == text_of(blocks(found), width=100).split("\n")


def test_commands_can_be_typed(make: Make) -> None:
    make("a b", ACCURACIES[:3], runs_dir="my runs")
    make("b", ACCURACIES[:3], "model.dropout=0.1", "optimizer.lr=1", runs_dir="my runs")
    found = compare(
        [find_group(f"my runs/{name}", Path("runs")) for name in ("a b", "b")], parse_metric("val_accuracy")
    )
    [note] = found.notes
    assert shlex.split(note.split("`")[1]) == ["tuner", "diff", "my runs/a b", "my runs/b"]


# ---- splits and folds


def members(name: str, values: Mapping[Any, float], keys: list[str], *overrides: str) -> None:
    """A family whose members differ in these settings."""
    for place, found in values.items():
        here = [f"{key}={value}" for key, value in zip(keys, place, strict=True)]
        seed = place[keys.index("seed")] if "seed" in keys else 0
        write_member(Path("runs", name), "-".join(map(str, ("m", *place))), seed, found, [*overrides, *here])


SPLITS = ["data.split_seed", "seed"]


def test_splits_are_judged_by_the_corrected_t_test(
    make: Make, text_of: Callable[..., str], update_golden: bool
) -> None:
    make("none", [])
    others = shifted(0.004, wobble=0.006)
    members("base", {(at, at): value for at, value in enumerate(ACCURACIES)}, SPLITS)
    members("decay", {(at, at): value for at, value in enumerate(others)}, SPLITS, "model.dropout=0.5")
    found = compared("base", "decay")
    [only] = found.differences
    differences = np.subtract(others, ACCURACIES)
    t = differences.mean() / math.sqrt(differences.var(ddof=1) * (1 / 8 + 143 / 1294))
    assert only.p == pytest.approx(2 * stats.t.sf(t, 7)) and (only.pairs, only.least) == (8, 5)
    assert compared("base", "decay", metric="test_accuracy").differences[0].p == pytest.approx(
        2 * stats.t.sf(differences.mean() / math.sqrt(differences.var(ddof=1) * (1 / 8 + 360 / 1294)), 7)
    )
    golden("splits.txt", text_of(blocks(found), width=100), update_golden)
    assert (found.as_data()["test"], found.as_data()["holds"]) == ("corrected resampled t-test", None)
    members("few", {(at, at): 0.99 for at in range(4)}, SPLITS)
    few = compared("base", "few")
    assert conclusion(few) == "few against base is undecided: 4 splits, and 1 more is needed"
    assert "\na verdict takes 5 splits\n" in text_of(blocks(few))
    assert "for split in 4; do" in few.train[0] and "data.split_seed=$split seed=$split" in few.train[0]


def test_splits_of_a_source_with_a_test_part_are_judged_on_it_as_seeds_are(
    make: Make, text_of: Callable[..., str]
) -> None:
    """What is trained on is drawn anew for each, as the first weights are; what is tested on is the same."""
    make("none", [])
    others = shifted(0.004, wobble=0.006)
    for data in ("mnist", "digits"):
        members(f"{data}-a", {(at, at): value for at, value in enumerate(ACCURACIES)}, SPLITS, f"data={data}")
        members(f"{data}-b", {(at, at): value for at, value in enumerate(others)}, SPLITS, f"data={data}", "seed=1")
    found = compared("mnist-a", "mnist-b", metric="test_accuracy")
    [only] = found.differences
    differences = np.subtract(others, ACCURACIES)
    assert (only.p, only.least) == (sign_flip_p(list(differences)), 6)
    assert (found.holds, found.as_data()["test"]) == ("on this test set, 360 samples", "sign-flip test")
    assert "is undecided" in conclusion(found) or "on this test set, 360 samples: " in conclusion(found)
    assert found.notes[0].startswith("all splits are tested on the same samples, mnist's own test part")
    assert "interval: paired t; p: exact two-sided sign-flip test" in text_of(blocks(found))
    for metric in ("val_accuracy", "train_accuracy"):  # of samples that are drawn: the test part is not among them
        drawn = compared("mnist-a", "mnist-b", metric=metric)
        t = differences.mean() / math.sqrt(differences.var(ddof=1) * (1 / 8 + 143 / 1294))
        assert drawn.holds == ""
        assert drawn.differences[0].p == pytest.approx(2 * stats.t.sf(t, 7))
    assert compared("digits-a", "digits-b", metric="test_accuracy").holds == ""


def test_the_seeds_of_a_fold_are_one_number(make: Make) -> None:
    make("none", [])
    keys, values = ["data.fold.index", "seed"], dict(enumerate(shifted(0.02, wobble=0.006)))
    for name, by in (("a", 0.0), ("b", 0.02)):
        known = {(fold, seed): ACCURACIES[fold] + by * values[fold + seed] for fold in range(5) for seed in range(3)}
        members(name, known, keys, "data.fold.of=5", f"model.dropout={by}")
    shutil.rmtree("runs/b/m-4-2")
    found = compared("a", "b")
    [only] = found.differences
    by_fold = [
        np.mean([only.values[fold, seed] for seed in range(3) if (fold, seed) in only.values]) for fold in range(5)
    ]
    error = math.sqrt(np.var(by_fold, ddof=1) * (1 / 5 + 143 / 1294))
    assert only.pairs == 5 and len(only.values) == 14 and only.mean == pytest.approx(np.mean(by_fold))
    assert only.p == pytest.approx(2 * stats.t.sf(np.mean(by_fold) / error, 4), abs=1e-12)
    assert conclusion(found).startswith("b is better than a: val_accuracy is") and conclusion(found).endswith(
        "5 folds)"
    )


def test_seeds_of_an_older_tuner_hold_on_a_split_of_unknown_size(make: Make) -> None:
    make("a", ACCURACIES)
    make("b", shifted(0.02))
    assert compared("a", "b", metric="test_accuracy").holds == "on this split, 360 test samples"
    assert compared("a", "b", metric="train_accuracy").holds == "on this split"
    assert compared("a", "b", metric="parameters").holds == ""
    for file in Path("runs").glob("*/*/data.json"):
        file.unlink()
    assert conclusion(compared("a", "b")).startswith("b is better than a on this split: val_accuracy is")


# ---- ideas and data sets


def ideas(make: Make) -> list[str]:
    """Three ideas on three data sets, one of which the last one lacks."""
    effects = {"digits": (0.0, 0.01), "wine": (-0.05, -0.03), "iris": (-0.02, 0.0005)}
    for data, (level, effect) in effects.items():
        values = shifted(level)
        make(f"base-{data}", [*values, *values[:2]], f"data={data}")
        make(f"sgd-{data}", [*shifted(level + effect, wobble=0.003), *values[:2]], f"data={data}", "optimizer=sgd")
        if data != "iris":
            others = dict(enumerate([*shifted(level + 0.02), 0.9, "diverged"]))
            make(f"dropout-{data}", others, f"data={data}", "model.dropout=0.2")
    return [path.name for path in sorted(Path("runs").glob("*-*"))]


def table(*names: str, metric: str = "val_accuracy", **options: Any) -> Ideas:
    return compare_ideas([find_group(name, Path("runs")) for name in names], parse_metric(metric), **options)


def test_golden_table(make: Make, text_of: Callable[..., str], update_golden: bool) -> None:
    found = table(*ideas(make))
    golden("ideas.txt", text_of(table_blocks(found), width=100), update_golden)
    shown = latex.show(Answer(list(table_blocks(found)), {}))
    golden("ideas.tex", shown.removesuffix("\n"), update_golden)


def test_a_table_is_corrected_as_a_whole(make: Make) -> None:
    found = table(*ideas(make))
    names = [side.name for side in found.comparison.sides]
    assert found.ideas == ("baseline", "model.dropout: 0.2", "optimizer: sgd")
    assert found.data == ("digits", "iris", "wine")
    assert names[:2] == ["baseline on digits", "model.dropout: 0.2 on digits"] and len(names) == 8
    differences = found.comparison.differences
    assert all(each.base.name == f"baseline on {each.side.name.split()[-1]}" for each in differences)
    assert len(differences) == 5
    assert [each.p for each in differences] == holm([each.p_alone or 1.0 for each in differences])
    alone = compared("base-digits", "dropout-digits", "sgd-digits").differences
    here = [each for each in differences if each.side.name.endswith("digits")]
    assert [each.p_alone for each in alone] == [each.p_alone for each in here]
    assert {each.least for each in differences} == {8}


def test_each_data_set_of_a_table_has_the_test_that_its_test_part_asks_for(
    make: Make, text_of: Callable[..., str]
) -> None:
    make("none", [])
    names = [f"{idea}-{data}" for data in ("mnist", "digits") for idea in ("base", "sgd")]
    for name in names:
        idea, data = name.split("-")
        values = {(at, at): value + 0.001 * (idea == "sgd") * (at % 3) for at, value in enumerate(ACCURACIES)}
        members(name, values, SPLITS, f"data={data}", *["optimizer=sgd"] * (idea == "sgd"))
    found = table(*names, metric="test_accuracy")
    for name, each in zip(("mnist", "digits"), found.comparison.differences, strict=True):
        assert each.p_alone == compared(f"base-{name}", f"sgd-{name}", metric="test_accuracy").differences[0].p_alone
    said = text_of(table_blocks(found))
    assert "sign-flip test; where the test part is drawn, interval and p: corrected resampled t-test (360 " in said


def test_ranks_are_those_of_scipy_over_the_data_sets_that_all_have(make: Make) -> None:
    for data, levels in {"digits": (0.9, 0.9, 0.8), "wine": (0.7, 0.8, 0.75), "iris": (0.9, 0.1)}.items():
        for idea, level in enumerate(levels):
            make(f"{data}-{idea}", [level] * 6, f"data={data}", f"optimizer.lr={idea + 1}e-3")
    found = table(*(path.name for path in sorted(Path("runs").glob("*-*"))))
    ranks = [stats.rankdata([-0.9, -0.9, -0.8]), stats.rankdata([-0.7, -0.8, -0.75])]
    assert list(found.ranks.values()) == pytest.approx(np.mean(ranks, axis=0))
    assert (found.ranked, found.missing) == (["digits", "wine"], ["optimizer.lr: 0.003 on iris"])
    assert list(table("digits-0", "digits-2", metric="val_loss").ranks.values()) == [1, 2]
    make("digits-4", {0: "diverged"}, "data=digits", "model.dropout=0.5")
    without = table("digits-0", "digits-1", "digits-4")
    assert (without.ranked, without.ranks, without.missing) == ([], {}, [])


def test_what_ideas_are_called(make: Make) -> None:
    make("a", ACCURACIES, "data=digits", "name=plain")
    make("b", ACCURACIES, "data=digits", "data.normalize=minmax", "name=minmax")
    make("c", ACCURACIES, "data=wine", "name=plain", "data.validation=0.2")
    make("d", ACCURACIES, "data=wine", "data.normalize=minmax", "name=minmax", "data.validation=0.2")
    assert table(*"abcd").ideas == ("plain", "minmax")
    make("e", ACCURACIES, "data=wine", "data.validation=0.2", "model.dropout=0.5", "name=plain")
    assert table(*"abcde").ideas == ("baseline", "data.normalize: minmax", "model.dropout: 0.5")
    make("f", ACCURACIES, "data=digits", "optimizer=sgd", "optimizer.lr=0.1")
    make("g", ACCURACIES, "data=digits", "optimizer=sgd", "optimizer.lr=0.2")
    _, first, second = table("a", "f", "g").ideas
    assert first != second and "lr: 0.1" in first and "lr: 0.2" in second
    with pytest.raises(UsageError, match="are the same idea on digits: baseline"):
        make("again", ACCURACIES, "data=digits", "name=other")
        table("a", "b", "again")
    with pytest.raises(UsageError, match="on no data set is there another idea beside plain"):
        table("a", "c")


def test_a_table_as_a_program(make: Make) -> None:
    names = ideas(make)
    refused = tuner(*names, "--metric", "val_accuracy")
    assert refused.returncode == 2 and "on different data: base-digits digits, base-iris iris" in refused.stderr
    assert "--by data" in refused.stderr
    assert tuner(*names, "--by", "model").returncode == 2
    words = [*names, "--metric", "val_accuracy", "--by", "data"]
    gate = tuner(*words, "--fail-on", "worse", "-q", "--baseline", "sgd-wine")
    assert (gate.returncode, gate.stdout.count("worse\n"), gate.stdout.count("\n")) == (1, 1, 5)
    assert "optimizer: adam on digits worse\n" in gate.stdout
    told = json.loads(tuner(*words, "--json").stdout)
    assert (told["by"], told["baseline"], told["missing"]) == ("data", "baseline", ["model.dropout: 0.2 on iris"])
    assert told["ideas"]["model.dropout: 0.2"] == {each: f"model.dropout: 0.2 on {each}" for each in ("digits", "wine")}
    assert told["groups"]["optimizer: sgd on wine"]["path"] == "runs/sgd-wine"
    cells = list(csv.DictReader(tuner(*words, "--csv").stdout.splitlines()[1:]))
    mean, spread = re.findall(r"[0-9.]{6,}", cells[2]["wine"])
    side = told["groups"]["optimizer: sgd on wine"]
    assert (float(mean), float(spread)) == (side["mean"], side["sd"])


def test_a_table_takes_more_than_twenty_groups(make: Make) -> None:
    for index in range(11):
        for data in ("digits", "wine"):
            make(f"{data}-{index}", ACCURACIES[:2], f"data={data}", f"optimizer.lr={index + 1}e-3")
    assert len(table(*(path.name for path in Path("runs").glob("*-*"))).comparison.differences) == 20
