"""Early stopping that had no patience."""

from __future__ import annotations

from tuner.bounds import Integer, Number
from tuner.choice import setting
from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import STATUS


class EarlyStopTooSoon(Rule, name="early-stop-too-soon"):
    """Early stopping took a bad epoch or two for the end.

    Seen by: a run that early stopping ended after a small part of its epochs, with little patience, while the metric
    on training data still rose.
    Change: more patience; else early_stopping none.
    Not when: the monitor had truly turned: a patient run would end no better.
    Source: Prechelt (1998), "Early Stopping - But When?".
    """

    stage = "training"
    order = 21
    title = "early stopping ended it too soon"
    harm = "The monitor goes up and down; where the first step back ends the run, it ends by accident."
    folds = ("too-few-epochs", "capacity-too-small", "optimizer-mismatch", "learning-rate-too-low", "over-regularised",
             "oscillation", "missing-batch-norm")  # fmt: skip
    proof = "early-stopping"
    chinese = ("早停过早", "早停耐心不足")

    patience: int = setting(Integer(ge=1), "epochs up to which it is little", default=3)
    share: float = setting(Number(gt=0, lt=1), "of the epochs planned, below which it is a small part", default=0.7)

    def check(self, evidence: Evidence) -> Finding | None:
        stopping = evidence.config.early_stopping
        share = evidence.epochs / max(1, evidence.planned)
        if stopping is None or not evidence.is_stopped_early or share > self.share:
            return None
        is_demanding = stopping.min_delta > 0
        if stopping.patience > self.patience and not is_demanding:
            return None
        words = f"a patience of {stopping.patience} ended it after {evidence.epochs} of {evidence.planned} epochs"
        if is_demanding:
            words += f", asking for steps of {stopping.min_delta:g}"
        signals = [
            evidence.of_setting("early_stopping.patience", max(10, 5 * stopping.patience)),
            Signal("reason", str(evidence.run.status.get("reason")), None, STATUS),
        ]
        patient = {"early_stopping": {"patience": max(10, 5 * stopping.patience), "min_delta": 0.0}}
        losses = evidence.course("val_loss")
        has_turned = stopping.patience > 1 and losses[-1] > 1.03 * losses[evidence.best]
        confidence = 0.9 if is_demanding else 0.98 - 0.1 * stopping.patience
        return self.found(confidence - 0.25 * has_turned, words, signals, {"early_stopping": "none"}, patient)
