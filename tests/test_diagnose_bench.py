"""The bench of the diagnosis: its statistics against brute force and scipy, its cases against the config language, and
all of it once on a few runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import materials
import numpy as np
import pytest
import suite
from labels import Result, bad_on_training, harm, permutation_p, unhealthy
from published import TOOLS, symptoms
from scipy import stats
from score import Judged, measures, of_rules, wilson

BENCH = Path(__file__).parent / "bench" / "diagnose"


def case(name: str, kind: str, cause: tuple[str, ...] = (), twin: str = "") -> suite.Case:
    base = {"data": {"name": "digits"}, "model": {"name": "mlp"}}
    return suite.Case(name, kind, "digits/mlp", base, (), "val_accuracy@last", cause, twin)


def results(named: suite.Case, measured: list[float], train: list[float] | None = None) -> list[Result]:
    rows = zip(measured, train or measured, strict=True)
    return [Result(named, seed, Path(), value, other, value, other) for seed, (value, other) in enumerate(rows)]


def test_p_is_that_of_all_ways_to_deal_the_values_out() -> None:
    draw = np.random.default_rng(0)
    one, other = draw.normal(0, 1, 5).tolist(), draw.normal(1, 1, 5).tolist()
    means = stats.permutation_test((one, other), lambda a, b: np.mean(a) - np.mean(b), n_resamples=np.inf)
    assert permutation_p(one, other) == pytest.approx(means.pvalue)
    assert permutation_p([0.0] * 5, [1.0] * 5) == pytest.approx(2 / 252)
    assert permutation_p([1.0] * 5, [1.0] * 5) == 1


def test_a_fault_has_to_do_harm_to_count() -> None:
    assert harm([0.1, 0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.9, 0.9, 0.9]).is_one
    assert not harm([0.9, 0.9, 0.9, 0.9, 0.9], [0.1, 0.1, 0.1, 0.1, 0.1]).is_one  # it did good
    assert not harm([0.90, 0.91, 0.92, 0.93, 0.94], [0.91, 0.90, 0.93, 0.92, 0.95]).is_one


def test_an_interval_is_scipys() -> None:
    for count, of in ((0, 60), (3, 60), (60, 60), (7, 9)):
        known = stats.binomtest(count, of).proportion_ci(method="wilson")
        assert wilson(count, of) == pytest.approx((known.low, known.high), abs=1e-6)


def test_a_config_far_below_its_peers_is_not_healthy_and_a_run_far_below_its_twin_is_bad_on_training() -> None:
    twin, good, bad = case("twin", "twin"), case("good", "healthy"), case("bad", "healthy")
    runs = [*results(twin, [0.95, 0.96, 0.97, 0.96, 0.95]), *results(good, [0.94]), *results(bad, [0.80])]
    assert set(unhealthy(runs)) == {"bad"}
    faulty = results(case("fault", "fault", ("overfitting",), "twin"), [0.7, 0.7], [0.96, 0.5])
    assert bad_on_training([*runs, *faulty]) == {("fault", 1)}
    late = [replace(run, train=0.5) for run in faulty]  # their best epoch came before they had learned much
    assert bad_on_training([*runs, *late]) == {("fault", 1)}


def test_a_fault_of_the_samples_has_others_than_its_twin() -> None:
    other = "data.path=other.npz"
    of_samples = {
        cause: [
            replace(case("fault", "fault", (cause,)), overrides=(each,)).is_of_samples for each in (other, "seed=1")
        ]
        for cause in ("leakage", "input-scale")
    }
    assert of_samples == {"leakage": [True, False], "input-scale": [False, False]}


def test_measures_count_what_they_say() -> None:
    fault = case("fault", "fault", ("dead-units", "init-scale"), "twin")
    said: list[tuple[str, ...]] = [("dead-units",), ("init-scale", "dead-units"), ("overfitting", "dead-units"), (), ()]
    faulty = [Judged(run, True, found) for run, found in zip(results(fault, [0.5] * 5), said, strict=True)]
    healthy = [Judged(run, False, ("oscillation",)) for run in results(case("good", "healthy"), [0.9])]
    told = {what: (each.count, each.of) for what, each in measures([*faulty, *healthy]).items()}
    assert told["healthy runs with a finding"] == (1, 1)
    assert told["faulty runs with a finding"] == (3, 5)
    assert told["faulty configs with a finding"] == (1, 1)
    assert told["right cause first"] == (2, 5)
    assert told["right cause among the first three"] == (3, 5)
    assert told["findings of the first three that are right"] == (4, 6)
    assert told["bad on training data, called overfitting"] == (1, 5)
    assert told["faults with the same first cause in 4 of 5 seeds"] == (0, 1)
    assert of_rules([*faulty, *healthy])["overfitting"]["first, wrong"] == 1
    assert of_rules([*faulty, *healthy])["oscillation"]["first, healthy"] == 1


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("TUNER_DATA"):
        pytest.skip("TUNER_DATA names no folder of data sets")
    path = tmp_path_factory.mktemp("work")
    materials.make(path / "data")
    return path


@pytest.mark.data
def test_the_language_takes_every_case_but_those_it_is_to_refuse(work: Path) -> None:
    told = list(suite.check(suite.cases(work)))
    assert not {case.name: said for case, said in told if bool(said) != (case.kind == "refused")}
    assert len({case.name for case, _ in told}) == len(told)
    assert len({(case.digest, case.kind == "fault") for case, _ in told}) == len(told)


@pytest.mark.data
def test_every_rule_has_faults_and_both_sides_are_large_enough(work: Path) -> None:
    cases = suite.cases(work)
    causes = Counter(case.cause[0] for case in cases if case.kind == "fault")
    assert set(causes) == set(suite.RULES) and min(causes.values()) >= 2
    assert {rule for case in cases for rule in case.cause} <= set(suite.RULES)
    assert suite.is_large_enough(suite.sides(cases, suite.SALT))
    assert not any(suite.is_large_enough(suite.sides(cases, salt)) for salt in range(suite.SALT))
    twins = {case.name for case in cases if case.kind == "twin"}
    assert {case.twin for case in cases if case.kind == "fault"} <= twins


@pytest.mark.data
def test_one_command_trains_what_is_missing_and_another_one_nothing(work: Path) -> None:
    command = [sys.executable, str(BENCH / "train.py"), str(work), "--processes", "1", "--only", "iris--"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def told(command: list[str]) -> Any:
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True)

    said = told(command).stderr
    assert f"{len(list((work / 'runs').iterdir()))} runs in" in said and "0 runs in" in told(command).stderr
    assert "learning-rate-too-high" in symptoms(TOOLS["UMLAUT"], work / "runs" / "iris--momentum-0")  # of any optimizer
    assert "learning-rate-too-high" not in symptoms(TOOLS["UMLAUT"], work / "runs" / "iris--tanh-0")
    judged = told([sys.executable, str(BENCH / "score.py"), str(work), "--by", "published", "--json"]).stdout
    measured = json.loads(judged)["measures"]
    assert len(measured) == len(TOOLS) and all(set(parts) == {"tune", "hold-out"} for parts in measured.values())
