"""What a diagnosis can have measured besides: the active tests of a run's config. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuner.answer import Column, Table
from tuner.config.load import load
from tuner.probing import probes
from tuner.runs.files import CONFIG
from tuner.runs.folder import Run
from tuner.runs.values import parse_metric, value

NAMES = {
    "range_test": "learning-rate range test",
    "one_batch": "a single batch",
    "controls": "worthless inputs, worthless labels",
    "initializers": "initializers",
}


def active_tests(
    run: Run, tell: Callable[[str], None], before: Callable[[str], None]
) -> tuple[Table, dict[str, dict[str, Any]]]:
    """The tests of the config of `run`, each in a sentence; and all they found. `tell` is given a line on what they
    cost, `before` the name of each before it begins. Raises NotFoundError (data missing), ResourceError."""
    loaded = load(str(run.path / CONFIG))
    found = probes(loaded, tell, value(run, parse_metric("seconds_per_epoch")), before)
    rows = [[NAMES.get(name, name), each["reading"]] for name, each in found.items()]
    return Table([Column("test"), Column("what it says")], rows, "Active tests"), found
