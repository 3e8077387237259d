"""The diagnosis of runs: what is told first, what is folded, what is said where little is known."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import program
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import CASES, RUNS, called, changed, named, recorded

from tuner.answer import Note
from tuner.asks.diagnose import ask, in_a_line
from tuner.cli.shared import present
from tuner.config.load import load
from tuner.data.card.facts import Shift
from tuner.diagnosis import LEAD, MOST, Diagnosis, diagnose, evidence_of, folded, with_lr
from tuner.errors import NotFoundError, UsageError
from tuner.reach import expected
from tuner.rules import Finding, Rule, proposals, together
from tuner.rules.capacity_too_small import wider as made_wider
from tuner.runs.family import find_group
from tuner.runs.files import CARD, CONFIG, IDENTITY, LAYERS, METRICS, STATUS, write_status
from tuner.runs.folder import read

OLDER = sorted(path.parent for each in ("older", "format-1") for path in (CASES / each).rglob(STATUS))
GOOD = {"overfitting", "needs-early-stopping"}
"""What only a run that is good on its training data can have."""


def told_of(told: Diagnosis) -> list[str]:
    """All that is told as a reason."""
    return [name for found in told.findings for name in (found.rule, *found.folds)]


# ---- what is folded --------------------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from(sorted(Rule.members)), st.integers(50, 100).map(lambda share: share / 100)))
def test_every_finding_is_told_once_on_its_own_or_under_what_explains_it(sure: dict[str, float]) -> None:
    kept = folded([Finding(rule, confidence, rule, []) for rule, confidence in sure.items()])
    assert sorted(name for each in kept for name in (each.rule, *each.folds)) == sorted(sure)
    assert [each.confidence for each in kept] == sorted((each.confidence for each in kept), reverse=True)
    for above in kept:
        signs = [each for each in kept if each.rule in Rule.members[above.rule].folds]
        lead = max((each.confidence - above.confidence for each in signs), default=1.0)
        assert lead > LEAD, (above, signs)  # a sign on its own is much surer than what explains it, or stands by one


def test_the_surer_of_two_that_explain_each_other_is_told() -> None:
    names = "learning-rate-too-high", "dead-units"
    explains = {name for name in names if {*names} - {name} <= set(Rule.members[name].folds)}
    assert explains == {"learning-rate-too-high"}
    told = folded([Finding("dead-units", 0.8, "", []), Finding("learning-rate-too-high", 0.7, "", [])])
    assert [(each.rule, each.folds) for each in told] == [("learning-rate-too-high", ("dead-units",))]
    told = folded([Finding("dead-units", 0.9, "", []), Finding("learning-rate-too-high", 0.7, "", [])])
    assert [each.rule for each in told] == list(reversed(names))


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ([], {}),
        ([{"seed": 1}, {"loss": "mse"}], {"seed": 1, "loss": "mse"}),
        ([{"seed": 1}, {"seed": 2, "loss": "mse"}, {"name": "a"}], {"seed": 1, "name": "a"}),
        ([{"optimizer.lr": 1}, {"optimizer": "adam"}], {"optimizer.lr": 1}),
        ([{"optimizer": "adam"}, {"optimizer.lr": 1}], {"optimizer": "adam"}),
        ([{"optimizer": "adam", "optimizer.lr": 1}], {"optimizer": "adam", "optimizer.lr": 1}),
        ([{"model.in": 1}, {"model.input": 2}], {"model.in": 1, "model.input": 2}),
    ],
)
def test_changes_together_set_nothing_twice(changes: list[dict[str, Any]], whole: dict[str, Any]) -> None:
    assert together(changes) == whole


@pytest.mark.parametrize(
    ("rule", "sure", "folds", "order"),
    [
        ("dead-units", 0.6, ("learning-rate-too-high",), "first other"),
        ("dead-units", 0.9, ("oscillation",), "first other"),
        ("dead-units", 0.9, ("learning-rate-too-high",), "first both other"),
        ("learning-rate-too-high", 0.9, ("learning-rate-too-high",), "both first other"),
    ],
)
def test_a_lower_rate_goes_along_with_what_lies_upstream(rule: str, sure: float, folds: Any, order: str) -> None:
    """In a run under five times the usual rate, and in one under a thousand times."""
    changes: dict[str, dict[str, Any]] = {
        "first": {"seed": 1},
        "both": {"seed": 1, "optimizer.lr": 0.001},
        "other": {"seed": 2},
    }
    high = Finding("learning-rate-too-high", sure, "", [], [{"optimizer.lr": 0.001}, {"optimizer.lr": 0.1}])
    found = Finding("input-scale", 0.95, "", [], [changes["first"], changes["other"]], folds)
    assert with_lr(named(rule), found, [found, high]) == [changes[name] for name in order.split()]
    assert with_lr(named(rule), replace(found, changes=()), [found, high]) == []


@pytest.mark.parametrize(
    ("model", "wider", "shallower"),
    [
        ("{hidden: [2]}", [{"model.hidden": [128]}, {"model.hidden": [128, 128]}], []),
        ("{hidden: [99, 4, 3, 2]}", None, [{"model.hidden": [99, 4, 3]}]),
        ("{name: rnn, units: [40]}", [{"model.units": [160]}, {"model.units": [160, 128]}], []),
        (
            "{name: cnn, channels: [1, 8], hidden: []}",
            [{"model.hidden": units, "model.channels": [16, 32]} for units in ([128], [128, 128])],
            [],
        ),
    ],
)
def test_a_network_made_larger_and_less_deep(model: str, wider: Any, shallower: Any) -> None:
    config = load("bench", given=f"{{data: digits, model: {model}}}".encode()).config
    evidence = replace(named("dead-units"), config=config)
    assert wider is None or made_wider(config.plain()["model"]) == wider
    assert evidence.shallower == shallower


CHANGES = st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1), max_size=3)


@given(st.lists(CHANGES, max_size=3))
def test_what_is_tried_first(changes: list[list[dict[str, int]]]) -> None:
    findings = [Finding(str(at), 0.9, "", (), each) for at, each in enumerate(changes)]
    tried = [(found[0].rule, change) for found, change in proposals(findings)]
    firsts = [(str(at), each[0]) for at, each in enumerate(changes) if each]
    others = [(str(at), change) for at, each in enumerate(changes) for change in each[1:]]
    assert tried[: len(firsts)] == firsts
    assert tried[len(tried) - len(others) :] == others
    both = [(firsts[0][0], together([change for _, change in firsts]))] if len(firsts) > 1 else []
    assert tried[len(firsts) : len(tried) - len(others)] == both


# ---- the outcome -----------------------------------------------------------------------------------------------------


@given(st.sampled_from(RUNS), st.floats(0, 1), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_run_bad_on_its_training_data_is_never_told_overfitting(path: Path, share: float, both: bool) -> None:
    """The metrics on training data scaled down, those on validation data kept or scaled with them."""
    evidence = recorded(path)
    parts = ("train_", "val_") if both else ("train_",)
    scaled = (f"{part}{metric}" for part in parts for metric in ("accuracy", "balanced_accuracy", "r2"))
    columns = set(scaled)
    rows = [
        {key: value * share if key in columns and value else value for key, value in row.items()}
        for row in evidence.run.rows
    ]
    worse = changed(evidence, rows=rows)
    told = diagnose(worse)
    within, _ = expected(worse)
    bound = within - 0.02 - worse.chance_error(within)
    if worse.train and max(worse.reached(worse.train), worse.reached(worse.val or worse.train)) < bound:
        assert told.outcome.stage in ("training", "invalid"), told.outcome
        assert not GOOD & {*told_of(told), *(risk.rule for risk in told.risks)}


def test_what_is_lost_on_training_data_too_is_nothing_learned_by_heart() -> None:
    evidence, rule = named("needs-early-stopping"), Rule.members["needs-early-stopping"]()
    assert rule.check(evidence) is not None
    fallen = [{**row, "train_accuracy": row["val_accuracy"]} for row in evidence.run.rows]
    assert rule.check(changed(evidence, rows=fallen)) is None


@pytest.mark.parametrize(("end", "stage"), [(0.5, "training"), (0.97, "healthy")])
def test_a_run_that_loses_what_it_had_learned_is_not_good_for_its_best_epoch(end: float, stage: str) -> None:
    evidence = named("learning-rate-too-high")
    courses = {"train_accuracy": [0.99] * 2 + [end] * 6, "val_accuracy": [0.98] * 2 + [end] * 6}
    rows = [
        {**row, "val_loss": 0.1 + at} | {column: values[at] for column, values in courses.items()}
        for at, row in enumerate(evidence.run.rows)
    ]
    told = diagnose(changed(evidence, rows=rows))
    assert told.outcome.stage == stage, told.outcome
    assert [found.rule for found in told.findings] == (["learning-rate-too-high"] if stage == "training" else [])


@pytest.mark.parametrize("path", RUNS, ids=called)
def test_findings_are_of_the_stage(path: Path) -> None:
    told = diagnose(recorded(path))
    assert len(told.findings) <= MOST
    assert (told.outcome.stage in ("healthy", "unknown")) <= (not told.findings)
    assert all(0 < found.confidence <= 1 for found in (*told.findings, *told.risks))
    if told.outcome.stage == "training":
        assert {Rule.members[found.rule].stage for found in told.findings} == {"training"}
    assert not set(told_of(told)) & {risk.rule for risk in told.risks}


@pytest.mark.parametrize(
    ("part", "tested", "stage", "told"),
    [
        ("test", 0.5, "generalization", "worse on test data: test_accuracy is 0.5000"),
        ("test", 0.9, "healthy", ""),
        ("test", None, "healthy", ""),
        ("validation", 0.9, "healthy", ""),
    ],
)
def test_a_shift_of_test_data_matters_where_test_data_are_worse(
    part: str, tested: float | None, stage: str, told: str
) -> None:
    evidence = named("distribution-shift", "quiet")
    assert evidence.card is not None
    rows = [{**row, "train_accuracy": 0.92, "val_accuracy": 0.91} for row in evidence.run.rows]
    moved = Shift("3,4", 1.5, 30.0, 3.0, 1.0, 1.0, 0.0)
    shifted = replace(evidence, card=replace(evidence.card, shift={part: moved}))
    run = replace(evidence.run, told=replace(evidence.run.told, values={**evidence.run.status, "test": {}}))
    if tested is not None:
        run.status["test"] |= {"accuracy": tested}
    found = diagnose(changed(replace(shifted, run=run), rows=rows))
    assert (found.outcome.stage, told in found.outcome.words) == (stage, True), found.outcome
    first = [each.rule for each in (*found.findings, *found.risks)]
    assert "distribution-shift" in first
    assert (first[0] == "distribution-shift") or stage == "healthy"
    assert "worse on validation" not in found.outcome.words
    wide = [{**row, "train_accuracy": 0.99} for row in rows]
    apart = diagnose(changed(replace(shifted, run=run), rows=wide))
    is_harmful = part == "validation" or stage != "healthy"
    assert ("distribution-shift" in told_of(apart)) == is_harmful, "else another rule is told of validation data"


# ---- little is known -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OLDER, ids=called)
def test_an_older_folder_is_told_from_its_curves(path: Path) -> None:
    answer = ask([str(path)], path.parent)
    notes = [block.text for block in answer.blocks if isinstance(block, Note)]
    assert any("card.json" in note and "curves" in note for note in notes), notes
    assert answer.exit_code == 0


@pytest.mark.parametrize("path", RUNS, ids=called)
def test_what_is_not_there_is_not_told(path: Path) -> None:
    """Without layers, data.json and card.json no signal names them."""
    bare = replace(changed(recorded(path), layers=[]), data=None, card=None)
    told = diagnose(bare)
    signals = [signal for found in (*told.findings, *told.risks) for signal in found.evidence]
    sources = {signal.source.partition(":")[0] for signal in [*signals, *told.outcome.evidence]}
    assert sources <= {CONFIG, METRICS, STATUS}


@pytest.mark.parametrize("epochs", [0, 1, 2])
@pytest.mark.parametrize("path", RUNS, ids=called)
def test_a_run_of_few_epochs_is_judged_by_them(path: Path, epochs: int) -> None:
    evidence = recorded(path)
    kept = [row for row in evidence.run.layers if row["epoch"] <= epochs]
    told = diagnose(changed(evidence, rows=evidence.run.rows[:epochs], layers=kept))
    state = evidence.run.state
    assert told.outcome.stage == "invalid" or state != "diverged"
    if epochs == 0 and state != "diverged":
        assert told.outcome.stage in ("unknown", "invalid")


def test_a_number_is_judged_by_r2_and_without_validation_data(workplace: Any) -> None:
    text = "{data: {name: diabetes, validation: 0}, loss: mse, training: {monitor: train_loss, epochs: 3}}"
    evidence = evidence_of(read(workplace.train(text, "optimizer.lr=1e-6").run))
    told = diagnose(evidence)
    assert (evidence.metric, evidence.val) == ("r2", [])
    assert (told.outcome.stage, told.findings[0].rule) == ("training", "learning-rate-too-low")
    assert "train_r2" in told.outcome.words


# ---- states and groups -----------------------------------------------------------------------------------------------


def copied(path: Path, target: Path, **status: Any) -> Path:
    """A recorded run of another status."""
    shutil.copytree(path, target)
    write_status(target, recorded(path).run.status | status)
    return target


def notes_of(folder: Path) -> str:
    answer = ask([str(folder)], folder.parent)
    return "\n".join(block.text for block in answer.blocks if isinstance(block, Note))


def test_an_unfinished_run_is_told_as_one(tmp_path: Path) -> None:
    path = named("learning-rate-too-high").run.path
    assert "unfinished (stopped)" in notes_of(copied(path, tmp_path / "stopped", state="stopped"))
    assert "unfinished (crashed)" in notes_of(copied(path, tmp_path / "crashed", state="running"))
    assert notes_of(copied(path, tmp_path / "finished")) == ""
    short = ask([str(copied(named("too-few-epochs").run.path, tmp_path / "short", state="stopped"))], tmp_path)
    assert "too-few-epochs" not in short.result


def test_a_run_without_an_epoch_is_told_only_where_it_diverged(tmp_path: Path, write_run: Callable[..., Path]) -> None:
    with pytest.raises(NotFoundError, match="no finished epoch"):
        ask([str(write_run(tmp_path / "new", [], state="stopped"))], tmp_path)
    reason = "train_loss was not finite in epoch 1"
    gone = write_run(tmp_path / "gone", [], "layer_stats=none", state="diverged", reason=reason)
    answer = ask([str(gone)], tmp_path)
    assert answer.data["stage"] == "invalid"
    assert reason in answer.data["outcome"]


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """Two members whose rate is too high, a healthy one, and a damaged one."""
    high, well = named("learning-rate-too-high").run.path, named("learning-rate-too-high", "quiet").run.path
    for seed, path in enumerate((well, high, high, high)):
        member = copied(high, tmp_path / "group" / f"seed-{seed}")
        for name in (METRICS, LAYERS):
            shutil.copy(path / name, member)
        (member / CONFIG).write_text((member / CONFIG).read_text().replace("seed: 0", f"seed: {seed}", 1))
        about = json.loads((member / IDENTITY).read_text()) | {"seed": seed}
        (member / IDENTITY).write_text(json.dumps(about))
    (tmp_path / "group/seed-3/run.json").write_text("{")
    return tmp_path / "group"


@pytest.mark.parametrize("name", [METRICS, LAYERS, CONFIG])
def test_a_member_that_is_damaged_is_left_out(group: Path, name: str) -> None:
    (group / "seed-0" / name).write_text("{\n")
    assert f"seed-0/{name}" in notes_of(group)
    assert ask([str(group)], group.parent).result == f"training learning-rate-too-high {group}\n"


def test_a_group_has_what_most_of_its_members_have(group: Path) -> None:
    notes = notes_of(group)
    assert "learning-rate-too-high comes first in 2 of 3 seeds; shown: seed-1" in notes
    assert "seed-3" in notes
    answer = ask([str(group)], group.parent)
    assert answer.result == f"training learning-rate-too-high {group}\n"
    assert in_a_line(find_group(str(group), group.parent))[0].startswith(
        "bad on its own training data (learning-rate-too-hi"
    )


# ---- the command -----------------------------------------------------------------------------------------------------


def tuner(folder: Path, *arguments: str, code: int = 0) -> tuple[str, str]:
    ended = program.run(*arguments, cwd=folder)
    assert ended.returncode == code, ended.stderr
    return ended.stdout, ended.stderr


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder with a run that is bad and its healthy twin, which has a risk."""
    copied(named("early-stop-too-soon").run.path, tmp_path / "runs" / "bad")
    copied(named("structure-mismatch", "quiet").run.path, tmp_path / "runs" / "well")
    return tmp_path


def test_each_form_tells_it(two: Path) -> None:
    assert tuner(two, "diagnose", "bad", "well", "-q")[0].splitlines() == [
        "training early-stop-too-soon runs/bad",
        "healthy - runs/well",
    ]
    told = json.loads(tuner(two, "diagnose", "bad", "--json")[0])
    assert (told["run"], told["stage"], told["risks"]) == ("runs/bad", "training", told["risks"])
    (found,) = told["findings"]
    assert {"rule", "confidence", "evidence", "change", "folds"} <= set(found)
    assert set(found["evidence"][0]) == {"signal", "value", "threshold", "source"}
    assert found["change"] == {"early_stopping": "none"}
    shown = {form: tuner(two, "diagnose", "bad", *form)[0] for form in ((), ("--md",), ("--html",))}
    assert all("early stopping ended it too soon" in text for text in shown.values())
    assert shown[()].splitlines()[-1].strip() == "tuner train runs/bad early_stopping=none"


def test_a_table_tells_the_findings_with_their_evidence(two: Path) -> None:
    rows = list(csv.DictReader(tuner(two, "diagnose", "bad", "well", "--csv")[0].splitlines()))
    told = json.loads(tuner(two, "diagnose", "bad", "well", "--json")[0])["runs"]
    for each in told:
        own = [row for row in rows if row["run"] == each["run"]]
        assert {row["stage"] for row in own} == {each["stage"]}
        for what, found in (("finding", each["findings"]), ("risk", each["risks"])):
            signals = [(one["rule"], signal["signal"]) for one in found for signal in one["evidence"]]
            assert [(row["rule"], row["measured"]) for row in own if row["what"] == what] == signals
        assert sum(row["what"] == "outcome" for row in own) == len(each["evidence"])
    [change] = {row["change"] for row in rows if row["what"] == "finding"}
    assert change == "early_stopping=none"
    latex = tuner(two, "diagnose", "bad", "--latex")[0]
    assert latex.count("tabular") == 2 and "early-stop-too-soon" in latex


def test_scripts_are_told_by_the_exit_code(two: Path) -> None:
    runs = two / "runs"
    codes = {
        (each, *fail_on): ask([str(runs / each)], runs, fail_on=fail_on).exit_code
        for each in ("bad", "well")
        for fail_on in ([], ["finding"], ["risk"], ["finding", "risk"])
    }
    assert [key for key, code in codes.items() if code] == [
        ("bad", "finding"),
        ("bad", "risk"),
        ("bad", "finding", "risk"),
        ("well", "risk"),
        ("well", "finding", "risk"),
    ]
    assert ask([str(runs / "bad"), str(runs / "well")], runs).data["runs"][1]["stage"] == "healthy"
    with pytest.raises(UsageError, match="--fail-on"):
        ask(["bad"], runs, fail_on=["findings"])
    with pytest.raises(UsageError, match="--write"):
        ask(["bad", "well"], runs, write=two / "next.yaml")


def test_the_config_to_try_next_is_whole_and_trains(two: Path, workplace: Any) -> None:
    runs, file = two / "runs", two / "next.yaml"
    ask([str(runs / "bad")], runs, write=file)
    assert "extends" not in file.read_text()
    loaded, before = load(str(file)), load(str(runs / "bad" / CONFIG))
    assert loaded.config == before.config.replace(early_stopping=None)
    ended = workplace.train(file.read_text(), "training.epochs=2")
    assert ended.status["state"] == "finished"
    whole = file.read_text()
    ask([str(runs / "bad")], runs, write=file)
    assert file.read_text() == whole
    file.write_text("name: mine\n")
    with pytest.raises(UsageError, match="next"):
        ask([str(runs / "bad")], runs, write=file)
    ask([str(runs / "well")], runs, write=two / "none.yaml")
    assert not (two / "none.yaml").exists()


def test_the_evidence_is_drawn(two: Path) -> None:
    shutil.copytree(named("exploding-gradient").run.path, two / "runs" / "gone")  # no epoch
    for each in ("bad", "well", "gone"):
        answer = ask([str(two / "runs" / each)], two / "runs", png=two / f"{each}.png")
        assert present(answer, "quiet") == 0
        assert (two / f"{each}.png").read_bytes().startswith(b"\x89PNG")


def test_a_damaged_file_is_named(two: Path) -> None:
    (two / "runs/bad" / CARD).write_text('{"format": 1}')
    assert "card.json is damaged" in tuner(two, "diagnose", "bad", code=4)[1]


# ---- the recipe for tables -------------------------------------------------------------------------------------------

RECIPE = """
data: {name: iris, normalize: robust}
model: {name: mlp, hidden: [64, 64, 64], activation: mish, initializer: neural_tangent, input_scale: true,
        output: {initializer: zeros}}
loss: cross_entropy
optimizer: {name: adam, lr: 0.04, betas: [0.9, 0.95],
            lr_factors: {weights: inverse_sqrt_fan_in, bias: 0.1, input_scale: 6}}
scheduler: cosine_log
training: {epochs: 60}
"""


@pytest.mark.parametrize(
    ("changes", "stage", "rule"),
    [
        ([], "healthy", ""),
        (["optimizer.lr=4e-6"], "training", "learning-rate-too-low"),
        (["optimizer.lr=40"], "training", "learning-rate-too-high"),
        (["training.epochs=1"], "training", "too-few-epochs"),
        (["model.hidden=[1]", "optimizer.lr=0.004", "training.batch_size=8"], "training", "capacity-too-small"),
    ],
)
def test_what_begins_at_zero_and_has_rates_of_its_own_is_judged_as_what_it_is(
    workplace: Any, changes: list[str], stage: str, rule: str
) -> None:
    """An output of zeros lets no gradient past it at first, and its first step is as large as it is."""
    run = workplace.train(RECIPE, *changes).run
    found = diagnose(evidence_of(read(run)))
    first = found.findings[0].rule if found.findings else ""
    assert (found.outcome.stage, first) == (stage, rule), found.outcome.words
    assert len({each.rule for each in found.findings} & {"learning-rate-too-high", "learning-rate-too-low"}) < 2


def test_no_better_than_always_the_same_answer_is_never_called_healthy(workplace: Any) -> None:
    text = "data: {name: iris, limit: 3, validation: 0}\ntraining: {epochs: 2, monitor: train_loss}"
    outcome = diagnose(evidence_of(read(workplace.train(text).run))).outcome
    assert (outcome.stage, "too few samples" in outcome.words) == ("unknown", True)
