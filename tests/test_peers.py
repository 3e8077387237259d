"""The bench that sets tuner beside its peers: they train the same network, and it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import peers_torch
import pytest
import torch
from peers_work import Work

from tuner.network import build

BENCH = Path(__file__).parent / "bench" / "peers.py"


@pytest.mark.parametrize("name", ["mnist-mlp", "mnist-cnn", "mnist-rnn", "digits"])
def test_the_hand_written_network_is_tuners(name: str) -> None:
    work = Work(name, [])
    ours, theirs = build(work.loaded.plan, work.seed), peers_torch.network(work)
    x = torch.rand(5, *work.loaded.plan.inputs, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ours(x), theirs(x), atol=1e-6)


@pytest.mark.slow  # four processes import torch
def test_it_prints_a_table_and_names_what_is_missing() -> None:
    command = [sys.executable, str(BENCH), "--models", "digits", "--rounds", "1", "--peers", "tuner, training"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    rows = {line.split("|")[1].strip(): line for line in done.stdout.splitlines() if line.startswith("| ")}
    assert {"hand-written torch loop", "tuner, training and validation pass"} <= set(rows)
    assert "| 1.00 | 1.00–1.00 |" in rows["hand-written torch loop"]
    assert "GF/s: torch " in done.stdout
    assert "JAX is missing: pip install jax" in done.stdout or "JAX " in done.stdout.partition("GF/s")[2]
    assert "failed" not in done.stdout
