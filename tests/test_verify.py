"""`tuner diagnose --verify`, `--rounds` and `--probe`: changes are chosen, judged with seeds, and told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import program
import pytest

from tuner import train
from tuner.answer import Command, Table, Verdict
from tuner.asks.diagnose import of_group
from tuner.asks.diagnose.active import active_tests
from tuner.cli.verifying import Trainings, exit_code_of
from tuner.config.load import load
from tuner.config.varied import SEEDS
from tuner.diagnosis import Diagnosis
from tuner.errors import NotFoundError, UsageError
from tuner.events import Failed
from tuner.members import Executor, train_whole
from tuner.members.opening import open_group
from tuner.opening import Request
from tuner.rules import Finding
from tuner.runs.family import find_group, read_group
from tuner.runs.folder import folders_in, glance, members, runs_in
from tuner.stopping import Stop, StoppedError, StopRequests
from tuner.verifying.candidates import MOST, Base, candidates_of, judged_metric
from tuner.verifying.crew import Crew
from tuner.verifying.judged import FIRST, NO_HELP, PAIRS
from tuner.verifying.rounds import Chain, called, judge, verify
from tuner.verifying.screening import epochs_of, screen
from tuner.verifying.telling import as_data, blocks, result

SLOW: dict[str, Any] = {
    "data": {"name": "digits", "limit": 200},
    "model": {"hidden": [16]},
    "optimizer": {"name": "sgd", "lr": 1e-4},
    "training": {"epochs": 4, "batch_size": 32, "threads": 1},
    "checkpoint": {"every": 1000},
}
"""Two faults, one behind the other: its steps are too short, and then there are too few of them."""
GOOD = ["optimizer.lr=0.2", "training.epochs=30"]


@pytest.mark.parametrize(
    ("path", "name"),
    [("slow-1", "slow-1"), ("group-1/seed-2", "group-1-seed-2"), ("wide-1/trial-0003", "wide-1-trial-0003"),
     ("wide-1/confirm-0003/seed-1", "wide-1-confirm-0003-seed-1")],
)  # fmt: skip
def test_trainings_are_called_after_all_that_a_run_lies_in(tmp_path: Path, path: str, name: str) -> None:
    (tmp_path / path).mkdir(parents=True)
    for file in ("group-1/group.json", "wide-1/sweep.json", "wide-1/confirm-0003/group.json"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("{}")
    assert called(tmp_path / path) == name


@pytest.fixture
def runs(workplace: Any) -> Path:
    found: Path = workplace.runs
    return found


def crew_in(runs: Path, executor: Executor, stop: StopRequests | None = None) -> Crew:
    trainings = Trainings(stop or StopRequests(), executor, None)
    return Crew(runs, ("tuner", "diagnose"), trainings.tell, trainings.family, trainings.alone)


def made(runs: Path, name: str, *overrides: str, config: dict[str, Any] = SLOW) -> Path:
    return train(config, overrides, runs, run=name).path


def verified(runs: Path, name: str, executor: Executor, rounds: int = 1) -> Chain:
    return verify(find_group(name, runs), rounds, crew_in(runs, executor))


def written(runs: Path) -> dict[Path, int]:
    """When each file was written last."""
    return {path: path.stat().st_mtime_ns for path in runs.rglob("*") if path.name != "lock"}


def tuner(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return program.run(*words, cwd=cwd, given={"NO_COLOR": "1", "COLUMNS": "100"})


# ---- a run with two faults -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, executor: Executor) -> Iterator[tuple[Path, Chain]]:
    memory = "/dev/shm"  # noqa: S108 - as for `workplace`
    place = Path(tempfile.mkdtemp(dir=memory)) if os.access(memory, os.W_OK) else tmp_path_factory.mktemp("chain")
    runs = place / "runs"
    made(runs, "slow")
    yield runs, verified(runs, "slow", executor, rounds=2)
    shutil.rmtree(place)


def test_a_learning_rate_is_repaired_and_the_repair_verified(chain: tuple[Path, Chain]) -> None:
    _, found = chain
    first = found.rounds[0]
    judged, chosen = first.judged, first.chosen
    assert judged is not None
    assert chosen is not None
    assert chosen.rule == "learning-rate-too-low"
    assert first.verdict == "better"
    assert judged.difference.pairs == PAIRS
    assert judged.difference.p == 2 / 2**PAIRS, "all pairs are better"
    assert (judged.difference.low or 0) > 0
    assert judged.base.runs.keys() == judged.changed.runs.keys() == {(seed,) for seed in range(1, PAIRS + 1)}, (
        "the seed that the change was chosen with does not judge it"
    )
    assert "is better than" in judged.words
    best = max(first.trials, key=lambda trial: trial.value or 0)
    assert best.candidate is chosen


def test_changes_are_tried_for_a_quarter_of_the_epochs(chain: tuple[Path, Chain]) -> None:
    runs, found = chain
    first = found.rounds[0]
    assert 2 <= len(first.trials) <= MOST
    before = glance(runs / "slow").rows[:1]
    for trial in first.trials:
        run = glance(trial.path)
        assert trial.path.name.startswith("slow-try-")
        assert (len(run.rows), run.config["training"]["epochs"]) == (1, 4), "schedules read all of the epochs"
        assert run.about["seed"] == 0
        assert trial.base_value in [row["val_accuracy"] for row in before]


def test_test_data_are_left_alone(chain: tuple[Path, Chain]) -> None:
    runs, _ = chain
    folders = [path for path in folders_in(runs) if path.name != "slow"]
    trained = [*runs_in(runs), *(member for folder in folders for member in members(folder))]
    others = [glance(path) for path in trained if path.name != "slow"]
    assert len(others) > 2 * PAIRS
    assert [run.path for run in others if run.status["test"] or "diagnose" not in run.config["tags"]] == []


def test_what_helped_is_diagnosed_anew(chain: tuple[Path, Chain]) -> None:
    _, found = chain
    first, second = found.rounds
    assert first.judged is not None
    assert second.judged is not None
    assert second.path == first.judged.changed.path
    assert second.judged.base.path == first.judged.changed.path, "the group is there already"
    assert second.chosen is not None
    assert found.base.changes == (first.chosen and first.chosen.change, second.chosen.change)
    assert second.verdict == "better"
    assert all(len(glance(each.path).rows) > 1 for each in second.trials), "a quarter tells nothing of more epochs"


def test_what_is_told(chain: tuple[Path, Chain]) -> None:
    runs, found = chain
    told = list(blocks(found))
    assert isinstance(told[-1], Command)
    assert told[-1].text.startswith(f"tuner train {runs / 'slow'} optimizer.lr=")
    steps = [block for block in told if isinstance(block, Table)][-1]
    assert [row[0] for row in steps.rows] == [1, 2]
    assert [block.text for block in told if isinstance(block, Verdict)] == [found.rounds[1].judged.words]  # type: ignore[union-attr]
    lines = result(found).splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["better", each.chosen.rule] for each in found.rounds if each.chosen
    ]
    data = json.loads(json.dumps(as_data(found)))
    assert [each["verdict"] for each in data["rounds"]] == ["better", "better"]
    assert data["rounds"][0]["pairs"] == PAIRS
    assert data["next"] == told[-1].text


def test_the_same_command_trains_nothing_again(chain: tuple[Path, Chain], executor: Executor) -> None:
    runs, found = chain
    before = written(runs)
    again = verified(runs, "slow", executor, rounds=2)
    assert as_data(again) == as_data(found)
    assert written(runs) == before


def test_the_command_prints_the_verdict_and_writes_the_config(chain: tuple[Path, Chain]) -> None:
    runs, found = chain
    file = runs.parent / "better.yaml"
    done = tuner("diagnose", "slow", "--verify", "--rounds", "2", "-q", "--write", str(file), cwd=runs.parent)
    assert (done.stdout, done.returncode) == (result(found), 0), done.stderr
    assert load(str(file)).hash == found.base.load().hash
    again = tuner("diagnose", "slow", "--verify", "--rounds", "2", "-q", "--write", str(file), cwd=runs.parent)
    assert (again.stdout, again.returncode) == (done.stdout, 0), again.stderr  # the same command goes on
    file.write_text("name: mine\n")
    refused = tuner("diagnose", "slow", "--verify", "--write", str(file), cwd=runs.parent)
    assert (refused.returncode, "is there already" in refused.stderr) == (2, True)


# ---- other ends ------------------------------------------------------------------------------------------------------


def test_a_healthy_run_has_nothing_to_verify(runs: Path, executor: Executor) -> None:
    made(runs, "good", *GOOD)
    before = written(runs)
    found = verified(runs, "good", executor)
    assert (found.rounds, found.last.outcome.stage) == ([], "healthy")
    assert written(runs) == before


def test_a_change_that_is_behind_after_three_pairs_is_given_up(runs: Path, executor: Executor) -> None:
    base = Base(str(made(runs, "good", *GOOD[:1], "training.epochs=3") / "config.yaml"), "good")
    judged = judge(base, {"optimizer.lr": 1e-6}, "val_accuracy", 0, crew_in(runs, executor))
    assert judged.verdict == NO_HELP
    assert "not higher" in judged.words
    assert [len(read_group(each.path).runs) for each in (judged.base, judged.changed)] == [FIRST, FIRST]
    assert (judged.difference.mean or 0) < 0


def test_a_run_that_diverges_is_judged_by_which_runs_finish(runs: Path, executor: Executor) -> None:
    made(runs, "wild", "optimizer.lr=1e12", "training.epochs=4")
    [only] = verified(runs, "wild", executor).rounds
    assert only.judged is not None
    assert only.judged.by_finishing
    assert only.verdict == "better"
    assert f"finishes with {PAIRS} of {PAIRS} seeds" in only.judged.words
    assert {run.state for run in only.judged.base.runs.values()} == {"diverged"}


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_group_that_is_there_is_used_where_it_is_whole_and_never_grows(
    is_whole: bool, runs: Path, tmp_path: Path, executor: Executor
) -> None:
    made(runs, "slow", "name=mine", "training.epochs=4")
    source = str(runs / "slow" / "config.yaml")
    keys = [(seed,) for seed in range(PAIRS + 1 if is_whole else 2)]
    session = open_group(source, (), load(source), SEEDS, keys, Request(runs))
    for _ in train_whole(session, StopRequests(), executor):
        pass
    before = written(runs)
    crew = crew_in(runs, executor)
    judged = judge(Base(source, "slow"), {"optimizer.lr": 0.05}, "val_accuracy", 0, crew)
    assert judged.base.path.name == ("mine-1" if is_whole else "slow-base-1")
    assert read_group(runs / "mine-1").runs.keys() == set(keys)
    after = written(runs)
    assert [path for path in before if path.suffix == ".csv" and before[path] != after[path]] == []


def test_a_stop_keeps_what_was_trained(runs: Path, executor: Executor) -> None:
    made(runs, "wild", "optimizer.lr=1e12", "training.epochs=4")
    stop = StopRequests()
    crew = crew_in(runs, executor, stop)

    def stopped_after(session: Any) -> Path:
        path = crew.family(session)
        stop.ask(Stop("--max-time"))
        return path

    with pytest.raises(StoppedError):
        verify(find_group("wild", runs), 1, replace(crew, family=stopped_after))
    names = [path.name for path in folders_in(runs)]
    assert "wild-base-1" in names
    assert "wild-changed-1" not in names
    before = written(runs)
    verified(runs, "wild", executor)
    after = written(runs)
    assert [path for path in before if path.name == "metrics.csv" and after[path] != before[path]] == []
    assert (runs / "wild-changed-1").is_dir()


def test_the_command_stops_in_time_and_says_what_it_will_cost(runs: Path) -> None:
    made(runs, "slow")
    done = tuner("diagnose", "slow", "--verify", "--max-time", "0s", cwd=runs.parent)
    assert done.returncode == 75
    first, *_, last = done.stderr.splitlines()
    assert "trainings of up to 1 epoch to choose a change, then 6 to 16 of 4 epochs" in first
    assert last.endswith("the same command goes on with runs/slow")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rounds", "2"], "--rounds goes together with --verify"),
        (["--max-time", "1m"], "--max-time goes together with"),
        (["--verify", "other"], "of one run"),
        (["--verify", "--rounds", "9"], "--rounds"),
    ],
)
def test_options_that_do_not_fit(words: list[str], says: str, tmp_path: Path) -> None:
    done = tuner("diagnose", "run", *words, cwd=tmp_path)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr


# ---- what a change is judged on --------------------------------------------------------------------------------------


def test_without_validation_data_nothing_is_judged(runs: Path, executor: Executor) -> None:
    made(runs, "slow", "data.validation=0", "training.monitor=train_loss")
    with pytest.raises(UsageError, match="no validation data"):
        verified(runs, "slow", executor)


def test_data_that_are_gone_are_told(runs: Path, tmp_path: Path, executor: Executor) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b,y\n" + "".join(f"{row},{row % 7},{'no' if row < 60 else 'yes'}\n" for row in range(120)))
    data = {"name": "table", "path": str(table), "target": "y"}
    made(runs, "mine", config={**SLOW, "data": data})
    table.unlink()
    with pytest.raises(NotFoundError):
        verified(runs, "mine", executor)
    assert [path.name for path in folders_in(runs)] == ["mine"]


def test_which_changes_are_tried(runs: Path) -> None:
    path = made(runs, "slow", "training.epochs=2")
    base = Base(str(path / "config.yaml"), "slow")
    _, _, diagnosis, _ = of_group(find_group("slow", runs))

    def found(*findings: Finding) -> Diagnosis:
        return replace(diagnosis, findings=findings)

    first = Finding("learning-rate-too-low", 0.9, "", (), [{"optimizer.lr": 0.1}, {"optimizer.lr": 1e-4}, {"seed": 7}])
    leak = Finding("leakage", 0.8, "", (), [{"data.duplicates": "together"}])
    odd = Finding("overfitting", 0.7, "", (), [{"model.dropout": 2}])
    later = Finding(
        "too-few-epochs", 0.6, "", (), [{"training.epochs": 9}, {"training.epochs": 99}, {"training.epochs": 98}]
    )
    stop = Finding("needs-early-stopping", 0.6, "", (), [{"early_stopping": {"patience": 5}}])
    chosen, notes = candidates_of(base, found(first, leak, stop, odd, later))
    assert [each.words for each in chosen] == [
        "optimizer.lr=0.1", "training.epochs=9", "optimizer.lr=0.1 training.epochs=9", "seed=7"
    ], "what the config has already is no change"  # fmt: skip
    assert [note.partition(" is not tried")[0] for note in notes] == [
        "data.duplicates=together", "early_stopping={patience: 5}", "model.dropout=2"
    ]  # fmt: skip
    many = replace(first, changes=[{"optimizer.lr": float(lr)} for lr in range(1, 9)])
    assert len(candidates_of(base, found(many))[0]) == MOST
    assert candidates_of(base, found()) == ([], [])


def test_a_quarter_of_the_epochs_unless_their_number_is_changed(runs: Path) -> None:
    path = made(runs, "slow", "training.epochs=2")
    base = Base(str(path / "config.yaml"), "slow", ({"training.epochs": 40},))
    _, _, diagnosis, _ = of_group(find_group("slow", runs))

    def epochs(*changes: dict[str, Any]) -> int:
        finding = Finding("overfitting", 0.9, "", (), changes)
        return epochs_of(base, candidates_of(base, replace(diagnosis, findings=[finding]))[0])

    assert epochs({"optimizer.lr": 0.1}, {"model.dropout": 0.5}) == 10
    assert epochs({"optimizer.lr": 0.1}, {"training.epochs": 60}) == 60
    assert epochs({"early_stopping": {"patience": 5}, "optimizer.lr": 0.1}) == 40
    assert epochs({"scheduler": "cosine"}) == 40


def test_no_loss_judges(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"

    def metric(text: str, *findings: Finding) -> str:
        file.write_text(text)
        return judged_metric(load(str(file)), findings)

    imbalance = Finding("class-imbalance", 0.9, "", ())
    assert metric("{data: iris}") == "val_accuracy"
    assert metric("{data: iris}", imbalance) == "val_balanced_accuracy"
    assert metric("{data: diabetes, loss: mse}") == "val_r2"


# ---- what could not be trained ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [2, 4, 5, 70, 73])
def test_what_another_process_could_not_train_ends_with_its_exit_code(code: int) -> None:
    error = Failed("no room", "make some", code).as_error("seed-1 could not be trained")
    assert (error.exit_code, error.message, error.fix) == (code, "seed-1 could not be trained: no room", "make some")


def test_a_bug_in_one_candidates_training_is_told_at_the_end(chain: tuple[Path, Chain], executor: Executor) -> None:
    """The others are tried and judged, and the command ends with 70."""
    runs, found = chain[0], chain[1]
    [first, *others] = found.rounds[0].trials
    failing = replace(found, rounds=[replace(found.rounds[0], trials=[replace(first, is_bug=True), *others])])
    assert [exit_code_of(each) for each in (found, failing)] == [0, 70]
    crew = crew_in(runs, executor)

    def alone(asked: Sequence[Any], words: Mapping[str, str], epochs: int) -> dict[str, Failed]:
        bug = {asked[0].path.name: Failed("a crash report", "", 70)}
        return bug | crew.alone(asked[1:], words, epochs)

    run, _, diagnosis, _ = of_group(find_group("slow", runs))
    base = Base(str(run.path / "config.yaml"), "again")
    candidates, _ = candidates_of(base, diagnosis)
    trials = screen(base, run, candidates, "val_accuracy", replace(crew, alone=alone))
    assert [trial.is_bug for trial in trials] == [True] + [False] * (len(trials) - 1)
    assert len(trials) > 1


# ---- active tests ----------------------------------------------------------------------------------------------------


def test_the_active_tests_are_a_section(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path, told = made(runs, "slow"), list[str]()
    before = written(runs)
    table, found = active_tests(glance(path), told.append, told.append)
    assert told[1:] == list(found) == ["range_test", "one_batch", "controls", "initializers"]
    assert [row[1] for row in table.rows] == [each["reading"] for each in found.values()]
    assert written(runs) == before
    done = tuner("diagnose", "slow", "--probe", "--md", cwd=runs.parent)
    assert done.returncode == 0, done.stderr
    assert "probes: all are known from before" in done.stderr, "the command, in another process, made them again"
    assert done.stdout.index("Active tests") < done.stdout.index("tuner train")
    assert tuner("diagnose", "slow", "--probe", "--max-time", "0s", "-q", cwd=runs.parent).returncode == 75


def test_a_diagnosis_alone_needs_no_tensors(runs: Path, write_run: Callable[..., Path]) -> None:
    write_run(runs / "one", [{"epoch": 1, "train_accuracy": 0.5, "val_accuracy": 0.5, "val_loss": 1.0}])
    said = "import sys; sys.argv = ['tuner', 'diagnose', 'one']; from tuner.cli.commands import run; run(); "
    heavy = "print(sorted({'torch', 'tuner.members', 'tuner.verifying'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", said + heavy], cwd=runs.parent, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
