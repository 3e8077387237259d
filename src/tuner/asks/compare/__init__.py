"""Are groups of runs better or worse than another one, in pairs of the same seed?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner.answer import Answer, Block, Brief, Cell, Column, Command, Note, Table, Text, Verdict
from tuner.asks.compare.comparison import Comparison, compare
from tuner.asks.compare.differences import BETTER, EQUIVALENT, UNDECIDED, VERDICTS, WORSE
from tuner.asks.compare.pairs import WORDS
from tuner.asks.compare.words import conclusion, legend, p_text, plain, remarks, signed, verdict_line
from tuner.errors import UsageError
from tuner.runs.family import find_group
from tuner.runs.values import parse_metric

COLORS = {BETTER: "green", WORSE: "red", EQUIVALENT: "cyan", UNDECIDED: "yellow"}


def ask(
    references: Sequence[str],
    runs_dir: Path,
    *,
    metric: str | None = None,
    baseline: str | None = None,
    least_effect: float | None = None,
    direction: str | None = None,
    fail_on: Sequence[str] = (),
) -> Answer:
    """Every seed's value, the statistics, what they say. The exit code is 1 where a verdict is among those of
    `fail_on`, each one or several with commas. Raises UsageError, NotFoundError."""
    failing = [word.strip().lower() for each in fail_on for word in each.split(",")]
    for word in failing:
        if word not in VERDICTS:
            raise UsageError(f"--fail-on {word or repr(word)} is no verdict", fix=f"These are: {', '.join(VERDICTS)}.")
    groups = [find_group(reference, runs_dir) for reference in references]
    base = find_group(baseline, runs_dir) if baseline is not None else None
    if base is not None:  # one of the groups, or one that --baseline alone names
        place = os.path.realpath(base.path)
        base = next((group for group in groups if os.path.realpath(group.path) == place), base)
    wanted = parse_metric(metric) if metric is not None else None
    found = compare(groups, wanted, base, least_effect, direction)
    met = [f"{each.side.name} is {each.verdict}" for each in found.differences if each.verdict in failing]
    failed = [Note(f"--fail-on {','.join(failing)}: {', '.join(met)}")] if met else []
    result = "".join(f"{each.side.name} {each.verdict}\n" for each in found.differences)
    return Answer([*blocks(found), *failed], found.as_data(), result, exit_code=1 if met else 0)


def blocks(comparison: Comparison) -> Iterator[Block]:
    """The notes, the tables, the remarks; the verdict comes last."""
    yield from (Note(f"note: {note}") for note in comparison.notes)
    yield _values(comparison)
    yield _statistics(comparison)
    yield Text(legend(comparison), "dim")
    if said := remarks(comparison):
        yield Text(_items(said))
    if comparison.train:
        yield Text("more pairs:")
        yield from map(Command, comparison.train)
    color = COLORS[comparison.differences[0].verdict]
    if len(comparison.differences) > 1:
        color = "bold"
        yield Text(_items([verdict_line(comparison, each) for each in comparison.differences]))
    yield Verdict(conclusion(comparison), color)


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) if len(lines) > 1 else lines[0]


def _values(comparison: Comparison) -> Table:
    """Every seed's value, or why it has none; for two groups with the differences."""
    written, sides = plain(comparison), comparison.sides
    seeds = sorted({seed for side in sides for seed in side.group.runs})
    columns = [Column("seed", side="l"), *(Column(side.name, written, "r") for side in sides)]
    rows: list[list[Cell]] = [
        [seed, *(side.left_out.get(seed) or side.values[seed] for side in sides)] for seed in seeds
    ]
    rows += [["mean", *(side.mean for side in sides)], ["sd", *(side.deviation for side in sides)]]
    if len(comparison.differences) == 1:
        [only] = comparison.differences
        sign = signed(comparison)
        spread = None if only.deviation is None else sign(only.deviation).lstrip("+")
        columns.append(Column("difference", sign, "r"))
        differences = [*(only.values.get(seed) for seed in seeds), only.mean, spread]
        rows = [[*row, cell] for row, cell in zip(rows, differences, strict=True)]
    title = f"{comparison.metric}, {WORDS[comparison.direction]}, in pairs of the same seed"
    return Table(columns, rows, title)


def _statistics(comparison: Comparison) -> Table:
    """A line for each comparison."""
    sign = signed(comparison)
    columns = [Column(f"against {comparison.baseline.name}"), Column("pairs"), Column("difference", sign, "r")]
    columns += [Column("95 % interval", side="r"), Column("p", p_text, "r"), Column("verdict")]
    rows: list[list[Cell]] = []
    for each in comparison.differences:
        interval = None
        if each.low is not None and each.high is not None:
            interval = Brief(f"[{sign(each.low)}, {sign(each.high)}]", f"[{each.low!r}, {each.high!r}]")
        rows.append([each.side.name, each.pairs, each.mean, interval, each.p, each.verdict])
    styles = {(at, 5): COLORS[each.verdict] for at, each in enumerate(comparison.differences)}
    return Table(columns, rows, styles=styles)
