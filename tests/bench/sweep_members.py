"""What a sweep costs beside its trials' training: 100 trials of about 0.2 s, with tuner and as else people do it.

    TUNER_DATA=... python tests/bench/sweep_members.py [--members 100] [--loop 10] [--rounds 3]

`tuner sweep` is held against what its trials took from the first step to the last epoch, by the times of their files,
shared by the cores, and one start-up, from the command to the first trial's folder. Beside it the loop over learning
rates that the README shows, with fewer of them, for each is a process; Optuna with a torch objective written by hand, a
process for each core on one journal; Ray Tune with the same objective, its processes used again. All train the same
network on the same samples with the same learning rates, one thread each; the objective measures the validation part
after each epoch, and keeps nothing. They take turns within a round. Which share of the machine other programs had
meanwhile is printed (on Linux). `pip install -e '.[bench]'` installs Ray; what is missing, or fails, is named and left
out.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tuner import machine

CONFIG, EPOCHS = "digits", 20
SETTINGS = ["training.batch_size=64", "training.threads=1"]
LOOP = 'for lr in $3; do "$1" -m tuner train digits training.epochs=$2 $4 optimizer.lr=$lr -q || [ $? -eq 3 ]; done'


def rates(members: int) -> list[float]:
    """Learning rates from 1e-4 to 1e-1."""
    return [float(f"{10 ** (-4 + 3 * at / max(1, members - 1)):.4g}") for at in range(members)]


def by_tuner(members: int, folder: Path) -> None:
    grid = f"optimizer.lr={','.join(map(str, rates(members)))}"
    settings = [*SETTINGS, f"training.epochs={EPOCHS}", "sweep.confirm=none"]
    run(["-m", "tuner", "sweep", CONFIG, "--grid", grid, *settings, "--run", "sweep", "--runs-dir", str(folder), "-q"])


def by_loop(members: int, folder: Path) -> None:
    words = [sys.executable, str(EPOCHS), " ".join(map(str, rates(members))), " ".join(SETTINGS)]
    environment = os.environ | {"TUNER_RUNS": str(folder)}
    subprocess.run(["sh", "-euc", LOOP, "sh", *words], check=True, capture_output=True, env=environment)


def by_optuna(members: int, folder: Path) -> None:
    run(*(child("optuna", members, folder, core) for core in range(machine.cores())))


def by_ray(members: int, folder: Path) -> None:
    run(child("ray", members, folder, 0))


def child(function: str, members: int, folder: Path, core: int) -> list[str]:
    return [
        str(Path(__file__).with_name("sweep_peers.py")),
        function,
        "--members",
        str(members),
        "--folder",
        str(folder),
        "--core",
        str(core),
    ]


class FailedError(Exception):
    """A process failed; its message is the last line that it wrote."""


def run(*commands: list[str]) -> None:
    """All of them at once, until the last one has ended."""
    with ExitStack() as held:
        logs = [held.enter_context(tempfile.TemporaryFile()) for _ in commands]
        started = [subprocess.Popen([sys.executable, *command], stdout=log, stderr=log)
                   for command, log in zip(commands, logs, strict=True)]  # fmt: skip
        for process, log in zip(started, logs, strict=True):
            if process.wait():
                log.seek(0)
                raise FailedError((log.read().decode(errors="replace").strip().splitlines() or ["no word"])[-1])


@dataclass(frozen=True)
class Way:
    """How people train many configs; `needs` must be installed."""

    title: str
    train: Callable[[int, Path], None]
    needs: str = "tuner"


TUNER = "tuner sweep"
WAYS = (
    Way(TUNER, by_tuner),
    Way("Optuna, a process for each core", by_optuna, "optuna"),
    Way("Ray Tune", by_ray, "ray"),
    Way("the README's loop", by_loop),
)


@dataclass(frozen=True)
class Turn:
    """Seconds that so many members took, and the share of the machine that other programs had meanwhile."""

    members: int
    seconds: float
    others: float


def measured(way: Way, members: int, limits: list[float]) -> Turn:
    """A turn of a way; that of tuner adds to the `limits`, the least that a member could take."""
    with tempfile.TemporaryDirectory() as folder:
        at, began, before = time.time(), time.perf_counter(), busy_elsewhere()
        way.train(members, Path(folder))
        seconds = time.perf_counter() - began
        others = (busy_elsewhere() - before) / seconds / (os.cpu_count() or 1)
        if way.title == TUNER:
            training, epochs, start = ideal(Path(folder) / "sweep", at)
            limits.append((training / machine.cores() + start) / members)
            told = f"training {training:.1f} s (epochs {epochs:.1f} s), start-up {start:.1f} s"
            print(f"{told}, the sweep {seconds:.1f} s", flush=True)
    return Turn(members, seconds, others)


def busy_elsewhere() -> float:
    """Seconds of all cores so far that were neither idle nor of this process and those it has waited for."""
    if not sys.platform.startswith("linux"):
        return 0.0
    _, user, nice, system, _, _, *rest = Path("/proc/stat").read_text().split("\n")[0].split()
    ours = os.times()
    return sum(map(int, (user, nice, system, *rest[:3]))) / os.sysconf("SC_CLK_TCK") - sum(ours[:4])


def ideal(sweep: Path, began: float) -> tuple[float, float, float]:
    """What the trials of a sweep took from the first step to the last epoch, what of it were the epochs, and how long
    it was to the first of them."""
    timings = [list(csv.DictReader(file.open())) for file in sweep.glob("trial-*/timing.csv")]
    begins, ends = ([file.stat().st_mtime for file in sorted(sweep.glob(f"trial-*/{name}"))]
                    for name in ("run.json", "metrics.csv"))  # fmt: skip
    trained = sum(end - begin for begin, end in zip(begins, ends, strict=True))
    return trained, sum(float(row["seconds"]) for rows in timings for row in rows), min(begins) - began


def table(taken: dict[str, list[Turn]], limits: Sequence[float]) -> Iterator[str]:
    """Markdown; a ratio is taken within its round."""
    yield "| | members | s | s a member | to the limit | low–high | others had |\n|---|---:|---:|---:|---:|---:|---:|"
    for title, turns in taken.items():
        each = [one.seconds / one.members for one in turns]
        ratios = [one / limit for one, limit in zip(each, limits, strict=True)]
        seconds, others = (statistics.median(getattr(one, name) for one in turns) for name in ("seconds", "others"))
        yield (f"| {title} | {turns[0].members} | {seconds:.1f} | {statistics.median(each):.3f} | "
               f"{statistics.median(ratios):.2f} | {min(ratios):.2f}–{max(ratios):.2f} | {others:.0%} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--loop", type=int, default=10, help="members of the README's loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="*", help="those whose name has such a word, beside tuner")
    asked = parser.parse_args()
    ways = [
        way for way in WAYS if way.title == TUNER or not asked.ways or any(word in way.title for word in asked.ways)
    ]
    for way in ways:
        if find_spec(way.needs) is None:
            print(f"{way.title} is missing: pip install '{way.needs}'")
    ways = [way for way in ways if find_spec(way.needs)]
    print(f"{machine.cpu_model()}, {machine.cores()} cores, torch {machine.versions()['torch']}")
    taken: dict[str, list[Turn]] = {way.title: [] for way in ways}
    limits: list[float] = []
    for number in range(asked.rounds):
        for way in [*ways[number % len(ways) :], *ways[: number % len(ways)]]:
            members = asked.loop if way.train is by_loop else asked.members
            try:
                taken[way.title].append(measured(way, members, limits))
            except FailedError as error:
                print(f"round {number + 1}: {way.title} failed: {error}", flush=True)
                ways.remove(way)
    print("\n".join(table({way.title: taken[way.title] for way in ways}, limits)))


if __name__ == "__main__":
    main()
