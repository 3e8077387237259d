"""How many epochs `tuner sweep` needs to find what a random search finds: its planner with pruning beside 40 trials.

    TUNER_DATA=... python tests/bench/sweep_search.py [--seeds 10] [--problems digits ...] [--keep FILE] [KEY=VALUE ...]

Five problems, six settings each, ten seeds of the sweep. The random search trains every trial to its end: its best, the
lowest validation loss, is the goal. Then tpe with halving, as they are by default (KEY=VALUE: other settings of the
sweep), goes on until one of its trials is as good; an epoch counts where it is trained, that of a trial that is pruned
later or was not over yet, too. It is given up after twice the random search's epochs. Medians have the interval of the
order statistics that holds them at 95 %. Both begin with the same points. What was measured is kept in the file that
`--keep` names, so that the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sweeping import searching

from tuner.document.writing import to_yaml
from tuner.events import EpochDone, TrialEnded, TrialTold
from tuner.sweep.search import Searching

TRIALS, MOST, GOAL = 40, 2.0, 0.6
EPOCHS = 30
PROBLEMS: dict[str, dict[str, Any]] = {
    "digits": {"data": {"name": "digits"}},
    "breast_cancer": {"data": {"name": "breast_cancer"}},
    "diabetes": {"data": {"name": "diabetes"}, "loss": "mse"},
    "mnist": {"data": {"name": "mnist", "limit": 1000}},
    "abalone": {"data": {"name": "table", "path": "tabular/abalone.csv", "target": "rings", "task": "numbers"},
                "loss": "mse"},
}  # fmt: skip
BATCHES = {"digits": [128, 256], "abalone": [256, 512]}
SPACE: dict[str, Any] = {
    "optimizer": {"lr": {"low": 1e-4, "high": 0.1, "log": True},
                  "weight_decay": {"low": 1e-5, "high": 1.0, "log": True}},
    "model": {"hidden": [[32], [64], [128], [64, 64]], "activation": ["relu", "tanh", "gelu", "sigmoid"],
              "dropout": {"low": 0.0, "high": 0.6}},
}  # fmt: skip
SHAPE: dict[str, Any] = {
    "optimizer": "adamw",
    "training": {"epochs": EPOCHS, "threads": 1},
    "layer_stats": "none",
    "checkpoint": {"every": EPOCHS},
}


def config(problem: str, sweep: dict[str, Any]) -> dict[str, Any]:
    """What the YAML file of a sweep holds."""
    own = PROBLEMS[problem]
    data = {"validation": 0.2, **own["data"]}
    if "path" in data:
        data["path"] = f"{os.environ['TUNER_DATA']}/{data['path']}"
    space = {**SPACE, "training": {"batch_size": BATCHES.get(problem, [64, 128, 256])}}
    return {**own, **SHAPE, "data": data, "sweep": {"space": space, "confirm": None, "keep": 0, **sweep}}


@contextmanager
def made(config: Mapping[str, Any], overrides: Sequence[str]) -> Iterator[Searching]:
    """The sweep that a YAML file with `config` stands for, in a folder that goes away."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:  # noqa: S108
        file = Path(folder) / "bench.yaml"
        file.write_text(to_yaml(dict(config)))
        yield searching(file, Path(folder), *overrides)


def searched(problem: str, asked: dict[str, Any], overrides: Sequence[str], goal: float, most: float) -> dict[str, Any]:
    """A sweep until it is over, one of its trials has a loss of `goal`, or it has trained `most` epochs: the best loss,
    the epochs, and what came of each trial."""
    with made(config(problem, asked), overrides) as sweep:
        ledger, spent, best = sweep.ledger, 0, math.inf
        for event in sweep.course():
            if isinstance(event, TrialTold) and isinstance(event.event, EpochDone):
                spent += 1
            elif isinstance(event, TrialEnded) and event.state == "finished" and event.value is not None:
                best = min(best, event.value)
            if best <= goal or spent >= most:
                break
        points = {number: dict(trial.values) for number, trial in ledger.head.trials.items()}
        trials = [{"values": points[at], **vars(ledger.progress[at])} for at in points]
        return {"best": best, "epochs": spent, "trials": trials}


def at_random(problem: str, seed: int) -> dict[str, Any]:
    """The search that sets the goal."""
    return searched(problem, {"planner": "random", "trials": TRIALS, "seed": seed}, (), -math.inf, math.inf)


def job(problem: str, seed: int, overrides: Sequence[str], random: dict[str, Any] | None) -> dict[str, Any]:
    """Both searches; `random` is what the first one came to, where that is known."""
    import torch

    torch.set_num_threads(1)
    random = random or at_random(problem, seed)
    asked = {"planner": "tpe", "trials": 100_000, "seed": seed, "prune": "halving"}
    found = searched(problem, asked, overrides, random["best"], MOST * random["epochs"])
    return {"problem": problem, "seed": seed, "settings": list(overrides), "random": random, "tpe": found,
            "share": found["epochs"] / random["epochs"] if found["best"] <= random["best"] else math.inf}  # fmt: skip


def interval(values: list[float]) -> tuple[float, float]:
    """The order statistics that hold the median at 95 % or more."""
    count, below = len(values), 0
    while 2 * sum(math.comb(count, each) for each in range(below + 1)) / 2**count <= 0.05:
        below += 1
    inside = sorted(values)[max(0, below - 1) : count - max(0, below - 1)]
    return inside[0], inside[-1]


def line(name: str, rows: list[dict[str, Any]]) -> str:
    """One of the table's: how many reached the goal, and with which share of the random search's epochs."""
    shares = [row["share"] for row in rows]
    middle, (low, high) = statistics.median(shares), interval(shares)
    there = sum(map(math.isfinite, shares))
    trials = statistics.median(len(row["tpe"]["trials"]) for row in rows)
    told = "{} | {} to {}".format(*(f"{each:.0%}" if math.isfinite(each) else "never" for each in (middle, low, high)))
    return f"| {name} | {there} of {len(rows)} | {told} | {sum(share <= GOAL for share in shares)} | {trials:g} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--keep", type=Path, default=Path("sweep_search.jsonl"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    asked = parser.parse_args()
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    known: dict[tuple[str, int], dict[str, Any]] = {}
    for text in asked.keep.read_text().splitlines() if asked.keep.exists() else []:
        row = json.loads(text)
        known[row["problem"], row["seed"]] = row["random"]
        if row["settings"] == asked.settings:
            kept[row["problem"], row["seed"]] = row
    todo = [(problem, seed) for seed in range(asked.seeds) for problem in asked.problems if (problem, seed) not in kept]
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool, asked.keep.open("a") as out:
        for done in as_completed([pool.submit(job, *each, asked.settings, known.get(each)) for each in todo]):
            row = done.result()
            out.write(json.dumps(row) + "\n")
            out.flush()
            kept[row["problem"], row["seed"]] = row
    print(f"| problem | reached | epochs, median | 95 % | <= {GOAL:.0%} | trials |\n|---|---:|---:|---:|---:|---:|")
    rows = [kept[problem, seed] for problem in asked.problems for seed in range(asked.seeds)]
    for problem in asked.problems:
        print(line(problem, [row for row in rows if row["problem"] == problem]))
    print(line("all", rows))


if __name__ == "__main__":
    main()
