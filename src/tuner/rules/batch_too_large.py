"""Too few steps, for each takes too many samples."""

from __future__ import annotations

import math

from tuner.bounds import Integer
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence, Signal
from tuner.runs.files import METRICS


class BatchTooLarge(Rule, name="batch-too-large"):
    """A batch holds so many of the samples that the run takes few steps.

    Seen by: few steps an epoch, and few in all, while the training loss was still falling at the end.
    Change: a smaller training.batch_size, so that an epoch has some thirty steps; or as many more epochs.
    Not when: the loss has stopped falling: more steps change nothing then; or the run has but a few epochs: it is
    too-few-epochs then.
    Source: Keskar et al. (2017), "On Large-Batch Training for Deep Learning: Generalization Gap and Sharp Minima";
    Masters, Luschi (2018), "Revisiting Small Batch Training for Deep Neural Networks".
    """

    stage = "training"
    order = 7
    title = "batches are too large"
    harm = "An epoch is as dear as with small batches, but moves the weights only a few times."
    folds = ("too-few-epochs", "learning-rate-too-low", "optimizer-mismatch")
    proof = "batch-size"
    chinese = ("批量过大", "批大小过大", "小批量")

    steps: int = setting(Integer(ge=1), "steps an epoch below which a batch is large", default=8)
    epochs: int = setting(Integer(ge=1), "of the run, up to which too few steps are too few epochs", default=4)
    in_all: int = setting(Integer(ge=1), "steps of the whole run below which they are few", default=300)

    def check(self, evidence: Evidence) -> Finding | None:
        samples, batch = evidence.samples("train"), evidence.batch
        per_epoch = evidence.steps / max(1, evidence.epochs)
        if not samples or per_epoch > self.steps or evidence.steps > self.in_all or batch < 48:
            return None
        if evidence.epochs <= self.epochs or not evidence.is_improving:
            return None
        confidence = grade(per_epoch, self.steps, 2, 0.6, 0.9)
        words = (
            f"a batch of {batch:,} makes {evidence.steps:,} steps in {evidence.epochs} epochs, and it still improves"
        )
        signals = [
            evidence.of_setting("training.batch_size"),
            Signal("steps", evidence.steps, self.in_all, f"{METRICS}:{evidence.epochs + 1}"),
            evidence.of_epoch("train_loss", -1, None),
        ]
        smaller = min(128, max(8, 2 ** round(math.log2(max(8, samples / 32)))))
        again = {"training.epochs": min(1000, evidence.planned * 4)}
        changes = {"training.batch_size": smaller}, {"training.batch_size": smaller, **again}
        return self.found(confidence, words, signals, *changes)
