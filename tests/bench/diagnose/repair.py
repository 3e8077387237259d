"""How far the changes that a diagnosis proposes bring a fault back to its twin.

    TUNER_DATA=... python tests/bench/diagnose/repair.py WORK [--side hold-out] [--rounds 1] [--seeds 3] [--json]

For every fault that does harm (labels.py) and every seed-0 run that is told a finding: at most four changes, the first
of each finding and then the others, are trained with the fault's own seed; the one that is best on validation data is
trained with other seeds. With more rounds it is diagnosed first, as `--rounds` does, and changed further while that is
better on validation data. What it brings back is (repaired - faulty) / (twin - faulty) on what the fault is measured
on, means over these seeds, between 0 and 1; from 0.8 on a fault is repaired. A run that is told nothing brings nothing.
Faults that lie in the samples themselves (suite.py) count, and the others are counted by themselves, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labels import Result, by_case, harms, number, results
from score import PARTS, Share
from suite import Case, cases
from train import RUNS, trained

MOST = 4
REPAIRED = 0.8


@dataclass(frozen=True)
class Repair:
    """What became of a fault: how many changes were tried, the chosen ones, how much of the loss came back."""

    case: Case
    tried: int
    change: str
    share: float


def changes_of(run: Path) -> list[dict[str, Any]]:
    """The changes that the diagnosis of a run proposes, in the order in which they are to be tried."""
    from tuner.diagnosis import diagnose, evidence_of
    from tuner.rules import proposals
    from tuner.runs.folder import read

    asked = [dict(change) for _, change in proposals(diagnose(evidence_of(read(run))).findings)]
    return [change for at, change in enumerate(asked) if change not in asked[:at]]


def with_change(case: Case, change: dict[str, Any], run: Path) -> Case:
    """The config of a run, as `tuner train RUN KEY=VALUE...` has it, with a change, by which it is called."""
    from tuner.runs.folder import read

    settings = tuple(f"{key}={json.dumps(value)}" for key, value in change.items())
    name = f"{case.name}--{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]}"
    return replace(case, name=name, base=read(run).config, overrides=settings, seeds=(0,))


def is_loadable(case: Case) -> bool:
    """Whether the config language takes the change."""
    from tuner.config.load import load
    from tuner.errors import TunerError

    try:
        load("bench", case.overrides, default_name=case.name, given=case.text)
    except TunerError:
        return False
    return True


def train_all(work: Path, asked: list[Case], processes: int) -> dict[str, list[Result]]:
    """Trains what is missing of these cases; their results by name."""
    (work / RUNS).mkdir(parents=True, exist_ok=True)
    there = {(each.case.name, each.seed) for each in results(work, asked)}
    todo = [(case, seed) for case in asked for seed in case.seeds if (case.name, seed) not in there]
    for at, row in enumerate(trained(work, todo, processes), 1):
        print(f"{at}/{len(todo)} {row['case']}-{row['seed']}: {row['state']}", file=sys.stderr, flush=True)
    return by_case(results(work, asked))


def judged(result: Result) -> float:
    """What a change is chosen by: the fault's measure where that is of validation data, else the metric there."""
    from tuner.runs.folder import read

    measure = result.case.measure
    metric = measure if measure.startswith("val_") else f"val_{'r2' if 'r2' in measure else 'accuracy'}"
    return number(read(result.folder), metric)


@dataclass(frozen=True)
class Reached:
    """Where a fault is after some rounds: the run with the changes so far, its case (None: no change was tried)."""

    run: Path
    case: Case | None = None
    changes: tuple[dict[str, Any], ...] = ()
    tried: int = 0
    value: float = float("-inf")


def one_round(place: Path, at: dict[str, Reached], case_of: dict[str, Case], processes: int) -> dict[str, Reached]:
    """Diagnoses each run, tries its changes, and keeps the best of them where that is better than what there is."""
    tries: dict[str, list[tuple[Case, dict[str, Any]]]] = {}
    for name, reached in at.items():
        case = reached.case or case_of[name]
        asked = [(with_change(case, change, reached.run), change) for change in changes_of(reached.run)]
        tries[name] = [each for each in asked if is_loadable(each[0])][:MOST]
    found = train_all(place, [case for many in tries.values() for case, _ in many], processes)
    after: dict[str, Reached] = {}
    for name, reached in at.items():
        there = [(found[case.name][0], change) for case, change in tries[name] if case.name in found]
        after[name] = replace(reached, tried=reached.tried + len(tries[name]))
        best = max(there, key=lambda each: judged(each[0]), default=None)
        if best is not None and judged(best[0]) > reached.value:
            result, change = best
            changes, tried = (*reached.changes, change), after[name].tried
            after[name] = Reached(result.folder, result.case, changes, tried, judged(result))
    return after


def repairs(work: Path, side: str, rounds: int, seeds: int, processes: int) -> Iterator[Repair]:
    """Tries and judges the changes of every fault of a side that does harm."""
    suite = cases(work)
    known = by_case(results(work, suite))
    harmful = {name for name, each in harms([one for many in known.values() for one in many]).items() if each.is_one}
    chosen = [case for case in suite if case.name in harmful and case.is_tuned == PARTS[side]]
    at = {case.name: Reached(next(each.folder for each in known[case.name] if each.seed == 0)) for case in chosen}
    place, case_of = work / "repair", {case.name: case for case in chosen}
    for _ in range(rounds):
        at = one_round(place, at, case_of, processes)
    best = {name: each.case for name, each in at.items() if each.case is not None}
    judged_by = train_all(place, [replace(case, seeds=tuple(range(1, 1 + seeds))) for case in best.values()], processes)
    for case in chosen:
        reached = at[case.name]
        share = share_of(case, known, judged_by[best[case.name].name]) if case.name in best else 0.0
        yield Repair(case, reached.tried, ", then ".join(map(json.dumps, reached.changes)), share)


def share_of(case: Case, known: dict[str, list[Result]], repaired: list[Result]) -> float:
    """How much of what a fault costs came back, of the seeds that all three were trained with."""
    by_seed = [
        {each.seed: number_of(each, case) for each in many} for many in (known[case.name], known[case.twin], repaired)
    ]
    seeds = sorted(set(by_seed[2]) & set(by_seed[0]) & set(by_seed[1]) - {0})
    faulty, twin, now = (sum(each[seed] for seed in seeds) / len(seeds) for each in by_seed)
    return min(1.0, max(0.0, (now - faulty) / (twin - faulty))) if twin > faulty else 1.0


def repaired(found: list[Repair]) -> Share:
    return Share(sum(each.share >= REPAIRED for each in found), len(found))


def number_of(result: Result, case: Case) -> float:
    """A run's value of the fault's measure, larger being better."""
    from tuner.runs.folder import read

    return number(read(result.folder), case.measure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--side", choices=PARTS, default="hold-out")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = list(repairs(asked.work, asked.side, asked.rounds, asked.seeds, asked.processes))
    whole, of_config = repaired(found), repaired([each for each in found if not each.case.is_of_samples])
    mean = sum(each.share for each in found) / max(1, len(found))
    if asked.json:
        rows = [
            {"case": each.case.name, "tried": each.tried, "change": each.change, "share": each.share} for each in found
        ]
        told = {"side": asked.side, "repaired": whole.plain(), "of config": of_config.plain(), "mean": mean}
        print(json.dumps({**told, "faults": rows}))
        return
    print(f"{asked.side}: at least {REPAIRED:.0%} of the loss came back for {whole}; {mean:.0%} in the mean;")
    print(f"without faults of the samples themselves for {of_config};")
    print(
        f"{sum(each.tried for each in found) / max(1, len(found)):.1f} changes tried a fault, {MOST} at most a round\n"
    )
    print("| fault | tried | change | came back |\n|---|---|---|---|")
    for each in sorted(found, key=lambda one: one.share):
        print(f"| {each.case.name} | {each.tried} | {each.change} | {each.share:.0%} |")


if __name__ == "__main__":
    main()
