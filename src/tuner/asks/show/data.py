"""What do the data of a run look like, and how far do simple models get on them?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tuner.answer import Answer, Block, Cell, Column, Pairs, Table
from tuner.data.card.facts import Card, Shift
from tuner.figures import number, plural
from tuner.options.metrics import column
from tuner.runs.card import read_card
from tuner.runs.data import Data, read_data
from tuner.runs.files import DATA
from tuner.runs.folder import Run

PARTS = ("train", "validation", "test")


def told(run: Run) -> Answer:
    """What data.json and card.json of a run tell. Raises NotFoundError."""
    data, card = read_data(run), read_card(run)
    blocks: list[Block] = [Pairs([*_about(run, data), *(_found(card, data) if card else [])])]
    if card is not None:
        blocks.append(scores_table(run, card))
    if data.columns:
        blocks.append(columns_table(data))
    plain = {**asdict(data), "card": asdict(card) if card else None}
    return Answer(blocks, plain, f"{run.path / DATA}\n")


def _about(run: Run, data: Data) -> Iterator[tuple[str, Cell]]:
    """What there is to learn from."""
    counts = ", ".join(f"{number(data.parts[part]['samples'])} {part}" for part in PARTS if part in data.parts)
    yield "run", str(run.path)
    yield "data", f"{run.setting('data')}: {counts}"
    each = plural(data.shape[0], "input") if len(data.shape) == 1 else " x ".join(map(str, data.shape))
    yield "sample", f"{each} of {plural(len(data.columns), 'column')}" if data.columns else each
    if data.classes:
        counted = sorted(zip(data.parts["train"]["classes"], data.classes, strict=True), reverse=True)
        (most, common), (least, rare), of = counted[0], counted[-1], sum(count for count, _ in counted)
        ends = f"{common} is {most / of:.1%} of the training samples, {rare} {least / of:.1%}"
        yield "target", f"{data.target or 'class'}, {len(data.classes)} classes: {ends}"


def _found(card: Card, data: Data) -> Iterator[tuple[str, Cell]]:
    """What stands out in them."""
    prior, inputs, equal = card.prior, card.inputs, card.equal
    if not data.classes:
        yield "target", f"{data.target or 'number'}: mean {number(prior.mean)}, sd {number(prior.std)}"
    if inputs.low is not None:
        spread = number(inputs.least_std)
        if inputs.least_std != inputs.most_std:
            spread += f" to {number(inputs.most_std)}"
        more = f"; {plural(inputs.constant, 'constant input')}" if inputs.constant else ""
        more += f"; {plural(inputs.missing, 'column')} with missing values" if inputs.missing else ""
        yield "inputs", f"from {number(inputs.low)} to {number(inputs.high)} as stored, sd {spread}{more}"
    leaks = [f"{number(count)} of {part}" for part in PARTS[1:] if (count := getattr(equal, part))]
    yield "equal", f"samples held out that stand among the training samples, too: {', '.join(leaks) or 'none'}"
    if equal.train:
        other = f"; {number(equal.conflicting)} have another target than their like" if equal.conflicting else ""
        yield "equal", f"{number(equal.train)} training samples repeat an earlier one{other}"
    for part, shift in card.shift.items():
        yield "shift", f"{part}: {_shifted(shift, data)}"
    if card.gives_away is not None:
        yield "caution", f"{card.gives_away.column} alone tells the target: {number(card.gives_away.score)}"


def _shifted(shift: Shift, data: Data) -> str:
    """How far a part is from the training part, and whether chance does as much."""
    if shift.column is None or shift.z is None or shift.chance is None:
        return "too few samples to say"
    by_chance = "as it may by chance" if shift.z <= shift.chance else "farther than by chance"
    which = "" if data.columns else "pixel " if len(data.shape) == 3 else "input "
    return f"{which}{shift.column} lies {number(shift.difference)} sd from the training part, {by_chance}"


def scores_table(run: Run, card: Card) -> Table:
    """How far simple models get, a ready config, and the run."""
    scores, name = card.scores, card.scores.metric
    rows: list[list[Cell]] = [
        [words, found.train, found.validation]
        for words, found in {
            "always the same answer": scores.chance,
            "a linear model": scores.linear,
            "a kernel model": scores.kernel,
        }.items()
    ]
    if card.reference is not None and card.reference.metric == name:
        known = card.reference
        rows.append([f"{known.config}, mean of {known.runs} runs", known.train.mean, known.validation.mean])
    best: dict[str, Any] = run.status.get("best") or {}
    own = [best.get(f"{part}_{name}") for part in ("train", "val")]
    if any(value is not None for value in own):
        rows.append([f"this run, epoch {best['epoch']}", *own])
    heads = [column(f"{part}_{name}") for part in ("train", "val")]
    title = f"how far simple models get, fitted on {number(scores.samples)} training samples"
    return Table([Column("model"), *(Column(str(head), "figure") for head in heads)], rows, title)


def columns_table(data: Data) -> Table:
    """A row a column of the table, in its order."""
    rows = [[each.name, each.kind, len(each.features), each.missing or None] for each in data.columns]
    heads = [Column("column"), Column("kind"), Column("inputs"), Column("missing")]
    return Table(heads, rows, "columns")
