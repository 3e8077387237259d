"""The diagnosis of a run, in the article's order: is it valid, is it good on its training data, is it good on others?

Only a run whose outcome is bad has findings. Of two reasons the one upstream is told, and what it explains is folded
under it; whatever else a rule noticed is a risk, but for what is asked later: of a run that is bad on its own training
data nothing is said of others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tuner.config.load import kept_config, settings_of
from tuner.errors import ConfigError
from tuner.figures import figure, finite
from tuner.reach import MARGIN, expected, is_below_reference, of_reference, reference, says_little
from tuner.rules import Finding, Rule, overrides, together
from tuner.rules.distribution_shift import DistributionShift
from tuner.rules.learning_rate_too_high import FAR
from tuner.rules.needs_early_stopping import NeedsEarlyStopping
from tuner.rules.too_few_epochs import TooFewEpochs
from tuner.runs.card import read_card
from tuner.runs.data import read_data
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import CARD, CONFIG, DATA, STATUS
from tuner.runs.folder import Run

MOST = 3
"""Findings that are told."""

SURE = 0.5
"""How sure a rule has to be of a finding."""

CERTAIN, FAIRLY, LIKELY = 0.85, 0.8, 0.7
"""How sure it has to be where the outcome alone does not tell that it is bad: at all, where a run is hardly better than
simple models, and where these are no match for a network."""

NEAR = 0.2
"""Of the way from what simple models reach to a perfect metric, up to which a run is hardly better than they are."""

LEAD = 0.16
"""By how much a sign may be surer than what explains it."""

GOOD, PERFECT = 0.97, 0.995
"""Of a metric on training data, from which on there is little left to gain, and nothing that a reason which is as good
as known could give."""

KNOWN = 0.94
"""How sure a rule is of such a reason."""

LOST = 0.1
"""Of a metric on training data, what a good run does not lose again by its end."""

TELLING = {
    "class-imbalance": "good on the large classes alone",
    "data-label-link": "no better than chance on new samples",
}
"""The rules that are about the outcome itself, with what they say of it."""

ROUNDED = 1e-6
"""To what card.json rounds."""

FAIR = 0.9
"""Of a metric on training data, from which on a run is called healthy although nothing is known of its data."""


@dataclass(frozen=True)
class Outcome:
    """How the run came out: its `stage`, in a sentence, and the numbers that say so."""

    stage: Literal["invalid", "training", "generalization", "healthy", "unknown"]
    words: str
    evidence: Sequence[Signal] = field(default=())


@dataclass(frozen=True)
class Diagnosis:
    """How a run came out; why, in at most `MOST` findings, the likeliest first; and what else rules noticed."""

    outcome: Outcome
    findings: Sequence[Finding]
    risks: Sequence[Finding]


def evidence_of(run: Run) -> Evidence:
    """What `run` tells. Raises NotFoundError where a file of it is damaged."""
    data = read_data(run) if run.has(DATA) else None
    return Evidence(run, kept_config(run.path / CONFIG, run.content(CONFIG)), data, read_card(run))


def diagnose(evidence: Evidence) -> Diagnosis:
    """The diagnosis of a run that has finished at least one epoch, or diverged."""
    noticed = [found for rule in in_order() if (found := rule().check(evidence)) is not None]
    outcome = outcome_of(evidence, noticed)
    stages = {"invalid": ("invalid", "training"), "training": ("training",), "generalization": ("generalization",)}
    explains = stages.get(outcome.stage, ())
    able = [found for found in noticed if Rule.members[found.rule].stage in explains and found.confidence >= SURE]
    if outcome.stage == "generalization":  # what began in training may show there alone
        signs = {found.rule for found in able}
        able += [
            found for found in sure_of(noticed, "training", CERTAIN) if signs & set(Rule.members[found.rule].folds)
        ]
    findings = [
        replace(found, changes=fitting(evidence, with_lr(evidence, found, able))) for found in folded(able)[:MOST]
    ]
    told = {name for found in findings for name in (found.rule, *found.folds)}
    told |= {TooFewEpochs.name} if NeedsEarlyStopping.name in {found.rule for found in noticed} else set()  # not both
    later = "generalization" if outcome.stage in ("invalid", "training") else ""
    risks = [found for found in noticed if found.rule not in told and Rule.members[found.rule].stage != later]
    return Diagnosis(outcome, findings, risks)


def with_lr(evidence: Evidence, finding: Finding, able: Sequence[Finding]) -> list[Mapping[str, Any]]:
    """The changes of a finding; where a learning rate that is likely too high is told under it, the first one is there
    with a lower rate, too, for long steps may be a fault of their own: before the others where it is far too high."""
    high = [found for found in able if found.rule == "learning-rate-too-high" and found.rule in finding.folds]
    if not finding.changes or not high or high[0].confidence < LIKELY:
        return list(finding.changes)
    first, both = finding.change, together([finding.change, high[0].change])
    return [*([both, first] if evidence.lr_factor >= FAR else [first, both]), *finding.changes[1:]]


def fitting(evidence: Evidence, changes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those changes that the config language takes, and that change something."""
    source, text, kept = evidence.run.path / CONFIG, evidence.run.content(CONFIG), []
    for change in changes:
        with suppress(ConfigError):
            config, _ = settings_of(str(source), overrides(change), text)
            if config != evidence.config and change not in kept:
                kept.append(change)
    return kept


def in_order() -> list[type[Rule]]:
    """All rules, upstream first."""
    return sorted(Rule.members.values(), key=lambda rule: rule.order)


def folded(found: Sequence[Finding]) -> list[Finding]:
    """Those that no other explains, each with those that it explains, the surest first. Of two that explain each other
    the one that is surer stands, upstream first."""
    ranked = sorted(found, key=lambda each: (-each.confidence, Rule.members[each.rule].order))
    kept: list[Finding] = []
    under: dict[str, list[str]] = {}
    for each in ranked:
        above = next((one for one in kept if each.rule in Rule.members[one.rule].folds), None)
        if above is not None:
            under.setdefault(above.rule, []).append(each.rule)
            continue
        signs = [one for one in kept if one.rule in Rule.members[each.rule].folds]
        for one in [one for one in signs if one.confidence - each.confidence <= LEAD]:
            kept.remove(one)  # surer, but a sign of what lies upstream
            under.setdefault(each.rule, []).extend([one.rule, *under.pop(one.rule, [])])
        kept.append(each)
    return [replace(each, folds=tuple(under.get(each.rule, ()))) for each in kept]


# ---- the outcome -----------------------------------------------------------------------------------------------------


def outcome_of(evidence: Evidence, noticed: Sequence[Finding]) -> Outcome:
    """Whether the run is valid, good on its training data, and good on others."""
    run = evidence.run
    invalid = [found for found in noticed if Rule.members[found.rule].stage == "invalid"]
    if run.state == "diverged":
        reason = str(run.status.get("reason") or "a number was not finite")
        return Outcome("invalid", f"not valid: {reason}", [Signal("reason", reason, None, STATUS)])
    if invalid:
        return Outcome("invalid", f"not valid: {invalid[0].words}", invalid[0].evidence)
    if not evidence.train or not math.isfinite(evidence.reached(evidence.train)):
        return Outcome("unknown", "no metric of training data is there to judge by")
    outcome = _on_training(evidence, noticed) or _on_others(evidence, noticed) or _healthy(evidence)
    return replace(outcome, evidence=[*outcome.evidence, *of_reference(evidence)])


def _on_training(evidence: Evidence, noticed: Sequence[Finding]) -> Outcome | None:
    """The outcome of a run that is bad on its training data."""
    reached = evidence.reached(evidence.train)
    within, whose = expected(evidence)
    column = f"train_{evidence.metric}"
    start = f"on its own training data, so this is not overfitting: {column} is {figure(reached)}"
    of_card = Signal(f"{whose} on held-out samples", within, None, CARD)
    place = -1 if evidence.train[-1] == reached else evidence.best
    signals = [evidence.of_epoch(column, place, within), of_card]
    bound = within - MARGIN - evidence.chance_error(within)
    has_noise = bool(evidence.val and evidence.config.data.label_noise)  # of training labels alone
    judged = evidence.val if has_noise else evidence.train
    if max(reached, evidence.reached(judged)) < bound:
        words = f"bad {start}, and {whose} reaches {figure(within)} on samples it was not fitted on"
        return Outcome("training", words, signals)
    if evidence.card is None and reached <= within + MARGIN:
        return Outcome("training", f"bad {start}, no better than {whose}", signals[:1])
    for found in noticed:
        if found.rule in TELLING:
            return Outcome("training", f"{TELLING[found.rule]}: {found.words}", found.evidence)
    is_below = is_below_reference(evidence, "train", reached)
    near, is_easy = NEAR * (1 - max(0.0, within)), says_little(evidence)  # within: -inf where nothing is known
    is_near = reached < within + near
    least = LIKELY if is_below or (is_near and is_easy) else FAIRLY if is_near else CERTAIN
    certain = sure_of(noticed, "training", least)
    is_known = any(found.confidence >= KNOWN for found in certain)
    has_lost = evidence.train[-1] < max(finite(evidence.train)) - LOST
    is_good = reached >= (PERFECT if is_known else GOOD) or (reached > within + max(MARGIN, near) and not is_easy)
    is_good |= is_below is False and not is_known
    is_other = any(found.rule == "needs-early-stopping" for found in sure_of(noticed, "generalization", CERTAIN))
    if not certain or (is_good and not has_lost) or is_other or evidence.gap > max(0.1, 1 - reached):
        return None
    if has_lost:
        words = f"{column} fell from {figure(max(finite(evidence.train)))} to {figure(evidence.train[-1])}"
        start = f"what it had learned of its own training data, so this is not overfitting: {words}"
        last = evidence.of_epoch(column, -1, max(finite(evidence.train)) - LOST)
        return Outcome("training", f"lost again {start}; {certain[0].words}", [last])
    known = reference(evidence)
    other = f", and the ready config {known.config} gets {figure(known.train.mean)}" if known and is_below else ""
    return Outcome("training", f"not as good as it could be {start}{other}; {certain[0].words}", signals[:1])


def _on_others(evidence: Evidence, noticed: Sequence[Finding]) -> Outcome | None:
    """The outcome of a run that is good on its training data and bad on validation data."""
    if not evidence.val:
        return None
    reached = evidence.val[evidence.best]
    within, whose = expected(evidence)
    column = f"val_{evidence.metric}"
    signals = [evidence.of_epoch(f"train_{evidence.metric}", evidence.best, None)]
    signals.append(evidence.of_epoch(column, evidence.best, within))
    good = f"good on its training data ({figure(evidence.train[evidence.best])})"
    if reached < within - 2 * MARGIN - 2 * evidence.chance_error(within):
        words = f"{good}, bad on validation data: {column} is {figure(reached)}, and {whose} reaches {figure(within)}"
        return Outcome("generalization", words, signals)
    is_below = is_below_reference(evidence, "validation", reached)
    is_good = is_below is False or (reached > within + MARGIN and not says_little(evidence))
    certain = {found.rule for found in sure_of(noticed, "generalization", LIKELY if is_below else CERTAIN)}
    if certain and (evidence.widest_gap > 0.05 or "needs-early-stopping" in certain) and not is_good:
        return Outcome("generalization", f"{good}, worse on validation data: {column} is {figure(reached)}", signals)
    if DistributionShift.name in certain and DistributionShift().is_worse(evidence):
        signals.append(Signal(f"test_{evidence.metric}", evidence.tested, reached, STATUS))
        words = f"{good}, and on validation data ({figure(reached)}), worse on test data"
        return Outcome("generalization", f"{words}: test_{evidence.metric} is {figure(evidence.tested)}", signals)
    return None


def sure_of(noticed: Sequence[Finding], stage: str, least: float) -> list[Finding]:
    """What was found of a stage with at least that much confidence."""
    return [found for found in noticed if found.confidence >= least and Rule.members[found.rule].stage == stage]


def _healthy(evidence: Evidence) -> Outcome:
    """A run that is good, or in which nothing tells whether it is."""
    if evidence.card is None and evidence.reached(evidence.train) < FAIR:
        words = f"cannot be judged: train_{evidence.metric} is {figure(evidence.reached(evidence.train))}, and without "
        return Outcome("unknown", words + f"{CARD} nothing tells what is within reach; trained again it has one")
    chance = evidence.card.scores.chance.train if evidence.card is not None else None
    is_of_card = evidence.metric != "balanced_accuracy"  # whose chance the card does not know
    if is_of_card and chance is not None and evidence.reached(evidence.train) <= chance + ROUNDED:
        words = (
            f"cannot be judged: train_{evidence.metric} is {figure(evidence.reached(evidence.train))}, no better than "
        )
        words += "always the same answer, and there are too few samples to say that more is within reach"
        return Outcome("unknown", words)
    columns = [f"train_{evidence.metric}", *[f"val_{evidence.metric}"] * bool(evidence.val)]
    told = ", ".join(f"{column} {figure(evidence.course(column)[evidence.best])}" for column in columns)
    signals = [evidence.of_epoch(column, evidence.best, None) for column in columns]
    return Outcome("healthy", f"healthy: {told}", signals)
