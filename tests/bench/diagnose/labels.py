"""What is true of the runs of the suite, by their results alone: which faults do harm, which runs are bad on training
data, which configs that were meant to be healthy are not. No diagnosis is asked.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite import Case
from train import RUNS, journal

from tuner.data.splits import EVALUATED_AT_LEAST
from tuner.durable.reading import read_json
from tuner.figures import deviation, mean
from tuner.runs.files import DATA
from tuner.runs.folder import Run, read
from tuner.runs.values import parse_metric, value

LEVEL, EFFECT = 0.05, 0.5
"""The kill rule of DeepCrime (Humbatova, Jahangirova, Tonella 2021, "DeepCrime: Mutation Testing of Deep Learning
Systems Based on Real Faults"): a fault counts if p < .05 and |d| >= .5."""
POINTS, SPREADS = 0.03, 3.0
"""A config that was meant to be healthy is not where it is worse than the best of its peers by more than both."""
TRAIN_POINTS = 0.02
LEAST = 5
"""Runs on each side without which nothing is said of harm: of fewer no p is below LEVEL."""
WORST = {"r2": -1.0}
"""What a run has that diverged, or is worse than it; 0 for the other metrics."""


@dataclass(frozen=True)
class Result:
    """A run that came to an end: its case's measure, the same metric of its best epoch on training and validation data,
    and that on training data in its best or its last epoch, whichever is better: what it has learned of them."""

    case: Case
    seed: int
    folder: Path
    measured: float
    train: float
    validation: float
    learned: float
    sizes: Mapping[str, int] = field(default_factory=dict)
    """How many samples training and validation are measured on."""

    def spread(self, part: str) -> float:
        """The standard error of what is measured on a part, of its samples: of an accuracy by the binomial, of r2 by
        Olkin and Finn (1995), "Correlations Redux", Psychological Bulletin 118: 4 r2 (1 - r2)^2 / n is its variance."""
        samples, found = self.sizes.get(part, 0), getattr(self, part)
        if not samples:
            return 0.0
        is_r2 = "r2" in self.case.measure
        variance = 4 * max(found, 0.0) * (1 - found) ** 2 if is_r2 else found * (1 - found)
        return math.sqrt(variance / samples)


def results(work: Path, found: Iterable[Case]) -> list[Result]:
    """The runs that are there, in the order of the cases."""
    by_name = {case.name: case for case in found}
    rows = [row for row in journal(work) if row["case"] in by_name and row["state"] in ("finished", "diverged")]
    rows = [row for row in rows if row["config"] == by_name[row["case"]].digest]
    order = {name: at for at, name in enumerate(by_name)}
    rows.sort(key=lambda row: (order[row["case"]], row["seed"]))
    return [result(by_name[row["case"]], row, work / RUNS / row["folder"]) for row in rows]


def result(case: Case, row: Mapping[str, Any], folder: Path) -> Result:
    run = read(folder)
    metric = "r2" if "r2" in case.measure else "accuracy"
    asked = (case.measure, f"train_{metric}", f"val_{metric}", f"train_{metric}@last")
    measured, train, validation, last = (number(run, each) for each in asked)
    parts = read_json(folder / DATA)["parts"]
    held = parts.get("validation", {}).get("samples", 0)
    sizes = {"train": min(parts["train"]["samples"], max(held, EVALUATED_AT_LEAST)), "validation": held}
    return Result(case, row["seed"], folder, measured, train, validation, max(train, last), sizes)


def number(run: Run, asked: str) -> float:
    """A run's value of a metric, not below the worst."""
    worst = WORST.get("r2" if "r2" in asked else "", 0.0)
    if run.state == "diverged":
        return worst
    found = value(run, parse_metric(asked))
    return worst if found is None or not math.isfinite(found) else max(worst, found)


def by_case(found: Iterable[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for each in found:
        groups[each.case.name].append(each)
    return dict(groups)


# ---- harm ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Harm:
    """How much worse a fault's runs are than its twin's on what it is measured on."""

    loss: float
    p: float
    effect: float

    @property
    def is_one(self) -> bool:
        return self.loss > 0 and self.p < LEVEL and self.effect >= EFFECT


def permutation_p(worse: Sequence[float], better: Sequence[float]) -> float:
    """The share of all ways to deal the values out anew that part the means at least as far: two-sided, exact."""
    values, size = [*worse, *better], len(worse)
    gap, total = abs(mean(worse) - mean(better)) - 1e-12, sum(values)
    sums = [sum(chosen) for chosen in itertools.combinations(values, size)]
    return mean([abs(each / size - (total - each) / len(better)) >= gap for each in sums])


def harm(fault: Sequence[float], twin: Sequence[float]) -> Harm:
    """By values of the same metric, larger being better; Cohen's d is infinite where neither side varies."""
    spread = math.sqrt((deviation(fault) ** 2 + deviation(twin) ** 2) / 2)
    gap = mean(twin) - mean(fault)
    return Harm(gap, permutation_p(fault, twin), abs(gap) / spread if spread else math.inf)


def harms(found: Iterable[Result]) -> dict[str, Harm]:
    """Of every fault that has enough runs, as its twin has."""
    groups = by_case(found)
    enough = {name: runs for name, runs in groups.items() if len(runs) >= LEAST}
    return {
        name: harm([run.measured for run in runs], same_measure(runs[0].case, enough[runs[0].case.twin]))
        for name, runs in enough.items()
        if runs[0].case.kind == "fault" and runs[0].case.twin in enough
    }


def unharmed(found: Iterable[Result]) -> set[tuple[str, int]]:
    """(case, seed) of the faulty runs that came out as well as the twin's do on average: a fault may show in some of
    its runs only, and the others are no misses."""
    groups = by_case(found)
    spared = set()
    for runs in groups.values():
        twin = groups.get(runs[0].case.twin, [])
        if runs[0].case.kind == "fault" and twin:
            usual = mean(same_measure(runs[0].case, twin))
            spared |= {(run.case.name, run.seed) for run in runs if run.measured >= usual}
    return spared


def same_measure(case: Case, twin: Sequence[Result]) -> list[float]:
    """The twin's values of what a fault is measured on."""
    same = case.measure == twin[0].case.measure
    return [run.measured if same else number(read(run.folder), case.measure) for run in twin]


def bad_on_training(found: Iterable[Result]) -> set[tuple[str, int]]:
    """(case, seed) of the faulty runs that are clearly worse on training data than the twin's: by more than two points
    and three standard deviations of its seeds, in the best epoch and at the end: one that learned them late is good
    on them, however early its best epoch was. To call one of them overfitting first is wrong, whatever its fault."""
    groups = by_case(found)
    bad = set()
    for runs in groups.values():
        twin = [run.learned for run in groups.get(runs[0].case.twin, [])]
        if runs[0].case.kind == "fault" and len(twin) > 1:
            least = mean(twin) - max(TRAIN_POINTS, SPREADS * deviation(twin))
            bad |= {(run.case.name, run.seed) for run in runs if run.learned < least}
    return bad


# ---- health ----------------------------------------------------------------------------------------------------------


def unhealthy(found: Iterable[Result]) -> dict[str, str]:
    """Configs that were meant to be healthy and whose result is bad, with what is: their mean on training or validation
    data is below that of the best of their peers (the same samples, the same kind of network) by more than three points
    and three standard deviations: of the seeds, pooled over the twins on this data set, and of the samples together."""
    groups = {name: runs for name, runs in by_case(found).items() if runs[0].case.kind in ("twin", "healthy")}
    told: dict[str, str] = {}
    for part in ("train", "validation"):
        means = {name: mean([getattr(run, part) for run in runs]) for name, runs in groups.items()}
        spreads = seed_spreads(groups.values(), part)
        best: dict[tuple[str, str], float] = defaultdict(lambda: -math.inf)
        for name, runs in groups.items():
            best[runs[0].case.peers] = max(best[runs[0].case.peers], means[name])
        for name, runs in groups.items():
            case = runs[0].case
            spread = math.hypot(spreads.get(case.data, 0.0), runs[0].spread(part))
            gap = best[case.peers] - means[name]
            if gap > max(POINTS, SPREADS * spread):
                told.setdefault(name, f"{part} {means[name]:.3f}, {gap:.3f} below the best (sd {spread:.3f})")
    return told


def seed_spreads(groups: Iterable[Sequence[Result]], part: str) -> dict[str, float]:
    """Data set -> the standard deviation over the seeds of its twins, their variances averaged."""
    squares: dict[str, list[float]] = defaultdict(list)
    for runs in groups:
        if len(runs) > 1:
            squares[runs[0].case.data].append(deviation([getattr(run, part) for run in runs]) ** 2)
    return {data: math.sqrt(mean(each)) for data, each in squares.items()}
