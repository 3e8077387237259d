"""Gradients that do not reach the first layers."""

from __future__ import annotations

from tuner.bounds import Number
from tuner.choice import setting
from tuner.rules import Finding, Rule, Sign, grade
from tuner.runs.evidence import Evidence


class VanishingGradient(Rule, name="vanishing-gradient"):
    """The gradient shrinks on its way back, so that the first layers hardly learn.

    Seen by: before the first step, a gradient of the first hidden layer that is a small share of the last one's; or
    first layers whose weights stay where they began while the last ones move; or signals that no longer differ between
    samples when they arrive at the output.
    Change: model.activation relu with initializer he_normal; else model.batch_norm true; else fewer layers.
    Not when: the network trains well all the same.
    Source: Glorot, Bengio (2010), "Understanding the Difficulty of Training Deep Feedforward Neural Networks";
    Hochreiter (1998), "The Vanishing Gradient Problem".
    """

    stage = "training"
    order = 12
    title = "gradients vanish on their way back"
    harm = "The first layers stay as they were drawn, and pass on noise instead of what they see."
    folds = (
        "learning-rate-too-low", "too-few-epochs", "capacity-too-small", "optimizer-mismatch", "missing-batch-norm",
        "over-regularised", "oscillation", "saturated-units", "batch-too-large", "early-stop-too-soon",
        "schedule-ends-too-soon", "learning-rate-too-high", "dead-units",
    )  # fmt: skip
    proof = "sigmoid-depth"
    chinese = ("梯度消失",)

    ratio: float = setting(Number(gt=0, lt=1), "first hidden layer's gradient by the last one's", default=0.02)
    flat: float = setting(Number(gt=0, lt=1), "last hidden layer's spread between samples by the first's", default=0.02)

    def check(self, evidence: Evidence) -> Finding | None:
        look = evidence.first_with_gradient
        if evidence.depth < 2 or not look:
            return None
        norms = evidence.of_layers(look, "gradient_norm", output=not evidence.begins_at_zero)
        spread = evidence.of_layers(evidence.first, "sample_std")
        is_dead = 1.0 in evidence.of_layers(evidence.first, "zero_units").values()  # nothing comes through: dead-units
        if len(norms) < 2 or is_dead:
            return None
        layer, last = next(iter(norms)), max(norms, key=norms.__getitem__)
        signs: list[Sign] = []
        if norms[layer] < self.ratio * norms[last]:
            share = norms[layer] / norms[last] if norms[layer] > 0 else 1e-9
            words = f"the gradient of {layer} is {f'{share:.1g}' if norms[layer] > 0 else 'nothing'} of that of {last}"
            signal = evidence.of_layer(look, layer, "gradient_norm", self.ratio * norms[last])
            signs.append(Sign(grade(share, self.ratio, 1e-3, 0.6), words, signal))
        if len(spread) > 1 and (start := spread[next(iter(spread))]) > 0:
            end = list(spread)[-1]
            share = spread[end] / start
            if share < self.flat:
                words = f"what {end} hands on hardly differs between samples: {share:.1g} of what {layer} does"
                signal = evidence.of_layer(evidence.first, end, "sample_std", self.flat * start)
                signs.append(Sign(grade(max(share, 1e-9), self.flat, 1e-3, 0.6), words, signal))
        relu = evidence.changed_layers(activation="relu", initializer="he_normal")
        norm = evidence.changed_layers(batch_norm=True)
        fewer = [relu | norm | change for change in evidence.shallower]
        return self.of_signs(signs, relu | norm, relu, *fewer, norm)
