"""What layer statistics cost: the time of one look inside the network, times the looks of a run, against its epochs.

    TUNER_DATA=... python tests/bench/layer_stats.py [--models digits mnist-mlp mnist-cnn] [--rounds 7]

Looks and epochs take turns within a round; the median of the rounds' ratios is printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from tuner import machine
from tuner.config.load import load
from tuner.events import EpochDone
from tuner.layer_stats import Movement, epochs_measured
from tuner.opening import Request, Session, open_session
from tuner.shipped import find_config
from tuner.stopping import StopRequests
from tuner.train import train
from tuner.train.hardware import set_up_torch
from tuner.train.measuring import layer_rows
from tuner.train.prepare import prepare


def bench(name: str, rounds: int, folder: Path) -> None:
    """Prints the share of one config's training that goes into layer statistics."""
    loaded = load(find_config(name), ["layer_stats=none", "early_stopping=none"])
    session = open_session(loaded, Request(folder, again=True))
    assert isinstance(session, Session)
    setup = prepare(set_up_torch(session))
    movement = Movement(setup.state.network)
    movement.step_comes()
    epochs = loaded.config.training.epochs
    looks = len(epochs_measured(epochs, len(setup.task.train), loaded.plan))
    events = (event for event in train(session, StopRequests()) if isinstance(event, EpochDone))
    next(events)
    shares, look, epoch = [], 0.0, 0.0
    for _ in range(min(rounds, epochs - 2)):
        began = time.perf_counter()
        layer_rows(setup, 0, movement)
        look = time.perf_counter() - began
        began = time.perf_counter()
        next(events)
        epoch = time.perf_counter() - began
        shares.append(looks * look / (epochs * epoch))
    share = statistics.median(shares)
    print(f"{name:12} {looks} looks of {look * 1000:.1f} ms in {epochs} epochs of {epoch * 1000:.1f} ms: {share:.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", nargs="+", default=["digits", "digits-cnn", "mnist-mlp", "mnist-cnn"])
    asked = parser.parse_args()
    print(f"{machine.cpu_model()}, {machine.cores()} cores, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.models:
            bench(name, asked.rounds, Path(folder))


if __name__ == "__main__":
    main()
