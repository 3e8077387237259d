"""`tuner sweep` on the command line: what it says, its exit codes, how it stops and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import program
import pytest

from tuner.runs.folder import read
from tuner.runs.lock import holder

CONFIG = "data: {name: digits, limit: 200}\nmodel: {name: mlp, hidden: [8]}\ntraining: {epochs: 3}\n"
GRID = ("--grid", "lr=1e-3,1e-2", "--grid", "dropout=0,0.3")
COMMAND = """
import sys
sys.argv = ["tuner", *sys.argv[1:]]
from tuner.cli import main
try:
    main()
finally:
    print("torch" in sys.modules, "rich" in sys.modules, file=sys.stderr)
"""


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`tuner sweep` with these words; the last line of stderr tells whether this process imported torch and rich."""
    if not (folder / "my.yaml").exists():
        (folder / "my.yaml").write_text(CONFIG)
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1"}
    return subprocess.run([sys.executable, "-c", COMMAND, "sweep", *words], cwd=folder, capture_output=True, text=True,
                          env=environment, timeout=300)  # fmt: skip


def test_a_grid_the_best_confirmed_and_its_config(workplace: Any) -> None:
    folder = workplace.folder
    small = "sweep.confirm={top: 1, seeds: 6}"
    first = command(folder, "my.yaml", *GRID, small, "--write", "best.yaml")
    assert (first.returncode, first.stderr.splitlines()[-1]) == (0, "False False"), first.stderr
    lines = first.stderr.splitlines()
    assert lines[0].startswith("plan    4 trials, 12 epochs, then 12 trainings of 3 epochs to confirm; ")
    assert lines[1] == "sweep   runs/my-1, 4 trials by grid"
    heads = next(line for line in lines if line.startswith("trial")).split()
    assert heads == ["trial", "state", "epochs", "optimizer.lr", "model.dropout", "val_loss", "best"]
    [verdict] = [line for line in lines if line.startswith("verdict")]
    assert "trial 2: optimizer.lr=0.01 model.dropout=0" in verdict
    assert "is better on this split, 359 test samples: test_loss" in verdict
    assert first.stdout == "runs/my-1/confirm-0002\n"
    assert (
        "# tuner sweep: my-1, trial 2: optimizer.lr=0.01 model.dropout=0\n# trial 2: "
        in (folder / "best.yaml").read_text()
    )
    assert lines[-2] == "next    tuner train best.yaml"

    quiet = command(folder, "my.yaml", *GRID, small, "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "runs/my-1/confirm-0002\n", "False False\n")
    told = command(folder, "runs/my-1", "--json")
    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert [event["event"] for event in events] == ["start", "end"]
    assert events[-1]["best"]["overrides"] == ["optimizer.lr=0.01", "model.dropout=0"]
    assert (events[-1]["verdict"]["winner"], events[-1]["verdict"]["verdict"]) == (2, "better")
    assert events[-1]["trials"] == {"finished": 4}
    again = command(folder, "my.yaml", *GRID, small, "--write", "best.yaml")
    assert (again.returncode, again.stdout) == (0, first.stdout)
    (folder / "mine.yaml").write_text("data: digits\n")
    mine = command(folder, "my.yaml", *GRID, small, "--write", "mine.yaml")
    assert (mine.returncode, "mine.yaml" in mine.stderr) == (2, True)


def test_nothing_beats_a_config_that_is_as_good(workplace: Any) -> None:
    told = command(
        workplace.folder, "my.yaml", "--grid", "optimizer.eps=1e-8,1.1e-8", "sweep.confirm={top: 1, seeds: 6}"
    )
    assert told.returncode == 0
    [verdict] = [line for line in told.stderr.splitlines() if line.startswith("verdict")]
    assert verdict.startswith("verdict nothing beats the config as it is")
    assert told.stdout == "runs/my-1/confirm-base\n"
    folder = workplace.folder  # and so it is for who is asked about the sweep
    assert program.run("diff", "my.yaml", "my-1", "--as-args", cwd=folder).stdout == ""
    assert program.run("diagnose", "my-1", "-q", cwd=folder).stdout.split()[-1] == "runs/my-1/confirm-base"
    assert program.run("early-stop", "my-1", "-q", cwd=folder).stdout.split()[-1] == "runs/my-1/confirm-base/seed-6"
    apart = program.run("diff", "my-1", "--as-args", cwd=folder)
    assert ("optimizer.eps=" in apart.stdout, "nothing beats A" in apart.stderr) == (True, True)


def test_a_dry_run_says_what_would_be_trained_and_leaves_nothing(workplace: Any) -> None:
    told = command(workplace.folder, "my.yaml", "--space", "lr=1e-4..1e-1 log", "--trials", "40", "--dry-run", "--json")
    data = json.loads(told.stdout)
    assert (data["trials"], data["epochs"], data["confirming"], len(data["next"])) == (40, 120, 32, 8)
    assert told.stderr == "False False\n"
    assert not (workplace.folder / "runs").exists()
    words = command(workplace.folder, "my.yaml", *GRID, "--dry-run")
    assert words.stdout.splitlines()[1] == "trial 1: optimizer.lr=0.001 model.dropout=0.3"
    assert words.stderr.startswith("dry run nothing is trained; 4 trials, 12 epochs, then 32 trainings of 3 epochs")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "sweep.space: there is nothing to search"),
        (
            ("--grid", "lr=0.1,fast"),
            "--grid lr: sweep.space.optimizer.lr: expected a number in (0, 3e+38], got the text fast",
        ),
        (("--grid", "lr"), "--grid lr is no setting with values"),
        (
            ("--grid", "lr=1e-4..1e-1"),
            "--space lr=1e-4..1e-1 draws from it, with --trials 40; points=5 behind it",
        ),
        (("lr=1e-4,1e-3",), "try: --grid lr=1e-4,1e-3 to search them"),
        (("optimizer=adam,sgd",), "try: adam, or --grid optimizer=adam,sgd to search them"),
        (("model.hidden=[[8],[16]]",), "--grid 'model.hidden=[[8],[16]]' to search them"),
        (("lr=1e-4..1e-3 log",), "try: --space 'lr=1e-4..1e-3 log' to search them"),
        (("--grid", "lr=0.1,0.2", "lr=0.1"), "--grid lr: sweep.space.optimizer.lr: optimizer.lr cannot be searched"),
        (
            ("--space", "optimizer=adam,sgd", "--space", "optimizer.momentum=0..0.9"),
            "try: --space 'optimizer=adam, {name: sgd, momentum: {low: 0, high: 0.9}}'\n1 error",
        ),
        (("--space", "lr=1e-4..x"), "--space lr=1e-4..x is no range"),
        (("--space", "lr=1e-4..1 log"), "--space lr: sweep.trials: it is not said how many configs are to be trained"),
        (
            ("--grid", "lr=0.1,0.2", "--space", "optimizer.lr=1e-4..1"),
            "optimizer.lr is searched twice on the command line",
        ),
        (
            ("--space", "lr=1e-4..1 log", "--trials", "4", "sweep.generation=8"),
            "4 trials are too few for a generation of 8",
        ),
        (("--grid", "lr=0.1,0.2", "--metric", "val_r2"), "--metric: sweep.metric: val_r2 cannot be searched for"),
        (
            ("--grid", "lr=0.1,0.2", "--planner", "bayes"),
            "--planner: sweep.planner: expected one of auto, grid, random, tpe",
        ),
        (("--grid", "lr=0.1,0.2", "--retry", "all"), "--retry takes failed, not all"),
        (("--grid", "lr=0.1,0.2", "--trials", "3", "--planner", "grid"), "a grid trains all its 2 points"),
        (
            ("--grid", f"lr={','.join(map(str, range(1, 1001)))}", "--space", "batch_size=1..1000 points=1000"),
            "these are 1,000,000 trials",
        ),
    ],
)
def test_bad_input_is_exit_2_and_nothing_is_trained(workplace: Any, words: tuple[str, ...], said: str) -> None:
    told = command(workplace.folder, "my.yaml", *words)
    assert (told.returncode, said in told.stderr, told.stdout) == (2, True, ""), told.stderr
    assert told.stderr.splitlines()[-1] == "False False"
    assert not (workplace.folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "trials"),
    [
        (("--grid", "model.hidden=[[8],[16]]"), ["'model.hidden=[8]'", "'model.hidden=[16]'"]),
        (("--grid", "model.hidden=[8],[16]"), ["'model.hidden=[8]'", "'model.hidden=[16]'"]),
        (("--grid", "model.hidden=[8, 16]"), ["'model.hidden=[8, 16]'"]),
        (("--grid", "lr=[0.1, 0.2]"), ["optimizer.lr=0.1", "optimizer.lr=0.2"]),
        (("--grid", "optimizer=[adam, {name: sgd}]"), ["optimizer=adam", "'optimizer={name: sgd}'"]),
        (("--space", "lr={low: 1, high: 3, points: 2}"), ["optimizer.lr=1.0", "optimizer.lr=3.0"]),
        (("--space", " lr = 1e-3 .. 1e-1   log  points = 3 "), [f"optimizer.lr={lr}" for lr in (0.001, 0.01, 0.1)]),
    ],
)
def test_values_are_taken_in_each_spelling(workplace: Any, words: tuple[str, ...], trials: list[str]) -> None:
    told = command(workplace.folder, "my.yaml", *words, "--dry-run")
    assert [line.partition(": ")[2] for line in told.stdout.splitlines()] == trials, told.stderr


def test_a_setting_on_the_command_line_takes_the_place_of_the_files_space(workplace: Any) -> None:
    folder = workplace.folder
    (folder / "my.yaml").write_text(
        f"{CONFIG}sweep: {{confirm: none, space: {{lr: [0.01, 0.1], dropout: [0, 0.1]}}}}\n"
    )
    told = command(folder, "my.yaml", "dropout=0", "--dry-run")
    assert [line.partition(": ")[2] for line in told.stdout.splitlines()] == ["optimizer.lr=0.01", "optimizer.lr=0.1"]
    note = "sweep.space.model.dropout (my.yaml:4) falls away: the command line sets it (override: dropout=0)"
    assert note in told.stderr
    assert command(folder, "my.yaml", "-q").returncode == 0
    for other in (("my.yaml", "dropout=0"), ("runs/my-1", "dropout=0")):  # dropout is 0 in the config, too
        refused = command(folder, *other)
        assert (refused.returncode, "my-1 searches another space: model.dropout: [0, 0.1]" in refused.stderr) == (
            2,
            True,
        )
    again = command(folder, "my.yaml", "dropout=0", "--again")
    assert (again.returncode, note in again.stderr) == (0, True), again.stderr
    assert len(list((folder / "runs" / "my-2").glob("trial-*"))) == 2


def test_a_folder_goes_on_as_itself_and_what_to_type_for_another_is_told(workplace: Any) -> None:
    folder = workplace.folder
    small = ("my.yaml", "--grid", "lr=0.1,0.2", "sweep.confirm=none", "training.epochs=1", "-q")
    assert command(folder, *small).returncode == 0
    for named in ("runs/my-1", "my-1"):
        told = command(folder, named, "--run", "other", "--dry-run")
        said = "error: runs/my-1 is a sweep, which goes on as itself: --run names another\n"
        fix = "tuner sweep runs/my-1/config.yaml --run other begins another of its config.\n"
        assert (told.returncode, told.stderr.startswith(said + fix)) == (2, True), told.stderr
    assert command(folder, "runs/my-1/config.yaml", "--run", "other", "-q").returncode == 0
    assert command(folder, "runs/my-1", "--again", "-q").returncode == 0
    assert command(folder, "runs/my-1/config.yaml", "-q").returncode == 0  # its own: it goes on
    assert sorted(path.name for path in (folder / "runs").iterdir() if path.is_dir()) == ["my-1", "my-2", "other"]


OPTIONS = {
    "--grid": "lr", "--space": "lr=1..x", "--trials": "many", "--planner": "bayes", "--metric": "val_r2",
    "--run": "a/b", "--retry": "all", "--budget": "2x", "--max-time": "soon", "--write": "none/best.yaml",
    "--wait": "2x",
}  # fmt: skip
"""For each option a value that it does not take."""


@pytest.mark.parametrize("option", OPTIONS)
def test_no_option_is_read_when_the_folder_is_there_already(
    workplace: Any, say: Any, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """Also a dry run refuses what the training will refuse."""
    (workplace.folder / "my.yaml").write_text(CONFIG)
    monkeypatch.chdir(workplace.folder)
    for dry in ((), ("--dry-run",)):
        code, out, err = say("sweep", "my.yaml", *GRID, option, OPTIONS[option], *dry)
        assert (code, out, OPTIONS[option].split("/")[0] in err) == (2, "", True), err
        assert not (workplace.folder / "runs").exists()


def test_every_option_with_a_value_is_tried() -> None:
    from tuner.cli.sweep import Options

    taking = {f"--{field.name.replace('_', '-')}" for field in fields(Options) if field.type.find("bool") < 0}
    assert {*taking, "--wait"} == set(OPTIONS)


def test_train_says_that_a_sweep_is_none_of_its_business(workplace: Any) -> None:
    (workplace.folder / "my.yaml").write_text(f"{CONFIG}sweep: {{space: {{lr: [0.1, 0.2]}}}}\n")
    told, good = (
        subprocess.run(
            [sys.executable, "-m", "tuner", word, "my.yaml"], cwd=workplace.folder, capture_output=True, text=True
        )
        for word in ("train", "check")
    )
    assert told.returncode == 2
    assert told.stderr.startswith(
        "my.yaml:4:8: sweep: sweep is no setting of a run: it says what `tuner sweep` searches"
    )
    assert "type `tuner sweep` instead of `tuner train`" in told.stderr
    assert (good.returncode, good.stdout.startswith("my.yaml is good")) == (0, True)


def test_a_signal_saves_and_the_same_command_goes_on(workplace: Any) -> None:
    folder: Path = workplace.folder
    words = ("my.yaml", *GRID, "training.epochs=500", "checkpoint.every=20", "sweep.confirm=none", "-q")
    (folder / "my.yaml").write_text(CONFIG)
    process = subprocess.Popen([sys.executable, "-m", "tuner", "sweep", *words], cwd=folder, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    trial, deadline = folder / "runs" / "my-1" / "trial-0000", time.monotonic() + 120
    while not (trial / "metrics.csv").exists() or (trial / "metrics.csv").read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=120)
    assert (process.returncode, said, errors) == (-signal.SIGTERM, "runs/my-1\n", "")
    assert holder(trial) is None
    epochs = len(read(trial).rows)
    assert (read(trial).state, 0 < epochs < 500) == ("stopped", True)
    done = command(folder, *words)
    assert (done.returncode, done.stdout.startswith("runs/my-1/trial-000")) == (0, True)
    assert [len(read(path).rows) for path in sorted((folder / "runs" / "my-1").glob("trial-*"))] == [500] * 4


def test_a_budget_that_is_too_small_for_one_trial_says_so(workplace: Any) -> None:
    words = ("my.yaml", "--space", "lr=1e-4..1e-1 log", "--budget", "1s", "sweep.confirm=none")
    told = command(workplace.folder, *words)
    assert (told.returncode, told.stdout) == (1, "runs/my-1\n")
    assert "end     no trial ended within the budget" in told.stderr
    [said] = [line for line in told.stderr.splitlines() if line.startswith("next")]
    shown = program.run("show", "my-1", "--json", cwd=workplace.folder).stdout
    assert said.split("next")[1].strip() == json.loads(shown)["next"]
    assert command(workplace.folder, *words[:-2], "0s").returncode == 2


def test_a_dry_run_of_a_sweep_that_is_there_says_what_comes_next(workplace: Any) -> None:
    """The points that tpe chooses near the best: which way is better counts."""
    words = ["my.yaml", "--space", "lr=1e-4..1e-1 log", "sweep.confirm=none", "sweep.generation=4", "training.epochs=1"]
    assert command(workplace.folder, *words, "--trials", "8", "-q").returncode == 0
    told = json.loads(command(workplace.folder, *words, "--trials", "12", "--dry-run", "--json").stdout)
    assert command(workplace.folder, *words, "--trials", "12", "-q").returncode == 0
    trials = json.loads((workplace.folder / "runs/my-1/sweep.json").read_text())["trials"]
    assert told["next"] == [trials[str(number)]["overrides"] for number in range(8, 12)]
