"""How far ready configs get on the data that come with tuner: `diagnose` holds a run on the same data against it.

    TUNER_DATA=... python tests/bench/references.py RUNS [NAME...]

Each config is trained with five splits into the folder RUNS; the same command goes on. Of the configs of the same data
the one that is best on validation data is written into src/tuner/data/card/references.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tuner.config.load import load
from tuner.data.card.facts import Reference, Spread
from tuner.data.card.reference import FILE, problem
from tuner.figures import deviation, mean
from tuner.runs.data import read_data
from tuner.runs.family import find_group
from tuner.shipped import configs

SPLITS = 5
DIGITS = 6


def measure(name: str, runs: str) -> dict[str, Any]:
    """Trains a config, and says what its runs got: an entry of references.json."""
    command = [sys.executable, "-m", "tuner", "train", name, "--splits", str(SPLITS), "-q", "--runs-dir", runs]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    members = list(find_group(ended.stdout.strip(), Path(runs)).runs.values())
    best = [dict(run.status["best"]) for run in members]
    metric = "accuracy" if "val_accuracy" in best[0] else "r2"
    train, validation = (spread([row[f"{part}_{metric}"] for row in best]) for part in ("train", "val"))
    print(
        f"{name:16} {metric} of {len(best)} splits: training {train.mean:.4f} ({train.std:.4f}), "
        f"validation {validation.mean:.4f} ({validation.std:.4f})",
        flush=True,
    )
    return {
        "data": problem(load(str(configs()[name])).config.data),
        "samples": min(int(read_data(run).parts["train"]["samples"]) for run in members),
        "reference": asdict(Reference(name, metric, len(best), train, validation)),  # type: ignore[arg-type]
    }


def spread(values: list[float]) -> Spread:
    return Spread(*(float(f"{each:.{DIGITS}g}") for each in (mean(values), deviation(values))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs")
    parser.add_argument("names", nargs="*", default=[name for name in configs() if name != "table"])
    asked = parser.parse_args()
    best: dict[str, dict[str, Any]] = {}
    for found in (measure(name, asked.runs) for name in asked.names):
        key = json.dumps(found["data"])
        if key not in best or reached(found) > reached(best[key]):
            best[key] = found
    FILE.write_text(json.dumps([best[key] for key in sorted(best)], indent=1) + "\n")


def reached(found: dict[str, Any]) -> float:
    return float(found["reference"]["validation"]["mean"])


if __name__ == "__main__":
    main()
