"""Are groups of runs better or worse than another one, in pairs of the same seed, split or fold?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tuner.answer import Answer, Block, Brief, Cell, Column, Command, Note, Table, Text, Verdict
from tuner.asks.compare.comparison import CORRECTED, SIGN_FLIP, Comparison, Difference, compare
from tuner.asks.compare.pairs import MISSING, Side
from tuner.asks.compare.statistics import EXACT_PAIRS, FLIPS
from tuner.asks.compare.table import Ideas, compare_ideas
from tuner.asks.compare.words import (
    BETTER,
    CHANCE,
    COLORS,
    DIVERGED,
    EQUIVALENT,
    FEW_PAIRS,
    UNDECIDED,
    VERDICTS,
    WORSE,
    p_text,
    verdict_line,
    written,
)
from tuner.asks.sweep.groups import compared
from tuner.choice import nearest_of
from tuner.config import varied
from tuner.errors import UsageError
from tuner.figures import LEVEL, plural
from tuner.runs.family import find_group
from tuner.runs.values import parse_metric

MANY = 10_000


def ask(
    references: Sequence[str],
    runs_dir: Path,
    *,
    metric: str | None = None,
    baseline: str | None = None,
    least_effect: float | None = None,
    direction: str | None = None,
    fail_on: Sequence[str] = (),
    by: str | None = None,
) -> Answer:
    """Every seed's value, the statistics, what they say, of a sweep as its verdict does; `by` data: a table of ideas
    and data sets. The exit code is 1 where a verdict is among those of `fail_on`, each one or several with commas.
    Raises UsageError, NotFoundError."""
    if by not in (None, "data"):
        raise UsageError(f"--by takes data, not {by}", fix="--by data: a table of ideas and data sets.")
    failing = [word.strip().lower() for each in fail_on for word in each.split(",")]
    for word in failing:
        if word not in VERDICTS:
            raise UsageError(f"--fail-on {word or repr(word)} is no verdict", fix=nearest_of(word, VERDICTS))
    groups, judged_by = compared(references, runs_dir)
    metric = judged_by if metric is None else metric
    if baseline is not None:  # one of the groups, or one that --baseline alone names
        base = find_group(baseline, runs_dir)
        base = next((group for group in groups if group.path.samefile(base.path)), base)
        groups = [base, *(group for group in groups if group is not base)]
    wanted = parse_metric(metric) if metric is not None else None
    table = compare_ideas(groups, wanted, least_effect, direction) if by else None
    found = table.comparison if table else compare(groups, wanted, least_effect, direction)
    met = [f"{each.side.name} is {each.verdict}" for each in found.differences if each.verdict in failing]
    failed = [Note(f"--fail-on {','.join(failing)}: {', '.join(met)}")] if met else []
    result = "".join(f"{each.side.name} {each.verdict}\n" for each in found.differences)
    shown = table_blocks(table) if table else blocks(found)
    return Answer([*shown, *failed], (table or found).as_data(), result, exit_code=1 if met else 0)


def blocks(comparison: Comparison) -> Iterator[Block]:
    """The notes, the tables, the remarks; the verdict comes last."""
    several = len(comparison.differences) > 1
    yield from (Note(f"note: {note}") for note in comparison.notes)
    yield _values(comparison)
    yield from _judged(comparison, comparison.sides[0].name, remarks(comparison))
    if several:
        yield Text(_items([verdict_line(comparison, each) for each in comparison.differences]))
    yield Verdict(conclusion(comparison), "bold" if several else COLORS[comparison.differences[0].verdict])


def table_blocks(table: Ideas) -> Iterator[Block]:
    """The notes, ideas and data sets, the statistics, what each idea did on which data set."""
    comparison, base = table.comparison, table.ideas[0]
    yield from (Note(f"note: {note}") for note in comparison.notes)
    write, found = written(comparison), {each.side.name: each.verdict for each in comparison.differences}
    rows = [
        [idea, *(_place(table.sides.get((each, idea)), write, found) for each in table.data), table.ranks.get(idea)]
        for idea in table.ideas
    ]
    columns = [Column("idea"), *map(Column, table.data), Column("mean rank", "{:.2f}".format)]
    yield Table(columns, rows, f"{comparison.metric}, {comparison.direction} is better: mean ± sd (runs)")
    said = [f"no verdict on {each}: {base} is not there" for each in table.data if (each, base) not in table.sides]
    said += [f"not there: {', '.join(table.missing)}"] if table.missing else []
    ranked = ", ".join(table.ranked) or "none, for on each an idea has no value"
    said += [f"data sets in the mean rank: {ranked}"] if len(table.ranked) < len(table.data) else []
    if comparison.holds and comparison.unit == "pair":
        said.append("each verdict holds on the one split of its data set")
    yield from _judged(comparison, base, [*said, *remarks(comparison)])
    lines = []
    for idea in table.ideas[1:]:
        tried = [each for each in table.data if (each, idea) in table.sides and (each, base) in table.sides]
        verdicts = [(each, found[table.sides[each, idea].name]) for each in tried]
        lines.append(f"{idea} against {base}: {_by_verdict(verdicts) or 'on no data set are both'}")
    yield from map(Verdict, lines)


def _place(side: Side | None, write: Callable[[float], str], verdicts: Mapping[str, str]) -> Cell:
    """``0.9615 ± 0.0041 (8) better``; why there is no mean."""
    if side is None or side.mean is None:
        return MISSING if side is None else ", ".join(dict.fromkeys(side.left_out.values()))
    texts = []
    for each in (write, repr):
        spread = "" if side.deviation is None else f" ± {each(side.deviation)}"
        texts.append(f"{each(side.mean)}{spread} ({len(side.values)}) {verdicts.get(side.name, '')}".rstrip())
    return Brief(*texts)


def _judged(comparison: Comparison, base: str, said: Sequence[str]) -> Iterator[Block]:
    """The statistics against `base`, how they were made, what helps to read them, what trains more."""
    yield _statistics(comparison, base)
    count, test = len(comparison.differences), f"exact two-sided {SIGN_FLIP}"
    if max(each.pairs for each in comparison.differences) > EXACT_PAIRS:
        test = f"two-sided {SIGN_FLIP} ({FLIPS:,} flips above {EXACT_PAIRS} pairs)"
    corrected = f", Holm-corrected for {count} comparisons" if count > 1 else ""
    how = {True: f"interval: paired t; p: {test}", False: f"interval and p: {CORRECTED}"}
    if len(sizes := {side.sizes for side in comparison.sides if not side.signs}) == 1:
        how[False] += " ({:,} samples, {:,} to train on)".format(*sizes.pop() or ())
    used = [how[signs] for signs in how if any(each.base.signs is signs for each in comparison.differences)]
    told = "; where the test part is drawn, ".join(used)
    yield Text(f"difference: the mean over the {comparison.unit}s; {told}{corrected}", "dim")
    if said:
        yield Text(_items(said))
    if comparison.train:
        yield Text(f"more {comparison.unit}s:")
        yield from map(Command, comparison.train)


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) if len(lines) > 1 else lines[0]


def _values(comparison: Comparison) -> Table:
    """Every seed's value, or why it has none; for two groups with the differences."""
    sides = comparison.sides
    keys, base = sorted({key for side in sides for key in side.group.runs}), sides[0].group
    columns = [Column(base.column, side="l"), *(Column(side.name, written(comparison), "r") for side in sides)]
    rows: list[list[Cell]] = [
        [base.label(key), *(side.left_out.get(key) or side.values[key] for side in sides)] for key in keys
    ]
    rows += [["mean", *(side.mean for side in sides)], ["sd", *(side.deviation for side in sides)]]
    if len(comparison.differences) == 1:
        [only] = comparison.differences
        sign = written(comparison, "+")
        spread = None if only.deviation is None else Brief(sign(only.deviation).lstrip("+"), repr(only.deviation))
        columns.append(Column("difference", sign, "r"))
        differences = [*(only.values.get(key) for key in keys), only.mean, spread]
        rows = [[*row, cell] for row, cell in zip(rows, differences, strict=True)]
    title = f"{comparison.metric}, {comparison.direction} is better, in pairs of the same {varied.words(base.varies)}"
    return Table(columns, rows, title)


def _statistics(comparison: Comparison, base: str) -> Table:
    """A line for each comparison."""
    sign = written(comparison, "+")
    columns = [Column(f"against {base}"), Column(f"{comparison.unit}s"), Column("difference", sign, "r")]
    columns += [Column("95 % interval", side="r"), Column("p", p_text, "r"), Column("verdict")]
    rows: list[list[Cell]] = []
    for each in comparison.differences:
        interval = None
        if each.low is not None and each.high is not None:
            interval = Brief(f"[{sign(each.low)}, {sign(each.high)}]", f"[{each.low!r}, {each.high!r}]")
        rows.append([each.side.name, each.pairs, each.mean, interval, each.p, each.verdict])
    styles = {(at, 5): COLORS[each.verdict] for at, each in enumerate(comparison.differences)}
    return Table(columns, rows, styles=styles)


def conclusion(comparison: Comparison) -> str:
    """The verdict in one line; several as ``against a: b better; c, d undecided``."""
    where = f" {comparison.holds}" if comparison.holds else ""
    if len(comparison.differences) == 1:
        return verdict_line(comparison, comparison.differences[0], where)
    named = [(each.side.name, each.verdict) for each in comparison.differences]
    return f"against {comparison.sides[0].name}{where}: {_by_verdict(named)}"


def _by_verdict(named: Sequence[tuple[str, str]]) -> str:
    """``b better; c, d undecided``."""
    found = ((verdict, [name for name, own in named if own == verdict]) for verdict in VERDICTS)
    return "; ".join(f"{', '.join(names)} {verdict}" for verdict, names in found if names)


def remarks(comparison: Comparison) -> list[str]:
    """What helps to read the statistics."""
    count, found = len(comparison.differences), []
    if few := [each for each in comparison.differences if each.reason == FEW_PAIRS]:
        why = f" for {count} comparisons" if count > 1 else f": with fewer no p can be as low as {LEVEL}"
        why = why if few[0].base.signs else ""
        found.append(f"a verdict takes {few[0].least} {comparison.unit}s{why}")
    names: dict[str, list[str]] = {}
    for each in comparison.differences:
        for remark in _remarks_on(comparison, each):
            names.setdefault(remark, []).append(each.side.name)
    return found + [f"{', '.join(about)}: {remark}" if count > 1 else remark for remark, about in names.items()]


def _remarks_on(comparison: Comparison, difference: Difference) -> list[str]:
    """What helps to read one line of the statistics, most of all where the interval and p seem to disagree."""
    effect, needed, found = comparison.least_effect, difference.needed, []
    if difference.verdict != EQUIVALENT and difference.excludes_zero != difference.is_found:
        where = "leaves zero out" if difference.excludes_zero else "holds zero"
        own = " and for this comparison alone" if len(comparison.differences) > 1 else ""
        found.append(f"the interval {where}, but it is for normal differences{own}; verdicts follow p")
    if difference.verdict in (BETTER, WORSE) and difference.within(effect):
        found.append(f"the difference is below the least effect of {effect:g}")
    if difference.verdict != UNDECIDED or difference.reason == DIVERGED:
        return found
    if effect is not None and difference.low is not None and not difference.within(effect):
        found.append(f"the interval reaches beyond ±{effect:g}")
    if needed is None and difference.reason == CHANCE and not any(difference.values.values()):
        found.append("with --least-effect D, groups can also be found equivalent")
    if needed is not None and needed > max(difference.pairs, difference.least):
        more = plural(needed - difference.pairs, f"more {varied.noun(difference.base.group.varies)}")
        count = f"about {needed:,} {comparison.unit}s: {more}"
        count = count if needed <= MANY else f"more than {MANY:,} {comparison.unit}s"
        effect_seen = written(comparison, "+")(difference.mean or 0.0)
        found.append(f"to find an effect of {effect_seen} four times in five takes {count}")
    return found
