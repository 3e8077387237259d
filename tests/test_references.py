"""What ready configs get on the data that come with tuner: for which runs it holds, what a diagnosis makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded import RUNS, called, changed, named, recorded

from tuner.answer import Text
from tuner.asks.diagnose import ask
from tuner.config.load import load
from tuner.data.card.facts import Reference, Spread, reference_from
from tuner.data.card.reference import FILE, LEAST_SHARE, problem, reference_of
from tuner.diagnosis import Outcome, diagnose
from tuner.runs.card import read_card
from tuner.runs.evidence import Evidence
from tuner.runs.folder import glance
from tuner.shipped import configs

KNOWN: list[dict[str, Any]] = json.loads(FILE.read_bytes())
PERFECT = Spread(1.0, 0.0)


@pytest.mark.parametrize("told", KNOWN, ids=lambda told: told["data"]["name"])
def test_a_reference_is_of_a_ready_config_and_its_data(told: dict[str, Any]) -> None:
    found = reference_from(told["reference"])
    source = load(str(configs()[found.config])).config.data
    assert problem(source) == told["data"]
    assert reference_of(source, told["samples"]) == found
    assert reference_of(source, int(LEAST_SHARE * told["samples"]) - 1) is None
    assert found.runs >= 5


@pytest.mark.parametrize(
    ("settings", "is_known"),
    [
        ((), True),
        (("data.split_seed=7", "data.normalize=minmax", "data.shuffle=false", "data.order=by_class"), True),
        (("data.validation=0.05", "data.augment=[flip]"), True),
        (("data.fold={of: 5, index: 2}",), True),
        (("data.limit=100",), False),
        (("data.test=0.5",), False),
        (("data.label_noise=0.2",), False),
        (("data.shift=[{name: noise, std: 0.5}]",), False),
        (("data=iris",), False),
    ],
)
def test_it_holds_for_the_same_problem_alone(workplace: Any, settings: tuple[str, ...], is_known: bool) -> None:
    splits = workplace.open("{data: digits, training: {epochs: 1}}", *settings, again=True).splits
    assert (splits.card.reference is not None) == is_known


def test_a_run_keeps_it_and_a_diagnosis_tells_it(workplace: Any) -> None:
    path: Path = workplace.train("{data: wine, model: {hidden: [4]}, training: {epochs: 1}}").run
    card = read_card(glance(path))
    assert card is not None and card.reference is not None
    answer = ask([str(path)], path.parent)
    signals = {each["signal"]: each["value"] for each in answer.data["evidence"]}
    assert signals["train_accuracy of wine, 5 splits"] == card.reference.train.mean
    assert any("ready config wine" in block.text for block in answer.blocks if isinstance(block, Text))


# ---- what it changes -------------------------------------------------------------------------------------------------


def beside(evidence: Evidence, train: Spread, validation: Spread = PERFECT) -> Evidence:
    """The same where a ready config gets that much."""
    assert evidence.card is not None
    known = Reference("other", "r2" if evidence.metric == "r2" else "accuracy", 5, train, validation)
    return replace(evidence, card=replace(evidence.card, reference=known))


@pytest.mark.parametrize("path", RUNS, ids=called)
def test_that_others_are_better_is_no_reason(path: Path) -> None:
    """Without a rule that is sure of something a run that was healthy stays it."""
    evidence = recorded(path)
    before, after = diagnose(evidence), diagnose(beside(evidence, PERFECT))
    likely = [found for found in (*before.findings, *before.risks) if found.confidence >= 0.7]
    if not likely:
        assert (before.outcome.stage, before.findings) == (after.outcome.stage, after.findings)


def outcome(train: float, *spread: float) -> Outcome:
    """Of three epochs of MNIST that end at an accuracy on training data, where a ready config has that mean and
    deviation; () without one."""
    evidence = named("structure-mismatch", "quiet")  # pictures, of which simple models say little
    rows = [{**row, "train_accuracy": train, "val_accuracy": train} for row in evidence.run.rows[:2]]
    short = changed(evidence, rows=rows)
    return diagnose(beside(short, Spread(*spread), Spread(*spread)) if spread else short).outcome


def test_a_likely_reason_counts_where_a_ready_config_is_clearly_better() -> None:
    assert [outcome(0.95).stage, outcome(0.95, 0.999, 0.001).stage] == ["healthy", "training"]
    assert "the ready config other gets 0.9990" in outcome(0.95, 0.999, 0.001).words
    assert outcome(0.95, 0.999, 0.02).stage == "healthy", "chance may be the reason"
    assert outcome(0.95, 0.96, 0.001).stage == "healthy", "it is as good"
