"""Trains the cases of the suite that are not trained yet, through tuner itself.

    TUNER_DATA=... python tests/bench/diagnose/train.py WORK [--processes 2] [--seeds 5] [--only WORD ...]

Run folders are WORK/runs/CASE-SEED. WORK/runs.jsonl has a line for each: case, seed, folder, seconds (of a core, not of
the clock), state, and a digest of the config; a run whose line and folder are there is not trained again. Each process
keeps its imports and the data it read last, and uses one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import materials
from suite import Case, cases

RUNS, JOURNAL = "runs", "runs.jsonl"
Row = dict[str, Any]


@cache
def kept() -> Any:
    """What this process read last."""
    from tuner.members.training import Data

    return Data()


def train(case: Case, seed: int, runs: Path) -> Row:
    """Trains one run, or finds it trained; another one that lies in its folder goes. Raises TunerError."""
    import torch

    from tuner.config.load import load
    from tuner.config.varied import SEEDS
    from tuner.notebook import begin
    from tuner.opening import Answered, Request, open_session
    from tuner.stopping import StopRequests

    torch.set_num_threads(1)
    began = time.process_time()
    name = f"{case.name}-{seed}"
    loaded = load("bench", (*case.overrides, f"seed={seed}"), default_name=case.name, given=case.text)
    splits = kept().of(loaded.dataset, SEEDS)
    request = Request(runs, name, argv=("tuner", "train", case.name, "--run", name))
    if (runs / name).exists() and not is_of(runs / name, loaded.hash, splits.fingerprint):
        shutil.rmtree(runs / name)
    opened = open_session(loaded, request, splits)
    if isinstance(opened, Answered):
        state = opened.run.state
    else:
        *_, last = begin(opened, StopRequests())
        state = last.status["state"]  # type: ignore[union-attr]
    seconds = round(time.process_time() - began, 2)
    return {"case": case.name, "seed": seed, "folder": name, "seconds": seconds, "state": state, "config": case.digest}


def is_of(folder: Path, config_hash: str, fingerprint: str) -> bool:
    """Whether a run folder is one of this config, and of this data: where that lies is no part of the config."""
    from tuner.errors import NotFoundError
    from tuner.runs.folder import glance

    try:
        there = glance(folder).identity
    except NotFoundError:
        return False
    return (there.config_hash, there.data_fingerprint) == (config_hash, fingerprint)


def told(case: Case, seed: int, runs: Path) -> Row:
    """`train`, with what it raises as a row."""
    try:
        return train(case, seed, runs)
    except Exception as error:  # the next case has its turn
        return {"case": case.name, "seed": seed, "state": f"{type(error).__name__}: {error}"}


def journal(work: Path) -> list[Row]:
    """The lines of what was trained, the newest of each run."""
    file = work / JOURNAL
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return list({(row["case"], row["seed"]): row for row in rows}.values())


def missing(work: Path, found: Iterable[Case], seeds: int) -> list[tuple[Case, int]]:
    """The runs that are not there, those of the same data one after the other."""
    done = {(row["case"], row["seed"], row["config"]) for row in journal(work)
            if (work / RUNS / row["folder"] / "status.json").exists()}  # fmt: skip
    todo = [(case, seed) for case in found for seed in case.seeds
            if seed < seeds and (case.name, seed, case.digest) not in done]  # fmt: skip
    return sorted(todo, key=lambda each: (json.dumps(each[0].base["data"]), each[0].name))


def trained(work: Path, todo: list[tuple[Case, int]], processes: int) -> Iterator[Row]:
    """Trains them; the rows come as runs end, and those of runs that ended stand in the journal by then."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool, (work / JOURNAL).open("a") as out:
        for done in as_completed([pool.submit(told, case, seed, work / RUNS) for case, seed in todo]):
            row = done.result()
            if "folder" in row:
                out.write(json.dumps(row) + "\n")
                out.flush()
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5, help="so many of those that a case has")
    parser.add_argument("--only", nargs="*", default=[], help="cases whose name has one of these words")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    run(asked.work, asked.processes, asked.seeds, asked.only)


def run(work: Path, processes: int, seeds: int, only: list[str]) -> None:
    """Trains what is missing, and tells of it on stderr."""
    materials.make(work / "data")
    (work / RUNS).mkdir(exist_ok=True)
    asked = [case for case in cases(work) if case.kind != "refused"]
    asked = [case for case in asked if not only or any(word in case.name for word in only)]
    todo = missing(work, asked, seeds)
    began, spent = time.monotonic(), 0.0
    for number, row in enumerate(trained(work, todo, processes), 1):
        spent += row.get("seconds", 0.0)
        left = (time.monotonic() - began) / number * (len(todo) - number)
        what = f"{row['case']}-{row['seed']}: {row['state']}, {row.get('seconds', 0.0):.1f} s"
        print(f"{number}/{len(todo)}, {left:.0f} s left; {what}", file=sys.stderr, flush=True)
    print(f"{len(todo)} runs in {time.monotonic() - began:.0f} s, {spent:.0f} core-seconds", file=sys.stderr)


if __name__ == "__main__":
    main()
