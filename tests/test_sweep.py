"""Sweeps: what is trained, in what order, whatever happens to them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sweeping import SWEEP, Here, left, searching, sweep

from tuner.config.load import load
from tuner.config.sweep import load_search
from tuner.errors import BUG, STOPPED, ConfigError, NotFoundError, UsageError
from tuner.events import Ended, EpochDone, Failed, SweepBegun, TrialEnded, TrialTold
from tuner.members import staying, train_alone
from tuner.opening import Request
from tuner.runs.folder import read
from tuner.runs.lock import Lock, holder, is_seen_by_others
from tuner.runs.sweep import read_sweep
from tuner.runs.trials import read_trials
from tuner.stopping import Stop, StopRequests
from tuner.sweep.coming import coming
from tuner.sweep.ledger import Ledger
from tuner.sweep.opening import open_sweep
from tuner.sweep.planner import next_generation
from tuner.sweep.search import Searching

GRID = """
data: {name: digits, limit: 100}
model: {name: mlp, hidden: [4]}
training: {epochs: 2}
sweep: {space: {optimizer.lr: [0.1, 0.01, 0.001]}, confirm: none}
"""


def written(workplace: Any, text: str = GRID) -> Path:
    file: Path = workplace.folder / "c.yaml"
    file.write_text(text)
    return file


def states(found: Any) -> list[str]:
    return [each.state for each in found.ledger.progress.values()]


# ---- killed, shared --------------------------------------------------------------------------------------------------


def killed(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    program = Path(__file__).parent / "bench" / "sweeping.py"
    done = subprocess.run(
        [sys.executable, str(program), str(folder), str(kills), str(seed)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timers that end a process")
def test_killed_at_twenty_moments_and_shared_by_two_a_sweep_leaves_the_same_bytes(workplace: Any) -> None:
    found = killed(workplace.folder, kills=20, seed=0)
    ends, results = found["ends"], found["left"]
    assert (ends["whole"], ends["two"], ends["killed"][-1]) == ([0], [0, 0], 0)
    assert ends["killed"].count(signal.SIGALRM) >= 10  # it was in fact killed, most of the times
    digests, trials = results["whole"]
    assert results["killed"] == [digests, trials]
    assert results["two"] == [digests, trials]
    assert len(trials) == 12
    assert {trial["state"] for trial in trials.values()} == {"finished", "pruned"}
    finished = {number for number, trial in trials.items() if trial["state"] == "finished"}
    weights = {
        name.split("/")[0] for name in digests if name.startswith("trial-") and name.endswith("best.safetensors")
    }
    assert (len(finished), len(weights)) == (2, 2)
    confirmed = {name.split("/")[0] for name in digests if name.startswith("confirm-")}
    best = Ledger.read(workplace.folder / "whole" / "c-1").best(1)
    assert confirmed == {"confirm-base", f"confirm-{best[0]:04d}"}


# ---- one after the other ---------------------------------------------------------------------------------------------


def test_the_same_again_trains_nothing_and_more_trials_are_added_never_more_than_asked(workplace: Any) -> None:
    file = written(workplace, SWEEP)
    first, events = sweep(file, workplace.runs, "sweep.trials=6", "sweep.confirm=none")
    assert isinstance(events[0], SweepBegun)
    assert sorted(event.number for event in events if isinstance(event, TrialEnded)) == list(range(6))
    before = left(first.ledger.path)
    again, events = sweep(file, workplace.runs, "sweep.trials=6", "sweep.confirm=none")
    assert not [event for event in events if isinstance(event, TrialTold | TrialEnded)]
    assert (again.ledger.path, left(again.ledger.path)) == (first.ledger.path, before)
    more, _ = sweep(file, workplace.runs, "sweep.trials=12", "sweep.confirm=none")
    assert (more.ledger.path, len(more.ledger.progress)) == (first.ledger.path, 12)
    digests, trials = left(more.ledger.path)
    assert {number: trials[number] for number in before[1]} == before[1]
    assert before[0].items() - digests.items() <= {each for each in before[0].items() if "safetensors" in each[0]}
    whole, _ = sweep(file, workplace.folder / "other", "sweep.trials=12", "sweep.confirm=none")
    assert left(whole.ledger.path) == (digests, trials)


def test_what_is_planned_beyond_the_trials_that_are_asked_for_is_left_alone(workplace: Any) -> None:
    text = GRID.replace("[0.1, 0.01, 0.001]", "{low: 0.001, high: 0.1}")
    file = written(workplace, text.replace("confirm: none", "planner: random, generation: 6, confirm: none"))
    stopped = searching(file, workplace.runs, "sweep.trials=6")
    for event in stopped.course():
        if isinstance(event, TrialTold) and isinstance(event.event, Ended):
            stopped.stop.ask(Stop("--max-time"))
    found, _ = sweep(file, workplace.runs, "sweep.trials=2")
    assert len(found.ledger.head.trials) == 6
    begun = [number for number, trial in found.ledger.head.trials.items() if trial.run is not None]
    assert begun == [0, 1]
    told = read_trials(found.ledger.path)
    assert (told.is_over, told.confirming) == (True, (0, 0))
    whole, _ = sweep(file, workplace.runs, "sweep.trials=6")
    assert all(each.state for each in whole.ledger.progress.values())


def test_a_trial_is_the_run_that_train_makes_of_its_overrides(workplace: Any) -> None:
    file = written(workplace)
    found, _ = sweep(file, workplace.runs)
    trial = found.ledger.head.trials[1]
    assert trial.overrides == ("optimizer.lr=0.01",)
    alone = workplace.train(GRID.replace("sweep:", "tags: []\n#"), *trial.overrides, "training.test=ask")
    for name in ("metrics.csv", "best.safetensors"):
        assert (trial.path / name).read_bytes() == (alone.run / name).read_bytes()
    run = read(trial.path)
    assert "sweep" not in run.config
    assert run.origins["optimizer.lr"] == "c-1/trial-0001"
    assert not run.status["test"]  # no trial touches test data


def test_another_space_is_refused_and_extended_on_request(workplace: Any) -> None:
    file = written(workplace)
    first, _ = sweep(file, workplace.runs)
    wider = "sweep.space.optimizer.lr=[0.01, 0.03, 0.1, 0.3]"
    with pytest.raises(UsageError, match=r"searches another space: optimizer.lr: \[0.1, 0.01, 0.001\] there") as raised:
        searching(file, workplace.runs, wider)
    assert "--extend" in raised.value.fix
    with pytest.raises(UsageError, match=r"planner\.seed: 0 there, 1 here"):
        searching(file, workplace.runs, "sweep.seed=1", extend=True)
    assert len(list(workplace.runs.iterdir())) == 1
    before = left(first.ledger.path)[1]
    more, _ = sweep(file, workplace.runs, wider, extend=True)
    trials = left(more.ledger.path)[1]
    assert {number: trials[number] for number in before} == before
    assert [trial["overrides"] for trial in trials.values()][3:] == [["optimizer.lr=0.03"], ["optimizer.lr=0.3"]]
    assert [(number, space["optimizer.lr"]) for number, space in read_sweep(more.ledger.path).spaces] == [
        (3, [0.1, 0.01, 0.001])
    ]
    again, events = sweep(file, workplace.runs, wider)
    assert (again.ledger.path, [event for event in events if isinstance(event, TrialEnded)]) == (first.ledger.path, [])


EXTENSIONS = [
    ("model.activation=[tanh, relu]", 3),  # those that are there are of relu
    ("model.activation=[relu]", 0),
    ("model.activation=[tanh]", 3),
    ("model.activation=[rectifier, tanh]", 3),
    ("optimizer=[{name: adam}, {name: sgd, momentum: {low: 0.5, high: 0.9, points: 2}}]", 6),
    ("model.dropout={low: 0, high: 0.5, points: 2}", 3),
    ("model.dropout={low: 0.1, high: 0.5, points: 2}", 6),
]


@pytest.mark.parametrize(("more", "new"), EXTENSIONS, ids=[more for more, _ in EXTENSIONS])
def test_a_config_that_was_trained_in_another_space_is_not_trained_again(workplace: Any, more: str, new: int) -> None:
    file = written(workplace)
    sweep(file, workplace.runs)
    wider = f"sweep.space.{more}"
    said = coming(searching(file, workplace.runs, wider, extend=True).session, searching(file, workplace.runs).ledger)
    found, events = sweep(file, workplace.runs, wider, extend=True)
    trials, key = read_sweep(found.ledger.path).trials, more.partition("=")[0]
    made = {load(str(file), trial.overrides).hash for trial in trials.values()}
    assert (len(said.trials or []), len(trials), len(made)) == (new, 3 + new, 3 + new)
    assert sum(isinstance(event, TrialEnded) for event in events) == new
    space = found.search.space
    assert sum(space.has(trial.values) for trial in trials.values()) == space.size
    assert all(key in trial.values for trial in trials.values() if space.has(trial.values))
    assert read_trials(found.ledger.path).is_over


OTHER_POINTS = [
    ("optimizer.lr=[0.009, 0.01, 0.001]", 1),  # before those that are there
    ("optimizer=[{name: sgd, momentum: 0.9}, adam]", 1),  # called like one of another momentum
    ("optimizer=[sgd, {name: sgd, momentum: {low: 0.25, high: 0.75, points: 3}}]", 3),
]


@pytest.mark.parametrize(("after", "new"), OTHER_POINTS, ids=[after for after, _ in OTHER_POINTS])
def test_what_was_never_trained_is_whatever_else_it_is_called(workplace: Any, after: str, new: int) -> None:
    key = after.partition("=")[0]
    before = {"optimizer.lr": "[0.1, 0.01, 0.001]", "optimizer": "[adam, {name: sgd, momentum: 0.5}]"}[key]
    file = written(workplace, GRID.replace("optimizer.lr: [0.1, 0.01, 0.001]", f"{key}: {before}"))
    first, _ = sweep(file, workplace.runs)
    found, events = sweep(file, workplace.runs, f"sweep.space.{after}", extend=True)
    trials = read_sweep(found.ledger.path).trials
    made = [load(str(file), trial.overrides).hash for trial in trials.values()]
    assert len(set(made)) == len(made) == len(first.ledger.progress) + new
    space = found.search.space
    wanted = {load(str(file), space.overrides(space.nth(at))).hash for at in range(space.size or 0)}
    assert wanted <= set(made)
    assert len([trial for trial in trials.values() if space.has(trial.values)]) == len(wanted)
    assert read_trials(found.ledger.path).is_over
    assert [event for event in events if isinstance(event, Ended)][-1].status["exit_code"] == 0


def test_a_setting_that_is_no_longer_searched_keeps_what_trials_had_of_it(workplace: Any) -> None:
    file = written(workplace, GRID.replace("[0.1, 0.01, 0.001]", "[0.1, 0.01], model.dropout: [0, 0.3]"))
    first, _ = sweep(file, workplace.runs)
    before = {number: dict(trial.values) for number, trial in first.ledger.head.trials.items()}
    narrower = written(workplace, GRID)
    found, _ = sweep(narrower, workplace.runs, extend=True)
    after = read_sweep(found.ledger.path).trials
    assert [after[number].had["model.dropout"] for number in before] == [
        each["model.dropout"] for each in before.values()
    ]
    assert (len(after), read_trials(found.ledger.path).is_over) == (5, True)
    again, _ = sweep(file, workplace.runs, extend=True)
    assert len(again.ledger.head.trials) == 5


def test_the_folder_of_a_sweep_goes_on_with_the_configs_of_its_file(workplace: Any) -> None:
    text = GRID.replace("[0.1, 0.01, 0.001]", "[0.1]").replace("optimizer.lr: [0.1]", "optimizer: [sgd, adam, rmsprop]")
    file = written(workplace, f"{text}optimizer: sgd\n")
    found, _ = sweep(file, workplace.runs)
    path = found.ledger.path
    for trial in found.ledger.head.trials.values():
        whole = load(str(path / "config.yaml"), (*trial.overrides, "training.test=ask"))
        assert whole.hash == read(trial.path).identity.config_hash, trial.overrides
    more = "sweep.space.optimizer=[sgd, adam, rmsprop, adamw]"
    sweep(path / "config.yaml", workplace.runs, more, extend=True, run_name=path.name)
    assert (
        read(path / "trial-0003").config["optimizer"]["lr"] == load(str(file), ["optimizer=adamw"]).config.optimizer.lr
    )


TABLE = """
data: {name: table, path: t.csv, target: kind, columns: {size: number, hue: category}, drop: [note]}
model: {hidden: [4], embeddings: piecewise_linear}
early_stopping: {}
loss: {name: cross_entropy, class_weights: balanced}
optimizer: {name: adamw, lr_factors: {bias: 2.0}}
training: {epochs: 2, gradient_clip: null}
"""
CONFIGS = Path(__file__).parent.parent / "configs"
SHIPPED = sorted(each.name for each in CONFIGS.glob("*.yaml") if each.stem != "table" and "mnist" not in each.stem)


@pytest.mark.parametrize("config", ["own", *SHIPPED])
def test_the_config_in_a_sweeps_folder_is_the_one_that_it_began_with(workplace: Any, config: str) -> None:
    file = workplace.folder / "own.yaml"
    file.write_text(TABLE if config == "own" else f"extends: {CONFIGS / config}\n")
    (workplace.folder / "t.csv").write_text(
        "size,hue,note,kind\n" + "".join(f"{i},{i % 2},x{i},{'abc'[i % 3]}\n" for i in range(30))
    )
    for override in ((), ("optimizer=sgd",), ("early_stopping=none",), ("model.dropout=0.1", "optimizer.lr=0.01")):
        space = "sweep.space.model.initializer=[he_normal, glorot_normal]"
        loaded, search = load_search(str(file), (*override, space), {})
        request = Request(workplace.runs, "-".join(("c", *map(str, range(len(override))))))
        session = open_sweep(str(file), override, {}, loaded, search, request)
        (workplace.folder / "folder.yaml").write_bytes(session.config_file())
        assert load(str(workplace.folder / "folder.yaml"), ()).hash == loaded.hash, override


def test_points_that_cannot_be_trained_are_drawn_anew_while_there_are_others(workplace: Any) -> None:
    space = "space: {optimizer.lr: [0.1, 0.001], scheduler: [none, {name: cosine, min_lr: 0.01}]}, planner: random"
    text = GRID.replace("space: {optimizer.lr: [0.1, 0.01, 0.001]}", f"{space}, trials: 3")
    for seed in range(4):
        found, _ = sweep(written(workplace, text), workplace.runs / str(seed), f"sweep.seed={seed}")
        assert states(found) == ["finished"] * 3
    found, _ = sweep(written(workplace, text), workplace.runs / "all", "sweep.trials=4")
    assert sorted(states(found)) == ["failed", "finished", "finished", "finished"]


def test_a_space_that_another_command_extended_ends_this_one(workplace: Any) -> None:
    file = written(workplace, GRID.replace("confirm: none", "planner: random, trials: 12, confirm: none"))
    file.write_text(file.read_text().replace("[0.1, 0.01, 0.001]", "{low: 0.001, high: 0.1}"))
    one = searching(file, workplace.runs)
    course = one.course()
    for event in course:
        if isinstance(event, TrialEnded):
            break
    other = searching(file, workplace.runs, "sweep.space.optimizer.lr={low: 0.2, high: 0.3}", extend=True)
    with other.ledger.writing():
        other.take_up(retry=False)
    *_, ended = course
    assert ended == Ended(one.ledger.path, {"exit_code": STOPPED})
    assert one.stop.asked is not None
    assert "another command extended the space" in one.stop.asked.reason
    head = read_sweep(one.ledger.path)
    assert all(trial.values["optimizer.lr"] < 0.2 for trial in head.trials.values())
    whole, _ = sweep(file, workplace.runs, "sweep.space.optimizer.lr={low: 0.2, high: 0.3}")
    assert states(whole) == ["finished"] * 12


def test_a_failed_trial_comes_again_only_when_asked(workplace: Any) -> None:
    file = written(workplace)
    found = searching(file, workplace.runs)
    (found.ledger.path / "trial-0001").write_text("in the way")
    events = list(found.course())
    assert states(found) == ["finished", "failed", "finished"]
    [ended] = [event for event in events if isinstance(event, TrialEnded) and event.state == "failed"]
    assert (ended.number, "trial-0001" in ended.reason) == (1, True)
    assert events[-1] == Ended(found.ledger.path, {"exit_code": 0})
    (found.ledger.path / "trial-0001").unlink()
    again, events = sweep(file, workplace.runs)
    assert (states(again)[1], [event for event in events if isinstance(event, TrialTold)]) == ("failed", [])
    retried, _ = sweep(file, workplace.runs, retry=True)
    assert states(retried) == ["finished"] * 3
    whole, _ = sweep(file, workplace.folder / "other")
    assert left(retried.ledger.path) == left(whole.ledger.path)


def test_a_trial_that_diverges_is_one_word_and_no_failure(workplace: Any) -> None:
    file = written(workplace, GRID.replace("0.1, 0.01", "3e38, 0.01").replace("space: {", "space: {optimizer: [sgd], "))
    found, events = sweep(file, workplace.runs)
    assert states(found) == ["diverged", "finished", "finished"]
    assert events[-1].status["exit_code"] == 0
    assert found.ledger.best()[-1] != 0


def test_settings_that_exclude_each_other_only_together_fail_as_one_trial_and_all_of_them_are_refused(
    workplace: Any,
) -> None:
    space = "space: {optimizer.lr: [0.1, 0.001], scheduler: [none, {name: cosine, min_lr: 0.01}]}"
    file = written(workplace, GRID.replace("space: {optimizer.lr: [0.1, 0.01, 0.001]}", space))
    found, _ = sweep(file, workplace.runs)
    assert states(found) == ["finished", "finished", "finished", "failed"]
    assert "the learning rate would rise" in found.ledger.head.trials[3].reason
    with pytest.raises(ConfigError, match="1 error") as raised:
        sweep(
            written(workplace, file.read_text().replace("0.1, 0.001", "0.002, 0.001").replace("none, {", "{")),
            workplace.runs,
        )
    assert "the learning rate would rise" in raised.value.faults[0].message


def test_stopped_it_goes_on_and_a_trial_keeps_its_epochs(workplace: Any) -> None:
    file, stop = written(workplace, GRID.replace("epochs: 2", "epochs: 5")), StopRequests()
    found = searching(file, workplace.runs, stop=stop)
    events = []
    for event in found.course():
        events.append(event)
        if isinstance(event, TrialTold) and isinstance(event.event, EpochDone):
            stop.ask(Stop("enough"))
    assert events[-1] == Ended(found.ledger.path, {"exit_code": 75})
    assert [
        (trial.state_of(trial.run), trial.run and len(trial.run.rows)) for trial in found.ledger.head.trials.values()
    ][:1] in ([("stopped", 1)], [("stopped", 2)])
    again, _ = sweep(file, workplace.runs)
    whole, _ = sweep(file, workplace.folder / "other")
    assert left(again.ledger.path) == left(whole.ledger.path)


def test_a_trial_of_another_identity_or_a_damaged_ledger_is_told(workplace: Any) -> None:
    file = written(workplace)
    found, _ = sweep(file, workplace.runs)
    ledger = found.ledger.path / "sweep.json"
    text = ledger.read_text()
    told = json.loads(text)
    told["identity"]["torch"] = "1.0"
    ledger.write_text(json.dumps(told))
    another = searching(file, workplace.runs)
    assert another.ledger.path.name == "c-2"
    said = f"was begun under another identity: torch 1.0 there, {found.session.identity.torch} here"
    assert another.session.notes == (f"c-1 {said}; this is a new sweep",)
    shutil.rmtree(another.ledger.path)
    with pytest.raises(NotFoundError, match=re.escape(said)):
        searching(file, workplace.runs, run_name="c-1")
    for damage in (
        "{",
        text.replace('"trials"', '"trails"'),
        text.replace('"epochs"', '"epoks"'),
        text.replace('"0":', '"7":'),
    ):
        ledger.write_text(damage)
        with pytest.raises(NotFoundError, match=r"sweep\.json is damaged"):
            searching(file, workplace.runs)


def test_only_the_best_keep_their_weights(workplace: Any) -> None:
    file = written(workplace, GRID.replace("confirm: none", "confirm: none, keep: 1"))
    found, _ = sweep(file, workplace.runs)
    best = found.ledger.best(1)
    kept = [path.parent.name for path in found.ledger.path.glob("trial-*/best.safetensors")]
    assert kept == [f"trial-{best[0]:04d}"]
    for trial in found.ledger.head.trials.values():
        run = trial.run
        assert run is not None
        assert (run.state, len(run.rows)) == ("finished", 2)
        assert (trial.path / "checkpoints").exists() == (trial.number == best[0])


def test_when_there_is_time_for_no_more_what_is_trained_counts(workplace: Any) -> None:
    space = "space: {optimizer.lr: {low: 1e-4, high: 0.1, log: true}}, planner: random, generation: 2"
    file = written(workplace, GRID.replace("space: {optimizer.lr: [0.1, 0.01, 0.001]}", space))
    found = searching(file, workplace.runs)
    found.enough = lambda: len(found.ledger.best()) >= 3
    found.ledger.clock = lambda: 7.0
    events = list(found.course())
    assert events[-1] == Ended(found.ledger.path, {"exit_code": 0})
    assert states(found)[:3] == ["finished"] * 3
    assert set(states(found)[3:]) <= {""}
    assert read_sweep(found.ledger.path).spent == 7.0
    assert found.stop.asked is None  # and the verdict comes


def test_whether_others_see_a_lock(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    with lock:
        assert is_seen_by_others(tmp_path)
    assert not is_seen_by_others(tmp_path)


def test_a_damaged_trial_has_failed_and_is_trained_anew_when_asked(workplace: Any) -> None:
    file = written(workplace)
    found, _ = sweep(file, workplace.runs)
    whole = left(found.ledger.path)
    best = found.ledger.best(1)[0]
    for name in ("metrics.csv", "status.json", "config.yaml"):
        file_of_it = found.ledger.path / f"trial-{best:04d}" / name
        file_of_it.unlink() if name == "config.yaml" else file_of_it.write_text("")
        again, events = sweep(file, workplace.runs)
        assert (states(again)[best], events[-1]) == ("failed", Ended(found.ledger.path, {"exit_code": 0}))
        assert "--retry failed trains it anew" in again.ledger.head.trials[best].reason
        assert left(sweep(file, workplace.runs, retry=True)[0].ledger.path) == whole


def test_workers_that_were_asked_to_stop_are_not_asked_to_train(workplace: Any) -> None:
    file = written(workplace, GRID.replace("epochs: 2", "epochs: 60"))
    loaded, search = load_search(str(file), [], {})
    session = open_sweep(str(file), (), {}, loaded, search, Request(workplace.runs, argv=("tuner", "sweep")))
    with staying() as by:
        found = Searching(session, StopRequests(), by)
        begun: list[int] = []
        found.enough = lambda: len(begun) >= 2
        for event in found.course():
            if isinstance(event, TrialTold) and isinstance(event.event, EpochDone):
                begun.append(event.number)
        assert "" in states(found)
        found.enough = bool
        list(found.course())
    assert states(found) == ["finished"] * 3


def test_a_damaged_sweep_of_another_name_is_in_nobodys_way(workplace: Any) -> None:
    file = written(workplace)
    found, _ = sweep(file, workplace.runs)
    found.ledger.path.rename(workplace.runs / "other")
    (workplace.runs / "other" / "sweep.json").write_text("{")
    assert searching(file, workplace.runs).ledger.path.name == "c-1"


def test_a_generation_that_was_cut_short_is_filled_up() -> None:
    assert [list(next_generation(8, done, 20)) for done in (0, 4, 16, 20)] == [
        list(range(8)), list(range(4, 8)), list(range(16, 20)), [],
    ]  # fmt: skip
    assert next_generation(8, 24, 20) == range(24, 24)
    assert next_generation(8, 8, None) == range(8, 16)


class Stumbling(Here):
    """An executor in which a bug ends the second trial."""

    def run(self, members: Iterator[Any], at_once: int, stop: StopRequests) -> Generator[Any]:
        def others() -> Iterator[Any]:
            for member in members:
                if member.name == "trial-0001":
                    stumbled.append((member.name, Failed("a bug in tuner: see crash.txt", "", BUG)))
                else:
                    yield member

        stumbled: list[tuple[str, Failed]] = []
        yield from super().run(others(), at_once, stop)
        yield from stumbled


def test_a_bug_in_one_trial_ends_the_sweep_as_a_bug_once_the_others_are_trained(workplace: Any) -> None:
    found = searching(written(workplace), workplace.runs)
    found.by = Stumbling()
    assert list(found.course())[-1] == Ended(found.ledger.path, {"exit_code": BUG})
    assert states(found) == ["finished", "failed", "finished"]


def test_a_trial_that_is_the_config_without_a_change_is_not_confirmed_beside_it(workplace: Any) -> None:
    text = GRID.replace("[0.1, 0.01, 0.001]", "[0.001, 0.01]").replace("confirm: none", "confirm: {top: 2, seeds: 1}")
    found, _ = sweep(written(workplace, text), workplace.runs)
    assert [trial.is_base for trial in read_sweep(found.ledger.path).trials.values()] == [True, False]
    assert list(read_sweep(found.ledger.path).confirmed) == [None, 1]


def test_what_another_process_has_trained_meanwhile_and_let_go_of_is_left_alone(workplace: Any) -> None:
    """A unit may be old: the trial was due to an epoch, and has more by now, and no weights."""
    file = written(workplace, SWEEP)
    found, _ = sweep(file, workplace.runs)
    number = next(at for at, each in found.ledger.progress.items() if each.state == "pruned" and each.done > 1)
    unit = found.unit(number, 1)
    assert unit is not None
    before = left(found.ledger.path)
    told = list(train_alone([unit], found.session.identity, StopRequests(), Here()))
    assert [type(event) for _, event in told] == [Ended]
    assert left(found.ledger.path) == before
    assert holder(unit.path) is None
