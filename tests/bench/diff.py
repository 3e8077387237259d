"""How long `tuner diff A B` takes on two runs, against `python -c 'import typer, yaml'`.

    python tests/bench/diff.py [--rounds 15]

The commands take turns within a round. Two configs instead of runs take longer, for they have to be checked first.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tuner import machine

TUNER = str(Path(sys.executable).with_name("tuner"))
ALONE = [sys.executable, "-c", "import typer, yaml"]


def seconds(command: list[str], folder: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    for name in ("TUNER_RUNS", "PYTHONDONTWRITEBYTECODE"):  # compiled once, as an installed program is
        os.environ.pop(name, None)
    print(f"{machine.cpu_model()}, {machine.cores()} cores, Python {machine.versions()['python']}, {rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for settings in (["model.dropout=0.1"], ["optimizer=sgd"]):
            seconds([TUNER, "train", "digits", "training.epochs=10", *settings], folder)
        runs, configs = [TUNER, "diff", "digits-1", "digits-2"], [TUNER, "diff", "circles", "digits-cnn"]
        for what, command in (("two runs", runs), ("two configs", configs)):
            seconds(command, folder)  # files are read once before
            pairs = [(seconds(command, folder), seconds(ALONE, folder)) for _ in range(rounds)]
            ratio = statistics.median(ours / alone for ours, alone in pairs)
            ours, alone = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{what:12} {ours:.3f} s, imports alone {alone:.3f} s, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
