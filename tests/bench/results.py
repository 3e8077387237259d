"""What the ready configs reach: each is trained with seeds 0, 1 and 2; the mean goes into its comment and README.

    TUNER_DATA=... python tests/bench/results.py [--update] [NAME...]

`--update` rewrites the `# reaches` line of each config and the table in README.md from what was just measured.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tuner import machine
from tuner.figures import duration
from tuner.shipped import configs

README = Path(__file__).parents[2] / "README.md"
SEEDS = (0, 1, 2)
START, END = "<!-- results: tests/bench/results.py --update -->", "<!-- /results -->"


def train(name: str, seed: int, runs: str) -> tuple[dict[str, Any], float]:
    """The last event of a run and its seconds, start-up included."""
    command = [sys.executable, "-m", "tuner", "train", name, f"seed={seed}", "-q", "--json", "--runs-dir", runs]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), time.monotonic() - began


def measure(name: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as runs:
        results = [train(name, seed, runs) for seed in SEEDS]
    metric = "accuracy" if "accuracy" in results[0][0]["test"] else "r2"
    values = [ended["test"][metric] for ended, _ in results]
    found = {
        "metric": metric,
        "mean": statistics.mean(values),
        "values": values,
        "seconds": statistics.mean(seconds for _, seconds in results),
    }
    print(
        f"{name:16} test {metric} {found['mean']:.4f} ({', '.join(f'{v:.4f}' for v in values)}), "
        f"{found['seconds']:.1f} s a run",
        flush=True,
    )
    return found


def reaches(found: dict[str, Any]) -> str:
    return (
        f"# reaches a test {found['metric']} of {found['mean']:.3f} (mean of seeds 0, 1, 2) "
        f"in {duration(found['seconds'])} on {machine.cores()} cores"
    )


def update_config(path: Path, line: str) -> None:
    text = path.read_text()
    path.write_text(re.sub(r"^# reaches .*$", line, text, count=1, flags=re.MULTILINE))


def table(results: dict[str, dict[str, Any]]) -> str:
    lines = ["| config | test metric | mean | seed 0, 1, 2 | a run takes |", "|---|---|---:|---|---:|"]
    for name, found in results.items():
        each = ", ".join(f"{value:.4f}" for value in found["values"])
        lines.append(f"| `{name}` | {found['metric']} | {found['mean']:.4f} | {each} | {duration(found['seconds'])} |")
    where = f"{machine.cpu_model()}, {machine.cores()} cores, torch {machine.versions()['torch']}"
    return "\n".join([*lines, "", f"Measured on {where}, start-up included."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[name for name in configs() if name != "table"])
    parser.add_argument("--update", action="store_true")
    asked = parser.parse_args()
    results = {name: measure(name) for name in asked.names}
    if asked.update:
        for name, found in results.items():
            update_config(configs()[name], reaches(found))
        if set(results) == set(configs()):
            before, _, rest = README.read_text().partition(START)
            README.write_text(f"{before}{START}\n{table(results)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
