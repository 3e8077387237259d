"""Steps that are too short."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.figures import finite, mean, number
from tuner.rules import Finding, Rule, grade
from tuner.runs.evidence import Evidence

SLOW = ("sgd", "adagrad", "adadelta")
"""Optimizers with which another one may be what is missing."""


class LearningRateTooLow(Rule, name="learning-rate-too-low"):
    """The steps are so short that the weights hardly leave where they began.

    Seen by: a learning rate far below the optimizer's usual one, or weights that are nearly where they began, while
    the training loss falls steadily and slowly and was still falling at the end.
    Change: ten times the learning rate; else the optimizer's default; else a hundred times; adam instead of sgd,
    adagrad or adadelta.
    Not when: the loss lies flat: then shorter or longer steps change little, and something else holds it.
    Source: Bengio (2012), "Practical Recommendations for Gradient-Based Training of Deep Architectures", section 3.1;
    Smith (2017), "Cyclical Learning Rates for Training Neural Networks", section 3.3, for how to find a better one.
    """

    stage = "training"
    order = 16
    title = "the learning rate is too low"
    harm = "The epochs are spent on steps that barely move the weights."
    folds = ("too-few-epochs", "optimizer-mismatch", "capacity-too-small", "early-stop-too-soon", "over-regularised",
             "batch-too-large", "missing-batch-norm", "vanishing-gradient", "schedule-ends-too-soon")  # fmt: skip
    proof = "learning-rate"
    chinese = ("学习率过小", "学习率过低")

    times: float = setting(Number(gt=0, lt=1), "of the optimizer's default", default=0.3)
    change: float = setting(Number(gt=0), "change of the weights below which they have hardly moved", default=0.05)

    clip: float = setting(Number(gt=1), "gradient's norm by training.gradient_clip", default=20.0)

    def clipped(self, evidence: Evidence) -> Finding | None:
        """Steps that are short because nearly all of the gradient is cut off."""
        clip, norms = evidence.config.training.gradient_clip, finite(evidence.course("grad_norm"))
        is_by_size = evidence.config.optimizer.name == "sgd"  # others scale a gradient up again
        if clip is None or not norms or not is_by_size or mean(norms) < self.clip * clip:
            return None
        words = f"training.gradient_clip {clip:g} cuts gradients of {mean(norms):.2g} down to next to nothing"
        signals = [evidence.of_epoch("grad_norm", -1, self.clip * clip), evidence.of_setting("training.gradient_clip")]
        return self.found(0.9, words, signals, {"training.gradient_clip": None})

    def check(self, evidence: Evidence) -> Finding | None:
        factor = evidence.lr_factor
        if (clipped := self.clipped(evidence)) is not None:
            return clipped
        moved = sorted(evidence.of_layers(evidence.last, "weight_change", output=True).values())
        middle = moved[len(moved) // 2] if moved else None
        signals = [evidence.of_setting("optimizer.lr", evidence.usual_lr)]
        if middle is not None:
            layer = next(name for name, row in evidence.last.items() if row.get("weight_change") == middle)
            signals.append(evidence.of_layer(evidence.last, layer, "weight_change", self.change))
        if evidence.epochs > 1 and not evidence.falls_steadily:
            return None
        if factor <= self.times:
            confidence = grade(factor, self.times, 0.05, 0.6)
            words = f"the learning rate is {number(factor)} of what is usual for {evidence.usual_for}"
            if middle is not None and middle < self.change:
                words += f", and the weights moved by {middle:.1%} of their size in all"
        elif middle is not None and middle < self.change and factor < 3:
            confidence = grade(middle, self.change, 0.005, 0.6, 0.8)
            words = f"in {evidence.steps:,} steps the weights moved by {middle:.1%} of their size"
        else:
            return None
        tries = [evidence.lr_times(10), evidence.lr_times(100)]
        if factor < 0.05:
            tries = [{"optimizer.lr": evidence.usual_lr}, *tries]
        adam = [{"optimizer": "adam"}] if evidence.config.optimizer.name in SLOW else []
        return self.found(confidence, words, signals, tries[0], *adam, *tries[1:], evidence.lr_times(3))
