"""Good on training data, worse on others."""

from __future__ import annotations

from typing import Any

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade, together
from tuner.runs.evidence import Evidence


class Overfitting(Rule, name="overfitting"):
    """The network has learned its training data, and what it learned holds for little else.

    Seen by: a metric that is good on training data and clearly worse on validation data, below what simple models reach
    there. Only a run that is good on its training data can overfit.
    Change: augmentation for pictures; dropout; weight decay; early stopping; or all of these; more data.
    Not when: training data are bad, too: nothing that fights overfitting helps there.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", sections 5.2 and 7.
    """

    stage = "generalization"
    order = 30
    title = "overfitting"
    harm = "What the network knows are its training samples, and no longer what they have in common."
    folds = ()
    proof = "weight-decay"
    chinese = ("过拟合", "过度拟合", "泛化能力差")

    gap: float = setting(Number(gt=0, lt=1), "between training and validation data", default=0.05)

    wide: float = setting(Number(gt=0, lt=1), "gap that is bad whatever simple models reach", default=0.3)

    learned: float = setting(Number(gt=0, le=1), "of training data, from which on they are learned", default=0.95)

    def check(self, evidence: Evidence) -> Finding | None:
        gap = evidence.gap
        if not gap > self.gap:
            return None
        columns = [f"{part}_{evidence.metric}" for part in ("train", "val")]
        train, val = (evidence.course(column)[evidence.best] for column in columns)
        words = f"{columns[0]} is {train:.3g}, {columns[1]} {val:.3g}"
        signals = [evidence.of_epoch(column, evidence.best, None) for column in columns]
        is_wide = gap >= self.wide and evidence.reached(evidence.train) >= self.learned
        confidence = 0.88 if is_wide else grade(gap, self.gap, self.wide, 0.6, 0.84)
        return self.found(confidence, words, signals, *self.changes(evidence))

    def changes(self, evidence: Evidence) -> list[dict[str, Any]]:
        """What to try, by what is not there yet."""
        config = evidence.config
        changes: list[dict[str, Any]] = []
        is_picture = evidence.data is not None and len(evidence.data.shape) == 3
        if is_picture and not config.data.augment:
            changes.append({"data.augment": [{"name": "shift", "pixels": 1}]})
        if getattr(config.model, "dropout", None) == 0:
            changes.append({"model.dropout": 0.5})
        if config.optimizer.weight_decay < 1e-3:
            changes.append({"optimizer.name": "adamw", "optimizer.weight_decay": 0.1} if config.optimizer.name == "adam"
                           else {"optimizer.weight_decay": 1e-3})  # fmt: skip
        if config.early_stopping is None:
            changes.append({"early_stopping": {"patience": 5}})
        return [*changes[:1], together(changes), *changes[1:]] if len(changes) > 1 else changes
