"""Layers with nothing between them that bends."""

from __future__ import annotations

from tuner.rules import Finding, Rule
from tuner.runs.evidence import Evidence


class MissingNonlinearity(Rule, name="missing-nonlinearity"):
    """The hidden layers have no activation: however many they are, together they are one linear layer.

    Seen by: linear as the activation of hidden layers, while the model is no better than a linear one.
    Change: model.activation relu, with he_normal.
    Not when: the model is to be linear, or a linear model is all that the data bears.
    Source: Goodfellow, Bengio, Courville (2016), "Deep Learning", section 6.1.
    """

    stage = "training"
    order = 6
    title = "no activation between the layers"
    harm = "Layers without bends between them can only draw straight lines, however many they are."
    folds = (
        "capacity-too-small", "too-few-epochs", "learning-rate-too-low", "optimizer-mismatch", "missing-batch-norm",
        "structure-mismatch", "learning-rate-too-high", "exploding-gradient", "vanishing-gradient", "overfitting",
        "oscillation", "over-regularised", "batch-too-large",
    )  # fmt: skip
    proof = "sigmoid-depth"
    chinese = ("缺少激活函数", "线性激活")

    def check(self, evidence: Evidence) -> Finding | None:
        linear = [
            name
            for name, block in evidence.inner.items()
            if block.activation is not None and block.activation.name == "linear"
        ]
        if not linear:
            return None
        is_all = len(linear) == evidence.depth
        words = f"{len(linear)} of {evidence.depth} hidden layers have no activation: {', '.join(linear[:4])}"
        change = evidence.changed_layers(activation="relu", initializer="he_normal")
        return self.found(0.95 if is_all else 0.6, words, [evidence.of_setting("model.activation", "relu")], change)
