"""How long from `tuner train` to the first step, against `python -c 'import torch'`.

    TUNER_DATA=... python tests/bench/start.py [--rounds 7] [--models digits mnist-mlp]

`tuner train -q` prints the run's path when the data is read, the network built and the folder made: the first step is
next. Both commands take turns within a round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tuner import machine


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def to_first_step(name: str, folder: Path, number: int) -> float:
    """Seconds until `tuner train NAME` has written its run folder and shows the first epoch as begun."""
    command = [
        sys.executable,
        "-m",
        "tuner",
        "train",
        name,
        "--run",
        f"{name}-{number}",
        "--runs-dir",
        str(folder),
        "-q",
    ]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the run's path is printed when everything is built: the first step is next
        taken = time.perf_counter() - began
        process.kill()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", default=["digits", "mnist-mlp"])
    asked = parser.parse_args()
    print(f"{machine.cpu_model()}, {machine.cores()} cores, torch {machine.versions()['torch']}, {asked.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.models:
            to_first_step(name, Path(folder), 0)
            pairs = []
            for number in range(1, asked.rounds + 1):
                torch_alone = seconds([sys.executable, "-c", "import torch"])
                pairs.append((to_first_step(name, Path(folder), number), torch_alone))
            ratio = statistics.median(ours / alone for ours, alone in pairs)
            ours, alone = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{name:12} first step after {ours:.2f} s, import torch {alone:.2f} s, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
