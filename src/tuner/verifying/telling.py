"""A verification as blocks, as data, and in a line a round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tuner.answer import Block, Brief, Cell, Column, Command, Note, Table, Text, Verdict
from tuner.asks.compare.words import COLORS, p_text, written
from tuner.asks.diagnose.writing import command
from tuner.paths import reference
from tuner.rules import Rule

if TYPE_CHECKING:
    from tuner.verifying.judged import Judged
    from tuner.verifying.rounds import Chain, Round
    from tuner.verifying.screening import Trial

NOTHING = "nothing to verify"


def blocks(chain: Chain) -> Iterator[Block]:
    """Each round, all of them in a table, what is left to find, and the command that trains the final config."""
    for number, each in enumerate(chain.rounds, 1):
        yield from _round(number, each, len(chain.rounds))
    if not chain.rounds:
        yield Verdict(f"{NOTHING}: there is no finding with a change")
        return
    yield _steps(chain)
    last = chain.rounds[-1]
    if chain.base.changes:
        yield Text(f"With what helped: {chain.last.outcome.words}.")
    if last.judged is not None:
        yield Verdict(last.judged.words, COLORS.get(last.verdict, "bold yellow"))
    else:
        yield Verdict(f"{last.verdict}: {why_none(last)}", "bold yellow")
    if chain.base.changes:
        yield Command(command(chain.run, *chain.base.changes))
    elif last.judged is not None:
        paths = [reference(group.path) for group in (last.judged.base, last.judged.changed)]
        yield Command(f"tuner compare {' '.join(paths)} --metric {last.metric}")


def why_none(one: Round) -> str:
    """Why a round has no verdict."""
    return "every change that was tried diverged" if one.candidates else "there is no change that can be judged"


def _round(number: int, one: Round, rounds: int) -> Iterator[Block]:
    """What was found, what was tried, what came of it, seed by seed."""
    yield from (Note(f"note: {note}") for note in notes_on(one))
    findings = one.chosen.findings if one.chosen else one.diagnosis.findings[:1]
    found = "; ".join(f"{each.words} ({each.rule}, {each.confidence:.0%} sure)" for each in findings)
    says = [f"In {one.path}: {found}."]
    if one.chosen is not None:
        others = f", the best of {len(one.candidates)} changes" if len(one.candidates) > 1 else ""
        says.append(f"Changed: {one.chosen.words}{others}.")
    title = " and ".join(Rule.members[each.rule].title for each in findings)
    yield Text("\n\n".join(says), title=f"Round {number}: {title}" if rounds > 1 else f"Verify: {title}")
    if one.trials:
        yield _trials(one)
    if one.judged is not None:
        yield _pairs(one.judged)


def notes_on(one: Round) -> list[str]:
    """Which changes were not tried, and what makes the verdict hard to put down to one thing."""
    return [*one.notes, *(one.judged.comparison.notes if one.judged else ())]


def _trials(one: Round) -> Table:
    """The candidates beside the run that was diagnosed."""
    columns = [Column("change"), Column("rule"), Column("run"), Column("epochs", side="r")]
    columns += [Column(one.metric, "figure", "r"), Column("before", "figure", "r"), Column("")]
    rows: list[list[Cell]] = [
        [each.candidate.words, each.candidate.rule, each.path.name, each.epochs or None, each.value,
         each.base_value, "chosen" if each.candidate is one.chosen else each.reason]
        for each in one.trials
    ]  # fmt: skip
    return Table(columns, rows, "Tried with one seed")


def _pairs(judged: Judged) -> Table:
    """Every seed's value with and without the change."""
    sides, metric = judged.comparison.sides, judged.comparison.metric
    columns = [Column(judged.base.column, side="l"), *(Column(side.name, "figure", "r") for side in sides)]
    keys = list(judged.base.runs)
    rows: list[list[Cell]] = [
        [judged.base.label(key), *(side.left_out.get(key) or side.values[key] for side in sides)] for key in keys
    ]
    rows.append(["mean", *(side.mean for side in sides)])
    if not judged.by_finishing:
        columns.append(Column("difference", written(judged.comparison, "+"), "r"))
        differences = judged.difference.values
        rows = [[*row, value] for row, value in zip(rows, [*map(differences.get, keys), judged.difference.mean],
                                                    strict=True)]  # fmt: skip
    return Table(columns, rows, f"{metric} of validation data, in pairs of the same seed")


def _steps(chain: Chain) -> Table:
    """A line a round: what was changed, what it brought."""
    columns = [Column("round"), Column("found"), Column("change"), Column("pairs", side="r")]
    columns += [Column("difference", side="r"), Column("95 % interval", side="r"), Column("p", p_text, "r")]
    columns += [Column("verdict"), Column("trained", "duration", "r")]
    rows: list[list[Cell]] = []
    for number, each in enumerate(chain.rounds, 1):
        chosen, judged = each.chosen, each.judged
        about = [chosen.rule, chosen.words] if chosen else [each.diagnosis.findings[0].rule, None]
        rows.append([number, *about, *(_statistics(judged) if judged else [None] * 4), each.verdict,
                     judged.seconds if judged else None])  # fmt: skip
    return Table(columns, rows, "What it brought")


def _statistics(judged: Judged) -> list[Cell]:
    """Pairs, mean difference, interval, p; where it was given up no p, for it was looked at too early."""
    found = judged.difference
    sign = written(judged.comparison, "+") if not judged.by_finishing else "{:+.0%} finish".format
    interval = None
    if found.low is not None and found.high is not None and not judged.by_finishing:
        interval = Brief(f"[{sign(found.low)}, {sign(found.high)}]", f"[{found.low!r}, {found.high!r}]")
    mean = None if found.mean is None else Brief(sign(found.mean), repr(found.mean))
    return [found.pairs, mean, interval, None if judged.gave_up else found.p]


# ---- for programs ----------------------------------------------------------------------------------------------------


def result(chain: Chain) -> str:
    """A line a round: ``better learning-rate-too-high optimizer.lr=0.001``."""
    told = [
        f"{each.verdict} {each.chosen.rule} {each.chosen.words}\n" if each.chosen else f"{each.verdict}\n"
        for each in chain.rounds
    ]
    return "".join(told) or f"{NOTHING}\n"


def as_data(chain: Chain) -> dict[str, Any]:
    """The ``verify`` of ``--json``."""
    return {
        "rounds": [_round_data(each) for each in chain.rounds],
        "change": {key: value for change in chain.base.changes for key, value in change.items()},
        "stage": chain.last.outcome.stage,
        "outcome": chain.last.outcome.words,
        "next": command(chain.run, *chain.base.changes) if chain.base.changes else None,
    }


def _round_data(one: Round) -> dict[str, Any]:
    judged = one.judged
    told: dict[str, Any] = {
        "run": str(one.path),
        "stage": one.diagnosis.outcome.stage,
        "metric": one.metric,
        "notes": notes_on(one),
        "candidates": [{"rule": each.rule, "change": dict(each.change)} for each in one.candidates],
        "trials": [_trial_data(each) for each in one.trials],
        "rule": one.chosen.rule if one.chosen else None,
        "change": dict(one.chosen.change) if one.chosen else None,
        "verdict": one.verdict,
    }
    if judged is None:
        return told
    found = judged.difference
    return {
        **told,
        "words": judged.words,
        "judged_by": "finishing" if judged.by_finishing else one.metric,
        "groups": {side.name: side.as_data() for side in judged.comparison.sides},
        "pairs": found.pairs,
        **{key: getattr(found, key) for key in ("mean", "low", "high")},
        "p": None if judged.gave_up else found.p,
        "seconds": judged.seconds,
    }


def _trial_data(trial: Trial) -> dict[str, Any]:
    return {
        "change": dict(trial.candidate.change),
        "run": str(trial.path),
        "epochs": trial.epochs,
        "value": trial.value,
        "before": trial.base_value,
        "reason": trial.reason or None,
    }
