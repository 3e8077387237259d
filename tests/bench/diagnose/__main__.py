"""Trains what is missing and prints the table: the whole benchmark of the diagnosis by one command.

TUNER_DATA=... python tests/bench/diagnose WORK [--processes 2] [--by diagnose tree published] [--json]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from score import add_options, report
from train import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    add_options(parser)
    asked = parser.parse_args()
    run(asked.work, asked.processes, 5, [])
    report(asked.work, asked.by, as_json=asked.json, show_hold_out=asked.show_hold_out)


if __name__ == "__main__":
    main()
