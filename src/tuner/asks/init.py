"""What config fits a table? What was found in its columns, and the shipped config for tables, filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Column, Command, Note, Table, Text
from tuner.config.load import STDIN, load
from tuner.data.columns import is_numeric
from tuner.data.files import shown
from tuner.data.table import Table as Source
from tuner.data.tabular import asked
from tuner.data.tabular.facts import Facts, Seen
from tuner.data.tabular.findings import nearly, sampled, to_drop
from tuner.document.writing import flow
from tuner.durable.writing import write_file
from tuner.errors import UsageError
from tuner.figures import plural, some
from tuner.paths import run_name, typed
from tuner.shipped import MODELINE, check_target, configs, folder, own_text

TEMPLATE, FIRST = "table", "digits"
UNEQUAL = 0.2
"""Rows of the smallest class by those of the largest below which classes are very unequal."""
BEARABLE_ROWS, LEAST_EPOCHS = 50_000, 16
"""With more rows there are fewer epochs, so that the whole takes as long as with these."""
LEAST_STEPS = 8
"""Batches an epoch that are worth a smaller batch, down to SMALLEST_BATCH rows."""
SMALLEST_BATCH = 32
COMMENTS_AT = 36
_FOR_NUMBERS = re.compile(r"( *\w+: )(.+?) +# for numbers: (.+)")


@dataclass(frozen=True)
class Found:
    """What was found in a table: `why` the target is predicted as classes or numbers, the `dropped` columns with the
    reason of each, and what else there is to `remark`."""

    path: Path
    facts: Facts
    target: Seen
    task: str
    why: str
    dropped: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Those with a target."""
        return sum(self.facts.rows) - self.target.missing

    def as_json(self) -> dict[str, Any]:
        columns = [{"name": seen.name, "kind": seen.kind, "missing": seen.missing, "distinct": seen.distinct,
                    "dropped": self.dropped.get(seen.name)} for seen in self.facts.columns]  # fmt: skip
        target = {"name": self.target.name, "task": self.task, "why": self.why}
        return {"rows": sum(self.facts.rows), "written": self.facts.dialect, "target": target, "columns": columns,
                "remarks": list(self.remarks)}  # fmt: skip


def ask(path: Path | None, target: str | None, task: str, output: Path | None) -> Answer:
    """The config for the table in `path`, put in a file of its own: `output`, else one called like the table, in the
    working directory; ``-``: printed. Without a table it is the digits' config. Raises UsageError where a file is in
    the way, where the target is not named or not there; ConfigError, NotFoundError for what cannot be trained on."""
    to = place(output, path.name.partition(".")[0] if path else FIRST)
    if to != Path(STDIN) and (target or not path):
        check_target(to, f"-o {typed(free(to))} chooses another name")
    if path is None:
        return answer(to, own_text(configs()[FIRST]), [Text(f"{to} trains the {FIRST} that come with tuner")], {})
    if path == Path(STDIN):
        raise UsageError("a config names a file, and standard input is none", fix="Save the table in a file first.")
    found = look(path, target, task)
    text = filled(found, to)
    loaded = load(str(to), given=text.encode())
    head = f"{shown(path)}: {sum(found.facts.rows):,} rows, {plural(len(found.facts.columns), 'column')} "
    blocks: list[Block] = [Text(f"{head}({found.facts.dialect})")]
    if found.dropped:
        blocks.append(Table([Column("left out", least=20), Column("why")], [[*each] for each in found.dropped.items()]))
    if found.remarks:
        blocks.append(Text("\n".join(found.remarks)))
    inputs = plural(len(found.facts.columns) - 1 - len(found.dropped), "column")
    blocks.append(Text(f"{to} predicts {found.target.name} as {found.task} ({found.why}) from {inputs}"))
    blocks += [Note(f"note: {each}", problem=True) for each in loaded.notes[len(loaded.dataset.notes) :]]
    return answer(to, text, blocks, found.as_json())


def answer(to: Path, text: str, blocks: Sequence[Block], data: dict[str, Any]) -> Answer:
    """The config is put where it belongs; what is said of it."""
    if to == Path(STDIN):
        notes = [block for block in blocks if isinstance(block, Note)]
        return Answer([Text(text.removesuffix("\n"), code=True), *notes], {"path": None, "config": text, **data}, text)
    write_file(to, text.encode())
    then = f"tuner train {typed(to)}"
    return Answer([*blocks, Command(then)], {"path": str(to), **data, "next": then}, f"{to}\n")


def place(output: Path | None, stem: str) -> Path:
    """Where the config goes."""
    if output is None or output.is_dir():
        return (output or Path()) / f"{stem}.yaml"
    return output


def free(path: Path) -> Path:
    """A name like this one that is not taken."""
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 1_000_000))
    return next(each for each in others if not os.path.lexists(each))


# ---- what is found ---------------------------------------------------------------------------------------------------


def look(path: Path, target: str | None, task: str) -> Found:
    """What a table tells. Raises UsageError where its target is not told, NotFoundError where it cannot be one."""
    asked.check_arrays(path)
    facts = Source(path=str(path), target=0).facts()
    seen = {each.name: each for each in facts.columns}
    if target is None or target not in seen:
        raise asked.no_target(path, facts, "--target COLUMN says which one to predict", target or "")
    wanted = seen[target]
    gaps = "drop" if wanted.missing else "error"
    column = Source(path=str(path), target=target, task=task, missing_target=gaps).target_column(wanted)
    rows = sampled(path, Source(path=str(path), target=target), facts)
    dropped = to_drop(facts, rows, target)
    meant = "classes" if column.categories else "numbers"
    found = Found(path, facts, wanted, meant, reason(wanted, meant), dropped)
    near = nearly(facts, rows, target) if meant == "numbers" else {}
    return Found(path, facts, wanted, meant, found.why, dropped, tuple(remarks(found, near)))


def reason(target: Seen, task: str) -> str:
    """Why a target is predicted as it is."""
    is_whole = is_numeric(target.categories) and not any("." in each for each in target.categories)
    if task == "numbers":
        few = is_whole and len(target.categories) <= asked.MOST_CLASSES
        return asked.about(target) + "; --task classes takes each as a class" * few
    return f"{target.distinct} different numbers" if target.kind == "number" else asked.about(target)


def remarks(found: Found, near: dict[str, float]) -> Iterator[str]:
    """What a person should know of a table beside its dropped columns."""
    target, rows = found.target, sum(found.facts.rows)
    gaps = {seen.name: seen.missing for seen in found.facts.columns if seen.missing and seen.name not in found.dropped}
    if told := [f"{name} {count:,}" for name, count in gaps.items() if name != target.name]:
        yield f"missing, of {rows:,} rows: {some(told, 20)}"
    for name, value in near.items():
        if name not in found.dropped:
            yield f"{name} nearly gives {target.name} away (correlation {value:.3f}): is it known beforehand?"
    if found.task == "classes" and is_unequal(target):
        low, high = min(target.counts), max(target.counts)
        names = [target.categories[target.counts.index(count)] for count in (low, high)]
        counts = f"{low:,} rows are {names[0]}, {high:,} are {names[1]}"
        yield f"very unequal classes: {counts}; `class_weights: balanced` under loss: makes each count alike"


def is_unequal(target: Seen) -> bool:
    return min(target.counts) < UNEQUAL * max(target.counts)


# ---- the config ------------------------------------------------------------------------------------------------------


def filled(found: Found, to: Path) -> str:
    """The shipped config for tables with what was found filled in, each with its reason."""
    lines = configs()[TEMPLATE].read_text(encoding="utf-8").splitlines()
    body = lines[lines.index(f"name: {TEMPLATE}") :]
    stem = to.stem if to != Path(STDIN) else found.path.name.partition(".")[0]
    written = [f"# {clean(found.path.name)}: {clean(found.target.name)} as {found.task}",
               f"{MODELINE}{folder('configs') / 'schema.json'}"]  # fmt: skip
    sized = {"epochs": epochs, "batch_size": batch_size}
    for line in body:
        key, _, value = line.strip().partition(": ")
        value = value.partition(" #")[0].strip()
        if line == f"name: {TEMPLATE}":
            written.append(f"name: {flow(run_name(stem))}")
        elif line == f"  name: {TEMPLATE}":
            written += [line, *data_lines(found, to)]
        elif key in sized:
            size, usual = sized[key](found.rows, int(value)), int(value)
            why = f"fewer than the usual {usual}, for {found.rows:,} rows" if size < usual else "as usual"
            written.append(commented(f"  {key}: {size}", why))
        elif choice := _FOR_NUMBERS.fullmatch(line):
            value = choice[3 if found.task == "numbers" else 2]
            written.append(commented(f"{choice[1]}{value}", f"for {found.task}"))
        else:
            written.append(line)
    return "\n".join([*written, ""])


def data_lines(found: Found, to: Path) -> Iterator[str]:
    """What stands under `data:` for this table alone."""
    base, target = os.path.realpath(to.parent), found.target
    path = os.path.relpath(Path(os.path.realpath(found.path.parent), found.path.name), base)
    yield commented(f"  path: {flow(path)}", f"{sum(found.facts.rows):,} rows; {found.facts.dialect}")
    yield f"  target: {flow(target.name)}"
    yield commented(f"  task: {found.task}", found.why)
    if target.missing:
        yield commented("  missing_target: drop", f"{plural(target.missing, 'row')} without a target")
    if found.task == "classes" and len(target.categories) == 2 and is_unequal(target):
        rare = target.categories[target.counts.index(min(target.counts))]
        yield commented(f"  positive: {flow(rare)}", "the rare one: f1, auc and average_precision are about it")
    if found.dropped:
        yield commented("  drop:", "columns that are no inputs")
        yield from (commented(f"    - {flow(name)}", why) for name, why in found.dropped.items())
    yield from (f"  # {clean(each)}" for each in found.remarks)


def epochs(rows: int, most: int) -> int:
    """As many as all rows of a bearable table take, and no fewer than LEAST_EPOCHS."""
    return max(min(most, LEAST_EPOCHS), min(most, most * BEARABLE_ROWS // rows))


def batch_size(rows: int, most: int) -> int:
    """A power of two that leaves LEAST_STEPS batches an epoch, if there are rows for it."""
    return max(SMALLEST_BATCH, min(most, 1 << max(0, (rows // LEAST_STEPS).bit_length() - 1)))


def commented(text: str, comment: str) -> str:
    return f"{text.ljust(COMMENTS_AT - 1)} # {clean(comment)}"


def clean(text: str) -> str:
    """On one line, whatever a cell or a name holds."""
    return "".join(char if char.isprintable() else " " for char in text)
