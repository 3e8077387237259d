"""How long an epoch takes beside other processes: with tuner's setting for threads that wait, and with libgomp's own.

    TUNER_DATA=... python tests/bench/busy.py [--rounds 5] [--model mnist-mlp]

In each round either setting trains an epoch on the quiet machine and one beside as many busy processes as there are
cores, in turn; the ratios are taken within the round. A fair share is 2 with one thread a core. Then a group of as many
seeds as cores, quiet and busy, as whole commands.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner import machine, process

SETTINGS = {"tuner": True, "libgomp": False}


def child(model: str) -> None:
    """Trains an epoch for each line of standard input, and prints its seconds."""
    import loop

    with tempfile.TemporaryDirectory() as folder:
        epoch = loop.whole(loop.opened(model, [], Path(folder)))
        print("ready", flush=True)
        for _ in sys.stdin:
            began = time.perf_counter()
            epoch()
            print(time.perf_counter() - began, flush=True)


def start(model: str, is_ours: bool) -> subprocess.Popen[str]:
    given = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    given |= {"GOMP_SPINCOUNT": process.SPINS} if is_ours else {}
    command = [sys.executable, __file__, "--child", "--model", model]
    return subprocess.Popen(command, env=given, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(asked: subprocess.Popen[str]) -> str:
    assert asked.stdout is not None
    return asked.stdout.readline()


def epoch_of(asked: subprocess.Popen[str]) -> float:
    assert asked.stdin is not None
    print(file=asked.stdin, flush=True)
    return float(answer(asked))


@contextmanager
def busy() -> Iterator[None]:
    """As many busy processes as there are cores."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(machine.cores())]
    try:
        yield
    finally:
        for each in others:
            each.kill()
            each.wait()


def group(model: str) -> float:
    """Seconds of a group of as many seeds as cores, an epoch each."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", model, "training.epochs=1", "--seeds", str(machine.cores()), "--runs-dir", folder, "-q"]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tuner", *words], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="mnist-mlp")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.model)
        return
    print(f"{machine.cpu_model()}, {machine.cores()} cores, {asked.model}, {asked.rounds} rounds", flush=True)
    children = {name: start(asked.model, is_ours) for name, is_ours in SETTINGS.items()}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
    try:
        for name in SETTINGS:
            answer(children[name])
            epoch_of(children[name])  # the first one warms up
        for _ in range(asked.rounds):
            for name, process_of in children.items():
                quiet = epoch_of(process_of)
                with busy():
                    taken[name].append((quiet, epoch_of(process_of)))
    finally:
        for each in children.values():
            each.send_signal(signal.SIGKILL)
            each.wait()
    print(f"{'':10}{'quiet s':>9}{'busy s':>9}{'busy to quiet':>15}{'least':>8}{'most':>8}")
    for name, pairs in taken.items():
        ratios = sorted(beside / quiet for quiet, beside in pairs)
        quiet, beside = (statistics.median(each) for each in zip(*pairs, strict=True))
        middle = statistics.median(ratios)
        print(f"{name:10}{quiet:9.3f}{beside:9.3f}{middle:15.2f}{ratios[0]:8.2f}{ratios[-1]:8.2f}")
    quiets = [ours / theirs for (ours, _), (theirs, _) in zip(taken["tuner"], taken["libgomp"], strict=True)]
    print(f"quiet, tuner to libgomp: {statistics.median(quiets):.3f}")
    ratios = []
    for _ in range(asked.rounds):
        quiet = group(asked.model)
        with busy():
            ratios.append(group(asked.model) / quiet)
    print(f"a group of {machine.cores()} seeds, busy to quiet: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
