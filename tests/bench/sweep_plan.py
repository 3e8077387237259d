"""How long `tuner sweep` plans the next generation when it has 1,000 trials.

    python tests/bench/sweep_plan.py [--trials 1000] [--rounds 7]

The first time in a process Optuna is imported, which is told apart; seconds of the clock, and of this process's work
alone, for a busy machine makes the first of them longer.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from importlib import import_module

from sweep_search import SPACE

from tuner import machine
from tuner.config.searched import takes_whole
from tuner.config.space import space_of
from tuner.sweep.halving import Progress
from tuner.sweep.planner import Before, Drawn, plan

KEYS = {f"{section}.{key}": values for section, settings in SPACE.items() for key, values in settings.items()}
GENERATION, EPOCHS = 8, 30


def trained(trials: int) -> Before:
    """One of eight came to its end, the others were pruned."""
    drawn, space = random.Random(0), space_of(KEYS, takes_whole)  # noqa: S311
    values = [drawn.random() for _ in range(trials)]
    ends = [("finished", EPOCHS) if number % GENERATION == 0 else ("pruned", 5) for number in range(trials)]
    return {number: (space.chosen(Drawn(f"0 {number} 0")), Progress(EPOCHS, state, [values[number]] * done))
            for number, (state, done) in enumerate(ends)}  # fmt: skip


def taken(trials: int, before: Before) -> tuple[float, float]:
    """Seconds for a generation: of the clock, of work."""
    clock, work = time.perf_counter(), time.process_time()
    numbers = range(trials, trials + GENERATION)
    assert len(plan("tpe", space_of(KEYS, takes_whole), 0, numbers, before, "down")) == GENERATION
    return time.perf_counter() - clock, time.process_time() - work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    before = trained(asked.trials)
    began = time.perf_counter(), time.process_time()
    import_module("tuner.sweep.tpe")
    imported = time.perf_counter() - began[0], time.process_time() - began[1]
    times = [taken(asked.trials, before) for _ in range(asked.rounds)]
    print(f"{machine.cpu_model()}, {machine.cores()} cores; {len(KEYS)} settings, {asked.trials:,} trials")
    usual = [statistics.median(column) for column in zip(*times, strict=True)]
    least = [min(column) for column in zip(*times, strict=True)]
    for what, (clock, work) in {"importing the planner": imported, "the first plan": times[0],
                                f"median of {asked.rounds}": usual, "least": least}.items():  # fmt: skip
        print(f"{what:22} {clock:.3f} s, {work:.3f} s of work")


if __name__ == "__main__":
    main()
