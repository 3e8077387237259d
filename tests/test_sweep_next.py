"""What a sweep says first, how it ends, and what it tells to type next: whatever that is, it works."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest
from sweeping import Here, left, searching, sweep

from tuner.events import Ended, MemberTold, TrialEnded, TrialTold
from tuner.figures import least_pairs
from tuner.render.sweep import ConfirmView
from tuner.render.talk import Talk
from tuner.runs.find import next_command
from tuner.runs.folder import glance, read
from tuner.runs.sweep import confirm_folder, confirming_command, going_on, read_sweep
from tuner.runs.trials import read_trials
from tuner.runs.values import parse_metric, value
from tuner.stopping import Stop, StopRequests
from tuner.sweep.coming import coming
from tuner.sweep.confirm import confirm
from tuner.sweep.cost import Budget, cost, paced

Say = Callable[..., tuple[int, str, str]]

RUN = """
data: {name: digits, limit: 100}
model: {name: mlp, hidden: [4]}
optimizer: {name: sgd, lr: 0.01, momentum: 0.9}
training: {epochs: 2}
"""
DRAWN = "{optimizer.lr: {low: 1e-4, high: 0.1, log: true}}"


def written(folder: Path, space: str = DRAWN, **settings: str) -> Path:
    """A config of a sweep with this space and these settings of the sweep."""
    asked = {"planner": "random", "generation": "2", "confirm": "none", **settings, "space": space}
    (folder / "c.yaml").write_text(f"{RUN}sweep: {{{', '.join(f'{key}: {each}' for key, each in asked.items())}}}\n")
    return folder / "c.yaml"


def stopped_after(found: Any, trials: int) -> None:
    """Trains until so many trials have ended."""
    ended = 0
    for event in found.course():
        ended += isinstance(event, TrialEnded)
        if ended == trials:
            found.stop.ask(Stop("--max-time"))


# ---- the next command ------------------------------------------------------------------------------------------------


def by_time(folder: Path) -> None:
    found = searching(written(folder), folder / "runs", budget=60.0)
    found.enough = lambda: len(found.ledger.best()) >= 3
    list(found.course())


def too_short(folder: Path) -> None:
    found = searching(written(folder), folder / "runs", budget=60.0)
    found.enough = lambda: True
    assert list(found.course())[-1] == Ended(found.ledger.path, {"exit_code": 1})


def interrupted(folder: Path) -> None:
    """A search that only --max-time ends."""
    stopped_after(searching(written(folder, confirm="{top: 1, seeds: 2}"), folder / "runs", stop=StopRequests()), 2)


def diverged(folder: Path) -> None:
    sweep(written(folder, "{optimizer.lr: [1e38, 2e38]}", planner="grid"), folder / "runs")


def diverged_beside_one(folder: Path) -> None:
    sweep(written(folder, "{optimizer.lr: [0.01, 1e38, 2e38]}", planner="grid"), folder / "runs")


def failed(folder: Path) -> None:
    found = searching(written(folder, "{optimizer.lr: [0.01, 0.02]}", planner="grid"), folder / "runs")
    for number in (0, 1):
        (found.ledger.path / f"trial-000{number}").write_text("in the way")
    list(found.course())
    for number in (0, 1):
        (found.ledger.path / f"trial-000{number}").unlink()


def unconfirmed(folder: Path) -> None:
    text = {"planner": "grid", "confirm": "{top: 1, seeds: 2}"}
    list(searching(written(folder, "{optimizer.lr: [0.02, 0.03]}", **text), folder / "runs").course())


def all_of_it(folder: Path) -> None:
    sweep(written(folder, "{training.batch_size: {low: 16, high: 18}}"), folder / "runs", "sweep.trials=10")


NEXT: dict[Callable[[Path], None], str] = {
    by_time: "tuner sweep runs/c-1 sweep.confirm.seeds=8",
    too_short: "tuner sweep runs/c-1 --budget 120s",
    interrupted: "tuner sweep runs/c-1 --trials 4",
    diverged: "tuner train runs/c-1/trial-0000 optimizer.lr=0.01",
    diverged_beside_one: "tuner sweep runs/c-1 --extend --space 'optimizer.lr=0.01, 1e+38, 2e+38, 0.001'",
    failed: "tuner sweep runs/c-1 --retry failed",
    unconfirmed: "tuner sweep runs/c-1",
    all_of_it: "sweep runs/c-1",
}


@pytest.mark.parametrize("made", NEXT, ids=lambda made: made.__name__)
def test_the_next_command_is_one_that_works_and_trains_something(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch, made: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(workplace.folder)
    made(workplace.folder)
    told = json.loads(say("show", "c-1", "--json")[1])
    assert NEXT[made] in told["next"]
    words = shlex.split(told["next"])[1:]
    if words[0] == "train":
        assert say(*words, "-q")[0] == 0
        return
    code, out, err = say(*words, "--dry-run", "--json")
    assert code == 0, err
    data = json.loads(out)
    assert data["trials"] is None or data["trials"] + data["confirming"] > 0


def test_a_sweep_without_a_finished_trial_is_not_told_to_go_on(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    diverged(workplace.folder)
    code, _, err = say("predict", "c-1", "x.csv")
    assert (code, "`tuner show c-1` tells why" in err, "goes on" in err) == (4, True, False)
    code, _, err = say("sweep", "runs/c-1", "--retry", "failed")
    assert (code, "no trial failed; the 2 that diverged would do so again" in err) == (3, True)
    assert "next    tuner train runs/c-1/trial-0000 optimizer.lr=0.01" in err.splitlines()


def test_wherever_it_is_told_how_to_go_on_it_is_the_same_command(workplace: Any) -> None:
    interrupted(workplace.folder)
    head = read_sweep(workplace.runs / "c-1")
    assert going_on(head).endswith("c-1 --trials 4")
    assert confirming_command(head) == going_on(head)
    assert confirming_command(replace(head, asked={**head.asked, "confirm": None})).endswith(" sweep.confirm.seeds=8")
    assert next_command(replace(glance(head.trials[1].path), state="stopped")) == going_on(head)


# ---- time ------------------------------------------------------------------------------------------------------------


def test_a_search_that_its_budget_ended_is_over_until_it_gets_a_larger_one(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    by_time(workplace.folder)
    head, state = read_sweep(workplace.runs / "c-1"), read_trials(workplace.runs / "c-1").state
    assert (head.budget, head.time_is_up, state[:6]) == (60.0, True, "over: ")
    code, _, err = say("sweep", "runs/c-1", "--dry-run")
    assert (code, "nothing is left to train" in err) == (0, True)
    again = searching(workplace.folder / "c.yaml", workplace.runs, budget=90.0)
    again.enough = lambda: len(again.ledger.best()) >= 5
    list(again.course())
    head = read_sweep(workplace.runs / "c-1")
    assert (head.budget, len(read_trials(head.path).best) >= 5) == (90.0, True)
    counted = searching(workplace.folder / "c.yaml", workplace.runs, f"sweep.trials={len(head.trials)}")
    list(counted.course())
    head = read_sweep(workplace.runs / "c-1")
    assert (head.budget, head.time_is_up, read_trials(head.path).state) == (None, False, "finished")


# ---- an end of the space ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planner", ["random", "tpe"])
@pytest.mark.parametrize(
    ("space", "count"),
    [
        ("{optimizer.lr: [0.01, 0.02]}", 2),
        ("{training.batch_size: {low: 16, high: 19}}", 4),
        ("{training.batch_size: {low: 16, high: 17, points: 2}, optimizer.lr: [0.01, 0.02]}", 4),
        ("{optimizer: [{name: adam}, {name: sgd, momentum: 0.5}], training.batch_size: {low: 16, high: 17}}", 4),
    ],
)
def test_a_space_with_an_end_is_trained_to_it_and_then_it_is_over(
    workplace: Any, planner: str, space: str, count: int
) -> None:
    file = written(workplace.folder, space, planner=planner)
    found, _ = sweep(file, workplace.runs, "sweep.trials=10", "training.epochs=1")
    there = read_trials(found.ledger.path)
    assert (there.wanted, there.state, len(there.outcomes)) == (count, "finished", count)
    before = left(found.ledger.path)
    again, events = sweep(file, workplace.runs, "sweep.trials=10", "training.epochs=1")
    assert not [event for event in events if isinstance(event, TrialTold | TrialEnded)]
    assert left(again.ledger.path) == before


def test_a_wider_space_has_more_of_them_beside_those_that_are_there(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    file = written(workplace.folder, "{optimizer.lr: [0.01, 0.02]}")
    sweep(file, workplace.runs, "sweep.trials=10")
    words = ("sweep", "c.yaml", "--space", "lr=0.02,0.03,0.04", "--trials", "10", "--extend", "--dry-run")
    code, out, err = say(*words)
    assert (code, len(out.splitlines())) == (0, 2)
    assert "the space has only 3 configs, beside 1 trial outside of it: 4 trials, not the 10 of sweep.trials" in err
    found, _ = sweep(file, workplace.runs, "sweep.trials=10", "sweep.space.optimizer.lr=[0.02,0.03,0.04]", extend=True)
    there = read_trials(found.ledger.path)
    assert (there.state, sorted(each.trial.values["optimizer.lr"] for each in there.outcomes.values())) == (
        "finished", ["0.01", "0.02", "0.03", "0.04"])  # fmt: skip


# ---- failed, and tried again -----------------------------------------------------------------------------------------


def test_settings_that_exclude_each_other_do_so_again_and_the_sweep_is_over(workplace: Any) -> None:
    space = "{optimizer.nesterov: [false, true], optimizer.momentum: [0.9, 0]}"
    file = written(workplace.folder, space, planner="grid")
    first, _ = sweep(file, workplace.runs)
    before = left(first.ledger.path)
    again, events = sweep(file, workplace.runs, retry=True)
    assert events[-1] == Ended(first.ledger.path, {"exit_code": 0})
    assert [(event.number, event.state) for event in events if isinstance(event, TrialEnded)] == [(3, "failed")]
    assert left(again.ledger.path) == before
    assert read_trials(first.ledger.path).state == "over: 3 finished, 1 failed"


# ---- what is said first ----------------------------------------------------------------------------------------------


def plan(file: Path, runs: Path, *overrides: str, **how: Any) -> dict[str, Any]:
    """What is said to come, and its words without the time and the room that it takes."""
    found = searching(file, runs, *overrides, **how)
    told = cost(found.session, 1, coming(found.session, found.ledger), found.ledger)
    words = told.words.split(";")[0]
    return {"trials": told.trials, "epochs": told.epochs, "confirming": told.confirming, "words": words}


ONE_TO_CONFIRM = "{top: 1, seeds: 2}"


@pytest.mark.parametrize(
    ("space", "settings", "words"),
    [
        ("{training.epochs: [2, 5]}", {"planner": "grid"}, "2 trials, 7 epochs"),
        ("{training.epochs: {low: 1, high: 5, points: 3}}", {"planner": "grid"}, "3 trials, 9 epochs"),
        ("{training.epochs: [2, 5]}", {"planner": "grid", "confirm": ONE_TO_CONFIRM},
         "2 trials, 7 epochs, then 4 trainings of 2 to 5 epochs to confirm"),
        ("{training.epochs: {low: 1, high: 9}, optimizer.lr: {low: 0.01, high: 0.1}}", {"trials": "4"},
         "4 trials, about 20 epochs"),
        ("{optimizer.lr: [0.01]}", {"planner": "grid", "confirm": ONE_TO_CONFIRM}, "1 trial, 2 epochs"),
        ("{optimizer.lr: [0.01, 0.02]}", {"planner": "grid", "confirm": "{top: 3, seeds: 2}"},
         "2 trials, 4 epochs, then 4 trainings of 2 epochs to confirm"),
        ("{optimizer.lr: [0.02, 0.03, 0.04]}", {"planner": "grid", "confirm": "{top: 3, seeds: 2}"},
         "3 trials, 6 epochs, then 8 trainings of 2 epochs to confirm"),
        ("{optimizer.lr: [0.02, 0.03]}", {"trials": "9"}, "2 trials, 4 epochs"),
    ],
)  # fmt: skip
def test_what_is_said_first_is_what_is_trained(
    workplace: Any, space: str, settings: dict[str, str], words: str
) -> None:
    file = written(workplace.folder, space, **settings)
    told = plan(file, workplace.runs)
    assert told["words"] == words
    found, _ = sweep(file, workplace.runs)
    runs = [trial.run for trial in found.ledger.head.trials.values()]
    assert len(runs) == told["trials"]
    assert sum(len(run.rows) for run in runs if run) == told["epochs"] or "about" in words
    assert len(list(found.ledger.path.glob("confirm-*/seed-*"))) == told["confirming"]
    assert plan(file, workplace.runs)["words"] == "nothing is left to train"


def test_a_sweep_that_was_confirmed_and_is_extended_may_confirm_others(workplace: Any) -> None:
    file = written(workplace.folder, "{optimizer.lr: [0.02, 0.03]}", planner="grid", confirm=ONE_TO_CONFIRM)
    sweep(file, workplace.runs)
    wider = "sweep.space.optimizer.lr=[0.02, 0.03, 0.05]"
    told = plan(file, workplace.runs, wider, extend=True)
    assert told["words"] == "1 trial, 2 epochs, then up to 2 trainings of 2 epochs to confirm"
    more = plan(file, workplace.runs, "sweep.confirm.seeds=3")
    assert more["words"] == "2 trainings of 2 epochs to confirm"


def test_no_time_is_said_to_be_the_most_and_it_is_that_of_the_trials_there_are(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    file = written(workplace.folder, "{optimizer.lr: [0.01, 0.02, 0.03, 0.04]}", planner="grid")
    first = say("sweep", "c.yaml", "--dry-run")[2]
    assert ("very roughly" in first, "at most" in first) == (True, False)
    found, _ = sweep(file, workplace.runs)
    pace = paced(found.session, 1, found.ledger)
    runs = [read(trial.path) for trial in found.ledger.head.trials.values()]
    epochs = [value(run, parse_metric("seconds_per_epoch")) or 0.0 for run in runs]
    begun = [datetime.fromisoformat(run.created).timestamp() for run in runs]
    written_last = [(run.path / "metrics.csv").stat().st_mtime + 0.1 for run in runs]
    ended = [min(one, other) for one, other in zip(written_last, [*begun[1:], math.inf], strict=True)]
    # the first one also waited for the kernels to be made ready
    beside = [end - start - 2 * epoch for start, end, epoch in zip(begun, ended, epochs, strict=True)]
    assert (pace.is_rough, pace.epoch, pace.training) == (False, mean(epochs), median(beside[1:]))
    wider = ("sweep", "c.yaml", "--space", "lr=0.01,0.02,0.03,0.04,0.05", "--extend", "--dry-run")
    assert re.search(r"; about [0-9.]+ m?s; ", say(*wider)[2])


def test_the_best_that_is_the_config_as_it_is_is_called_so(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    written(workplace.folder, "{optimizer.lr: [0.01]}", planner="grid", confirm=ONE_TO_CONFIRM)
    code, out, err = say("sweep", "c.yaml")
    assert (code, out) == (0, "runs/c-1/trial-0000\n")
    said = "the best is the config as it is: there is nothing to confirm"
    assert f"verdict {said}" in err.splitlines()
    assert said in say("show", "c-1")[1]


def test_a_dry_run_lists_what_comes_and_how_much_more(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    file = written(workplace.folder, "{optimizer.lr: [0.01, 0.02, 0.03, 0.04, 0.05]}", planner="grid", generation="4")

    def listed(*words: str) -> list[str]:
        code, out, _ = say("sweep", "c.yaml", "--dry-run", *words)
        assert code == 0
        return out.splitlines()

    assert [line.split(":")[0] for line in listed()] == ["trial 0", "trial 1", "trial 2", "trial 3", "and 1 more"]
    assert len(listed("-q")) == 4
    stopped_after(searching(file, workplace.runs, stop=StopRequests()), 1)
    assert [line.split(":")[0] for line in listed()] == ["trial 1", "trial 2", "trial 3", "trial 4"]
    assert json.loads(listed("--json")[0])["more"] == 0
    sweep(file, workplace.runs)
    assert listed() == []
    endless = say("sweep", "c.yaml", "--run", "x", "--budget", "1h", "sweep.space.optimizer.lr={low: 0.01, high: 0.1}",
                  "--planner", "tpe", "--dry-run")[1]  # fmt: skip
    assert endless.splitlines()[-1] == "and more, chosen by the results of these"


# ---- interrupted -----------------------------------------------------------------------------------------------------


def test_an_interrupted_confirmation_says_so_and_that_it_goes_on(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    written(workplace.folder, "{optimizer.lr: [0.02, 0.03]}", planner="grid", confirm="{top: 2, seeds: 6}")
    lines = []
    words, environment = [sys.executable, "-m", "tuner", "sweep", "c.yaml"], {**os.environ, "COLUMNS": "120"}
    with subprocess.Popen(words, stdout=-1, stderr=-1, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            lines.append(line.rstrip("\n"))
            if line.startswith("confirm-base"):
                process.send_signal(signal.SIGINT)
        out = process.stdout.read()
    assert (process.returncode, out) == (-signal.SIGINT, "runs/c-1\n")
    assert "end     stopped, SIGINT: 2 finished" in lines
    assert "saved   what is trained: the next command goes on from it" in lines
    assert any(re.fullmatch(r"confirm (6|7|8|9|1\d) of 18 trainings", line) for line in lines)
    assert not any("no value" in line or line.startswith("verdict") for line in lines)
    assert lines[-1] == "next    tuner sweep c.yaml"
    told = json.loads(say("show", "c-1", "--json")[1])
    assert (told["state"], told["next"]) == ("unconfirmed: 2 finished", "tuner sweep runs/c-1")
    assert 6 <= told["confirm"]["ended"] < told["confirm"]["trainings"] == 18


def test_what_some_of_the_trainings_say_is_told_with_how_many_they_are(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    file = written(workplace.folder, "{optimizer.lr: [0.02, 0.03]}", planner="grid", confirm=ONE_TO_CONFIRM)
    sweep(file, workplace.runs)
    assert "so far" not in say("show", "c-1")[1]
    more, text = searching(file, workplace.runs, "sweep.confirm.seeds=4", stop=StopRequests()), io.StringIO()
    list(more.course())
    names = {at: confirm_folder(at) for at in more.ledger.head.confirms(more.ledger.best())}
    with Talk(text) as talk:
        view = ConfirmView(talk, names, 4, "val_loss")
        for at, event in confirm(replace(more.session, path=more.ledger.path), more.ledger, more.stop, Here()):
            view.show(at, event)
            if isinstance(event, MemberTold) and isinstance(event.event, Ended):
                more.stop.ask(Stop("--max-time"))
    assert text.getvalue().splitlines() == ["confirm-base: stopped, 3 of 4 seeds"]
    lines = say("show", "c-1")[1].splitlines()
    assert "state    unconfirmed: 2 finished" in lines
    assert "confirm  5 of 8 trainings" in lines
    assert any(line.startswith("verdict  so far, 5 of 8 trainings: undecided") for line in lines)


# ---- compared, and told in README ------------------------------------------------------------------------------------


def test_more_pairs_of_trials_are_trained_by_themselves_and_no_seeds_are_taken_away(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    file = written(workplace.folder, "{optimizer.lr: [0.02, 0.03, 0.04]}", planner="grid", confirm="{top: 1, seeds: 7}")
    list(searching(file, workplace.runs).course())
    code, _, err = say("compare", "c-1")
    assert (code, "`tuner sweep runs/c-1` trains the groups" in err) == (2, True)
    for seeds in (5, 2):  # the search's own seed would make a sixth
        sweep(file, workplace.runs, f"sweep.confirm.seeds={seeds}")
        assert json.loads(say("compare", "c-1", "--json")[1])["train"] == ["tuner sweep runs/c-1 sweep.confirm.seeds=6"]
    told = json.loads(say("compare", "c-1/trial-0", "c-1/trial-1", "--json")[1])
    assert told["train"] == [f"tuner train runs/c-1/trial-000{at}/config.yaml --seeds 6" for at in (0, 1)]
    assert say(*shlex.split(told["train"][0])[1:], "-q")[0] == 0


def test_the_commands_of_the_readme_typed_in_order_begin_a_sweep_each(
    workplace: Any, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace.folder)
    (workplace.folder / "my.yaml").write_text(RUN)
    text = (Path(__file__).parents[1] / "README.md").read_text().split("\n## Search\n")[1].split("\n## ")[0]
    commands = [shlex.split(line, comments=True)[1:] for line in text.splitlines() if line.startswith("tuner sweep my")]
    assert len(commands) >= 3
    made = set()
    for words in commands:
        code, out, err = say(*words, "--max-time", "0", "-q")
        assert code == 75, err
        made.add(out)
    assert len(made) == len(commands)
    shown = [line.split()[2] for line in text.splitlines() if re.match(r"tuner (show|curves|diff|compare) ", line)]
    assert {f"runs/{name}\n" for name in shown} <= made
    code, _, err = say("sweep", "my.yaml", "--grid", "lr=0.1,0.2")
    assert (code, "--run NAME begins another sweep" in err, "--again" in err) == (2, True, True)
    code, _, err = say("sweep", "runs/wide", "--space", "lr=0.1..0.2", "--trials", "40")
    assert (code, "`tuner sweep runs/wide/config.yaml --run NAME` begins another" in err) == (2, True)
    assert say("sweep", "runs/wide/config.yaml", "--run", "other", "--max-time", "0", "-q")[:2] == (75, "runs/other\n")


# ---- the time that there is -----------------------------------------------------------------------------------------


def test_a_budget_leaves_time_to_confirm_once_a_trial_tells_how_long_that_takes(workplace: Any) -> None:
    file = written(workplace.folder, "{optimizer.lr: [0.1, 0.2, 0.3]}", planner="grid", confirm="{top: 2, seeds: 6}")
    found = searching(file, workplace.runs)

    def budget(seconds: float, before: float = 0.0) -> Budget:
        return Budget(seconds, found.session, found.ledger, 1, time.monotonic(), before)

    foretold, is_rough = budget(1e6).confirming()
    assert (foretold > 0, is_rough) == (True, True)
    assert budget(foretold / 2).is_over() is False  # nothing was trained: nobody knows
    assert budget(foretold / 2, foretold).is_over() is True
    assert "to confirm the best takes very roughly" in budget(foretold).note()
    assert budget(1e6).note() == ""
    list(found.course())
    known, is_rough = budget(1e6).confirming()
    assert (known > 0, is_rough) == (True, False)
    assert [budget(seconds).is_over() for seconds in (known / 2, known * 1000)] == [True, False]
    groups = coming(found.session, found.ledger).groups
    assert (budget(1e6).larger(groups), sum(each.trainings for each in groups)) == (None, 18)
    larger = budget(known / 10, before=5.0).larger(groups)
    assert larger is not None
    starting = paced(found.session, 1, found.ledger).starting  # another command has to import torch first
    assert known + starting < larger - 5.0 < known + starting + 2
    assert budget(larger, before=5.0).larger(groups) is None
    assert budget(known / 10, before=5.0).larger([]) is None  # all of it has ended


def test_what_was_confirmed_before_is_compared_too_and_a_clear_winner_stays_one(
    workplace: Any, monkeypatch: pytest.MonkeyPatch, say: Say
) -> None:
    """Each extension confirms others: so many comparisons take more seeds than the first one did."""
    file = written(workplace.folder, "{optimizer.lr: [1e-5]}", planner="grid", confirm="{top: 1, seeds: 6}")
    monkeypatch.chdir(workplace.folder)
    rates = ["1e-5", "1e-4", "4e-2"]
    for count in range(1, len(rates) + 1):
        given = ["--grid", f"lr={','.join(rates[:count])}"]
        code, told, err = say("sweep", str(file), *given, "--extend", "--json")
        assert code == 0, err
    ended = json.loads(told.splitlines()[-1])
    groups = sorted(path.name for path in (workplace.runs / "c-1").glob("confirm-*"))
    assert groups == ["confirm-0000", "confirm-0001", "confirm-0002", "confirm-base"]
    assert {len(list(path.glob("seed-*"))) for path in (workplace.runs / "c-1").glob("confirm-*")} == {least_pairs(3)}
    assert ended["verdict"]["winner"] == 2, ended["verdict"]["words"]
    assert json.loads(say("show", "c-1", "--json")[1])["verdict"]["winner"] == 2
    assert "trial-0002" in say("curves", "c-1", "--json")[1]
