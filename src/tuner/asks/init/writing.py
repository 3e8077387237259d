"""A shipped config, filled in for a table or arrays of one's own, each line with its reason."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.asks.init.found import Found, is_unequal
from tuner.config.load import STDIN
from tuner.data.files import shown
from tuner.data.source import Dataset
from tuner.document.writing import flow
from tuner.figures import plural
from tuner.paths import run_name
from tuner.shipped import MODELINE, configs, folder

TEMPLATE = "table"
OF_PICTURES, OF_SEQUENCES = "digits-cnn", "mnist-rnn"
BEARABLE_ROWS, LEAST_EPOCHS = 50_000, 16
"""With more rows there are fewer epochs, so that the whole takes as long as with these."""
TRAINED = 0.72
"""The share of the rows that the shipped config trains on."""
FEW_SAMPLES, EPOCHS_OF_FEW, EPOCHS_OF_MANY = 10_000, 40, 10
"""Pictures and sequences: up to how many samples there are more epochs."""
COMMENTS_AT = 36
_FOR_NUMBERS = re.compile(r"( *\w+: )(.+?) +# for numbers: (.+)")


def of_table(found: Found, to: Path) -> str:
    """The config for a table."""
    inside = list(data_lines(found, to))
    about = f"{found.path.name}: {found.target.name} as {found.task}"
    return "\n".join([*head(found.path, about, to), *of_rows(found.rows, found.task, inside, found.given), ""])


def data_lines(found: Found, to: Path) -> Iterator[str]:
    """What stands under `data:` for this table alone."""
    target = found.target
    yield f"  name: {TEMPLATE}"
    yield commented(f"  path: {relative(found.path, to)}", f"{sum(found.facts.rows):,} rows; {found.facts.dialect}")
    yield f"  target: {flow(target.name)}"
    yield commented(f"  task: {found.task}", found.why)
    if target.missing:
        yield commented("  missing_target: drop", f"{plural(target.missing, 'row')} without a target")
    if found.task == "classes" and len(target.categories) == 2 and is_unequal(target) and "positive" not in found.given:
        rare = target.categories[target.counts.index(min(target.counts))]
        yield commented(f"  positive: {flow(rare)}", "the rare one: f1, auc and average_precision are about it")
    if found.dropped:
        yield commented("  drop:", "columns that are no inputs")
        yield from (commented(f"    - {flow(name)}", why) for name, why in found.dropped.items())
    told = {key: value for key, value in found.given.items() if key not in ("drop", "missing_target")}
    yield from (commented(f"  {key}: {flow(value)}", "as asked") for key, value in told.items())
    yield from (f"  # {clean(each)}" for each in found.remarks)


def of_arrays(path: Path, opened: Dataset, to: Path, given: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The config for arrays, what is told of them to a person, and to a program."""
    known = opened.description
    task = "classes" if known.classes else "numbers"
    rows = known.train_samples + known.validation_samples + known.test_samples
    inside = ["  name: arrays", f"  path: {relative(path, to)}", f"  task: {task}"]
    inside += [f"  {key}: {flow(value)}" for key, value in given.items()]
    inside += [f"  # {clean(note)}" for note in opened.notes]
    if len(known.shape) == 1:
        body = of_rows(rows, task, inside, {*given, "test", "validation"})  # parts of its own, or auto
    else:
        body = of_shaped(OF_PICTURES if len(known.shape) == 3 else OF_SEQUENCES, rows, task, inside)
    counted = f" of {len(known.classes)} classes" if known.classes else " with numbers"
    what = f"{shown(path)}: {rows:,} samples of shape {known.shape}{counted}"
    told = {"samples": rows, "shape": list(known.shape), "classes": len(known.classes), "task": task}
    return "\n".join([*head(path, f"{path.name}: y as {task}", to), *body, ""]), what, told


def head(path: Path, about: str, to: Path) -> list[str]:
    """The first lines: what it is, the editor's schema, the name of the runs."""
    stem = to.stem if to != Path(STDIN) else path.name.partition(".")[0]
    return [f"# {clean(about)}", f"{MODELINE}{folder('configs') / 'schema.json'}", f"name: {flow(run_name(stem))}"]


def of_rows(rows: int, task: str, inside: Sequence[str], without: Collection[str]) -> Iterator[str]:
    """The shipped config for tables from its data on, with `inside` under data, `without` some of its keys."""
    for line in lines_of(TEMPLATE):
        key, _, value = line.strip().partition(": ")
        value = value.partition(" #")[0].strip()
        if line == f"  name: {TEMPLATE}":
            yield from inside
        elif key in without and line.startswith("  "):
            continue
        elif key == "batch_size" and rows * TRAINED < int(value):
            yield commented(f"  {key}: full", f"all of so few rows in each step, where {value} are usual")
        elif key == "epochs":
            count, usual = epochs(rows, int(value)), int(value)
            why = f"fewer than the usual {usual}, for {rows:,} rows" if count < usual else "as usual"
            yield commented(f"  {key}: {count}", why)
        elif choice := _FOR_NUMBERS.fullmatch(line):
            yield commented(f"{choice[1]}{choice[3 if task == 'numbers' else 2]}", f"for {task}")
        else:
            yield line


def of_shaped(template: str, samples: int, task: str, inside: Sequence[str]) -> Iterator[str]:
    """The shipped config for pictures or sequences from its data on."""
    count = EPOCHS_OF_FEW if samples <= FEW_SAMPLES else EPOCHS_OF_MANY
    for line in lines_of(template):
        if line.startswith("data:"):
            yield from ("data:", *inside)
            yield from ["loss: mse"] * (task == "numbers")
        else:
            yield re.sub(r"\bepochs: \d+", f"epochs: {count}", line)


def lines_of(template: str) -> list[str]:
    """A shipped config behind its name."""
    lines = configs()[template].read_text(encoding="utf-8").splitlines()
    return lines[lines.index(f"name: {template}") + 1 :]


def relative(path: Path, to: Path) -> str:
    """A file as a config in `to` names it, as YAML."""
    return flow(os.path.relpath(Path(os.path.realpath(path.parent), path.name), os.path.realpath(to.parent)))


def epochs(rows: int, most: int) -> int:
    """As many as all rows of a bearable table take, and no fewer than LEAST_EPOCHS."""
    return max(min(most, LEAST_EPOCHS), min(most, most * BEARABLE_ROWS // rows))


def commented(text: str, comment: str) -> str:
    return f"{text.ljust(COMMENTS_AT - 1)} # {clean(comment)}"


def clean(text: str) -> str:
    """On one line, whatever a cell or a name holds."""
    return "".join(char if char.isprintable() else " " for char in text)
