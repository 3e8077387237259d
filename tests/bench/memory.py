"""How much memory training takes at its peak, against `python -c 'import torch'` and what the samples take as float32.

    TUNER_DATA=... python tests/bench/memory.py [--rounds 3] [--models mnist-mlp]

A peak is the most that lay in memory at once (maximum resident set) from a process's start to its end.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile

from tuner import machine
from tuner.config.load import load
from tuner.shipped import find_config

ONE_EPOCH = "training.epochs=1"


def peak(command: list[str]) -> float:
    """MB of a Python command."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=["mnist-mlp"])
    asked = parser.parse_args()
    print(f"{machine.cpu_model()}, {machine.cores()} cores, torch {machine.versions()['torch']}, {asked.rounds} rounds")
    alone = statistics.median(peak(["-c", "import torch"]) for _ in range(asked.rounds))
    for name in asked.models:
        known = load(find_config(name), []).dataset.description
        samples = 4 * (known.train_samples + known.test_samples) * math.prod(known.shape) / 1e6
        with tempfile.TemporaryDirectory() as folder:
            command = ["-m", "tuner", "train", name, ONE_EPOCH, "--again", "--runs-dir", folder, "-q"]
            ours = statistics.median(peak(command) for _ in range(asked.rounds))
        above = f"{(ours - alone) / samples:.2f} x the {samples:.0f} MB of its samples above it"
        print(f"{name:12} {ours:.0f} MB, import torch {alone:.0f} MB: {above}")


if __name__ == "__main__":
    main()
