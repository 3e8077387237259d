"""How long `tuner runs` takes over many run folders, against `python -c 'import typer, yaml'`.

    python tests/bench/listing.py [--runs 1000] [--rounds 7]

The folders are made by the project's own functions: no two neighbours have the same settings, and every tenth lot of
ten runs is a group. The two commands take turns within a round. Python keeps compiled modules here, as it does
unless PYTHONDONTWRITEBYTECODE is set.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from making import create

from tuner import machine
from tuner.config.comparison import meaning_hash
from tuner.config.load import load
from tuner.document.writing import to_yaml
from tuner.durable.reading import json_bytes
from tuner.runs import files as run_files
from tuner.runs import identity as run_identity
from tuner.shipped import configs

LIBRARIES = [sys.executable, "-c", "import typer, yaml"]
EPOCHS = 20


def make_run(runs_dir: Path, name: str, config: dict[str, Any], number: int) -> None:
    """A finished run of `config`, with what training would have left of small files."""
    identity = run_identity.Identity(meaning_hash(config), "d" * 64, "cpu", "a CPU", "AVX2", 1, "2.10.0", "0.1.0")
    created = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    about = {
        "format": 1,
        "name": config["name"],
        "created": created.isoformat(),
        "seed": config["seed"],
        "parameters": 9000,
        "identity": identity.as_json(),
    }
    row = {"step": 9, "lr": 0.1, "train_loss": 0.1, "train_accuracy": 0.9, "val_loss": 1 / (number + 2)}
    rows: list[run_files.Row] = [{"epoch": epoch, **row, "val_accuracy": 0.9} for epoch in range(1, EPOCHS + 1)]
    timing: list[run_files.Row] = [{"epoch": epoch, "seconds": 0.5 + epoch / 1000} for epoch in range(1, EPOCHS + 1)]
    files = {
        "config.yaml": to_yaml(config).encode(),
        "metrics.csv": table(rows),
        "timing.csv": table(timing),
        "run.json": json_bytes(about),
    }
    path = create(runs_dir, config["name"], name, files)
    status = {"state": "finished", "reason": "all epochs done", "epoch": EPOCHS, "best_epoch": EPOCHS, "exit_code": 0}
    test = {"loss": 0.2, "accuracy": 0.91}
    run_files.write_status(path, status | {"best": rows[-1], "last": rows[-1], "test": test})


def table(rows: list[run_files.Row]) -> bytes:
    columns = list(rows[0])
    lines = [run_files.format_header(columns), *(run_files.format_row(columns, row) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def make_runs(folder: Path, count: int) -> None:
    resolved = load(str(configs()["digits"])).resolved
    for number in range(count):
        lot, seed = divmod(number, 10)
        grouped = lot % 10 == 9
        rate = 0.001 + (lot * 10 if grouped else number) / 1e6
        config = resolved | {"seed": seed if grouped else 0, "optimizer": resolved["optimizer"] | {"lr": rate}}
        if grouped:
            make_run(folder / f"sweep-{lot}", f"seed-{seed}", config, number)
        else:
            make_run(folder, f"digits-{number}", config, number)


def seconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    print(f"{machine.cpu_model()}, {machine.cores()} cores, {asked.runs} runs, {asked.rounds} rounds")
    commands: dict[str, list[str]] = {
        "tuner runs": [],
        "tuner runs -q": ["-q"],
        "tuner runs 'val_accuracy>0.5' --sort -val_loss": ["val_accuracy>0.5", "--sort", "-val_loss"],
        "tuner runs --only-changed": ["--only-changed"],
        "tuner runs --json": ["--json"],
        "tuner runs --cols 'epochs(val_accuracy>=0.9)'": ["--cols", "epochs(val_accuracy>=0.9)"],
    }
    with tempfile.TemporaryDirectory() as folder:
        make_runs(Path(folder), asked.runs)
        commands |= {"tuner runs, in an empty folder": ["--runs-dir", f"{folder}/none"]}
        for label, words in commands.items():
            command = [sys.executable, "-m", "tuner", "runs", "--runs-dir", folder, *words]
            seconds(command, environment)
            pairs = [(seconds(command, environment), seconds(LIBRARIES, environment)) for _ in range(asked.rounds)]
            ratio = statistics.median(ours / libraries for ours, libraries in pairs)
            taken, libraries = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{taken:.2f} s, libraries {libraries:.2f} s, ratio {ratio:.2f}: {label}", flush=True)


if __name__ == "__main__":
    main()
