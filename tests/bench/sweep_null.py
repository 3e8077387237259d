"""How often `tuner sweep` says that something is better where nothing can be.

    python tests/bench/sweep_null.py [--sweeps 100] [--keep FILE]

The config adds a noise to its samples. The sweep searches how many noises of 1e-9 are added before it, which are
nothing but numbers drawn: each trial has another noise of the same law than the config without a change, and its
training goes another way, no better and no worse. As all sweeps confirm with the same seeds, each has a split of the
data, a batch size and noises of 1e-9 of its own, so that no two see the same numbers. Of 8 trials the best three are
confirmed with eight other seeds on test data, as by default. A sweep in which a trial is said to be better is wrong.
What was measured is kept in the file that `--keep` names, so that the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sweep_search import made

from tuner.asks.compare.words import BETTER, WORSE
from tuner.asks.sweep.verdict import confirmed
from tuner.sweep.confirm import confirm

NOISE, NOTHING = {"name": "noise", "std": 0.5}, {"name": "noise", "std": 1e-9}
TRIALS, OFFSETS = 8, 25


def config(number: int) -> dict[str, Any]:
    """What the YAML file of a sweep holds."""
    first, batch = number % OFFSETS, 24 + 4 * (number // OFFSETS)
    base, *others = [[*[NOTHING] * (first + count), NOISE] for count in range(TRIALS + 1)]
    return {
        "seed": number,
        "data": {"name": "iris", "split_seed": number, "augment": base},
        "model": {"hidden": [16]},
        "optimizer": {"name": "adam", "lr": 0.02},
        "training": {"epochs": 6, "batch_size": batch, "threads": 1},
        "layer_stats": "none",
        "sweep": {"trials": TRIALS, "planner": "random", "seed": number, "space": {"data": {"augment": others}}},
    }


def job(number: int) -> dict[str, Any]:
    """A sweep from its first trial to its verdict."""
    import torch

    torch.set_num_threads(1)
    with made(config(number), ()) as sweep:
        for _ in sweep.course():
            pass
        for _ in confirm(sweep.session, sweep.ledger, sweep.stop, sweep.by):
            pass
        verdict = confirmed(sweep.ledger.head)
    assert verdict is not None
    pairs = [{key: getattr(each, key) for key in ("verdict", "pairs", "mean", "p")}
             for each in verdict.comparison.differences]  # fmt: skip
    return {"sweep": number, "winner": verdict.winner, "metric": str(verdict.comparison.metric), "differences": pairs}


def interval(count: int, of: int) -> tuple[float, float]:
    """Of a share, with 95 % confidence: Clopper, Pearson (1934)."""
    from scipy.stats import binomtest

    found = binomtest(count, of).proportion_ci()
    return float(found.low), float(found.high)


def told(what: str, count: int, of: int) -> str:
    low, high = interval(count, of)
    return f"{what}: {count} of {of}, {count / of:.1%} (95 % {low:.1%} to {high:.1%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=100)
    parser.add_argument("--keep", type=Path, default=Path("sweep_null.jsonl"))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    lines = asked.keep.read_text().splitlines() if asked.keep.exists() else []
    kept = {row["sweep"]: row for row in map(json.loads, lines)}
    todo = [number for number in range(asked.sweeps) if number not in kept]
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as pool, asked.keep.open("a") as out:
        for done in as_completed([pool.submit(job, number) for number in todo]):
            row = done.result()
            out.write(json.dumps(row) + "\n")
            out.flush()
            kept[row["sweep"]] = row
    rows = [kept[number] for number in range(asked.sweeps)]
    pairs = [each for row in rows for each in row["differences"]]
    print(f"on {rows[0]['metric']}, {min(each['pairs'] for each in pairs)} seeds a comparison or more")
    print(told("sweeps that say something is better", sum(row["winner"] is not None for row in rows), len(rows)))
    for verdict in (BETTER, WORSE):
        print(told(f"comparisons that say {verdict}", sum(each["verdict"] == verdict for each in pairs), len(pairs)))


if __name__ == "__main__":
    main()
