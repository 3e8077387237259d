"""How long an epoch takes beside other processes: with tuner's setting for threads that wait, and with libgomp's own.

    TUNER_DATA=... python tests/bench/busy.py [--rounds 5] [--model mnist-mlp]

In each round either setting trains an epoch on the quiet machine and one beside as many busy processes as there are
cores, in turn; the ratios are taken within the round. A fair share is 2. Then a group of as many seeds as cores, quiet
and busy, as whole commands.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from peers import PEERS, Process

from tuner import machine
from tuner.process import SPINS

SETTINGS = {"tuner": SPINS, "libgomp": "300000"}
"""GOMP_SPINCOUNT; the second is what libgomp's manual names for where nothing is set."""


@contextmanager
def busy() -> Iterator[None]:
    """As many busy processes as there are cores."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(machine.cores())]
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
    asked = parser.parse_args()
    print(f"{machine.cpu_model()}, {machine.cores()} cores, {asked.model}, {asked.rounds} rounds", flush=True)
    whole = next(peer for peer in PEERS if peer.function == "tuner_whole")
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
    with ExitStack() as held:
        peers = {name: Process(whole, asked.model, [], held, GOMP_SPINCOUNT=spins) for name, spins in SETTINGS.items()}
        for peer in peers.values():
            peer.epoch()  # the first one warms up
        for _ in range(asked.rounds):
            for name, peer in peers.items():
                quiet = peer.epoch().seconds
                with busy():
                    taken[name].append((quiet, peer.epoch().seconds))
    print(f"{'':10}{'quiet s':>9}{'busy s':>9}{'busy to quiet':>15}{'least':>8}{'most':>8}")
    for name, pairs in taken.items():
        ratios = sorted(beside / quiet for quiet, beside in pairs)
        quiet, beside = (statistics.median(each) for each in zip(*pairs, strict=True))
        middle = statistics.median(ratios)
        print(f"{name:10}{quiet:9.3f}{beside:9.3f}{middle:15.2f}{ratios[0]:8.2f}{ratios[-1]:8.2f}", flush=True)
    quiets = [ours / theirs for (ours, _), (theirs, _) in zip(taken["tuner"], taken["libgomp"], strict=True)]
    print(f"quiet, tuner to libgomp: {statistics.median(quiets):.3f}", flush=True)
    groups = []
    for _ in range(asked.rounds):
        quiet = group(asked.model)
        with busy():
            groups.append(group(asked.model) / quiet)
    print(f"a group of {machine.cores()} seeds, busy to quiet: {statistics.median(groups):.2f}")


if __name__ == "__main__":
    main()
