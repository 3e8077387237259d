"""Samples come in the order in which they lie."""

from __future__ import annotations

from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence


class NotShuffled(Rule, name="not-shuffled"):
    """The samples come in the same order in every epoch, in the worst case one class after the other.

    Seen by: data.shuffle false, with data.order by_class or a source that may be sorted.
    Change: data.shuffle true.
    Not when: the samples lie in a random order already, or a batch holds all of them.
    Source: Bengio (2012), "Practical Recommendations for Gradient-Based Training of Deep Architectures", section 2.2.
    """

    stage = "training"
    order = 5
    title = "samples are not shuffled"
    harm = (
        "Each batch shows a few classes alone, and pulls the network towards them: what the last ones taught is lost."
    )
    folds = (
        "oscillation", "learning-rate-too-high", "learning-rate-too-low", "too-few-epochs", "batch-too-small",
        "optimizer-mismatch", "capacity-too-small", "overfitting", "dead-units", "needs-early-stopping",
        "over-regularised", "batch-too-large", "exploding-gradient", "missing-batch-norm",
    )  # fmt: skip
    proof = "shuffling"
    chinese = ("未打乱数据", "打乱数据")

    def check(self, evidence: Evidence) -> Finding | None:
        data = evidence.config.data
        if data.shuffle or evidence.batch >= evidence.samples("train") > 0:
            return None
        by_class = data.order == "by_class"
        signals = [evidence.of_setting("data.shuffle", "true"), evidence.of_setting("data.order", "source")]
        words = (
            "the samples come one class after the other" if by_class else "the samples come in the order they lie in"
        )
        return self.found(0.95 if by_class else 0.6, words, signals, {"data.shuffle": True})
