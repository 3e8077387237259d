"""Signals or gradients that grow from layer to layer."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.figures import finite
from tuner.rules import Finding, Rule, Sign, grade
from tuner.runs.evidence import Evidence


class ExplodingGradient(Rule, name="exploding-gradient"):
    """Signals or gradients grow from layer to layer, or from epoch to epoch, by orders of magnitude.

    Seen by: before the first step, a gradient of the first hidden layer many times the last one's, or activations that
    grow from layer to layer; while training, a gradient's norm far above its usual size.
    Change: model.activation relu with he_normal; else batch norm, too; else fewer layers, too; else
    training.gradient_clip 1.
    Not when: a large norm is steady and the loss falls: adam does not mind its size.
    Source: Pascanu, Mikolov, Bengio (2013), "On the Difficulty of Training Recurrent Neural Networks", section 2.
    """

    stage = "training"
    order = 11
    title = "gradients explode"
    harm = "One such step throws the weights far away, and what was learned with them."
    folds = (
        "invalid-run", "learning-rate-too-high", "oscillation", "dead-units", "saturated-units", "missing-batch-norm",
        "init-scale", "capacity-too-small", "too-few-epochs", "optimizer-mismatch", "learning-rate-too-low",
        "overfitting", "needs-early-stopping", "batch-too-small", "over-regularised", "vanishing-gradient",
        "batch-too-large",
    )  # fmt: skip
    proof = "signal"
    chinese = ("梯度爆炸",)

    growth: float = setting(Number(gt=1), "last hidden layer's spread by the first's", default=30.0)
    ratio: float = setting(Number(gt=1), "first hidden layer's gradient by the last one's", default=300.0)

    def check(self, evidence: Evidence) -> Finding | None:
        signs: list[Sign] = []
        stds = evidence.of_layers(evidence.first, "activation_std")
        norms = evidence.of_layers(evidence.first, "gradient_norm")
        names = list(stds)
        if len(names) > 1 and stds[names[0]] > 0:
            largest = max(stds, key=stds.__getitem__)
            growth = stds[largest] / stds[names[0]]
            if growth > self.growth:
                words = f"what {largest} hands on spreads {growth:.2g} times as far as what {names[0]} does"
                signal = evidence.of_layer(evidence.first, largest, "activation_std", self.growth * stds[names[0]])
                signs.append(Sign(grade(growth, self.growth, 1e4, 0.7), words, signal))
        if len(norms) > 1 and norms[list(norms)[-1]] > 0:
            ends = next(iter(norms)), list(norms)[-1]
            ratio = norms[ends[0]] / norms[ends[1]]
            if ratio > self.ratio:
                words = f"the gradient of {ends[0]} is {ratio:.2g} times that of {ends[1]}"
                signal = evidence.of_layer(evidence.first, ends[0], "gradient_norm", self.ratio * norms[ends[1]])
                signs.append(Sign(grade(ratio, self.ratio, 1e5, 0.7), words, signal))
        named = [
            name
            for name, block in evidence.inner.items()
            if block.activation and block.activation.name == "exponential"
        ]
        if named:
            worst = max(finite(evidence.course("grad_norm")), default=0.0)
            words = f"exponential grows without bound ({', '.join(named[:3])}); the gradient's norm reached {worst:.2g}"
            signs.append(Sign(0.9 if len(named) > 1 else 0.75, words, evidence.of_setting("model.activation", "relu")))
        relu = evidence.changed_layers(activation="relu", initializer="he_normal")
        norm = evidence.changed_layers(batch_norm=True)
        clip = {"training.gradient_clip": 1.0}
        fewer = [relu | norm | change for change in evidence.shallower]
        return self.of_signs(signs, relu, relu | norm, *fewer, norm, clip)
