"""Sweeps in this process, and, run as a program, sweeps that are killed: `python sweeping.py FOLDER KILLS SEED`."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuner.config.sweep import load_search
from tuner.members.training import Data, trained
from tuner.opening import Request
from tuner.stopping import StopRequests
from tuner.sweep.confirm import confirm
from tuner.sweep.opening import open_sweep
from tuner.sweep.search import Searching

SWEEP = """
data: {name: digits, limit: 200}
model: {name: mlp, hidden: [8]}
training: {epochs: 4}
sweep:
  trials: 12
  generation: 6
  space:
    optimizer.lr: {low: 1e-4, high: 1e-1, log: true}
    optimizer: [adam, {name: sgd, momentum: {low: 0.5, high: 0.99}}]
  prune: {name: halving, first: 1, factor: 2}
  keep: 2
  confirm: {top: 1, seeds: 2}
"""
RESULTS = ("metrics.csv", "best.safetensors", "layer_stats.jsonl", "model.safetensors")


class Here:
    """An executor: this process, one member after the other."""

    def at_once(self, identity: Any) -> int:
        return 1

    def run(self, members: Iterator[Any], at_once: int, stop: StopRequests) -> Generator[Any]:
        data = Data()
        for member in members:
            for event in trained(member, stop, data):
                yield member.name, event
            if stop.asked is not None:
                return


def searching(
    file: Path,
    runs: Path,
    *overrides: str,
    stop: Any = None,
    extend: bool = False,
    budget: float | None = None,
    **request: Any,
) -> Searching:
    """A sweep that is to go on, in this process."""
    loaded, search = load_search(str(file), overrides, {}, endless=True)
    asked = Request(runs, argv=("tuner", "sweep", "c.yaml"), **request)
    session = open_sweep(str(file), overrides, {}, loaded, search, asked, extend=extend, budget=budget)
    return Searching(session, stop or StopRequests(), Here())


def sweep(file: Path, runs: Path, *overrides: str, retry: bool = False, **how: Any) -> tuple[Searching, list[Any]]:
    """A sweep from its beginning to its confirmation, and the events of its trials."""
    found = searching(file, runs, *overrides, **how)
    events = list(found.course(retry=retry))
    list(confirm(replace(found.session, path=found.ledger.path), found.ledger, found.stop, found.by))
    return found, events


def left(folder: Path) -> tuple[dict[str, str], Any]:
    """What a sweep left: the digest of every result, and the trials of sweep.json."""
    files = [path for path in sorted(folder.rglob("*")) if path.name in RESULTS]
    digests = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return digests, json.loads((folder / "sweep.json").read_text())["trials"]


def forked(file: Path, runs: Path, seconds: float = 0.0) -> int:
    """A process that sweeps, and dies after so many `seconds` (0: when it is done), by a signal that it knows nothing
    of; its number."""
    number = os.fork()
    if number == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        code = 1
        try:
            sweep(file, runs)
            code = 0
        finally:
            os._exit(code)
    return number


def main(folder: Path, kills: int, seed: int) -> None:
    """Sweeps undisturbed; killed so often; and by two processes at once. Prints how each ended and what was left."""
    import time

    import tuner.sweep.tpe
    import tuner.train.prepare  # noqa: F401 - torch, once for all of the processes

    file = folder / "c.yaml"
    file.write_text(SWEEP)
    began = time.monotonic()
    ends = {"whole": [os.waitpid(forked(file, folder / "whole"), 0)[1]], "killed": [], "two": []}
    taken = time.monotonic() - began
    moments = random.Random(seed)  # noqa: S311
    for _ in range(kills):
        number = forked(file, folder / "killed", moments.uniform(0.01, 2.2 * taken / kills))
        ends["killed"].append(os.waitpid(number, 0)[1])
    ends["killed"].append(os.waitpid(forked(file, folder / "killed"), 0)[1])
    for number in [forked(file, folder / "two") for _ in range(2)]:
        ends["two"].append(os.waitpid(number, 0)[1])
    print(json.dumps({"ends": ends, "left": {name: left(folder / name / "c-1") for name in ends}}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
