"""The loss is made for another kind of target."""

from __future__ import annotations

from typing import Any

from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence

SURE = {"mse": 0.85, "mae": 0.9, "huber": 0.85, "hinge": 0.6}
"""How sure a loss on classes that is not made for them makes."""


class WrongLossForTask(Rule, name="wrong-loss-for-task"):
    """Classes are trained with a loss for numbers, or numbers with one that hardly sees the errors that count.

    Seen by: mse, mae, huber or hinge on classes; mae or a narrow huber on numbers whose r2 stays low.
    Change: cross_entropy for classes, mse for numbers.
    Not when: the run is good all the same. On few classes and shallow networks mse is nearly as good.
    Source: Golik, Doetsch, Ney (2013), "Cross-Entropy vs. Squared Error Training: a Theoretical and Experimental
    Comparison".
    """

    stage = "training"
    order = 3
    title = "the loss does not fit the task"
    harm = (
        "Such a loss asks for other outputs than the best ones, and through a softmax it is flat where it should pull."
    )
    folds = (
        "learning-rate-too-low", "too-few-epochs", "capacity-too-small", "optimizer-mismatch", "vanishing-gradient",
        "batch-too-large", "over-regularised", "oscillation",
    )  # fmt: skip
    proof = "cross-entropy"
    chinese = ("损失函数不当", "损失函数选择")

    def check(self, evidence: Evidence) -> Finding | None:
        loss = evidence.config.loss
        if evidence.is_of_classes:
            if loss.name not in SURE:
                return None
            words = f"{loss.name} on classes: it is made for numbers that may be near, and a class is right or wrong"
            change: dict[str, Any] = {"loss": "cross_entropy"}
            if evidence.config.model.output.activation.name != "linear":
                change["model.output.activation"] = "linear"
            return self.found(SURE[loss.name], words, [evidence.of_setting("loss", "cross_entropy")], change)
        if loss.name not in ("mae", "huber"):
            return None
        words = f"{loss.name} pulls as hard at small errors as at large ones, and r2 is about the large ones"
        return self.found(0.55, words, [evidence.of_setting("loss", "mse")], {"loss": "mse"})
