"""What is wrong with runs, how that is known, what to change: one diagnosis a run or group."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuner.answer import Answer, Block, Column, Command, Note, Table, Text, Verdict
from tuner.asks.diagnose.picture import picture
from tuner.asks.diagnose.table import table_of
from tuner.asks.diagnose.writing import command, write_next
from tuner.choice import nearest_of
from tuner.data.card.facts import Reference
from tuner.diagnosis import Diagnosis, diagnose, evidence_of
from tuner.document.writing import flow
from tuner.durable.reading import shown
from tuner.errors import NotFoundError, TunerError, UsageError
from tuner.figures import figure, plural
from tuner.options.losses import Loss
from tuner.paths import reference as reference_to
from tuner.reach import reference as reference_in
from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.family import Group, find_group
from tuner.runs.folder import Run

FAIL_ON = ("finding", "risk")
STYLES = {"healthy": "bold green", "unknown": "bold"}


def ask(
    references: Sequence[str],
    runs_dir: Path,
    *,
    fail_on: Sequence[str] = (),
    write: Path | None = None,
    png: Path | None = None,
    as_table: bool = False,
) -> Answer:
    """What is wrong with each run; of a group, with most of its members; `as_table`: in one table for all of them.
    Raises UsageError, NotFoundError."""
    for each in fail_on:
        if each not in FAIL_ON:
            raise UsageError(f"--fail-on cannot be {shown(each)}", fix=nearest_of(each, FAIL_ON))
    if len(references) > 1 and (write or png):
        raise UsageError(f"{'--write' if write else '--png'} is of one run", fix="Name one run or group.")
    blocks: list[Block] = []
    told, lines, is_met = [], [], False
    judged: list[tuple[Path, Diagnosis]] = []
    damaged: list[Note] = []
    for reference in references:
        try:
            group = find_group(reference, runs_dir)
            run, evidence, diagnosis, notes = of_group(group)
        except NotFoundError as error:
            if len(references) == 1:
                raise
            damaged.append(Note(error.line, problem=True))
            continue
        judged.append((group.path, diagnosis))
        blocks += [*notes, *([] if as_table else _blocks(group, evidence, diagnosis))]
        data = as_data(group, diagnosis)
        told.append(data)
        first = diagnosis.findings[0].rule if diagnosis.findings else "-"
        lines.append(f"{diagnosis.outcome.stage} {first} {shown(str(group.path))}\n")
        is_met |= bool((fail_on and diagnosis.findings) or ("risk" in fail_on and diagnosis.risks))
        if write is not None:
            blocks.append(write_next(run, diagnosis, write))
        if png is not None:
            blocks.insert(0, picture(evidence, diagnosis, png))  # what to type stays last
    blocks += [table_of(judged)] if as_table else []
    data = told[0] if len(references) == 1 else {"runs": told, "damaged": [note.text for note in damaged]}
    return Answer([*damaged, *blocks], data, "".join(lines), NotFoundError.exit_code if damaged else int(is_met))


def of_group(group: Group) -> tuple[Run, Evidence, Diagnosis, list[Block]]:
    """The diagnosis that most members of a group have, by one of them, and what has to be known beside it. Raises
    NotFoundError where there is no run that can be judged."""
    notes: list[Block] = [Note(damage, problem=True) for damage in group.damaged.values()]
    found: list[tuple[Run, Evidence, Diagnosis]] = []
    for run in group.runs.values():
        try:
            if run.rows or run.state == "diverged":
                evidence = evidence_of(run)
                found.append((run, evidence, diagnose(evidence)))
        except NotFoundError as error:  # the other members tell
            if len(group.runs) == 1:
                raise
            notes.append(Note(error.line, problem=True))
    if not found:
        raise NotFoundError(f"{shown(str(group.path))} has no finished epoch yet: there is nothing to judge by")
    firsts = [(each[2].outcome.stage, each[2].findings[0].rule if each[2].findings else "") for each in found]
    usual = max(dict.fromkeys(firsts), key=firsts.count)
    run, evidence, diagnosis = found[firsts.index(usual)]
    if len(found) > 1:
        what = usual[1] or usual[0]
        count = f"{firsts.count(usual)} of {group.counted(len(found))}"
        notes.append(Note(f"{what} comes first in {count}; shown: {run.path.name}"))
    if run.state == "running":
        done = plural(len(run.rows), "epoch")
        notes.append(Note(f"{run.path.name} is still being trained: this is the diagnosis of {done}"))
    elif run.state in ("stopped", "crashed"):
        rest = f"what comes after epoch {len(run.rows)} is not known"
        notes.append(Note(f"{run.path.name} is unfinished ({run.state}): {rest}"))
    there = {"layer statistics": evidence.looks, "card.json": evidence.card, "data.json": evidence.data}
    missing = [what for what, known in there.items() if not known]
    if missing:
        notes.append(Note(f"without {' and '.join(missing)}: told from the curves and the config alone"))
    return run, evidence, diagnosis, notes


SAID = {"invalid": "not valid", "generalization": "good on its training data, not on validation data"}
"""Stages in a few words; of the one that is about training data the words that the outcome begins with."""


def in_a_line(group: Group) -> tuple[str, str]:
    """The diagnosis in a line, and the command that says more where the outcome is bad; both "" where there is nothing
    to judge by, or a file is damaged; and of a refit, which is as long as its folds found best, and is put to use."""
    try:
        _, evidence, diagnosis, _ = of_group(group)
    except TunerError:
        return "", ""
    stage = diagnosis.outcome.stage
    if stage in ("healthy", "unknown") or evidence.config.training.stop_after is not None:
        return "healthy" * (stage == "healthy"), ""
    words = SAID.get(stage) or re.split("[,:]", diagnosis.outcome.words)[0]
    first = "".join(f" ({found.rule}, {found.confidence:.0%} sure)" for found in diagnosis.findings[:1])
    return f"{words}{first}", f"tuner diagnose {reference_to(group.path)}"


def as_data(group: Group, diagnosis: Diagnosis) -> dict[str, Any]:
    """What `--json` tells of a diagnosis."""
    return {
        "run": str(group.path),
        "stage": diagnosis.outcome.stage,
        "outcome": diagnosis.outcome.words,
        "evidence": [_plain(vars(signal)) for signal in diagnosis.outcome.evidence],
        "findings": [_finding(each) for each in diagnosis.findings],
        "risks": [_finding(each) for each in diagnosis.risks],
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "confidence": found.confidence,
        "words": found.words,
        "evidence": [_plain(vars(signal)) for signal in found.evidence],
        "change": dict(found.change),
        "alternatives": [dict(change) for change in found.changes[1:]],
        "folds": list(found.folds),
        "recipe": Rule.members[found.rule].proof,
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that JSON cannot hold become null."""
    odd = {key for key, value in values.items() if isinstance(value, float) and not math.isfinite(value)}
    return {key: None if key in odd else value for key, value in values.items()}


def _blocks(group: Group, evidence: Evidence, diagnosis: Diagnosis) -> list[Block]:
    """The stage in a sentence, the findings, the risks, the command to type."""
    outcome = diagnosis.outcome
    style = STYLES.get(outcome.stage, "bold yellow")
    whose = "" if evidence.run.path == group.path else f" ({evidence.run.path.name})"  # a group is told by one member
    blocks: list[Block] = [Verdict(f"{shown(str(group.path))}{whose}: {outcome.words}", style)]
    if outcome.stage not in ("healthy", "unknown") and not diagnosis.findings:
        blocks.append(Text("No rule knows why: look at the curves, and at samples that it gets wrong."))
    for number, found in enumerate(diagnosis.findings, 1):
        blocks += _of_finding(number, found)
    blocks += [Text(_compared(known))] if (known := reference_in(evidence)) is not None else []
    if outcome.stage == "healthy":
        blocks += [Text(advice) for advice in costs(evidence)]
    if diagnosis.risks:
        told = [f"{each.rule}: {each.words}" for each in diagnosis.risks[:6]]
        title = "Risks: signs that did no harm here" if outcome.stage == "healthy" else "Also noticed"
        blocks.append(Text("\n\n".join(told), title=title))
    changed = next((found for found in diagnosis.findings if found.change), None)
    if changed is not None:
        blocks.append(Command(f"tuner diagnose {reference_to(group.path)} --verify  # does it help? 8 seeds tell"))
        blocks.append(Command(command(evidence.run, changed.change)))
    return blocks


def _compared(known: Reference) -> str:
    """What a ready config gets on the same data, in a sentence."""
    parts = {"training": known.train, "validation": known.validation}
    told = [f"{there.mean:.4f} ± {there.std:.4f} on {part} data" for part, there in parts.items()]
    what = f"{known.metric}: {', '.join(told)} (mean ± sd of {plural(known.runs, 'split')})"
    return f"What the ready config {known.config} gets on the same data by {what}."


def _of_finding(number: int, found: Finding) -> list[Block]:
    rule = Rule.members[found.rule]
    rows = [[signal.signal, _cell(signal.value), _bound(signal), signal.source] for signal in found.evidence]
    says = [f"{sentence(found.words)}. {rule.harm}"]
    if found.folds:
        says.append(f"It explains, too: {', '.join(found.folds)}.")
    if found.change:
        proof = f" The recipe {rule.proof} shows what that brings." if rule.proof else ""
        says.append(f"Change: {', '.join(f'{key} to {flow(value)}' for key, value in found.change.items())}.{proof}")
    title = f"{number}. {rule.title} ({found.rule}, {found.confidence:.0%} sure)"
    columns = [Column("measured"), Column("value", side="r"), Column("held against", side="r"), Column("where")]
    return [Text("\n\n".join(says), title=title), Table(columns, rows)]


def sentence(words: str) -> str:
    """With a capital letter, unless a name comes first."""
    first = words.partition(" ")[0]
    return words if not first.isalpha() or Loss.find(first) else f"{words[:1].upper()}{words[1:]}"


def _bound(signal: Signal) -> str | None:
    """What a number is held against, and on which side of it it is."""
    value, threshold = signal.value, signal.threshold
    if isinstance(value, int | float) and isinstance(threshold, int | float) and value != threshold:
        return f"{'above' if value > threshold else 'below'} {figure(threshold)}"
    return _cell(threshold)


def _cell(value: float | str | None) -> str | None:
    return figure(value) if isinstance(value, int | float) else value


def costs(evidence: Evidence) -> list[str]:
    """What a healthy run spends that it need not."""
    wasted = evidence.epochs - 1 - evidence.best
    has_waves = evidence.config.scheduler.name == "cosine_log"  # each gets worse before it gets better
    if wasted >= max(5, evidence.epochs // 2) and evidence.config.early_stopping is None and not has_waves:
        best = f"Its best epoch was {evidence.best + 1} of {evidence.epochs}"
        return [f"{best}: early stopping would spare most of the others."]
    return []
