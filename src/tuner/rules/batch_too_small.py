"""Batches too small for a steady step, or for batch norm."""

from __future__ import annotations

from tuner.bounds import Integer
from tuner.choice import setting
from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence


class BatchTooSmall(Rule, name="batch-too-small"):
    """A batch holds so few samples that its gradient is mostly noise, or that batch norm measures nothing.

    Seen by: a batch of a few samples, with batch norm, or with metrics that go up and down from epoch to epoch.
    Change: a batch of 32; else that with more epochs, for as many steps; else a batch of 64.
    Not when: the curves are steady: small batches are slow, but learn well.
    Source: Ioffe (2017), "Batch Renormalization", section 1; Wu, He (2018), "Group Normalization", section 1.
    """

    stage = "training"
    order = 8
    title = "batches are too small"
    harm = "The step of a batch follows the accidents of a few samples, and so does what batch norm takes for the mean."
    folds = ("oscillation", "learning-rate-too-high", "missing-batch-norm", "over-regularised", "capacity-too-small",
             "optimizer-mismatch", "dead-units", "overfitting", "needs-early-stopping", "too-few-epochs",
             "exploding-gradient", "structure-mismatch")  # fmt: skip
    proof = "batch-size"
    chinese = ("批量过小", "批大小过小")

    with_norm: int = setting(Integer(ge=1), "up to this batch norm measures nothing", default=4)
    without: int = setting(Integer(ge=1), "up to this a swinging metric is the batch's fault", default=4)

    least: int = setting(Integer(ge=1), "up to this a step is an accident", default=2)

    def check(self, evidence: Evidence) -> Finding | None:
        batch = evidence.batch
        has_norm = any(block.batch_norm for block in evidence.inner.values())
        swings = max(evidence.swings(evidence.train), evidence.swings(evidence.val))
        if has_norm and batch <= self.with_norm:
            confidence, words = 0.9, f"batch norm takes its mean and variance from {batch} samples"
        elif batch <= self.least:
            confidence, words = 0.9, f"a step follows {batch} sample{'s' if batch > 1 else ''}"
        elif batch <= self.without and swings > 0.01:
            confidence = 0.6
            words = f"a step follows {batch} samples, and {evidence.metric} changes by {swings:.3f} from epoch to epoch"
        else:
            return None
        column = f"train_{evidence.metric}"
        signals = [evidence.of_setting("training.batch_size", 32), evidence.of_epoch(column, -1, None)]
        larger = {"training.batch_size": 32}
        as_many_steps = {"training.epochs": min(1000, evidence.planned * min(10, 32 // max(1, batch)))}
        return self.found(confidence, words, signals, larger, larger | as_many_steps, {"training.batch_size": 64})
