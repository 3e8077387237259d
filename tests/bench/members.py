"""What a family costs beside its members' training: from one tiny member to the next, and a whole family's time.

    TUNER_DATA=... python tests/bench/members.py [--members 100] [--runs-dir DIR]

From the last step of a member to the first step of the next one in the same process: the last epoch is measured, the
run ended and the next one begun. A family's time is set against what its members take from their first step to their
last epoch, shared by the workers, and one start-up.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from tuner import machine
from tuner.config import varied
from tuner.config.load import load
from tuner.events import EpochDone, MemberTold, Started
from tuner.members import Member, train_group
from tuner.members.opening import GroupSession, open_group
from tuner.members.training import Data, trained
from tuner.opening import Request
from tuner.shipped import find_config
from tuner.stopping import StopRequests

TINY = ["data.name=iris", "model.hidden=[16]", "training.epochs=2", "training.batch_size=32"]
SMALL = ["training.epochs=20"]
"""Digits, of which an epoch takes long enough for a family to be worth its processes."""


def family(settings: list[str], kind: tuple[str, ...], members: int, folder: Path) -> GroupSession:
    """A new family of members that are numbered from 0."""
    source = find_config("digits")
    keys = [varied.numbered(kind, number) for number in range(members)]
    return open_group(source, settings, load(source, settings), kind, keys, Request(folder, again=True))


def here(moments: list[float]) -> ModuleType:
    """An executor: this process, one member after the other. It notes when each epoch's steps begin and end."""
    training: Any = import_module("tuner.train")
    real = training.train_epoch

    def noted(*given: Any) -> Iterator[None]:
        moments.append(time.perf_counter())
        yield from real(*given)
        moments.append(time.perf_counter())

    def run(members: Iterator[Member], _at_once: int, stop: StopRequests) -> Iterator[tuple[str, Any]]:
        data = Data()
        training.train_epoch = noted
        for member in members:
            yield from ((member.name, event) for event in trained(member, stop, data))
        training.train_epoch = real

    found = ModuleType("here")
    vars(found).update(at_once=lambda _: 1, run=run)
    return found


def between(kind: tuple[str, ...], members: int, folder: Path) -> list[float]:
    """Seconds from the last step of each member to the first step of the next."""
    moments: list[float] = []
    sys.modules["tuner.members.here"] = here(moments)
    for _ in train_group(family(TINY, kind, members, folder), StopRequests(), "here"):
        pass
    return [begins - ends for ends, begins in zip(moments[3::4], moments[4::4], strict=False)]


def whole(members: int, folder: Path) -> tuple[float, float, float]:
    """What a family takes, what its members took for themselves, and how long it was to the first of them."""
    began = time.perf_counter()
    first: dict[varied.Key, float] = {}
    last: dict[varied.Key, float] = {}
    for event in train_group(family(SMALL, varied.SEEDS, members, folder), StopRequests()):
        if isinstance(event, MemberTold):
            if isinstance(event.event, Started):
                first[event.key] = time.perf_counter()
            elif isinstance(event.event, EpochDone):
                last[event.key] = time.perf_counter()
    trained_for = sum(last[key] - first[key] for key in first)
    return time.perf_counter() - began, trained_for, min(first.values()) - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--runs-dir", type=Path, help="where the runs are made, in a folder that goes away")
    asked = parser.parse_args()
    print(f"{machine.cpu_model()}, {machine.cores()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory(dir=asked.runs_dir) as folder:
        for kind in (varied.SEEDS, varied.SPLITS):
            found = sorted(between(kind, 42, Path(folder))[1:])
            typical, worst = statistics.median(found) * 1000, found[int(0.9 * len(found))] * 1000
            print(f"from one tiny member to the next, {kind[0]}: {typical:.1f} ms, one in ten takes {worst:.1f} ms")
        taken, alone, start = whole(asked.members, Path(folder))
    ratio = taken / (alone / machine.cores() + start)
    print(f"{asked.members} members: {taken:.1f} s; their training {alone:.1f} s, start-up {start:.1f} s: {ratio:.2f}")


if __name__ == "__main__":
    main()
