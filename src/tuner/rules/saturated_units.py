"""Units at the flat ends of their activation."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence


class SaturatedUnits(Rule, name="saturated-units"):
    """Many units of a layer stand at the flat ends of their activation, where next to no gradient passes.

    Seen by: the share of a layer's units that lie within 1 % of an end of the range (sigmoid, hard_sigmoid, tanh,
    softsign) on at least 90 % of 256 training samples.
    Change: initializer glorot_normal; else relu with he_normal; else model.batch_norm true.
    Not when: the run is good: a trained classifier's last layers are often sure of themselves.
    Source: Glorot, Bengio (2010), "Understanding the Difficulty of Training Deep Feedforward Neural Networks",
    section 3.
    """

    stage = "training"
    order = 14
    title = "units are saturated"
    harm = "Where an activation is flat, the gradient is next to 0: such units stay as they are."
    folds = (
        "vanishing-gradient", "learning-rate-too-low", "too-few-epochs", "capacity-too-small", "optimizer-mismatch",
        "missing-batch-norm", "oscillation", "over-regularised", "learning-rate-too-high", "exploding-gradient",
        "batch-too-large",
    )  # fmt: skip
    proof = "initializers"
    chinese = ("神经元饱和", "激活饱和")

    share: float = setting(Number(gt=0, le=1), "of a layer's units, from which on they are many", default=0.3)

    def check(self, evidence: Evidence) -> Finding | None:
        for look in (evidence.first, evidence.last):
            ends = evidence.of_layers(look, "saturated_units")
            if ends and max(ends.values()) >= self.share:
                worst = max(ends, key=ends.__getitem__)
                words = f"{ends[worst]:.0%} of the units of {worst} stand at an end of their range"
                signals = [evidence.of_layer(look, worst, "saturated_units", self.share)]
                anew = evidence.changed_layers(initializer="glorot_normal")
                relu = evidence.changed_layers(activation="relu", initializer="he_normal")
                norm = evidence.changed_layers(batch_norm=True)
                calmer = {"optimizer.lr": evidence.usual_lr} if evidence.lr_factor > 1 else {}
                confidence = grade(ends[worst], self.share, 0.9, 0.6)
                return self.found(confidence, words, signals, relu | calmer, anew | calmer, norm | calmer)
        return None
